"""What may be ordered on the page of a product: what can be made of it, and the product itself while it is offline."""

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.console.shelf import ProductView
from s1pdgs.publication.lta.tables import OPEN, restore
from s1pdgs.publication.on_demand.orders import Desk
from s1pdgs.publication.on_demand.workflows import Workflow
from s1pdgs.publication.search import find


@frozen
class Offer:
    """The workflows that take a product; whether it is offline and can be brought back, and the state of the restore
    that does so already.
    """

    workflows: tuple[Workflow, ...] = ()
    is_orderable: bool = False
    restore: str | None = None


def offer_of(connection: sa.Connection, desk: Desk | None, view: ProductView) -> Offer:
    """What may be ordered of a product; nothing where no orders are taken."""
    if desk is None:
        return Offer()
    workflows = tuple(workflow for workflow in desk.workflows if view.row.type in workflow.inputs)
    if view.row.published_at is None or view.row.evicted_at is None:
        return Offer(workflows)
    under_way = connection.scalar(sa.select(restore.c.state).where(restore.c.product_id == view.held.id, OPEN))
    found = find(connection, view.row.uuid)
    return Offer(workflows, found is not None and found.is_orderable and under_way is None, under_way)
