"""Campaigns: a period again, by pinned chains and a baseline, below systematic work, whole however it is cut off."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve

import s1pdgs.triggers.tables as t
from s1pdgs.bus.courier import Courier
from s1pdgs.bus.notices import send_due
from s1pdgs.catalogue import tables as catalogue
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.queue import Claim, Failure
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns import report as campaign_report
from s1pdgs.triggers.campaigns import steps as campaign_steps
from s1pdgs.triggers.campaigns.campaign import CampaignError, Plan, UnknownCampaign, way_to
from s1pdgs.triggers.campaigns.pins import pin
from s1pdgs.triggers.campaigns.progress import Fate, Progress, fate_of, progress
from s1pdgs.triggers.chains import SHIPPED, Chains
from s1pdgs.triggers.explain.inquiry import explain, inquire
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import asked_of
from s1pdgs.triggers.wanted.deadlines import due_of
from tests.unit.triggers.conftest import (
    CALIBRATION,
    PLANS,
    Mission,
    at,
    auxiliary,
    mission_on,
    open_mission,
    raw_slice,
    segment,
    span,
)
from tests.unit.triggers.wanted.test_way import ACN, SQUARE, image

SLICES = [raw_slice(number, -3000 + 20 * number, -2967 + 20 * number) for number in range(4)]
OLD = auxiliary("AUX_CAL", 6, name="AUX_CAL_old")
NEW = auxiliary("AUX_CAL", 6, name="AUX_CAL_new", generation_time=at(60))


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    with open_mission(tmp_path) as opened:
        yield opened


def planned(name: str = "again", kind: str = "S3_GRDH_1S", chains: Path = SHIPPED, **changes: Any) -> Plan:
    way = way_to(Chains.read(chains), kind, changes.pop("through", ()))
    return Plan(name, kind, changes.pop("time", span(-4000, 0)), way, pin(chains, way), **changes)


def create(mission: Mission, **changes: Any) -> None:
    with mission.database.write() as connection:
        campaigns.create(connection, planned(**changes), mission.watch)


def go_on(mission: Mission) -> None:
    """Let campaigns go on until they have nothing to do."""
    mission.deliver()
    while campaign_steps.step(mission.planner, mission.database):
        pass


def how_far(mission: Mission, name: str = "again") -> Progress:
    with mission.database.read() as connection:
        return progress(connection, campaigns.find(connection, name), mission.watch.now())


def counts(mission: Mission, name: str = "again") -> dict[str, int]:
    return {str(fate): number for fate, number in how_far(mission, name).counts.items() if number}


def finish_systematic(mission: Mission, *slices: Product) -> None:
    for each in slices:
        mission.work("l1-sm", image(each))


def of_campaign(product: Product, uid: str = "CCCC") -> Product:
    """What the job of a campaign makes of a slice."""
    made = image(product, uid)
    return evolve(made, attributes={**made.attributes, "campaign": "again"}, timeliness=Timeliness.NTC)


def work(mission: Mission, *products: Product) -> Claim:
    """Run the campaign's next job."""
    claim = mission.claim("l1-sm")
    mission.work("l1-sm", *products, claim=claim)
    return claim


def report(mission: Mission) -> list[dict[str, Any]]:
    with mission.database.read() as connection:
        campaign = campaigns.find(connection, "again")
        told = progress(connection, campaign, mission.watch.now())
        whole = json.loads("".join(campaign_report.as_json(connection, campaign, told)))
    units: list[dict[str, Any]] = whole["list"]
    assert len(units) == whole["units"]
    return units


def test_a_period_is_made_again_beside_the_systematic_orders(database: Database) -> None:
    mission = mission_on(database)
    mission.receive(*CALIBRATION, *ACN, *SLICES)
    finish_systematic(mission, *SLICES)
    create(mission, time=span(-3000, -2950), at_once=2)
    go_on(mission)
    assert counts(mission) == {"running": 2, "pending": 1}
    for each in SLICES[:3]:
        work(mission, of_campaign(each))
        go_on(mission)
    assert counts(mission) == {"done": 3}
    assert how_far(mission).stands == "done"
    assert [order.campaign for order in mission.orders("l1-sm")] == [0, 0, 0, 0, 1, 1, 1]
    assert [unit["products"] for unit in report(mission)] == [[of_campaign(each).name] for each in SLICES[:3]]
    assert all(unit["systematic"]["more"] == unit["systematic"]["fewer"] == [] for unit in report(mission))


