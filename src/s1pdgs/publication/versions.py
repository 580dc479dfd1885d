"""What becomes of a publication when its product comes in again: as it was, or in a new version.

Functions work in the caller's transaction, which writes alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.lifecycle import discard
from s1pdgs.catalogue.query import Held
from s1pdgs.model.globe import footprint_shape, to_binary
from s1pdgs.model.time import micros
from s1pdgs.publication.holdings import forget
from s1pdgs.publication.lta.orders import OrderStatus, bring_back, end_orders, end_restore
from s1pdgs.publication.lta.tables import OPEN, archive_copy, restore
from s1pdgs.publication.tables import publication

_GRACE = timedelta(hours=1)


def first_key(name: str) -> str:
    """Where the zip of the first version of a product goes in the store."""
    return f"published/{name}.zip"


def fresh(now: datetime) -> dict[str, Any]:
    """What a publication begins with."""
    return {"state": "pending", "attempts": 0, "retry_at": now, "reason": None}


def area_of(ring: Sequence[Sequence[float]] | None) -> bytes | None:
    """A footprint as searches use it."""
    return None if ring is None else to_binary(footprint_shape(ring))


def go_online_again(connection: sa.Connection, held: Held, row: sa.Row[Any], now: datetime) -> None:
    """The files of a product came in again: its zip is made of them when it is offline, or could not be made before."""
    if row.state == "failed":
        connection.execute(_of(held).values(**fresh(now)))
    elif row.evicted_at is not None and held.evicted_at is None:
        bring_back(connection, held.name, now)


def replace(connection: sa.Connection, held: Held, row: sa.Row[Any], now: datetime) -> None:
    """Publish a new version of a product in the place of the old one, whose copy stays in the archive, unnamed."""
    _end_restore(connection, held, now)
    if row.published_at is not None:
        forget(connection, held.product.type)
        zips = [row.location] if row.evicted_at is None else []
        discard(connection, [*zips, *filter(None, [row.quicklook])], now + _GRACE)
    connection.execute(archive_copy.delete().where(archive_copy.c.product_id == held.id))
    ring = None if held.product.footprint is None else held.product.footprint.ring
    new = {
        **dict.fromkeys(column.name for column in publication.c if column.nullable),
        **fresh(now),
        "location": f"published/{micros(now)}/{held.name}.zip",
        "requested_at": now,
        "area": area_of(ring),
    }
    connection.execute(_of(held).values(**new))


def _end_restore(connection: sa.Connection, held: Held, now: datetime) -> None:
    number = connection.scalar(sa.select(restore.c.id).where(restore.c.product_id == held.id, OPEN))
    if number is not None:
        why = "a new version of the product came, which is being published"
        end_orders(connection, number, OrderStatus.CANCELLED, why, now)
        end_restore(connection, number, "cancelled", why, now)


def _of(held: Held) -> sa.Update:
    return publication.update().where(publication.c.product_id == held.id)
