"""A wish with an identity: it is placed, tells how its orders go and what they made, and may be cancelled.

A wish groups the orders that were placed for it and all that these cause on the way to its type. It ends when all of
them have ended (a parked job counts as failed) and no news is under way that could cause more; then its URL is told.
Functions work in the caller's transaction.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus import notices
from s1pdgs.bus import tables as bus
from s1pdgs.bus.notices import Courier, Notice, NoticeError
from s1pdgs.catalogue import tables as catalogue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.model.time import format_iso
from s1pdgs.triggers import deadlines, orders
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.deadlines import due_of
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.order_rows import end
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.types import table_type
from s1pdgs.triggers.wanted import Action, Step, carry_out, plan
from s1pdgs.triggers.wanted_asked import Asked, sources
from s1pdgs.triggers.wanted_sources import WantedError
from s1pdgs.triggers.wishes import OPEN, link

logger = logging.getLogger(__name__)

_AT_ONCE = 50


class UnknownWish(LookupError):  # noqa: N818
    """There is no wish of this number."""


class Outcome(StrEnum):
    """How an order went for a wish, and the wish by the worst of its orders."""

    OPEN = "open"
    DONE = "done"
    LATE = "late"
    EXPIRED = "expired"
    FAILED = "failed"
    CANCELLED = "cancelled"


_WORST_FIRST = (Outcome.FAILED, Outcome.EXPIRED, Outcome.LATE, Outcome.DONE)


@frozen
class Placed:
    """What was done for a wish: its number (None in a dry run) and the steps, with the orders that were placed."""

    wish: int | None
    steps: tuple[Step, ...]
    orders: Mapping[Step, int]


@frozen
class Part:
    """An order of a wish; `products` are those of the wanted type that it made."""

    order: int
    chain: str
    unit: str
    outcome: Outcome
    told: str
    products: tuple[str, ...]


@frozen
class WishStatus:
    """A wish as people see it; `held` are products of the wanted type that existed when it was placed."""

    number: int
    type: str
    asked: Mapping[str, Any]
    created: datetime
    deadline: datetime | None
    at_deadline: str
    outcome: Outcome
    ended: datetime | None
    held: tuple[str, ...]
    parts: tuple[Part, ...]
    notices: tuple[Notice, ...]

    @property
    def products(self) -> list[str]:
        """All products of the wanted type."""
        return list(dict.fromkeys([*self.held, *(name for part in self.parts for name in part.products)]))

    def is_late(self, now: datetime) -> bool:
        """True when it was not done by its deadline."""
        passed = self.deadline is not None and self.deadline < (self.ended or now)
        return passed and self.outcome in (Outcome.OPEN, Outcome.LATE)


def place(
    planner: Planner, connection: sa.Connection, asked: Asked, courier: Courier, *, dry_run: bool = False
) -> Placed:
    """Plan a wish and, unless it is a dry run, give it a number and place its orders. Raises `WantedError`."""
    now = planner.outbox.clock.now()
    if asked.deadline is not None and asked.deadline <= now:
        raise WantedError(f"deadline {clock_time(asked.deadline)} has passed already")
    if asked.notify is not None:
        try:
            notices.check_url(courier, asked.notify)
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


def newest(connection: sa.Connection, limit: int) -> list[WishStatus]:
    """The wishes placed last, newest first."""
    rows = connection.execute(sa.select(t.wish).order_by(t.wish.c.id.desc()).limit(limit)).all()
    return [_status(connection, row) for row in rows]


def status(connection: sa.Connection, number: int) -> WishStatus:
    """How a wish goes; `UnknownWish`."""
    return _status(connection, _row(connection, number))


def of_order(connection: sa.Connection, order: int) -> list[int]:
    """The wishes that an order belongs to."""
    query = sa.select(t.wish_order.c.wish_id).where(t.wish_order.c.order_id == order)
    return list(connection.scalars(query.order_by(t.wish_order.c.wish_id)))


def cancel(planner: Planner, connection: sa.Connection, number: int) -> bool:
    """Give a wish up with the orders that nobody else wants and data did not cause; False when it has ended."""
    row = _row(connection, number)
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
    return notices.send_again(connection, subject_of(_row(connection, number).id), now) > 0


def subject_of(number: int) -> str:
    """What notices of a wish are about."""
    return f"wish-{number}"


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
            _close(connection, row, _outcome(row, _parts(connection, row)), now)
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
    told = _status(connection, row)
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
    by_us = sa.and_(bus.seen.c.event_id == bus.event.c.id, bus.seen.c.consumer == orders.SUBSCRIBER)
    unseen = (
        sa.select(bus.event.c.id)
        .select_from(bus.event.outerjoin(bus.seen, by_us))
        .where(bus.event.c.type.in_(sorted(orders.NEWS)), bus.seen.c.event_id.is_(None), bus.event.c.id <= last)
    )
    return connection.scalar(unseen.limit(1)) is None


def _close(connection: sa.Connection, row: sa.Row[Any], outcome: Outcome, now: datetime) -> None:
    state = "cancelled" if outcome is Outcome.CANCELLED else "ended"
    values = {"state": state, "outcome": outcome, "ended_at": now}
    connection.execute(t.wish.update().where(t.wish.c.id == row.id).values(**values))
    if row.notify is not None:
        told = _status(connection, _row(connection, row.id))
        notices.post(connection, subject_of(row.id), row.notify, {"event": "ended", **to_json(told)}, now)


def _row(connection: sa.Connection, number: int) -> sa.Row[Any]:
    row = connection.execute(sa.select(t.wish).where(t.wish.c.id == number)).first()
    if row is None:
        raise UnknownWish(f"there is no wish {number}")
    return row


def _open_wishes(connection: sa.Connection, order: int) -> list[int]:
    query = (
        sa.select(t.wish.c.id)
        .join(t.wish_order, t.wish_order.c.wish_id == t.wish.c.id)
        .where(t.wish_order.c.order_id == order, t.wish.c.state == OPEN)
    )
    return list(connection.scalars(query))


def _status(connection: sa.Connection, row: sa.Row[Any]) -> WishStatus:
    return WishStatus(
        number=row.id,
        type=row.type,
        asked=row.asked,
        created=row.created_at,
        deadline=row.deadline,
        at_deadline=row.at_deadline,
        outcome=Outcome(row.outcome or Outcome.OPEN),
        ended=row.ended_at,
        held=tuple(row.held),
        parts=tuple(_parts(connection, row)),
        notices=tuple(notices.notices_of(connection, subject_of(row.id))),
    )


def _outcome(row: sa.Row[Any], parts: Sequence[Part]) -> Outcome:
    """How a wish went whose orders have ended: the worst of them; one that came to nothing has failed."""
    outcomes = {part.outcome for part in parts}
    worst = next((outcome for outcome in _WORST_FIRST if outcome in outcomes), Outcome.DONE)
    is_empty = not row.held and not any(part.products for part in parts)
    return Outcome.FAILED if is_empty and worst in (Outcome.DONE, Outcome.LATE) else worst


def _parts(connection: sa.Connection, row: sa.Row[Any]) -> list[Part]:
    of_round = sa.and_(jobs.job.c.order_id == t.order.c.id, jobs.job.c.round == t.order.c.round)
    query = (
        sa.select(
            t.order.c.id,
            t.order.c.chain,
            t.order.c.unit,
            t.order.c.state,
            t.order.c.reason,
            t.order.c.late,
            t.wish_order.c.round,
            jobs.job.c.id.label("job"),
            jobs.job.c.state.label("job_state"),
            jobs.job.c.reason.label("job_reason"),
            jobs.job.c.finished_at,
        )
        .select_from(t.wish_order.join(t.order, t.order.c.id == t.wish_order.c.order_id).outerjoin(jobs.job, of_round))
        .where(t.wish_order.c.wish_id == row.id)
        .order_by(t.order.c.id)
    )
    return [
        Part(
            order=each.id,
            chain=each.chain,
            unit=each.unit,
            outcome=_outcome_of(each, row.deadline),
            told=_told(each),
            products=_made(connection, each.id, each.round, row.type),
        )
        for each in connection.execute(query).all()
    ]


def _outcome_of(order: Any, deadline: datetime | None) -> Outcome:
    if order.state == OrderState.WAITING or order.late:
        return Outcome.OPEN
    if order.state == OrderState.PLANNED:
        return Outcome.FAILED if order.job_state == JobState.PARKED else Outcome.OPEN
    if order.state == OrderState.DONE:
        is_late = deadline is not None and order.finished_at is not None and order.finished_at > deadline
        return Outcome.LATE if is_late else Outcome.DONE
    return Outcome.EXPIRED if order.state == OrderState.EXPIRED else Outcome.FAILED


def _told(order: Any) -> str:
    if order.state == OrderState.PLANNED:
        return f"job {order.job} is {order.job_state}" + (f": {order.job_reason}" if order.job_reason else "")
    return f"{order.state}: {order.reason}" if order.reason else str(order.state)


def _made(connection: sa.Connection, order: int, since_round: int, kind: str) -> tuple[str, ...]:
    """Products of a type that an order made, from a round on."""
    query = (
        sa.select(catalogue.product.c.name, catalogue.product.c.type)
        .join(jobs.job_output, jobs.job_output.c.product == catalogue.product.c.name)
        .join(jobs.job, jobs.job.c.id == jobs.job_output.c.job_id)
        .where(jobs.job.c.order_id == order, jobs.job.c.round >= since_round)
        .order_by(catalogue.product.c.name)
        .distinct()
    )
    return tuple(row.name for row in connection.execute(query) if kind in (row.type, table_type(row.type)))


def to_json(told: WishStatus) -> dict[str, Any]:
    """A wish as JSON values."""
    counted = {str(outcome): sum(part.outcome is outcome for part in told.parts) for outcome in Outcome}
    return {
        "wish": told.number,
        "type": told.type,
        "asked": dict(told.asked),
        "created": format_iso(told.created),
        "deadline": None if told.deadline is None else format_iso(told.deadline),
        "at_deadline": told.at_deadline,
        "outcome": str(told.outcome),
        "ended": None if told.ended is None else format_iso(told.ended),
        "orders": {name: count for name, count in counted.items() if count},
        "products": told.products,
        "parts": [
            {
                "order": part.order,
                "chain": part.chain,
                "unit": part.unit,
                "outcome": str(part.outcome),
                "note": part.told,
                "products": list(part.products),
            }
            for part in told.parts
        ],
        "notices": [str(notice) for notice in told.notices],
    }
