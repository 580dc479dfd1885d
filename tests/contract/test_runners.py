"""Every runner keeps the same promises, with real processes at the place where it runs them."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen
from tests.clusters import dask_cluster as cluster
from tests.slurm import slurm_conf

from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.dask import DaskRunner
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import (
    Command,
    Demand,
    Ended,
    Progress,
    Refused,
    Runner,
    RunnerError,
    Running,
    Waiting,
)
from s1pdgs.jobs.runners.slurm import SlurmRunner

FIRST, SECOND = Claim(1, 1), Claim(2, 7)
DEMAND = Demand(cpus=1, memory_mb=64, wall_s=60.0)


@frozen
class Place:
    """Somewhere to run, for one ground segment and for another (`elsewhere`).

    `outlives`: attempts go on when the process that started them is gone.
    """

    open: Callable[[Command], Runner]
    elsewhere: Callable[[Command], Runner]
    outlives: bool


@pytest.fixture(params=["local", "dask", "slurm"])
def place(request: pytest.FixtureRequest) -> Place:
    match request.param:
        case "dask":
            address = request.getfixturevalue("dask_cluster")
            ground, other = (f"test{uuid.uuid4().hex}" for _ in range(2))
            return Place(
                lambda command: DaskRunner(address, command, ground),
                lambda command: DaskRunner(address, command, other),
                outlives=True,
            )
        case "slurm":
            request.getfixturevalue("slurm_cluster")
            logs = request.getfixturevalue("tmp_path_factory").mktemp("slurm")
            ground, other = (f"test{uuid.uuid4().hex}" for _ in range(2))
            return Place(
                lambda command: SlurmRunner(command, ground, str(logs)),
                lambda command: SlurmRunner(command, other, str(logs)),
                outlives=True,
            )
        case _:
            return Place(LocalRunner, LocalRunner, outlives=False)


@pytest.fixture(scope="session")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, each a process of its own."""
    with cluster(tmp_path_factory.mktemp("dask")) as started:
        yield started.address


