"""Bringing back what was ordered: the zip from the archive, or made again of the files that are here, and where they
are wanted the files out of the zip.

An attempt stores under keys of its own. One transaction then lets the product claim them, completes the orders and
tells it; an attempt that lost its lease changes nothing there, and what it stored is garbage.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import frozen

from s1pdgs.bus.events import ProductRestored
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.lifecycle import discard
from s1pdgs.catalogue.query import Held, find
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.archive import DEFLATED, zip_chunks
from s1pdgs.publication.changes import note_changed
from s1pdgs.publication.errors import CorruptProductError, EvictedError
from s1pdgs.publication.lta.copying import copy_again, copy_anew
from s1pdgs.publication.lta.dating import Policy, date
from s1pdgs.publication.lta.lease import Lease, check_object, verified
from s1pdgs.publication.lta.orders import (
    ZOMBIE,
    OrderStatus,
    Terms,
    begin_orders,
    check_orderable,
    end_orders,
    end_restore,
    prefix_of,
)
from s1pdgs.publication.lta.tables import OPEN, archive_copy, restore
from s1pdgs.publication.lta.unpack import unpack
from s1pdgs.publication.publisher import DEFAULT_PATIENCE, Patience
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, MissingObject, ObjectStore

_log = structlog.get_logger(__name__)


@frozen
class Restorer:
    """What restores. `policy` dates what came back, `deflated` are the files that a zip made again deflates."""

    database: Database
    store: ObjectStore
    outbox: Outbox
    terms: Terms
    policy: Policy
    patience: Patience = DEFAULT_PATIENCE
    deflated: Sequence[str] = DEFLATED


@frozen
class _Claim:
    """A restore that this process works on, and the product as it was when it began."""

    row: sa.Row[Any]
    held: Held

    @property
    def prefix(self) -> str:
        return prefix_of(self.row.id, self.row.attempts)

    @property
    def is_current(self) -> sa.ColumnElement[bool]:
        return sa.and_(restore.c.id == self.row.id, restore.c.attempts == self.row.attempts, OPEN)


def restore_step(restorer: Restorer) -> bool:
    """Restore the product that is wanted most; False when none is due.

    A store that fails or is full is tried again after a rest. A copy that is not as it was published is not: then the
    orders fail, with its name and checksum.
    """
    claim = _claim(restorer)
    if claim is None:
        return False
    try:
        location, sums = _bring_back(restorer, claim)
    except (CorruptProductError, EvictedError) as error:
        _fail(restorer, claim, str(error), final=True)
    except OSError as error:
        _fail(restorer, claim, str(error), final=claim.row.attempts >= restorer.patience.max_attempts)
    else:
        if _go_online(restorer, claim, location, sums):
            _log.info("product restored", product=claim.held.name, attempt=claim.row.attempts)
    return True


def _claim(restorer: Restorer) -> _Claim | None:
    """Take the most urgent restore that is due. What a dead attempt stored is garbage; one that kills its process
    each time comes to an end.
    """
    now, patience = restorer.outbox.clock.now(), restorer.patience
    with restorer.database.write() as connection:
        due = connection.execute(DUE, {"now": now}).first()
        if due is None:
            return None
        if due.attempts:
            discard(connection, [prefix_of(due.id, due.attempts)], now + ZOMBIE)
        if due.attempts >= patience.max_attempts:
            reason = due.reason or f"the process that restored it died in each of {due.attempts} attempts"
            end_orders(connection, due.id, OrderStatus.FAILED, reason, now)
            end_restore(connection, due.id, "failed", reason, now)
            return None
        taken = {
            "state": "running",
            "attempts": due.attempts + 1,
            "started_at": now,
            "due_at": now + timedelta(seconds=patience.lease_s),
        }
        connection.execute(restore.update().where(restore.c.id == due.id).values(**taken))
        begin_orders(connection, due.id, now)
        row = connection.execute(_CLAIMED, {"number": due.id}).one()
        held = find(connection, row.name)
    return None if held is None else _Claim(row, held)


def _bring_back(restorer: Restorer, claim: _Claim) -> tuple[str, Checksums]:
    """Store what is missing of a product; the key of its zip, and what it is."""
    row, held, store = claim.row, claim.held, restorer.store
    published = Checksums(row.size, row.md5, row.sha256)
    lease = Lease(
        restorer.database,
        restorer.outbox.clock,
        restorer.patience.lease_s,
        lambda until: restore.update().where(claim.is_current).values(due_at=until),
    )
    location, sums = row.location, published
    if row.zip_evicted_at is not None:
        check_orderable(restorer.terms, row)
        location = f"{claim.prefix}/{held.name}.zip"
        sums = _store_zip(restorer, claim, location, published, lease)
    if row.files and held.evicted_at is not None:
        unpack(store, location, held.product, f"{claim.prefix}/{held.name}", lease.renew)
    return location, sums


def _store_zip(restorer: Restorer, claim: _Claim, key: str, published: Checksums, lease: Lease) -> Checksums:
    """The zip of the archive, or else one made of the files that are here: then its bytes may be others."""
    archive, store, copy = restorer.terms.archive, restorer.store, claim.row.copy
    if claim.row.archived_at is not None and archive is not None:
        try:
            sums = store.put(key, verified(archive, copy, published, lease))
        except (CorruptProductError, MissingObject) as error:
            if claim.held.evicted_at is not None:
                raise
            _log.error("archive copy is damaged", product=claim.held.name, reason=str(error))
        else:
            check_object(store, key, published)
            return sums
    return store.put(key, zip_chunks(store, claim.held.product, lease.renew, restorer.deflated))


def _go_online(restorer: Restorer, claim: _Claim, location: str, sums: Checksums) -> bool:
    """Let the product claim what was stored, complete the orders and tell it; False when the attempt lost its turn."""
    row, now = claim.row, restorer.outbox.clock.now()
    until = now + restorer.terms.stay
    with restorer.database.write() as connection:
        done = restore.update().where(claim.is_current).values(state="done", reason=None, ended_at=now)
        if connection.execute(done).rowcount != 1:
            return False
        if row.zip_evicted_at is not None:
            online = {"location": location, "size": sums.size, "md5": sums.md5, "sha256": sums.sha256}
            online |= {"evicted_at": None, "verified_at": now, "restored_until": until}
            connection.execute(publication.update().where(publication.c.product_id == row.product_id).values(**online))
            if row.archived_at is not None and sums.sha256 != row.sha256:
                copy_anew(connection, claim.held, now)
            copy_again(connection, claim.held.name, now)
        if row.files and claim.held.evicted_at is not None:
            here = {"location": f"{claim.prefix}/{claim.held.name}", "evicted_at": None}
            connection.execute(product.update().where(product.c.id == row.product_id).values(**here))
            stays = publication.update().where(publication.c.product_id == row.product_id)
            connection.execute(stays.values(restored_until=until))
        connection.execute(product.update().where(product.c.id == row.product_id).values(gone_at=None))
        note_changed(connection, [row.product_id], now)
        date(connection, restorer.policy, [row.product_id])
        goes = sa.select(publication.c.evict_at).where(publication.c.product_id == row.product_id)
        evict_at = connection.scalar(goes)
        end_orders(connection, row.id, OrderStatus.COMPLETED, None, now, evict_at=evict_at)
        restorer.outbox.emit(connection, ProductRestored(claim.held.name))
    return True


def _fail(restorer: Restorer, claim: _Claim, reason: str, *, final: bool) -> None:
    """Note why an attempt failed; the next one comes after a rest, or the orders have failed."""
    now = restorer.outbox.clock.now()
    with restorer.database.write() as connection:
        later = {"state": "queued", "reason": reason, "due_at": now + restorer.patience.wait(claim.row.attempts)}
        changed = connection.execute(restore.update().where(claim.is_current).values(**later)).rowcount
        if changed == 1 and final:
            end_orders(connection, claim.row.id, OrderStatus.FAILED, reason, now)
            end_restore(connection, claim.row.id, "failed", reason, now)
    _log.warning("restore failed", product=claim.held.name, attempt=claim.row.attempts, final=final, reason=reason)


DUE: sa.Select[Any] = (
    sa.select(restore)
    .where(OPEN, restore.c.due_at <= sa.bindparam("now", type_=restore.c.due_at.type))
    .order_by(restore.c.priority.desc(), restore.c.id)
    .limit(1)
)
_CLAIMED: sa.Select[Any] = (
    sa.select(
        restore.c.id,
        restore.c.product_id,
        restore.c.attempts,
        restore.c.files,
        product.c.name,
        product.c.evicted_at,
        publication.c.location,
        publication.c.size,
        publication.c.md5,
        publication.c.sha256,
        publication.c.archived_at,
        publication.c.evicted_at.label("zip_evicted_at"),
        archive_copy.c.location.label("copy"),
    )
    .join(product, product.c.id == restore.c.product_id)
    .join(publication, publication.c.product_id == product.c.id)
    .outerjoin(archive_copy, archive_copy.c.product_id == product.c.id)
    .where(restore.c.id == sa.bindparam("number"))
)
