"""How an order goes, as its wish and the publication of its products tell. In the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import named
from s1pdgs.catalogue.tables import product
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.spec import OPTIONS, told_options
from s1pdgs.publication.publisher import request
from s1pdgs.publication.tables import publication
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.wanted import status as wanted_status
from s1pdgs.triggers.wanted.status import Outcome


class Status(StrEnum):
    """Where an order is, in the words of the interface document."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (Status.QUEUED, Status.IN_PROGRESS)


@frozen
class Fate:
    """How an order goes: what of its row follows from its wish and its products."""

    status: Status
    message: str
    products: tuple[str, ...] = ()
    product_id: str | None = None
    size: int | None = None


def fate_of(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> Fate:
    """Where an order is now."""
    if row.wish_id is None:
        if not row.products:
            return Fate(Status.QUEUED, row.message)
        return _out(connection, row, row.products, now)
    told = wanted_status.status(connection, row.wish_id)
    if told.outcome is Outcome.OPEN:
        status = Status.IN_PROGRESS if row.started_at or _has_begun(connection, row.wish_id) else Status.QUEUED
        going = [part for part in told.parts if part.outcome is Outcome.OPEN]
        return Fate(status, going[0].told if going else "is nearly done", tuple(told.products))
    if told.outcome in (Outcome.DONE, Outcome.LATE):
        return _out(connection, row, told.products, now)
    wrong = next((part for part in told.parts if part.outcome not in (Outcome.DONE, Outcome.LATE)), None)
    message = f"no {row.workflow} came of it" if wrong is None else f"{wrong.unit}: {wrong.told}"
    return Fate(Status.CANCELLED if told.outcome is Outcome.CANCELLED else Status.FAILED, message, tuple(told.products))


def _has_begun(connection: sa.Connection, wish: int) -> bool:
    """True when a job of a wish was begun."""
    query = (
        sa.select(jobs.job.c.id)
        .join(t.wish_order, t.wish_order.c.order_id == jobs.job.c.order_id)
        .where(t.wish_order.c.wish_id == wish, jobs.job.c.round >= t.wish_order.c.round)
        .where(jobs.job.c.started_at.is_not(None))
    )
    return connection.execute(query.limit(1)).first() is not None


def _out(connection: sa.Connection, row: sa.Row[Any], made: Sequence[str], now: datetime) -> Fate:
    """How the products go out that an order waits for, those of what was made that have its options; they are published
    although others of their type stay inside.
    """
    options = told_options(row.parameters)
    held = [each for each in named(connection, made) if each.product.attributes.get(OPTIONS, "") == options]
    names = [each.name for each in held]
    for name in names:
        request(connection, name, now)
    query = (
        sa.select(product.c.name, product.c.uuid, publication.c.state, publication.c.reason, publication.c.size)
        .join(publication, publication.c.product_id == product.c.id)
        .where(product.c.name.in_(names))
        .order_by(product.c.start, product.c.name)
    )
    found = connection.execute(query).all()
    if not found:
        return Fate(Status.FAILED, f"no {row.workflow} with its options came of it")
    products = tuple(each.name for each in found)
    failed = next((each for each in found if each.state == "failed"), None)
    if failed is not None:
        return Fate(Status.FAILED, f"{failed.name} could not be published: {failed.reason}", products)
    if any(each.state == "pending" for each in found):
        return Fate(Status.IN_PROGRESS, "is being published", products)
    return Fate(Status.COMPLETED, "", products, found[0].uuid, sum(each.size for each in found))
