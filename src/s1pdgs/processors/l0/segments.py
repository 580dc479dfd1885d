"""Segments: what one session brought of one data take in one receive polarisation."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.l0.manifest import MeasurementQuality, Resource
from s1pdgs.formats.l0.product import MeasurementContent, MeasurementFile, write_product
from s1pdgs.formats.obmemc import PacketStore, operational_store_type, store_timeliness
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
    packed_offsets,
    starts_data_take,
    usual,
)
from s1pdgs.processors.l0.scratch import Scratch
from s1pdgs.processors.l0.spool import Spool

SOFTWARE = "s1pdgs L0 AIO"
_STEP_NAME = "Generation of Sentinel-1 SAR Standard L0 product"


@frozen
class Segment:
    """A segment that was made, for the report."""

    name: str
    data_take_id: int
    polarisation: str
    packets: int
    missing_packets: int
    lost_in_downlink: int
    lost_in_instrument: int
    suppressed_pris: int
    corrupted_packets: int
    duplicate_packets: int
    inconsistent_packets: int
    consolidation: str
    timeliness: str
    start: datetime
    stop: datetime


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

    def make(self, receivers: Sequence[ChannelReceiver]) -> list[Segment]:
        """All segments, by data take and polarisation; packets of an unknown mode are left where they were received."""
        keys = sorted({key for receiver in receivers for key in receiver.spools})
        segments = []
        for done, key in enumerate(keys, 1):
            try:
                with TemporaryDirectory(prefix=".records-", dir=self.folder) as folder:
                    involved = [receiver for receiver in receivers if key in receiver.spools]
                    segments.append(self._segment(key, involved, Scratch(Path(folder))))
            except PacketError as error:
                paths = [str(receiver.spools[key].file.path.name) for receiver in receivers if key in receiver.spools]
                self.outcome.warn(
                    f"data take {key[0]:#x}, {key[1]}: no segment ({error}); its packets are kept in {', '.join(paths)}"
                )
            self.outcome.progress(90 + 10 * done / len(keys), f"data take {key[0]:#x}, {key[1]}")
        return segments

    def _segment(self, key: SegmentKey, receivers: list[ChannelReceiver], scratch: Scratch) -> Segment:
        started = self.clock.now()
        spools = {receiver.channel.number: receiver.spools[key] for receiver in receivers}
        received = scratch.joined([spool.records() for spool in spools.values()])
        ordering = sensing_order(received)
        records = scratch.taken(received, ordering.kept)
        if ordering.differing:
            self.outcome.warn(
                f"data take {key[0]:#x}, {key[1]}: {ordering.differing} packets arrived twice with different contents; "
                "the best copy of each is kept"
            )
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
        self._keep_inconsistent(key, received[ordering.inconsistent], spools)
        path, size, md5 = self._measurement(key, records, spools)
        content = MeasurementContent(
            polarisation=polarisation,
            packet_store_id=store.store_id,
            quality=_quality(records, losses, receivers),
            path=path,
            size=size,
            md5=md5,
            annotations=annotations_of(records),
            byte_offsets=packed_offsets(records),
        )
        name = write_product(self.folder, header, [content], polarisation)
        self.outcome.info(f"{name}: {records.size} packets, {content.quality.missing} missing, {consolidation}")
        return Segment(
            name=name,
            data_take_id=acquisition.data_take_id,
            polarisation=polarisation,
            packets=records.size,
            missing_packets=content.quality.missing,
            lost_in_downlink=int(losses.downlink.sum()),
            lost_in_instrument=int(losses.instrument.sum()),
            suppressed_pris=losses.suppressed_pris,
            corrupted_packets=content.quality.corrupted,
            duplicate_packets=ordering.duplicates,
            inconsistent_packets=ordering.inconsistent.size,
            consolidation=consolidation,
            timeliness=store_timeliness(operational_store_type(store.store_id)).value,
            start=acquisition.start,
            stop=acquisition.stop,
        )

    def _keep_inconsistent(self, key: SegmentKey, records: NDArray[np.void], spools: Mapping[int, Spool]) -> None:
        """Packets that contradict the counters of the others are kept in a file beside the received ones."""
        if not records.size:
            return
        sources = {number: spool.file.path for number, spool in spools.items()}
        path = next(iter(sources.values())).parent / f"inconsistent-{key[0]:08x}-{key[1]}.isp"
        with MeasurementFile(path) as target:
            copy_packets(records, sources, target)
        self.outcome.warn(
            f"data take {key[0]:#x}, {key[1]}: {records.size} packets contradict the counters of the others; their "
            f"{target.size} bytes are kept in {path.parent.name}/{path.name}"
        )

    def _measurement(
        self, key: SegmentKey, records: NDArray[np.void], spools: Mapping[int, Spool]
    ) -> tuple[Path, int, str]:
        """The measurement file in sensing order: the received file itself where it is so already."""
        runs = list(contiguous_runs(records))
        if len(spools) == 1 and len(runs) == 1:
            (spool,) = spools.values()
            if runs[0][1:] == (0, spool.file.size):
                return spool.file.path, spool.file.size, spool.file.md5
        path = self.folder / f".{key[0]:08x}-{key[1]}.isp"
        sources = {number: spool.file.path for number, spool in spools.items()}
        with MeasurementFile(path) as target:
            copy_packets(records, sources, target)
        for spool in spools.values():
            spool.file.path.unlink()
        return target.path, target.size, target.md5


def _quality(records: NDArray[np.void], losses: Losses, receivers: Sequence[ChannelReceiver]) -> MeasurementQuality:
    """Counts of packets; the Reed-Solomon counts are of transfer frames of the channels and virtual channels used."""
    vcids = np.unique(records["vcid"]).tolist()
    decoders = [receiver.source for receiver in receivers]
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
