"""Every runner keeps the same promises, with real processes at the place where it runs them."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import Command, Demand, Ended, Progress, Runner, Running, Waiting

FIRST, SECOND = Claim(1, 1), Claim(2, 7)
DEMAND = Demand(cpus=1, memory_mb=64, wall_s=60.0)


@frozen
class Place:
    """Somewhere to run. `outlives`: attempts go on when the process that started them is gone."""

    open: Callable[[Command], Runner]
    outlives: bool


@pytest.fixture(params=["local"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    match request.param:
        case "local":
            yield Place(LocalRunner, outlives=False)


def program(text: str) -> Command:
    """A command whose process is told its job and fence."""
    return lambda claim: [sys.executable, "-c", text, str(claim.job), str(claim.fence)]


def sleeping(folder: Path) -> Command:
    """A command that says that it runs by a file named after its job, and sleeps."""
    return program(f"import sys, time; open({str(folder)!r} + '/' + sys.argv[1], 'w').close(); time.sleep(1000)")


def end_of(runner: Runner, claim: Claim) -> Ended:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        progress = runner.look().get(claim)
        if isinstance(progress, Ended):
            return progress
        assert progress is not None, f"{claim} is lost"
        time.sleep(0.05)
    raise AssertionError(f"{claim} does not end")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(progress: Progress | None) -> bool:
    assert isinstance(progress, Running | Waiting)
    return isinstance(progress, Running)


def test_an_attempt_runs_once_and_its_end_is_told_once(place: Place, tmp_path: Path) -> None:
    told = tmp_path / "told"
    runner = place.open(program(f"import sys; open({str(told)!r}, 'a').write(' '.join(sys.argv[1:]))"))
    assert runner.adopt() == []
    runner.start(SECOND, DEMAND)
    assert end_of(runner, SECOND) == Ended("exit code 0", 0)
    assert runner.look() == {}
    assert told.read_text() == "2 7"
    assert runner.close() == []


def test_a_failure_is_told_with_its_exit_code(place: Place) -> None:
    runner = place.open(program("raise SystemExit(3)"))
    runner.start(FIRST, DEMAND)
    assert end_of(runner, FIRST) == Ended("exit code 3", 3)
    runner.close()


def test_stopping_one_attempt_leaves_the_others_alone(place: Place, tmp_path: Path) -> None:
    runner = place.open(sleeping(tmp_path))
    runner.start(FIRST, DEMAND)
    runner.start(SECOND, DEMAND)
    until(lambda: {path.name for path in tmp_path.iterdir()} == {"1", "2"})
    until(lambda: is_running(runner.look()[FIRST]))
    runner.stop(FIRST)
    assert end_of(runner, FIRST).code != 0
    assert is_running(runner.look()[SECOND])
    runner.stop(SECOND)
    end_of(runner, SECOND)
    runner.stop(SECOND)
    runner.close()


def test_a_process_that_starts_again_takes_over_what_still_runs(place: Place, tmp_path: Path) -> None:
    first = place.open(sleeping(tmp_path))
    first.start(FIRST, DEMAND)
    until((tmp_path / "1").exists)
    ended_with_it = first.close()
    second = place.open(sleeping(tmp_path))
    adopted = second.adopt()
    assert (ended_with_it, adopted) == (([], [FIRST]) if place.outlives else ([FIRST], []))
    for claim in adopted:
        assert is_running(second.look()[claim])
        second.stop(claim)
        end_of(second, claim)
    second.close()
