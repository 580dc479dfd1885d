"""A CADIP station of what has arrived: what its clients see, and another ground segment fed by it."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from attrs import evolve, frozen
from fastapi import FastAPI
from lxml import etree

from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.inbox import sessions
from s1pdgs.inbox.deliveries import (
    announce_block,
    announce_session,
    block_key,
    delivery_of,
    location_of,
    place_of,
    receive_again,
)
from s1pdgs.inbox.files import due_files, retry_file, store_file
from s1pdgs.inbox.tables import received_file
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.publication.cadip import FILES, HERE, OFFERED, SESSIONS, Cadip
from s1pdgs.publication.odata.entities import find_one, find_page
from s1pdgs.publication.odata.options import read_options
from s1pdgs.stations.poller import Source, download, open_source, poll
from s1pdgs.stations.profile import Profile
from s1pdgs.storage.database import Database
from tests.databases import new_database, plans_of
from tests.unit.publication.conftest import NOON, Segment, new_segment, serving

ID = "S1A_20200615120000033000"
MODEL = {"m": "http://docs.oasis-open.org/odata/ns/edm"}
PASS = Session(ID, "S1A", "SGS", 1, NOON, NOON, NOON + timedelta(minutes=10), 33000, remote_id="their-key")
QUALITY = [{"Channel": 1, "SessionId": ID, "AcquiredTFs": "9", "TotalChunks": 3, "StationsOwn": [1.5]}]


def block(number: int, *, channel: int = 1, final: bool = False, delivery: str = "", key: str = "") -> SessionFile:
    name = f"DCS_02_{ID}_ch{channel}_DSDB_{number:05d}.raw"
    return SessionFile(f"{key}{channel}/{number}", ID, name, channel, number, final, NOON, -1, bool(key), delivery)


def bytes_of(file: SessionFile, source: str = "sgs") -> bytes:
    return hashlib.sha256(f"{source}{file.id}".encode()).digest() * 4000


@frozen
class Station:
    """A ground segment whose inbox is served."""

    segment: Segment
    client: httpx2.Client

    def announce(self, session: Session, *files: SessionFile, source: str = "sgs") -> str:
        now = self.segment.clock.now()
        with self.segment.database.write() as connection:
            announce_session(connection, source, session, now)
            for file in files:
                announce_block(connection, source, file, now)
            return str(delivery_of(connection, session))

    def receive(self, *files: SessionFile, source: str = "sgs") -> None:
        """Download some of the blocks that are due, one a second."""
        with self.segment.database.write() as connection:
            due = {one.announcement.remote_id: one.announcement for one in due_files(
                connection, source, self.segment.clock.now(), 99)}  # fmt: skip
        for file in files:
            self.segment.clock.advance(1.0)
            known = due[file.id]
            with self.segment.database.read() as connection:
                key = block_key(place_of(connection, str(known.session_id)), file.channel, file.name)
            sums = self.segment.store.put(key, iter([bytes_of(file, source)]))
            with self.segment.database.write() as connection:
                store_file(connection, self.segment.outbox, known, key, sums)

    def conclude(self, delivery: str, *, give_up: bool = False) -> None:
        with self.segment.database.write() as connection:
            end = sessions.give_up if give_up else sessions.complete
            assert end(connection, self.segment.outbox, self.segment.store, delivery)

    def get(self, path: str, **options: str) -> Any:
        reply = self.client.get(path, params={f"${name}": value for name, value in options.items()})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def files(self, **options: str) -> list[Any]:
        return list(self.get("/Files", **options)["value"])


@pytest.fixture
def station(database: Database, tmp_path: Path) -> Iterator[Station]:
    segment = new_segment(database, tmp_path)
    app = FastAPI()
    app.include_router(Cadip(database, segment.store).router())
    with serving(app) as site, httpx2.Client(timeout=60.0, base_url=f"{site}/cadip/odata/v1") as client:
        yield Station(segment, client)


@pytest.fixture
def downstream(station: Station, tmp_path: Path) -> Iterator[tuple[Segment, Source]]:
    """Another ground segment, that knows the station by its address only."""
    with new_database("sqlite", tmp_path / "downstream") as database:
        segment = new_segment(database, tmp_path / "downstream")
        segment.clock.advance((station.segment.clock.now() - segment.clock.now()).total_seconds())
        profile = Profile(name="upstream", kind="cadip", url=str(station.client.base_url), poll_s=1.0, page_size=3)  # type: ignore[arg-type]
        source = open_source(profile, database, segment.store, segment.outbox, tmp_path / "work")
        yield segment, source
        source.close()


def fetch(source: Source, segment: Segment) -> None:
    segment.clock.advance(3.0)
    poll(source)
    while download(source):
        pass


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    (tmp_path / "downstream").mkdir()


def test_a_session_grows_while_its_blocks_arrive(station: Station) -> None:
    first, last = block(1), block(2, final=True)
    delivery = station.announce(PASS, first, last)
    (session,) = station.get("/Sessions", expand="Files,QualityInfo")["value"]
    assert session == {
        "Id": session["Id"], "SessionId": ID, "NumChannels": 1, "PublicationDate": "2026-01-05T08:00:00.000000Z",
        "Satellite": "S1A", "StationUnitId": "SGS", "DownlinkOrbit": 33000, "AcquisitionId": None, "AntennaId": None,
        "FrontEndId": None, "Retransfer": False, "AntennaStatusOK": None, "FrontEndStatusOK": None,
        "PlannedDataStart": None, "PlannedDataStop": None, "DownlinkStart": "2020-06-15T12:00:00.000000Z",
        "DownlinkStop": "2020-06-15T12:10:00.000000Z", "DownlinkStatusOK": None, "DeliveryPushOK": None, "Files": [],
        "QualityInfo": [],
    }  # fmt: skip
    station.receive(first)
    assert [file["BlockNumber"] for file in station.files(filter=f"SessionId eq '{ID}'")] == [1]
    station.receive(last)
    with station.segment.database.write() as connection:
        sessions.record_quality(connection, delivery, QUALITY)
    station.conclude(delivery)
    key = session["Id"]
    session = station.get(f"/Sessions({key})", expand="Files,QualityInfo")
    assert session["DeliveryPushOK"] is True
    assert session["QualityInfo"] == QUALITY == station.get(f"/Sessions({key})/QualityInfo")["value"]
    assert session["Files"] == station.get(f"/Sessions({key})/Files")["value"] == station.files()
    content, stored = bytes_of(last), "2026-01-05T08:00:02.000000Z"
    assert session["Files"][1] == {
        "Id": session["Files"][1]["Id"], "Name": last.name, "SessionId": ID, "Channel": 1, "BlockNumber": 2,
        "FinalBlock": True, "PublicationDate": stored, "EvictionDate": None,
        "Size": len(content), "Retransfer": False, "DeliveryId": key,
        "Checksum": [
            {"Algorithm": "MD5", "Value": hashlib.md5(content).hexdigest(), "ChecksumDate": stored},
            {"Algorithm": "SHA256", "Value": hashlib.sha256(content).hexdigest(), "ChecksumDate": stored},
        ],
    }  # fmt: skip


def test_what_clients_of_stations_ask_is_answered(station: Station) -> None:
    station.announce(PASS, *(files := [block(1), block(2), block(3, final=True)]))
    station.receive(*files)
    other = evolve(PASS, id="S1C_20200615130000033001", satellite="S1C", remote_id="")
    station.segment.clock.advance(60.0)
    station.announce(other)
    after = "Satellite eq 'S1A' and PublicationDate gt 2026-01-05T07:00:00.000Z"
    asked = station.get("/Sessions", filter=after, orderby="PublicationDate asc", top="10", skip="0", count="true")
    assert (asked["@odata.count"], [one["SessionId"] for one in asked["value"]]) == (1, [ID])
    assert [one["SessionId"] for one in station.get("/Sessions", filter="Satellite in ('S1C')")["value"]] == [other.id]
    assert len(station.files(filter=f"SessionId eq '{ID}' and Retransfer eq false")) == 3
    assert station.files(filter="FinalBlock and Channel eq 1 and Size gt 0")[0]["BlockNumber"] == 3
    assert station.get("/Sessions", filter="DownlinkStatusOK eq true or AcquisitionId eq 'x'")["value"] == []
    page = station.get("/Files", top="2")
    assert "%24skiptoken=" in page["@odata.nextLink"]
    assert [one["BlockNumber"] for one in station.client.get(page["@odata.nextLink"]).json()["value"]] == [3]
    assert station.client.get("/Files/$count").text == "3"


def test_every_form_of_filter_that_real_stations_are_probed_with_is_answered(station: Station) -> None:
    """The forms of rs-testsuite's `odata_tests_cadip.sh` (peers.md, section 1.7)."""
    station.announce(PASS)
    station.announce(evolve(PASS, id="S1C_20200615130000033001", satellite="S1C", remote_id=""))
    for form, found in {
        "Satellite eq 'S1A'": "A", "Satellite ne 'S1A'": "C", "PublicationDate gt 2026-01-01T00:00:00.000Z": "AC",
        "PublicationDate ge 2026-01-05T08:00:00.000Z": "AC", "PublicationDate lt 2026-01-05T08:00:00.000Z": "",
        "PublicationDate le 2026-01-05T08:00:00.000Z": "AC", "Satellite in ('S1A','S1C','S1D')": "AC",
        "Satellite in ( 'S1A' , 'S1B' )": "A", "SessionId in ('S1C_20200615130000033001')": "C",
        "Satellite eq 'S1C' and PublicationDate lt 2026-02-01T00:00:00.000Z": "C",
        "Satellite eq 'S1A' or Satellite eq 'S1C' or Satellite eq 'S1D'": "AC", "not endswith(SessionId,'0')": "C",
        "not(Satellite eq 'S1A')": "C", "not (Satellite eq 'S1A')": "C",
        "Satellite eq 'S1A' and (contains(SessionId,'2000') or contains(SessionId,'3000'))": "A",
        "concat(Satellite,'Z') eq 'S1AZ'": "A", "contains(SessionId,'2000')": "A", "endswith(SessionId,'0')": "A",
        "indexof(Satellite,'A') eq 2": "A", "length(Satellite) eq 3": "AC", "startswith(SessionId,'S1A')": "A",
        "substring(Satellite,1) eq '1A'": "A",
        "matchesPattern(Satellite,'^S.*A$')": "A", "tolower(Satellite) eq 's1a'": "A",
        "toupper(Satellite) eq 'S1A'": "A", "trim(Satellite) eq 'S1A'": "A", "Retransfer eq false": "AC",
        f"Id eq {station.get('/Sessions')['value'][0]['Id']}": "A",
    }.items():  # fmt: skip
        told = station.get("/Sessions", filter=form, orderby="PublicationDate desc", top="10")["value"]
        assert {one["Satellite"][2] for one in told} == set(found), form