class TestThrottle:
    def test_jobs_are_more_patient_than_systematic_ones(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, SLICES[0])
        finish_systematic(mission, SLICES[0])
        create(mission)
        go_on(mission)
        mission.receive(evolve(SLICES[1], timeliness=Timeliness.NTC))
        mission.watch.turn(3600)
        mission.sweep()
        assert mission.spec("l1-sm").campaign is None
        with mission.database.read() as connection:
            priorities = connection.scalars(sa.select(jobs.job.c.priority).order_by(jobs.job.c.id)).all()
        assert priorities == [30, 5, 10]
        assert mission.claim("l1-sm").job == 3, "systematic work goes first"

    def test_a_parked_job_makes_room_for_the_next(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, *SLICES)
        finish_systematic(mission, *SLICES)
        create(mission)
        go_on(mission)
        claim = mission.claim("l1-sm")
        go_on(mission)
        assert counts(mission) == {"running": 1, "pending": 3}
        with mission.database.write() as connection:
            queue.fail(connection, mission.planner.outbox, claim, Failure("no memory", lasting=True))
        go_on(mission)
        assert counts(mission) == {"failed": 1, "running": 1, "pending": 2}
        assert report(mission)[0]["note"] == "no memory"

    def test_pause_resume_and_a_wider_limit(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, *SLICES)
        finish_systematic(mission, *SLICES)
        create(mission)
        go_on(mission)
        with mission.database.write() as connection:
            assert campaigns.pause(connection, "again")
            assert not campaigns.pause(connection, "again")
        work(mission, of_campaign(SLICES[0]))
        go_on(mission)
        assert (counts(mission), how_far(mission).stands) == ({"done": 1, "pending": 3}, "paused")
        with mission.database.write() as connection:
            campaigns.throttle(connection, "again", 3)
            assert campaigns.resume(connection, "again")
        go_on(mission)
        assert counts(mission) == {"done": 1, "running": 3}

    def test_a_cancelled_campaign_drops_what_is_open_and_keeps_what_it_made(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, *SLICES)
        finish_systematic(mission, *SLICES)
        create(mission)
        go_on(mission)
        work(mission, of_campaign(SLICES[0]))
        go_on(mission)
        with mission.database.write() as connection:
            assert campaigns.cancel(mission.planner, connection, "again")
            assert not campaigns.cancel(mission.planner, connection, "again")
        go_on(mission)
        assert (counts(mission), how_far(mission).stands) == (
            {"done": 1, "failed": 1, "excluded": 2}, "cancelled",
        )  # fmt: skip

    def test_rate_and_end(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, *SLICES)
        finish_systematic(mission, *SLICES)
        create(mission)
        go_on(mission)
        assert how_far(mission).per_hour is None
        for each in SLICES[:2]:
            mission.watch.turn(600)
            work(mission, of_campaign(each))
            go_on(mission)
        told = how_far(mission)
        assert told.per_hour == pytest.approx(6)
        assert told.done_at == mission.watch.now() + (at(1200) - at(0))


class TestBaseline:
    def test_only_auxiliary_products_catalogued_by_a_date_are_seen(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION[:1], *CALIBRATION[2:], *ACN, OLD, SLICES[0])
        mission.work("l1-sm", image(SLICES[0]))
        mission.watch.turn(60)
        then = mission.watch.now()
        mission.watch.turn(60)
        mission.receive(NEW)
        create(mission, as_of=then)
        create(mission, name="newest")
        go_on(mission)
        chosen = {job.campaign: {entry.product for entry in job.inputs} for job in _specs(mission)}
        assert OLD.name in chosen["again"]
        assert NEW.name in chosen["newest"]
        (unit,) = report(mission)
        assert (unit["systematic"]["more"], unit["systematic"]["fewer"]) == ([], [])
        assert OLD.name in unit["auxiliary"]

    def test_only_listed_auxiliary_products_are_seen(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION[:1], *CALIBRATION[2:], *ACN, NEW, OLD, SLICES[0])
        mission.work("l1-sm", image(SLICES[0]))
        create(mission, only=(OLD.name, "AUX_PP1_6", "AUX_INS_6"))
        go_on(mission)
        work(mission, of_campaign(SLICES[0]))
        with mission.database.read() as connection:
            (cal,) = [each for each in inquire(mission.planner, connection, 2).inputs if each.input == "AUX_CAL"]
        told = {verdict.product: verdict.reason for verdict in cal.ways[0].verdicts}
        assert told == {"AUX_CAL_old": "the policy's choice", "AUX_CAL_new": "not in the baseline of the campaign"}
        (unit,) = report(mission)
        assert unit["auxiliary"] == ["AUX_CAL_old", "AUX_INS_6", "AUX_PP1_6"]
        assert SLICES[0].name in unit["inputs"]
        assert (unit["systematic"]["more"], unit["systematic"]["fewer"]) == (["AUX_CAL_old"], ["AUX_CAL_new"])

    def test_a_unit_that_the_baseline_does_not_serve_is_excluded_with_the_reason(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, *SLICES[:2])
        finish_systematic(mission, *SLICES[:2])
        create(mission, only=("AUX_PP1_6",))
        go_on(mission)
        assert counts(mission) == {"excluded": 2}
        assert "the baseline of the campaign lacks AUX_CAL" in how_far(mission).excluded[0][0]
        with mission.database.read() as connection:
            assert "the baseline of the campaign lacks" in explain(connection, 3).summary
            inquiry = inquire(mission.planner, connection, 3)
        assert [need.types for need in inquiry.needs] == [("AUX_CAL",), ("AUX_INS",)]


