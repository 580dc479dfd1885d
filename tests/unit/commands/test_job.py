"""What an operator does to jobs from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from s1pdgs.cli import cli
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.jobs import queue
from s1pdgs.jobs.queue import Failure
from s1pdgs.settings import load_settings
from tests.unit.jobs.conftest import spec


@pytest.fixture
def ground(tmp_path: Path) -> GroundSegment:
    """Three jobs: 1 and 3 of chain l1 are parked for want of disk, 2 of chain l0 runs."""
    opened = open_ground_segment(load_settings(None, {"S1PDGS_DATA_DIR": str(tmp_path)}))
    now = opened.outbox.clock.now()
    with opened.database.write() as connection:
        for order, chain in ((1, "l1"), (2, "l0"), (3, "l1")):
            queue.enqueue(connection, spec(chain=chain), order, now)
        claims = [queue.claim(connection, opened.outbox, "here:1") for _ in range(3)]
        for claim in claims:
            assert claim is not None
            if claim.job != 2:
                queue.fail(connection, opened.outbox, claim, Failure("the disk is full", lasting=True))
    return opened


def s1pdgs(ground: GroundSegment, *words: object) -> Result:
    runner = CliRunner(env={"S1PDGS_DATA_DIR": str(ground.settings.data_dir)})
    return runner.invoke(cli, ["job", *map(str, words)])


def states(ground: GroundSegment) -> dict[int, str]:
    rows = json.loads(s1pdgs(ground, "list", "--json").output)
    return {row["number"]: row["state"] for row in rows}


def test_jobs_are_listed_by_what_is_known_of_them(ground: GroundSegment) -> None:
    assert states(ground) == {3: "parked", 2: "running", 1: "parked"}
    rows = json.loads(s1pdgs(ground, "list", "--state", "parked", "--chain", "l1", "--before", 3, "--json").output)
    assert [(row["number"], row["note"]) for row in rows] == [(1, "the disk is full")]
    assert s1pdgs(ground, "list", "--reason-has", "memory").output == "no jobs\n"
    assert "the disk is full" in s1pdgs(ground, "list").output


def test_a_selection_is_retried_once(ground: GroundSegment) -> None:
    words = ("retry", "--state", "parked", "--reason-has", "DISK IS FULL", "--reason", "more disk")
    assert s1pdgs(ground, *words).output == "job 3 will run again\njob 1 will run again\n"
    assert s1pdgs(ground, *words).output == "no job is selected\n"
    assert states(ground) == {3: "ready", 2: "running", 1: "ready"}
    assert "retry by " in s1pdgs(ground, "show", 1).output.splitlines()[-1]


def test_jobs_that_are_in_no_state_for_it_are_told_and_the_others_go_on(ground: GroundSegment) -> None:
    result = s1pdgs(ground, "retry", 1, 2, 9)
    assert result.exit_code == 1
    assert "job 1 will run again" in result.output
    assert "job 2 is running; retry is for jobs that are parked; there is no job 9" in result.output


def test_an_edit_tells_what_it_changed_and_only_of_jobs_that_do_not_run(ground: GroundSegment) -> None:
    words = ("--limit", "memory_mb=16000", "--limit", "disk_mb=none", "--priority", 50, "--parameter", "A=b=c")
    assert s1pdgs(ground, "edit", "--chain", "l1", *words).output.splitlines()[:4] == [
        "job 3: limit memory_mb: none -> 16000",
        "job 3: parameter A: none -> b=c",
        "job 3: priority: 30 -> 50",
        "job 1: limit memory_mb: none -> 16000",
    ]
    told = json.loads(s1pdgs(ground, "show", 3, "--json").output)
    assert (told["limits"]["memory_mb"], told["parameters"], told["priority"]) == (16000, {"A": "b=c"}, 50)
    assert "job 2 is running; edit is for jobs that are parked or ready" in s1pdgs(ground, "edit", 2, *words).output


def test_what_runs_is_stopped_and_parked_or_dropped(ground: GroundSegment) -> None:
    assert s1pdgs(ground, "cancel", 1).exit_code == 1
    assert s1pdgs(ground, "cancel", 2).output == "job 2 is stopped and parked\n"
    assert "is parked: cancelled by " in s1pdgs(ground, "show", 2).output
    assert s1pdgs(ground, "drop", "--state", "parked").output.count("is dropped") == 3
    assert set(states(ground).values()) == {"dropped"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["retry"], "tell which jobs: by their numbers, or by --state"),
        (["drop", "1", "--chain", "l1"], "tell which jobs"),
        (["edit", "1"], "nothing to change"),
        (["edit", "1", "--limit", "memory_mb=much"], "limit memory_mb: 'much' is no number; give one"),
        (["edit", "1", "--limit", "memory_mb"], "'memory_mb' is not like NAME=VALUE"),
        (["edit", "1", "--limit", "memory=1"], "there is no limit 'memory'; limits are wall_s, "),
        (["edit", "9", "--priority", "1"], "there is no job 9"),
        (["show", "9"], "there is no job 9"),
        (["log", "1", "--attempt", "4"], "job 1 has no attempt 4"),
        (["retry", "2", "--replan"], "job 2 is running; replan is for jobs that are parked or ready"),
        (["retry", "1", "--replan"], "job 1 is of an earlier round of its order"),
    ],
)
def test_mistakes_are_told_with_the_remedy(ground: GroundSegment, words: list[str], told: str) -> None:
    result = s1pdgs(ground, *words)
    assert result.exit_code != 0
    assert told in result.output
