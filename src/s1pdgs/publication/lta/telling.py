"""What is told of a product that is offline, and of one that will be."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from s1pdgs.catalogue.lifecycle import holds_of
from s1pdgs.catalogue.query import Held
from s1pdgs.catalogue.retention import Due, Form
from s1pdgs.publication.lta.dating import Policy, plan_of
from s1pdgs.publication.lta.needs import needs
from s1pdgs.publication.lta.tables import archive_copy, lta_order, restore
from s1pdgs.publication.search import Published
from s1pdgs.publication.tables import publication


def why_gone(connection: sa.Connection, product: Published, service: str) -> str:
    """That a published product is offline, and how to get it; `service` is the address of the OData service."""
    gone = f"{product.archive_name} was evicted on {product.evicted_at:%Y-%m-%dT%H:%M:%SZ}"
    query = (
        sa.select(lta_order.c.uuid, lta_order.c.estimated_at)
        .join(restore, restore.c.id == lta_order.c.restore_id)
        .where(restore.c.product_id == product.id, restore.c.ended_at.is_(None))
        .where(lta_order.c.status.in_(["queued", "in_progress"]))
        .order_by(lta_order.c.id)
    )
    ordered = connection.execute(query).first()
    if ordered is not None:
        likely = f"likely until {ordered.estimated_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{gone}; it is being restored, {likely}: see {service}/Orders({ordered.uuid})"
    if product.is_orderable:
        return f"{gone}; order it by POST {service}/Products({product.uuid})/OData.CSC.Order, then it comes online"
    return f"{gone} and has no copy; it can be made again on demand: see {service}/Workflows"


def lines(connection: sa.Connection, policy: Policy, held: Held) -> Iterator[str]:
    """When and why a product goes or went, for people."""
    zipped = connection.execute(sa.select(publication).where(publication.c.product_id == held.id)).one_or_none()
    plan = plan_of(connection, policy, held.id)
    yield f"files    {_fate(held.evicted_at, plan.files_at, plan.files)}"
    yield from _needed(connection, policy, Form.FILES, held)
    if zipped is None or zipped.published_at is None:
        yield f"zip      {'not published' if zipped is None else f'publication {zipped.state}'}"
    else:
        yield f"zip      {_fate(zipped.evicted_at, plan.zip_at, plan.zip)}"
        yield from _needed(connection, policy, Form.ZIP, held)
        copy = connection.execute(sa.select(archive_copy).where(archive_copy.c.product_id == held.id)).one_or_none()
        if zipped.archived_at is not None:
            yield f"archive  has a copy since {zipped.archived_at:%Y-%m-%d %H:%M:%S}"
        elif copy is not None:
            yield f"archive  copy {copy.state}{'' if copy.reason is None else f': {copy.reason}'}"
    for one in holds_of(connection, held.id):
        ended = (
            "" if one.released_at is None else f", released {one.released_at:%Y-%m-%d %H:%M:%S} by {one.released_by}"
        )
        yield f"hold     {one.held_at:%Y-%m-%d %H:%M:%S} by {one.actor}: {one.reason}{ended}"
    for row in connection.execute(_ORDERS, {"product": held.id}):
        yield f"order    {row.uuid} {row.status}{'' if row.message is None else f': {row.message}'}"


_ORDERS = (
    sa.select(lta_order.c.uuid, lta_order.c.status, lta_order.c.message)
    .where(lta_order.c.product_id == sa.bindparam("product"))
    .order_by(lta_order.c.id.desc())
    .limit(10)
)


def _fate(evicted_at: datetime | None, at: datetime | None, due: Due | None) -> str:
    if evicted_at is not None:
        return f"evicted {evicted_at:%Y-%m-%d %H:%M:%S}"
    if at is None:
        return "here for ever" if due is None else f"here for ever ({due.rule})"
    return f"here until {at:%Y-%m-%d %H:%M:%S} ({'' if due is None else due.rule})"


def _needed(connection: sa.Connection, policy: Policy, form: Form, held: Held) -> Iterator[str]:
    why = needs(connection, policy.archive, form, [held.id]).get(held.id)
    if why is not None:
        yield f"         stays while {why}"
