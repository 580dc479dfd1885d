"""Whole missions: what lies in the blocks is what the truth says, stream by stream."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.kept import kept

from s1pdgs.formats.eof import read_orbit
from s1pdgs.formats.isp import telemetry
from s1pdgs.formats.isp.gaps import steps_between
from s1pdgs.formats.isp.header import gather_headers
from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.obmemc import read_obmemc
from s1pdgs.model.time import parse_utc
from s1pdgs.simulator.command import simulate as simulate_command
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument_faults import Fault
from s1pdgs.simulator.mission import SimulatedMission, simulate_plan
from s1pdgs.simulator.plan import DownlinkPlan, Part, Plan, TakePlan
from s1pdgs.simulator.scenario import MIB, Downlink
from s1pdgs.simulator.station.content import read_content

SMALL = Downlink(block_bytes=MIB, fill_frames_per_thousand=30)
FAULTS = (
    Fault(kind="lost", at=1200, count=7),
    Fault(kind="silent", at=1500, count=5, polarisation="VH"),
    Fault(kind="duplicate", at=1700, count=4),
    Fault(kind="dropped", at=-20, count=20),
)
PLAN = Plan(
    takes=(
        TakePlan(name="iw", mode="IW", duration_s=1.0, samples=64, faults=FAULTS),
        TakePlan(name="wave", mode="WV", start_s=60.0, duration_s=1.0, samples=64, polarisation="SV"),
        TakePlan(name="rfc", mode="RF", start_s=90.0, duration_s=0.1, polarisation="DH"),
        TakePlan(name="urgent", mode="S6", start_s=120.0, duration_s=0.2, samples=64, store="NRT", pair=1),
    ),
    downlinks=(
        DownlinkPlan(parts=(Part(take="iw", end=0.6), Part(take="urgent")), telemetry=False, link=SMALL),
        DownlinkPlan(parts=(Part(take="iw", begin=0.5), Part(take="wave"), Part(take="rfc")), link=SMALL),
    ),
)


@pytest.fixture(scope="module")
def mission() -> SimulatedMission:
    return kept("sessions", lambda folder: simulate_plan(PLAN, folder))


@pytest.fixture(scope="module")
def truth(mission: SimulatedMission) -> dict[str, Any]:
    return json.loads((mission.folder / "truth.json").read_bytes())


def received(folder: Path, channel: int) -> tuple[dict[int, list[bytes]], list[int]]:
    """Packets by virtual channel out of the blocks of a channel, and the virtual channels of its batches in order."""
    decoder = ChannelDecoder(LinkParameters())
    found: dict[int, list[bytes]] = {}
    order: list[int] = []
    blocks = sorted((folder / f"session/ch_{channel}").iterdir())
    for batches in (*(decoder.feed(path.read_bytes()) for path in blocks), decoder.finish()):
        for vcid, batch in batches:
            order.append(vcid)
            for packet in batch.packets:
                body = batch.buffer[packet["offset"] : packet["offset"] + packet["length"]].tobytes()
                found.setdefault(vcid, []).append(body)
    assert decoder.sync.skipped_bytes == 0
    return found, order


def test_every_packet_of_every_stream_comes_back(mission: SimulatedMission, truth: dict[str, Any]) -> None:
    for session in truth["sessions"]:
        for channel in (1, 2):
            found, _ = received(mission.folder / session["folder"], channel)
            streams = [stream for stream in session["streams"] if stream["channel"] == channel]
            assert set(found) == {stream["vcid"] for stream in streams}
            for stream in streams:
                bodies = found[stream["vcid"]]
                assert len(bodies) == stream["packets"]
                assert sum(map(len, bodies)) == stream["octets"]
                assert hashlib.sha256(b"".join(bodies)).hexdigest() == stream["sha256"]


def test_streams_come_down_where_the_memory_configuration_says(
    mission: SimulatedMission, truth: dict[str, Any]
) -> None:
    (path,) = (mission.folder / "auxiliary").glob("*OBMEMC*")
    stores = read_obmemc(path).by_vcid()
    assert len(stores) == 51
    types = {"iw": "Standard", "wave": "WV", "rfc": "RFC", "urgent": "NRT"}
    for session in truth["sessions"]:
        for stream in session["streams"]:
            store = stores[stream["vcid"]]
            if "take" in stream:
                assert (store.store_type, store.polarisation) == (types[stream["take"]], stream["polarisation"][1])
            else:
                assert store.store_type == stream["telemetry"]
        for take in types:
            mine = [stream for stream in session["streams"] if stream.get("take") == take]
            assert len({stream["channel"] for stream in mine}) == len(mine)


def test_a_data_take_is_split_over_two_downlinks_with_an_overlap(truth: dict[str, Any]) -> None:
    first, second = (
        next(s for s in session["streams"] if s.get("take") == "iw" and s["polarisation"] == "VV")
        for session in truth["sessions"]
    )
    planned = truth["takes"][0]["packets_planned"]
    total = planned - 7 - 20 + 4
    assert first["packets"] == round(0.6 * total)
    assert second["packets"] == total - round(0.5 * total)
    assert first["first"]["space_packet_count"] == 0
    assert first["last"]["space_packet_count"] > second["first"]["space_packet_count"]
    assert second["last"]["space_packet_count"] == planned - 21


def test_faults_are_found_in_the_counters_of_what_is_sent(mission: SimulatedMission, truth: dict[str, Any]) -> None:
    session = truth["sessions"][0]
    for stream in session["streams"]:
        if stream.get("take") != "iw":
            continue
        found, _ = received(mission.folder / session["folder"], stream["channel"])
        bodies = found[stream["vcid"]]
        data = np.frombuffer(b"".join(bodies), np.uint8)
        lengths = np.array([len(body) for body in bodies])
        headers = gather_headers(data, np.cumsum(lengths) - lengths)
        headers = headers[np.unique(headers["space_packet_count"], return_index=True)[1]]
        steps = steps_between(headers["sequence_count"], headers["space_packet_count"], headers["pri_count"])
        assert steps.downlink.sum() == 0
        assert steps.instrument.sum() == 7
        causes = {gap["cause"]: gap["packets"] for gap in stream["gaps"]}
        wanted = {"VV": {"instrument": 7, "downlink": 20}, "VH": {"instrument": 7, "silence": 5, "downlink": 20}}
        assert causes == wanted[stream["polarisation"]]
        assert stream["effects"] == [{"kind": "duplicate", "first": 1700, "packets": 4, "field": "", "value": 1}]


def test_telemetry_has_times_around_the_data_takes(mission: SimulatedMission, truth: dict[str, Any]) -> None:
    session = truth["sessions"][1]
    kinds = {stream["telemetry"]: stream for stream in session["streams"] if "telemetry" in stream}
    assert set(kinds) == {"GPS", "HKTM"}
    stream = kinds["GPS"]
    bodies = received(mission.folder / session["folder"], stream["channel"])[0][stream["vcid"]]
    data = np.frombuffer(b"".join(bodies), np.uint8)
    lengths = np.array([len(body) for body in bodies])
    headers = telemetry.gather_headers(data, np.cumsum(lengths) - lengths)
    whole, fraction = telemetry.times(headers)
    np.testing.assert_allclose(np.diff(whole + fraction), 1.0, atol=2e-5)
    start, stop = (parse_utc(truth["takes"][k][name]) for k, name in ((0, "start"), (2, "stop")))
    assert abs(len(bodies) - (stop - start).total_seconds() - 20.0) <= 1.0
    assert set(telemetry.apids(headers)) == {stream["apid"]}


def test_virtual_channels_come_side_by_side(mission: SimulatedMission, truth: dict[str, Any]) -> None:
    session = truth["sessions"][0]
    _, order = received(mission.folder / session["folder"], 1)
    radar = [vcid for vcid in order if vcid != 63]
    assert len(set(radar)) == 2
    assert sum(a != b for a, b in pairwise(radar)) > 3


def test_the_station_can_serve_what_was_made(mission: SimulatedMission) -> None:
    folders = [session.folder for session in mission.sessions]
    content = read_content(mission.folder, *folders)
    assert len(content.auxiliary) == 8
    assert [each.id for each in content.sessions] == [session.session_id for session in mission.sessions]
    assert all(each.channels == (1, 2) for each in content.sessions)
    assert content.sessions[0].quality[1]["acquired_tfs"] > content.sessions[0].quality[1]["data_tfs"]


def test_other_satellites_have_their_own_numbering_and_files(tmp_path: Path) -> None:
    satellite = "S1C"
    take = TakePlan(mode="S1", duration_s=0.01, samples=64, polarisation="SH")
    mission = simulate_plan(Plan(satellite=satellite, takes=(take,)), tmp_path)
    assert mission.sessions[0].session_id.startswith(f"{satellite}_20260105")
    truth = json.loads((tmp_path / "truth.json").read_bytes())["takes"][0]
    (prediction,) = (tmp_path / "auxiliary").glob(f"{satellite}_OPER_MPL_ORBPRE*")
    nodes = [vector for vector in read_orbit(prediction).vectors if vector.time <= parse_utc(truth["start"])]
    assert nodes[-1].absolute_orbit == truth["absolute_orbit"]
    assert abs((nodes[-1].time - parse_utc(truth["ascending_node_time"])).total_seconds()) < 1e-3
    assert (truth["absolute_orbit"] - 172) % 175 + 1 == truth["relative_orbit"]
    assert len(list((tmp_path / "auxiliary").glob(f"{satellite}_*"))) == 8


def test_channels_without_work_carry_fill(tmp_path: Path) -> None:
    take = TakePlan(mode="S1", duration_s=0.01, samples=64, polarisation="SV")
    simulate_plan(Plan(takes=(take,), telemetry=None), tmp_path)
    assert received(tmp_path, 2)[0] == {}
    (block,) = (tmp_path / "session/ch_2").iterdir()
    assert block.stat().st_size == 16 * LinkParameters().cadu_bytes


def test_orbit_files_of_the_service_cover_data_takes_hours_apart(tmp_path: Path) -> None:
    common = {"mode": "S1", "duration_s": 0.01, "samples": 64, "polarisation": "SV"}
    takes = (TakePlan(**common), TakePlan(start_s=20000.0, **common))
    simulate_plan(Plan(takes=takes, telemetry=None), tmp_path)
    orbits = [read_orbit(path) for path in (tmp_path / "auxiliary").glob("*RESORB*")]
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    for take in truth["takes"]:
        moment = parse_utc(take["start"])
        assert any(orbit.header.validity.start < moment < orbit.header.validity.stop for orbit in orbits)


def test_impossible_plans_are_refused(tmp_path: Path) -> None:
    common = {"mode": "S1", "duration_s": 1.0, "samples": 64}
    with pytest.raises(SimulatorError, match=r"data take 2 starts at .* before 1 ends"):
        simulate_plan(Plan(takes=(TakePlan(**common), TakePlan(start_s=2.0, **common))), tmp_path)
    with pytest.raises(SimulatorError, match="spread over"):
        simulate_plan(Plan(takes=(TakePlan(**common), TakePlan(start_s=90000.0, **common))), tmp_path)
    with pytest.raises(SimulatorError, match="2 stores RFC for V; no pair 2"):
        simulate_plan(Plan(takes=(TakePlan(store="RFC", pair=2, **common),)), tmp_path)
    with pytest.raises(SimulatorError, match="a scene is StripMap S3"):
        Plan(takes=(TakePlan(echoes="scene", **common),))
    with pytest.raises(SimulatorError, match="data take 1: wave mode has one polarisation"):
        Plan(takes=(TakePlan(mode="WV"),))
    twice = Plan(takes=(TakePlan(**common),), downlinks=(DownlinkPlan(), DownlinkPlan()))
    with pytest.raises(SimulatorError, match="two downlinks would be S1A_2026"):
        simulate_plan(twice, tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "session.json").write_text("{}")
    with pytest.raises(SimulatorError, match="exists: choose another folder"):
        simulate_plan(Plan(takes=(TakePlan(**common),)), tmp_path)


def test_the_command_makes_a_mode_or_a_plan(tmp_path: Path) -> None:
    options = ["--mode", "WV", "--duration", "0.1", "--samples", "64", "--after", "2026-01-05T06:00:00"]
    result = CliRunner().invoke(simulate_command, [str(tmp_path / "a"), *options])
    assert result.exit_code == 0, result.output
    assert "WV VV" in result.output
    assert "packets on VC 20" in result.output
    (tmp_path / "plan.toml").write_text('takes = [{ mode = "EN", duration_s = 0.01, samples = 64 }]\n')
    result = CliRunner().invoke(simulate_command, [str(tmp_path / "b"), "--plan", str(tmp_path / "plan.toml")])
    assert result.exit_code == 0, result.output
    assert "EN VV+VH" in result.output
    (tmp_path / "plan.toml").write_text("colour = 1\n")
    result = CliRunner().invoke(simulate_command, [str(tmp_path / "c"), "--plan", str(tmp_path / "plan.toml")])
    assert result.exit_code == 1
    assert "plan.toml: unknown colour" in result.output
    result = CliRunner().invoke(simulate_command, [str(tmp_path / "d"), "--echoes", "scene", "--mode", "S1"])
    assert result.exit_code == 2
    assert "use --echoes noise" in result.output
