"""Whatever is ordered, cancelled, made and failed in whatever order: each order ends once, with a product of its own
options; and no body, however odd, is more than refused.
"""

import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.queue import Failure
from s1pdgs.jobs.spec import OPTIONS
from s1pdgs.model.job import JobState
from s1pdgs.publication.on_demand.fates import OPEN
from s1pdgs.publication.on_demand.orders import advance
from s1pdgs.publication.on_demand.tables import demand
from tests.databases import new_database, plans_of
from tests.unit.publication.on_demand.conftest import House, filled
from tests.unit.triggers.conftest import raw_slice

ACTS = st.lists(st.sampled_from(["usual", "fine", "cancel", "work", "fail", "settle"]), max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = ("WorkflowOptions", "Priority", "NotificationEndpoint", "WorkflowId")
ENDED = {"completed", "failed", "cancelled"}


def rows(house: House) -> dict[str, sa.Row[Any]]:
    with house.database.read() as connection:
        return {row.uuid: row for row in connection.execute(sa.select(demand).order_by(demand.c.id))}


def end_one_job(house: House, number: int, *, good: bool) -> bool:
    """A processor ends the next job; False when none is ready."""
    with house.database.write() as connection:
        claim = queue.claim(connection, house.mission.planner.outbox, "here:1")
        if claim is None:
            return False
        if not good:
            queue.fail(connection, house.mission.planner.outbox, claim, Failure("no memory", lasting=True))
    if good:
        product = house.attributed(house.made(raw_slice(), f"{number:04d}"))
        house.mission.work("l1-sm", product, claim=claim)
    return True


def act(house: House, what: str, number: int) -> None:
    if what in ("usual", "fine"):
        house.order(WorkflowOptions=[{"Name": "Dem", "Value": what}] if what == "fine" else [])
    elif what == "cancel":
        going = [uuid for uuid, row in rows(house).items() if row.status in OPEN]
        if going:
            assert house.ask("POST", f"/ProductionOrder({going[0]})/OData.CSC.Cancel")[0] == 200
    elif what == "settle":
        house.settle()
    else:
        end_one_job(house, number, good=what == "work")


@settings(max_examples=8)
@given(ACTS)
def test_each_order_ends_once_with_a_product_of_its_own_options(acts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, new_database("sqlite", Path(folder)) as database:
        house = filled(database, Path(folder))
        ended: dict[str, str] = {}
        for number, what in enumerate(acts):
            act(house, what, number)
            now = {uuid: row.status for uuid, row in rows(house).items()}
            assert all(now[uuid] == status for uuid, status in ended.items()), "what has ended stays so"
            ended |= {uuid: status for uuid, status in now.items() if status in ENDED}
        house.settle()
        for number in range(len(acts), len(acts) + 6):
            if end_one_job(house, number, good=True):
                house.settle()
        with database.read() as connection:
            parked = connection.scalar(sa.select(jobs.job.c.id).where(jobs.job.c.state == JobState.PARKED).limit(1))
        for row in rows(house).values():
            assert row.status in ENDED
            assert row.status != "failed" or parked is not None
            if row.status == "completed":
                assert options_of(house, row) == ("Dem=fine" if row.parameters else "")


def options_of(house: House, row: sa.Row[Any]) -> str:
    (name,) = row.products
    found = house.ask("GET", f"/Products?$filter=Name eq '{name}.zip'&$expand=Attributes")[1]["value"][0]["Attributes"]
    return next((str(one["Value"]) for one in found if one["Name"] == OPTIONS), "")


@settings(max_examples=20)
@given(
    st.dictionaries(st.sampled_from(["WorkflowOptions", "Priority", "NotificationEndpoint", "WorkflowId"]), JSON), JSON
)
def test_an_odd_order_is_refused(lasting: House, words: dict[str, Any], reference: Any) -> None:
    body = {"WorkflowName": "SM_GRDH_1S", "InputProductReference": reference, **words}
    status, answer = lasting.ask("POST", "/ProductionOrders", body)
    assert status in (400, 404)
    assert answer["error"]["message"]


@settings(max_examples=20)
@given(JSON, JSON, JSON)
def test_an_odd_execution_is_refused(lasting: House, product: Any, outputs: Any, subscriber: Any) -> None:
    body = {"inputs": {"product": product, "Dem": outputs}, "outputs": outputs, "subscriber": subscriber}
    answer = lasting.client.post("/ogc/processes/SM_GRDH_1S/execution", json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_orders_are_brought_up_to_date_along_indexes(small: House) -> None:
    small.order()
    plans = plans_of(small.database, lambda connection: advance(small.mission.planner, connection, small.desk.terms))
    assert any("ix_demand_status" in plan for plan in plans)
    assert not [plan for plan in plans if "SCAN demand" in plan or "SCAN wish" in plan]
