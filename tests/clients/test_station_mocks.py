"""The station mocks of RS-Python as stations that others wrote: our clients harvest them, whatever they answer."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.inbox import sessions as inbox
from s1pdgs.inbox.tables import received_file
from s1pdgs.model.time import SystemClock
from s1pdgs.stations.cursor import position
from s1pdgs.stations.poller import Source, download, open_source, poll
from s1pdgs.stations.profile import Credentials, Profile
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects, local_objects
from tests.clients.conftest import ROOT
from tests.databases import new_database

PLACE = ROOT / ".cache" / "peers" / "testmeans"
SESSION = "S1A_20261123060000060001"
SERVE = """
import importlib, sys
from waitress import create_server
sys.path.insert(0, ".")
app = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])()
server = create_server(app, host="127.0.0.1", port=0, threads=4)
print(server.effective_port, flush=True)
server.run()
"""


@frozen
class Mock:
    """A mock at work in a copy of its own."""

    folder: Path
    url: str

    def forget_tokens(self) -> None:
        """Take back all tokens that were given, without a word."""
        shutil.copy(self.folder / "config/auth_tmp.json", self.folder / "config/auth.json")

    def append(self, name: str, *records: dict[str, Any]) -> None:
        path = self.folder / "config/Catalogue" / name
        listed = json.loads(path.read_text())
        listed["Data"] += records
        path.with_suffix(".new").write_text(json.dumps(listed))
        path.with_suffix(".new").rename(path)


Serve = Callable[..., Mock]


@pytest.fixture
def serve_mock(tmp_path: Path) -> Iterator[Serve]:
    """Starts a mock by its folder, module and factory."""
    if not (PLACE / ".installed").exists():
        pytest.skip("the station mocks of RS-Python are not here (scripts/testmeans says why)")
    running = []

    def start(station: str, module: str, factory: str) -> Mock:
        shutil.copytree(PLACE / "repo/src", tmp_path / "mocks", symlinks=True)
        mock = Mock(tmp_path / "mocks" / station, "")
        mock.forget_tokens()
        log = (tmp_path / "mock.log").open("wb")
        command = [PLACE / "venv/bin/python", "-c", SERVE, module, factory]
        running.append(subprocess.Popen(command, cwd=mock.folder, stdout=subprocess.PIPE, stderr=log))
        log.close()
        port = running[-1].stdout.readline().strip().decode()
        assert port.isdigit(), (tmp_path / "mock.log").read_text()[-2000:]
        return Mock(mock.folder, f"http://127.0.0.1:{port}")

    yield start
    for process in running:
        process.terminate()
        process.communicate()


@frozen
class Site:
    """A ground segment that polls a mock."""

    database: Database
    objects: LocalObjects
    source: Source

    def harvest(self) -> None:
        """Poll, and download until nothing is due."""
        poll(self.source)
        while download(self.source):
            pass

    def rows(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(received_file)).all())

    def trouble(self) -> str | None:
        with self.database.read() as connection:
            at = position(connection, self.source.profile.name)
        return None if at is None else at.error


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with new_database("sqlite", tmp_path) as database:
        opened: list[Source] = []

        def site(mock: Mock, **options: Any) -> Site:
            """Its profile believes no size and no checksum, for those of the mocks are made up."""
            given = Credentials(f"{mock.url}/oauth2/token", "test", "test", "client_id", "client_secret")
            settings = {"name": "mock", "url": mock.url, "credentials": given, "integrity": "off", "poll_s": 1e-6}
            objects, outbox = local_objects(tmp_path / "objects"), Outbox(SystemClock())
            source = open_source(Profile(**settings | options), database, objects, outbox, tmp_path / "work")
            opened.append(source)
            return Site(database, objects, source)

        yield site
        for source in opened:
            source.close()


def block(channel: int, number: int, *, final: bool = False) -> dict[str, Any]:
    return {
        "Id": f"00000000-0000-4000-8000-0000000{channel:02d}{number:03d}", "SessionId": SESSION, "Channel": channel,
        "Name": f"DCS_01_{SESSION}_ch{channel}_DSDB_{number:05d}.raw", "BlockNumber": number, "FinalBlock": final,
        "PublicationDate": f"2026-11-23T06:0{number}:00.000Z", "EvictionDate": "2026-11-30T06:00:00.000Z", "Size": "42",
        "Retransfer": False,
    }  # fmt: skip


def test_a_session_that_grows_is_harvested_while_tokens_are_taken_back(
    serve_mock: Serve, site_of: Callable[..., Site]
) -> None:
    mock = serve_mock("CADIP", "cadip_station_mock", "create_cadip_app")
    site = site_of(mock, kind="cadip", start=datetime(2026, 11, 1, tzinfo=UTC))
    blocks = [block(1, 1), block(2, 1), block(1, 2), block(1, 3, final=True), block(2, 2, final=True)]
    bodies = {each["Name"]: each["Name"].encode() * 999 for each in blocks}
    for name, body in bodies.items():
        (mock.folder / "config/S3Mock" / name).write_bytes(body)
    site.harvest()
    assert site.rows() == []
    session = {
        "Id": "11111111-0000-4000-8000-000000000001", "SessionId": SESSION, "NumChannels": 2, "Satellite": "S1A",
        "PublicationDate": "2026-11-23T06:00:00.000Z", "StationUnitId": "01", "DownlinkOrbit": 60001,
        "Retransfer": False, "DownlinkStart": "2026-11-23T06:00:00.000Z", "DownlinkStop": "2026-11-23T06:10:00.000Z",
    }  # fmt: skip
    mock.append("SPJ.json", session)
    for number, each in enumerate(blocks, 1):
        mock.append("FileResponse.json", each)
        mock.forget_tokens()
        site.harvest()
        assert [row.state for row in site.rows()] == ["stored"] * number
        assert site.trouble() is None
    with site.database.read() as connection:
        known = inbox.find_session(connection, SESSION)
    assert known is not None
    assert known.state == "complete"
    for row in site.rows():
        assert b"".join(site.objects.read(row.location)) == bodies[row.name]


def test_what_the_mock_has_in_stock_is_harvested_once(serve_mock: Serve, site_of: Callable[..., Site]) -> None:
    mock = serve_mock("CADIP", "cadip_station_mock", "create_cadip_app")
    site = site_of(mock, kind="cadip", satellites=["S1A"], page_size=7, start=datetime(2021, 1, 1, tzinfo=UTC))
    site.harvest()
    harvested = site.rows()
    listed = json.loads((mock.folder / "config/Catalogue/FileResponse.json").read_text())["Data"]
    sessions = {"S1A_20210410031928012345", "S1A_20220715090550123456", "S1A_20231120061537234567"}
    assert {row.remote_id for row in harvested} == {one["Id"] for one in listed if one["SessionId"] in sessions}
    places = {(row.session_id, row.channel, row.block) for row in harvested}
    assert {(row.session_id, row.channel, row.block) for row in harvested if row.state == "stored"} == places
    assert {row.state for row in harvested} == {"stored", "duplicate"}, "the mock gives blocks the same place"
    site.harvest()
    assert site.rows() == harvested


def test_junk_under_the_names_of_orbit_files_is_set_aside_with_its_bytes(
    serve_mock: Serve, site_of: Callable[..., Site]
) -> None:
    mock = serve_mock("ADGS", "adgs_station_mock", "create_adgs_app")
    wanted = r".*_AUX_RESORB_OPOD_20(20|21).*"
    site = site_of(mock, kind="auxip", match=wanted, start=datetime(2018, 1, 1, tzinfo=UTC), max_attempts=1)
    site.harvest()
    listed = json.loads((mock.folder / "config/Catalog/GETFileResponse.json").read_text())["Data"]
    named = {one["Name"] for one in listed if re.match(wanted, one["Name"])}
    assert {row.name for row in site.rows()} == named != set()
    for row in site.rows():
        assert row.state == "quarantined"
        assert "was received but cannot be used" in row.reason
        assert b"".join(site.objects.read(row.location)) == (mock.folder / "config/Storage" / row.name).read_bytes()
    assert site.trouble() is None
