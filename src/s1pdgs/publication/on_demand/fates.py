"""How an order goes, as its wish and the publication of its products tell. In the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import Held, named
from s1pdgs.catalogue.tables import product
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.spec import OPTIONS, told_options
from s1pdgs.publication.errors import EvictedError, UnknownProductError
from s1pdgs.publication.lta.orders import Asked, Terms
from s1pdgs.publication.lta.orders import place as bring_back
from s1pdgs.publication.lta.tables import restore
from s1pdgs.publication.on_demand.workflows import PRODUCT_ORDER
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


def fate_of(connection: sa.Connection, row: sa.Row[Any], now: datetime, terms: Terms) -> Fate:
    """Where an order is now."""
    if row.wish_id is None:
        if not row.products:
            return Fate(Status.QUEUED, row.message)
        return _out(connection, row, row.products, now, terms)
    told = wanted_status.status(connection, row.wish_id)
    if told.outcome is Outcome.OPEN:
        status = Status.IN_PROGRESS if row.started_at or _has_begun(connection, row.wish_id) else Status.QUEUED
        going = [part for part in told.parts if part.outcome is Outcome.OPEN]
        return Fate(status, going[0].told if going else "is nearly done", tuple(told.products))
    if told.outcome in (Outcome.DONE, Outcome.LATE):
        return _out(connection, row, told.products, now, terms)
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


def _out(connection: sa.Connection, row: sa.Row[Any], made: Sequence[str], now: datetime, terms: Terms) -> Fate:
    """How the products go out that an order waits for: the newest versions of what was made with its options. They are
    published although others of their type stay inside, and brought back when they are offline.
    """
    is_made = row.workflow != PRODUCT_ORDER.name
    names = [held.name for held in newest(connection, made, row.parameters)] if is_made else made
    for name in names:
        request(connection, name, now)
    found = connection.execute(_PUBLICATIONS.where(product.c.name.in_(names))).all()
    products = tuple(each.name for each in found)
    if not found:
        return Fate(Status.FAILED, f"no {row.workflow} with its options came of it")
    failed = next((each for each in found if each.state == "failed"), None)
    if failed is not None:
        return Fate(Status.FAILED, f"{failed.name} could not be published: {failed.reason}", products)
    if any(each.state == "pending" for each in found):
        return Fate(Status.IN_PROGRESS, "is being published", products)
    offline = [each for each in found if each.evicted_at is not None]
    wrong = [come_back(connection, row, each, now, terms) for each in offline]
    if any(wrong):
        return Fate(Status.FAILED, next(filter(None, wrong)), products)
    if offline:
        return Fate(Status.IN_PROGRESS, "is being brought back", products)
    return Fate(Status.COMPLETED, "", products, found[0].uuid, sum(each.size for each in found))


_PUBLICATIONS = (
    sa.select(product.c.id, product.c.name, product.c.uuid)
    .add_columns(*(publication.c[name] for name in ("state", "reason", "size", "evicted_at")))
    .join(publication, publication.c.product_id == product.c.id)
    .order_by(product.c.start, product.c.name)
)


def newest(connection: sa.Connection, names: Sequence[str], parameters: Mapping[str, str]) -> list[Held]:
    """The newest version of each of some products that were made with some parameters; versions differ in the end of
    their names.
    """
    options = told_options(parameters)
    held = [each for each in named(connection, names) if each.product.attributes.get(OPTIONS, "") == options]
    return list({each.name.rpartition("_")[0]: each for each in sorted(held, key=lambda each: each.id)}.values())


def come_back(
    connection: sa.Connection, row: sa.Row[Any], gone: Any, now: datetime, terms: Terms, *, files: bool = False
) -> str | None:
    """Order a product that is offline, once; why that cannot be or went wrong, None while it may come. With `files` for
    jobs to read.
    """
    last = sa.select(restore).where(restore.c.product_id == gone.id).order_by(restore.c.id.desc()).limit(1)
    known = connection.execute(last).first()
    if known is not None and known.ended_at is None:
        return None
    if known is not None and known.state == "failed" and known.ended_at >= row.submitted_at:
        return f"{gone.name} could not be brought back: {known.reason}"
    try:
        bring_back(connection, terms, gone.name, Asked(row.priority, files), now)
    except (EvictedError, UnknownProductError) as error:
        return str(error)
    return None
