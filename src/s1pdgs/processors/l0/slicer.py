"""The products of one data take: slices on one grid, annotation, calibration and noise products, and the account."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.l0.manifest import MeasurementQuality, Processing, Resource, SliceInformation
from s1pdgs.formats.l0.product import MeasurementContent, MeasurementFile, write_product
from s1pdgs.formats.l0.report import DataTakeReport, SliceAccount, StreamAccount
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import Clock, from_micros, micros
from s1pdgs.processors.l0.account import gaps_of, missing_between
from s1pdgs.processors.l0.copying import copy_headers, copy_packets
from s1pdgs.processors.l0.datatake import PolarisationData
from s1pdgs.processors.l0.describe import (
    Acquisition,
    consolidation_of,
    describe_acquisition,
    facility_of,
    generation_step,
    manifest_header,
    mode_and_swath,
)
from s1pdgs.processors.l0.orbit import OrbitContext
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.processors.l0.records import annotations_of, mission_data_take_id, packed_offsets, sensing_span, usual
from s1pdgs.processors.l0.slices import LONGEST_DATA_TAKE, SLICE_LENGTH_AND_OVERLAP_S, data_take_start, slice_grid

SOFTWARE = "s1pdgs L0 ASP"
RF_MODE = "RF"
_STEP_NAMES = {
    "slice": "Generation of Sentinel-1 SAR Slice L0 product",
    "S": "Generation of Sentinel-1 SAR Standard L0 product",
    "A": "Generation of Sentinel-1 L0 SAR Annotations product",
    "C": "Generation of Sentinel-1 L0 SAR Calibration product",
    "N": "Generation of Sentinel-1 L0 SAR Noise product",
}
_DUAL_STEP_NAME = "Generation of Sentinel-1 L0 SAR Product, dual polarisation"

Records = NDArray[np.void]


@frozen
class Plan:
    """One product to be: its class, the sensing times and polarisations it takes, and its place among slices."""

    product_class: str
    interval: Interval
    data: tuple[PolarisationData, ...]
    slice_information: SliceInformation | None = None

    def choose(self, data: PolarisationData) -> Records:
        """The packets of a polarisation that belong into the product."""
        bounds = (micros(self.interval.start), micros(self.interval.stop))
        first = int(np.searchsorted(data.times_us, bounds[0], "left"))
        last = int(np.searchsorted(data.times_us, bounds[1], "right"))
        records: Records = data.records[first:last]
        if self.product_class == "C":
            records = records[records["signal_type"] >= SignalType.TX_CAL]
        elif self.product_class == "N":
            records = records[records["signal_type"] == SignalType.NOISE]
        return records

    def missing(self, data: PolarisationData) -> int:
        """How many packets of a polarisation should be in the product and are not; unknown (0) in classes C and N."""
        if self.product_class not in "SA":
            return 0
        bounds = (micros(self.interval.start), micros(self.interval.stop))
        return missing_between(*data.account, *bounds)


@frozen(eq=False)
class Slicer:
    """Makes the products of one data take in `folder`.

    The grid of slices begins at `grid_start` where it is given, else at the start of the data take, which is estimated
    when its first packet is missing: so slices have their numbers whatever has arrived.
    """

    folder: Path
    satellite: str
    station: str
    data: Sequence[PolarisationData]
    context: OrbitContext
    clock: Clock
    outcome: Outcome
    grid_start: datetime | None = None

    @cached_property
    def _mode(self) -> tuple[str, str | None]:
        try:
            return mode_and_swath(max((each.records for each in self.data), key=len))
        except PacketError as error:
            raise ProcessorError(f"the segments are of no mode that makes products: {error}") from None

    @cached_property
    def _span(self) -> Interval:
        first, last = min(each.times_us[0] for each in self.data), max(each.times_us[-1] for each in self.data)
        span = Interval(from_micros(int(first)), from_micros(int(last)))
        if span.duration > LONGEST_DATA_TAKE:
            raise ProcessorError(
                f"the packets were sensed from {span.start.isoformat()} to {span.stop.isoformat()}, longer than any "
                "data take; give the segments of one"
            )
        return span

    @cached_property
    def _origin(self) -> datetime:
        span = self._span
        if self.grid_start is not None:
            if not span.start - LONGEST_DATA_TAKE < self.grid_start <= span.stop:
                raise ProcessorError(
                    f"Grid_Start {self.grid_start.isoformat()} of the job order is not the start of a data take that "
                    f"was sensed from {span.start.isoformat()} to {span.stop.isoformat()}; give that, or leave it out"
                )
            return self.grid_start
        earliest = min(self.data, key=lambda each: int(each.records["space_packet_count"][0]))
        origin = min(data_take_start(earliest.records), span.start)
        if origin < span.start - LONGEST_DATA_TAKE:
            self.outcome.warn("the counts tell no start of the data take; slices count from the first packet here")
            return span.start
        return origin

    @cached_property
    def _ends(self) -> bool:
        return all(each.ends for each in self.data)

    def make(self) -> DataTakeReport:
        """All products, slices first; the account of the data take, which names them."""
        plans = self._plans()
        names: list[str | None] = []
        for done, plan in enumerate(plans, 1):
            name = self._product(plan)
            names.append(name)
            self.outcome.progress(100 * done / len(plans), name or f"no packet for class {plan.product_class}")
        slices = tuple(
            self._slice_account(plan, name) for plan, name in zip(plans, names, strict=True) if plan.slice_information
        )
        self._warn_of_empty(slices)
        length_s, overlap_s = SLICE_LENGTH_AND_OVERLAP_S.get(self._mode[0], (0.0, 0.0))
        return DataTakeReport(
            satellite=self.satellite,
            data_take_id=mission_data_take_id(usual(self.data[0].records["data_take_id"])),
            mode=self._mode[0],
            start=self._span.start,
            stop=self._span.stop,
            grid_start=self._origin,
            slice_length_s=length_s,
            slice_overlap_s=overlap_s,
            segments=tuple(sorted({name for each in self.data for name in each.segments})),
            products=tuple(name for name in names if name is not None),
            streams=tuple(_stream_account(each) for each in self.data),
            slices=slices,
        )

    def _plans(self) -> list[Plan]:
        whole, together = self._span, tuple(self.data)
        mode = self._mode[0]
        if mode == RF_MODE:
            return [Plan("S", whole, (each,)) for each in self.data]
        others = [Plan(product_class, whole, together) for product_class in "ACN"]
        if mode not in SLICE_LENGTH_AND_OVERLAP_S:
            return [Plan("S", whole, together), *others]
        length_s, overlap_s = SLICE_LENGTH_AND_OVERLAP_S[mode]
        grid = slice_grid(self._origin, whole.stop, length_s, overlap_s, ended=self._ends)
        self.outcome.info(
            f"data take from {whole.start.isoformat()} to {whole.stop.isoformat()}: {len(grid)} slices from "
            f"{self._origin.isoformat()} on"
        )
        plans = []
        for each in grid:
            information = SliceInformation(each.number, length_s, overlap_s, len(grid), self._origin)
            interval = each.interval
            if each.number == 1:
                interval = Interval(min(interval.start, whole.start), interval.stop)
            plans.append(Plan("S", interval, together, information))
        return [*plans, *others]

    def _product(self, plan: Plan) -> str | None:
        started = self.clock.now()
        parts = [(each, plan.choose(each)) for each in plan.data]
        present = [(each, records) for each, records in parts if records.size]
        if not present:
            return None
        if plan.slice_information is not None:
            for each in (each for each, records in parts if not records.size):
                number = plan.slice_information.number
                self.outcome.warn(f"slice {number} has no packet of polarisation {each.polarisation}")
        contents = [self._content(plan, each, records) for each, records in present]
        header = manifest_header(
            self._acquisition(plan, present),
            plan.product_class,
            np.concatenate([records["signal_type"] for _, records in present]),
            self._processing(plan, [each for each, _ in present], started),
            consolidation=self._consolidation(plan),
            slice_information=plan.slice_information,
        )
        return write_product(self.folder, header, contents, self._name_polarisation([each for each, _ in present]))

    def _acquisition(self, plan: Plan, parts: Sequence[tuple[PolarisationData, Records]]) -> Acquisition:
        """As the polarisation with most packets tells, over the times of all; footprints are those of the echoes."""
        data, records = max(parts, key=lambda part: part[1].size)
        if plan.product_class in "CN":
            records = data.records
        acquisition = describe_acquisition(records, self.satellite, self.context, self.outcome, self._mode)
        data.release()
        spans = [sensing_span(records) for _, records in parts]
        return attrs.evolve(acquisition, start=min(start for start, _ in spans), stop=max(stop for _, stop in spans))

    def _content(self, plan: Plan, data: PolarisationData, records: Records) -> MeasurementContent:
        headers_only = plan.product_class == "A"
        with MeasurementFile(self.folder / f".{data.polarisation}.isp") as target:
            (copy_headers if headers_only else copy_packets)(records, data.files, target)
        data.release()
        none_lost = 0 if not data.frames_lost else None
        return MeasurementContent(
            polarisation=data.polarisation,
            packet_store_id=data.packet_store_ids[0],
            quality=MeasurementQuality(
                elements=records.size,
                missing=plan.missing(data),
                corrupted=int(np.count_nonzero(records["faults"])),
                rs_incorrigible=none_lost,
                rs_corrected=none_lost,
                rs_corrected_symbols=none_lost,
            ),
            path=target.path,
            size=target.size,
            md5=target.md5,
            annotations=None if headers_only else annotations_of(records),
            byte_offsets=None if headers_only else packed_offsets(records),
        )

    def _processing(self, plan: Plan, data: Sequence[PolarisationData], started: datetime) -> Processing:
        facility = facility_of(self.station, SOFTWARE)
        name = _STEP_NAMES["slice" if plan.slice_information is not None else plan.product_class]
        now = self.clock.now()
        if len(data) == 1:
            return generation_step(name, started, now, _raw_data(data[0]), facility)
        sources = [
            Resource(
                "Unknown",
                "Raw Data",
                processing=generation_step(f"{name} single polarisation", started, now, _raw_data(each), None),
            )
            for each in data
        ]
        return generation_step(_DUAL_STEP_NAME, started, now, sources, facility)

    def _consolidation(self, plan: Plan) -> str:
        if plan.slice_information is not None:
            return "SLICE"
        starts, ends = all(each.starts for each in plan.data), all(each.ends for each in plan.data)
        if plan.product_class != "S":
            return "FULL" if starts and ends else "PARTIAL"
        return consolidation_of(self._mode[0], starts=starts, ends=ends)[0]

    def _name_polarisation(self, data: Sequence[PolarisationData]) -> str:
        """The two letters of a product name: `DV`, `DH`, `SV` or `SH`, by number and transmit polarisation.

        RF characterisations keep transmit and receive polarisation.
        """
        if self._mode[0] == RF_MODE:
            return data[0].polarisation
        return ("D" if len(data) > 1 else "S") + data[0].polarisation[0]

    def _slice_account(self, plan: Plan, name: str | None) -> SliceAccount:
        return SliceAccount(
            number=plan.slice_information.number if plan.slice_information is not None else 0,
            start=plan.interval.start,
            stop=plan.interval.stop,
            product=name,
            packets=tuple(plan.choose(each).size for each in plan.data),
            missing=tuple(plan.missing(each) for each in plan.data),
        )

    def _warn_of_empty(self, slices: Sequence[SliceAccount]) -> None:
        empty = [str(each.number) for each in slices if each.product is None]
        if empty:
            self.outcome.warn(f"no packet of slice {', '.join(empty)} of {len(slices)} is here")


def _stream_account(data: PolarisationData) -> StreamAccount:
    counts = data.records["space_packet_count"]
    times_us, losses = data.account
    return StreamAccount(
        polarisation=data.polarisation,
        packet_store_ids=data.packet_store_ids,
        packets=data.records.size,
        first_packet=int(counts[0]),
        last_packet=int(counts[-1]),
        starts=data.starts,
        ends=data.ends,
        duplicates=data.duplicates,
        corrupted=int(np.count_nonzero(data.records["faults"])),
        lost_in_downlink=int(losses.downlink.sum()),
        lost_in_instrument=int(losses.instrument.sum()),
        suppressed_pris=losses.suppressed_pris,
        gaps=gaps_of(times_us, losses),
    )


def _raw_data(data: PolarisationData) -> tuple[Resource, ...]:
    return tuple(step for step in data.downlinks if step.role == "Raw Data")
