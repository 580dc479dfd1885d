"""A small downlink, processed to Level-0 by our own processors: every kind of product, to look into and to break."""

import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from attrs import frozen

from s1pdgs.formats.dsib import SessionInformation, write_dsib
from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderTask, ParameterStyle, write_job_order
from s1pdgs.formats.names import ProductName
from s1pdgs.processors.l0 import aio, asp
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.session import SimulatedSession, simulate
from tests.kept import kept
from tests.unit.tools.l0.editing import Editable


@frozen
class Made:
    """The session and its products: slice `S`, annotation `A`, calibration `C`, noise `N`; segments `VV`, `VH`."""

    session: SimulatedSession
    products: dict[str, Path]


@pytest.fixture(scope="session")
def made() -> Made:
    return kept("level-0", _make)


def _make(root: Path) -> Made:
    session = simulate(Scenario.mini(), root / "pass")
    auxiliary = {
        kind: [path]
        for path in (root / "pass/auxiliary").iterdir()
        for kind in ("AUX_OBMEMC", "MPL_ORBPRE", "MPL_ORBSCT")
        if kind in path.name
    }
    inputs = {**auxiliary, **{f"RAW_ch{number}": _channel(session, number) for number in (1, 2)}}
    segments = _run(aio.main, root / "aio", _order("AIO_PROCESSOR", inputs))
    orbits = {kind: paths for kind, paths in auxiliary.items() if kind != "AUX_OBMEMC"}
    made = _run(asp.main, root / "asp", _order("L0_ASSEMBLY_SLICING_PROC", {"SM_RAW__0S": segments, **orbits}))
    products = {path.name[14:16]: path for path in segments}
    products |= {ProductName.parse(path.name).product_class: path for path in made}
    return Made(session, products)


@pytest.fixture
def edit(made: Made, tmp_path: Path) -> Callable[[str], Editable]:
    """A copy of a product to change: `edit("S")`."""
    return lambda kind="S": Editable.copy(made.products[kind], tmp_path)


def _run(program: Callable[[], int], folder: Path, order: JobOrder) -> list[Path]:
    """Run a processor in its working directory (docs/joints.md, section 2); the SAFE folders that it lists."""
    folder.mkdir()
    write_job_order(folder / "JobOrder.xml", order)
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["program", "JobOrder.xml"])
        assert program() == 0
    (listed,) = folder.glob("*.LIST")
    return [folder / line for line in listed.read_text().split() if line.endswith(".SAFE")]


def _channel(session: SimulatedSession, number: int) -> list[Path]:
    blocks = sorted((session.folder / f"session/ch_{number}").glob("*.raw"))
    down = session.downlink
    total = sum(block.stat().st_size for block in blocks)
    names = tuple(block.name for block in blocks)
    dsib = blocks[0].with_name(f"DCS_02_{session.session_id}_ch{number}_DSIB.xml")
    information = SessionInformation(session.session_id, down.start, down.stop, down.start, down.stop, total, names)
    dsib.write_bytes(write_dsib(information))
    return [dsib, *blocks]


def _order(processor: str, inputs: dict[str, list[Path]]) -> JobOrder:
    entries = tuple(OrderInput(kind, "Physical", tuple(map(str, paths))) for kind, paths in inputs.items())
    return JobOrder(
        processor_name=processor,
        version="1.0",
        tasks=(OrderTask("TASK", "1.0", entries),),
        parameters=(("Mission_Id", "S1A"),),
        processing_station="WILE",
        parameter_style=ParameterStyle.PLAIN,
    )
