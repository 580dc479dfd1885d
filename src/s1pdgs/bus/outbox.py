"""The transactional outbox: events commit with their facts, are delivered at least once and take effect once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import AnyEvent, from_payload, to_payload, type_name
from s1pdgs.bus.tables import caught_up, seen
from s1pdgs.bus.tables import event as event_table
from s1pdgs.model.time import Clock
from s1pdgs.storage.bell import announce
from s1pdgs.storage.database import Database

Handler = Callable[[sa.Connection, AnyEvent], None]
_LONGEST_TRANSACTION = timedelta(hours=1)
_EMIT = event_table.insert()
_WORTH_NOTING = 1000
_TOGETHER = 16
_NUMBER = "s1pdgs event"


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
    """Where rooms put their news. The bell of the database rings when it is committed."""

    clock: Clock

    def emit(self, connection: sa.Connection, event: AnyEvent) -> None:
        """Add an event to the caller's transaction."""
        row = {"type": type_name(event), "key": event.key, "payload": to_payload(event), "emitted_at": self.clock.now()}
        connection.execute(_EMIT, row)
        announce(connection)


def deliver(database: Database, subscriber: Subscriber, limit: int = 100) -> int:
    """Hand a subscriber the oldest events that it has not seen, in order; the number delivered.

    Some take effect in one transaction, because the disk is waited for once in each. A handler that raises leaves its
    event undelivered and ends the round: the events before it take effect alone, and the error reaches the caller.
    """
    with database.read() as connection:
        found = connection.execute(_oldest_unseen(subscriber.name, subscriber.types), {"most": limit}).all()
        if not found:
            return 0
        seen_until = _seen_until(connection, subscriber.name, found[-1].id if len(found) == limit else None)
    for begin in range(0, len(found), _TOGETHER):
        together = found[begin : begin + _TOGETHER]
        try:
            _hand_over(database, subscriber, together)
        except Exception:
            if len(together) == 1:
                raise
            for row in together:
                _hand_over(database, subscriber, [row])
    if seen_until is not None:
        with database.write() as connection:
            _catch_up(connection, subscriber.name, seen_until)
    return len(found)


def _hand_over(database: Database, subscriber: Subscriber, rows: Sequence[sa.Row[Any]]) -> None:
    """Let events take effect in one transaction, except those that another relay of the consumer handed over."""
    with database.write() as connection:
        mark = _mark_seen(connection.dialect.name)
        for row in rows:
            if connection.execute(mark, {"consumer": subscriber.name, "event_id": row.id}).rowcount == 1:
                connection.info[_NUMBER] = row.id
                subscriber.handle(connection, from_payload(row.type, row.payload))


def number_of_event(connection: sa.Connection) -> int:
    """The number of the event that the handler on this connection was given."""
    number: int = connection.info[_NUMBER]
    return number


def unseen(consumer: str, types: Iterable[str]) -> sa.Select[tuple[int, str, dict[str, Any]]]:
    """The events of some types that a consumer has not seen, oldest first."""
    by_this = sa.and_(seen.c.event_id == event_table.c.id, seen.c.consumer == consumer)
    known = sa.select(caught_up.c.event_id).where(caught_up.c.consumer == consumer).scalar_subquery()
    return (
        sa.select(event_table.c.id, event_table.c.type, event_table.c.payload)
        .select_from(event_table.outerjoin(seen, by_this))
        .where(
            event_table.c.id > sa.func.coalesce(known, 0),
            event_table.c.type.in_(sorted(types)),
            seen.c.event_id.is_(None),
        )
        .order_by(event_table.c.id)
    )


@cache
def _oldest_unseen(consumer: str, types: frozenset[str]) -> sa.Select[tuple[int, str, dict[str, Any]]]:
    """The first `most` of them; said several times a second, so it is built once."""
    return unseen(consumer, types).limit(sa.bindparam("most", type_=sa.Integer))


def _seen_until(connection: sa.Connection, consumer: str, last: int | None) -> int | None:
    """Up to where a consumer has seen all when it has seen all that is there up to `last` (None: to the end); None when
    that is hardly further than what is noted.

    Numbers of events are given before their transactions commit, so one may yet appear among those of the last hour.
    """
    event, noted = event_table.c, sa.select(caught_up.c.event_id).where(caught_up.c.consumer == consumer)
    newest = connection.execute(sa.select(event.id, event.emitted_at).order_by(event.id.desc()).limit(1)).first()
    if newest is None or min(newest.id, last or newest.id) < (connection.scalar(noted) or 0) + _WORTH_NOTING:
        return None
    settled = sa.select(event.id).where(event.emitted_at <= newest.emitted_at - _LONGEST_TRANSACTION)
    if last is not None:
        settled = settled.where(event.id <= last)
    return connection.scalar(settled.order_by(event.id.desc()).limit(1))


def _catch_up(connection: sa.Connection, consumer: str, event_id: int) -> None:
    insert = _insert(connection.dialect.name, caught_up).values(consumer=consumer, event_id=event_id)
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["consumer"], set_={"event_id": event_id}, where=caught_up.c.event_id < event_id
        )
    )


@cache
def _mark_seen(dialect: str) -> Any:
    return _insert(dialect, seen).on_conflict_do_nothing()


def _insert(dialect: str, table: sa.Table) -> Any:
    """An insert that can tell what to do when the row is there."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415
    return insert(table)
