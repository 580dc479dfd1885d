"""A data take is one, whether a plan, a report or only its products tell of it."""

from datetime import timedelta

import pytest
from attrs import evolve

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue import datatakes, plans, takes
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.takes import Standing, Take
from s1pdgs.formats.acquisition_plan import AcquisitionPlan, PlanName, PlannedDataTake
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.storage.database import Database
from tests.unit.catalogue.accounts import DATATAKE, NOON, at, data_take_report, stream

EVER = Interval(NOON - timedelta(days=9), NOON + timedelta(days=9))
HOURS = timedelta(hours=36)


class Mission:
    """What is known of data takes."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self.database, self.outbox = database, outbox

    def plan(self, *planned: PlannedDataTake) -> None:
        with self.database.write() as connection:
            plans.record(connection, AcquisitionPlan.of(PlanName("plan", "S1A", EVER, NOON, "csv"), planned, "plan"))

    def tell(self, start_s: float = 0, mode: str = "SM", number: int = DATATAKE, name: str = "report") -> None:
        told = evolve(
            data_take_report(stream("VV")), start=at(start_s), stop=at(start_s + 50), mode=mode, data_take_id=number
        )
        with self.database.write() as connection:
            assert datatakes.record(connection, told, name, at(3600))

    def hold(self, kind: str, start_s: float = 0, number: int = DATATAKE, satellite: str = "S1A") -> None:
        name = f"{satellite}-{kind}-{number}-{start_s}"
        made = Product(
            name, kind, satellite, Interval(at(start_s), at(start_s + 50)), NOON, name,
            (StoredFile("a", 1, "m", "s"),), NOON, attributes={"datatakeID": number},
        )  # fmt: skip
        with self.database.write() as connection:
            register(connection, self.outbox, made)

    def takes(self, time: Interval = EVER, limit: int = 99) -> list[Take]:
        with self.database.read() as connection:
            return takes.newest(connection, time, limit)


@pytest.fixture
def mission(database: Database, outbox: Outbox) -> Mission:
    return Mission(database, outbox)


def planned(start_s: float = 0, mode: str = "SM", number: int | None = DATATAKE) -> PlannedDataTake:
    return PlannedDataTake(mode=mode, interval=Interval(at(start_s), at(start_s + 60)), datatake=number)


@pytest.mark.parametrize("number", [DATATAKE, None])
def test_plan_products_and_report_meet_by_identifier_or_by_time(mission: Mission, number: int | None) -> None:
    mission.plan(planned(number=number), planned(900, number=None))
    mission.hold("S3_RAW__0S", 1)
    other, found = mission.takes()
    assert (found.name, found.prefix, found.interval) == ("S1A-024A10", "S3", Interval(at(1), at(51)))
    assert found.planned is not None
    assert found.whole == Interval(NOON, at(60))
    assert found.standing(at(0), HOURS) is Standing.RECEIVED
    assert (other.name, other.is_received) == ("S1A-20260105T121500", False)
    mission.tell(1)
    _, again = mission.takes()
    assert again.planned == found.planned
    assert again.standing(at(0), HOURS) is Standing.COMPLETE


def test_a_data_take_that_never_came_has_a_standing_by_the_time(mission: Mission) -> None:
    mission.plan(planned())
    (found,) = mission.takes()
    hour = 3600
    assert [found.standing(at(when), HOURS) for when in (0, 61, 37 * hour)] == [
        Standing.PLANNED, Standing.AWAITED, Standing.MISSING
    ]  # fmt: skip


def test_modes_and_satellites_with_one_identifier_are_told_apart(mission: Mission) -> None:
    mission.plan(planned(mode="IW"))
    mission.hold("IW_RAW__0S")
    mission.hold("EW_RAW__0S", 100)
    mission.hold("IW_RAW__0S", 200, satellite="S1B")
    assert [(take.satellite, take.mode, take.planned is None, take.in_plan) for take in mission.takes()] == [
        ("S1B", "IW", True, False), ("S1A", "EW", True, True), ("S1A", "IW", False, True)
    ]  # fmt: skip
    with mission.database.read() as connection:
        assert [take.mode for take in takes.identified(connection, DATATAKE, "S1A")] == ["IW", "EW"]
        assert takes.identified(connection, 1) == []


def test_characterisations_meet_their_plans_by_time(mission: Mission) -> None:
    mission.plan(planned(mode="RF"), planned(900, mode="RF"))
    mission.tell(890, mode="RF")
    assert [(take.interval.start, take.is_received) for take in mission.takes()] == [(at(890), True), (NOON, False)]


def test_the_newest_within_a_time_are_told_first(mission: Mission) -> None:
    mission.plan(*(planned(100 * number, number=number) for number in range(1, 6)))
    mission.tell(650, number=9)
    mission.hold("S3_RAW__0S", 800, number=10)
    assert [take.datatake for take in mission.takes(limit=3)] == [10, 9, 5]
    assert [take.datatake for take in mission.takes(Interval(at(250), at(500)))] == [5, 4, 3]
