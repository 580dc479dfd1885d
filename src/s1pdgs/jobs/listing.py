"""What people see of the queue: rows of jobs, one job with its attempts, and the logs of attempts."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.jobs import tables as t
from s1pdgs.jobs.execute import LOG_FILE
from s1pdgs.jobs.queue import UnknownJob
from s1pdgs.model.job import JobState
from s1pdgs.model.time import format_iso
from s1pdgs.storage.objects import MissingObject, ObjectStore

LIVE_STATES = (JobState.RUNNING, JobState.PARKED, JobState.READY)


@frozen
class Selection:
    """Which jobs: of these states (all when none is named), a chain, an order, whose reason has a text within, and with
    a number below `before`.
    """

    states: tuple[str, ...] = ()
    chain: str | None = None
    order: int | None = None
    reason: str | None = None
    before: int | None = None


@frozen
class ListedJob:
    """A job without its spec, and how many products it reads and made."""

    number: int
    chain: str
    unit: str
    state: str
    attempt: int
    max_attempts: int
    order: int
    round: int
    priority: int
    timeliness: str
    t0: datetime
    created: datetime
    started: datetime | None
    finished: datetime | None
    owner: str | None
    progress: str | None
    reason: str | None
    inputs: int
    outputs: int

    @property
    def note(self) -> str | None:
        """What it does while it runs, and otherwise why its last attempt failed."""
        return self.progress if self.state == JobState.RUNNING else self.reason

    def duration_s(self, now: datetime | None = None) -> float | None:
        """Seconds that the last attempt took, or takes so far at `now`; None before the first and while unknown."""
        running = self.state == JobState.RUNNING
        end = now if running else self.finished
        if self.started is None or end is None or end < self.started:
            return None
        return (end - self.started).total_seconds()


@frozen
class Action:
    """What an operator did to a job; `changes` has the values before and after by name."""

    at: datetime
    actor: str
    action: str
    reason: str | None
    changes: dict[str, list[Any]] | None


@frozen
class Attempt:
    """One attempt at a job; `log` is the object key of its whole log. What its programs used is None until it ends."""

    number: int
    owner: str
    started: datetime
    ended: datetime | None
    outcome: str | None
    exit_code: int | None
    reason: str | None
    log: str | None
    cpu_s: float | None = None
    peak_mb: int | None = None
    disk_mb: int | None = None

    @property
    def used(self) -> str | None:
        """What it used, in words."""
        if self.cpu_s is None:
            return None
        return f"{self.cpu_s:.1f} s CPU, {self.peak_mb} MB memory, {self.disk_mb} MB disk"


_COLUMNS = (
    t.job.c.id,
    t.job.c.chain,
    t.job.c.unit,
    t.job.c.state,
    t.job.c.fence,
    t.job.c.max_attempts,
    t.job.c.order_id,
    t.job.c.round,
    t.job.c.priority,
    t.job.c.timeliness,
    t.job.c.t0,
    t.job.c.created_at,
    t.job.c.started_at,
    t.job.c.finished_at,
    t.job.c.owner,
    t.job.c.progress,
    t.job.c.reason,
)


def list_jobs(connection: sa.Connection, limit: int, now: datetime | None = None) -> list[dict[str, Any]]:
    """The newest jobs as rows of JSON values; `now` gives running ones a duration."""
    return [as_row(job, now) for job in newest_jobs(connection, limit)]


def as_row(job: ListedJob, now: datetime | None = None) -> dict[str, Any]:
    """A job as JSON values, under the same keys as an order that waits."""
    duration_s = job.duration_s(now)
    return {
        "number": job.number,
        "chain": job.chain,
        "unit": job.unit,
        "state": job.state,
        "attempt": job.attempt,
        "timeliness": job.timeliness,
        "note": job.note,
        "created": format_iso(job.created),
        "duration_s": None if duration_s is None else round(duration_s, 1),
    }


def newest_jobs(connection: sa.Connection, limit: int) -> list[ListedJob]:
    """Jobs by number, newest first."""
    return _listed(connection, sa.select(*_COLUMNS).order_by(t.job.c.id.desc()).limit(limit))


def jobs_in(connection: sa.Connection, states: Sequence[str], limit: int, *, by_state: bool = False) -> list[ListedJob]:
    """Jobs in some states, newest first; `by_state` puts those in the first state before the others, and so on."""
    if not by_state:
        return select_jobs(connection, Selection(tuple(states)), limit)
    numbers: list[int] = []
    for state in states:
        numbers += numbers_of(connection, Selection((state,)), limit - len(numbers))
    found = {job.number: job for job in _listed(connection, sa.select(*_COLUMNS).where(t.job.c.id.in_(numbers)))}
    return [found[number] for number in numbers]


def select_jobs(connection: sa.Connection, selection: Selection, limit: int) -> list[ListedJob]:
    """The newest jobs of a selection."""
    numbers = numbers_of(connection, selection, limit)
    return _listed(connection, sa.select(*_COLUMNS).where(t.job.c.id.in_(numbers)).order_by(t.job.c.id.desc()))


def numbers_of(connection: sa.Connection, selection: Selection, limit: int) -> list[int]:
    """Numbers of the jobs of a selection, newest first: one walk along an index for each state."""
    conditions = [
        *([] if selection.chain is None else [t.job.c.chain == selection.chain]),
        *([] if selection.order is None else [t.job.c.order_id == selection.order]),
        *([] if selection.reason is None else [t.job.c.reason.icontains(selection.reason, autoescape=True)]),
        *([] if selection.before is None else [t.job.c.id < selection.before]),
    ]
    newest = sa.select(t.job.c.id).where(*conditions).order_by(t.job.c.id.desc()).limit(limit)
    found = [
        number
        for state in selection.states or JobState
        for number in connection.scalars(newest.where(t.job.c.state == str(state)))
    ]
    return sorted(found, reverse=True)[:limit]


def find_job(connection: sa.Connection, job: int) -> ListedJob:
    """One job; `UnknownJob` when there is none of this number."""
    found = _listed(connection, sa.select(*_COLUMNS).where(t.job.c.id == job))
    if not found:
        raise UnknownJob(f"there is no job {job}")
    return found[0]


def count_jobs(connection: sa.Connection) -> dict[str, int]:
    """How many jobs are in each state; every state is told. Those that have ended are counted when they end."""
    state = t.job.c.state
    live = sa.select(state, sa.func.count()).where(state.in_(LIVE_STATES)).group_by(state)
    counted = {row[0]: row[1] for query in (live, sa.select(t.tally)) for row in connection.execute(query)}
    return {str(state): counted.get(str(state), 0) for state in JobState}


def attempts_of(connection: sa.Connection, job: int) -> list[Attempt]:
    """All attempts at a job, newest first."""
    query = sa.select(t.attempt).where(t.attempt.c.job_id == job).order_by(t.attempt.c.fence.desc())
    return [
        Attempt(
            row.fence, row.owner, row.started_at, row.ended_at, row.outcome, row.exit_code, row.reason, row.log,
            row.cpu_s, row.peak_mb, row.disk_mb,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def actions_of(connection: sa.Connection, job: int) -> list[Action]:
    """What operators did to a job, newest first."""
    query = sa.select(t.action).where(t.action.c.job_id == job).order_by(t.action.c.id.desc())
    return [Action(row.at, row.actor, row.action, row.reason, row.changes) for row in connection.execute(query)]


def inputs_of(connection: sa.Connection, job: int) -> list[str]:
    """Names of the products that a job reads."""
    table = t.job_input
    query = sa.select(table.c.product).where(table.c.job_id == job).order_by(table.c.product)
    return list(connection.scalars(query))


def outputs_of(connection: sa.Connection, job: int) -> list[str]:
    """Names of the products that a job made."""
    table = t.job_output
    query = sa.select(table.c.product).where(table.c.job_id == job).order_by(table.c.product)
    return list(connection.scalars(query))


def makers_of(connection: sa.Connection, product: str, limit: int) -> list[int]:
    """Numbers of the jobs that made a product."""
    table = t.job_output
    query = sa.select(table.c.job_id).where(table.c.product == product).order_by(table.c.job_id).limit(limit)
    return list(connection.scalars(query))


def users_of(connection: sa.Connection, product: str, limit: int) -> list[int]:
    """Numbers of the jobs that read a product, newest first."""
    table = t.job_input
    query = sa.select(table.c.job_id).where(table.c.product == product).order_by(table.c.job_id.desc()).limit(limit)
    return list(connection.scalars(query))


def read_log(
    connection: sa.Connection,
    store: ObjectStore,
    work_root: Path | None,
    job: int,
    attempt: int | None = None,
    *,
    last_bytes: int | None = None,
) -> str:
    """The log of an attempt, the last one when none is named; its end when only the last bytes are wanted.

    While it runs, and after a crash, that is the file in its working directory `<work_root>/<job>/<attempt>` (None
    where this host cannot see it); then the stored object; failing both, the lines that the job's row keeps. Empty
    before the first attempt. `UnknownJob` when there is no such job or attempt.
    """
    row = connection.execute(sa.select(t.job.c.fence, t.job.c.log_tail).where(t.job.c.id == job)).first()
    if row is None:
        raise UnknownJob(f"there is no job {job}")
    fence = row.fence if attempt is None else attempt
    if fence == 0:
        return ""
    of_attempt = sa.and_(t.attempt.c.job_id == job, t.attempt.c.fence == fence)
    made = connection.execute(sa.select(t.attempt.c.log).where(of_attempt)).first()
    if made is None:
        raise UnknownJob(f"job {job} has no attempt {fence}")
    if made.log is not None:
        with suppress(MissingObject):
            return _object_text(store, made.log, last_bytes)
    if work_root is not None:
        with suppress(FileNotFoundError):
            return _file_text(work_root / str(job) / str(fence) / LOG_FILE, last_bytes)
    return str(row.log_tail or "") if fence == row.fence else ""


def _object_text(store: ObjectStore, key: str, last_bytes: int | None) -> str:
    start = 0
    if last_bytes is not None:
        start = max((store.size(key) or 0) - last_bytes, 0)
    return _decoded(b"".join(store.read(key, start)), is_cut=start > 0)


def _file_text(path: Path, last_bytes: int | None) -> str:
    if path.is_symlink():  # a processor's, which may lead anywhere
        raise FileNotFoundError(path)
    with path.open("rb") as stream:
        start = 0 if last_bytes is None else max(path.stat().st_size - last_bytes, 0)
        stream.seek(start)
        return _decoded(stream.read(last_bytes if last_bytes is not None else -1), is_cut=start > 0)


def _decoded(data: bytes, *, is_cut: bool) -> str:
    """The text, from its first whole line when its beginning was cut off."""
    text = data.decode(errors="replace")
    return text.partition("\n")[2] if is_cut else text


def _listed(connection: sa.Connection, query: sa.Select[Any]) -> list[ListedJob]:
    rows = connection.execute(query).all()
    numbers = [row.id for row in rows]
    inputs, outputs = _counted(connection, t.job_input, numbers), _counted(connection, t.job_output, numbers)
    return [
        ListedJob(
            number=row.id,
            chain=row.chain,
            unit=row.unit,
            state=row.state,
            attempt=row.fence,
            max_attempts=row.max_attempts,
            order=row.order_id,
            round=row.round,
            priority=row.priority,
            timeliness=row.timeliness,
            t0=row.t0,
            created=row.created_at,
            started=row.started_at,
            finished=row.finished_at,
            owner=row.owner,
            progress=row.progress,
            reason=row.reason,
            inputs=inputs.get(row.id, 0),
            outputs=outputs.get(row.id, 0),
        )
        for row in rows
    ]


def _counted(connection: sa.Connection, table: sa.Table, numbers: list[int]) -> dict[int, int]:
    counted: dict[int, int] = {}
    for begin in range(0, len(numbers), 500):
        query = (
            sa.select(table.c.job_id, sa.func.count())
            .where(table.c.job_id.in_(numbers[begin : begin + 500]))
            .group_by(table.c.job_id)
        )
        counted.update((job, number) for job, number in connection.execute(query))
    return counted
