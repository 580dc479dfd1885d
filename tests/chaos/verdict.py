"""What came of a run: every product once, everything accounted for, nothing left behind."""

import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from attrs import evolve, field, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event
from s1pdgs.catalogue.tables import product, product_file
from s1pdgs.ground import GroundSegment
from s1pdgs.inbox.tables import quarantine
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState
from s1pdgs.publication.tables import publication
from s1pdgs.roles import Role, roles_of
from s1pdgs.storage.objects import LocalObjects
from tests.chaos.mission import CAUSE, RESULT, number_of


class _Later:
    """The clock of the day after tomorrow, when housekeeping takes away what lost attempts left."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=2)


@frozen
class Verdict:
    """`faults` are sentences; a run is good when there are none."""

    jobs: int
    published: int
    lost: list[int]
    doubled: list[int]
    orphans: list[str]
    outcomes: dict[str, int]
    faults: list[str] = field(factory=list)


def judge(ground: GroundSegment, wanted: int) -> Verdict:
    """Sweep up, then look at rows and bytes. The ground segment has stopped."""
    store = ground.store
    assert isinstance(store, LocalObjects)
    later = evolve(ground, outbox=Outbox(_Later()))
    housekeeping = [role for role in roles_of(later, "housekeeping") if role.name == "housekeeping"]
    _sweep(housekeeping)
    while _unswept(ground):
        _sweep(housekeeping)
    with ground.database.read() as connection:
        results = list(connection.scalars(sa.select(product.c.name).where(product.c.type == RESULT)))
        outcomes = Counter(connection.scalars(sa.select(sa.func.coalesce(jobs.attempt.c.outcome, "open"))))
        number = connection.scalar(sa.select(sa.func.count()).select_from(jobs.job)) or 0
        zipped = _published(connection)
        owned = _owned(connection)
        faults = [*_faults_of_rows(connection), *_faults_of_news(connection)]
        faults += _faults_of_bytes(connection, store)
    made = Counter(map(number_of, results))
    lost, doubled = [n for n in range(wanted) if made[n] == 0], [n for n in range(wanted) if made[n] > 1]
    keys = [key for top in sorted(store.folder.iterdir()) for key in store.list(top.name)]
    orphans = [key for key in keys if key not in owned]
    return Verdict(number, zipped, lost, doubled, orphans, dict(outcomes), [
        *([f"{number} jobs of {wanted} products"] if number != wanted else []),
        *([f"products of slices {lost} are lost"] if lost else []),
        *([f"slices {doubled} have more than one product"] if doubled else []),
        *([f"{zipped} of {wanted} products are published"] if zipped != wanted else []),
        *([f"{len(orphans)} objects without owner: {', '.join(orphans[:5])}"] if orphans else []),
        *([f"working directories are left: {left}"] if (left := _workdirs(ground)) else []),
        *([f"unfinished files are left: {parts}"] if (parts := _parts(store)) else []),
        *faults,
    ])  # fmt: skip


def _sweep(housekeeping: list[Role]) -> None:
    for role in housekeeping:
        role.step()


def _unswept(ground: GroundSegment) -> bool:
    attempt = jobs.attempt.c
    waiting = sa.select(attempt.fence).where(attempt.outcome != "done", attempt.swept_at.is_(None)).limit(1)
    with ground.database.read() as connection:
        return connection.scalar(waiting) is not None


def _workdirs(ground: GroundSegment) -> list[str]:
    return [str(path) for path in (ground.work_root / "jobs").glob("*/*")]


def _parts(store: LocalObjects) -> list[str]:
    return [str(path) for path in store.folder.rglob(".part-*")]


def _published(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).select_from(publication).where(publication.c.state == "published")
    return connection.scalar(query) or 0


def _owned(connection: sa.Connection) -> set[str]:
    """Keys that a row names."""
    files = sa.select(product.c.location, product_file.c.path).join(product_file)
    owned = {f"{row.location}/{row.path}" for row in connection.execute(files)}
    for column in (publication.c.location, publication.c.quicklook, jobs.attempt.c.log, quarantine.c.location):
        owned |= {str(key) for key in connection.scalars(sa.select(column).where(column.is_not(None)))}
    return owned


def _faults_of_rows(connection: sa.Connection) -> list[str]:
    """Each job is done, by one of its attempts, and each attempt has ended."""
    job, attempt = jobs.job.c, jobs.attempt.c
    done = sa.func.count().filter(attempt.outcome == "done")
    query = (
        sa.select(job.id, job.state, job.fence, sa.func.count(attempt.fence).label("attempts"), done.label("done"))
        .join(jobs.attempt, isouter=True)
        .group_by(job.id, job.state, job.fence)
        .order_by(job.id)
    )
    bad = [
        f"job {row.id} is {row.state} after {row.attempts} attempts, {row.done} of them done; its fence is {row.fence}"
        for row in connection.execute(query)
        if (row.state, row.attempts, row.done) != (JobState.DONE, row.fence, 1)
    ]
    unended = sa.select(attempt.job_id, attempt.fence).where(attempt.ended_at.is_(None))
    return bad + [f"attempt {row.job_id}/{row.fence} has no end" for row in connection.execute(unended)]


def _faults_of_news(connection: sa.Connection) -> list[str]:
    """Each thing is told once."""
    told = Counter((row.type, row.key) for row in connection.execute(sa.select(event.c.type, event.c.key)))
    once = ("ProductCatalogued", "ProductPublished", "JobFinished", "OrderReady")
    bad = [
        f"{kind} of {key} was told {times} times" for (kind, key), times in told.items() if times > 1 and kind in once
    ]
    kinds = Counter(kind for kind, _ in told)
    causes, results = (
        connection.scalar(sa.select(sa.func.count()).select_from(product).where(product.c.type == kind)) or 0
        for kind in (CAUSE, RESULT)
    )
    expected = {"ProductCatalogued": causes + results, "ProductPublished": results, "JobFinished": causes}
    return bad + [
        f"{kind} was told of {kinds[kind]} things, not of {number}"
        for kind, number in expected.items()
        if kinds[kind] != number
    ]


def _faults_of_bytes(connection: sa.Connection, store: LocalObjects) -> list[str]:
    """The catalogued files are in the store and in the zips as the catalogue says."""
    query = (
        sa.select(
            product.c.name,
            product.c.location,
            product_file.c.path,
            product_file.c.sha256,
            publication.c.location.label("zip"),
        )
        .join(product_file)
        .join(publication, publication.c.product_id == product.c.id, isouter=True)
    )
    bad = []
    for row in connection.execute(query):
        places = {f"{row.location}/{row.path}": store.path(f"{row.location}/{row.path}").read_bytes}
        if row.zip is not None:
            places[f"{row.zip} {row.path}"] = partial(_zipped, store.path(row.zip), f"{row.name}/{row.path}")
        for place, read in places.items():
            try:
                right = sha256(read()).hexdigest() == row.sha256
            except (OSError, KeyError, zipfile.BadZipFile) as error:
                bad.append(f"{place}: {error}")
            else:
                bad += [] if right else [f"{place} is not what the catalogue says"]
    return bad


def _zipped(archive: Path, member: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(member)
