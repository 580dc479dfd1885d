"""`s1pdgs order` and `s1pdgs explain` on a real ground segment's folder."""

import json
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner

from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.cli import cli
from s1pdgs.model.product import Product
from s1pdgs.triggers.chains import SHIPPED
from tests.unit.commands.speaking import refused, told
from tests.unit.triggers.conftest import CALIBRATION, PLANS, Mission, raw_slice, segment, session
from tests.unit.triggers.wanted.test_way import ACN, SQUARE


def test_no_orders(runner: CliRunner) -> None:
    assert told(runner, "order", "list") == "no orders\n"
    assert json.loads(told(runner, "order", "list", "--json")) == []


def test_orders_are_listed_by_state_and_shown(mission: Mission, runner: CliRunner) -> None:
    mission.receive(*PLANS, session(), segment("VV"))
    rows = json.loads(told(runner, "order", "list", "--json"))
    assert [(row["order"], row["chain"], row["state"]) for row in rows] == [
        (2, "l0-asp", "waiting"),
        (1, "l0-aio", "planned"),
    ]
    assert "polarisation VH" in told(runner, "order", "list", "--state", "waiting")
    shown = json.loads(told(runner, "order", "show", "1", "--json"))
    assert (shown["products"], shown["jobs"]) == ([session().name], ["1 (ready, round 1)"])
    assert "job 1 waits for a free worker" in told(runner, "order", "show", "1")


def test_an_order_is_released_and_dropped(mission: Mission, runner: CliRunner) -> None:
    mission.receive(*PLANS, segment("VV"))
    assert "job 1 waits for a free worker" in told(runner, "order", "release", "1")
    assert told(runner, "order", "drop", "1", "--reason", "not needed") == "order 1 is dropped\n"
    assert "dropped: not needed" in told(runner, "explain", "1")
    assert "order 1 has ended already" in runner.invoke(cli, ["order", "drop", "1"]).output


def test_a_release_without_what_is_mandatory_makes_no_job(mission: Mission, runner: CliRunner) -> None:
    mission.receive(session())
    result = runner.invoke(cli, ["order", "release", "1"])
    assert result.exit_code == 1
    assert "it has no job: order 1 (l0-aio of S1A_20200615120000032000)" in result.output


def test_explain_tells_candidates_and_the_past(mission: Mission, runner: CliRunner) -> None:
    mission.receive(session(), *PLANS[:2])
    mission.watch.turn(60)
    mission.receive(PLANS[2])
    now = told(runner, "explain", "1")
    assert "input MPL_ORBPRE (mandatory): MPL_ORBPRE_file" in now
    then = told(runner, "explain", "1", "--as-of", "2020-06-15T13:00:30")
    assert "as of 2020-06-15T13:00:30Z: it waits" in then
    assert "refused  MPL_ORBPRE_file: came only at 2020-06-15T13:01:00Z" in then
    assert json.loads(told(runner, "explain", "1", "--json"))["outcome"] == "it has all that it needs"


def test_a_product_is_ordered_by_hand(mission: Mission, runner: CliRunner) -> None:
    mission.receive(*CALIBRATION, *ACN, evolve(raw_slice(), footprint=SQUARE))
    told(runner, "order", "drop", "1")
    area = ["--area", "POINT (10.5 40.5)", "--start", "2020-06-15", "--stop", "2020-06-16", "--satellite", "S1A"]
    for source in (["--for", raw_slice().name], ["--datatake", "S1A-024A10"], area):
        (row,) = json.loads(told(runner, "order", "make", "S3_GRDH_1S", *source, "--dry-run", "--json"))
        assert (row["action"], row["order"], row["chain"], row["unit"]) == ("again", 1, "l1-sm", raw_slice().name)
    made = ["order", "make", "S3_GRDH_1S", "--datatake", "024A10"]
    told(runner, *made, "--priority", "90", "--parameter", "Slicing_Flag=FALSE")
    assert mission.jobs("l1-sm") == [(1, "dropped"), (2, "ready")]
    assert mission.spec("l1-sm").order.parameter("Slicing_Flag") == "FALSE"
    assert "ongoing" in told(runner, *made)


def test_a_wish_is_placed_watched_and_cancelled(mission: Mission, runner: CliRunner) -> None:
    mission.receive(*ACN, raw_slice())
    told(runner, "order", "drop", "1")
    wanted = ["order", "make", "S3_GRDH_1S", "--for", raw_slice().name, "--notify", "http://localhost:1/told"]
    (row,) = json.loads(told(runner, *wanted, "--deadline", "2999-01-01", "--at-deadline", "expire", "--json"))
    assert (row["wish"], row["order"], row["action"]) == (1, 1, "again")
    assert "deadline: at 2999-01-01T00:00:00Z it expires: the deadline of wish 1" in told(runner, "explain", "1")
    lines = told(runner, "order", "wish", "1")
    assert "wish 1 for S3_GRDH_1S: open, 0/1 orders ended" in lines
    assert "deadline 2999-01-01T00:00:00Z: orders expire" in lines
    assert [wish["outcome"] for wish in json.loads(told(runner, "order", "wishes", "--json"))] == ["open"]
    assert told(runner, "order", "cancel", "1") == "wish 1 is cancelled\n"
    shown = told(runner, "order", "show", "1")
    assert "dropped: wish 1 was cancelled" in shown
    assert "wish: 1 for S3_GRDH_1S (cancelled)\n    tells http://localhost:1/told after" in shown
    assert json.loads(told(runner, "order", "wish", "1", "--json"))["orders"] == {"failed": 1}


