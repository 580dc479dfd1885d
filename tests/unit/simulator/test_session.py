"""A whole session: what the station serves decodes to what was sent."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.kept import kept

from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.model.time import parse_utc
from s1pdgs.simulator.command import simulate as simulate_command
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.session import SimulatedSession, simulate
from s1pdgs.simulator.station.content import read_content


@pytest.fixture(scope="module")
def session() -> SimulatedSession:
    return kept("session", lambda folder: simulate(Scenario.mini(), folder))


def packets_of(session: SimulatedSession, channel: int) -> dict[int, bytes]:
    """Packets back to back by virtual channel, out of the blocks of a channel, by the receiving side's own decoder."""
    decoder = ChannelDecoder(LinkParameters())
    found: dict[int, list[bytes]] = {}
    for batches in (
        *(decoder.feed(path.read_bytes()) for path in sorted((session.folder / f"session/ch_{channel}").iterdir())),
        decoder.finish(),
    ):
        for vcid, batch in batches:
            for packet in batch.packets:
                body = batch.buffer[packet["offset"] : packet["offset"] + packet["length"]].tobytes()
                found.setdefault(vcid, []).append(body)
    assert decoder.sync.skipped_bytes == 0
    return {vcid: b"".join(bodies) for vcid, bodies in found.items()}


def test_every_packet_comes_back_octet_by_octet(session: SimulatedSession) -> None:
    truth = json.loads((session.folder / "truth.json").read_bytes())
    assert [(stream["polarisation"], stream["channel"], stream["vcid"]) for stream in truth["streams"]] == [
        ("VV", 1, 24),
        ("VH", 2, 25),
    ]
    for stream in truth["streams"]:
        received = packets_of(session, stream["channel"])
        assert set(received) == {stream["vcid"]}
        body = received[stream["vcid"]]
        assert hashlib.sha256(body).hexdigest() == stream["sha256"]
        octets = np.frombuffer(body, np.uint8)
        headers = gather_headers(octets, index_packets(octets)[0])
        assert headers.size == stream["packets"]
        assert set(headers["rx_channel"]) == {0 if stream["polarisation"] == "VV" else 1}
        assert set(headers["data_take_id"]) == {truth["data_take"]["id"]}


def test_the_station_can_serve_it(session: SimulatedSession) -> None:
    content = read_content(session.folder)
    (served,) = content.sessions
    assert served.id == session.session_id
    assert served.channels == (1, 2)
    assert served.downlink_start < served.downlink_stop
    cadu = LinkParameters().cadu_bytes
    for channel in (1, 2):
        blocks = [block for block in served.blocks if block.channel == channel]
        assert [block.number for block in blocks] == list(range(1, len(blocks) + 1))
        assert [block.final for block in blocks] == [False] * (len(blocks) - 1) + [True]
        assert all(hashlib.md5(block.path.read_bytes()).hexdigest() == block.md5 for block in blocks)
        frames = sum(block.size for block in blocks) / cadu
        assert served.quality[channel]["acquired_tfs"] == frames
        assert 0 < frames - served.quality[channel]["data_tfs"] < 0.02 * frames
    assert any(block.size % cadu for block in served.blocks)
    assert {path.name[4:11] for path in content.auxiliary if path.suffix == ".SAFE"} == {
        "AUX_CAL",
        "AUX_INS",
        "AUX_PP1",
    }


def test_the_same_scenario_gives_the_same_octets_and_another_seed_others(
    session: SimulatedSession, tmp_path: Path
) -> None:
    again = simulate(Scenario.mini(), tmp_path / "again")
    assert [block.read_bytes() for block in again.blocks] == [block.read_bytes() for block in session.blocks]
    other = simulate(Scenario.mini(seed=2), tmp_path / "other")
    assert other.streams[0].sha256 != session.streams[0].sha256


def test_names_and_times_of_the_session_follow_the_pass(session: SimulatedSession) -> None:
    truth = json.loads((session.folder / "truth.json").read_bytes())
    start, stop = (parse_utc(truth["data_take"][key]) for key in ("start", "stop"))
    assert 0.2 < (stop - start).total_seconds() < 2.0
    assert session.downlink.start > stop
    assert session.session_id == f"S1A_{session.downlink.start:%Y%m%d%H%M%S}{session.downlink_orbit:06d}"
    assert truth["data_take"]["absolute_orbit"] <= session.downlink_orbit


def test_a_folder_is_used_once(session: SimulatedSession) -> None:
    with pytest.raises(SimulatorError, match="exists"):
        simulate(Scenario.mini(), session.folder)


def test_a_single_polarisation_needs_one_channel(tmp_path: Path) -> None:
    made = simulate(Scenario.mini(polarisations=("VH",)), tmp_path)
    assert [(stream.polarisation, stream.channel, stream.vcid) for stream in made.streams] == [("VH", 1, 25)]


def test_targets_are_told_where_they_are_focused(tmp_path: Path) -> None:
    made = simulate(Scenario.mini(targets=2, duration_s=0.7), tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    for target, record in zip(made.targets, truth["targets"], strict=True):
        assert made.take.orbit.seconds(parse_utc(record["zero_doppler_time"])) == pytest.approx(
            target.zero_doppler_s, abs=1e-6
        )
        position = made.take.orbit.position(target.zero_doppler_s)
        assert np.linalg.norm(np.array(record["position_m"]) - position) == pytest.approx(record["slant_range_m"])
    shutil.rmtree(tmp_path)


def test_the_command_makes_a_session_and_explains_mistakes(tmp_path: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(simulate_command, [str(tmp_path / "made"), "--mini", "--polarisations", "VV"])
    assert result.exit_code == 0, result.output
    assert "Martinique" in result.output
    assert (tmp_path / "made" / "session.json").is_file()
    repeated = runner.invoke(simulate_command, [str(tmp_path / "made"), "--mini"])
    assert repeated.exit_code != 0
    assert "choose another folder" in repeated.output
    assert "rugen" in runner.invoke(simulate_command, ["--help"]).output
