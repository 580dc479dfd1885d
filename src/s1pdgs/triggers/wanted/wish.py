"""A wish with an identity: it is placed, tells how its orders go and what they made, and may be cancelled.

A wish groups the orders that were placed for it and all that these cause on the way to its type. It ends when all of
them have ended (a parked job counts as failed) and no news is under way that could cause more; then its URL is told.
Functions work in the caller's transaction.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus import notices
from s1pdgs.bus import tables as bus
from s1pdgs.bus.courier import Courier, NoticeError, check_url
from s1pdgs.bus.outbox import unseen
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.triggers import orders
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.order_rows import end
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.wanted import deadlines
from s1pdgs.triggers.wanted.asked import Asked, sources
from s1pdgs.triggers.wanted.deadlines import due_of
from s1pdgs.triggers.wanted.inheritance import OPEN, link
from s1pdgs.triggers.wanted.sources import WantedError
from s1pdgs.triggers.wanted.status import Outcome, outcome_of, row_of, status_of, subject_of, to_json
from s1pdgs.triggers.wanted.way import Action, Step, carry_out, plan

logger = logging.getLogger(__name__)

_AT_ONCE = 50


@frozen
class Placed:
    """What was done for a wish: its number (None in a dry run) and the steps, with the orders that were placed."""

    wish: int | None
    steps: tuple[Step, ...]
    orders: Mapping[Step, int]


def place(
    planner: Planner, connection: sa.Connection, asked: Asked, courier: Courier, *, dry_run: bool = False
) -> Placed:
    """Plan a wish and, unless it is a dry run, give it a number and place its orders. Raises `WantedError`."""
    now = planner.outbox.clock.now()
    if asked.deadline is not None and asked.deadline <= now:
        raise WantedError(f"deadline {clock_time(asked.deadline)} has passed already")
    if asked.notify is not None:
        try:
            check_url(courier, asked.notify)
        except NoticeError as error:
            raise WantedError(f"notify: {error}") from None
    steps = plan(connection, planner.chains, asked.wanted, sources(connection, planner.chains, asked))
    if dry_run:
        return Placed(None, tuple(steps), {})
    number = _insert(connection, asked, steps, now)
    placed = carry_out(planner, connection, asked.wanted, steps, number)
    for step in steps:
        if step.action is Action.ONGOING and step.order is not None:
            row = connection.execute(sa.select(t.order).where(t.order.c.id == step.order)).one()
            link(connection, number, row, step.way, own=False)
    return Placed(number, tuple(steps), placed)


def _insert(connection: sa.Connection, asked: Asked, steps: Sequence[Step], now: datetime) -> int:
    inserted = connection.execute(
        t.wish.insert().values(
            type=asked.type,
            asked=asked.to_json(),
            held=[name for step in steps for name in step.held],
            created_at=now,
            deadline=asked.deadline,
            at_deadline=asked.at_deadline,
            notify=asked.notify,
            state=OPEN,
        )
    )
    number: int = inserted.inserted_primary_key[0]  # type: ignore[index]
    return number


def cancel(planner: Planner, connection: sa.Connection, number: int) -> bool:
    """Give a wish up with the orders that nobody else wants and data did not cause; False when it has ended."""
    row = row_of(connection, number)
    if row.state != OPEN:
        return False
    now = planner.outbox.clock.now()
    own = sa.select(t.wish_order.c.order_id).where(t.wish_order.c.wish_id == number, t.wish_order.c.own)
    for order in connection.scalars(own.order_by(t.wish_order.c.order_id)).all():
        due = due_of(connection, order)
        if due.own and not [other for other in _open_wishes(connection, order) if other != number]:
            orders.drop(connection, order, f"wish {number} was cancelled", now)
    _close(connection, row, Outcome.CANCELLED, now)
    return True


def tell_again(connection: sa.Connection, number: int, now: datetime) -> bool:
    """Send the notices of a wish that were given up once more; False when there is none."""
    return notices.send_again(connection, subject_of(row_of(connection, number).id), now) > 0


def step(planner: Planner, connection: sa.Connection) -> int:
    """Let deadlines take effect and end the wishes whose orders have all ended; how many wishes changed."""
    now = planner.outbox.clock.now()
    late = deadlines.passed(connection, now)
    for row in late:
        _pass(planner, connection, row, now)
    ended = 0
    for row in _all_ended(connection):
        if row.settles_after is None:
            last = connection.scalar(sa.select(sa.func.max(bus.event.c.id))) or 0
            connection.execute(t.wish.update().where(t.wish.c.id == row.id).values(settles_after=last))
        elif _is_settled(connection, row.settles_after):
            _close(connection, row, outcome_of(row, status_of(connection, row).parts), now)
            ended += 1
    return len(late) + ended


def _pass(planner: Planner, connection: sa.Connection, row: sa.Row[Any], now: datetime) -> None:
    """The deadline of a wish takes effect on its orders, once."""
    for order in deadlines.withdraw_late_jobs(connection, row.id, now):
        end(connection, order, OrderState.EXPIRED, f"{due_of(connection, order)} passed before its job began")
    waiting = (
        sa.select(t.order.c.id)
        .join(t.wish_order, t.wish_order.c.order_id == t.order.c.id)
        .where(t.wish_order.c.wish_id == row.id, t.order.c.state == OrderState.WAITING)
    )
    for order in connection.scalars(waiting.order_by(t.order.c.id)).all():
        orders.evaluate(planner, connection, order)
    connection.execute(t.wish.update().where(t.wish.c.id == row.id).values(passed_at=now))
    told = status_of(connection, row)
    if any(part.outcome is Outcome.OPEN for part in told.parts):
        logger.warning("wish %d for %s is late: its deadline was %s", row.id, row.type, clock_time(row.deadline))
        if row.notify is not None:
            notices.post(connection, subject_of(row.id), row.notify, {"event": "late", **to_json(told)}, now)


def _all_ended(connection: sa.Connection) -> list[sa.Row[Any]]:
    """Open wishes none of whose orders is open, some of them."""
    of_round = sa.and_(jobs.job.c.order_id == t.order.c.id, jobs.job.c.round == t.order.c.round)
    is_open = sa.or_(
        t.order.c.state == OrderState.WAITING,
        t.order.c.late,
        sa.and_(t.order.c.state == OrderState.PLANNED, jobs.job.c.state != JobState.PARKED),
    )
    open_order = (
        sa.select(t.order.c.id)
        .select_from(t.wish_order.join(t.order, t.order.c.id == t.wish_order.c.order_id).outerjoin(jobs.job, of_round))
        .where(t.wish_order.c.wish_id == t.wish.c.id, is_open)
    )
    query = sa.select(t.wish).where(t.wish.c.state == OPEN, ~open_order.exists())
    return list(connection.execute(query.order_by(t.wish.c.id).limit(_AT_ONCE)))


def _is_settled(connection: sa.Connection, last: int) -> bool:
    """True when the news up to an event have taken effect on orders."""
    news = unseen(orders.SUBSCRIBER, orders.NEWS).where(bus.event.c.id <= last)
    return connection.execute(news.limit(1)).first() is None


def _close(connection: sa.Connection, row: sa.Row[Any], outcome: Outcome, now: datetime) -> None:
    state = "cancelled" if outcome is Outcome.CANCELLED else "ended"
    values = {"state": state, "outcome": outcome, "ended_at": now}
    connection.execute(t.wish.update().where(t.wish.c.id == row.id).values(**values))
    if row.notify is not None:
        told = status_of(connection, row_of(connection, row.id))
        notices.post(connection, subject_of(row.id), row.notify, {"event": "ended", **to_json(told)}, now)


def _open_wishes(connection: sa.Connection, order: int) -> list[int]:
    query = (
        sa.select(t.wish.c.id)
        .join(t.wish_order, t.wish_order.c.wish_id == t.wish.c.id)
        .where(t.wish_order.c.order_id == order, t.wish.c.state == OPEN)
    )
    return list(connection.scalars(query))
