import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.databases import new_sqlite

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event as event_table
from s1pdgs.catalogue.query import find
from s1pdgs.formats.dsib import parse_dsib
from s1pdgs.inbox import sessions as inbox
from s1pdgs.inbox.deliveries import announce_block, announce_session, block_key, location_of
from s1pdgs.inbox.files import Due, due_files, fail_file, retry_file, store_file
from s1pdgs.inbox.tables import quarantine
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import KeyTaken, LocalObjects, ObjectStore, local_objects

ID = "S1A_20260105072204051312"
SOURCE = "svalbard"
START = datetime(2026, 1, 5, 7, 22, 4, tzinfo=UTC)
SESSION = Session(
    id=ID,
    satellite="S1A",
    station="SGS",
    channels=2,
    publication_time=START,
    downlink_start=START,
    downlink_stop=START + timedelta(seconds=120),
    downlink_orbit=51312,
)


def block(channel: int, number: int, final: bool = False, tag: str = "") -> SessionFile:
    return SessionFile(
        id=f"{channel}-{number}{tag}",
        session_id=ID,
        name=f"DCS_02_{ID}_ch{channel}_DSDB_{number:05d}.raw",
        channel=channel,
        block_number=number,
        final_block=final,
        publication_time=START + timedelta(seconds=10 * number + channel),
        size=100 * channel + number,
    )


WHOLE = [block(1, 1), block(1, 2, True), block(2, 1), block(2, 2), block(2, 3, True)]


class Room:
    """An inbox and the steps that stations take in it."""

    def __init__(self, database: Database, outbox: Outbox, objects: ObjectStore) -> None:
        self.database, self.outbox, self.objects = database, outbox, objects

    def announce(self, files: list[SessionFile], session: Session = SESSION) -> None:
        with self.database.write() as connection:
            announce_session(connection, SOURCE, session, self.outbox.clock.now())
            for file in files:
                announce_block(connection, SOURCE, file, self.outbox.clock.now())

    def download(self, limit: int = 100) -> list[str]:
        with self.database.read() as connection:
            due = due_files(connection, SOURCE, self.outbox.clock.now(), limit)
        for entry in due:
            file = entry.announcement
            key = block_key(location_of(ID), file.channel or 0, file.name)
            sums = self.objects.put(key, iter([b"x" * (file.size or 0)]))
            with self.database.write() as connection:
                store_file(connection, self.outbox, file, key, sums)
        return [entry.announcement.remote_id for entry in due]

    def complete(self) -> bool:
        with self.database.write() as connection:
            return inbox.complete(connection, self.outbox, self.objects, ID)

    def give_up(self) -> bool:
        with self.database.write() as connection:
            return inbox.give_up(connection, self.outbox, self.objects, ID)

    def state(self) -> Any:
        with self.database.read() as connection:
            return inbox.find_session(connection, ID)

    def product(self, name: str = ID) -> Any:
        with self.database.read() as connection:
            return find(connection, name)

    def events(self) -> Counter[str]:
        with self.database.read() as connection:
            return Counter(connection.scalars(sa.select(event_table.c.type)))


@pytest.fixture
def room(database: Database, outbox: Outbox, objects: LocalObjects) -> Room:
    return Room(database, outbox, objects)


def test_a_complete_session_is_a_product_with_a_dsib_for_each_channel(room: Room) -> None:
    room.announce(WHOLE)
    room.download()
    assert room.complete()
    held = room.product()
    assert (held.product.type, held.product.location) == ("SESSION", f"sessions/{ID}")
    assert held.product.t0 == WHOLE[-1].publication_time
    assert held.product.attributes["incomplete"] is False
    for channel, count in ((1, 2), (2, 3)):
        [path] = [f.path for f in held.product.files if f.path.endswith(f"ch{channel}_DSIB.xml")]
        dsib = parse_dsib(b"".join(room.objects.read(f"{held.product.location}/{path}")), path)
        assert path.startswith(f"ch_{channel}/DCS_02_")
        assert dsib.data_size == sum(file.size for file in WHOLE if file.channel == channel)
        assert dsib.dsdb_names == tuple(file.name for file in WHOLE if file.channel == channel)
        assert (dsib.start, dsib.stop) == (SESSION.downlink_start, SESSION.downlink_stop)
        assert len(dsib.dsdb_names) == count
    assert room.events() == {"FileArrived": 5, "ProductCatalogued": 1, "SessionComplete": 1}


