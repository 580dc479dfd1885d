"""Copies of published products in the archive, made once each and read again before they count."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self

import sqlalchemy as sa
import structlog
from attrs import frozen

from s1pdgs.catalogue.query import Held
from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import Clock, micros
from s1pdgs.publication.errors import CorruptProductError
from s1pdgs.publication.lta.lease import Lease, check_object, verified
from s1pdgs.publication.lta.tables import archive_copy
from s1pdgs.publication.publisher import DEFAULT_PATIENCE, Patience
from s1pdgs.publication.tables import publication
from s1pdgs.publication.versions import first_key
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, KeyTaken, MissingObject, ObjectStore, StorageError

_log = structlog.get_logger(__name__)


@frozen
class Archive:
    """The store of the archive, and which types of published products it keeps."""

    store: ObjectStore
    types: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, store: ObjectStore, types: Sequence[str]) -> Self:
        return cls(store, tuple(map(re.compile, types)))

    def wants(self, kind: str) -> bool:
        """Whether products of a type are archived."""
        return any(pattern.fullmatch(kind) for pattern in self.types)


def archive_key(name: str, published: datetime | None = None) -> str:
    """Where the archive keeps the zip of a product; of a later version the time of its publication is told."""
    return f"archived/{name}.zip" if published is None else f"archived/{micros(published)}/{name}.zip"


def request_copies(connection: sa.Connection, archive: Archive | None, numbers: Sequence[int]) -> int:
    """Ask for copies of those of some products that are published and wanted and have none; how many."""
    if archive is None or not numbers:
        return 0
    query = (
        sa.select(product.c.id, product.c.name, product.c.type, publication.c.location, publication.c.published_at)
        .join(publication, publication.c.product_id == product.c.id)
        .outerjoin(archive_copy, archive_copy.c.product_id == product.c.id)
        .where(
            product.c.id.in_(list(numbers)),
            publication.c.published_at.is_not(None),
            publication.c.evicted_at.is_(None),
            archive_copy.c.product_id.is_(None),
        )
    )
    asked = [
        {
            "product_id": row.id,
            "state": "pending",
            "attempts": 0,
            "due_at": row.published_at,
            "location": archive_key(row.name, None if row.location == first_key(row.name) else row.published_at),
        }
        for row in connection.execute(query)
        if archive.wants(row.type)
    ]
    if asked:
        connection.execute(archive_copy.insert(), asked)
    return len(asked)


def copy_again(connection: sa.Connection, name: str, now: datetime) -> bool:
    """Give a failed copy new attempts; False when the product has no failed one."""
    number = sa.select(product.c.id).where(product.c.name == name).scalar_subquery()
    failed = archive_copy.update().where(archive_copy.c.product_id == number, archive_copy.c.state == "failed")
    return connection.execute(failed.values(state="pending", attempts=0, due_at=now, reason=None)).rowcount == 1


def copy_anew(connection: sa.Connection, held: Held, now: datetime) -> None:
    """Let a product have another copy in place of one that is damaged or of another zip, as soon as it is online."""
    again = {"state": "pending", "attempts": 0, "due_at": now, "reason": None, "location": archive_key(held.name, now)}
    connection.execute(_of(held.id).values(**again))
    connection.execute(publication.update().where(publication.c.product_id == held.id).values(archived_at=None))


def copy_step(
    database: Database, store: ObjectStore, archive: Archive, clock: Clock, patience: Patience = DEFAULT_PATIENCE
) -> bool:
    """Copy the zip that waits longest into the archive; False when none is due.

    A store that is full or away is waited for as long as it takes; a zip that is not as it was published is never
    archived, and its copy fails with the reason. A process that dies is replaced after its lease; equal bytes under the
    key are no error.
    """
    claim = _claim(database, clock, patience)
    if claim is None:
        return False
    lease = Lease(database, clock, patience.lease_s, lambda until: _pending(claim).values(due_at=until))
    try:
        _copy(store, archive.store, claim, lease)
    except (CorruptProductError, KeyTaken, MissingObject) as error:
        _record(database, claim, state="failed", reason=str(error))
    except StorageError as error:
        due_at = clock.now() + patience.wait(patience.max_attempts)
        _record(database, claim, state="pending", attempts=claim.attempts - 1, reason=str(error), due_at=due_at)
    except OSError as error:
        final = claim.attempts >= patience.max_attempts
        due_at = clock.now() + patience.wait(claim.attempts)
        _record(database, claim, state="failed" if final else "pending", reason=str(error), due_at=due_at)
    else:
        _record(database, claim, state="stored", reason=None, archived_at=clock.now())
    return True


def _copy(store: ObjectStore, archive: ObjectStore, claim: sa.Row[Any], lease: Lease) -> None:
    """Store the zip in the archive and read it again there; a copy that is not as published does not stay."""
    key, expected = claim.key, Checksums(claim.size, claim.md5, claim.sha256)
    archive.put(key, verified(store, claim.location, expected, lease))
    try:
        check_object(archive, key, expected)
    except CorruptProductError:
        archive.delete(key)
        raise


def _claim(database: Database, clock: Clock, patience: Patience) -> sa.Row[Any] | None:
    """The copy that is due first, with the attempt counted."""
    now = clock.now()
    with database.write() as connection:
        row = connection.execute(DUE, {"now": now}).first()
        if row is None:
            return None
        attempted = _of(row.id).values(attempts=row.attempts, due_at=now + timedelta(seconds=patience.lease_s))
        connection.execute(attempted)
    if row.attempts <= patience.max_attempts:
        return row
    died = f"the process that copied it died in each of {patience.max_attempts} attempts"
    _record(database, row, state="failed", reason=died)
    return None


DUE: sa.Select[Any] = (
    sa.select(
        product.c.id,
        product.c.name,
        publication.c.location,
        publication.c.size,
        publication.c.md5,
        publication.c.sha256,
        archive_copy.c.location.label("key"),
        (archive_copy.c.attempts + 1).label("attempts"),
    )
    .join(archive_copy, archive_copy.c.product_id == product.c.id)
    .join(publication, publication.c.product_id == product.c.id)
    .where(
        archive_copy.c.state == sa.literal("pending", literal_execute=True),
        archive_copy.c.due_at <= sa.bindparam("now", type_=archive_copy.c.due_at.type),
        publication.c.evicted_at.is_(None),
    )
    .order_by(archive_copy.c.due_at, product.c.id)
    .limit(1)
)


def _of(number: int) -> sa.Update:
    return archive_copy.update().where(archive_copy.c.product_id == number)


def _pending(claim: sa.Row[Any]) -> sa.Update:
    return _of(claim.id).where(archive_copy.c.state == "pending", archive_copy.c.attempts == claim.attempts)


def _record(database: Database, claim: sa.Row[Any], *, archived_at: datetime | None = None, **changes: Any) -> None:
    """What became of an attempt, unless another took its place."""
    with database.write() as connection:
        if connection.execute(_pending(claim).values(**changes)).rowcount != 1:
            return
        if archived_at is not None:
            kept = publication.update().where(publication.c.product_id == claim.id)
            connection.execute(kept.values(archived_at=archived_at))
    if archived_at is not None:
        _log.info("product archived", product=claim.name, bytes=claim.size, attempt=claim.attempts)
    else:
        _log.warning("archive copy failed", product=claim.name, attempt=claim.attempts, **changes)
