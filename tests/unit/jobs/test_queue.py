"""Jobs run one attempt at a time, are retried with rest, and are never published by an attempt that lost its lease."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy.dialects import postgresql

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.queue import (
    BackOff,
    Claim,
    Failure,
    UnknownJob,
    claim,
    claim_statement,
    drop,
    enqueue,
    fail,
    finish,
    hand_back,
    is_any_due,
    is_current,
    park,
    reclaim,
    renew,
    retry,
    spec_of,
)
from s1pdgs.model.job import JobState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database, metadata
from tests.databases import plan_of
from tests.unit.jobs.conftest import NOON, SPEC, Watch, spec

LEASE = timedelta(seconds=10)
BOOM = Failure("boom", "last line")


def put(database: Database, outbox: Outbox, order: int = 1, **changes: object) -> int:
    with database.write() as connection:
        return enqueue(connection, spec(**changes), order, outbox.clock.now())


def take(database: Database, outbox: Outbox) -> Claim | None:
    with database.write() as connection:
        return claim(connection, outbox, "here:1", LEASE)


def state_of(database: Database, job: int) -> JobState:
    with database.read() as connection:
        return JobState(connection.scalar(sa.select(t.job.c.state).where(t.job.c.id == job)))


def told(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.select(event.c.type).order_by(event.c.id)))


def test_a_job_is_claimed_finished_and_told(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox)
    mine = take(database, outbox)
    assert mine == Claim(job, 1)
    assert take(database, outbox) is None
    with database.write() as connection:
        assert spec_of(connection, job) == SPEC
        assert finish(connection, outbox, mine, ["product"], log="jobs/1/1/log.txt")
    assert state_of(database, job) is JobState.DONE
    assert told(database) == ["JobStarted", "JobFinished"]
    with database.read() as connection:
        assert connection.scalars(sa.select(t.job_output.c.product)).all() == ["product"]
        assert connection.execute(sa.select(t.attempt.c.outcome, t.attempt.c.log)).one() == ("done", "jobs/1/1/log.txt")


def test_the_most_urgent_then_the_oldest_data_goes_first(database: Database, outbox: Outbox) -> None:
    late = put(database, outbox, 1, timeliness=Timeliness.FAST24)
    second = put(database, outbox, 2, timeliness=Timeliness.NRT, t0=NOON)
    first = put(database, outbox, 3, timeliness=Timeliness.NRT, t0=NOON - timedelta(hours=1))
    urgent = put(database, outbox, 4, timeliness=Timeliness.PT)
    claims = [take(database, outbox) for _ in range(4)]
    assert [entry.job for entry in claims if entry] == [urgent, first, second, late]


def test_an_order_has_one_job(database: Database, outbox: Outbox) -> None:
    put(database, outbox, order=7)
    with pytest.raises(sa.exc.IntegrityError):
        put(database, outbox, order=7)


def test_a_zombie_cannot_renew_finish_fail_or_hand_back(database: Database, outbox: Outbox, watch: Watch) -> None:
    job = put(database, outbox)
    zombie = take(database, outbox)
    watch.turn(11)
    heir = take(database, outbox)
    assert zombie is not None
    assert heir == Claim(job, 2)
    before = told(database)
    with database.write() as connection:
        assert not renew(connection, zombie, watch.now(), LEASE)
        assert not finish(connection, outbox, zombie, ["product"])
        assert fail(connection, outbox, zombie, BOOM) is None
        assert not hand_back(connection, zombie, watch.now())
        assert not is_current(connection, zombie)
        assert is_current(connection, heir)
    assert told(database) == before
    with database.read() as connection:
        assert connection.scalars(sa.select(t.job_output.c.product)).all() == []
        outcomes = connection.execute(sa.select(t.attempt.c.fence, t.attempt.c.outcome)).all()
    assert outcomes == [(1, "lost"), (2, None)]


def test_a_renewed_lease_is_not_reclaimed(database: Database, outbox: Outbox, watch: Watch) -> None:
    put(database, outbox)
    mine = take(database, outbox)
    assert mine is not None
    for _ in range(5):
        watch.turn(8)
        with database.write() as connection:
            assert renew(connection, mine, watch.now(), LEASE, "42% done")
        assert take(database, outbox) is None
    with database.read() as connection:
        assert connection.scalar(sa.select(t.job.c.progress)) == "42% done"


def test_failures_rest_longer_each_time_then_park_with_reason_and_tail(
    database: Database, outbox: Outbox, watch: Watch
) -> None:
    job = put(database, outbox, max_attempts=3)
    rests = []
    for _ in range(3):
        mine = take(database, outbox)
        assert mine is not None
        with database.write() as connection:
            fail(connection, outbox, mine, BOOM)
            visible_at = connection.scalar(sa.select(t.job.c.visible_at))
        rests.append((visible_at - watch.now()).total_seconds())
        assert take(database, outbox) is None
        watch.turn(rests[-1])
    assert rests == [30, 60, 0]
    with database.read() as connection:
        row = connection.execute(sa.select(t.job)).one()
    assert (row.state, row.reason, row.log_tail) == (JobState.PARKED, "boom", "last line")
    assert told(database)[-1] == "JobParked"
    with database.write() as connection:
        assert retry(connection, job, watch.now())
        assert not retry(connection, job, watch.now())
    assert take(database, outbox) == Claim(job, 4)


def test_a_lasting_failure_parks_at_once(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox)
    mine = take(database, outbox)
    assert mine is not None
    with database.write() as connection:
        assert fail(connection, outbox, mine, Failure("no such program", lasting=True)) is JobState.PARKED
    assert state_of(database, job) is JobState.PARKED


def test_a_job_that_keeps_losing_its_workers_is_parked(database: Database, outbox: Outbox, watch: Watch) -> None:
    job = put(database, outbox, max_attempts=1)
    claims = 0
    while take(database, outbox) is not None:
        claims += 1
        watch.turn(11)
        assert claims < 50
    assert (claims, state_of(database, job)) == (6, JobState.PARKED)
    with database.read() as connection:
        assert "stopped renewing" in str(connection.scalar(sa.select(t.job.c.reason)))
    with database.write() as connection:
        assert retry(connection, job, watch.now())
    assert take(database, outbox) is not None
    watch.turn(11)
    assert take(database, outbox) is not None


def test_a_handed_back_job_is_due_at_once_and_no_failure(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox, max_attempts=1)
    mine = take(database, outbox)
    assert mine is not None
    with database.write() as connection:
        assert hand_back(connection, mine, NOON)
    assert take(database, outbox) == Claim(job, 2)


def test_operators_park_and_drop_running_jobs(database: Database, outbox: Outbox) -> None:
    job, other = put(database, outbox, 1), put(database, outbox, 2)
    mine, second = take(database, outbox), take(database, outbox)
    assert mine is not None
    assert second is not None
    with database.write() as connection:
        assert park(connection, outbox, job, "wait for a new orbit")
        assert not park(connection, outbox, job, "again")
        assert drop(connection, other, "not wanted", NOON)
        assert not drop(connection, other, "again", NOON)
        assert not finish(connection, outbox, mine, [])
        assert not finish(connection, outbox, second, [])
        with pytest.raises(UnknownJob):
            drop(connection, 99, "", NOON)
        with pytest.raises(UnknownJob):
            park(connection, outbox, 99, "")
    assert [state_of(database, entry) for entry in (job, other)] == [JobState.PARKED, JobState.DROPPED]


def test_an_idle_queue_is_seen_without_locking(database: Database, outbox: Outbox, watch: Watch) -> None:
    with database.read() as connection:
        assert not is_any_due(connection, watch.now())
    put(database, outbox)
    with database.read() as connection:
        assert is_any_due(connection, watch.now())
    take(database, outbox)
    with database.read() as connection:
        assert not is_any_due(connection, watch.now())
        assert is_any_due(connection, watch.now() + 2 * LEASE)


def test_rest_grows_to_its_bound() -> None:
    rest = BackOff(timedelta(seconds=1), timedelta(minutes=1))
    assert [rest.after(n).total_seconds() for n in (0, 1, 2, 3, 7, 10_000)] == [1, 1, 2, 4, 60, 60]


def test_claiming_reads_an_index(database: Database) -> None:
    query = "select id from job where state = 'ready' and visible_at <= 1 order by priority desc, t0, id limit 1"
    plan = plan_of(database, query)
    assert "ix_job" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_the_claim_is_one_statement_that_passes_over_locked_rows_on_postgresql() -> None:
    text = str(claim_statement("here:1", NOON, LEASE).compile(dialect=postgresql.dialect()))
    assert text.startswith("UPDATE job SET")
    assert "FOR UPDATE SKIP LOCKED" in text
    assert "RETURNING job.id, job.fence" in text


class Jobs(RuleBasedStateMachine):
    """Workers that die, hang, fail and finish in any order, against a model of one number per job."""

    claims = Bundle("claims")

    @initialize()
    def open(self) -> None:
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        metadata.create_all(engine)
        self.database = Database(engine)
        self.watch = Watch()
        self.outbox = Outbox(self.watch)
        self.orders = 0
        self.newest: dict[int, int] = {}
        self.published: dict[int, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()

    @precondition(lambda self: self.orders < 3)
    @rule(timeliness=st.sampled_from(Timeliness))
    def enqueue(self, timeliness: Timeliness) -> None:
        self.orders += 1
        self.newest[put(self.database, self.outbox, self.orders, timeliness=timeliness)] = 0

    @rule(target=claims)
    def claim(self) -> object:
        return self.claim_one()

    def claim_one(self) -> object:
        taken = take(self.database, self.outbox)
        if taken is None:
            return multiple()
        assert taken.fence == self.newest[taken.job] + 1
        assert taken.job not in self.published
        self.newest[taken.job] = taken.fence
        return taken

    @rule(target=claims)
    def lose_and_claim(self) -> object:
        self.watch.turn(11)
        return self.claim_one()

    @rule(seconds=st.sampled_from([4, 11, 4000]))
    def wait(self, seconds: float) -> None:
        self.watch.turn(seconds)

    @rule(mine=claims)
    def renew(self, mine: Claim) -> None:
        with self.database.write() as connection:
            if renew(connection, mine, self.watch.now(), LEASE):
                assert mine.fence == self.newest[mine.job]

    @rule(mine=consumes(claims))
    def finish(self, mine: Claim) -> None:
        with self.database.write() as connection:
            done = finish(connection, self.outbox, mine, [f"product-{mine.job}"])
        if done:
            assert mine.fence == self.newest[mine.job]
            assert mine.job not in self.published
            self.published[mine.job] = mine.fence

    @rule(mine=consumes(claims), lasting=st.booleans())
    def fail(self, mine: Claim, lasting: bool) -> None:
        with self.database.write() as connection:
            state = fail(connection, self.outbox, mine, Failure("boom", lasting=lasting))
        assert state is None or mine.fence == self.newest[mine.job]

    @rule(mine=consumes(claims))
    def hand_back(self, mine: Claim) -> None:
        with self.database.write() as connection:
            hand_back(connection, mine, self.watch.now())

    @rule(data=st.data(), action=st.sampled_from(["retry", "drop", "park"]))
    def operate(self, data: st.DataObject, action: str) -> None:
        if not self.newest:
            return
        job = data.draw(st.sampled_from(sorted(self.newest)))
        with self.database.write() as connection:
            if action == "retry":
                retry(connection, job, self.watch.now())
            elif action == "drop":
                drop(connection, job, "dropped", self.watch.now())
            else:
                park(connection, self.outbox, job, "parked")

    @rule()
    def reclaim(self) -> None:
        with self.database.write() as connection:
            for lost in reclaim(connection, self.outbox):
                assert lost.fence == self.newest[lost.job]

    @invariant()
    def rows_agree_with_the_model(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as connection:
            jobs = connection.execute(sa.select(t.job)).all()
            attempts = connection.execute(sa.select(t.attempt)).all()
            outputs = connection.execute(sa.select(t.job_output)).all()
        assert {row.id: row.fence for row in jobs} == self.newest
        assert {row.id for row in jobs if row.state == JobState.DONE} == set(self.published)
        assert sorted(row.job_id for row in outputs) == sorted(self.published)
        for row in jobs:
            assert (row.state == JobState.RUNNING) == (row.lease_until is not None)
        running = {(row.id, row.fence) for row in jobs if row.state == JobState.RUNNING}
        assert {(row.job_id, row.fence) for row in attempts if row.ended_at is None} == running


Jobs.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestJobs = Jobs.TestCase
