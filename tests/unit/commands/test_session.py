"""`s1pdgs session` on a real ground segment's folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.catalogue.lifecycle import evict_files
from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.tables import product
from s1pdgs.cli import cli
from s1pdgs.inbox.sessions import find_session
from s1pdgs.inbox.tables import session as session_table
from s1pdgs.stations.folder import ingest
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import local_objects
from tests.unit.triggers.conftest import Mission

MakePass = Callable[..., Path]
SESSION = "S1A_20260105072204051312"


def told(runner: CliRunner, config: Path, *arguments: str, fails: bool = False) -> str:
    result = runner.invoke(cli, ["--config", str(config), "session", *arguments])
    assert (result.exit_code != 0) == fails, result.output
    return result.output.strip()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "s1pdgs.toml"
    path.write_text('[[sources]]\nname = "svalbard"\nkind = "cadip"\nurl = "http://127.0.0.1:9"\n')
    return path


@pytest.fixture
def session(mission: Mission, make_pass: MakePass, tmp_path: Path) -> Path:
    """The folder of a session that was taken in."""
    folder, objects = make_pass(), local_objects(tmp_path / "data" / "objects")
    ingest(folder, mission.database, objects, mission.planner.outbox, tmp_path / "work")
    return folder


def let_go(mission: Mission) -> None:
    now = mission.planner.outbox.clock.now()
    with mission.database.write() as connection:
        evict_files(connection, connection.execute(product.select()).all(), now, now)


def came_from(database: Database, source: str) -> None:
    with database.write() as connection:
        connection.execute(session_table.update().values(source=source))


def test_one_whose_files_went_comes_from_its_station_again(
    runner: CliRunner, config: Path, mission: Mission, session: Path
) -> None:
    came_from(mission.database, "svalbard")
    assert "need not come again: its files are here" in told(runner, config, "again", SESSION, fails=True)
    let_go(mission)
    assert told(runner, config, "again", SESSION) == f"session {SESSION} comes from svalbard again"
    with mission.database.read() as connection:
        known = find_session(connection, SESSION)
    assert known is not None
    assert known.state == "open"
    assert "is on its way" in told(runner, config, "again", SESSION, fails=True)


def test_one_of_a_folder_is_ingested_again(runner: CliRunner, config: Path, mission: Mission, session: Path) -> None:
    let_go(mission)
    assert "s1pdgs ingest FOLDER takes it in again" in told(runner, config, "again", SESSION, fails=True)
    done = runner.invoke(cli, ["ingest", str(session)])
    assert done.output.strip() == SESSION
    with mission.database.read() as connection:
        held = find(connection, SESSION)
    assert held is not None
    assert held.evicted_at is None


def test_one_that_was_never_announced_is_named(runner: CliRunner, config: Path, mission: Mission) -> None:
    assert "no session S1A_1 was ever announced" in told(runner, config, "again", "S1A_1", fails=True)
