"""The queues of subscriptions: read and acknowledged by users of pull, handed to the courier one by one for push."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus import notices
from s1pdgs.bus import tables as bus
from s1pdgs.bus.notices import NoticeState
from s1pdgs.model.time import Clock, format_iso
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import (
    ACTIVE,
    NotificationState,
    NotNow,
    Status,
    SubscriptionError,
    Type,
    UnknownSubscription,
    row_of,
    subject_of,
)
from s1pdgs.publication.subscriptions.staging import stage
from s1pdgs.storage.database import Database

MOST_READ = 20
NOTHING_ARCHIVED = Terms()
_TOLD = (
    t.notification.c.id,
    t.notification.c.notice_id,
    t.product_news.c.event,
    t.product_news.c.product_uuid,
    t.product_news.c.product_name,
    t.product_news.c.at,
    t.product_news.c.value,
)
_OF_NEWS = t.notification.join(t.product_news, t.product_news.c.id == t.notification.c.news_id)
_QUEUED = t.notification.c.state == NotificationState.QUEUED


@frozen
class Acknowledged:
    """How many notifications an acknowledgement took out of a queue, and how many are left."""

    taken: int
    left: int


def read(connection: sa.Connection, uuid: str, top: int) -> list[dict[str, Any]]:
    """The oldest notifications of a pull subscription as JSON; reading takes none. Raises as `acknowledge`."""
    row = _pulled(connection, uuid)
    query = sa.select(*_TOLD).select_from(_OF_NEWS).where(t.notification.c.subscription_id == row.id, _QUEUED)
    found = connection.execute(query.order_by(t.notification.c.id).limit(top)).all()
    return [_body(row.uuid, notification) for notification in found]


def acknowledge(connection: sa.Connection, uuid: str, ack_id: str, now: datetime) -> Acknowledged:
    """Take a notification and all older ones out of a pull queue; again it takes none.

    Raises `UnknownSubscription`, also for an identifier that was none of this queue, `SubscriptionError` for a push
    subscription, `NotNow` for a cancelled one.
    """
    row = _pulled(connection, uuid)
    c = t.notification.c
    number = int(ack_id) if ack_id.isascii() and ack_id.isdigit() and len(ack_id) < 19 else -1
    known = connection.scalar(sa.select(c.id).where(c.id == number, c.subscription_id == row.id))
    if known is None:
        raise UnknownSubscription(f"no notification of subscription {row.uuid} has the AckId {ack_id[:60]!r}")
    taken = t.notification.update().where(c.subscription_id == row.id, _QUEUED, c.id <= number)
    count = connection.execute(taken.values(state=NotificationState.TOLD, ended_at=now)).rowcount
    if count:
        shrunk = t.subscription.update().where(t.subscription.c.id == row.id)
        connection.execute(shrunk.values(queued=t.subscription.c.queued - count))
    return Acknowledged(count, row.queued - count)


def push_step(database: Database, clock: Clock, terms: Terms = NOTHING_ARCHIVED) -> bool:
    """Settle what became of notices, and hand the courier the next notification of each push subscription that runs;
    False when there is nothing to do. What it offers and went offline is ordered by `terms`.

    A subscription has one notice at a time, so its endpoint is told in the order of the news: a notification that is
    given up makes room for the next.
    """
    with database.read() as connection:
        if not connection.execute(heads().limit(1)).first():
            return False
    with database.write() as connection:
        for head in connection.execute(heads()).all():
            if head.notice_id is None or _settle(connection, head, clock.now()):
                _hand_over(connection, head, terms, clock.now())
    return True


def heads() -> sa.Select[Any]:
    """The oldest queued notification of each push subscription that can go on: with the notice that carries it when
    that has ended, without one when the subscription runs.
    """
    s, n = t.subscription.c, t.notification.c
    first = sa.select(sa.func.min(n.id)).where(n.subscription_id == s.id, _QUEUED).correlate(t.subscription)
    ended = sa.func.coalesce(bus.notice.c.state, NoticeState.SENT.value)
    return (
        sa.select(s.id.label("subscription"), s.uuid, s.status, s.endpoint, s.login_id, n.id, n.notice_id,
                  ended.label("became"), bus.notice.c.sent_at)
        .select_from(
            t.subscription.join(t.notification, n.id == first.scalar_subquery())
            .outerjoin(bus.notice, bus.notice.c.id == n.notice_id)
        )
        .where(
            s.type == Type.PUSH,
            s.status.in_(ACTIVE),
            s.queued > 0,
            sa.or_(
                sa.and_(n.notice_id.is_(None), s.status == Status.RUNNING),
                sa.and_(n.notice_id.is_not(None), ended != NoticeState.PENDING),
            ),
        )
        .order_by(s.priority.desc(), s.id)
    )  # fmt: skip


def _settle(connection: sa.Connection, head: sa.Row[Any], now: datetime) -> bool:
    """Take the notification whose notice has ended out of the queue; whether the next may go."""
    is_told = head.became == NoticeState.SENT
    state = NotificationState.TOLD if is_told else NotificationState.DEAD
    this = t.notification.update().where(t.notification.c.id == head.id)
    connection.execute(this.values(state=state, ended_at=now))
    values: dict[str, Any] = {"queued": t.subscription.c.queued - 1}
    if is_told:
        values["last_notified_at"] = head.sent_at or now
    connection.execute(t.subscription.update().where(t.subscription.c.id == head.subscription).values(**values))
    return bool(head.status == Status.RUNNING)


def _hand_over(connection: sa.Connection, head: sa.Row[Any], terms: Terms, now: datetime) -> None:
    """Let a notice carry the oldest notification of a subscription, if there is one that none carries."""
    own = sa.select(*_TOLD).select_from(_OF_NEWS).where(t.notification.c.subscription_id == head.subscription, _QUEUED)
    row = connection.execute(own.order_by(t.notification.c.id).limit(1)).first()
    if row is None or row.notice_id is not None:
        return
    subject, body = subject_of(head.uuid), _body(head.uuid, row)
    notice = notices.post(connection, subject, head.endpoint, body, now, login=head.login_id, bare=True)
    carried = t.notification.update().where(t.notification.c.id == row.id)
    connection.execute(carried.values(notice_id=notice))
    stage(connection, terms, [row.id], now)


def _pulled(connection: sa.Connection, uuid: str) -> sa.Row[Any]:
    row = row_of(connection, uuid)
    if row.type != Type.PULL:
        raise SubscriptionError(
            f"subscription {row.uuid} is a push subscription: its endpoint is told, nothing is read"
        )
    if row.status == Status.CANCELLED:
        raise NotNow(f"subscription {row.uuid} was cancelled; its queue is gone")
    return row


def _body(uuid: str, row: Any) -> dict[str, Any]:
    """A notification as peers.md section 3.3 shows it; without the value when that is long ago."""
    told = {
        "SubscriptionEvent": row.event,
        "ProductId": row.product_uuid,
        "ProductName": row.product_name,
        "SubscriptionId": uuid,
        "NotificationDate": format_iso(row.at),
        "AckId": str(row.id),
    }
    return told if row.value is None else {**told, "value": row.value}
