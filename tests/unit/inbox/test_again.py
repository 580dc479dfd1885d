"""A session whose files went is received again when its station publishes it anew, or somebody asks for it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from tests.databases import plans_of

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event as event_table
from s1pdgs.catalogue.lifecycle import evict_files, sweep_garbage
from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.tables import product
from s1pdgs.inbox import sessions
from s1pdgs.inbox.deliveries import announce_block, announce_session, block_key, place_of, receive_again
from s1pdgs.inbox.files import announce_again, due_files, store_file
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.model.time import micros
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects

ID = "S1A_20260105072204051312"
START = datetime(2026, 1, 5, 7, 22, 4, tzinfo=UTC)
SESSION = Session(ID, "S1A", "SGS", 1, START, START, START + timedelta(seconds=60), 51312)


def block(number: int, *, final: bool = False, tag: str = "", published: datetime = START) -> SessionFile:
    name = f"DCS_02_{ID}_ch1_DSDB_{number:05d}.raw"
    return SessionFile(f"{tag}{number}", ID, name, 1, number, final, published, 9)


WHOLE = (block(1), block(2, final=True))


class Inbox:
    """An inbox, and what becomes of it while time goes by."""

    def __init__(self, database: Database, outbox: Outbox, objects: LocalObjects, clock: Any) -> None:
        self.database, self.outbox, self.objects, self.clock = database, outbox, objects, clock

    def announce(self, *files: SessionFile, session: Session = SESSION, source: str = "sgs") -> bool:
        with self.database.write() as connection:
            news = announce_session(connection, source, session, self.clock.now())
            for file in files:
                news |= announce_block(connection, source, file, self.clock.now())
            return news

    def receive(self, source: str = "sgs", content: str = "block", least: int = 1) -> list[str]:
        """Download what is due, up from a block number; the keys."""
        keys = []
        with self.database.write() as connection:
            for due in due_files(connection, source, self.clock.now(), 99):
                file = due.announcement
                if (file.block or 0) < least:
                    continue
                keys.append(block_key(place_of(connection, str(file.session_id)), 1, file.name))
                sums = self.objects.put(keys[-1], iter([f"{content} {file.block}".encode()]))
                store_file(connection, self.outbox, file, keys[-1], sums)
        return keys

    def conclude(self, *, give_up: bool = False) -> bool:
        with self.database.write() as connection:
            end = sessions.give_up if give_up else sessions.complete
            return end(connection, self.outbox, self.objects, ID)

    def evict(self, name: str = ID) -> datetime:
        """Let the files of a product go after a month, and their objects."""
        self.clock.advance(30 * 86_400)
        now = self.clock.now()
        with self.database.write() as connection:
            row = connection.execute(sa.select(product).where(product.c.name == name)).one()
            evict_files(connection, [row], now, now + timedelta(hours=1))
        self.clock.advance(3_601)
        sweep_garbage(self.database, self.objects, self.clock.now())
        return now

    def ask(self, source: str = "sgs") -> bool:
        with self.database.write() as connection:
            return receive_again(connection, ID, source, self.clock.now())

    def held(self, name: str = ID) -> Any:
        with self.database.read() as connection:
            return find(connection, name)

    def state(self) -> Any:
        with self.database.read() as connection:
            return sessions.find_session(connection, ID)

    def events(self) -> Counter[str]:
        with self.database.read() as connection:
            return Counter(connection.scalars(sa.select(event_table.c.type)))

    def blocks(self, name: str = ID) -> list[bytes]:
        """The contents of the blocks of a product, from the store."""
        found = self.held(name).product
        raws = [file.path for file in found.files if file.path.endswith(".raw")]
        return [b"".join(self.objects.read(f"{found.location}/{path}")) for path in raws]


@pytest.fixture
def inbox(database: Database, outbox: Outbox, objects: LocalObjects, clock: Any) -> Inbox:
    return Inbox(database, outbox, objects, clock)


@pytest.fixture
def gone(inbox: Inbox) -> datetime:
    """When the files of a session that had come whole went."""
    inbox.announce(*WHOLE)
    inbox.receive()
    assert inbox.conclude()
    return inbox.evict()


def test_what_is_asked_for_again_comes_as_the_product_that_it_was(inbox: Inbox, gone: datetime) -> None:
    before = inbox.held()
    assert inbox.ask()
    assert inbox.state().reason == "is received again: its files went at 2026-02-04T08:00:00.000000Z"
    assert inbox.receive() == [f"sessions/{ID}/{micros(gone)}/ch_1/{file.name}" for file in WHOLE]
    assert inbox.conclude()
    held = inbox.held()
    assert (held.id, held.evicted_at, held.returned_at) == (before.id, None, inbox.clock.now())
    assert held.product.files == before.product.files
    assert inbox.blocks() == [b"block 1", b"block 2"]
    assert inbox.state().state == "complete"
    assert inbox.events()["ProductCatalogued"] == 1
    assert inbox.events()["ProductRestored"] == 1


def test_nothing_comes_again_whose_files_are_here_or_that_comes_already(inbox: Inbox, gone: datetime) -> None:
    assert inbox.ask()
    assert not inbox.ask()
    inbox.receive()
    inbox.conclude()
    assert not inbox.ask()
    assert inbox.receive() == []


def test_a_station_that_only_lists_it_brings_nothing(inbox: Inbox, gone: datetime) -> None:
    assert not inbox.announce(*WHOLE)
    assert not inbox.announce(*WHOLE, session=evolve(SESSION, publication_time=gone))
    assert inbox.receive() == []
    assert inbox.state().state == "complete"


def test_a_station_that_publishes_it_anew_brings_it_once(inbox: Inbox, gone: datetime) -> None:
    anew = evolve(SESSION, publication_time=gone + timedelta(days=1))
    renamed = [evolve(file, id=f"new-{file.id}", publication_time=anew.publication_time) for file in WHOLE]
    for _ in range(2):
        inbox.announce(*renamed, session=anew)
        inbox.receive()
        inbox.conclude()
    assert inbox.events()["ProductRestored"] == 1
    inbox.evict()
    assert not inbox.announce(*renamed, session=anew)


def test_another_source_may_bring_it_and_it_is_the_same_product(inbox: Inbox, gone: datetime) -> None:
    assert inbox.ask("folder")
    dropped = [evolve(file, id=f"path-{file.id}", publication_time=inbox.clock.now()) for file in WHOLE]
    inbox.announce(*dropped, source="folder")
    assert inbox.receive("sgs") == []
    assert len(inbox.receive("folder")) == 2
    assert inbox.conclude()
    assert inbox.events()["ProductRestored"] == 1
    assert inbox.state().source == "folder"


def test_other_bytes_are_a_new_version_in_the_place_of_the_old_one(inbox: Inbox, gone: datetime) -> None:
    number = inbox.held().id
    inbox.ask()
    inbox.receive(content="better block")
    inbox.conclude()
    assert inbox.held().id == number
    assert inbox.blocks() == [b"better block 1", b"better block 2"]
    assert inbox.events()["ProductCatalogued"] == 2


def test_it_may_go_and_come_again_as_often_as_one_likes(inbox: Inbox, gone: datetime) -> None:
    keys = []
    for _ in range(3):
        assert inbox.ask()
        keys += inbox.receive()
        assert inbox.conclude()
        assert inbox.blocks() == [b"block 1", b"block 2"]
        inbox.evict()
    assert len(set(keys)) == 6
    assert list(inbox.objects.list(f"sessions/{ID}")) == []


def test_its_old_objects_may_go_while_it_comes_again(inbox: Inbox) -> None:
    inbox.announce(*WHOLE)
    inbox.receive()
    inbox.conclude()
    now = inbox.clock.now()
    with inbox.database.write() as connection:
        row = connection.execute(sa.select(product)).one()
        evict_files(connection, [row], now, now + timedelta(hours=1))
    inbox.ask()
    inbox.receive()
    inbox.clock.advance(3_601)
    sweep_garbage(inbox.database, inbox.objects, inbox.clock.now())
    inbox.conclude()
    sweep_garbage(inbox.database, inbox.objects, inbox.clock.now())
    assert inbox.blocks() == [b"block 1", b"block 2"]


def test_what_comes_again_in_part_is_no_product_and_takes_up_where_it_stopped(inbox: Inbox, gone: datetime) -> None:
    inbox.ask()
    assert len(inbox.receive(least=2)) == 1
    assert inbox.conclude(give_up=True)
    assert inbox.held().evicted_at == gone
    assert inbox.state().reason == (
        "came again in part only, and is no product of it: channel 1: block 1 of 2 not stored"
    )
    assert inbox.ask()
    assert len(inbox.receive()) == 1
    assert inbox.conclude()
    assert inbox.blocks() == [b"block 1", b"block 2"]


def test_a_late_block_of_what_went_brings_all_of_it(inbox: Inbox) -> None:
    inbox.announce(WHOLE[1])
    inbox.receive()
    inbox.conclude(give_up=True)
    inbox.evict()
    inbox.announce(*WHOLE)
    assert len(inbox.receive()) == 2
    assert inbox.conclude()
    assert inbox.blocks() == [b"block 1", b"block 2"]
    assert inbox.held().product.attributes["incomplete"] is False


def test_what_goes_while_late_blocks_come_is_fetched_anew(inbox: Inbox) -> None:
    inbox.announce(WHOLE[1])
    inbox.receive()
    inbox.conclude(give_up=True)
    inbox.announce(WHOLE[0])
    inbox.receive()
    inbox.evict()
    assert not inbox.conclude()
    assert len(inbox.receive()) == 2
    assert inbox.conclude()
    assert inbox.blocks() == [b"block 1", b"block 2"]


def test_the_product_of_late_blocks_keeps_its_name(inbox: Inbox) -> None:
    inbox.announce(WHOLE[1])
    inbox.receive()
    inbox.conclude(give_up=True)
    inbox.announce(WHOLE[0])
    inbox.receive()
    inbox.conclude()
    inbox.evict(ID)
    inbox.evict(f"{ID}_R1")
    inbox.ask()
    inbox.receive()
    inbox.conclude()
    assert inbox.events()["ProductRestored"] == 1
    assert inbox.blocks(f"{ID}_R1") == [b"block 1", b"block 2"]
    assert inbox.held(ID).evicted_at is not None
    assert inbox.held(f"{ID}_R2") is None


def test_late_blocks_of_what_came_again_rest_beside_it(inbox: Inbox) -> None:
    inbox.announce(WHOLE[1])
    inbox.receive()
    inbox.conclude(give_up=True)
    inbox.evict()
    inbox.ask()
    inbox.receive()
    assert inbox.conclude(give_up=True)
    inbox.announce(WHOLE[0])
    inbox.receive()
    assert inbox.conclude()
    assert inbox.blocks(f"{ID}_R1") == [b"block 1", b"block 2"]


def test_it_has_the_time_of_a_new_one_before_it_is_given_up(inbox: Inbox, gone: datetime) -> None:
    inbox.ask()
    with inbox.database.read() as connection:
        now, wait = inbox.clock.now(), timedelta(hours=2)
        assert sessions.overdue_sessions(connection, "sgs", now, wait) == []
        assert sessions.overdue_sessions(connection, "sgs", now + wait, wait) == [ID]


def test_blocks_that_went_are_found_along_an_index(inbox: Inbox) -> None:
    def again(connection: sa.Connection) -> int:
        return announce_again(connection, ID, f"sessions/{ID}/1", "sgs", START)

    plans = plans_of(inbox.database, again)
    assert len(plans) == 2
    assert all("ix_received_file_session" in plan for plan in plans)