def test_a_block_is_fetched_whole_and_in_parts(station: Station) -> None:
    station.announce(PASS, first := block(1))
    station.receive(first)
    (file,) = station.files()
    content, address = bytes_of(first), f"/Files({file['Id']})/$value"
    whole = station.client.get(address)
    assert (whole.content, whole.headers["content-length"]) == (content, str(len(content)))
    assert whole.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    rest = station.client.get(address, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, content[1000:])
    assert station.client.head(address).headers["content-length"] == str(len(content))
    assert station.client.get(address, headers={"Range": f"bytes={len(content)}-"}).status_code == 416


def test_what_is_not_there_is_not_offered(station: Station) -> None:
    delivery = station.announce(PASS, first := block(1), block(2), last := block(3, final=True))
    station.receive(first, last)
    key = station.files()[0]["Id"]
    station.conclude(delivery, give_up=True)
    assert [file["BlockNumber"] for file in station.files()] == [1, 3]
    assert station.get("/Sessions")["value"][0]["DeliveryPushOK"] is False
    with station.segment.database.write() as connection:
        due = product_table.update().where(product_table.c.name == ID).values(evict_at=NOON)
        connection.execute(due)
    assert station.files()[0]["EvictionDate"] == "2020-06-15T12:00:00.000000Z"
    with station.segment.database.write() as connection:
        connection.execute(product_table.update().values(evicted_at=NOON))
    assert (station.files(), station.get("/Sessions")["value"]) == ([], [])
    assert station.client.get(f"/Files({key})/$value").status_code == 404


