"""`s1pdgs datatake` and `s1pdgs account` on a real ground segment's folder, from the plan on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.bus.outbox import Outbox, deliver
from s1pdgs.catalogue import accounts
from s1pdgs.catalogue.door import register
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.objects import local_objects
from s1pdgs.storage.schema import migrate
from tests.unit.commands.speaking import refused, told
from tests.unit.triggers.account import report, slice_of, tell
from tests.unit.triggers.conftest import Mission, mission_on

NAME = "S1A_OPER_MPL_ACQPLN_S1PD_20200614T000000_V20200615T000000_20200616T000000.csv"
PLAN = """datatake,mode,start,stop,polarisation
024A10,S3,2020-06-15T11:10:00Z,2020-06-15T11:11:40Z,DV
000007,WV,2020-06-15T09:00:00Z,2020-06-15T09:10:00Z,SV
"""


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    """A data take was received; another one was planned, years ago by now, and never came."""
    (tmp_path / "data").mkdir()
    database = open_sqlite(tmp_path / "data" / "s1pdgs.db")
    migrate(database)
    made = mission_on(database)
    with database.write() as connection:
        for number in (1, 2, 4):
            register(connection, Outbox(SystemClock()), slice_of(number))
    tell(made, report([slice_of(1), slice_of(2), None, slice_of(4)]))
    yield made
    database.close()


@pytest.fixture
def planned(mission: Mission, runner: CliRunner, tmp_path: Path) -> Mission:
    """The plan was ingested and taken up."""
    (tmp_path / NAME).write_text(PLAN)
    assert told(runner, "ingest", str(tmp_path / NAME)) == f"{NAME}\n"
    while deliver(mission.database, accounts.subscriber(local_objects(tmp_path / "data" / "objects"))):
        pass
    return mission


def test_nothing_is_known_at_first(runner: CliRunner) -> None:
    assert told(runner, "datatake", "list") == "no data takes\n"
    assert "0 data takes" in told(runner, "account")


def test_planned_and_received_data_takes_are_listed(planned: Mission, runner: CliRunner) -> None:
    assert planned.database
    rows = json.loads(told(runner, "datatake", "list", "--json"))
    assert [(row["datatake"], row["state"], row["planned"], row["slices"]) for row in rows] == [
        ("024A10", "complete", "yes", "3/4"), ("000007", "missing", "yes", "0/0")
    ]  # fmt: skip
    assert rows[0]["missing"] > 0
    missing = json.loads(told(runner, "datatake", "list", "--json", "--state", "missing"))
    assert [row["datatake"] for row in missing] == ["000007"]
    since = json.loads(told(runner, "datatake", "list", "--json", "--since", "2020-06-15T10:00"))
    assert [row["datatake"] for row in since] == ["024A10"]
    assert "000007" in told(runner, "datatake", "list")


def test_data_takes_to_come_are_listed_when_asked_for(mission: Mission, runner: CliRunner, tmp_path: Path) -> None:
    begin = datetime.now(UTC) + timedelta(days=1)
    name = f"S1A_OPER_MPL_ACQPLN_S1PD_20200614T000000_V20200615T000000_{begin + timedelta(days=2):%Y%m%dT%H%M%S}.csv"
    (tmp_path / name).write_text(
        f"mode,start,stop\nEW,{begin.isoformat()},{(begin + timedelta(minutes=2)).isoformat()}\n"
    )
    told(runner, "ingest", str(tmp_path / name))
    while deliver(mission.database, accounts.subscriber(local_objects(tmp_path / "data" / "objects"))):
        pass
    assert [row["mode"] for row in json.loads(told(runner, "datatake", "list", "--json"))] == ["SM"]
    (row,) = json.loads(told(runner, "datatake", "list", "--state", "planned", "--json"))
    assert (row["datatake"], row["mode"], row["pending"] > 0) == (None, "EW", True)


def test_one_is_shown_as_a_tree_and_as_json(planned: Mission, runner: CliRunner) -> None:
    assert planned.database
    lines = told(runner, "datatake", "show", "24A10").splitlines()
    assert lines[0] == "S1A data take 024A10 (SM), 2020-06-15T11:10:00Z to 2020-06-15T11:11:40Z, 100 s: complete"
    assert f"planned: 2020-06-15T11:10:00Z to 2020-06-15T11:11:40Z, DV, by {NAME}" in lines
    assert "slice 3, 2020-06-15T11:10:50Z to 2020-06-15T11:11:23Z" in lines
    assert "    S3_SLC__1S  missing  S3_RAW__0S is missing: no packet of it is here" in lines
    (never,) = json.loads(told(runner, "datatake", "show", "S1A-000007", "--json"))
    assert {each["cause"] for each in never["expected"]} == {"never acquired"}
    assert "nothing is known of data take 1" in refused(runner, "datatake", "show", "1")
    assert "is no data take identifier" in refused(runner, "datatake", "show", "nonsense")


def test_the_account_of_a_day(planned: Mission, runner: CliRunner) -> None:
    assert planned.database
    day = ("--from", "2020-06-15", "--to", "2020-06-16")
    told_json = json.loads(told(runner, "account", *day, "--json"))
    assert told_json["datatakes"] == {"complete": 1, "missing": 1}
    assert told_json["total"]["missing_by_cause"]["never acquired"] == 5
    lines = told(runner, "account", *day).splitlines()
    assert lines[0] == "2020-06-15 00:00 to 2020-06-16 00:00 UTC: 2 data takes (1 complete, 1 missing)"
    assert any(line.startswith("S1A WV L0") and line.endswith("never acquired 4") for line in lines)
    newest = json.loads(told(runner, "account", "--json"))
    assert newest["datatakes"] == told_json["datatakes"], "years later, it is about the newest that is known"
    assert "is before --from" in refused(runner, "account", "--from", "2020-06-16", "--to", "2020-06-15")


def test_a_plan_with_a_mistake_is_refused_with_its_line(mission: Mission, runner: CliRunner, tmp_path: Path) -> None:
    assert mission.database
    (tmp_path / NAME).write_text(PLAN.replace("WV", "WW"))
    assert f"{NAME}, line 3: mode 'WW' is unknown" in refused(runner, "ingest", str(tmp_path / NAME)).replace("\n", "")
