"""Of the plans for a moment the newest counts; what it replaced is still told."""

from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from structlog.testing import capture_logs

from s1pdgs.bus.outbox import Outbox, deliver
from s1pdgs.catalogue import accounts, plans
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.metadata import describe
from s1pdgs.formats.acquisition_plan import AcquisitionPlan, PlanName, PlannedDataTake
from s1pdgs.formats.names import NamingError
from s1pdgs.inbox.auxiliary import prepare_product
from s1pdgs.model.interval import Interval
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects
from tests.databases import plan_of
from tests.unit.catalogue.accounts import NOON, at
from tests.unit.formats.plan_files import CSV_NAME, KML_NAME, kml, placemark

DAY = Interval(NOON, at(86_400))


def take(number: int, start_s: float, length_s: float = 60) -> PlannedDataTake:
    return PlannedDataTake(mode="IW", interval=Interval(at(start_s), at(start_s + length_s)), datatake=number)


def plan(name: str, made_s: float, *takes: PlannedDataTake, time: Interval = DAY) -> AcquisitionPlan:
    return AcquisitionPlan.of(PlanName(name, "S1A", time, at(made_s), "csv"), takes, name)


def record(database: Database, *wanted: AcquisitionPlan) -> None:
    with database.write() as connection:
        for each in wanted:
            assert plans.record(connection, each)


def counted(database: Database) -> list[tuple[int | None, str]]:
    with database.read() as connection:
        return [(each.datatake, each.plan) for each in plans.begun_within(connection, Interval(at(-1e6), at(1e6)))]


def test_data_takes_are_told_newest_first(database: Database) -> None:
    record(database, plan("one", 0, take(1, 0), take(2, 600)))
    assert counted(database) == [(2, "one"), (1, "one")]
    with database.read() as connection:
        (found,) = plans.begun_within(connection, DAY, 1)
        assert found == plans.Planned("one", "S1A", 2, "IW", None, None, Interval(at(600), at(660)), None, None)
        assert plans.begun_within(connection, Interval(at(700), at(900))) == []


@pytest.mark.parametrize("newer_first", [True, False])
def test_a_newer_plan_replaces_the_older_one_for_its_time_whichever_came_first(
    database: Database, newer_first: bool
) -> None:
    older = plan("older", 0, take(1, 0), take(2, 600), take(3, 5000))
    newer = plan("newer", 10, take(2, 620), take(4, 700), time=Interval(at(300), at(1000)))
    record(database, *((newer, older) if newer_first else (older, newer)))
    assert counted(database) == [(3, "older"), (4, "newer"), (2, "newer"), (1, "older")]
    with database.read() as connection:
        both = plans.identified(connection, [2])
    assert [(each.plan, each.replaced_by) for each in both] == [("newer", None), ("older", "newer")]


def test_of_two_made_at_once_the_one_that_came_later_counts(database: Database) -> None:
    record(database, plan("one", 0, take(1, 0)), plan("two", 0, take(2, 5)))
    assert counted(database) == [(2, "two")]


def test_plans_of_other_satellites_are_left_alone(database: Database) -> None:
    other = plan("other", 5)
    record(database, plan("one", 0, take(1, 0)), evolve(other, name=evolve(other.name, satellite="S1B")))
    assert counted(database) == [(1, "one")]
    with database.read() as connection:
        assert plans.planned_times(connection, "S1B", DAY) == [DAY]
        assert plans.planned_times(connection, "S1C", DAY) == []
        assert plans.planned_times(connection, "S1A", Interval(at(90_000), at(90_001))) == []


def test_a_plan_told_twice_is_taken_once(database: Database) -> None:
    one = plan("one", 0, take(1, 0))
    record(database, one)
    with database.write() as connection:
        assert not plans.record(connection, one)
    assert counted(database) == [(1, "one")]


class TestFiles:
    def ingest(self, path: Path, database: Database, objects: LocalObjects, outbox: Outbox) -> None:
        product = prepare_product(database, objects, path, "ingested", NOON)
        with database.write() as connection:
            register(connection, outbox, product)
        while deliver(database, accounts.subscriber(objects)):
            pass

    def test_an_ingested_plan_becomes_planned_data_takes(
        self, tmp_path: Path, database: Database, objects: LocalObjects, outbox: Outbox
    ) -> None:
        path = tmp_path / KML_NAME
        path.write_bytes(kml([placemark()]))
        described = describe(path)
        assert (described.type, described.satellite) == ("MPL_ACQPLN", "S1A")
        assert described.validity.duration == timedelta(days=2)
        self.ingest(path, database, objects, outbox)
        assert counted(database) == [(0x53C1A, KML_NAME)]

    def test_a_plan_that_is_damaged_later_is_told_and_holds_up_nobody(
        self, tmp_path: Path, database: Database, objects: LocalObjects, outbox: Outbox
    ) -> None:
        path = tmp_path / CSV_NAME
        path.write_text("mode,start,stop\nIW,2026-01-05T00:00:00Z,2026-01-05T00:01:00Z\n")
        product = prepare_product(database, objects, path, "ingested", NOON)
        stored = objects.path(f"{product.location}/{CSV_NAME}")
        stored.chmod(0o644)
        stored.write_text("mode\n")
        with database.write() as connection:
            register(connection, outbox, product)
        with capture_logs() as told:
            while deliver(database, accounts.subscriber(objects)):
                pass
        assert counted(database) == []
        assert "line 1: column start is missing" in told[0]["why"]

    @pytest.mark.parametrize("name", ["plan.toml", "Sentinel-1A_MP_2026.kml", "S1A_OPER_MPL_ACQPLN_x.csv"])
    def test_a_plan_with_another_name_is_refused_with_the_names_of_plans(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).touch()
        with pytest.raises(NamingError, match=r"they are called Sentinel-1A_MP_<start>_<stop>\.kml"):
            describe(tmp_path / name)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("select * from planned_datatake where replaced_by is null and start between 1 and 2 order by start desc",
         "ix_planned_datatake_start"),
        ("select * from planned_datatake where datatake in (1, 2)", "ix_planned_datatake_identifier"),
        ("select * from acquisition_plan where satellite = 'S1A' and stop >= 1 and start <= 2",
         "ix_acquisition_plan_satellite"),
    ],
)  # fmt: skip
def test_plans_are_found_by_an_index(database: Database, query: str, index: str) -> None:
    assert index in plan_of(database, query)
