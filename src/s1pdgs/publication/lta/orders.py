"""Orders of products that are offline: who wants what, and how it goes. Functions work in the caller's transaction.

Orders of one product share a restore while it is open (`restore.py` does the work). An order of what is online is
complete at once, and the product stays for its time.
"""

import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.courier import Login
from s1pdgs.bus.notices import forget_told_logins, keep_login, post
from s1pdgs.catalogue.lifecycle import discard, held_among
from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import format_iso
from s1pdgs.publication.errors import ConflictError, EvictedError, UnknownProductError
from s1pdgs.publication.lta.tables import OPEN, lta_order, restore
from s1pdgs.publication.tables import publication
from s1pdgs.storage.objects import ObjectStore

DEFAULT_PRIORITY = 50
_USUAL_BYTES_PER_S = 20_000_000.0
_MEASURED = 20
ZOMBIE = timedelta(hours=24)
"""An attempt that lost its lease may still write for a while; then what it wrote is removed."""


class OrderStatus(StrEnum):
    """`queued -> in_progress -> completed | failed`; `cancelled` by the one who ordered, before."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


SUBJECT = "lta-order-"
_LOGINS_AT_ONCE = 500
ENDED = (OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELLED)


@frozen
class Terms:
    """How orders are served: how long what was ordered stays, the archive if there is one, and the types whose files
    come back beside the zip, for jobs to read.
    """

    stay: timedelta = timedelta(days=7)
    archive: ObjectStore | None = None
    inputs: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, stay: timedelta, archive: ObjectStore | None, inputs: Sequence[str]) -> Self:
        return cls(stay, archive, tuple(map(re.compile, inputs)))

    def brings_files(self, kind: str) -> bool:
        """Whether the files of products of a type come back with any order."""
        return any(pattern.fullmatch(kind) for pattern in self.inputs)


@frozen
class Asked:
    """What comes with an order: priority 1 to 100 (100 first), whether the files are wanted whatever the type, and who
    is told when it has ended.
    """

    priority: int = DEFAULT_PRIORITY
    files: bool = False
    notify: str | None = None
    login: Login | None = None


def place(connection: sa.Connection, terms: Terms, name: str, asked: Asked, now: datetime) -> str:
    """Order the product of a catalogue name; the public identifier of the order.

    `UnknownProductError` for what was never published, `EvictedError` for what cannot be restored.
    """
    row = connection.execute(_PRODUCT.where(product.c.name == name)).one_or_none()
    if row is None:
        raise UnknownProductError(f"there is no published product {name}")
    if row.zip_evicted_at is None and (row.evicted_at is None or not asked.files):
        return _complete_at_once(connection, terms, row, asked, now)
    check_orderable(terms, row)
    files = row.evicted_at is not None and (asked.files or terms.brings_files(row.type))
    number, running = _restore_of(connection, row, asked.priority, now, files=files)
    status = OrderStatus.IN_PROGRESS if running else OrderStatus.QUEUED
    values = {"restore_id": number, "status": status, "estimated_at": estimate(connection, number, now)}
    return _add(connection, row, asked, now, values)


def bring_back(connection: sa.Connection, name: str, now: datetime, *, just_went: bool = False) -> None:
    """Let a published product come online though nobody ordered it: what brings it back is here. A restore that runs
    begins again when the zip `just_went`, for it knows nothing of that.
    """
    row = connection.execute(_PRODUCT.where(product.c.name == name)).one()
    _restore_of(connection, row, DEFAULT_PRIORITY, now, files=False, just_went=just_went)


def check_orderable(terms: Terms, row: Any) -> None:
    """`EvictedError` when there is nothing to restore a product from, with what can be done."""
    if row.zip_evicted_at is None or row.evicted_at is None:
        return
    if row.archived_at is None:
        raise EvictedError(f"{row.name} was evicted and has no copy in the archive; it can be made again on demand")
    if terms.archive is None:
        raise EvictedError(f"{row.name} is in an archive that is not configured here (setting archive.folder)")


def cancel(connection: sa.Connection, order: str, now: datetime) -> None:
    """Cancel an order. A restore that nobody wants any more ends, though it runs. `ConflictError` when it has ended,
    `UnknownProductError` for an unknown one.
    """
    row = connection.execute(sa.select(lta_order).where(lta_order.c.uuid == order)).one_or_none()
    if row is None:
        raise UnknownProductError(f"there is no order {order!r}")
    if row.status in ENDED:
        raise ConflictError(f"order {order} is {row.status}; only orders that have not ended can be cancelled")
    _end(connection, [row], OrderStatus.CANCELLED, "cancelled on request", now)
    others = sa.select(lta_order.c.id).where(lta_order.c.restore_id == row.restore_id, lta_order.c.status.notin_(ENDED))
    if connection.scalar(others.limit(1)) is None:
        end_restore(connection, row.restore_id, "cancelled", "all its orders were cancelled", now)


def end_restore(connection: sa.Connection, number: int, state: str, reason: str | None, now: datetime) -> None:
    """End an open restore that brought nothing; what its last attempt stored is garbage."""
    row = connection.execute(sa.select(restore).where(restore.c.id == number, OPEN)).one()
    ended = restore.update().where(restore.c.id == number)
    connection.execute(ended.values(state=state, reason=reason, ended_at=now))
    if row.attempts:
        discard(connection, [prefix_of(number, row.attempts)], now + ZOMBIE)


def begin_orders(connection: sa.Connection, number: int, now: datetime) -> None:
    """The orders of a restore that has begun are in progress."""
    queued = lta_order.update().where(
        lta_order.c.restore_id == number, lta_order.c.status.in_([OrderStatus.QUEUED, OrderStatus.IN_PROGRESS])
    )
    connection.execute(queued.values(status=OrderStatus.IN_PROGRESS, estimated_at=estimate(connection, number, now)))


def end_orders(
    connection: sa.Connection,
    number: int,
    status: OrderStatus,
    message: str | None,
    now: datetime,
    *,
    evict_at: datetime | None = None,
) -> None:
    """The open orders of a restore have ended, and those who ordered are told."""
    open_ones = sa.select(lta_order).where(lta_order.c.restore_id == number, lta_order.c.status.notin_(ENDED))
    _end(connection, connection.execute(open_ones).all(), status, message, now, evict_at=evict_at)


def forget_logins(connection: sa.Connection) -> int:
    """Delete the logins of some receivers who have been told all; how many."""
    subject = SUBJECT + sa.cast(lta_order.c.id, sa.Text)
    return forget_told_logins(connection, lta_order, subject, lta_order.c.status.in_(ENDED), _LOGINS_AT_ONCE)


def prefix_of(number: int, attempt: int) -> str:
    """Where an attempt at a restore stores; never used again."""
    return f"restored/{number}/{attempt}"


def estimate(connection: sa.Connection, number: int, now: datetime) -> datetime:
    """When a restore is likely to be done: what is before it and itself, at the pace of the last ones."""
    mine = connection.execute(sa.select(restore.c.priority, restore.c.id).where(restore.c.id == number)).one()
    before = sa.or_(
        restore.c.priority > mine.priority,
        sa.and_(restore.c.priority == mine.priority, restore.c.id <= mine.id),
    )
    waiting = connection.scalar(sa.select(sa.func.sum(restore.c.size)).where(OPEN, before)) or 0
    return now + timedelta(seconds=int(waiting) / _pace(connection))


def _pace(connection: sa.Connection) -> float:
    """Bytes per second of the last restores."""
    query = sa.select(restore.c.size, restore.c.started_at, restore.c.ended_at).where(restore.c.state == "done")
    rows = connection.execute(query.order_by(restore.c.id.desc()).limit(_MEASURED)).all()
    seconds = sum((row.ended_at - row.started_at).total_seconds() for row in rows)
    return sum(row.size for row in rows) / seconds if seconds > 0 else _USUAL_BYTES_PER_S


def _complete_at_once(connection: sa.Connection, terms: Terms, row: Any, asked: Asked, now: datetime) -> str:
    """What is online stays at least as long as if it had been restored now."""
    until, evict_at = now + terms.stay, row.zip_evict_at
    if evict_at is not None and evict_at < until and row.id not in held_among(connection, [row.id]):
        evict_at = until
        stays = publication.update().where(publication.c.product_id == row.id)
        connection.execute(stays.values(evict_at=until, restored_until=until))
    done = {"status": OrderStatus.COMPLETED, "message": "the product is online", "completed_at": now}
    order = _add(connection, row, asked, now, {**done, "estimated_at": now, "evict_at": evict_at})
    _tell(connection, connection.execute(sa.select(lta_order).where(lta_order.c.uuid == order)).one(), now)
    return order


def _restore_of(
    connection: sa.Connection, row: Any, priority: int, now: datetime, *, files: bool, just_went: bool = False
) -> tuple[int, bool]:
    """The open restore of a product and whether it runs, as urgent and whole as its orders want it together; a new one
    when there is none.
    """
    known = connection.execute(sa.select(restore).where(restore.c.product_id == row.id, OPEN)).one_or_none()
    if known is None:
        values = {"product_id": row.id, "state": "queued", "priority": priority, "due_at": now, "created_at": now}
        added = connection.execute(restore.insert().values(**values, size=row.size, files=files, attempts=0))
        return int(added.inserted_primary_key[0]), False  # type: ignore[index]
    changes = {"priority": max(priority, known.priority)}
    begins_again = just_went or (files and not known.files)
    if begins_again:
        changes |= {"files": files or known.files, "state": "queued", "due_at": now, "attempts": known.attempts + 1}
        discard(connection, [prefix_of(known.id, known.attempts)], now + ZOMBIE)
    connection.execute(restore.update().where(restore.c.id == known.id).values(**changes))
    return int(known.id), known.state == "running" and not begins_again


def _add(connection: sa.Connection, row: Any, asked: Asked, now: datetime, values: dict[str, Any]) -> str:
    order = str(uuid.uuid4())
    login = None if asked.login is None else keep_login(connection, asked.login)
    told = {"uuid": order, "product_id": row.id, "size": row.size, "priority": asked.priority, "submitted_at": now}
    connection.execute(lta_order.insert().values(**told, notify=asked.notify, login_id=login, **values))
    return order


def _end(
    connection: sa.Connection,
    rows: Sequence[sa.Row[Any]],
    status: OrderStatus,
    message: str | None,
    now: datetime,
    *,
    evict_at: datetime | None = None,
) -> None:
    changes = {"status": status, "message": message, "evict_at": evict_at}
    if status is OrderStatus.COMPLETED:
        changes["completed_at"] = now
    for row in rows:
        connection.execute(lta_order.update().where(lta_order.c.id == row.id).values(**changes))
        _tell(connection, connection.execute(sa.select(lta_order).where(lta_order.c.id == row.id)).one(), now)


def _tell(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> None:
    if row.notify is None:
        return
    name = connection.scalar(sa.select(product.c.name).where(product.c.id == row.product_id))
    payload = {
        "OrderId": row.uuid,
        "Status": row.status,
        "StatusMessage": row.message,
        "ProductName": f"{name}.zip",
        "NotificationDate": format_iso(now),
        "EvictionDate": None if row.evict_at is None else format_iso(row.evict_at),
    }
    post(connection, f"{SUBJECT}{row.id}", row.notify, payload, now, login=row.login_id)


_PRODUCT: sa.Select[Any] = (
    sa.select(
        product.c.id,
        product.c.name,
        product.c.type,
        product.c.evicted_at,
        publication.c.size,
        publication.c.archived_at,
        publication.c.evicted_at.label("zip_evicted_at"),
        publication.c.evict_at.label("zip_evict_at"),
    )
    .join(publication, publication.c.product_id == product.c.id)
    .where(publication.c.published_at.is_not(None))
)
