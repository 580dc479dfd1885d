"""ASP: the segments of a data take become slices, and its annotation, calibration and noise products.

`python -m s1pdgs.processors.l0.asp JobOrder.xml`, run in the working directory. The job order brings the segments
(`<mode>_RAW__0S`), MPL_ORBPRE and MPL_ORBSCT; the parameter `Grid_Start` (`YYYYMMDDThhmmss.ffffff`, UTC) fixes the
grid of slices where an earlier run has made some. The outputs, with the report `REP_L0PSA_`, are named in
`L0ASProcList.LIST`.
"""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from s1pdgs import __version__
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.datatake_report import write_datatake_report
from s1pdgs.formats.listfile import ASP_LIST, write_list
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.model.time import SystemClock
from s1pdgs.processors.l0.datatake import read_data_take
from s1pdgs.processors.l0.orbit import orbit_context
from s1pdgs.processors.l0.program import Outcome, ProcessorError, run_program
from s1pdgs.processors.l0.scratch import Scratch
from s1pdgs.processors.l0.slicer import SOFTWARE, Slicer

NAME = "L0_ASSEMBLY_SLICING_PROC"
GRID_START = "Grid_Start"
_GRID_FORMAT = "%Y%m%dT%H%M%S.%f"
_SEGMENT_TYPE = re.compile(r"_RAW__0S$")


def main() -> int:
    """Run on the job order named on the command line; the exit code."""
    return run_program(NAME, process_data_take, sys.argv[1:])


def process_data_take(order: JobOrder, folder: Path, outcome: Outcome) -> None:
    """Make the slices, the A, C and N products and the report of a data take in `folder`."""
    paths = [Path(path) for path in _segment_paths(order)]
    satellite = _satellite(order, paths)
    grid_start = _grid_start(order)
    clock = SystemClock()
    with TemporaryDirectory(prefix=".records-", dir=folder) as scratch:
        data = read_data_take([path for path in paths if path.is_dir()], Scratch(Path(scratch)), outcome)
        context = orbit_context(order, satellite, outcome)
        slicer = Slicer(folder, satellite, order.processing_station, data, context, clock, outcome, grid_start)
        report = slicer.make()
    name = write_datatake_report(
        folder,
        report,
        site=order.processing_station,
        created=clock.now(),
        creator=SOFTWARE,
        version=__version__,
    )
    write_list(folder / ASP_LIST, [*report.products, name])


def _grid_start(order: JobOrder) -> datetime | None:
    text = order.parameter(GRID_START, "")
    if not text:
        return None
    try:
        return datetime.strptime(text, _GRID_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise ProcessorError(
            f"parameter {GRID_START} of the job order is {text!r}; give a UTC time such as 20260301T051000.000000"
        ) from None


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
