"""Eviction: files and zips whose time has come go, unless something needs them; then they are looked at again later.

A product stops to claim its objects and tells it in one transaction; the objects are garbage then, which is removed
after a grace (`catalogue.lifecycle.sweep_garbage`): downloads that run come to their end.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import frozen

from s1pdgs.bus.events import FilesEvicted, ProductEvicted
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.lifecycle import discard, evict_files, number_of
from s1pdgs.catalogue.retention import Form
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.changes import note_changed
from s1pdgs.publication.errors import CorruptProductError
from s1pdgs.publication.lta.copying import Archive
from s1pdgs.publication.lta.lease import check_object
from s1pdgs.publication.lta.needs import needs
from s1pdgs.publication.mending import Mender
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, MissingObject, ObjectStore, StorageError

NOT_HERE = "it is not here"
LOOK_AGAIN = timedelta(hours=1)
AFTER_DAMAGE = timedelta(days=1)
_AT_ONCE = 100
_log = structlog.get_logger(__name__)


@frozen
class Evictor:
    """What evicts: `grace` is how long objects are left alone that no row claims any more."""

    database: Database
    store: ObjectStore
    outbox: Outbox
    archive: Archive | None = None
    grace: timedelta = timedelta(hours=1)


def due(form: Form, now: datetime) -> sa.Select[Any]:
    """Some products whose form goes now, the one that is due longest first."""
    table = product if form is Form.FILES else publication
    return upcoming(form).where(table.c.evict_at <= now).limit(_AT_ONCE)


def upcoming(form: Form) -> sa.Select[Any]:
    """Products whose form goes at some time, the next first."""
    table, number = (product, product.c.id) if form is Form.FILES else (publication, publication.c.product_id)
    query = sa.select(product.c.id, product.c.name, table.c.evict_at.label("at"))
    if form is Form.ZIP:
        query = query.join(publication, product.c.id == number)
    return query.where(table.c.evicted_at.is_(None), table.c.evict_at.is_not(None)).order_by(table.c.evict_at, number)


def evict_step(evictor: Evictor) -> bool:
    """Let some files and zips go whose time has come; False when there is none."""
    return _evict_due(evictor, Form.FILES) | _evict_due(evictor, Form.ZIP)


def evict(evictor: Evictor, name: str, forms: Sequence[Form]) -> dict[Form, str | None]:
    """Let the forms of one product go before their time; for each why it stays, `NOT_HERE` where there is none, None
    where it went.

    `CatalogueError` for an unknown name.
    """
    with evictor.database.read() as connection:
        number = number_of(connection, name)
    return {form: _evict(evictor, form, [number]).get(number) for form in forms}


def _evict_due(evictor: Evictor, form: Form) -> bool:
    now = evictor.outbox.clock.now()
    with evictor.database.read() as connection:
        rows = connection.execute(due(form, now)).all()
    kept = _evict(evictor, form, [row.id for row in rows], only_due=True) if rows else {}
    for row in rows:
        if row.id in kept:
            _log.info("eviction waits", product=row.name, form=str(form), reason=kept[row.id])
    return bool(rows)


def _evict(evictor: Evictor, form: Form, numbers: Sequence[int], *, only_due: bool = False) -> dict[int, str]:
    """Let a form of some products go; those that stay with the reason, and what is due of them is due later."""
    damaged, unread = ({}, {}) if form is Form.ZIP else _damaged_zips(evictor, numbers)
    now = evictor.outbox.clock.now()
    with evictor.database.write() as connection:
        kept = needs(connection, evictor.archive, form, numbers) | damaged | unread
        going = _here(connection, form, [number for number in numbers if number not in kept])
        if only_due:  # some may have got more time meanwhile
            going = [row for row in going if row.evict_at is not None and row.evict_at <= now]
        _let_go(connection, evictor, form, going)
        kept |= dict.fromkeys({*numbers} - {*kept} - {row.id for row in going}, NOT_HERE)
        _look_later(connection, form, [one for one in kept if one not in damaged], now, LOOK_AGAIN)
        _look_later(connection, form, list(damaged), now, AFTER_DAMAGE)
    return kept


def _here(connection: sa.Connection, form: Form, numbers: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """Those of some products whose form is here."""
    table = product if form is Form.FILES else publication
    query: sa.Select[Any] = (
        sa.select(
            product.c.id,
            product.c.name,
            product.c.type,
            product.c.location,
            publication.c.state,
            publication.c.location.label("zip_location"),
            publication.c.evicted_at.label("zip_evicted_at"),
            table.c.evict_at,
        )
        .select_from(product.outerjoin(publication, publication.c.product_id == product.c.id))
        .where(product.c.id.in_(list(numbers)), table.c.evicted_at.is_(None))
        .order_by(product.c.id)
    )
    if form is Form.ZIP:
        query = query.where(publication.c.published_at.is_not(None))
    return connection.execute(query).all()


def _look_later(connection: sa.Connection, form: Form, numbers: Sequence[int], now: datetime, after: timedelta) -> None:
    table, key = (product, product.c.id) if form is Form.FILES else (publication, publication.c.product_id)
    due_now = table.update().where(key.in_(list(numbers)), table.c.evict_at <= now)
    connection.execute(due_now.values(evict_at=now + after))


def _let_go(connection: sa.Connection, evictor: Evictor, form: Form, rows: Sequence[sa.Row[Any]]) -> None:
    """Let a form of some products go that is here, and tell it. Of files that went users see that what is offline
    cannot be brought back as before.
    """
    now, numbers = evictor.outbox.clock.now(), [row.id for row in rows]
    if form is Form.FILES:
        evict_files(connection, rows, now, now + evictor.grace)
        changed = [row.id for row in rows if row.zip_evicted_at is not None]
    else:
        gone = {"evicted_at": now, "evict_at": None, "restored_until": None, "verified_at": None}
        connection.execute(publication.update().where(publication.c.product_id.in_(numbers)).values(**gone))
        discard(connection, [row.zip_location for row in rows], now + evictor.grace)
        changed = numbers
    _note_gone(connection, numbers, now)
    note_changed(connection, changed, now)
    for row in rows:
        is_offered = form is Form.FILES and row.state == "published"
        evictor.outbox.emit(connection, FilesEvicted(row.name) if is_offered else ProductEvicted(row.name))


def _note_gone(connection: sa.Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note those of some products of which neither files nor zip are here."""
    zip_here = sa.exists().where(
        publication.c.product_id == product.c.id,
        publication.c.published_at.is_not(None),
        publication.c.evicted_at.is_(None),
    )
    gone = product.update().where(product.c.id.in_(numbers), product.c.evicted_at.is_not(None), ~zip_here)
    connection.execute(gone.values(gone_at=now))


