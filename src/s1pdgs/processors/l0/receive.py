"""One channel of a pass: its packets, sorted into files by data take and receive polarisation."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_SIZE, gather_headers
from s1pdgs.formats.l0.product import MeasurementFile
from s1pdgs.formats.link.mpdu import PacketBatch
from s1pdgs.formats.obmemc import PacketStore
from s1pdgs.processors.l0.records import UNUSABLE, new_records
from s1pdgs.processors.l0.sources import PacketSource
from s1pdgs.processors.l0.spool import Spool, TelemetrySpool, write_packets

RX_POLARISATIONS = ("V", "H")

SegmentKey = tuple[int, str]
"""Data take identifier of the packets and receive polarisation."""


class Aside(StrEnum):
    """Packets that go into no product, by why; their bytes are kept in a file of this name."""

    UNKNOWN_CHANNEL = "unknown-vcid"
    DAMAGED = "damaged"


@attrs.define(eq=False)
class AsideFile:
    """Packets set aside from one virtual channel."""

    file: MeasurementFile
    packets: int = 0


class ChannelReceiver:
    """Receives the packets of one channel into files of `folder`, their records into files of `scratch`.

    `spools` by segment key, `telemetry` by VCID and `aside` by reason and VCID hold the outcome; every packet is in
    exactly one of them. Memory is bounded.
    """

    def __init__(self, source: PacketSource, stores: Mapping[int, PacketStore], folder: Path, scratch: Path) -> None:
        self.source = source
        self.channel = source.channel
        self.spools: dict[SegmentKey, Spool] = {}
        self.telemetry: dict[int, TelemetrySpool] = {}
        self.aside: dict[tuple[Aside, int], AsideFile] = {}
        self.polarisation_conflicts = 0
        self._stores = stores
        self._folder = folder
        self._scratch = scratch

    def receive(self) -> Iterator[float]:
        """Receive everything; yields the share of the channel that is done, 0 to 1."""
        for share, vcid, batch in self.source.packets():
            self._accept(vcid, batch)
            yield share
        for spool in (*self.spools.values(), *self.telemetry.values()):
            spool.close()
        for aside in self.aside.values():
            aside.file.close()

    def _accept(self, vcid: int, batch: PacketBatch) -> None:
        if not batch.packets.size:
            return
        store = self._stores.get(vcid)
        if store is None:
            self._set_aside(Aside.UNKNOWN_CHANNEL, vcid, batch, batch.packets)
        elif store.polarisation is None:
            self._accept_telemetry(vcid, store, batch)
        else:
            self._accept_radar(vcid, store.polarisation, batch)

    def _accept_radar(self, vcid: int, polarisation: str, batch: PacketBatch) -> None:
        long_enough = batch.packets["length"] >= HEADER_SIZE
        packets = batch.packets[long_enough]
        records = new_records(gather_headers(batch.buffer, packets["offset"]))
        usable = ((records["faults"] & UNUSABLE) == 0) & (records["rx_channel"] < len(RX_POLARISATIONS))
        if not (long_enough.all() and usable.all()):
            self._set_aside(Aside.DAMAGED, vcid, batch, batch.packets[~long_enough])
            self._set_aside(Aside.DAMAGED, vcid, batch, packets[~usable])
            records, packets = records[usable], packets[usable]
        records["vcid"] = vcid
        records["channel"], records["downlink_us"] = self.source.origins(packets["stream_position"])
        records["source"] = self.channel.number
        records["frames"] = packets["frames"]
        records["missing_frames"] = packets["missing_frames"]
        records["length"] = packets["length"]
        expected = RX_POLARISATIONS.index(polarisation)
        self.polarisation_conflicts += int(np.count_nonzero(records["rx_channel"] != expected))
        keys = records["data_take_id"].astype(np.int64) << 1 | records["rx_channel"]
        for key in np.unique(keys).tolist():
            chosen = np.flatnonzero(keys == key)
            self._append((key >> 1, RX_POLARISATIONS[key & 1]), batch.buffer, packets[chosen], records[chosen])

    def _append(
        self, key: SegmentKey, buffer: NDArray[np.uint8], packets: NDArray[np.void], records: NDArray[np.void]
    ) -> None:
        spool = self.spools.get(key)
        if spool is None:
            name = f"ch{self.channel.number}-{key[0]:08x}-{key[1]}"
            spool = self.spools[key] = Spool(self._folder / f"{name}.isp", self._scratch / f"{name}.records")
        lengths = packets["length"]
        records["offset"] = spool.file.size + np.cumsum(lengths) - lengths
        spool.append(buffer, packets, records)

    def _accept_telemetry(self, vcid: int, store: PacketStore, batch: PacketBatch) -> None:
        spool = self.telemetry.get(vcid)
        if spool is None:
            name = f"telemetry-ch{self.channel.number}-vc{vcid:02d}"
            spool = TelemetrySpool(store, self._folder / f"{name}.isp", self._scratch / f"{name}.records")
            self.telemetry[vcid] = spool
        spool.add(batch, *self.source.origins(batch.packets["stream_position"]))

    def _set_aside(self, reason: Aside, vcid: int, batch: PacketBatch, packets: NDArray[np.void]) -> None:
        if not packets.size:
            return
        aside = self.aside.get((reason, vcid))
        if aside is None:
            path = self._folder / f"{reason.value}-ch{self.channel.number}-vc{vcid:02d}.isp"
            aside = self.aside[reason, vcid] = AsideFile(MeasurementFile(path))
        write_packets(aside.file, batch.buffer, packets)
        aside.packets += packets.size
