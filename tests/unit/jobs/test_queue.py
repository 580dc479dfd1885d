"""Jobs run one attempt at a time, are retried with rest, and are never published by an attempt that lost its lease."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.housekeeping import unswept
from s1pdgs.jobs.lease import begin, keep
from s1pdgs.jobs.queue import (
    BackOff,
    Claim,
    Failure,
    UnknownJob,
    claim,
    claim_some,
    drop,
    enqueue,
    fail,
    finish,
    hand_back,
    is_any_due,
    is_current,
    park,
    renew,
    retry,
    spec_of,
)
from s1pdgs.model.job import JobState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database
from tests.databases import new_database, plans_of
from tests.unit.jobs.conftest import NOON, SPEC, Watch, spec

LEASE = timedelta(seconds=10)
READS_ALL = re.compile(r"Seq Scan on job(_attempt)? |SCAN job(?! USING INDEX ix_job_ready)")
SORTS = re.compile("Sort|TEMP B-TREE")
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


def test_several_jobs_are_claimed_at_once_the_most_urgent_first(database: Database, outbox: Outbox) -> None:
    calm, urgent, middle = (
        put(database, outbox, number, timeliness=timeliness)
        for number, timeliness in enumerate((Timeliness.NTC, Timeliness.PT, Timeliness.NRT), 1)
    )
    with database.write() as connection:
        claims = claim_some(connection, outbox, "here:1", LEASE, 2)
    assert claims == [Claim(urgent, 1), Claim(middle, 1)]
    assert told(database) == ["JobStarted", "JobStarted"]
    assert take(database, outbox) == Claim(calm, 1)


def test_a_claim_may_ask_for_what_is_more_urgent_than_what_waits(database: Database, outbox: Outbox) -> None:
    put(database, outbox, 1, timeliness=Timeliness.NTC)
    put(database, outbox, 2, timeliness=Timeliness.NRT)
    urgent = put(database, outbox, 3, timeliness=Timeliness.PT)
    above = Timeliness.NRT.priority
    with database.write() as connection:
        assert claim_some(connection, outbox, "here:1", LEASE, 9, above=above) == [Claim(urgent, 1)]
        assert not is_any_due(connection, outbox.clock.now(), above)
        assert is_any_due(connection, outbox.clock.now())


def test_two_workers_that_claim_at_the_same_moment_get_different_jobs(tmp_path: Path, outbox: Outbox) -> None:
    with new_database("postgresql", tmp_path) as database:
        first, second = (put(database, outbox, number) for number in (1, 2))
        with database.write(alone=False) as one, database.write(alone=False) as other:
            assert claim(one, outbox, "here:1", LEASE) == Claim(first, 1)
            assert claim(other, outbox, "there:2", LEASE) == Claim(second, 1)


def test_what_happens_all_the_time_reads_an_index_however_many_jobs_are_done(
    database: Database, outbox: Outbox, watch: Watch
) -> None:
    fill_with_done_jobs(database, 3000)
    for order in range(1, 4):
        put(database, outbox, 10_000 + order)
    with database.write() as connection:
        lost, mine = claim_some(connection, outbox, "here:1", LEASE, 2)

    def act(connection: sa.Connection) -> None:
        is_any_due(connection, watch.now())
        claim_some(connection, outbox, "here:1", LEASE, 2)
        begin(connection, mine, watch.now(), 9 * LEASE)
        keep(connection, lost, watch.now(), LEASE)
        renew(connection, mine, watch.now(), 9 * LEASE, "half")
        watch.turn(11)
        is_any_due(connection, watch.now())
        claim_some(connection, outbox, "here:1", LEASE, 2)
        fail(connection, outbox, Claim(lost.job, 2), BOOM)
        finish(connection, outbox, mine, ["product"])
        connection.execute(unswept(watch.now()))

    plans = plans_of(database, act)
    assert len(plans) > 12
    assert [plan for plan in plans if READS_ALL.search(plan) or SORTS.search(plan)] == []


def fill_with_done_jobs(database: Database, number: int) -> None:
    """As many jobs that have ended, each with its attempt, known to the planner of the database."""
    first = put(database, Outbox(Watch()), 1)
    columns = [column.name for column in t.job.columns if column.name not in ("id", "order_id", "state")]
    series = sa.select(sa.literal(2).label("n")).cte("series", recursive=True)
    series = series.union_all(sa.select(series.c.n + 1).where(series.c.n <= number))
    copy = sa.select(series.c.n, sa.literal("done"), *(t.job.c[name] for name in columns))
    copy = copy.select_from(t.job.join(series, sa.true())).where(t.job.c.id == first)
    with database.write() as connection:
        connection.execute(t.job.insert().from_select(["order_id", "state", *columns], copy))
        attempts = sa.select(t.job.c.id, sa.literal(1), sa.literal("here:1"), t.job.c.created_at, sa.literal("done"))
        names = ["job_id", "fence", "owner", "started_at", "outcome"]
        connection.execute(t.attempt.insert().from_select(names, attempts.where(t.job.c.id != first)))
        drop(connection, first, "only a pattern", NOON)
        connection.exec_driver_sql("ANALYZE")
