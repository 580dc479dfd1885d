"""What subscriptions leave behind goes after its time: values, ended notifications with their notices, and old news."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import Limits, Status
from s1pdgs.storage.database import Database

_AT_ONCE = 500


def prune(database: Database, limits: Limits, now: datetime) -> int:
    """Delete what is older than the limits allow; how many rows. What a queue still holds stays, without its value."""
    kept_since, value_since = (now - timedelta(seconds=kept_s) for kept_s in (limits.keep_s, limits.keep_value_s))
    return (
        _in_parts(database, lambda connection: _drop_values(connection, value_since))
        + _in_parts(database, lambda connection: _ended_notifications(connection, kept_since))
        + _in_parts(database, lambda connection: _untold_news(connection, kept_since))
        + _in_parts(database, lambda connection: _cancelled(connection, kept_since))
        + _in_parts(database, lambda connection: _actions(connection, kept_since))
    )


def _in_parts(database: Database, delete: Callable[[sa.Connection], int]) -> int:
    """Small transactions, so that others are not held up."""
    total = 0
    while True:
        with database.write() as connection:
            gone = delete(connection)
        total += gone
        if gone < _AT_ONCE:
            return total


def _drop_values(connection: sa.Connection, before: datetime) -> int:
    c = t.product_news.c
    old = sa.select(c.id).where(c.at < before, c.value.is_not(None)).limit(_AT_ONCE)
    return connection.execute(t.product_news.update().where(c.id.in_(old)).values(value=None)).rowcount


def _ended_notifications(connection: sa.Connection, before: datetime) -> int:
    c = t.notification.c
    old = sa.select(c.id, c.notice_id).where(c.ended_at < before).order_by(c.ended_at).limit(_AT_ONCE)
    rows = connection.execute(old).all()
    notices.forget(connection, [row.notice_id for row in rows if row.notice_id is not None])
    connection.execute(t.notification.delete().where(c.id.in_([row.id for row in rows])))
    return len(rows)


def _untold_news(connection: sa.Connection, before: datetime) -> int:
    c = t.product_news.c
    told = sa.select(t.notification.c.id).where(t.notification.c.news_id == c.id).exists()
    old = sa.select(c.id).where(c.at < before, ~told).limit(_AT_ONCE)
    return connection.execute(t.product_news.delete().where(c.id.in_(old))).rowcount


def _cancelled(connection: sa.Connection, before: datetime) -> int:
    c = t.subscription.c
    held = sa.select(t.notification.c.id).where(t.notification.c.subscription_id == c.id).exists()
    old = sa.select(c.id).where(c.status == Status.CANCELLED, c.ended_at < before, ~held).limit(_AT_ONCE)
    return connection.execute(t.subscription.delete().where(c.id.in_(old))).rowcount


def _actions(connection: sa.Connection, before: datetime) -> int:
    """What was done to subscriptions that are there no longer."""
    c = t.subscription_action.c
    there = sa.select(t.subscription.c.id).where(t.subscription.c.uuid == c.subscription).exists()
    old = sa.select(c.id).where(c.at < before, ~there).limit(_AT_ONCE)
    return connection.execute(t.subscription_action.delete().where(c.id.in_(old))).rowcount
