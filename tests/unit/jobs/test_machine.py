"""The job machine against a model of it: workers that die, hang, come back, fail and finish, operators who change their
minds, and a clock that moves as it likes.
"""

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event
from s1pdgs.jobs import operate, queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.lease import begin, keep
from s1pdgs.jobs.operate import Edit
from s1pdgs.jobs.queue import BackOff, Claim, Failure
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database
from tests.databases import in_memory, new_database
from tests.unit.jobs.conftest import NOON, Watch, spec

LEASE = timedelta(seconds=10)
JOBS = 4
WORKS_IN = {
    "retry": {"parked"},
    "park": {"ready", "running"},
    "cancel": {"running"},
    "drop": {"ready", "running", "parked"},
    "withdraw": {"ready", "parked"},
}


@define
class ModelJob:
    """What must be true of a job. `allowed` failures park it; a retry allows `fresh` more."""

    priority: int
    t0: datetime
    visible_at: datetime
    allowed: int
    fresh: int
    state: JobState = JobState.READY
    fence: int = 0
    lease_until: datetime | None = None
    begun: bool = False
    outcomes: list[str | None] = field(factory=list)

    def ended(self, outcome: str) -> int:
        return self.outcomes.count(outcome)

    def leave(self, state: JobState, outcome: str | None = None) -> None:
        """Go to another state; the attempt that ran ends so."""
        if self.state is JobState.RUNNING:
            self.outcomes[-1] = outcome
        self.state, self.lease_until, self.begun = state, None, False


def was_claimed(machine: "Machine") -> bool:
    """Some job was, at some time."""
    return any(job.fence for job in machine.jobs.values())


