"""The queue of jobs: a state machine in the database with leases and fences.

    ready -> running -> done | parked          ready, running or parked -> dropped, parked -> ready by an operator

A claim bumps the fence and takes a lease that the executing process renews. Every later change names the fence and
touches no row when another attempt has begun: whoever lost the lease cannot publish (stack.md section 1.6).
Functions work in the caller's transaction and never commit.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import JobFinished, JobParked, JobStarted
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.spec import JobSpec, from_json, to_json
from s1pdgs.model.job import JobState

DEFAULT_LEASE = timedelta(seconds=60)
_AT_ONCE = 100
_LIVE = (JobState.READY, JobState.RUNNING, JobState.PARKED)


class UnknownJob(LookupError):  # noqa: N818
    """There is no job of this number."""


@frozen
class Claim:
    """The right to run an attempt at a job until its lease ends."""

    job: int
    fence: int


@frozen
class BackOff:
    """How long a failed job rests: `first`, twice that, ... at most `longest`."""

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)

    def after(self, failures: int) -> timedelta:
        """The rest after this many failures."""
        doublings = min(max(failures - 1, 0), 20)
        return min(self.first * float(1 << doublings), self.longest)


@frozen
class Failure:
    """Why an attempt failed; `lasting` means that a repetition cannot mend it."""

    reason: str
    log_tail: str = ""
    log: str | None = None
    exit_code: int | None = None
    lasting: bool = False


def enqueue(
    connection: sa.Connection,
    spec: JobSpec,
    order: int,
    now: datetime,
    round_: int = 1,
    *,
    priority: int | None = None,
) -> int:
    """Put the job of an order's round into the queue; its number. A second one for the round violates its key.

    The priority is that of the timeliness unless one is told.
    """
    inserted = connection.execute(
        t.job.insert().values(
            order_id=order,
            round=round_,
            chain=spec.chain,
            unit=spec.unit,
            spec=to_json(spec),
            t0=spec.t0,
            timeliness=spec.timeliness,
            priority=spec.timeliness.priority if priority is None else priority,
            state=JobState.READY,
            visible_at=now,
            fence=0,
            max_attempts=spec.max_attempts,
            created_at=now,
        )
    )
    job: int = inserted.inserted_primary_key[0]  # type: ignore[index]
    products = dict.fromkeys(entry.product for entry in spec.inputs)
    if products:
        connection.execute(t.job_input.insert(), [{"job_id": job, "product": product} for product in products])
    return job


def spec_of(connection: sa.Connection, job: int) -> JobSpec:
    """What a job runs; `UnknownJob` when there is none."""
    stored = connection.scalar(sa.select(t.job.c.spec).where(t.job.c.id == job))
    if stored is None:
        raise UnknownJob(f"there is no job {job}")
    return from_json(stored)


def priority_of(connection: sa.Connection, job: int) -> int:
    """How urgent a job is, higher runs first; `UnknownJob` when there is none."""
    priority: int | None = connection.scalar(sa.select(t.job.c.priority).where(t.job.c.id == job))
    if priority is None:
        raise UnknownJob(f"there is no job {job}")
    return priority


def claim(connection: sa.Connection, outbox: Outbox, owner: str, lease: timedelta = DEFAULT_LEASE) -> Claim | None:
    """Take the most urgent job that is due, None when there is none. Lost leases are reclaimed first."""
    return next(iter(claim_some(connection, outbox, owner, lease, 1)), None)


def claim_some(
    connection: sa.Connection, outbox: Outbox, owner: str, lease: timedelta, limit: int, *, above: int | None = None
) -> list[Claim]:
    """Take at most so many due jobs, the most urgent first, of a priority higher than `above` where it is given.

    Lost leases are reclaimed first. On PostgreSQL it passes over rows that others are taking.
    """
    reclaim(connection, outbox)
    now = outbox.clock.now()
    rows = connection.execute(due_jobs(now, limit, above).with_for_update(skip_locked=True)).all()
    if not rows:
        return []
    claims = [Claim(row.id, row.fence + 1) for row in rows]
    connection.execute(
        t.job.update()
        .where(t.job.c.id.in_([claim.job for claim in claims]))
        .values(
            state=JobState.RUNNING,
            fence=t.job.c.fence + 1,
            owner=owner,
            lease_until=now + lease,
            started_at=now,
            progress=None,
        )
    )
    attempts = [{"job_id": each.job, "fence": each.fence, "owner": owner, "started_at": now} for each in claims]
    connection.execute(t.attempt.insert(), attempts)
    for each in claims:
        outbox.emit(connection, JobStarted(each.job, each.fence))
    return claims


def due_jobs(now: datetime, limit: int, above: int | None = None) -> sa.Select[tuple[int, int]]:
    """Numbers and fences of the jobs that a claim takes, the most urgent first, then those of the oldest data."""
    query = sa.select(t.job.c.id, t.job.c.fence).where(t.READY, t.job.c.visible_at <= now)
    if above is not None:
        query = query.where(t.job.c.priority > above)
    return query.order_by(t.job.c.priority.desc(), t.job.c.t0, t.job.c.id).limit(limit)


def lost_leases(now: datetime, limit: int) -> sa.Select[tuple[int, int, str, int]]:
    """The running jobs whose lease has ended, longest ago first: number, fence, owner and attempts allowed."""
    return (
        sa.select(t.job.c.id, t.job.c.fence, t.job.c.owner, t.job.c.max_attempts)
        .where(t.RUNNING, t.job.c.lease_until < now)
        .order_by(t.job.c.lease_until)
        .limit(limit)
    )


def is_any_due(connection: sa.Connection, now: datetime, above: int | None = None) -> bool:
    """True when a claim might find a job, or a lost lease to reclaim."""
    queries = (due_jobs(now, 1, above), lost_leases(now, 1))
    return any(connection.execute(query).first() is not None for query in queries)


def renew(
    connection: sa.Connection, claim: Claim, now: datetime, lease: timedelta, progress: str | None = None
) -> bool:
    """Keep a lease and tell the progress; False when the job is no longer this attempt's."""
    values: dict[str, Any] = {"lease_until": now + lease}
    if progress is not None:
        values["progress"] = progress
    return connection.execute(_of_attempt(claim).values(**values)).rowcount == 1


