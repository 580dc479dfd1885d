"""ASP: the segments of a data take become slices, and its annotation, calibration and noise products.

`python -m s1pdgs.processors.l0.asp JobOrder.xml`, run in the working directory. The job order brings the segments
(`<mode>_RAW__0S`), MPL_ORBPRE and MPL_ORBSCT; the outputs are named in `L0ASProcList.LIST`.
"""

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.manifest import MeasurementQuality, Processing, Resource, SliceInformation
from s1pdgs.formats.l0.product import MeasurementContent, MeasurementFile, write_product
from s1pdgs.formats.listfile import ASP_LIST, write_list
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import Clock, SystemClock, from_micros, micros
from s1pdgs.processors.l0.copying import copy_headers, copy_packets
from s1pdgs.processors.l0.datatake import PolarisationData, read_data_take
from s1pdgs.processors.l0.describe import (
    Acquisition,
    describe_acquisition,
    facility_of,
    generation_step,
    manifest_header,
)
from s1pdgs.processors.l0.orbit import OrbitContext, orbit_context
from s1pdgs.processors.l0.program import Outcome, run_program
from s1pdgs.processors.l0.records import (
    annotations_of,
    ends_data_take,
    missing_packets,
    packed_offsets,
    sensing_times_us,
    starts_data_take,
)
from s1pdgs.processors.l0.slices import SLICE_LENGTH_AND_OVERLAP_S, slice_grid

NAME = "L0_ASSEMBLY_SLICING_PROC"
SOFTWARE = "s1pdgs L0 ASP"
_SEGMENT_TYPE = re.compile(r"_RAW__0S$")
_STEP_NAMES = {
    "slice": "Generation of Sentinel-1 SAR Slice L0 product",
    "S": "Generation of Sentinel-1 SAR Standard L0 product",
    "A": "Generation of Sentinel-1 L0 SAR Annotations product",
    "C": "Generation of Sentinel-1 L0 SAR Calibration product",
    "N": "Generation of Sentinel-1 L0 SAR Noise product",
}
_DUAL_STEP_NAME = "Generation of Sentinel-1 L0 SAR Product, dual polarisation"


def main() -> int:
    """Run on the job order named on the command line; the exit code."""
    return run_program(NAME, process_data_take, sys.argv[1:])


def process_data_take(order: JobOrder, folder: Path, outcome: Outcome) -> None:
    """Make the slices and the A, C and N products of a data take in `folder`."""
    paths = [Path(path) for path in _segment_paths(order)]
    satellite = _satellite(order, paths)
    data = read_data_take([path for path in paths if path.is_dir()], outcome)
    context = orbit_context(order, satellite, outcome)
    slicer = Slicer(folder, satellite, order.processing_station, data, context, SystemClock(), outcome)
    names = slicer.make()
    write_list(folder / ASP_LIST, names)