def test_the_service_tells_what_it_is(station: Station) -> None:
    assert [one["name"] for one in station.get("/")["value"]] == ["Sessions", "Files"]
    model = etree.fromstring(station.client.get("/$metadata").content)
    for entities, name in ((SESSIONS, "Session"), (FILES, "File")):
        described = model.xpath(f"//m:EntityType[@Name='{name}']/m:Property/@Name", namespaces=MODEL)
        assert described == [one.name for one in entities.properties]
        optional = model.xpath(f"//m:EntityType[@Name='{name}']/m:Property[not(@Nullable)]/@Name", namespaces=MODEL)
        assert optional == [one.name for one in entities.properties if one.nullable]
    reply = station.client.get("/Products")
    assert (reply.status_code, "Sessions, Files" in reply.json()["error"]["message"]) == (404, True)
    assert station.client.post("/Sessions", json={}).status_code == 405


def test_another_ground_segment_gets_the_session_as_it_comes(
    station: Station, downstream: tuple[Segment, Source]
) -> None:
    segment, source = downstream
    files = [block(1), block(2), block(3, final=True)]
    delivery = station.announce(PASS, *files)
    for file in files:
        station.receive(file)
        fetch(source, segment)
        if file is files[1]:
            with station.segment.database.write() as connection:
                sessions.record_quality(connection, delivery, QUALITY)
    with segment.database.read() as connection:
        held = find(connection, ID)
        known = sessions.find_session(connection, ID)
        checked = connection.scalars(sa.select(received_file.c.checksum)).all()
    assert held is not None
    assert known is not None
    assert (known.state, known.session.station) == ("complete", "SGS")
    assert all(checksum.startswith("SHA256:") for checksum in checked)
    blocks = {file.path: file.sha256 for file in held.product.files if file.path.endswith(".raw")}
    assert blocks == {f"ch_1/{file.name}": hashlib.sha256(bytes_of(file)).hexdigest() for file in files}
    assert [file.path for file in held.product.files if file.path.endswith("QualityInfo.json")]


