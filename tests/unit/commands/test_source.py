"""`s1pdgs source` on a real ground segment's folder: which stations are well, what is late, what was set aside."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner

from s1pdgs.bus.outbox import Outbox
from s1pdgs.cli import cli, main
from s1pdgs.inbox.deliveries import announce_block, announce_session
from s1pdgs.inbox.files import Announcement, announce_file, due_files, fail_file
from s1pdgs.inbox.tables import received_file
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.model.time import SystemClock
from s1pdgs.stations.cursor import advance, note_failure
from s1pdgs.stations.profile import Profile
from tests.unit.triggers.conftest import Mission

ID = "S1A_20260105072204051312"
NAMES = ("matera", "maspalomas", "neustrelitz", "svalbard")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "s1pdgs.toml"
    path.write_text("\n".join(f'[[sources]]\nname = "{name}"\nkind = "cadip"\nurl = "http://{name}"' for name in NAMES))
    return path


@pytest.fixture
def told(runner: CliRunner, config: Path) -> Any:
    def run(*arguments: str, code: int = 0) -> str:
        result = runner.invoke(cli, ["--config", str(config), "source", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    return run


def profile(name: str) -> Profile:
    return Profile(name, "cadip", f"http://{name}")


def test_every_station_tells_how_it_is(mission: Mission, told: Any) -> None:
    now = datetime.now(UTC)
    old = Announcement("matera", "r1", "orbit.EOF", now - timedelta(hours=5))
    with mission.database.write() as connection:
        announce_file(connection, old, now)
        advance(connection, profile("matera"), now, now)
        note_failure(connection, profile("maspalomas"), "http://maspalomas answers 503: noon", now)
        advance(connection, profile("neustrelitz"), now, now - timedelta(hours=1))
    found = {one["source"]: one for one in json.loads(told("list", "--json", code=1))}
    assert {name: one["health"] for name, one in found.items()} == {
        "matera": "behind", "maspalomas": "trouble", "neustrelitz": "silent", "svalbard": "not polled",
    }  # fmt: skip
    assert (found["matera"]["to fetch"], found["matera"]["oldest"]) == (1, "5 h ago")
    assert found["maspalomas"]["note"] == "http://maspalomas answers 503: noon"
    assert found["neustrelitz"]["polled"] == "60 min ago"
    with mission.database.write() as connection:
        for name in NAMES:
            advance(connection, profile(name), now, now)
        connection.execute(received_file.delete())
    assert {one["health"] for one in json.loads(told("list", "--json"))} == {"well"}


def test_a_watchdog_can_ask_the_program(
    mission: Mission, runner: CliRunner, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ready, code in ((False, 1), (True, 0)):
        if ready:
            now = datetime.now(UTC)
            with mission.database.write() as connection:
                for name in NAMES:
                    advance(connection, profile(name), now, now)
        monkeypatch.setattr("sys.argv", ["s1pdgs", "--config", str(config), "source", "list"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code


def test_what_is_late_says_what_it_waits_for(mission: Mission, told: Any) -> None:
    assert told("late") == "every session is complete\n"
    now = datetime.now(UTC)
    session = Session(ID, "S1A", "SGS", 2, now, now, now, 51312)
    with mission.database.write() as connection:
        announce_session(connection, "svalbard", session, now - timedelta(minutes=7))
        announce_session(connection, "svalbard", evolve(session, id=f"{ID}9"), now)
        for number in (1, 2):
            name = f"DCS_01_{ID}_ch1_DSDB_{number:05d}.raw"
            file = SessionFile(name, ID, name, 1, number, number == 2, now, 9)
            announce_block(connection, "svalbard", file, now)
    (_, one) = json.loads(told("late", "--json"))
    assert (one["session"], one["state"], one["known"], one["blocks"]) == (ID, "open", "7 min ago", "ch1 0/2")
    assert "no block announced yet" in told("late")


def test_what_was_set_aside_can_be_fetched_again(mission: Mission, told: Any) -> None:
    now, outbox = datetime.now(UTC), Outbox(SystemClock())
    with mission.database.write() as connection:
        announce_file(connection, Announcement("matera", "r1", "orbit.EOF", now), now)
        (due,) = due_files(connection, "matera", now, 9)
        fail_file(connection, outbox, due, "it has 9 bytes, its source announced 10", max_attempts=1)
    (one,) = json.loads(told("aside", "--json"))
    assert (one["source"], one["id"], one["name"]) == ("matera", "r1", "orbit.EOF")
    assert "announced 10" in told("aside")
    assert told("retry", "matera", "r1") == "1 to be fetched again from matera\n"
    assert told("aside") == "nothing is set aside\n"
    assert "`s1pdgs source aside` lists what is" in told("retry", "matera", "r1", code=1)
