"""The transactional outbox: events commit with their facts, are delivered at least once and take effect once."""

from collections.abc import Callable, Sequence
from threading import Event as Signal
from typing import Any

import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.bus.events import AnyEvent, from_payload, to_payload, type_name
from s1pdgs.bus.tables import event as event_table
from s1pdgs.bus.tables import seen
from s1pdgs.model.time import Clock
from s1pdgs.storage.database import Database

Handler = Callable[[sa.Connection, AnyEvent], None]


@frozen
class Subscriber:
    """A consumer of news: its stable name, the event types it wants, and its handler.

    The handler runs inside the transaction that records the event as seen by this consumer: all its effects commit
    with that record or not at all, so it must do its work through the given connection only.
    """

    name: str
    types: frozenset[str]
    handle: Handler


@frozen
class Outbox:
    """Where rooms put their news. `wake` is set after each emit so that relays in this process look at once."""

    clock: Clock
    wake: Signal = field(factory=Signal)

    def emit(self, connection: sa.Connection, event: AnyEvent) -> None:
        """Add an event to the caller's transaction."""
        connection.execute(
            event_table.insert().values(
                type=type_name(event), key=event.key, payload=to_payload(event), emitted_at=self.clock.now()
            )
        )
        self.wake.set()


def deliver(database: Database, subscriber: Subscriber, limit: int = 100) -> int:
    """Hand a subscriber the oldest events that it has not seen, in order; the number delivered.

    A handler that raises leaves its event undelivered and ends the round: the error reaches the caller.
    """
    with database.read() as connection:
        unseen = _unseen(connection, subscriber, limit)
    for row in unseen:
        with database.write() as connection:
            taken = connection.execute(_mark_seen(connection, subscriber.name, row.id))
            if taken.rowcount == 1:
                subscriber.handle(connection, from_payload(row.type, row.payload))
    return len(unseen)


def _unseen(connection: sa.Connection, subscriber: Subscriber, limit: int) -> Sequence[sa.Row[Any, Any, Any]]:
    by_this = sa.and_(seen.c.event_id == event_table.c.id, seen.c.consumer == subscriber.name)
    query = (
        sa.select(event_table.c.id, event_table.c.type, event_table.c.payload)
        .select_from(event_table.outerjoin(seen, by_this))
        .where(event_table.c.type.in_(sorted(subscriber.types)), seen.c.event_id.is_(None))
        .order_by(event_table.c.id)
        .limit(limit)
    )
    return connection.execute(query).all()


def _mark_seen(connection: sa.Connection, consumer: str, event_id: int) -> sa.Insert:
    """Insert unless another relay of the same consumer was quicker: the row count tells."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415
    return insert(seen).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
