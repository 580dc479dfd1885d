"""How a wish goes: its orders with what became of them, the products of its type, and the notices that tell of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus import notices
from s1pdgs.bus.notices import Notice
from s1pdgs.catalogue import tables as catalogue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.model.time import format_iso
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.types import table_type


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


def newest(connection: sa.Connection, limit: int) -> list[WishStatus]:
    """The wishes placed last, newest first."""
    rows = connection.execute(sa.select(t.wish).order_by(t.wish.c.id.desc()).limit(limit)).all()
    return [status_of(connection, row) for row in rows]


def status(connection: sa.Connection, number: int) -> WishStatus:
    """How a wish goes; `UnknownWish`."""
    return status_of(connection, row_of(connection, number))


def of_order(connection: sa.Connection, order: int) -> list[int]:
    """The wishes that an order belongs to."""
    query = sa.select(t.wish_order.c.wish_id).where(t.wish_order.c.order_id == order)
    return list(connection.scalars(query.order_by(t.wish_order.c.wish_id)))


def subject_of(number: int) -> str:
    """What notices of a wish are about."""
    return f"wish-{number}"


def row_of(connection: sa.Connection, number: int) -> sa.Row[Any]:
    """The row of a wish; `UnknownWish`."""
    row = connection.execute(sa.select(t.wish).where(t.wish.c.id == number)).first()
    if row is None:
        raise UnknownWish(f"there is no wish {number}")
    return row


def status_of(connection: sa.Connection, row: sa.Row[Any]) -> WishStatus:
    """How the wish of a row goes."""
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


def outcome_of(row: sa.Row[Any], parts: Sequence[Part]) -> Outcome:
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
