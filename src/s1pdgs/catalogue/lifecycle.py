"""How products leave the store: legal holds, eviction of files, and the objects that go afterwards.

A row first stops to claim its objects, in one transaction with the news, and names them as garbage; they are removed
some time later, when nobody reads them any more. Keys are never used again, so a late removal harms nothing that came
back. All but `sweep_garbage` work in the caller's transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import frozen

from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import CatalogueError
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

_SESSION = "SESSION"
_AT_ONCE = 100
_LATER = timedelta(hours=1)
_log = structlog.get_logger(__name__)


@frozen
class Hold:
    """A legal hold: while it lasts, nothing of the product is evicted."""

    number: int
    reason: str
    actor: str
    held_at: datetime
    released_at: datetime | None
    released_by: str | None


def hold(connection: sa.Connection, name: str, reason: str, actor: str, now: datetime) -> int:
    """Put a product under legal hold, besides those that it is under; the number of the hold. `CatalogueError` for an
    unknown name. What of it went before is gone; what is left stays.
    """
    row = {"product_id": number_of(connection, name), "reason": reason, "actor": actor, "held_at": now}
    added = connection.execute(t.legal_hold.insert().values(**row))
    return int(added.inserted_primary_key[0])  # type: ignore[index]


def release(connection: sa.Connection, name: str, actor: str, now: datetime) -> int:
    """End all legal holds of a product; how many there were. `CatalogueError` for an unknown name."""
    held = t.legal_hold.update().where(
        t.legal_hold.c.product_id == number_of(connection, name), t.legal_hold.c.released_at.is_(None)
    )
    return connection.execute(held.values(released_at=now, released_by=actor)).rowcount


def holds_of(connection: sa.Connection, product_id: int) -> list[Hold]:
    """All holds of a product, oldest first, those that ended too."""
    query = sa.select(t.legal_hold).where(t.legal_hold.c.product_id == product_id).order_by(t.legal_hold.c.id)
    return [
        Hold(row.id, row.reason, row.actor, row.held_at, row.released_at, row.released_by)
        for row in connection.execute(query)
    ]


def held_among(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Those of some products that are under legal hold, with the reason of the oldest hold."""
    query = sa.select(t.legal_hold.c.product_id, t.legal_hold.c.reason).where(
        t.legal_hold.c.product_id.in_(list(numbers)), t.legal_hold.c.released_at.is_(None)
    )
    return {row.product_id: row.reason for row in connection.execute(query.order_by(t.legal_hold.c.id.desc()))}


def number_of(connection: sa.Connection, name: str) -> int:
    """The number of the product of a name; `CatalogueError` for an unknown one."""
    number = connection.scalar(sa.select(t.product.c.id).where(t.product.c.name == name))
    if number is None:
        raise CatalogueError(f"product {name} is not in the catalogue; s1pdgs products lists what is")
    return int(number)


def evict_files(connection: sa.Connection, rows: Sequence[sa.Row[Any]], now: datetime, goes_at: datetime) -> None:
    """Let the files of some products go (rows of id, type, location) that are here. Their objects go at `goes_at`."""
    gone = t.product.update().where(t.product.c.id.in_([row.id for row in rows]))
    connection.execute(gone.values(evicted_at=now, evict_at=None))
    discard(connection, [row.location for row in rows if row.type != _SESSION], goes_at)
    for row in rows:
        if row.type == _SESSION:
            discard(connection, [row.location], goes_at, row.id)


def discard(
    connection: sa.Connection, prefixes: Sequence[str], goes_at: datetime, product_id: int | None = None
) -> None:
    """Name as garbage what lies below prefixes; with a product only its files: deliveries of a session share some."""
    if prefixes:
        rows = [{"prefix": prefix, "product_id": product_id, "due_at": goes_at} for prefix in prefixes]
        connection.execute(t.garbage.insert(), rows)


def sweep_garbage(database: Database, store: ObjectStore, now: datetime) -> int:
    """Remove the objects of some garbage that is due; how many. One who dies meanwhile leaves the rest to the next, and
    what the store does not let go is tried again later.
    """
    query = sa.select(t.garbage).where(t.garbage.c.due_at <= now).order_by(t.garbage.c.due_at).limit(_AT_ONCE)
    with database.read() as connection:
        keys = {row.id: _keys(connection, row.prefix, row.product_id) for row in connection.execute(query).all()}
    removed, stuck = 0, []
    for number, prefixes in keys.items():
        try:
            removed += sum(store.delete(prefix) for prefix in prefixes)
        except OSError as error:
            stuck.append(number)
            _log.warning("objects stay", reason=str(error))
    if keys:
        with database.write() as connection:
            connection.execute(t.garbage.delete().where(t.garbage.c.id.in_(keys.keys() - set(stuck))))
            connection.execute(t.garbage.update().where(t.garbage.c.id.in_(stuck)).values(due_at=now + _LATER))
    return removed


def _keys(connection: sa.Connection, prefix: str, product_id: int | None) -> list[str]:
    """What to remove: the prefix, or of a session's delivery the files that no other one claims."""
    if product_id is None:
        return [prefix]
    paths = connection.scalars(sa.select(t.product_file.c.path).where(t.product_file.c.product_id == product_id))
    claimed = _claimed(connection, prefix.split("/")[1])
    return sorted({f"{prefix}/{path}" for path in paths} - claimed)


def _claimed(connection: sa.Connection, session: str) -> set[str]:
    """The keys of the files of all deliveries of a session that are here."""
    query = (
        sa.select(t.product.c.location, t.product_file.c.path)
        .join(t.product_file, t.product_file.c.product_id == t.product.c.id)
        .where(
            t.product.c.type == _SESSION,
            t.product.c.name >= session,
            t.product.c.name < f"{session}_S",  # behind <session>_R<n>
            t.product.c.evicted_at.is_(None),
        )
    )
    return {f"{row.location}/{row.path}" for row in connection.execute(query)}
