"""From the news of the catalogue to the queues of subscriptions: each event once for each, in the order of the news."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.bus.events import AnyEvent, ProductEvicted, ProductPublished, ProductRestored
from s1pdgs.bus.outbox import Subscriber, number_of_event
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.model.time import Clock
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.entity import CONTEXT, entity
from s1pdgs.publication.odata.expand import ALL
from s1pdgs.publication.odata.options import Options
from s1pdgs.publication.search import Published, find_name
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.asked import holds
from s1pdgs.publication.subscriptions.model import (
    ACTIVE,
    Happening,
    Limits,
    NotificationState,
    Status,
    SubscriptionError,
    Type,
)
from s1pdgs.publication.tables import publication

SUBSCRIBER = "subscriptions"
NEWS = frozenset(kind.__name__ for kind in (ProductPublished, ProductRestored, ProductEvicted))
_WHOLE = Options(given={}, expand={"Attributes": ALL})
_SAME = ("sliceNumber", "polarisationChannels", "swathIdentifier", "campaign")


def subscriber(clock: Clock, limits: Limits) -> Subscriber:
    """The consumer that tells subscriptions what happened to published products."""

    def handle(connection: sa.Connection, event: AnyEvent) -> None:
        assert isinstance(event, ProductPublished | ProductRestored | ProductEvicted)  # noqa: S101  those of `NEWS`
        wanting = _active(connection, number_of_event(connection))
        found = find_name(connection, event.product) if wanting else None
        if found is None:
            return
        happening = _happening(connection, event, found)
        wanting = [row for row in wanting if happening in row.events]
        matching = _matching(connection, found, wanting, clock.now())
        if matching:
            _tell(connection, limits, matching, (happening, found), clock.now())

    return Subscriber(SUBSCRIBER, NEWS, handle)


def _active(connection: sa.Connection, event: int) -> Sequence[Any]:
    """The subscriptions that were there before an event and may want it; paused ones collect."""
    c = t.subscription.c
    columns = (c.id, c.uuid, c.type, c.status, c.filter, c.events, c.queued)
    query = sa.select(*columns).where(c.status.in_(ACTIVE), c.since_event < event)
    return connection.execute(query.order_by(c.id)).all()


def _happening(connection: sa.Connection, event: AnyEvent, found: Published) -> Happening:
    match event:
        case ProductEvicted():
            return Happening.DELETED
        case ProductRestored():
            return Happening.MODIFIED
        case _:
            return Happening.MODIFIED if _is_newer_version(connection, found) else Happening.CREATED


def _is_newer_version(connection: sa.Connection, found: Published) -> bool:
    """Whether an older product of the same piece of a data take was published before: same type, slice and
    polarisations, and most of its time.
    """
    c = product_table.c
    this = sa.select(c.datatake).where(c.id == found.id).scalar_subquery()
    query = (
        sa.select(c.start, c.stop, c.attributes)
        .join(publication, publication.c.product_id == c.id)
        .where(
            c.datatake == this,
            c.type == found.type,
            c.satellite == found.satellite,
            c.id != found.id,
            c.start < found.stop,
            c.stop > found.start,
            publication.c.published_at <= found.published_at,
        )
    )
    piece = [found.attributes.get(name) for name in _SAME]
    half = (found.stop - found.start) / 2
    return any(
        [row.attributes.get(name) for name in _SAME] == piece
        and min(row.stop, found.stop) - max(row.start, found.start) > half
        for row in connection.execute(query)
    )


def _matching(
    connection: sa.Connection, found: Published, rows: Sequence[sa.Row[Any]], now: datetime
) -> list[sa.Row[Any]]:
    """The subscriptions whose filter holds for a product. One that cannot be asked holds up no other: it is paused."""
    try:
        with connection.begin_nested():
            answers = {text: holds(connection, found.uuid, text) for text in dict.fromkeys(row.filter for row in rows)}
            return [row for row in rows if answers[row.filter]]
    except (SubscriptionError, QueryError, sa.exc.DBAPIError) as error:
        if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
            raise
    return [row for row in rows if _holds_or_is_paused(connection, found, row, now)]


def _holds_or_is_paused(connection: sa.Connection, found: Published, row: sa.Row[Any], now: datetime) -> bool:
    try:
        with connection.begin_nested():
            return holds(connection, found.uuid, row.filter)
    except (SubscriptionError, QueryError, sa.exc.DBAPIError) as error:
        why = f"FilterParam cannot be asked: {getattr(error, 'orig', None) or error}"
    if row.status == Status.RUNNING:
        paused = t.subscription.update().where(t.subscription.c.id == row.id)
        connection.execute(paused.values(status=Status.PAUSED, reason=why))
        told = {"subscription": row.uuid, "at": now, "actor": "the service", "action": "pause"}
        connection.execute(t.subscription_action.insert().values(**told, changes={"reason": [None, why]}))
    return False


def _tell(
    connection: sa.Connection,
    limits: Limits,
    rows: Sequence[sa.Row[Any]],
    news: tuple[Happening, Published],
    now: datetime,
) -> None:
    """Put news into queues; one that is full loses its oldest, and counts the loss."""
    happening, found = news
    added = connection.execute(
        t.product_news.insert().values(
            event_id=number_of_event(connection),
            event=happening,
            product_uuid=found.uuid,
            product_name=found.archive_name,
            at=now,
            value={"@odata.context": f"{CONTEXT}/$entity", **entity(found, _WHOLE)},
        )
    )
    (number,) = added.inserted_primary_key or (None,)
    queued = [{"subscription_id": row.id, "news_id": number, "state": NotificationState.QUEUED} for row in rows]
    connection.execute(t.notification.insert(), queued)
    pulled = [row.id for row in rows if row.type == Type.PULL]
    c = t.subscription.c
    grown = t.subscription.update().where(c.id.in_([row.id for row in rows]))
    connection.execute(grown.values(queued=c.queued + 1))
    connection.execute(t.subscription.update().where(c.id.in_(pulled)).values(last_notified_at=now))
    for row in rows:
        if row.queued >= limits.queue_length:
            _drop_oldest(connection, row.id, now)


def _drop_oldest(connection: sa.Connection, subscription: int, now: datetime) -> None:
    """Drop the oldest notification of a queue that no notice carries."""
    c = t.notification.c
    waiting = sa.select(c.id).where(
        c.subscription_id == subscription, c.state == NotificationState.QUEUED, c.notice_id.is_(None)
    )
    oldest = connection.scalar(waiting.order_by(c.id).limit(1))
    if oldest is not None:
        gone = t.notification.update().where(c.id == oldest)
        connection.execute(gone.values(state=NotificationState.DROPPED, ended_at=now))
        shrunk = t.subscription.update().where(t.subscription.c.id == subscription)
        counts = {"queued": t.subscription.c.queued - 1, "dropped": t.subscription.c.dropped + 1}
        connection.execute(shrunk.values(**counts))