def _damaged_zips(evictor: Evictor, numbers: Sequence[int]) -> tuple[dict[int, str], dict[int, str]]:
    """Before files go, the zip that is to stay is read again once; those whose zip is not as it was published, which is
    made again then, and those of which the store does not tell now.
    """
    unverified = (
        sa.select(publication)
        .join(product, product.c.id == publication.c.product_id)
        .where(
            publication.c.product_id.in_(list(numbers)),
            publication.c.published_at.is_not(None),
            publication.c.evicted_at.is_(None),
            publication.c.verified_at.is_(None),
            product.c.evicted_at.is_(None),
        )
    )
    with evictor.database.read() as connection:
        rows = connection.execute(unverified).all()
    damaged: dict[int, str] = {}
    well: list[int] = []
    unread: dict[int, str] = {}
    for row in rows:
        try:
            why = _damage(evictor, row)
        except StorageError as error:
            _log.warning("zips cannot be read before files go", reason=str(error))
            others = {one.product_id for one in rows} - {*damaged, *well}
            unread = dict.fromkeys(others, f"its zip cannot be read now: {error}")
            break
        if why is None:
            well.append(row.product_id)
        else:
            damaged[row.product_id] = why
    if well:
        verified = publication.update().where(publication.c.product_id.in_(well))
        with evictor.database.write() as connection:
            connection.execute(verified.values(verified_at=evictor.outbox.clock.now()))
    return damaged, unread


def _damage(evictor: Evictor, row: sa.Row[Any]) -> str | None:
    """What is wrong with a zip, which is made again then; None when nothing is. `StorageError` when nobody can tell."""
    try:
        check_object(evictor.store, row.location, Checksums(row.size, row.md5, row.sha256))
    except (CorruptProductError, OSError) as error:
        if isinstance(error, StorageError) and not isinstance(error, MissingObject):
            raise
        _log.error("stored zip is damaged", reason=str(error))
        archive = None if evictor.archive is None else evictor.archive.store
        Mender(evictor.database, evictor.store, archive).examine(row.product_id, evictor.outbox.clock.now())
        return f"its zip is damaged: {error}"
    return None