def test_deliveries_of_one_session_stay_apart_in_another_ground_segment(
    station: Station, downstream: tuple[Segment, Source]
) -> None:
    """Two stations that call it the same, and two retransfers: `Files` of the interface cannot tell them apart."""
    segment, source = downstream
    elsewhere = evolve(PASS, station="MPS", remote_id="")
    again = [evolve(PASS, retransfer=True, remote_id=key) for key in ("again", "once-more")]
    one, two = block(1, final=True), block(1, final=True)
    station.announce(PASS, one)
    station.receive(one)
    station.announce(elsewhere, two, source="mps")
    station.receive(two, source="mps")
    for session in again:
        station.announce(session, file := block(1, final=True, key=session.remote_id, delivery=session.remote_id))
        station.receive(file)
    for delivery in (ID, f"{ID}_R1", f"{ID}_R2", f"{ID}_R3"):
        station.conclude(delivery)
    fetch(source, segment)
    fetch(source, segment)
    with segment.database.read() as connection, station.segment.database.read() as upstream:
        for delivery in (ID, f"{ID}_R1", f"{ID}_R2", f"{ID}_R3"):
            here, there = find(connection, delivery), find(upstream, delivery)
            assert here is not None
            assert there is not None
            assert here.product.attributes["station"] == there.product.attributes["station"]
            assert here.product.attributes["retransfer"] == there.product.attributes["retransfer"]
            assert here.product.files[0] == there.product.files[0]


def test_one_who_is_a_day_behind_and_whose_clock_is_wrong_misses_nothing(
    station: Station, downstream: tuple[Segment, Source]
) -> None:
    """Sessions and files of one moment stand on many pages of the list."""
    segment, source = downstream
    segment.clock.advance(-420.0)
    fetch(source, segment)
    names = [f"S1A_2020061{day}{hour:02d}0000033000" for day in (4, 5) for hour in range(4)]
    for name in names:
        passed = evolve(PASS, id=name, channels=1, remote_id="")
        blocks = [block(number, final=number == 3) for number in (1, 2, 3)]
        files = [evolve(one, id=f"{name}{one.id}", session_id=name, name=f"{name}{one.name}") for one in blocks]
        station.announce(passed, *files)
        with station.segment.database.write() as connection:
            for due in due_files(connection, "sgs", station.segment.clock.now(), 99):
                file = due.announcement
                key = block_key(location_of(name), 1, file.name)
                sums = station.segment.store.put(key, iter([file.name.encode()]))
                store_file(connection, station.segment.outbox, file, key, sums)
        station.conclude(name)
    segment.clock.advance(86_400.0)
    for _ in range(3):
        fetch(source, segment)
    with segment.database.read() as connection:
        states = {name: sessions.find_session(connection, name) for name in names}
        count = connection.scalar(sa.select(sa.func.count()).select_from(received_file))
    assert {name: known and known.state for name, known in states.items()} == dict.fromkeys(names, "complete")
    assert count == 3 * len(names)


