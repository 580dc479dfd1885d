"""The patrol comes by every product once a round, and tells what it finds."""

from datetime import timedelta
from typing import Any

from attrs import evolve
from structlog.testing import capture_logs

from s1pdgs.catalogue.door import register
from s1pdgs.publication.integrity import inspect
from s1pdgs.publication.mending import Mender
from s1pdgs.publication.patrol import Patrol
from tests.unit.publication.conftest import Segment, store_product
from tests.unit.publication.lta.stores import AwayStore

NAME = "S1A_IW_SLC__1SDV_20200615T120000_20200615T120025_033026_03D35D_1B2C.SAFE"
DAY_S = 86_400.0


def patrolled(patrol: Patrol) -> list[int | None]:
    """What it looks at until it rests."""
    seen = []
    while patrol.step():
        seen.append(patrol.last)
    return seen


def filled(segment: Segment, count: int) -> list[int]:
    one = store_product(segment.store, NAME, "IW_SLC__1S")
    with segment.database.write() as connection:
        for number in range(count):
            register(connection, segment.outbox, evolve(one, name=f"N{number}"))
    return list(range(1, count + 1))


def patrol_of(segment: Segment, last: int | None = 0, **changes: Any) -> Patrol:
    mender = Mender(segment.database, segment.store)
    return Patrol(mender, segment.clock, timedelta(days=10), last=last, **changes)


def test_every_product_is_looked_at_once_a_round(segment: Segment) -> None:
    everything, patrol = filled(segment, 20), patrol_of(segment)
    seen = []
    for _ in range(10):
        segment.clock.advance(DAY_S)
        today = patrolled(patrol)
        assert len(today) == 2
        seen += today
    assert seen == everything


def test_it_begins_anywhere_and_goes_around(segment: Segment) -> None:
    everything, patrol = filled(segment, 5), patrol_of(segment, last=None)
    segment.clock.advance(10 * DAY_S)
    assert sorted(one for one in patrolled(patrol) if one) == everything


def test_one_that_is_started_again_goes_on_where_the_last_one_ended(segment: Segment) -> None:
    everything = filled(segment, 20)
    seen: list[int | None] = []
    for _ in range(10):
        patrol = patrol_of(segment, last=None if seen else 0)
        segment.clock.advance(DAY_S)
        seen += patrolled(patrol)
    assert seen == everything


def test_a_store_that_is_away_is_waited_for_and_what_it_never_gives_is_passed_over(segment: Segment) -> None:
    filled(segment, 3)
    away = Mender(segment.database, AwayStore(segment.store.folder))
    patrol = patrol_of(segment)
    segment.clock.advance(10 * DAY_S)
    there, patrol.mender = patrol.mender, away
    assert patrolled(patrol) == []
    segment.clock.advance(60.0)
    assert patrolled(patrol) == [], "it rests"
    patrol.mender = there
    segment.clock.advance(600.0)
    assert patrolled(patrol) == [1, 2, 3]
    segment.clock.advance(10 * DAY_S)
    patrol.mender = away
    for _ in range(2):
        assert patrolled(patrol) == []
        segment.clock.advance(600.0)
    patrol.mender = there
    assert patrolled(patrol)[0] == 2


def test_it_reads_no_faster_than_it_may(segment: Segment) -> None:
    filled(segment, 5)
    size = inspect(segment.database, segment.store, 1).size
    patrol = patrol_of(segment, bytes_per_s=size / DAY_S)
    segment.clock.advance(10 * DAY_S)
    for number in range(1, 6):
        assert patrolled(patrol) == [number], "though all are due, one a day"
        segment.clock.advance(DAY_S - 1)
        assert patrolled(patrol) == []
        segment.clock.advance(1.0)


def test_a_long_rest_is_made_good_by_one_round(segment: Segment) -> None:
    everything, patrol = filled(segment, 5), patrol_of(segment)
    segment.clock.advance(1000 * DAY_S)
    assert patrolled(patrol) == everything


def test_nothing_to_look_at_is_no_trouble(segment: Segment) -> None:
    patrol = patrol_of(segment)
    segment.clock.advance(DAY_S)
    assert not patrol.step()


def test_what_is_wrong_is_told(segment: Segment) -> None:
    filled(segment, 1)
    patrol = patrol_of(segment)
    key = f"jobs/7/1/{NAME}/measurement/data.tiff"
    segment.store.path(key).write_bytes(bytes(5000))
    segment.clock.advance(10 * DAY_S)
    with capture_logs() as told:
        assert patrol.step()
    assert [(one["log_level"], one["fault"], one["key"]) for one in told] == [("error", "damaged", key)]