def test_wishes_of_a_file_are_placed_all_or_none(mission: Mission, runner: CliRunner, tmp_path: Path) -> None:
    mission.receive(*CALIBRATION, *ACN, raw_slice(), raw_slice(2, -2975, -2942))
    file = tmp_path / "wishes.toml"
    good = [f'[[wish]]\ntype = "S3_GRDH_1S"\nfor = "{each}"\nagain = true\n' for each in (raw_slice().name, "gone")]
    file.write_text("".join(good))
    assert "the catalogue has no product gone" in runner.invoke(cli, ["order", "make", "--file", str(file)]).output
    assert told(runner, "order", "wishes") == "no wishes\n"
    file.write_text("".join(good).replace("gone", raw_slice(2, -2975, -2942).name))
    rows = json.loads(told(runner, "order", "make", "--file", str(file), "--dry-run", "--json"))
    assert [(row["wish"], row["action"]) for row in rows] == [(None, "again"), (None, "again")]
    rows = json.loads(told(runner, "order", "make", "--file", str(file), "--json"))
    assert [row["wish"] for row in rows] == [1, 2]
    assert len(json.loads(told(runner, "order", "wishes", "--json"))) == 2


def test_a_dry_run_of_a_chain_file(mission: Mission, runner: CliRunner) -> None:
    mission.receive(*CALIBRATION, raw_slice(), raw_slice(2, -2975, -2942))
    rows = json.loads(told(runner, "order", "would", str(SHIPPED), "--json"))
    assert [(row["chain"], row["would"], row["unit"]) for row in rows] == [
        ("l1-sm", "waits", raw_slice().name),
        ("l1-sm", "waits", raw_slice(2, -2975, -2942).name),
    ]
    one = runner.invoke(cli, ["order", "would", str(SHIPPED), "--chain", "l1-sm", "--limit", "1"])
    assert "l1-sm would process more than these 1 units; --limit shows more" in one.output
    assert raw_slice(2, -2975, -2942).name not in one.output
    assert told(runner, "order", "would", str(SHIPPED), "--stop", "2020-06-01") == "nothing would be triggered\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["order", "would", str(SHIPPED), "--chain", "l9"], "chains.toml has no chain l9"),
        (["order", "would", str(SHIPPED), "--start", "2021-01-01", "--stop", "2020-01-01"], "--stop is before --start"),
        (["order", "make", "S3_GRDH_1S"], "tell one thing to make it of"),
        (["order", "make", "S3_GRDH_1S", "--for", "x", "--datatake", "7"], "tell one thing to make it of"),
        (["order", "make", "S3_GRDH_1S", "--area", "POINT (1 1)"], "an area needs a time"),
        (["order", "make", "S3_GRDH_1S", "--datatake", "take"], "'take' is no data take identifier"),
        (["order", "make", "S3_GRDH_1S", "--datatake", "024A10"], "nothing of data take 024A10 is here"),
        (["order", "make", "S3_GRDH_1S", "--for", "x", "--parameter", "K"], "'K' is not like NAME=VALUE"),
        (["order", "make", "S3_GRDH_1S", "--file", str(SHIPPED)], "tell a TYPE with options, or a --file of wishes"),
        (["order", "make", "--file", str(SHIPPED)], "wishes are given as [[wish]] tables"),
        (["order", "make", "S3_GRDH_1S", "--for", "x", "--notify", "http://a.org"], "notices to a.org are not allowed"),
        (["order", "wish", "7"], "there is no wish 7"),
        (["order", "cancel", "7"], "there is no wish 7"),
        (["order", "tell", "7"], "there is no wish 7"),
        (["order", "list", "--campaign", "x"], "there is no campaign x"),
        (["order", "show", "7"], "there is no order 7"),
        (["order", "release", "7"], "there is no order 7"),
        (["order", "drop", "7"], "there is no order 7"),
        (["explain", "7"], "there is no order 7"),
        (["explain", "7", "--as-of", "yesterday"], "'yesterday' is no time"),
    ],
)
def test_mistakes_are_told(runner: CliRunner, arguments: list[str], message: str) -> None:
    result = runner.invoke(cli, arguments)
    assert result.exit_code != 0
    assert message in result.output


@pytest.mark.parametrize(
    ("product", "remedy"),
    [(raw_slice(), "`s1pdgs product restore NAME --files`"), (session(), "`s1pdgs session again`")],
)
def test_what_its_files_have_left_is_told_with_what_brings_them_back(
    runner: CliRunner, mission: Mission, product: Product, remedy: str
) -> None:
    mission.receive(product)
    with mission.database.write() as connection:
        connection.execute(product_table.update().values(evicted_at=mission.watch.now()))
    output = refused(runner, "order", "make", "S3_GRDH_1S", "--for", product.name)
    assert f"nothing of {product.name} is here: its files were removed; {remedy} brings them back" in output
