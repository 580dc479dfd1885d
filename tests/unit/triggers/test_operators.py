"""What operators ask and order works alike on both databases, and no question reads a table from end to end."""

from typing import Any

import sqlalchemy as sa
from attrs import evolve
from shapely import Point

from s1pdgs.model.job import OrderState
from s1pdgs.storage.database import Database
from s1pdgs.triggers.explain.inquiry import inquire
from s1pdgs.triggers.orders import drop
from s1pdgs.triggers.wanted.sources import in_area, of_datatake, of_product
from s1pdgs.triggers.wanted.way import Action, Wanted, carry_out, plan, way_types
from s1pdgs.triggers.would import trials
from tests.unit.triggers.conftest import CALIBRATION, DATATAKE, PLANS, Mission, mission_on, raw_slice, session, span
from tests.unit.triggers.wanted.test_way import ACN, SQUARE

SLICE = evolve(raw_slice(), footprint=SQUARE)
LARGE = ("product", "product_file", "job", "job_input", "job_output", "production_order", "order_need")


def ask_everything(mission: Mission) -> list[str]:
    """Ask every question once; the outcomes in words."""
    chains = mission.planner.chains
    route = chains.named("l1-sm")
    assert route is not None
    with mission.database.read() as connection:
        told = inquire(mission.planner, connection, 1)
        types = way_types(connection, chains, "S3_GRDH_1S")
        groups = [
            of_product(connection, session().name),
            of_datatake(connection, DATATAKE, "S1A"),
            *in_area(connection, types, span(-4000, 0), Point(10.5, 40.5), "S1A"),
        ]
        steps = plan(connection, chains, Wanted("S3_GRDH_1S"), groups)
        tried = list(trials(mission.planner, connection, route, span(-4000, 0)))
        assert inquire(mission.planner, connection, 2, mission.watch.now()).inputs
    return [told.outcome, *(step.action for step in steps), *(trial.fate for trial in tried)]


def test_both_databases_answer_alike_and_take_orders(database: Database) -> None:
    mission = mission_on(database)
    mission.receive(*PLANS, *CALIBRATION, *ACN, session(), SLICE)
    assert ask_everything(mission) == [
        "it has all that it needs", Action.ONGOING, Action.ONGOING, Action.ONGOING, "job"
    ]  # fmt: skip
    with database.write() as connection:
        assert drop(connection, 2, "not now", mission.watch.now())
        group = of_datatake(connection, DATATAKE, None)
        steps = plan(connection, mission.planner.chains, Wanted("S3_GRDH_1S", priority=5), [group])
        assert list(carry_out(mission.planner, connection, Wanted("S3_GRDH_1S", priority=5), steps).values()) == [2]
    assert mission.order("l1-sm").state == OrderState.PLANNED
    assert mission.jobs("l1-sm") == [(1, "dropped"), (2, "ready")]


def test_no_question_reads_a_large_table_from_end_to_end(mission: Mission) -> None:
    mission.receive(*PLANS, *CALIBRATION, *ACN, session(), SLICE)
    asked: list[tuple[str, Any]] = []
    engine = mission.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *event: asked.append((event[2], event[3])))
    ask_everything(mission)
    questions = [(text, values) for text, values in asked if text.startswith("SELECT")]
    with engine.connect() as connection:
        for text, values in questions:
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values):
                assert not any(str(step[3]).split()[:2] == ["SCAN", table] for table in LARGE), f"{step[3]}: {text}"
    assert len(questions) > 20
