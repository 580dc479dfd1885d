"""One channel of a session: its bytes become packets, sorted into files by data take and receive polarisation."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_SIZE, gather_headers
from s1pdgs.formats.l0.product import MeasurementFile
from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.mpdu import PacketBatch
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.obmemc import PacketStore
from s1pdgs.processors.l0.records import PACKET_RECORD, UNUSABLE, new_records
from s1pdgs.processors.l0.session import ChannelInput

RX_POLARISATIONS = ("V", "H")

SegmentKey = tuple[int, str]
"""Data take identifier of the packets and receive polarisation."""


class Aside(StrEnum):
    """Packets that go into no segment, by why; their bytes are kept in a file of this name."""

    UNKNOWN_CHANNEL = "unknown-vcid"
    DAMAGED = "damaged"
    TELEMETRY = "telemetry"


@attrs.define(eq=False)
class Spool:
    """The packets of one segment that came by one channel: a file of them back to back, and their records."""

    file: MeasurementFile
    parts: list[NDArray[np.void]] = attrs.Factory(list)

    def records(self) -> NDArray[np.void]:
        """All records in order of reception."""
        return np.concatenate(self.parts) if self.parts else np.empty(0, PACKET_RECORD)


@attrs.define(eq=False)
class AsideFile:
    """Packets set aside from one virtual channel."""

    file: MeasurementFile
    packets: int = 0


class ChannelReceiver:
    """Receives one channel into files of `folder`; memory is bounded but for the records of packets.

    `spools` by segment key and `aside` by reason and VCID hold the outcome; every packet is in exactly one of them.
    """

    def __init__(
        self,
        channel: ChannelInput,
        parameters: LinkParameters,
        stores: Mapping[int, PacketStore],
        folder: Path,
        *,
        any_spacecraft: bool = True,
    ) -> None:
        self.channel = channel
        self.decoder = ChannelDecoder(parameters, any_spacecraft=any_spacecraft)
        self.spools: dict[SegmentKey, Spool] = {}
        self.aside: dict[tuple[Aside, int], AsideFile] = {}
        self.polarisation_conflicts = 0
        self._stores = stores
        self._folder = folder

    def receive(self) -> Iterator[float]:
        """Receive everything; yields the share of the channel that is done, 0 to 1, after each chunk."""
        done = 0
        for chunk in self.channel.chunks():
            for vcid, batch in self.decoder.feed(chunk):
                self._accept(vcid, batch)
            done += len(chunk)
            yield done / self.channel.size
        for vcid, batch in self.decoder.finish():
            self._accept(vcid, batch)
        for spool in self.spools.values():
            spool.file.close()
        for aside in self.aside.values():
            aside.file.close()

    def _accept(self, vcid: int, batch: PacketBatch) -> None:
        if not batch.packets.size:
            return
        store = self._stores.get(vcid)
        if store is None:
            self._set_aside(Aside.UNKNOWN_CHANNEL, vcid, batch, batch.packets)
        elif store.polarisation is None:
            self._set_aside(Aside.TELEMETRY, vcid, batch, batch.packets)
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
        records["channel"] = self.channel.number
        records["source"] = self.channel.number
        records["frames"] = packets["frames"]
        records["missing_frames"] = packets["missing_frames"]
        records["length"] = packets["length"]
        records["downlink_us"] = self.channel.reception_times_us(packets["stream_position"])
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
            name = f"ch{self.channel.number}-{key[0]:08x}-{key[1]}.isp"
            spool = self.spools[key] = Spool(MeasurementFile(self._folder / name))
        lengths = packets["length"]
        records["offset"] = spool.file.size + np.cumsum(lengths) - lengths
        _write_packets(spool.file, buffer, packets)
        spool.parts.append(records)

    def _set_aside(self, reason: Aside, vcid: int, batch: PacketBatch, packets: NDArray[np.void]) -> None:
        if not packets.size:
            return
        aside = self.aside.get((reason, vcid))
        if aside is None:
            path = self._folder / f"{reason.value}-ch{self.channel.number}-vc{vcid:02d}.isp"
            aside = self.aside[reason, vcid] = AsideFile(MeasurementFile(path))
        _write_packets(aside.file, batch.buffer, packets)
        aside.packets += packets.size


def _write_packets(file: MeasurementFile, buffer: NDArray[np.uint8], packets: NDArray[np.void]) -> None:
    """Write packets in order, each stretch of neighbours at once."""
    starts, stops = packets["offset"], packets["offset"] + packets["length"]
    breaks = np.flatnonzero(starts[1:] != stops[:-1]) + 1
    firsts = np.concatenate(([0], breaks))
    lasts = np.concatenate((breaks - 1, [packets.size - 1]))
    view = buffer.data
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        file.write(view[int(starts[first]) : int(stops[last])])
