"""The local runner fills its slots, notices children that die, and takes them along when it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.local import LocalRunner
from s1pdgs.jobs.processes import launcher
from s1pdgs.jobs.queue import Claim
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database
from tests.databases import address_of
from tests.unit.jobs.conftest import NOON, Watch, spec


def fill(database: Database, jobs: int) -> None:
    with database.write() as connection:
        for number in range(1, jobs + 1):
            queue.enqueue(connection, spec(), number, NOON)


def states(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.select(t.job.c.state).order_by(t.job.c.id)))


def sleeping(_claim: Claim) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(1000)"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_slots_bound_what_runs_and_stopping_empties_them(database: Database, outbox: Outbox) -> None:
    fill(database, 3)
    runner = LocalRunner(database, outbox, 2, sleeping)
    assert [runner.step() for _ in range(4)] == [True, True, False, False]
    assert states(database) == [JobState.RUNNING, JobState.RUNNING, JobState.READY]
    assert not runner.drain(0.1)
    runner.stop()
    assert runner.drain(20)
    assert runner.running == []


def test_a_child_that_dies_fails_its_attempt_at_once(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    runner = LocalRunner(
        database, outbox, 1, lambda _claim: [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    )
    assert runner.step()
    assert runner.drain(20)
    with database.read() as connection:
        row = connection.execute(sa.select(t.job)).one()
    assert row.state == JobState.READY
    assert row.reason == "the executing process died with signal 9 and left the job unfinished"
    assert row.visible_at > NOON


def test_a_child_that_finished_its_job_is_not_failed(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    runner = LocalRunner(database, outbox, 1, lambda _claim: [sys.executable, "-c", "import time; time.sleep(0.3)"])
    runner.step()
    with database.write() as connection:
        queue.finish(connection, outbox, Claim(1, 1), [])
    assert runner.drain(20)
    assert states(database) == [JobState.DONE]


def test_a_child_that_is_still_loading_keeps_its_lease(database: Database, outbox: Outbox, watch: Watch) -> None:
    fill(database, 1)
    runner = LocalRunner(database, outbox, 1, sleeping, lease=timedelta(seconds=0.03))
    runner.step()
    watch.turn(60)
    time.sleep(0.02)
    runner.step()
    with database.read() as connection:
        assert connection.scalar(sa.select(t.job.c.lease_until)) == watch.now() + timedelta(seconds=0.03)
    runner.stop()
    assert runner.drain(20)


def test_an_idle_runner_does_nothing(database: Database, outbox: Outbox) -> None:
    assert not LocalRunner(database, outbox, 1, sleeping).step()


RUNNER = """
import sys, time
from datetime import timedelta
from pathlib import Path
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.local import LocalRunner
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_database

child = "import os, sys, time, pathlib; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(1000)"
runner = LocalRunner(
    open_database(sys.argv[1], Path(sys.argv[2])), Outbox(SystemClock()), 1,
    lambda claim: [sys.executable, "-c", child, sys.argv[3]], lease=timedelta(seconds=1),
)
while True:
    runner.step()
    time.sleep(0.05)
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_kill_9_takes_the_children_along_and_the_lease_passes_on(
    tmp_path: Path, database: Database, outbox: Outbox
) -> None:
    fill(database, 1)
    told = tmp_path / "pid"
    supervisor = subprocess.Popen([sys.executable, "-c", RUNNER, address_of(database), str(tmp_path), str(told)])
    try:
        until(lambda: told.exists() and told.read_text() != "")
    finally:
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
    until(lambda: not is_alive(int(told.read_text())))
    assert states(database) == [JobState.RUNNING]
    clock = type("Later", (), {"now": lambda _self: NOON + timedelta(days=36_500)})()
    with database.write() as connection:
        assert queue.claim(connection, Outbox(clock), "here:1") == Claim(1, 2)


def test_a_launched_program_whose_starter_is_gone_does_not_run(tmp_path: Path) -> None:
    command = launcher([sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"])
    command[command.index(str(os.getpid()))] = "1" if os.getppid() != 1 else "2"
    assert subprocess.run(command, check=False).returncode == 255
    assert not (tmp_path / "ran").exists()