def test_announcing_a_finished_session_again_brings_nothing(room: Room) -> None:
    room.announce(WHOLE)
    room.download()
    assert room.complete()
    before = room.events()
    room.announce(WHOLE, evolve(SESSION, publication_time=START + timedelta(days=1)))
    assert room.download() == []
    assert not room.complete()
    assert room.state().state == "complete"
    assert room.events() == before


def test_a_missing_block_keeps_the_session_open_and_is_named(room: Room) -> None:
    room.announce([file for file in WHOLE if file.id != "2-2"])
    room.download()
    assert not room.complete()
    assert room.state().reason == "channel 2: block 2 of 3 not stored"
    room.announce(WHOLE)
    assert room.download() == ["2-2"]
    assert room.complete()


def test_after_waiting_what_came_is_a_product_marked_incomplete(room: Room, clock: Any) -> None:
    room.announce([file for file in WHOLE if file.id != "2-2"])
    room.download()
    wait = timedelta(hours=2)
    with room.database.read() as connection:
        assert inbox.overdue_sessions(connection, SOURCE, clock.now(), wait) == []
        assert inbox.overdue_sessions(connection, SOURCE, clock.now() + wait, wait) == [ID]
    assert room.give_up()
    assert not room.give_up()
    product = room.product().product
    assert product.attributes["incomplete"] is True
    assert product.attributes["missing"] == "channel 2: block 2 of 3 not stored"
    assert room.state().state == "incomplete"


def test_a_late_block_makes_the_whole_session_a_product_of_its_own(room: Room) -> None:
    room.announce([file for file in WHOLE if file.id != "2-2"])
    room.download()
    room.give_up()
    room.announce([block(2, 2, tag="-late")])
    assert room.state().state == "open"
    assert room.download() == ["2-2-late"]
    assert room.complete()
    product = room.product(f"{ID}_R1").product
    assert product.attributes["incomplete"] is False
    assert sum(file.path.endswith(".raw") for file in product.files) == 5
    for file in (*product.files, *room.product().product.files):
        assert room.objects.size(f"{product.location}/{file.path}") == file.size
    assert room.events()["SessionComplete"] == 2


def test_giving_up_again_without_news_makes_no_second_product(room: Room) -> None:
    room.announce([file for file in WHOLE if file.id != "2-2"])
    room.download()
    room.give_up()
    room.announce([block(2, 2)])
    with room.database.write() as connection:
        [due] = due_files(connection, SOURCE, room.outbox.clock.now(), 9)
        assert fail_file(connection, room.outbox, due, "MD5 differs", max_attempts=1)
    assert room.give_up()
    assert room.product(f"{ID}_R1") is None
    assert "quarantine (MD5 differs)" in room.state().reason


def test_a_session_without_any_block_ends_without_a_product(room: Room) -> None:
    room.announce([])
    assert room.give_up()
    assert room.product() is None
    assert room.state().state == "incomplete"


def test_one_channel_is_enough_when_the_station_says_so(room: Room) -> None:
    room.announce([file for file in WHOLE if file.channel == 2], evolve(SESSION, channels=1))
    room.download()
    assert room.complete()
    assert [f.path for f in room.product().product.files if "DSIB" in f.path] == [f"ch_2/DCS_02_{ID}_ch2_DSIB.xml"]


def test_a_block_listed_twice_is_downloaded_once(room: Room) -> None:
    room.announce([*WHOLE, block(1, 1, tag="-again")])
    assert sorted(room.download()) == sorted(file.id for file in WHOLE)
    assert room.complete()


def test_the_second_listing_is_used_when_the_first_fails(room: Room) -> None:
    room.announce([*WHOLE, block(1, 1, tag="-again")])
    with room.database.write() as connection:
        due = {
            entry.announcement.remote_id: entry for entry in due_files(connection, SOURCE, room.outbox.clock.now(), 9)
        }
        assert fail_file(connection, room.outbox, due["1-1"], "MD5 differs", max_attempts=1)
    assert "1-1-again" in room.download()
    assert room.complete()
    assert room.events()["FileQuarantined"] == 1