def test_what_was_evicted_before_it_was_fetched_is_set_aside_and_comes_when_it_is_here_again(
    station: Station, downstream: tuple[Segment, Source]
) -> None:
    segment, source = downstream
    files = [block(1), block(2, final=True)]
    delivery = station.announce(PASS, *files)
    station.receive(*files)
    segment.clock.advance(3.0)
    poll(source)
    station.conclude(delivery)
    gone = station.segment.clock.now()
    with station.segment.database.write() as connection:
        connection.execute(product_table.update().where(product_table.c.name == ID).values(evicted_at=gone))
    for _ in range(source.profile.max_attempts):
        download(source)
        segment.clock.advance(1800.0)
    poll(source)
    with segment.database.read() as connection:
        known = sessions.find_session(connection, ID)
        rows = connection.execute(sa.select(received_file)).all()
    assert known is not None
    assert known.state == "open"
    assert "block 1 is in quarantine" in str(known.reason)
    assert {row.state for row in rows} == {"quarantined"}
    assert all("answers 404" in row.reason and "ask the station to transfer it again" in row.reason for row in rows)
    with station.segment.database.write() as connection:
        assert receive_again(connection, delivery, "sgs", gone)
    station.receive(*files)
    station.conclude(delivery)
    with segment.database.write() as connection:
        for row in rows:
            assert retry_file(connection, "upstream", row.remote_id, segment.clock.now())
    fetch(source, segment)
    with segment.database.read() as connection:
        known = sessions.find_session(connection, ID)
    assert known is not None
    assert known.state == "complete"


NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
MANY_SESSIONS = f"""INSERT INTO session (id, uuid, session_id, delivery, remote_id, source, satellite, station,
 channels, published, downlink_start, downlink_stop, downlink_orbit, retransfer, state, first_seen)
 {NUMBERS.format(count=300)}
 SELECT 's' || i, 's' || i, 's' || i, 0, '', 'sgs', 'S1A', 'SGS', 2, i, i, i, i, false, 'complete', i FROM n"""
MANY_FILES = f"""INSERT INTO received_file (source, remote_id, uuid, name, session_id, channel, block, final_block,
 size, published, state, attempts, retry_at, location, stored_at) {NUMBERS.format(count=6000)}
 SELECT 'sgs', i, 'f' || i, 'f' || i, 's' || (i % 300 + 1), i % 2, i, false, 1, i, 'stored', 0, i, 'x', i FROM n"""


def test_questions_of_clients_run_along_indexes(database: Database) -> None:
    with database.write() as connection:
        for statement in (MANY_SESSIONS, MANY_FILES):
            connection.execute(sa.text(statement))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
    later = read_options(
        [("$filter", "Satellite eq 'S1A' and PublicationDate gt 2026-01-01T00:00:00Z"), ("$top", "10")],
        offer=SESSIONS.offer,
    )
    of_session = read_options([("$filter", f"SessionId eq '{ID}'")], offer=FILES.offer)
    newest = read_options([("$filter", "PublicationDate gt 2026-01-01T00:00:00Z")], offer=FILES.offer)

    def act(connection: sa.Connection) -> None:
        find_page(connection, SESSIONS, later, HERE)
        find_page(connection, FILES, of_session, OFFERED)
        find_page(connection, FILES, newest, OFFERED)
        with pytest.raises(LookupError):
            find_one(connection, FILES, "00000000-0000-4000-8000-000000000001", OFFERED)
        assert SESSIONS.navigation("Files").read(connection, [SimpleNamespace(delivery=ID)]) == [[]]

    sessions_plan, files_plan, newest_plan, key_plan, expanded_plan = plans_of(database, act)
    assert "ix_session_first_seen" in sessions_plan
    for plan in (files_plan, expanded_plan):
        assert "ix_received_file_session" in plan
    assert "ix_session_session_id" in files_plan
    assert "ix_received_file_stored_at" in newest_plan
    assert "ix_received_file_uuid" in key_plan
