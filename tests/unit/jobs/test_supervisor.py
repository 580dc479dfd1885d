"""The supervisor fills its slots, notices processes that die, and takes those of this host along when it is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.processes import launcher
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import Demand, Progress, Refused, RunnerError, Running, Waiting
from s1pdgs.jobs.supervisor import Supervisor
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


def test_slots_bound_what_runs_and_finishing_empties_them(database: Database, outbox: Outbox) -> None:
    fill(database, 3)
    runner = LocalRunner(sleeping)
    supervisor = Supervisor(database, outbox, 2, runner)
    assert [supervisor.step() for _ in range(3)] == [True, False, False]
    assert states(database) == [JobState.RUNNING, JobState.RUNNING, JobState.READY]
    supervisor.finish()
    assert supervisor.running == []
    assert runner.look() == {}
    assert states(database) == [JobState.READY] * 3


def test_the_end_of_a_child_is_told_without_looking(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    ended = threading.Event()
    supervisor = Supervisor(database, outbox, 1, LocalRunner(lambda _claim: ["/bin/true"], ended.set))
    supervisor.step()
    assert ended.wait(60)
    assert supervisor.step()
    assert supervisor.running == []


def test_a_child_that_dies_fails_its_attempt_at_once(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    runner = LocalRunner(lambda _claim: [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    supervisor = Supervisor(database, outbox, 1, runner)
    assert supervisor.step()
    until(lambda: supervisor.step() and not supervisor.running)
    with database.read() as connection:
        row = connection.execute(sa.select(t.job)).one()
    assert row.state == JobState.READY
    assert row.reason == "the executing process died with signal 9 and left the job unfinished"
    assert row.visible_at > NOON


def test_a_child_that_finished_its_job_is_not_failed(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    supervisor = Supervisor(
        database, outbox, 1, LocalRunner(lambda _claim: [sys.executable, "-c", "import time; time.sleep(0.3)"])
    )
    supervisor.step()
    with database.write() as connection:
        queue.finish(connection, outbox, Claim(1, 1), [])
    until(lambda: supervisor.step() and not supervisor.running)
    assert states(database) == [JobState.DONE]


def test_a_child_that_is_still_loading_keeps_its_lease(database: Database, outbox: Outbox, watch: Watch) -> None:
    fill(database, 1)
    supervisor = Supervisor(database, outbox, 1, LocalRunner(sleeping), lease=timedelta(seconds=0.03))
    supervisor.step()
    watch.turn(60)
    time.sleep(0.02)
    supervisor.step()
    with database.read() as connection:
        assert connection.scalar(sa.select(t.job.c.lease_until)) == watch.now() + timedelta(seconds=0.03)
    supervisor.finish()


def test_a_child_whose_job_was_taken_away_is_stopped(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    supervisor = Supervisor(database, outbox, 1, LocalRunner(sleeping), lease=timedelta(seconds=0.03))
    supervisor.step()
    with database.write() as connection:
        queue.drop(connection, 1, "not wanted", NOON)
    until(lambda: supervisor.step() and not supervisor.running)
    assert states(database) == [JobState.DROPPED]


def test_an_idle_supervisor_does_nothing(database: Database, outbox: Outbox) -> None:
    assert not Supervisor(database, outbox, 1, LocalRunner(sleeping)).step()


class Cluster(LocalRunner):
    """A place of its own queue, where attempts wait until they are let in."""

    def __init__(self) -> None:
        super().__init__(sleeping)
        self.outlives, self.let_in = True, set[int]()

    def room(self) -> None:  # type: ignore[override]
        return None

    def look(self) -> Mapping[Claim, Progress]:
        seen = super().look()
        return {
            each: Waiting() if how == Running() and each.job not in self.let_in else how for each, how in seen.items()
        }


def test_no_more_wait_in_a_cluster_than_are_allowed_but_more_urgent_ones_pass(
    database: Database, outbox: Outbox
) -> None:
    with database.write() as connection:
        for number, priority in enumerate((20, 20, 20, 30), 1):
            queue.enqueue(connection, spec(), number, NOON, priority=priority)
        queue.park(connection, outbox, 4, "later")
    runner = Cluster()
    supervisor = Supervisor(database, outbox, 9, runner, waiting=2)
    assert [supervisor.step() for _ in range(3)] == [True, True, False]
    assert [claim.job for claim in supervisor.running] == [1, 2]
    with database.write() as connection:
        queue.retry(connection, 4, NOON)
    assert [supervisor.step() for _ in range(2)] == [True, False]
    assert [claim.job for claim in supervisor.running] == [1, 2, 4]
    runner.let_in = {1, 4}
    assert supervisor.step()
    assert [claim.job for claim in supervisor.running] == [1, 2, 4, 3]
    supervisor.finish()


def test_draining_lets_attempts_end_and_starts_no_more(database: Database, outbox: Outbox, tmp_path: Path) -> None:
    fill(database, 2)
    go = tmp_path / "go"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)"
    supervisor = Supervisor(database, outbox, 1, LocalRunner(lambda _claim: [sys.executable, "-c", waits]))
    supervisor.step()
    with database.write() as connection:
        queue.finish(connection, outbox, Claim(1, 1), [])
    thread = threading.Thread(target=supervisor.drain, args=(threading.Event(), 1000))
    thread.start()
    go.touch()
    thread.join(60)
    assert supervisor.running == []
    assert states(database) == [JobState.DONE, JobState.READY]


def test_draining_ends_at_once_when_it_is_told_and_when_the_time_is_over(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    supervisor = Supervisor(database, outbox, 1, LocalRunner(sleeping))
    supervisor.step()
    told = threading.Event()
    told.set()
    supervisor.drain(told, 1000)
    supervisor.drain(threading.Event(), 0)
    assert states(database) == [JobState.RUNNING]
    supervisor.finish()
    assert states(database) == [JobState.READY]


def test_attempts_that_outlive_it_are_not_waited_for(database: Database, outbox: Outbox) -> None:
    fill(database, 1)
    runner = Cluster()
    supervisor = Supervisor(database, outbox, 1, runner)
    supervisor.step()
    supervisor.drain(threading.Event(), 1000)
    assert len(supervisor.running) == 1
    runner.close()


def test_a_stopped_attempt_that_does_not_listen_is_ended_by_force(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("s1pdgs.jobs.supervisor._FORCE_S", 0.0)
    fill(database, 1)
    ready = tmp_path / "ready"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    deaf += f"; open({str(ready)!r}, 'w'); time.sleep(1000)"
    runner = LocalRunner(lambda _claim: [sys.executable, "-c", deaf])
    supervisor = Supervisor(database, outbox, 1, runner, lease=timedelta(seconds=0.03))
    supervisor.step()
    until(ready.exists)
    with database.write() as connection:
        queue.drop(connection, 1, "not wanted", NOON)
    until(lambda: supervisor.step() and not supervisor.running)


def test_a_job_that_the_place_refuses_fails_with_its_words(database: Database, outbox: Outbox) -> None:
    class Small(LocalRunner):
        def start(self, claim: Claim, demand: Demand) -> None:
            raise Refused(f"no machine has {demand.cpus} cores for job {claim.job}")

    fill(database, 1)
    assert Supervisor(database, outbox, 1, Small(sleeping)).step()
    with database.read() as connection:
        row = connection.execute(sa.select(t.job)).one()
    assert (row.state, row.reason) == (JobState.READY, "no machine has 1 cores for job 1")


def test_a_job_whose_spec_cannot_be_read_is_parked_and_holds_up_no_other(database: Database, outbox: Outbox) -> None:
    fill(database, 2)
    with database.write() as connection:
        connection.execute(t.job.update().where(t.job.c.id == 1).values(spec={"version": 99}))
    supervisor = Supervisor(database, outbox, 2, LocalRunner(sleeping))
    assert supervisor.step()
    assert states(database) == [JobState.PARKED, JobState.RUNNING]
    with database.read() as connection:
        assert "version 99" in str(connection.scalar(sa.select(t.job.c.reason).where(t.job.c.id == 1)))
    supervisor.finish()


def test_while_the_place_cannot_be_asked_jobs_keep_their_attempts(database: Database, outbox: Outbox) -> None:
    class Away(LocalRunner):
        def start(self, claim: Claim, demand: Demand) -> None:
            raise RunnerError(f"the scheduler is away: {claim}, {demand}")

    fill(database, 1)
    supervisor = Supervisor(database, outbox, 1, Away(sleeping))
    with pytest.raises(RunnerError, match="away"):
        supervisor.step()
    assert not supervisor.step()
    with database.read() as connection:
        row = connection.execute(sa.select(t.job)).one()
        outcomes = list(connection.scalars(sa.select(t.attempt.c.outcome)))
    assert (row.state, row.fence, outcomes) == (JobState.READY, 1, ["handed back"])


RUNNER = """
import sys, time
from datetime import timedelta
from pathlib import Path
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.supervisor import Supervisor
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_database

child = "import os, sys, time, pathlib; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(1000)"
supervisor = Supervisor(
    open_database(sys.argv[1], Path(sys.argv[2])), Outbox(SystemClock()), 1,
    LocalRunner(lambda claim: [sys.executable, "-c", child, sys.argv[3]]), lease=timedelta(seconds=1),
)
while True:
    supervisor.step()
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
