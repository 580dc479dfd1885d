"""Auxiliary products in the form in which AUXIP serves them: a file as it is, a folder as a zip of its own.

Zips are not deflated: their bytes are then the same whoever makes them, and a second maker does no harm.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from s1pdgs.bus.events import AnyEvent, ProductCatalogued, ProductRestored
from s1pdgs.bus.outbox import Subscriber
from s1pdgs.catalogue.lifecycle import discard
from s1pdgs.catalogue.query import Held, find
from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import Clock, micros
from s1pdgs.publication.archive import zip_chunks
from s1pdgs.publication.errors import PublicationError
from s1pdgs.publication.tables import auxiliary_offer
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, ObjectStore

SUBSCRIBER = "auxip"
ARCHIVES = "auxip"
"""Where the zips are in the store."""
_LEASE = timedelta(minutes=2)
_FIRST_WAIT = timedelta(seconds=10)
_MOST_DOUBLINGS = 8
_TOGETHER = 100
_log = structlog.get_logger(__name__)


def subscriber(types: Sequence[str], clock: Clock) -> Subscriber:
    """The consumer of news that offers products of types that match one of some patterns: as they come, as they come
    in again, and in a new version.
    """
    patterns = [re.compile(pattern) for pattern in types]

    def handle(connection: sa.Connection, event: AnyEvent) -> None:
        assert isinstance(event, ProductCatalogued | ProductRestored)  # noqa: S101  the only types subscribed to
        held = find(connection, event.product)
        if held is not None and any(pattern.fullmatch(held.product.type) for pattern in patterns):
            offer(connection, held, clock.now())

    return Subscriber(SUBSCRIBER, frozenset({ProductCatalogued.__name__, ProductRestored.__name__}), handle)


def offer(connection: sa.Connection, held: Held, now: datetime) -> bool:
    """Offer a product whose files are here: at once when it is one file of its own name, else when its zip is made;
    False if it is offered as it is.
    """
    known = connection.execute(sa.select(auxiliary_offer).where(_is(held.id))).one_or_none()
    if held.evicted_at is not None or (known is not None and _offers(known, held)):
        return False
    if known is not None:
        return offer_again(connection, held, now)
    files, name = held.product.files, held.product.name
    row: dict[str, Any] = {"product_id": held.id, "attempts": 0, "retry_at": now}
    if [file.path for file in files] == [name]:
        sums = Checksums(files[0].size, files[0].md5, files[0].sha256)
        row |= {"name": name, "location": f"{held.product.location}/{name}", **_published(sums, now)}
    else:
        row |= {"name": f"{name}.zip", "location": f"{ARCHIVES}/{micros(now)}/{name}.zip"}
    connection.execute(auxiliary_offer.insert().values(row))
    return True


def offer_again(connection: sa.Connection, held: Held, now: datetime) -> bool:
    """Offer a product anew, whatever was offered of it; False when its files are gone."""
    known = connection.execute(sa.select(auxiliary_offer).where(_is(held.id))).one_or_none()
    if known is not None:
        _end(connection, known, now)
    return offer(connection, held, now)


def _offers(known: sa.Row[Any], held: Held) -> bool:
    """Whether an offer is of the files that are here: of these bytes a zip, or the file where it is now."""
    if _is_zip(known):
        return bool(known.retry_at >= held.catalogued_at)
    return bool(known.location == f"{held.product.location}/{held.name}")


def _end(connection: sa.Connection, known: Any, goes_at: datetime) -> None:
    """End an offer; its zip is garbage."""
    connection.execute(auxiliary_offer.delete().where(_is(known.product_id)))
    if _is_zip(known):
        discard(connection, [known.location], goes_at)


def _is_zip(known: Any) -> bool:
    return str(known.location).startswith(f"{ARCHIVES}/")


def make_zip(database: Database, store: ObjectStore, clock: Clock) -> bool:
    """Make the zip that is due first; False when none is. One that fails is tried again, later each time."""
    claimed = claim(database, clock.now())
    if claimed is None:
        return False
    row, held = claimed
    try:
        sums = store.put(row.location, zip_chunks(store, held.product, deflated=()))
    except (OSError, PublicationError) as error:
        wait = _FIRST_WAIT * 2 ** min(row.attempts, _MOST_DOUBLINGS)
        changes = {"retry_at": clock.now() + wait, "reason": str(error)}
        _log.warning("auxiliary product not offered", product=held.name, attempt=row.attempts + 1, why=str(error))
    else:
        changes = _published(sums, clock.now())
    with database.write() as connection:
        pending = auxiliary_offer.c.published_at.is_(None)
        connection.execute(auxiliary_offer.update().where(_is(held.id), pending).values(changes))
    return True


def withdraw(database: Database, store: ObjectStore) -> int:
    """End the offers of products that were evicted, and then remove their zips; how many. What one who dies meanwhile
    leaves is garbage.
    """
    gone = (
        sa.select(auxiliary_offer.c.product_id, auxiliary_offer.c.location, product.c.evicted_at)
        .join(product, product.c.id == auxiliary_offer.c.product_id)
        .where(product.c.evicted_at.is_not(None))
        .limit(_TOGETHER)
    )
    with database.read() as connection:
        rows = connection.execute(gone).all()
    for row in rows:
        with database.write() as connection:
            _end(connection, row, row.evicted_at)
        if _is_zip(row):
            store.delete(row.location)
    return len(rows)


def claim(database: Database, now: datetime) -> tuple[Any, Held] | None:
    """Take the pending offer that is due first, which others leave alone for a while: its row and product."""
    pending = (auxiliary_offer.c.published_at.is_(None), auxiliary_offer.c.retry_at <= now)
    query = sa.select(auxiliary_offer, product.c.name.label("product")).join(
        product, product.c.id == auxiliary_offer.c.product_id
    )
    with database.read() as connection:
        row = connection.execute(query.where(*pending).order_by(auxiliary_offer.c.retry_at).limit(1)).first()
        held = None if row is None else find(connection, row.product)
    if row is None or held is None:
        return None
    still = (_is(row.product_id), auxiliary_offer.c.attempts == row.attempts)
    changes = {"attempts": row.attempts + 1, "retry_at": now + _LEASE}
    with database.write() as connection:
        is_ours = connection.execute(auxiliary_offer.update().where(*still).values(changes)).rowcount == 1
    return (row, held) if is_ours else None


def _published(sums: Checksums, now: datetime) -> dict[str, Any]:
    return {"size": sums.size, "md5": sums.md5, "sha256": sums.sha256, "published_at": now, "reason": None}


def _is(number: int) -> sa.ColumnElement[bool]:
    return auxiliary_offer.c.product_id == number
