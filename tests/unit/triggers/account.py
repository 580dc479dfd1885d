"""A data take of four slices with a chain up to Level-2, and what is told of it."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from s1pdgs.catalogue import datatakes, plans, takes
from s1pdgs.catalogue import tables as catalogue
from s1pdgs.formats.acquisition_plan import AcquisitionPlan, PlanName, PlannedDataTake
from s1pdgs.formats.l0.report import DataTakeReport, SliceAccount, StreamAccount
from s1pdgs.jobs import queue
from s1pdgs.jobs.queue import Failure
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from s1pdgs.triggers.chains import SHIPPED, Chains
from s1pdgs.triggers.expectations.account import expectations
from s1pdgs.triggers.expectations.fates import Expectations, Expected
from tests.unit.triggers.conftest import DATATAKE, NOON, Mission, at, make, raw_slice, span

L2 = """
[[chain]]
name = "l2-sm"
unit = "slice"
types = ["S[1-6]_SLC__1S"]
task_table = "SM_SLC__1_OCN__2.xml"
"""
_L2_TABLE = """<?xml version="1.0"?>
<Ipf_Task_Table><Processor_Name>OCN</Processor_Name><Version>1.0</Version>
<List_of_Pools count="1"><Pool><List_of_Tasks count="1"><Task><Name>OCN</Name><Version>1.0</Version>
<File_Name>/bin/true</File_Name>
<List_of_Inputs count="1"><Input><Mode>ALWAYS</Mode><Mandatory>Yes</Mandatory><List_of_Alternatives count="1">
<Alternative><Order>1</Order><Origin>DB</Origin><Retrieval_Mode>LatestValCover</Retrieval_Mode><T0>0</T0><T1>0</T1>
<File_Type>SM_SLC__1S</File_Type><File_Name_Type>Physical</File_Name_Type></Alternative></List_of_Alternatives></Input>
</List_of_Inputs>
<List_of_Outputs count="2"><Output><Destination>DB</Destination><Mandatory>Yes</Mandatory><Type>SM_OCN__2S</Type>
<File_Name_Type>Directory</File_Name_Type></Output>
<Output><Destination>DB</Destination><Mandatory>Yes</Mandatory><Type>LIST</Type><File_Name_Type>Directory</File_Name_Type>
</Output></List_of_Outputs>
</Task></List_of_Tasks></Pool></List_of_Pools></Ipf_Task_Table>
"""
EVER = Interval(NOON - timedelta(days=400), NOON + timedelta(days=400))


def chains_to_level_2(folder: Path, *more: str) -> Chains:
    """The shipped chains and one that makes ocean products of SLC; `more` chains come last."""
    folder.mkdir(exist_ok=True)
    (folder / "tasktables").mkdir(exist_ok=True)
    (folder / "tasktables" / "SM_SLC__1_OCN__2.xml").write_text(_L2_TABLE)
    path = folder / "chains.toml"
    path.write_text(SHIPPED.read_text() + L2 + "".join(more))
    return Chains.read(path)


def slice_of(number: int, uid: str = "ABCD", **changes: object) -> Product:
    """Slice 1 to 4 of the data take."""
    start_s = -3000 + 25 * (number - 1)
    return raw_slice(number, start_s, start_s + 33, uid=uid, **changes)


def image(of: Product, kind: str = "SLC__1S") -> Product:
    """What the Level-1 processor makes of a slice."""
    name = of.name.replace("RAW__0S", kind)
    return make(name, f"S3_{kind}", of.validity, attributes={"datatakeID": DATATAKE}, timeliness=of.timeliness)


def ocean(of: Product) -> Product:
    """What the Level-2 processor makes of an SLC."""
    return make(of.name.replace("SLC__1S", "OCN__2S"), "S3_OCN__2S", of.validity, attributes={"datatakeID": DATATAKE})


def report(slices: Iterable[Product | None], stop_s: float = -2900) -> DataTakeReport:
    """The report of a data take of these slices."""
    stream = StreamAccount(
        polarisation="VV", packet_store_ids=(21,), packets=9, first_packet=0, last_packet=8, starts=True, ends=True,
        duplicates=0, corrupted=0, lost_in_downlink=0, lost_in_instrument=0, suppressed_pris=0,
    )  # fmt: skip
    places = tuple(
        SliceAccount(n, at(-3025 + 25 * n), at(-2992 + 25 * n), None if each is None else each.name, (9,), (0,))
        for n, each in enumerate(slices, 1)
    )
    return DataTakeReport(
        satellite="S1A", data_take_id=DATATAKE, mode="SM", start=at(-3000), stop=at(stop_s), grid_start=at(-3000),
        slice_length_s=25.0, slice_overlap_s=7.7, segments=(),
        products=tuple(each.product for each in places if each.product), streams=(stream,), slices=places,
    )  # fmt: skip


def tell(mission: Mission, told: DataTakeReport, name: str = "REPORT", later_s: float = 0) -> None:
    with mission.database.write() as connection:
        assert datatakes.record(connection, told, name, at(later_s))


def plan(mission: Mission, *planned: PlannedDataTake, name: str = "plan") -> None:
    whole = Interval(NOON - timedelta(days=30), NOON + timedelta(days=30))
    with mission.database.write() as connection:
        plans.record(connection, AcquisitionPlan.of(PlanName(name, "S1A", whole, at(0), "csv"), planned, name))


def planned(start_s: float = -3000, stop_s: float = -2900, number: int | None = DATATAKE) -> PlannedDataTake:
    return PlannedDataTake(
        mode="SM", swath="S3", polarisation="DV", datatake=number, interval=span(start_s, stop_s)
    )  # fmt: skip


def told(mission: Mission, time: Interval = EVER) -> list[Expectations]:
    """The account of all data takes, newest first."""
    with mission.database.read() as connection:
        found = takes.newest(connection, time, 1000)
        return list(expectations(connection, mission.planner.chains, found, mission.watch.now()))


def only(mission: Mission) -> Expectations:
    (one,) = told(mission)
    return one


def states(account: Expectations) -> dict[tuple[str, int], str]:
    """State by type and slice; with the cause of what is missing."""
    return {
        (each.type[3:], each.slice): str(each.state) + (f": {each.fate.cause}" if each.fate.cause else "")
        for each in account.expected
    }


def one(account: Expectations, kind: str, number: int = 0) -> Expected:
    (found,) = [each for each in account.expected if (each.type[3:], each.slice) == (kind, number)]
    return found


def park(mission: Mission, chain: str, reason: str) -> None:
    """The job of a chain fails for good."""
    claim = mission.claim(chain)
    with mission.database.write() as connection:
        queue.fail(connection, mission.planner.outbox, claim, Failure(reason, lasting=True))
    mission.deliver()


def evict(mission: Mission, product: Product) -> None:
    with mission.database.write() as connection:
        row = catalogue.product
        gone = {"evicted_at": at(7200), "gone_at": at(7200)}
        connection.execute(sa.update(row).where(row.c.name == product.name).values(**gone))
