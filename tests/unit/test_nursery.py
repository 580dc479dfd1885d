"""Attempts on this host are forked: each a process of its own, none of which outlives the one that forks them."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import s1pdgs
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import Demand, Ended, RunnerError

FIRST, SECOND = Claim(1, 1), Claim(2, 1)
DEMAND = Demand(cpus=1, memory_mb=None, wall_s=60.0)
WAITS = "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(1000)"
TELLS = """
import os, sys
told = open(sys.argv[1] + ".part", "w")
print(os.getsid(0) == os.getpid(), len(os.listdir("/proc/self/fd")), os.read(0, 1), file=told, flush=True)
os.rename(told.name, sys.argv[1])
"""


def python(text: str, folder: Path) -> LocalRunner:
    """A runner whose attempts run some Python, told a file that is named after their job."""
    return LocalRunner(lambda claim: [sys.executable, "-c", text, str(folder / str(claim.job))])


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[LocalRunner]:
    runner = python(WAITS, tmp_path)
    yield runner
    runner.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ends_of(runner: LocalRunner, *claims: Claim) -> list[Ended]:
    found: dict[Claim, Ended] = {}

    def all_told() -> bool:
        found.update({claim: told for claim, told in runner.look().items() if isinstance(told, Ended)})
        return found.keys() == set(claims)

    until(all_told)
    return [found[claim] for claim in claims]


def end_of(runner: LocalRunner, claim: Claim) -> Ended:
    (end,) = ends_of(runner, claim)
    return end


def nursery() -> psutil.Process:
    (found,) = [one for one in psutil.Process().children() if any("nursery.py" in word for word in one.cmdline())]
    return found


def test_an_attempt_has_a_session_and_nothing_of_the_nursery(tmp_path: Path) -> None:
    runner = python(TELLS, tmp_path)
    runner.start(FIRST, DEMAND)
    assert end_of(runner, FIRST) == Ended("exit code 0", 0)
    runner.close()
    ours = 3 + 1 + 1  # standard ones, the file, the folder that is listed
    assert (tmp_path / "1").read_text() == f"True {ours} b''\n"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--version"], 0, "s1pdgs"),
        (["execute", "1"], 2, "Missing argument 'FENCE'"),
        (["--config", "/nowhere.toml", "jobs"], 1, "nowhere.toml"),
    ],
)
def test_our_own_program_is_run_without_starting_an_interpreter(
    words: list[str], code: int, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    runner = LocalRunner(lambda _claim: [sys.executable, "-m", "s1pdgs", *words])
    runner.start(FIRST, DEMAND)
    assert end_of(runner, FIRST).code == code
    runner.close()
    assert told in "".join(capfd.readouterr())


def test_a_program_that_cannot_be_run_ends_badly(capfd: pytest.CaptureFixture[str]) -> None:
    runner = LocalRunner(lambda _claim: ["/no/such/program"])
    runner.start(FIRST, DEMAND)
    assert end_of(runner, FIRST) == Ended("exit code 255", 255)
    runner.close()
    assert "cannot run /no/such/program: No such file or directory" in capfd.readouterr().err


def test_with_the_nursery_all_attempts_die_and_the_next_one_has_a_new_nursery(
    waiting: LocalRunner, tmp_path: Path
) -> None:
    for claim in (FIRST, SECOND):
        waiting.start(claim, DEMAND)
        until((tmp_path / str(claim.job)).exists)
    forked = nursery().children()
    nursery().send_signal(signal.SIGKILL)
    assert ends_of(waiting, FIRST, SECOND) == [Ended("signal 9", -9)] * 2
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in forked))
    until(lambda: is_started(waiting, Claim(3, 1)))
    until((tmp_path / "3").exists)


def is_started(runner: LocalRunner, claim: Claim) -> bool:
    """False while the end of the old nursery is not yet known."""
    try:
        runner.start(claim, DEMAND)
    except RunnerError:
        return False
    return True


def test_nothing_is_left_of_a_closed_runner(waiting: LocalRunner, tmp_path: Path) -> None:
    waiting.start(FIRST, DEMAND)
    until((tmp_path / "1").exists)
    process = nursery()
    (attempt,) = process.children()
    assert waiting.close() == [FIRST]
    assert not psutil.pid_exists(process.pid)
    assert not attempt.is_running()
    assert waiting.look() == {}


def test_a_nursery_whose_starter_is_gone_serves_nobody(tmp_path: Path) -> None:
    told, ends = os.pipe()
    script = Path(s1pdgs.__file__).with_name("nursery.py")
    someone = "1" if os.getppid() != 1 else "2"
    pid = os.posix_spawn(sys.executable, [sys.executable, "-P", str(script), someone, str(ends)], os.environ)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 255
    os.close(told)
    os.close(ends)