def test_a_failing_file_is_tried_again_later_then_set_aside_until_an_operator_retries(room: Room, clock: Any) -> None:
    room.announce([block(1, 1)])
    waits = []
    for attempt in range(1, 4):
        with room.database.write() as connection:
            [due] = due_files(connection, SOURCE, clock.now(), 9)
            assert due.attempts == attempt - 1
            given_up = fail_file(connection, room.outbox, due, "size differs", max_attempts=3)
        assert given_up is (attempt == 3)
        with room.database.read() as connection:
            assert due_files(connection, SOURCE, clock.now(), 9) == []
        waited = 0
        while attempt < 3 and waited < 100:
            clock.advance(1)
            waited += 1
            with room.database.read() as connection:
                if due_files(connection, SOURCE, clock.now(), 9):
                    break
        waits.append(waited)
    assert waits == [5, 10, 0]
    with room.database.write() as connection:
        [row] = connection.execute(sa.select(quarantine)).all()
        assert (row.source, row.name, row.reason) == (SOURCE, block(1, 1).name, "size differs")
        assert retry_file(connection, SOURCE, "1-1", clock.now())
        [again] = due_files(connection, SOURCE, clock.now(), 9)
        assert again == Due(again.announcement, 0)


def test_quality_information_is_kept_and_its_complaints_are_told(room: Room) -> None:
    room.announce(WHOLE)
    room.download()
    records = [
        {"Channel": 1, "AcquiredTFs": 500, "UncorrectableTFs": 7, "TotalChunks": 2, "TotalVolume": 203},
        {"Channel": 2, "AcquiredTFs": "600", "UncorrectableTFs": 0, "TotalChunks": 4, "TotalVolume": None},
    ]
    with room.database.write() as connection:
        inbox.record_quality(connection, ID, records)
    assert room.complete()
    attributes = room.product().product.attributes
    assert attributes["acquiredTFs"] == 1100
    assert attributes["qualityRemarks"] == (
        "channel 1: 7 of 500 frames uncorrectable; channel 2: TotalChunks tells 4 blocks, 3 arrived"
    )


class Crash(BaseException):
    """The process ends here."""


class Fragile:
    """A store and an outbox that end the process at the n-th call."""

    def __init__(self, room: Room, countdown: Iterator[int]) -> None:
        self.room, self.countdown = room, countdown

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if next(self.countdown) == 0:
                raise Crash
            result = getattr(self.room.objects, name)(*arguments)
            if next(self.countdown) == 0:
                raise Crash
            return result

        return call


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_order_and_the_crashes_nothing_is_lost_and_nothing_twice(
    data: st.DataObject, tmp_path: Path, clock: Any
) -> None:
    folder = tmp_path / f"run-{next(_RUNS)}"
    folder.mkdir()
    database = new_sqlite(folder)
    room = Room(database, Outbox(clock), local_objects(folder / "objects"))
    steady = room.objects
    listing = data.draw(st.permutations(WHOLE))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(listing)), max_size=3)))
    for stop in [*cuts, len(listing)]:
        crash_after = data.draw(st.integers(0, 12))
        room.objects = Fragile(Room(database, room.outbox, steady), itertools.count(crash_after, -1))  # type: ignore[assignment]
        with contextlib.suppress(Crash):
            room.announce(listing[:stop])
            room.download(data.draw(st.integers(1, 6)))
            room.complete()
        room.objects = steady
    room.announce(listing)
    room.download()
    room.complete()
    assert room.state().state == "complete"
    assert room.events() == {"FileArrived": 5, "ProductCatalogued": 1, "SessionComplete": 1}
    product = room.product().product
    stored = {file.path: file.size for file in product.files}
    assert sorted(steady.list(product.location)) == sorted(f"{product.location}/{path}" for path in stored)
    assert sum(size for path, size in stored.items() if path.endswith(".raw")) == sum(file.size for file in WHOLE)
    database.close()


_RUNS = itertools.count()


def test_a_dsib_left_by_a_crash_is_replaced_when_a_block_came_since(room: Room) -> None:
    room.announce([file for file in WHOLE if file.id != "2-2"])
    room.download()
    with contextlib.suppress(KeyTaken), room.database.write() as connection:
        inbox.give_up(connection, room.outbox, room.objects, ID)
        raise KeyTaken("the process ends before its commit")
    room.announce(WHOLE)
    room.download()
    assert room.complete()
    dsib = next(file for file in room.product().product.files if file.path.endswith("ch2_DSIB.xml"))
    content = parse_dsib(b"".join(room.objects.read(f"sessions/{ID}/{dsib.path}")), dsib.path)
    assert len(content.dsdb_names) == 3