def finish(
    connection: sa.Connection,
    outbox: Outbox,
    claim: Claim,
    products: list[str],
    *,
    log: str | None = None,
    exit_code: int = 0,
    reason: str | None = None,
) -> bool:
    """End a job well, `reason` tells with what reserve; False, with nothing changed, when the job is no longer this
    attempt's.
    """
    now = outbox.clock.now()
    done = _of_attempt(claim).values(
        state=JobState.DONE, finished_at=now, owner=None, lease_until=None, reason=reason, log_tail=None
    )
    if connection.execute(done).rowcount != 1:
        return False
    _end_attempt(connection, claim, now, "done", log=log, exit_code=exit_code, reason=reason)
    if products:
        rows = [{"job_id": claim.job, "product": product} for product in dict.fromkeys(products)]
        connection.execute(t.job_output.insert(), rows)
    outbox.emit(connection, JobFinished(claim.job, claim.fence, products))
    return True


def fail(
    connection: sa.Connection, outbox: Outbox, claim: Claim, failure: Failure, back_off: BackOff | None = None
) -> JobState | None:
    """End an attempt badly: the job rests and is ready again, or is parked when its attempts are used up or the
    failure is lasting. None, with nothing changed, when the job is no longer this attempt's.
    """
    now = outbox.clock.now()
    row = connection.execute(sa.select(t.job).where(*_is_attempt(claim))).first()
    if row is None:
        return None
    failures = failures_of(connection, claim.job) + 1
    parks = failure.lasting or failures >= row.max_attempts
    state = JobState.PARKED if parks else JobState.READY
    values: dict[str, Any] = {
        "state": state,
        "owner": None,
        "lease_until": None,
        "reason": failure.reason,
        "log_tail": failure.log_tail,
        "visible_at": now if parks else now + (back_off or BackOff()).after(failures),
        "finished_at": now if parks else None,
    }
    if connection.execute(_of_attempt(claim).values(**values)).rowcount != 1:
        return None
    _end_attempt(connection, claim, now, "failed", reason=failure.reason, log=failure.log, exit_code=failure.exit_code)
    if parks:
        outbox.emit(connection, JobParked(claim.job, claim.fence, failure.reason))
    return state


def hand_back(connection: sa.Connection, claim: Claim, now: datetime) -> bool:
    """Return a job unharmed, as a stopping worker does; the attempt does not count as a failure."""
    returned = _of_attempt(claim).values(state=JobState.READY, owner=None, lease_until=None, visible_at=now)
    if connection.execute(returned).rowcount != 1:
        return False
    _end_attempt(connection, claim, now, "handed back")
    return True


def reclaim(connection: sa.Connection, outbox: Outbox) -> list[Claim]:
    """Make jobs ready again whose attempt let its lease run out; the attempts that were lost.

    A job that keeps losing its workers (it may be what kills them) is parked after `2 * max_attempts + 4` losses.
    """
    now = outbox.clock.now()
    expired = connection.execute(lost_leases(now, _AT_ONCE).with_for_update(skip_locked=True)).all()
    lost = []
    for row in expired:
        claim = Claim(row.id, row.fence)
        reason = f"attempt {row.fence} on {row.owner} stopped renewing its lease: the worker died or hangs"
        parks = _ended(connection, row.id, "lost") + 1 >= 2 * row.max_attempts + 4
        values: dict[str, Any] = {"state": JobState.PARKED if parks else JobState.READY, "finished_at": None}
        values |= {"owner": None, "lease_until": None, "reason": reason, "visible_at": now}
        still_lost = _of_attempt(claim).where(t.job.c.lease_until < now)
        if connection.execute(still_lost.values(**values)).rowcount != 1:
            continue
        _end_attempt(connection, claim, now, "lost", reason=reason)
        if parks:
            outbox.emit(connection, JobParked(row.id, row.fence, reason))
        lost.append(claim)
    return lost


