"""What subscriptions leave behind goes after its time: values, ended notifications with their notices, and old news."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import Limits, Status
from s1pdgs.storage.database import Database
from s1pdgs.storage.pruning import Old, deleting, in_parts


def prune(database: Database, limits: Limits, now: datetime) -> int:
    """Delete what is older than the limits allow; how many rows. What a queue still holds stays, without its value."""
    kept_since, value_since = (now - timedelta(seconds=kept_s) for kept_s in (limits.keep_s, limits.keep_value_s))
    return (
        in_parts(database, _valued(value_since), _drop_values)
        + in_parts(database, _ended(kept_since), _delete_notifications)
        + in_parts(database, _untold(kept_since), deleting(t.product_news))
        + in_parts(database, _cancelled(kept_since), deleting(t.subscription))
        + in_parts(database, _orphaned(kept_since), deleting(t.subscription_action))
    )


def _valued(before: datetime) -> Old:
    c = t.product_news.c
    return sa.select(c.id).where(c.at < before, c.value.is_not(None))


def _ended(before: datetime) -> Old:
    c = t.notification.c
    return sa.select(c.id).where(c.ended_at < before)


def _untold(before: datetime) -> Old:
    """News that no queue holds and nobody was told lately."""
    c = t.product_news.c
    told = sa.select(t.notification.c.id).where(t.notification.c.news_id == c.id).exists()
    return sa.select(c.id).where(c.at < before, ~told)


def _cancelled(before: datetime) -> Old:
    c = t.subscription.c
    held = sa.select(t.notification.c.id).where(t.notification.c.subscription_id == c.id).exists()
    return sa.select(c.id).where(c.status == Status.CANCELLED, c.ended_at < before, ~held)


def _orphaned(before: datetime) -> Old:
    """What was done to subscriptions that are there no longer."""
    c = t.subscription_action.c
    there = sa.select(t.subscription.c.id).where(t.subscription.c.uuid == c.subscription).exists()
    return sa.select(c.id).where(c.at < before, ~there)


def _drop_values(connection: sa.Connection, numbers: Sequence[int]) -> None:
    old = t.product_news.update().where(t.product_news.c.id.in_(numbers))
    connection.execute(old.values(value=None))


def _delete_notifications(connection: sa.Connection, numbers: Sequence[int]) -> None:
    c = t.notification.c
    notices.forget(connection, sa.select(c.notice_id).where(c.id.in_(numbers), c.notice_id.is_not(None)))
    connection.execute(t.notification.delete().where(c.id.in_(numbers)))
