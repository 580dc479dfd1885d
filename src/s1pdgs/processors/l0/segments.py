"""Segments: what one session brought of one data take in one receive polarisation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.l0.manifest import MeasurementQuality, Resource
from s1pdgs.formats.l0.product import MeasurementContent, MeasurementFile, write_product
from s1pdgs.formats.obmemc import PacketStore
from s1pdgs.model.time import Clock, from_micros
from s1pdgs.processors.l0.account import Losses, losses_of
from s1pdgs.processors.l0.copying import copy_packets
from s1pdgs.processors.l0.describe import (
    consolidation_of,
    describe_acquisition,
    downlink_step,
    facility_of,
    generation_step,
    manifest_header,
    transmit_polarisation,
)
from s1pdgs.processors.l0.orbit import OrbitContext
from s1pdgs.processors.l0.ordering import sensing_order
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.processors.l0.receive import ChannelReceiver, SegmentKey
from s1pdgs.processors.l0.records import (
    annotations_of,
    contiguous_runs,
    ends_data_take,
    mark_foreign,
    packed_offsets,
    starts_data_take,
    usual,
)
from s1pdgs.processors.l0.scratch import Scratch
from s1pdgs.processors.l0.spool import Spool

SOFTWARE = "s1pdgs L0 AIO"
_MOST_STRAYS = 64
_FIRST_STRAY = 100
_STEP_NAME = "Generation of Sentinel-1 SAR Standard L0 product"


@frozen(eq=False)
class _Part:
    """Packets of one segment in one file: the `source` number of their records, and the channel that brought them."""

    source: int
    receiver: ChannelReceiver
    records: NDArray[np.void]
    spool: Spool

    @property
    def path(self) -> Path:
        return self.spool.file.path


@frozen
class SegmentMaker:
    """Makes segments in `folder` out of what the channels received."""

    folder: Path
    satellite: str
    station: str
    stores: Mapping[int, PacketStore]
    context: OrbitContext
    clock: Clock
    outcome: Outcome

    def make(self, receivers: Sequence[ChannelReceiver]) -> list[str]:
        """The names of all segments, by data take and polarisation; packets of an unknown mode are left where they were
        received.
        """
        received = self._received(receivers)
        keys = sorted(received)
        segments = []
        for done, key in enumerate(keys, 1):
            parts = received.pop(key)
            try:
                with TemporaryDirectory(prefix=".records-", dir=self.folder) as folder:
                    segments.append(self._segment(key, parts, Scratch(Path(folder))))
            except PacketError as error:
                paths = [part.path.name for part in parts]
                self.outcome.warn(
                    f"data take {key[0]:#x}, {key[1]}: no segment ({error}); its packets are kept in {', '.join(paths)}"
                )
            self.outcome.progress(90 + 10 * done / len(keys), f"data take {key[0]:#x}, {key[1]}")
        return segments

    def _received(self, receivers: Sequence[ChannelReceiver]) -> dict[SegmentKey, list[_Part]]:
        """What the channels received for each segment.

        A few packets that name a data take of their own amid another one, which no instrument can do, have a damaged
        header: they are put where time and receive channel place them.
        """
        received: dict[SegmentKey, list[_Part]] = {}
        for receiver in receivers:
            for key, spool in receiver.spools.items():
                part = _Part(receiver.channel.number, receiver, spool.records(), spool)
                received.setdefault(key, []).append(part)
        sizes = {key: sum(part.records.size for part in parts) for key, parts in received.items()}
        for key in sorted(key for key, size in sizes.items() if size <= _MOST_STRAYS):
            host = next((each for each in sizes if sizes[each] > _MOST_STRAYS and _amid(received, key, each)), None)
            if host is None:
                continue
            for part in received.pop(key):
                strays = part.records.copy()
                strays["source"] = _FIRST_STRAY + len(received[host])
                received[host].append(attrs.evolve(part, source=int(strays["source"][0]), records=strays))
            self.outcome.warn(
                f"{sizes[key]} packets name data take {key[0]:#x}, but were sensed amid {host[0]:#x}, {host[1]}; "
                "they are put there and count as corrupted"
            )
        return received

    def _segment(self, key: SegmentKey, parts: Sequence[_Part], scratch: Scratch) -> str:
        started = self.clock.now()
        sources = {part.source: part.path for part in parts}
        received = scratch.joined([part.records for part in parts])
        mark_foreign(received)
        ordering = sensing_order(received)
        records = scratch.taken(received, ordering.kept)
        losses = losses_of(records)
        acquisition = describe_acquisition(records, self.satellite, self.context, self.outcome)
        polarisation = transmit_polarisation(records) + key[1]
        consolidation, sensing = consolidation_of(
            acquisition.mode, starts=starts_data_take(records), ends=ends_data_take(records)
        )
        facility = facility_of(self.station, SOFTWARE)
        processing = generation_step(_STEP_NAME, started, self.clock.now(), _downlinks(records), facility)
        header = manifest_header(
            acquisition,
            "S",
            records["signal_type"],
            processing,
            consolidation=consolidation,
            sensing_consolidation=sensing,
        )
        store = self.stores[usual(records["vcid"])]
        self._keep_inconsistent(key, received[ordering.inconsistent], sources)
        path, size, md5 = self._measurement(key, records, parts)
        content = MeasurementContent(
            polarisation=polarisation,
            packet_store_id=store.store_id,
            quality=_quality(records, losses, [part.receiver for part in parts]),
            path=path,
            size=size,
            md5=md5,
            annotations=annotations_of(records),
            byte_offsets=packed_offsets(records),
        )
        name = write_product(self.folder, header, [content], polarisation)
        self.outcome.info(f"{name}: {records.size} packets, {content.quality.missing} missing, {consolidation}")
        return name

    def _keep_inconsistent(self, key: SegmentKey, records: NDArray[np.void], sources: Mapping[int, Path]) -> None:
        """Packets that contradict the others are kept in a file beside the received ones."""
        if not records.size:
            return
        path = next(iter(sources.values())).parent / f"inconsistent-{key[0]:08x}-{key[1]}.isp"
        with MeasurementFile(path) as target:
            copy_packets(records, sources, target)
        self.outcome.warn(
            f"data take {key[0]:#x}, {key[1]}: {records.size} packets contradict counters, times or copies of others; "
            f"their {target.size} bytes are kept in {path.parent.name}/{path.name}"
        )

    def _measurement(self, key: SegmentKey, records: NDArray[np.void], parts: Sequence[_Part]) -> tuple[Path, int, str]:
        """The measurement file in sensing order: the received file itself where it is so already."""
        runs = list(contiguous_runs(records))
        if len(parts) == 1 and len(runs) == 1:
            file = parts[0].spool.file
            if runs[0][1:] == (0, file.size):
                return file.path, file.size, file.md5
        path = self.folder / f".{key[0]:08x}-{key[1]}.isp"
        with MeasurementFile(path) as target:
            copy_packets(records, {part.source: part.path for part in parts}, target)
        for part in parts:
            part.path.unlink()
        return target.path, target.size, target.md5


def _amid(received: Mapping[SegmentKey, Sequence[_Part]], key: SegmentKey, host: SegmentKey) -> bool:
    """Whether all packets of a key were sensed by the channel of a host and within its time."""
    if key[1] != host[1]:
        return False
    times = [part.records["coarse_time"] for part in received[key]]
    edges = [part.records["coarse_time"][[0, -1]] for part in received[host]]
    first, last = min(int(edge.min()) for edge in edges), max(int(edge.max()) for edge in edges)
    return all(bool(((time >= first) & (time <= last)).all()) for time in times)


def _quality(records: NDArray[np.void], losses: Losses, receivers: Sequence[ChannelReceiver]) -> MeasurementQuality:
    """Counts of packets; the Reed-Solomon counts are of transfer frames of the channels and virtual channels used."""
    vcids = np.unique(records["vcid"]).tolist()
    decoders = {id(receiver): receiver.source for receiver in receivers}.values()
    return MeasurementQuality(
        elements=records.size,
        missing=int(losses.missing.sum()),
        corrupted=int(np.count_nonzero(records["faults"])),
        rs_incorrigible=sum(decoder.code.uncorrectable_frames for decoder in decoders),
        rs_corrected=sum(decoder.corrected_frames.get(vcid, 0) for decoder in decoders for vcid in vcids),
        rs_corrected_symbols=sum(decoder.corrected_symbols.get(vcid, 0) for decoder in decoders for vcid in vcids),
    )


def _downlinks(records: NDArray[np.void]) -> list[Resource]:
    """The receptions that brought the packets, by channel."""
    steps = []
    for channel in np.unique(records["channel"]).tolist():
        times = records["downlink_us"][records["channel"] == channel]
        steps.append(downlink_step(channel, from_micros(int(times.min())), from_micros(int(times.max()))))
    return steps