class TestPinning:
    def test_a_chain_is_used_as_it_was_though_the_file_changes(self, mission: Mission, tmp_path: Path) -> None:
        own = tmp_path / "own"
        shutil.copytree(SHIPPED.parent, own)
        mission.receive(*CALIBRATION, *ACN, SLICES[0])
        finish_systematic(mission, SLICES[0])
        chains, table = own / "chains.toml", own / "tasktables" / "SM_RAW__0_SLC__1_GRDH_1.xml"
        create(mission, chains=chains)
        chains.write_text(chains.read_text().replace("wall_s = 14400", "wall_s = 1"))
        table.write_text("gone")
        go_on(mission)
        spec = mission.spec("l1-sm")
        assert (spec.campaign, spec.limits.wall_s) == ("again", 14400)
        with mission.database.read() as connection:
            facts = campaigns.find(connection, "again").plan.pinned
        assert set(facts["tables"]) == {"SM_RAW__0_SLC__1_GRDH_1.xml"}

    def test_the_job_is_for_reprocessing(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, SLICES[0])
        finish_systematic(mission, SLICES[0])
        mission.watch.turn(1000)
        create(mission, parameters={"Slicing_Flag": "FALSE"})
        go_on(mission)
        spec = mission.spec("l1-sm")
        assert (spec.timeliness, spec.t0) == (Timeliness.NTC, mission.watch.now())
        assert spec.order.parameter("Timeliness_Category") == "Reprocessing"
        assert spec.order.parameter("Slicing_Flag") == "FALSE"


