"""What subscriptions leave behind goes after its time: values, ended notifications with their notices, and old news."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import Limits, Status
from s1pdgs.storage.database import Database

_AT_ONCE = 500
_Old = sa.Select[tuple[int]]
_Act = Callable[[sa.Connection, Sequence[int]], Any]


def prune(database: Database, limits: Limits, now: datetime) -> int:
    """Delete what is older than the limits allow; how many rows. What a queue still holds stays, without its value."""
    kept_since, value_since = (now - timedelta(seconds=kept_s) for kept_s in (limits.keep_s, limits.keep_value_s))
    return (
        _in_parts(database, _valued(value_since), _drop_values)
        + _in_parts(database, _ended(kept_since), _delete_notifications)
        + _in_parts(database, _untold(kept_since), _deleting(t.product_news))
        + _in_parts(database, _cancelled(kept_since), _deleting(t.subscription))
        + _in_parts(database, _orphaned(kept_since), _deleting(t.subscription_action))
    )


def _in_parts(database: Database, old: _Old, act: _Act) -> int:
    """Act on what is old in small transactions, so that others are not held up; in none when there is nothing."""
    with database.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    total = 0
    while True:
        with database.write() as connection:
            numbers = [row.id for row in connection.execute(old.limit(_AT_ONCE))]
            act(connection, numbers)
        total += len(numbers)
        if len(numbers) < _AT_ONCE:
            return total


def _valued(before: datetime) -> _Old:
    c = t.product_news.c
    return sa.select(c.id).where(c.at < before, c.value.is_not(None))


def _ended(before: datetime) -> _Old:
    c = t.notification.c
    return sa.select(c.id).where(c.ended_at < before)


def _untold(before: datetime) -> _Old:
    """News that no queue holds and nobody was told lately."""
    c = t.product_news.c
    told = sa.select(t.notification.c.id).where(t.notification.c.news_id == c.id).exists()
    return sa.select(c.id).where(c.at < before, ~told)


def _cancelled(before: datetime) -> _Old:
    c = t.subscription.c
    held = sa.select(t.notification.c.id).where(t.notification.c.subscription_id == c.id).exists()
    return sa.select(c.id).where(c.status == Status.CANCELLED, c.ended_at < before, ~held)


def _orphaned(before: datetime) -> _Old:
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


def _deleting(table: sa.Table) -> _Act:
    return lambda connection, numbers: connection.execute(table.delete().where(table.c.id.in_(numbers)))
