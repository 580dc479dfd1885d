"""Subscriptions as operators see them: each with its queue, what was done to it, and how its notifications went."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.model.time import format_iso
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import NotificationState, row_of

_LAST = 20


def newest(connection: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """The subscriptions made last, newest first."""
    rows = connection.execute(sa.select(t.subscription).order_by(t.subscription.c.id.desc()).limit(limit)).all()
    dead = _dead(connection, [row.id for row in rows])
    return [_as_row(row, dead.get(row.id, 0)) for row in rows]


def details(connection: sa.Connection, uuid: str, last: int = _LAST) -> dict[str, Any]:
    """All that is known of a subscription, with its `last` notifications; `UnknownSubscription`."""
    row = row_of(connection, uuid)
    return {
        **_as_row(row, _dead(connection, [row.id]).get(row.id, 0)),
        "stage_order": row.stage_order,
        "priority": row.priority,
        "with_login": row.login_id is not None,
        "reason": row.reason,
        "actions": _actions(connection, row.uuid, last),
        "notifications": _notifications(connection, row.id, last),
    }


def as_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The details for people."""
    where = f" to {told['endpoint']}{' with a login' if told['with_login'] else ''}" if told["endpoint"] else ""
    yield f"subscription {told['subscription']}: {told['type']}{where}, {told['status']}"
    if told["reason"]:
        yield f"  paused by the service: {told['reason']}"
    yield f"  made {told['submitted']} by {told['owner']}"
    yield f"  tells {', '.join(told['events'])} of {told['filter'] or 'all products'}"
    yield (
        f"  {told['queued']} in the queue, {told['dead']} given up, {told['dropped']} fell out of a full queue; "
        f"told last {told['last_told'] or 'never'}"
    )
    for title, entries in (("done to it", told["actions"]), ("notifications", told["notifications"])):
        if entries:
            yield f"{title}, newest first:"
            yield from (line for entry in entries for line in _entry_lines(entry))


def _entry_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    if "action" in entry:
        changes = "; ".join(f"{name} {_shown(old, new)}" for name, (old, new) in entry["changes"].items())
        yield f"  {entry['at']} {entry['action']} by {entry['actor']}{f': {changes}' if changes else ''}"
        return
    yield f"  {entry['at']} {entry['event']} {entry['product']}: {entry['state']}"
    for attempt in entry["attempts"]:
        outcome = attempt["outcome"] or "broken off, or under way"
        yield f"    attempt {attempt['attempt']} at {attempt['begun']}: {outcome}"


def _shown(*values: Any) -> str:
    """A value before and after; the one that is none is left out."""
    texts = [",".join(value) if isinstance(value, list) else str(value) for value in values if value is not None]
    return " -> ".join(texts)


def _as_row(row: sa.Row[Any], dead: int) -> dict[str, Any]:
    return {
        "subscription": row.uuid,
        "type": row.type,
        "status": row.status,
        "owner": row.owner,
        "events": row.events,
        "queued": row.queued,
        "dead": dead,
        "dropped": row.dropped,
        "submitted": format_iso(row.submitted_at),
        "last_told": None if row.last_notified_at is None else format_iso(row.last_notified_at),
        "endpoint": row.endpoint,
        "filter": row.filter,
    }


def _dead(connection: sa.Connection, subscriptions: Sequence[int]) -> dict[int, int]:
    """How many notifications of subscriptions were given up."""
    c = t.notification.c
    query = (
        sa.select(c.subscription_id, sa.func.count())
        .where(c.subscription_id.in_(subscriptions), c.state == NotificationState.DEAD)
        .group_by(c.subscription_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _actions(connection: sa.Connection, uuid: str, last: int) -> list[dict[str, Any]]:
    c = t.subscription_action.c
    query = sa.select(c.at, c.actor, c.action, c.changes).where(c.subscription == uuid)
    rows = connection.execute(query.order_by(c.id.desc()).limit(last))
    return [{**row._asdict(), "at": format_iso(row.at), "changes": row.changes or {}} for row in rows]


def _notifications(connection: sa.Connection, subscription: int, last: int) -> list[dict[str, Any]]:
    n, news = t.notification.c, t.product_news.c
    query = (
        sa.select(n.id, n.state, n.notice_id, n.ended_at, news.at, news.event, news.product_name)
        .join(t.product_news, news.id == n.news_id)
        .where(n.subscription_id == subscription)
    )
    return [
        {
            "ack_id": str(row.id),
            "event": row.event,
            "product": row.product_name,
            "at": format_iso(row.at),
            "state": row.state,
            "ended": None if row.ended_at is None else format_iso(row.ended_at),
            "notice": row.notice_id,
            "attempts": [] if row.notice_id is None else _attempts(connection, row.notice_id),
        }
        for row in connection.execute(query.order_by(n.news_id.desc()).limit(last)).all()
    ]


def _attempts(connection: sa.Connection, notice: int) -> list[dict[str, Any]]:
    return [
        {
            "attempt": attempt.number,
            "begun": format_iso(attempt.begun),
            "ended": None if attempt.ended is None else format_iso(attempt.ended),
            "outcome": attempt.outcome,
        }
        for attempt in notices.attempts_at(connection, notice)
    ]