class TestUnits:
    def test_only_what_lies_in_area_and_of_the_satellite(self, mission: Mission) -> None:
        there = evolve(SLICES[0], footprint=SQUARE)
        mission.receive(*CALIBRATION, *ACN, there, *SLICES[1:])
        finish_systematic(mission, *SLICES)
        create(mission, area="POINT (10.5 40.5)")
        create(mission, name="other", satellite="S1B")
        go_on(mission)
        assert [unit["unit"] for unit in report(mission)] == [there.name]
        assert how_far(mission, "other").total == 0

    def test_products_of_a_campaign_cause_no_systematic_work_and_serve_none(self, mission: Mission) -> None:
        mission.receive(*PLANS, *CALIBRATION, *ACN, segment("SV"))
        mission.work("l0-asp", raw_slice())
        mission.work("l1-sm", image(raw_slice()))
        create(mission, kind="S3_RAW__0S")
        go_on(mission)
        again = raw_slice(uid="CCCC")
        mission.work("l0-asp", evolve(again, attributes={**again.attributes, "campaign": "again"}))
        go_on(mission)
        assert len(mission.orders("l1-sm")) == 1
        assert counts(mission) == {"done": 1}

    def test_products_of_a_campaign_are_nothing_that_a_wish_is_made_of_or_content_with(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, SLICES[0])
        finish_systematic(mission, SLICES[0])
        create(mission)
        go_on(mission)
        made = of_campaign(SLICES[0])
        work(mission, made)
        with mission.database.write() as connection:
            gone = catalogue.product.update().where(catalogue.product.c.name == image(SLICES[0]).name)
            connection.execute(gone.values(evicted_at=at(0), gone_at=at(0)))
            asked = asked_of({"type": "S3_GRDH_1S", "datatake": "S1A-024A10"})
            placed = wanted_wish.place(mission.planner, connection, asked, Courier(), dry_run=True)
        assert [(step.action, step.unit) for step in placed.steps] == [("again", SLICES[0].name)]

    def test_a_unit_goes_through_all_chains_of_the_way(self, mission: Mission) -> None:
        mission.receive(*PLANS, *CALIBRATION, *ACN, segment("SV"))
        mission.work("l0-asp", raw_slice())
        mission.work("l1-sm", image(raw_slice()))
        create(mission, through=("l0-asp",))
        go_on(mission)
        again = raw_slice(uid="CCCC")
        mission.work("l0-asp", evolve(again, attributes={**again.attributes, "campaign": "again"}))
        assert counts(mission) == {"done": 1, "pending": 1}
        go_on(mission)
        assert mission.spec("l1-sm").unit == again.name
        assert mission.spec("l1-sm").campaign == "again"

    def test_a_step_that_is_cut_off_is_done_again(self, mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(campaign_steps, "_PAGE", 1)
        mission.receive(*CALIBRATION, *ACN, *SLICES)
        finish_systematic(mission, *SLICES)
        create(mission, at_once=4)
        for _ in range(6):
            for broken in ("_collect", "evaluate", "room"):
                with monkeypatch.context() as patched:
                    real = getattr(campaign_steps, broken)

                    def die(*arguments: Any, real: Any = real) -> None:
                        real(*arguments)
                        raise KeyboardInterrupt

                    patched.setattr(campaign_steps, broken, die)
                    try:
                        campaign_steps.step(mission.planner, mission.database)
                    except KeyboardInterrupt:
                        continue
            campaign_steps.step(mission.planner, mission.database)
        go_on(mission)
        assert counts(mission) == {"running": 4}
        with mission.database.read() as connection:
            units = connection.scalars(sa.select(t.order.c.unit).where(t.order.c.campaign == 1)).all()
        assert sorted(units) == sorted(each.name for each in SLICES)

    def test_a_campaign_order_is_no_systematic_one(self, mission: Mission) -> None:
        """A campaign over units that were never made leaves their systematic orders to data."""
        mission.receive(*ACN, SLICES[0])
        create(mission)
        go_on(mission)
        assert counts(mission) == {"excluded": 1}
        assert mission.orders("l1-sm")[0].state == OrderState.WAITING


class TestMistakes:
    def test_a_name_is_given_once(self, mission: Mission) -> None:
        create(mission)
        with pytest.raises(CampaignError, match="name: there is a campaign again already"):
            create(mission)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"kind": "S3_OCN__2S"}, "chain: S3_OCN__2S is made by none"),
            ({"through": ("l1-sm",)}, "through: chain l1-sm makes nothing that l1-sm takes; chains that do: l0-asp"),
            ({"priority": 10}, "priority: 0 to 9, below all systematic work"),
            ({"at_once": 0}, "limit: at least one job at once"),
            ({"as_of": at(1e6)}, "aux_as_of: this date is still to come"),
            ({"as_of": at(0), "only": ("X",)}, "aux: tell a list or a date, not both"),
        ],
    )
    def test_wrong_words(self, mission: Mission, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(CampaignError, match=message):
            create(mission, **changes)

    def test_an_unknown_name(self, mission: Mission) -> None:
        with mission.database.write() as connection, pytest.raises(UnknownCampaign, match="there is no campaign x"):
            campaigns.pause(connection, "x")


def test_fates() -> None:
    assert how_fates() == {Fate.EXCLUDED: 2, Fate.FAILED: 4, Fate.DONE: 1, Fate.PENDING: 1, Fate.RUNNING: 2}


def how_fates() -> dict[Fate, int]:
    states = [
        ("waiting", None), ("done", "done"), ("planned", "ready"), ("planned", "running"), ("planned", "parked"),
        ("planned", "dropped"), ("dropped", None), ("dropped", "dropped"), ("expired", None), ("expired", "dropped"),
    ]  # fmt: skip
    fates = [fate_of(*state) for state in states]
    return {fate: fates.count(fate) for fate in fates}


def _specs(mission: Mission) -> list[Any]:
    with mission.database.read() as connection:
        numbers = connection.scalars(sa.select(jobs.job.c.id).order_by(jobs.job.c.id)).all()
        return [queue.spec_of(connection, number) for number in numbers]


def test_the_queries_of_every_step_read_indexes(database: Database) -> None:
    """What the triggers role asks all the time about orders, wishes and notices."""
    mission = mission_on(database)
    mission.receive(*CALIBRATION, *ACN, *SLICES)
    create(mission)
    asked_for: list[tuple[str, Any]] = []
    listen = ("before_cursor_execute", lambda *event: asked_for.append((event[2], event[3])))
    sa.event.listen(database.engine, *listen)
    campaign_steps.step(mission.planner, database)
    with database.write() as connection:
        wanted_wish.step(mission.planner, connection)
        due_of(connection, 1)
    send_due(database, Courier(), mission.watch)
    sa.event.remove(database.engine, *listen)
    questions = [(text, values) for text, values in asked_for if text.startswith("SELECT") and "pg_" not in text]
    assert len(questions) > 20
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        for text, values in questions:
            how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
            for step in connection.exec_driver_sql(f"{how} {text}", values):
                told = " ".join(str(part) for part in step)
                for table in ("production_order", "job", "wish_order", "notice", "event"):
                    assert f"SCAN {table}" not in told.replace(f"SCAN {table} USING", ""), f"{told}: {text}"
                    assert f"Seq Scan on {table}" not in told, f"{told}: {text}"
