"""A satellite's whole repertoire in one downlink: every mode becomes Level-0, and every packet is accounted for."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from s1pdgs.cli import cli
from s1pdgs.simulator.instrument_faults import Fault
from s1pdgs.simulator.plan import Plan, TakePlan
from tests.journey.damage import level_0_chains
from tests.journey.downlinks import downlink
from tests.journey.ground import Ground, station
from tests.kept import locked

pytestmark = pytest.mark.journey

PLAN = Plan(
    satellite="S1C",
    takes=(
        TakePlan(
            name="iw",
            mode="IW",
            duration_s=62.0,
            samples=64,
            faults=(Fault(kind="lost", at=20_000, count=300), Fault(kind="silent", at=30_000, count=50)),
        ),
        TakePlan(name="ew", mode="EW", start_s=100.0, duration_s=6.0, polarisation="DH", samples=64, store="NRT"),
        TakePlan(name="wv", mode="WV", start_s=130.0, duration_s=30.0, polarisation="SV", samples=64),
        TakePlan(name="rf", mode="RF", start_s=190.0, duration_s=2.0, samples=64),
        TakePlan(
            name="s6", mode="S6", start_s=210.0, duration_s=3.0, polarisation="DH", samples=64, store="PassThrough"
        ),
        TakePlan(name="en", mode="EN", start_s=230.0, duration_s=3.0, polarisation="SH", samples=64),
        TakePlan(name="n3", mode="N3", start_s=250.0, duration_s=3.0, samples=64),
    ),
)
PLANNED_NAME = "S1C_OPER_MPL_ACQPLN_S1PD_20200101T000000_V20200101T000000_20300101T000000.csv"
PLANNED = """datatake,mode,start,stop,polarisation
053C1A,IW,2026-01-05T06:00:00Z,2026-01-05T06:01:27Z,DV
053C1E,S6,2026-01-05T06:03:30Z,2026-01-05T06:03:33Z,DH
000001,IW,2020-06-15T06:00:00Z,2020-06-15T06:01:08Z,DV
"""
"""The plan has a third slice of IW, which never comes down, and a data take of which nothing does."""
TIMELINESS = {"EW": "NRT", "S6": "PT", "GP": "NRT", "HK": "NRT"}


@pytest.fixture(scope="module")
def sent() -> Path:
    """The downlink."""
    return downlink("mission", PLAN)


@pytest.fixture(scope="module")
def truth(sent: Path) -> dict[str, Any]:
    """What was sent."""
    document: dict[str, Any] = json.loads((sent / "truth.json").read_text())
    return document


@pytest.fixture(scope="module")
def ground(sent: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A ground segment that has made Level-0 of everything and was stopped; one for all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-gw") else base) / "mission"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "done").exists():
            make_level_0(sent, folder)
            (folder / "done").touch()
    made = Ground.found(folder / "ground")
    yield made
    made.clear()


def make_level_0(sent: Path, folder: Path) -> None:
    folder.mkdir()
    chains = level_0_chains(folder / "chains")
    chains.write_text(chains.read_text().replace("partner_wait_s = 300", "partner_wait_s = 1"))
    wanted = [f"{mode}_RAW__0A" for mode in ("IW", "EW", "S6", "EN", "N3")]
    with station(sent) as source:
        made = Ground.prepare(folder / "ground", source, chains=chains)
        try:
            made.start()
            (folder / PLANNED_NAME).write_text(PLANNED)
            made.call("ingest", str(folder / PLANNED_NAME))
            made.wait_settled(*wanted, "WV_RAW__0N", "RF_RAW__0S", "GP_RAW__0_", "HK_RAW__0_")
            made.stop()
        finally:
            made.clear()


def streams(truth: dict[str, Any]) -> list[dict[str, Any]]:
    (session,) = truth["sessions"]
    return list(session["streams"])


def test_every_packet_sent_is_in_the_segments_byte_for_byte(ground: Ground, truth: dict[str, Any]) -> None:
    sent = {(one["data_take_id"], one["polarisation"]): one["sha256"] for one in streams(truth) if "take" in one}
    found = {}
    for row in ground.products():
        if row.type.endswith("_RAW__0S") and row.attributes["productConsolidation"][1] == "FULL":
            polarisation = row.attributes["polarisationChannels"][1]
            for file in ground.files(row.name):
                if file.path.endswith(".dat") and not file.path.endswith(("-annot.dat", "-index.dat")):
                    found[row.datatake, polarisation] = file.sha256
    assert {place: digest for place, digest in found.items() if "&" not in place[1]} == sent


def test_telemetry_is_there_too(ground: Ground, truth: dict[str, Any]) -> None:
    sent = {one["sha256"] for one in streams(truth) if "take" not in one}
    assert len(sent) == 2
    held = {
        file.sha256
        for row in ground.products()
        if row.type in {"GP_RAW__0_", "HK_RAW__0_"}
        for file in ground.files(row.name)
    }
    assert sent <= held


def test_the_account_knows_what_is_missing_and_why(ground: Ground, truth: dict[str, Any]) -> None:
    packets: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for one in streams(truth):
        if "take" in one:
            packets[f"{one['data_take_id']:06X}"] += one["packets"]
            lost[f"{one['data_take_id']:06X}"] += sum(
                gap["packets"] for gap in one["gaps"] if gap["cause"] == "instrument"
            )
    told = {each["datatake"]: each for each in json.loads(ground.call("datatake", "list", "--json"))}
    never = told.pop("000001")
    assert (never["state"], never["packets"]) == ("missing", None)
    assert {name: each["packets"] for name, each in told.items()} == packets
    assert {name: each["lost_in_instrument"] for name, each in told.items() if each["lost_in_instrument"]} == +lost
    assert {each["lost_in_downlink"] for each in told.values()} == {0}
    modes = {each["mode"]: each for each in told.values()}
    assert {mode: each["state"] for mode, each in modes.items()} == {
        mode: "gaps" if mode == "IW" else "complete" for mode in ("IW", "EW", "WV", "RF", "SM", "EN", "AN")
    }
    assert (modes["IW"]["slices"], modes["EW"]["slices"], modes["SM"]["slices"]) == ("2/3", "1/1", "1/1")
    shown = ground.call("datatake", "show", modes["IW"]["datatake"])
    assert "300 packets lost in the instrument" in shown
    assert "without 300" in shown


def test_the_plan_is_held_against_what_came(ground: Ground) -> None:
    told = {each["datatake"]: each for each in json.loads(ground.call("datatake", "list", "--json"))}
    facts = {name: (each["state"], each["planned"], each["slices"], each["missing"]) for name, each in told.items()}
    assert facts["053C1A"] == ("gaps", "yes", "2/3", 1)
    assert facts["053C1E"] == ("complete", "yes", "1/1", 0)
    assert facts["000001"] == ("missing", "yes", "0/3", 6)
    assert {facts[name][1] for name in facts if name not in PLANNED} == {"no"}
    (iw,) = json.loads(ground.call("datatake", "show", "S1C-053C1A", "--json"))
    lacking = [each for each in iw["expected"] if each["state"] != "made"]
    assert [(each["slice"], each["cause"]) for each in lacking] == [(3, "gap")]
    account = json.loads(ground.call("account", "--from", "2020-01-01", "--to", "2029-12-31", "--json"))
    assert account["total"]["missing_by_cause"] == {"gap": 1, "never acquired": 6}
    assert (account["total"]["made"], account["total"]["pending"]) == (27, 0)
    assert sum(each["in_time"] for each in account["timeliness"]) == 27


def test_what_is_urgent_is_told_by_the_packet_store(ground: Ground) -> None:
    told = {(row.type[:2], row.timeliness) for row in ground.products() if "_RAW__0" in row.type}
    assert told == {(mode, TIMELINESS.get(mode, "FAST24")) for mode, _ in told}
    assert {mode for mode, _ in told} == {"IW", "EW", "WV", "RF", "S6", "EN", "N3", "GP", "HK"}


def test_users_get_slices_companions_and_telemetry(ground: Ground) -> None:
    published = Counter(row.name[4:14] for row in ground.publications() if row.state == "published")
    classes = {kind: count for kind, count in published.items() if "_RAW__0" in kind}
    companions = {f"{mode}_RAW__0{letter}": 1 for mode in ("IW", "EW", "S6", "EN", "N3") for letter in "ACN"}
    expected = {
        **companions,
        **{f"{mode}_RAW__0S": 1 for mode in ("EW", "S6", "EN", "N3", "WV")},
        **{f"WV_RAW__0{letter}": 1 for letter in "ACN"},
        "IW_RAW__0S": 2,
        "RF_RAW__0S": 2,
        "GP_RAW__0_": 1,
        "HK_RAW__0_": 1,
    }
    assert classes == expected


def test_the_audit_finds_nothing_but_what_was_done_to_them(ground: Ground) -> None:
    findings: Counter[tuple[str, str]] = Counter()
    for row in ground.products():
        if "_RAW__0" in row.type:
            done = CliRunner().invoke(cli, ["l0", "verify", "--json", str(ground.store.path(row.location))])
            for finding in json.loads(done.stdout)["findings"]:
                if finding["severity"] != "note":
                    findings[row.type[:2], finding["rule"]] += 1
    assert {mode for mode, _ in findings} == {"IW"}, findings
    assert {rule for _, rule in findings} <= {"timeline.silent", "timeline.length", "gaps.lost"}