class Machine(RuleBasedStateMachine):
    """Whoever had a claim once may come back with it at any time."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database, self.watch = database, Watch()
        self.outbox = Outbox(self.watch)
        self.jobs: dict[int, ModelJob] = {}
        self.orders = 0

    # what the queue is told

    @initialize()
    def begin_with_a_job(self) -> None:
        self.enqueue(priority=1, age_s=0, attempts=2)

    @precondition(lambda self: sum(job.state in WORKS_IN["drop"] for job in self.jobs.values()) < JOBS)
    @rule(priority=st.integers(0, 2), age_s=st.integers(0, 2), attempts=st.integers(1, 3))
    def enqueue(self, priority: int, age_s: int, attempts: int) -> None:
        self.orders += 1
        now, t0 = self.watch.now(), NOON - timedelta(seconds=age_s)
        with self.database.write() as connection:
            wanted = spec(t0=t0, max_attempts=attempts)
            number = queue.enqueue(connection, wanted, self.orders, now, priority=priority)
        self.jobs[number] = ModelJob(priority, t0, now, attempts, attempts)

    @rule(seconds=st.sampled_from([9, 11, 4000]))
    def wait(self, seconds: float) -> None:
        self.watch.turn(seconds)

    # what workers do

    @rule(limit=st.integers(1, 3), above=st.sampled_from([None, 0, 1]))
    def claim(self, limit: int, above: int | None) -> None:
        self._reclaim()
        now = self.watch.now()
        due = [
            (-job.priority, job.t0, number)
            for number, job in self.jobs.items()
            if job.state is JobState.READY and job.visible_at <= now and (above is None or job.priority > above)
        ]
        expected = []
        for _, _, number in sorted(due)[:limit]:
            job = self.jobs[number]
            job.fence += 1
            job.state, job.lease_until = JobState.RUNNING, now + LEASE
            job.outcomes.append(None)
            expected.append(Claim(number, job.fence))
        with self.database.write() as connection:
            assert queue.is_any_due(connection, now, above) or not expected
            assert queue.claim_some(connection, self.outbox, "here:1", LEASE, limit, above=above) == expected

    def some_claim(self, data: st.DataObject) -> tuple[Claim, ModelJob, bool]:
        """A claim of now or of once, its job, and whether it still holds."""
        held = [Claim(number, job.fence) for number, job in self.jobs.items() if job.state is JobState.RUNNING]
        ever = [Claim(number, fence) for number, job in self.jobs.items() for fence in range(1, job.fence + 1)]
        mine = data.draw(st.sampled_from(held if held and data.draw(st.integers(0, 3)) else ever))
        return mine, self.jobs[mine.job], mine in held

    @rule()
    def reclaim(self) -> None:
        expected = self._reclaim()
        with self.database.write() as connection:
            assert sorted(claim.job for claim in queue.reclaim(connection, self.outbox)) == expected

    def _reclaim(self) -> list[int]:
        now, lost = self.watch.now(), []
        for number, job in self.jobs.items():
            if job.lease_until is not None and job.lease_until < now:
                parks = job.ended("lost") + 1 >= 2 * job.allowed + 4
                job.leave(JobState.PARKED if parks else JobState.READY, "lost")
                job.visible_at = now
                lost.append(number)
        return sorted(lost)

    @precondition(was_claimed)
    @rule(data=st.data(), how=st.sampled_from(["begin", "keep", "renew"]))
    def hold(self, data: st.DataObject, how: str) -> None:
        """A supervisor keeps the lease until the process begins, once, that renews it from then on."""
        (mine, job, holds), now = self.some_claim(data), self.watch.now()
        expected = holds and (how == "renew" or not job.begun)
        with self.database.write() as connection:
            act = {"begin": begin, "keep": keep, "renew": queue.renew}[how]
            assert act(connection, mine, now, LEASE) == expected
        if expected:
            job.begun, job.lease_until = job.begun or how == "begin", now + LEASE

    @precondition(was_claimed)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        mine, job, holds = self.some_claim(data)
        with self.database.write() as connection:
            assert queue.finish(connection, self.outbox, mine, [f"product-{mine.job}"]) == holds
        if holds:
            job.leave(JobState.DONE, "done")

    @precondition(was_claimed)
    @rule(data=st.data(), lasting=st.sampled_from([False, False, False, True]))
    def fail(self, data: st.DataObject, lasting: bool) -> None:
        (mine, job, holds), expected = self.some_claim(data), None
        if holds:
            failures = job.ended("failed") + 1
            parks = lasting or failures >= job.allowed
            rest = timedelta() if parks else BackOff().after(failures)
            expected = JobState.PARKED if parks else JobState.READY
            job.leave(expected, "failed")
            job.visible_at = self.watch.now() + rest
        with self.database.write() as connection:
            assert queue.fail(connection, self.outbox, mine, Failure("boom", lasting=lasting)) == expected

    @precondition(was_claimed)
    @rule(data=st.data())
    def hand_back(self, data: st.DataObject) -> None:
        mine, job, holds = self.some_claim(data)
        with self.database.write() as connection:
            assert queue.hand_back(connection, mine, self.watch.now()) == holds
        if holds:
            job.leave(JobState.READY, "handed back")
            job.visible_at = self.watch.now()

    # what operators do

    @rule(data=st.data(), action=st.sampled_from(["retry", "retry", "park", "cancel", "drop", "withdraw"]))
    def operate(self, data: st.DataObject, action: str) -> None:
        """An act does something in some states only, and tells so."""
        number = data.draw(st.sampled_from(sorted(self.jobs)))
        job, now = self.jobs[number], self.watch.now()
        state, outcome = {
            "retry": (JobState.READY, None),
            "park": (JobState.PARKED, "parked"),
            "cancel": (JobState.PARKED, "parked"),
            "drop": (JobState.DROPPED, "dropped"),
            "withdraw": (JobState.DROPPED, None),
        }[action]
        with self.database.write() as connection:
            if action == "withdraw":
                acted = queue.withdraw(connection, number, "late data", now)
            else:
                acted = getattr(operate, action)(connection, self.outbox, number, "anna")
        assert acted == (job.state in WORKS_IN[action])
        if acted:
            job.leave(state, outcome)
        if acted and action == "retry":
            job.visible_at = now
            job.allowed = max(job.ended("failed") + job.fresh, (job.ended("lost") + 1) // 2)

    @rule(data=st.data(), priority=st.integers(0, 2), attempts=st.integers(1, 2))
    def edit(self, data: st.DataObject, priority: int, attempts: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[number]
        with self.database.write() as connection:
            changes = operate.edit(connection, self.outbox, number, "anna", Edit(priority, attempts))
        assert (changes is not None) == (job.state in {JobState.READY, JobState.PARKED})
        if changes is not None:
            job.priority, job.fresh, job.allowed = priority, attempts, job.ended("failed") + attempts

    # what is true at all times

    @invariant()
    def the_rows_are_what_the_model_says(self) -> None:
        with self.database.read() as connection:
            jobs = connection.execute(sa.select(t.job)).all()
            attempts = connection.execute(sa.select(t.attempt).order_by(t.attempt.c.fence)).all()
        assert {row.id for row in jobs} == set(self.jobs)
        for row in jobs:
            job, runs = self.jobs[row.id], row.state == JobState.RUNNING
            assert (row.state, row.fence, row.priority, row.max_attempts, row.lease_until) == (
                job.state, job.fence, job.priority, job.allowed, job.lease_until
            )  # fmt: skip
            assert (row.owner is not None, row.lease_until is not None) == (runs, runs)
            assert job.state is not JobState.READY or row.visible_at == job.visible_at
            mine = [each for each in attempts if each.job_id == row.id]
            assert [each.fence for each in mine] == list(range(1, row.fence + 1))
            assert [each.outcome for each in mine] == job.outcomes
            assert [each.ended_at is None for each in mine] == [outcome is None for outcome in job.outcomes]

    @invariant()
    def products_are_made_once_and_by_one_attempt(self) -> None:
        done = sorted(number for number, job in self.jobs.items() if job.state is JobState.DONE)
        with self.database.read() as connection:
            made = sorted(connection.scalars(sa.select(t.job_output.c.job_id)))
            told = sorted(connection.scalars(sa.select(event.c.key).where(event.c.type == "JobFinished")))
            current = connection.execute(sa.select(t.job.c.id, t.job.c.fence).where(t.RUNNING)).all()
        assert made == done
        assert told == sorted(f"job-{number}" for number in done)
        assert {(row.id, row.fence) for row in current} == {
            (number, job.fence) for number, job in self.jobs.items() if job.state is JobState.RUNNING
        }

    def teardown(self) -> None:
        """From wherever it stands, each job can still be done that nobody dropped: no state is without a way out."""
        self.watch.turn(2 * 3600)
        with self.database.write() as connection:
            queue.reclaim(connection, self.outbox)
            for number in self.jobs:
                queue.retry(connection, number, self.watch.now())
            for claim in queue.claim_some(connection, self.outbox, "here:1", LEASE, JOBS):
                assert queue.finish(connection, self.outbox, claim, [])
            left = {number: operate.state_of(connection, number) for number in self.jobs}
        wanted = {number for number, job in self.jobs.items() if job.state is not JobState.DROPPED}
        assert {number for number, state in left.items() if state is JobState.DONE} == wanted


def depth(examples: int, steps: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=examples, stateful_step_count=steps, suppress_health_check=slow)


def test_whatever_happens_in_any_order_on_sqlite() -> None:
    databases: list[Database] = []

    def machine() -> Machine:
        databases.append(in_memory())
        return Machine(databases[-1])

    try:
        run(machine, settings=depth(40, 50))
    finally:
        for database in databases:
            database.close()


def test_whatever_happens_in_any_order_on_postgresql(tmp_path: Path) -> None:
    with new_database("postgresql", tmp_path) as database:

        def machine() -> Machine:
            with database.write() as connection:
                connection.execute(t.job.delete())
                connection.execute(event.delete())
            return Machine(database)

        run(machine, settings=depth(5, 30))
