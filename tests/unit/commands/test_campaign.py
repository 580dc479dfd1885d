"""`s1pdgs campaign` on a real ground segment's folder."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.cli import cli
from s1pdgs.triggers.campaigns import steps as campaign_steps
from s1pdgs.triggers.chains import SHIPPED
from tests.unit.commands.speaking import told
from tests.unit.triggers.campaigns.test_campaign import of_campaign
from tests.unit.triggers.conftest import CALIBRATION, Mission, raw_slice
from tests.unit.triggers.wanted.test_way import ACN, image

PERIOD = ["--type", "S3_GRDH_1S", "--start", "2020-06-15", "--stop", "2020-06-16"]


def go_on(mission: Mission) -> None:
    mission.deliver()
    while campaign_steps.step(mission.planner, mission.database):
        pass


def test_a_campaign_from_its_creation_to_its_report(mission: Mission, runner: CliRunner, tmp_path: Path) -> None:
    mission.receive(*CALIBRATION, *ACN, raw_slice())
    mission.work("l1-sm", image(raw_slice()))
    names = tmp_path / "names.txt"
    names.write_text("# the baseline\nAUX_PP1_6\nAUX_CAL_6 # the newest\n\nAUX_INS_6\n")
    assert told(runner, "campaign", "list") == "no campaigns\n"
    made = told(runner, "campaign", "create", "again", *PERIOD, "--aux", str(names), "--chain-file", str(SHIPPED))
    assert made == "campaign again begins: l1-sm\n"
    assert "campaign again: collecting" in told(runner, "campaign", "show", "again")
    go_on(mission)
    (row,) = json.loads(told(runner, "campaign", "list", "--json"))
    assert (row["name"], row["state"], row["running"]) == ("again", "running", 1)
    mission.work("l1-sm", of_campaign(raw_slice()))
    shown = told(runner, "campaign", "show", "again")
    assert "with 3 auxiliary products by name" in shown
    assert "1 units: 1 done, 0 running, 0 pending, 0 failed, 0 excluded" in shown
    report = told(runner, "campaign", "report", "again")
    assert f"  made {of_campaign(raw_slice()).name}\n" in report
    assert "  with AUX_CAL_6\n" in report
    assert "  the same inputs as the systematic job 1\n" in report
    output = tmp_path / "report.json"
    told(runner, "campaign", "report", "again", "--json", "--output", str(output))
    assert json.loads(output.read_text())["list"][0]["became"] == "done"
    (order,) = json.loads(told(runner, "order", "list", "--campaign", "again", "--json"))
    assert "campaign: again" in told(runner, "order", "show", str(order["order"]))
    assert len(json.loads(told(runner, "order", "list", "--json"))) == 1, "systematic orders only"


def test_a_limit_that_leaves_no_slot_to_systematic_work_is_remarked(
    mission: Mission, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S1PDGS_WORK__SLOTS", "4")
    baseline = ("--aux-as-of", "2020-06-15")
    assert "slots" not in runner.invoke(cli, ["campaign", "create", "few", *PERIOD, *baseline, "--limit", "3"]).output
    assert "all 4 slots" in runner.invoke(cli, ["campaign", "throttle", "few", "4"]).output


def test_pause_resume_throttle_and_cancel(mission: Mission, runner: CliRunner) -> None:
    told(runner, "campaign", "create", "again", *PERIOD, "--limit", "2", "--aux-as-of", "2020-06-15")
    assert told(runner, "campaign", "pause", "again") == "campaign again is paused\n"
    assert "campaign again does not run" in runner.invoke(cli, ["campaign", "pause", "again"]).output
    assert told(runner, "campaign", "resume", "again") == "campaign again goes on\n"
    assert "campaign again is not paused" in runner.invoke(cli, ["campaign", "resume", "again"]).output
    told(runner, "campaign", "throttle", "again", "5")
    facts = json.loads(told(runner, "campaign", "show", "again", "--json"))
    assert (facts["limit"], facts["aux_as_of"]) == (5, "2020-06-15T00:00:00.000000Z")
    assert told(runner, "campaign", "cancel", "again") == "campaign again is cancelled\n"
    assert "campaign again was cancelled before" in runner.invoke(cli, ["campaign", "cancel", "again"]).output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--limit", "0"], "limit: at least one job at once"),
        (["--priority", "10"], "priority: 0 to 9"),
        (["--area", "POINT (1 95)"], "in degrees"),
        (["--chain", "l0-asp"], "S3_GRDH_1S is made by l1-sm"),
        (["--through", "l9"], "through: chain l9 makes nothing that l1-sm takes; chains that do: l0-asp"),
        (["--parameter", "Speed=9"], "chain l1-sm has no Speed; it has"),
        (["--aux", "empty.txt"], "empty.txt: it names no product"),
        (["--aux", "wrong.txt"], "wrong.txt: line 2: 'a/b' is no product name"),
        (["--stop", "2020-06-01"], "stop: it is before start"),
        (["--chain-file", "wrong.txt"], "wrong.txt: not a TOML file"),
    ],
)
def test_mistakes_are_told(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("# nothing\n")
    Path("wrong.txt").write_text("fine\na/b\n")
    result = runner.invoke(cli, ["campaign", "create", "again", *PERIOD, *words])
    assert result.exit_code != 0
    assert message in result.output


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "cancel", "report"])
def test_an_unknown_campaign_is_told(runner: CliRunner, verb: str) -> None:
    assert "there is no campaign x" in runner.invoke(cli, ["campaign", verb, "x"]).output
