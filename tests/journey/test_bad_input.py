"""What goes wrong ends in the state that docs/operations.md tells, with a message that an operator can act on."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.inbox.tables import quarantine
from s1pdgs.jobs.tables import job_input
from s1pdgs.simulator.spoil.spoiling import Faults, FrameSpan, spoil
from s1pdgs.simulator.station.faults import Faults as StationFaults
from s1pdgs.simulator.station.faults import FileFault
from tests.journey.conftest import MakeGround
from tests.journey.damage import copy_of, level_0_chains
from tests.journey.ground import Ground, station
from tests.journey.outcome import assert_packets_are_those_sent

pytestmark = pytest.mark.journey

SLICE = "S3_RAW__0A"
"""Comes with the slices: when it is there, ASP is done."""


def level_0(ground: Ground) -> None:
    ground.wait(lambda: ground.settled(SLICE), "Level-0 is made and published")


def manifest_number(ground: Ground, element: str) -> list[int]:
    """The values of a quality element in all segment manifests."""
    found = []
    for row in ground.products():
        if row.type == "S3_RAW__0S" and row.attributes["productConsolidation"][1] != "SLICE":
            text = ground.store.path(f"{row.location}/manifest.safe").read_text()
            found += [int(value) for value in re.findall(rf"{element}>(\d+)<", text)]
    return found


def test_bit_errors_within_the_code_change_no_packet(tiny: Path, tmp_path: Path, make_ground: MakeGround) -> None:
    downlink = tmp_path / "downlink"
    spoil(tiny, downlink, Faults(damage=tuple(FrameSpan(1, k, k + 1, symbols=12) for k in range(5, 60, 5))))
    with station(downlink) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"))
        ground.start()
        level_0(ground)
    assert_packets_are_those_sent(ground, downlink)
    assert ground.attempts("l0-aio")[0].exit_code == 0
    assert sum(manifest_number(ground, "numOfRSCorrectedElements")) == 11
    assert sum(manifest_number(ground, "numOfRSIncorrigibleElements")) == 0


def test_bit_errors_beyond_the_code_are_counted_and_told(tiny: Path, tmp_path: Path, make_ground: MakeGround) -> None:
    downlink = tmp_path / "downlink"
    spoil(tiny, downlink, Faults(damage=(FrameSpan(1, 100, 102, symbols=30), FrameSpan(1, 200, 201, symbols=30))))
    with station(downlink) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"))
        ground.start()
        level_0(ground)
        log = ground.call("job", "log", "1")
    (attempt,) = ground.attempts("l0-aio")
    assert 1 <= attempt.exit_code <= 127
    assert "3 frames could not be corrected; their packets are missing" in log
    assert "a retransfer of the session may bring them" in log
    assert sum(manifest_number(ground, "numOfMissingElements")) > 0


def test_a_missing_block_is_waited_for_then_processed_without(
    tiny: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    files = json.loads((tiny / "session.json").read_text())["files"]
    lost = next(file["name"] for file in files if file["channel"] == 1 and file["block"] == 3)
    with station(tiny, faults=StationFaults(files={lost: FileFault(missing=True)})) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"), triggers__session_timeout_s=15.0)
        ground.start()
        ground.wait(lambda: ground.stored_blocks() == len(files) - 1, "all other blocks are stored")
        waiting = ground.wait(lambda: ground.session() if ground.session().reason else None, "the reason is told")
        assert waiting.state == "open"
        assert "3" in waiting.reason
        assert "channel 1" in waiting.reason
        ground.wait(lambda: ground.session().state == "incomplete", "the session is given up")
        level_0(ground)
    assert 1 <= ground.attempts("l0-aio")[0].exit_code <= 127
    (session,) = [row for row in ground.products() if row.type == "SESSION"]
    assert session.attributes["incomplete"] == ["Boolean", True]


def test_a_truncated_block_is_tried_again_then_set_aside(tiny: Path, make_ground: MakeGround) -> None:
    name = json.loads((tiny / "session.json").read_text())["files"][1]["name"]
    with station(tiny, faults=StationFaults(files={name: FileFault(truncated=99)})) as source:
        ground = make_ground(source)
        ground.start()
        found = ground.wait(lambda: ground.rows(sa.select(quarantine)), "the block is in quarantine")
    assert [row.name for row in found] == [name]
    assert re.search(r"\d+ bytes", found[0].reason)
    assert ground.session().state == "open"


def test_packets_of_an_unknown_channel_are_kept_and_told(tiny: Path, tmp_path: Path, make_ground: MakeGround) -> None:
    downlink = copy_of(tiny, tmp_path / "downlink")
    (memory,) = (downlink / "auxiliary").glob("*AUX_OBMEMC*")
    association = r"<PacketStoreAssociation>\s*<PacketStoreId>PS-24</PacketStoreId>.*?</PacketStoreAssociation>\s*"
    changed, count = re.subn(association, "", memory.read_text(), flags=re.DOTALL)
    assert count == 1
    memory.write_text(changed)
    with station(downlink) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"))
        ground.start()
        found = ground.wait(lambda: ground.rows(sa.select(quarantine)), "the packets are set aside")
    (row,) = found
    assert "virtual channel 24" in row.reason
    assert "VC-24" in row.reason
    truth = json.loads((downlink / "truth.json").read_text())
    sent = next(stream["octets"] for stream in truth["streams"] if stream["vcid"] == 24)
    assert ground.store.size(row.location) == sent
    assert 1 <= ground.attempts("l0-aio")[0].exit_code <= 127


def test_a_failing_processor_is_parked_and_runs_again_when_mended(
    tiny: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    program = tmp_path / "processor"
    program.write_text("#!/bin/sh\necho the antenna fell off >&2\nexit 200\n")
    program.chmod(0o755)
    with station(tiny) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains", str(program)))
        ground.start()
        parked = ground.wait(lambda: ground.jobs().get("l0-aio") if ground.jobs_state("l0-aio") == "parked" else None,
                             "the job is parked")  # fmt: skip
        assert [attempt.exit_code for attempt in ground.attempts("l0-aio")] == [200, 200, 200]
        assert "200" in parked.reason
        assert "the antenna fell off" in parked.log_tail
        assert [row.type for row in ground.products() if "RAW" in row.type] == []
        program.write_text('#!/bin/sh\nexec s1pdgs-aio "$@"\n')
        assert "will run again" in ground.call("job", "retry", str(parked.id))
        level_0(ground)


def test_an_orbit_file_that_does_not_cover_is_not_used(small: Path, tmp_path: Path, make_ground: MakeGround) -> None:
    downlink = copy_of(small, tmp_path / "downlink")
    for path in (downlink / "auxiliary").glob("*ORB_OPOD*"):
        path.rename(tmp_path / path.name)
    (good,) = tmp_path.glob("*AUX_RESORB*")
    earlier = downlink / "auxiliary" / _a_day_earlier(good.name)
    earlier.write_text(_a_day_earlier(good.read_text()))
    with station(downlink) as source:
        ground = make_ground(source)
        ground.start()
        parked = ground.wait(
            lambda: ground.jobs().get("l1-sm") if ground.jobs_state("l1-sm") == "parked" else None, "L1 is parked"
        )
    used = ground.rows(sa.select(job_input.c.product).where(job_input.c.job_id == parked.id))
    assert earlier.name not in {row.product for row in used}
    assert {row.product for row in used} >= {path.name for path in (downlink / "auxiliary").glob("*.SAFE")}
    told = f"{parked.reason}\n{parked.log_tail}"
    assert "orbit" in told, told
    assert "4 s" in told or "state vectors" in told, told


def _a_day_earlier(text: str) -> str:
    return re.sub(r"2026(-?)01(-?)(05|06)", lambda m: f"2026{m[1]}01{m[2]}{int(m[3]) - 3:02d}", text)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 120 MB, for root only."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_parks_the_job_and_room_lets_it_finish(
    tiny: Path, tmp_path: Path, small_disk: Path, make_ground: MakeGround
) -> None:
    with station(tiny) as source:
        ground = make_ground(source, chains=level_0_chains(tmp_path / "chains"), data_dir=small_disk / "data")
        ground.start()
        parked = ground.wait(lambda: ground.jobs().get("l0-aio") if ground.jobs_state("l0-aio") == "parked" else None,
                             "the job is parked")  # fmt: skip
        assert re.search(r"disk full: .*/disk/data/work/jobs has \d+ MB free, the job needs 512 MB", parked.reason)
        assert [row.type for row in ground.products() if "RAW" in row.type] == []
        subprocess.run(["mount", "-o", "remount,size=2g", small_disk], check=True)
        ground.call("job", "retry", str(parked.id))
        level_0(ground)
    assert_packets_are_those_sent(ground, tiny)
