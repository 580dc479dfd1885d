"""`StageOrder`: who is told of a product that went offline meanwhile finds it ordered (peers.md section 3.3)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog

from s1pdgs.catalogue.tables import product
from s1pdgs.publication.errors import EvictedError
from s1pdgs.publication.lta.orders import Asked, Terms, place
from s1pdgs.publication.lta.tables import lta_order
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import Happening
from s1pdgs.publication.tables import publication

_log = structlog.get_logger(__name__)


def offline(connection: sa.Connection, notifications: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """The products (`name`) that some notifications offer, that are offline and were not ordered since, each with the
    `priority` of the subscription; none of subscriptions that stage nothing.
    """
    ordered = sa.exists().where(lta_order.c.product_id == product.c.id, lta_order.c.submitted_at >= t.product_news.c.at)
    query: sa.Select[Any] = (
        sa.select(product.c.name, t.subscription.c.priority)
        .select_from(
            t.notification.join(t.subscription, t.subscription.c.id == t.notification.c.subscription_id)
            .join(t.product_news, t.product_news.c.id == t.notification.c.news_id)
            .join(product, product.c.uuid == t.product_news.c.product_uuid)
            .join(publication, publication.c.product_id == product.c.id)
        )
        .where(
            t.notification.c.id.in_(list(notifications)),
            t.subscription.c.stage_order,
            t.product_news.c.event != Happening.DELETED,
            publication.c.evicted_at.is_not(None),
            ~ordered,
        )
        .order_by(t.notification.c.id)
    )
    return connection.execute(query).all()


def stage(connection: sa.Connection, terms: Terms, notifications: Sequence[int], now: datetime) -> int:
    """Order what some notifications offer and is offline, once for each news; how many. What cannot be brought back is
    told all the same.
    """
    staged = 0
    for row in offline(connection, notifications):
        try:
            place(connection, terms, row.name, Asked(max(1, row.priority)), now)
        except EvictedError as error:
            _log.warning("not staged", product=row.name, reason=str(error))
        else:
            staged += 1
    return staged