@pytest.fixture
def slurm_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one-machine Slurm of scripts/services."""
    monkeypatch.setenv("SLURM_CONF", str(slurm_conf()))


def program(text: str) -> Command:
    """A command whose process is told its job and fence."""
    return lambda claim: [sys.executable, "-c", text, str(claim.job), str(claim.fence)]


def sleeping(folder: Path) -> Command:
    """A command that says that it runs by a file named after its job, and sleeps."""
    return program(f"import sys, time; open({str(folder)!r} + '/' + sys.argv[1], 'w').close(); time.sleep(1000)")


def end_of(runner: Runner, claim: Claim) -> Ended:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        progress = runner.look().get(claim)
        if isinstance(progress, Ended):
            return progress
        assert progress is not None, f"{claim} is lost"
        time.sleep(0.05)
    raise AssertionError(f"{claim} does not end")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
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
    until(lambda: is_running(runner.look()[SECOND]))
    runner.stop(SECOND)
    end_of(runner, SECOND)
    runner.stop(SECOND)
    runner.close()


def test_an_attempt_that_does_not_listen_is_ended_by_force(place: Place, tmp_path: Path) -> None:
    deaf = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    runner = place.open(program(f"{deaf}; open({str(tmp_path)!r} + '/' + sys.argv[1], 'w').close(); time.sleep(1000)"))
    runner.start(FIRST, DEMAND)
    until((tmp_path / "1").exists)
    runner.stop(FIRST)
    assert is_running(runner.look()[FIRST])
    runner.stop(FIRST, force=True)
    assert end_of(runner, FIRST).code != 0
    runner.close()


def test_a_process_that_starts_again_takes_over_what_still_runs(place: Place, tmp_path: Path) -> None:
    first = place.open(sleeping(tmp_path))
    first.start(FIRST, DEMAND)
    until((tmp_path / "1").exists)
    ended_with_it = first.close()
    second = place.open(sleeping(tmp_path))
    adopted = second.adopt()
    assert (ended_with_it, adopted) == (([], [FIRST]) if place.outlives else ([FIRST], []))
    if adopted:
        until(lambda: is_running(second.look()[FIRST]))
        second.stop(FIRST)
        end_of(second, FIRST)
    second.close()


def test_attempts_of_another_ground_segment_are_not_taken_over(place: Place, tmp_path: Path) -> None:
    theirs = place.open(sleeping(tmp_path))
    theirs.start(FIRST, DEMAND)
    ours = place.elsewhere(sleeping(tmp_path))
    assert ours.adopt() == []
    theirs.stop(FIRST)
    end_of(theirs, FIRST)
    theirs.close()
    ours.close()


def test_attempts_spread_over_the_workers_and_one_too_many_waits(dask_cluster: str, tmp_path: Path) -> None:
    runner = DaskRunner(dask_cluster, sleeping(tmp_path), f"test{uuid.uuid4().hex}")
    third = Claim(3, 1)
    for claim in (FIRST, SECOND):
        assert runner.room()
        runner.start(claim, DEMAND)
    assert runner.room() == 0
    until(lambda: {path.name for path in tmp_path.iterdir()} == {"1", "2"})
    until(lambda: all(is_running(runner.look()[claim]) for claim in (FIRST, SECOND)))
    runner.start(third, DEMAND)
    assert runner.look()[third] == Waiting()
    runner.stop(third)
    assert end_of(runner, third) == Ended("its task cancelled")
    for claim in (FIRST, SECOND):
        runner.stop(claim)
        end_of(runner, claim)
    assert {path.name for path in tmp_path.iterdir()} == {"1", "2"}
    runner.close()


def test_workers_that_declare_what_they_have_are_given_no_more(tmp_path: Path) -> None:
    with cluster(tmp_path, workers=0) as started:
        started.add_worker(4, "cpus=4 memory_mb=1000")
        runner = DaskRunner(started.address, sleeping(tmp_path), f"test{uuid.uuid4().hex}")
        until(lambda: runner.room() == 4)
        runner.start(FIRST, Demand(3, 600, 60.0))
        until((tmp_path / "1").exists)
        until(lambda: runner.room() == 1)
        runner.start(SECOND, Demand(2, None, 60.0))
        assert runner.look()[SECOND] == Waiting()
        with pytest.raises(Refused, match=r"no Dask worker has cpus=5 \(the most are cpus=4\)"):
            runner.start(Claim(3, 1), Demand(5, None, 60.0))
        runner.stop(FIRST)
        end_of(runner, FIRST)
        until((tmp_path / "2").exists)
        runner.stop(SECOND)
        end_of(runner, SECOND)
        runner.close()


def test_slurm_begins_the_most_urgent_of_those_that_wait(slurm_cluster: None, tmp_path: Path) -> None:
    ground = f"test{uuid.uuid4().hex}"
    runner = SlurmRunner(sleeping(tmp_path), ground, str(tmp_path))
    whole = os.cpu_count() or 1
    runner.start(FIRST, Demand(whole, 64, 60.0, 30))
    until((tmp_path / "1").exists)
    calm, urgent = Claim(3, 1), Claim(4, 1)
    runner.start(calm, Demand(whole, 64, 60.0, 10))
    runner.start(urgent, Demand(whole, 64, 60.0, 40))
    assert {runner.look()[claim] for claim in (calm, urgent)} == {Waiting()}
    runner.stop(FIRST)
    end_of(runner, FIRST)
    until((tmp_path / "4").exists)
    assert not (tmp_path / "3").exists()
    for claim in (calm, urgent):
        runner.stop(claim)
        end_of(runner, claim)


def test_a_scheduler_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    runner = DaskRunner("tcp://127.0.0.1:9", sleeping(tmp_path), "test", timeout_s=0.5)
    with pytest.raises(RunnerError, match=r"tcp://127\.0\.0\.1:9.*dask scheduler.*work\.dask_scheduler"):
        runner.adopt()