@frozen
class _Plan:
    """One product to be: its class, the sensing times it takes, and its place among slices."""

    product_class: str
    interval: Interval
    slice_information: SliceInformation | None = None

    def choose(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """The packets that belong into the product."""
        times = sensing_times_us(records)
        chosen = (times >= micros(self.interval.start)) & (times <= micros(self.interval.stop))
        if self.product_class == "C":
            chosen &= records["signal_type"] >= SignalType.TX_CAL
        elif self.product_class == "N":
            chosen &= records["signal_type"] == SignalType.NOISE
        return records[chosen]


@frozen(eq=False)
class Slicer:
    """Makes the products of one data take in `folder`."""

    folder: Path
    satellite: str
    station: str
    data: Sequence[PolarisationData]
    context: OrbitContext
    clock: Clock
    outcome: Outcome

    def make(self) -> list[str]:
        """All products, slices first; their names."""
        plans = self._plans()
        names = []
        for done, plan in enumerate(plans, 1):
            name = self._product(plan)
            if name is not None:
                names.append(name)
            self.outcome.progress(100 * done / len(plans), name or f"no packet for class {plan.product_class}")
        return names

    def _plans(self) -> list[_Plan]:
        spans = [sensing_times_us(each.records)[[0, -1]].tolist() for each in self.data]
        start, stop = from_micros(min(span[0] for span in spans)), from_micros(max(span[1] for span in spans))
        whole = Interval(start, stop)
        mode = describe_acquisition(self.data[0].records, self.satellite, self.context, self.outcome).mode
        others = [_Plan(product_class, whole) for product_class in "ACN"]
        if mode not in SLICE_LENGTH_AND_OVERLAP_S:
            return [_Plan("S", whole), *others]
        length_s, overlap_s = SLICE_LENGTH_AND_OVERLAP_S[mode]
        grid = slice_grid(start, stop, length_s, overlap_s)
        self.outcome.info(f"data take from {start.isoformat()} to {stop.isoformat()}: {len(grid)} slices")
        return [
            *(
                _Plan("S", each.interval, SliceInformation(each.number, length_s, overlap_s, len(grid), start))
                for each in grid
            ),
            *others,
        ]

    def _product(self, plan: _Plan) -> str | None:
        started = self.clock.now()
        parts = [(each, plan.choose(each.records)) for each in self.data]
        for each, records in parts:
            if not records.size and plan.slice_information is not None:
                self.outcome.warn(
                    f"slice {plan.slice_information.number} has no packet of polarisation {each.polarisation}"
                )
        parts = [(each, records) for each, records in parts if records.size]
        if not parts:
            return None
        contents = [self._content(plan, each, records) for each, records in parts]
        acquisition = self._acquisition(plan, [records for _, records in parts])
        header = manifest_header(
            acquisition,
            plan.product_class,
            np.concatenate([records["signal_type"] for _, records in parts]),
            self._processing(plan, [each for each, _ in parts], started),
            consolidation="SLICE" if plan.slice_information is not None else self._consolidation(),
            slice_information=plan.slice_information,
        )
        return write_product(self.folder, header, contents, _name_polarisation([each for each, _ in parts]))

    def _acquisition(self, plan: _Plan, parts: Sequence[NDArray[np.void]]) -> Acquisition:
        """As the polarisation with most packets tells, over the times of all; footprints are those of the echoes."""
        chosen = max(parts, key=len)
        if plan.product_class in "CN":
            chosen = self.data[0].records
        acquisition = describe_acquisition(chosen, self.satellite, self.context, self.outcome)
        times = [sensing_times_us(records)[[0, -1]].tolist() for records in parts]
        start, stop = from_micros(min(span[0] for span in times)), from_micros(max(span[1] for span in times))
        return attrs.evolve(acquisition, start=start, stop=stop)

    def _content(self, plan: _Plan, data: PolarisationData, records: NDArray[np.void]) -> MeasurementContent:
        headers_only = plan.product_class == "A"
        with MeasurementFile(self.folder / f".{data.polarisation}.isp") as target:
            (copy_headers if headers_only else copy_packets)(records, data.files, target)
        none_lost = 0 if not data.frames_lost else None
        return MeasurementContent(
            polarisation=data.polarisation,
            packet_store_id=data.packet_store_id,
            quality=MeasurementQuality(
                elements=records.size,
                missing=missing_packets(records) if plan.product_class in "SA" else 0,
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

    def _processing(self, plan: _Plan, data: Sequence[PolarisationData], started: datetime) -> Processing:
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

    def _consolidation(self) -> str:
        complete = all(starts_data_take(each.records) and ends_data_take(each.records) for each in self.data)
        return "FULL" if complete else "PARTIAL"


def _raw_data(data: PolarisationData) -> tuple[Resource, ...]:
    return tuple(step for step in data.downlinks if step.role == "Raw Data")


def _name_polarisation(data: Sequence[PolarisationData]) -> str:
    """The two letters of a product name: `DV`, `DH`, `SV` or `SH`, by number and transmit polarisation."""
    return ("D" if len(data) > 1 else "S") + data[0].polarisation[0]


def _segment_paths(order: JobOrder) -> list[str]:
    types = {entry.file_type for task in order.tasks for entry in task.inputs if _SEGMENT_TYPE.search(entry.file_type)}
    return order.files(*sorted(types))


def _satellite(order: JobOrder, paths: Sequence[Path]) -> str:
    for path in paths:
        try:
            return ProductName.parse(path.name).satellite
        except NamingError:
            continue
    return order.parameter("Mission_Id")


if __name__ == "__main__":
    sys.exit(main())
