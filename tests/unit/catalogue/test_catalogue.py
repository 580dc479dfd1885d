"""Products enter by one door, are told once, and are found again by name, type, time and datatake."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.bus.events import AnyEvent, ProductCatalogued
from s1pdgs.bus.outbox import Outbox, Subscriber, deliver
from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import CatalogueError, footprint_boxes, product_uuid, register
from s1pdgs.catalogue.query import candidates, covered, find, newest, of_datatake
from s1pdgs.catalogue.selection import POLICIES, select
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database
from tests.databases import plan_of
from tests.unit.catalogue.conftest import NOON, product

DATELINE = Footprint.from_points([(179.0, 10.0), (181.0, 10.0), (181.0, 12.0), (179.0, 12.0)])


def test_a_product_is_found_as_it_was_registered(database: Database, outbox: Outbox) -> None:
    slice_ = product(
        "slice", "S3_RAW__0S", timeliness=Timeliness.NRT, footprint=DATELINE,
        attributes={"datatakeID": 0x21735, "orbitDirection": "ASCENDING", "sliceProductFlag": True,
                    "startTimeFromAscendingNode": 596091.608, "beginningDateTime": NOON},
    )  # fmt: skip
    with database.write() as connection:
        assert register(connection, outbox, slice_)
    with database.read() as connection:
        held = find(connection, "slice")
        assert held is not None
        told = {**slice_.attributes, "timeliness": "NRT"}
        assert held.product == evolve(slice_, attributes=told)
        assert held.uuid == product_uuid("slice")
        assert [p.name for p in of_datatake(connection, "S1A", 0x21735, ["S3_RAW__0S"])] == ["slice"]
        assert [p.name for p in newest(connection, 10)] == ["slice"]
        assert find(connection, "other") is None


def test_the_same_name_enters_and_is_told_once(database: Database, outbox: Outbox) -> None:
    told: list[AnyEvent] = []
    reader = Subscriber("reader", frozenset({"ProductCatalogued"}), lambda _c, event: told.append(event))
    for _ in range(2):
        with database.write() as connection:
            register(connection, outbox, product("a"))
        deliver(database, reader)
    assert told == [ProductCatalogued("a", "AUX_CAL")]


def test_a_rolled_back_registration_leaves_nothing_and_tells_nothing(database: Database, outbox: Outbox) -> None:
    def fail_after_registration() -> None:
        with database.write() as connection:
            register(connection, outbox, product("a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_registration()
    with database.read() as connection:
        assert find(connection, "a") is None
        assert connection.scalar(sa.text("select count(*) from event")) == 0


def test_a_product_without_files_is_refused(database: Database, outbox: Outbox) -> None:
    with pytest.raises(CatalogueError, match="hollow has no files"), database.write() as connection:
        register(connection, outbox, product("hollow", files=()))


def test_a_handler_that_fails_sees_its_event_again(database: Database, outbox: Outbox) -> None:
    attempts: list[AnyEvent] = []

    def fails_once(connection: sa.Connection, event: AnyEvent) -> None:
        attempts.append(event)
        if len(attempts) == 1:
            register(connection, outbox, product("effect"))
            raise RuntimeError

    with database.write() as connection:
        register(connection, outbox, product("cause"))
    reader = Subscriber("reader", frozenset({"ProductCatalogued"}), fails_once)
    with pytest.raises(RuntimeError):
        deliver(database, reader)
    with database.read() as connection:
        assert find(connection, "effect") is None
    assert deliver(database, reader) == 1
    assert deliver(database, reader) == 0
    assert len(attempts) == 2


def test_candidates_are_of_the_satellite_or_the_mission_and_not_evicted(database: Database, outbox: Outbox) -> None:
    with database.write() as connection:
        for name, satellite in (("a", "S1A"), ("b", "S1B"), ("mission", "S1_"), ("gone", "S1A")):
            register(connection, outbox, product(name, satellite=satellite))
        connection.execute(t.product.update().where(t.product.c.name == "gone").values(evicted_at=NOON))
        assert {p.name for p in candidates(connection, ["AUX_CAL"], "S1A")} == {"a", "mission"}


intervals = st.tuples(st.integers(-50, 50), st.integers(0, 60))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    st.lists(intervals, max_size=12), intervals, st.sampled_from(sorted(n for n, p in POLICIES.items() if p.bounded))
)
def test_the_bounded_search_serves_policies_like_a_full_scan(
    database: Database, outbox: Outbox, spans: list[tuple[int, int]], wanted: tuple[int, int], policy: str
) -> None:
    window = Interval(NOON + timedelta(hours=wanted[0]), NOON + timedelta(hours=wanted[0] + wanted[1]))
    products = [product(f"p{i}", "X", start_h=s, stop_h=s + length) for i, (s, length) in enumerate(spans)]
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "SELECT 1")
        for one in products:
            register(connection, outbox, one)
        found = select(policy, window, candidates(connection, ["X"], "S1A", window))
        everything = select(policy, window, products)
        connection.rollback()
    assert [p.name for p in found] == [p.name for p in everything]


def test_the_interval_search_uses_its_index(database: Database) -> None:
    same = {"satellite": "S1A", "generated": NOON, "location": "", "size": 0, "t0": NOON, "attributes": {}}
    rows = [
        {"uuid": str(number), "name": str(number), "type": f"T{number % 50}", "start": begin, "stop": begin, **same}
        for number in range(1000)
        for begin in [NOON + timedelta(minutes=number)]
    ]
    with database.write() as connection:
        connection.execute(t.product.insert(), [{**row, "catalogued_at": NOON} for row in rows])
        connection.exec_driver_sql("ANALYZE product")
    query = f"select * from product where type='T7' and start<={2**60} and start>=1 and stop>=2"
    assert "ix_product_type_start" in plan_of(database, query)


def test_a_footprint_over_the_dateline_has_a_box_on_each_side() -> None:
    boxes = footprint_boxes(DATELINE)
    assert sorted((box["west"], box["east"]) for box in boxes) == [(-180.0, -179.0), (179.0, 180.0)]
    assert all((box["south"], box["north"]) == pytest.approx((10.0, 12.0), abs=0.01) for box in boxes)


def test_a_line_footprint_has_its_box() -> None:
    (box,) = footprint_boxes(Footprint.from_points([(1.0, 2.0), (3.0, -4.0)]))
    assert (box["west"], box["south"], box["east"], box["north"]) == (1.0, -4.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("spans", "whole"), [([(0, 1), (1, 2)], True), ([(0, 1), (1.5, 2)], False), ([], False), ([(-1, 5)], True)]
)
def test_coverage_has_no_gap(spans: list[tuple[float, float]], whole: bool) -> None:
    parts: list[Product] = [product("p", start_h=a, stop_h=b) for a, b in spans]
    assert covered([p.validity for p in parts], Interval(NOON, NOON + timedelta(hours=2))) is whole
