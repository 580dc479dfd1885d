"""Deliveries of one session keep apart: names, places, blocks and accounts."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.databases import plans_of

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.query import find
from s1pdgs.inbox import sessions
from s1pdgs.inbox.deliveries import announce_block, announce_session, block_key, delivery_of, location_of
from s1pdgs.inbox.errors import UnknownFile
from s1pdgs.inbox.files import due_files, files_of_session, store_file
from s1pdgs.inbox.tables import received_file
from s1pdgs.inbox.tables import session as session_table
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects

ID = "S1A_20260105072204051312"
START = datetime(2026, 1, 5, 7, 22, 4, tzinfo=UTC)
NOMINAL = Session(ID, "S1A", "SGS", 1, START, START, START + timedelta(seconds=60), 51312)
RETRANSFER = evolve(NOMINAL, retransfer=True, remote_id="guid-2")


def block(number: int, *, retransfer: bool = False, tag: str = "", final: bool = False) -> SessionFile:
    name = f"DCS_02_{ID}_ch1_DSDB_{number:05d}.raw"
    return SessionFile(f"{tag}{number}{retransfer}", ID, name, 1, number, final, START, 10 + number, retransfer)


class Inbox:
    def __init__(self, database: Database, outbox: Outbox, objects: LocalObjects) -> None:
        self.database, self.outbox, self.objects = database, outbox, objects

    def announce(self, session: Session, *files: SessionFile, source: str = "sgs") -> str:
        with self.database.write() as connection:
            announce_session(connection, source, session, START)
            for file in files:
                announce_block(connection, source, file, START)
            return str(delivery_of(connection, session))

    def receive(self, source: str = "sgs") -> None:
        """Download what is due; the bytes tell the announcement that they come from."""
        with self.database.write() as connection:
            for due in due_files(connection, source, self.outbox.clock.now(), 99):
                file = due.announcement
                key = block_key(location_of(str(file.session_id)), 1, file.name)
                sums = self.objects.put(key, iter([f"{source} {file.remote_id}".encode()]))
                store_file(connection, self.outbox, file, key, sums)

    def conclude(self, delivery: str, *, give_up: bool = False) -> bool:
        with self.database.write() as connection:
            end = sessions.give_up if give_up else sessions.complete
            return end(connection, self.outbox, self.objects, delivery)

    def blocks(self, name: str) -> list[bytes]:
        """The contents of the blocks of a product."""
        with self.database.read() as connection:
            held = find(connection, name)
        assert held is not None
        raws = [file.path for file in held.product.files if file.path.endswith(".raw")]
        return [b"".join(self.objects.read(f"{held.product.location}/{path}")) for path in raws]


@pytest.fixture
def inbox(database: Database, outbox: Outbox, objects: LocalObjects) -> Inbox:
    return Inbox(database, outbox, objects)


def test_places_follow_from_names() -> None:
    assert location_of(ID) == f"sessions/{ID}"
    assert location_of(f"{ID}_R2") == f"sessions/{ID}/R2"
    assert block_key(location_of(f"{ID}_R2"), 1, "b.raw") == f"sessions/{ID}/R2/ch_1/b.raw"


def test_a_retransfer_has_its_own_bytes_even_of_equal_blocks(inbox: Inbox) -> None:
    assert inbox.announce(NOMINAL, block(1), block(2, final=True)) == ID
    inbox.receive()
    assert inbox.conclude(ID)
    again = inbox.announce(RETRANSFER, block(1, retransfer=True), block(2, retransfer=True, final=True))
    assert again == f"{ID}_R1"
    inbox.receive()
    assert inbox.conclude(again)
    assert inbox.blocks(ID) == [b"sgs 1False", b"sgs 2False"]
    assert inbox.blocks(again) == [b"sgs 1True", b"sgs 2True"]


def test_a_second_retransfer_is_told_apart_by_the_stations_key(inbox: Inbox) -> None:
    names = [inbox.announce(each) for each in (NOMINAL, RETRANSFER, evolve(RETRANSFER, remote_id="guid-3"), RETRANSFER)]
    assert names == [ID, f"{ID}_R1", f"{ID}_R2", f"{ID}_R1"]


def test_the_first_delivery_has_the_plain_name_even_if_it_is_a_retransfer(inbox: Inbox) -> None:
    assert inbox.announce(RETRANSFER) == ID
    assert inbox.announce(NOMINAL) == f"{ID}_R1"


def test_satellites_and_stations_that_name_a_session_alike_keep_apart(inbox: Inbox) -> None:
    assert inbox.announce(NOMINAL) == ID
    assert inbox.announce(evolve(NOMINAL, station="MTI"), block(1, tag="m"), source="mti") == f"{ID}_R1"
    assert inbox.announce(evolve(NOMINAL, satellite="S1B"), source="b") == f"{ID}_R2"
    inbox.receive("mti")
    with inbox.database.read() as connection:
        assert connection.scalar(sa.select(received_file.c.session_id)) == f"{ID}_R1"


def test_a_mirror_of_a_station_brings_no_other_delivery(inbox: Inbox) -> None:
    inbox.announce(NOMINAL, block(1, final=True))
    assert inbox.announce(NOMINAL, block(1, tag="mirror", final=True), source="mirror") == ID
    inbox.receive()
    inbox.receive("mirror")
    assert inbox.conclude(ID)
    assert inbox.blocks(ID) == [b"sgs 1False"]


def test_blocks_that_come_twice_with_other_bytes_are_a_delivery_of_their_own(inbox: Inbox) -> None:
    blocks = [evolve(block(1), size=10), evolve(block(2, final=True), size=10)]
    inbox.announce(NOMINAL, *blocks)
    inbox.receive()
    assert inbox.conclude(ID)
    twice = [evolve(blocks[0], id="again-1", size=11), evolve(blocks[1], id="again-2", size=11)]
    for _ in range(2):
        inbox.announce(NOMINAL, *blocks, *twice, evolve(blocks[0], id="same-1"))
    inbox.receive()
    assert inbox.blocks(ID) == [b"sgs 1False", b"sgs 2False"]
    assert inbox.conclude(f"{ID}_R1")
    assert inbox.blocks(f"{ID}_R1") == [b"sgs again-1", b"sgs again-2"]
    with inbox.database.read() as connection:
        rows = connection.execute(sa.select(received_file.c.remote_id, received_file.c.state)).all()
        known = sessions.find_session(connection, f"{ID}_R1")
    assert {row.remote_id: row.state for row in rows}["same-1"] == "duplicate"
    assert len(rows) == 5
    assert known is not None
    assert known.session.retransfer, "so that those whom we feed know it for another delivery"


def test_a_checksum_tells_bytes_of_equal_length_apart(inbox: Inbox) -> None:
    inbox.announce(NOMINAL, evolve(block(1), size=10))
    inbox.receive()
    known, other = (hashlib.md5(text, usedforsecurity=False).hexdigest() for text in (b"sgs 1False", b"other"))
    inbox.announce(NOMINAL, evolve(block(1), id="same", size=10, checksum=f"MD5:{known}"))
    inbox.announce(NOMINAL, evolve(block(1), id="other", size=10, checksum=f"MD5:{other}"))
    with inbox.database.read() as connection:
        rows = connection.execute(sa.select(received_file.c.remote_id, received_file.c.session_id)).all()
    assert dict(rows) == {"1False": ID, "same": ID, "other": f"{ID}_R1"}


def test_a_station_that_corrects_its_record_means_the_same_delivery(inbox: Inbox) -> None:
    first = evolve(NOMINAL, remote_id="guid-1", station="SIM_")
    assert inbox.announce(first, block(1, final=True)) == ID
    assert inbox.announce(evolve(first, station="01", satellite="S1C")) == ID
    with inbox.database.read() as connection:
        assert connection.execute(sa.select(session_table.c.station, session_table.c.satellite)).all() == [
            ("01", "S1C")
        ]


def test_a_session_that_is_to_end_in_another_century_is_not_waited_for_until_then(inbox: Inbox) -> None:
    wait = timedelta(hours=12)
    inbox.announce(evolve(NOMINAL, downlink_stop=datetime(2126, 1, 1, tzinfo=UTC)), block(1))
    with inbox.database.read() as connection:
        assert sessions.overdue_sessions(connection, "sgs", START + timedelta(days=2), wait) == []
        assert sessions.overdue_sessions(connection, "sgs", START + timedelta(days=3), wait) == [ID]


def test_late_blocks_and_retransfers_share_the_numbers(inbox: Inbox) -> None:
    inbox.announce(NOMINAL, block(2, final=True))
    inbox.receive()
    assert inbox.conclude(ID, give_up=True)
    assert inbox.announce(RETRANSFER, block(1, retransfer=True)) == f"{ID}_R1"
    inbox.announce(NOMINAL, block(1))
    inbox.receive()
    assert inbox.conclude(ID)
    assert inbox.blocks(f"{ID}_R2") == [b"sgs 1False", b"sgs 2False"]
    assert inbox.conclude(f"{ID}_R1", give_up=True)
    assert inbox.blocks(f"{ID}_R1") == [b"sgs 1True"]


def test_a_block_of_a_session_that_nobody_announced_is_refused(inbox: Inbox) -> None:
    with inbox.database.write() as connection, pytest.raises(UnknownFile, match="which sgs never announced"):
        announce_block(connection, "sgs", block(1), START)


def test_what_is_due_and_the_place_of_a_block_are_read_along_indexes_whatever_a_channel_has(inbox: Inbox) -> None:
    inbox.announce(NOMINAL, block(1))
    like = {"source": "sgs", "session_id": ID, "channel": 1, "published": START, "retry_at": START}
    many = [{**like, "remote_id": str(n), "name": str(n), "block": n, "state": "announced"} for n in range(2, 2000)]
    with inbox.database.write() as connection:
        connection.execute(received_file.insert(), many)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE received_file")

    def work(connection: sa.Connection) -> None:
        assert [due.announcement.block for due in due_files(connection, "sgs", START, 3)] == [1, 2, 3]
        assert not announce_block(connection, "sgs", block(2, tag="again"), START)
        assert len(files_of_session(connection, ID)) == 2000

    due, _, other, _, rival, first, whole = plans_of(inbox.database, work)
    assert "ix_received_file_state" in due
    for plan in (other, rival, first):
        assert re.search(r"ix_received_file_session .*channel ?= ?.*block ?= ?", plan), plan
    assert "ix_received_file_session" in whole
    assert [plan for plan in (due, whole) if re.search(r"Sort|TEMP B-TREE", plan)] == []


STEPS = [
    (session, file)
    for session, retransfer in ((NOMINAL, False), (RETRANSFER, True))
    for file in (block(1, retransfer=retransfer), block(2, retransfer=retransfer, final=True))
]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(STEPS), receives=st.lists(st.booleans(), min_size=4, max_size=4))
def test_however_they_interleave_blocks_are_never_mixed(
    order: list[Any], receives: list[bool], inbox: Inbox, objects: LocalObjects
) -> None:
    with inbox.database.write() as connection:
        for table in ("product_file", "product", "received_file", "session", "event"):
            connection.execute(sa.text(f"delete from {table}"))
    objects.delete("sessions")
    for (session, file), receive in zip(order, receives, strict=True):
        inbox.announce(session, file)
        if receive:
            inbox.receive()
    inbox.receive()
    with inbox.database.read() as connection:
        flags = dict(connection.execute(sa.select(session_table.c.id, session_table.c.retransfer)).all())
    assert sorted(flags) == [ID, f"{ID}_R1"]
    for name, flag in flags.items():
        assert inbox.conclude(name)
        assert inbox.blocks(name) == [f"sgs {number}{flag}".encode() for number in (1, 2)]