def retry(connection: sa.Connection, job: int, now: datetime) -> bool:
    """An operator lets a parked job run again, with a fresh set of attempts; False when it is not parked."""
    spec = spec_of(connection, job)
    budget = failures_of(connection, job) + spec.max_attempts
    lost_too = (_ended(connection, job, "lost") + 1) // 2
    again = (
        t.job.update()
        .where(t.job.c.id == job, t.job.c.state == JobState.PARKED)
        .values(
            state=JobState.READY, visible_at=now, max_attempts=max(budget, lost_too), finished_at=None, log_tail=None
        )
    )
    return connection.execute(again).rowcount == 1


def park(connection: sa.Connection, outbox: Outbox, job: int, reason: str) -> bool:
    """An operator sets a ready or running job aside; False when it is in neither state."""
    now = outbox.clock.now()
    row = connection.execute(sa.select(t.job.c.fence, t.job.c.state).where(t.job.c.id == job)).first()
    if row is None:
        raise UnknownJob(f"there is no job {job}")
    aside = (
        t.job.update()
        .where(t.job.c.id == job, t.job.c.fence == row.fence, t.job.c.state.in_([JobState.READY, JobState.RUNNING]))
        .values(state=JobState.PARKED, owner=None, lease_until=None, reason=reason, finished_at=now)
    )
    if connection.execute(aside).rowcount != 1:
        return False
    if row.state == JobState.RUNNING:
        _end_attempt(connection, Claim(job, row.fence), now, "parked", reason=reason)
    outbox.emit(connection, JobParked(job, row.fence, reason))
    return True


def drop(connection: sa.Connection, job: int, reason: str, now: datetime) -> bool:
    """An operator gives a job up; a running attempt notices at its next renewal. False when the job has ended."""
    row = connection.execute(sa.select(t.job.c.fence, t.job.c.state).where(t.job.c.id == job)).first()
    if row is None:
        raise UnknownJob(f"there is no job {job}")
    gone = (
        t.job.update()
        .where(t.job.c.id == job, t.job.c.fence == row.fence, t.job.c.state.in_(_LIVE))
        .values(state=JobState.DROPPED, owner=None, lease_until=None, reason=reason, finished_at=now)
    )
    if connection.execute(gone).rowcount != 1:
        return False
    if row.state == JobState.RUNNING:
        _end_attempt(connection, Claim(job, row.fence), now, "dropped", reason=reason)
    return True


def withdraw(connection: sa.Connection, job: int, reason: str, now: datetime) -> bool:
    """Drop a job that no worker holds, ready or parked; False, with nothing changed, when it runs or has ended."""
    idle = (
        t.job.update()
        .where(t.job.c.id == job, t.job.c.state.in_([JobState.READY, JobState.PARKED]))
        .values(state=JobState.DROPPED, reason=reason, finished_at=now)
    )
    return connection.execute(idle).rowcount == 1


def failures_of(connection: sa.Connection, job: int) -> int:
    """How many attempts at a job have failed."""
    return _ended(connection, job, "failed")


def is_current(connection: sa.Connection, claim: Claim) -> bool:
    """True while the job is running under this attempt."""
    return connection.scalar(sa.select(t.job.c.id).where(*_is_attempt(claim))) is not None


def is_done_by(connection: sa.Connection, claim: Claim) -> bool:
    """True when this attempt has ended its job well."""
    ended = sa.select(t.attempt.c.outcome).where(t.attempt.c.job_id == claim.job, t.attempt.c.fence == claim.fence)
    return connection.scalar(ended) == "done"


def _is_attempt(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    return (t.job.c.id == claim.job, t.job.c.fence == claim.fence, t.job.c.state == JobState.RUNNING)


def _of_attempt(claim: Claim) -> sa.Update:
    return t.job.update().where(*_is_attempt(claim))


def _end_attempt(connection: sa.Connection, claim: Claim, now: datetime, outcome: str, **facts: Any) -> None:
    connection.execute(
        t.attempt.update()
        .where(t.attempt.c.job_id == claim.job, t.attempt.c.fence == claim.fence)
        .values(ended_at=now, outcome=outcome, **facts)
    )


def _ended(connection: sa.Connection, job: int, outcome: str) -> int:
    """How many attempts at a job ended so."""
    query = sa.select(sa.func.count()).where(t.attempt.c.job_id == job, t.attempt.c.outcome == outcome)
    return connection.scalar(query) or 0
