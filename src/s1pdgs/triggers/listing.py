"""What people see of the orders: those that wait, and how many there are of each state."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import OrderState
from s1pdgs.model.time import format_iso
from s1pdgs.storage.database import Micros
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.wanted.inheritance import OPEN

_LIVE = (OrderState.WAITING, OrderState.PLANNED)


@frozen
class ListedOrder:
    """An order and what it waits for, or why it ended; `due` is the earliest deadline of the open wishes for it."""

    number: int
    chain: str
    unit: str
    trigger: str
    state: str
    timeliness: str
    reason: str | None
    created: datetime
    check_at: datetime | None
    lacks: tuple[str, ...]
    due: datetime | None
    campaign: int


def list_waiting(connection: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """The newest waiting orders as rows of JSON values, under the keys that `jobs.listing.list_jobs` uses for jobs.

    An order has no job number yet.
    """
    return [as_row(order) for order in orders_in(connection, OrderState.WAITING, limit)]


def as_row(order: ListedOrder) -> dict[str, Any]:
    """An order as JSON values."""
    return {
        "number": None,
        "chain": order.chain,
        "unit": order.unit,
        "state": order.state,
        "attempt": 0,
        "timeliness": order.timeliness,
        "note": order.reason,
        "created": format_iso(order.created),
        "duration_s": None,
    }


def order_row(order: ListedOrder) -> dict[str, Any]:
    """An order as JSON values, with its number."""
    return {
        "order": order.number,
        "chain": order.chain,
        "state": order.state,
        "timeliness": order.timeliness,
        "created": format_iso(order.created),
        "check": None if order.check_at is None else format_iso(order.check_at),
        "due": None if order.due is None else format_iso(order.due),
        "unit": order.unit,
        "note": order.reason,
    }


def order_details(connection: sa.Connection, number: int) -> dict[str, Any]:
    """All that is stored of an order, its jobs and what they made, its campaign and wishes, as JSON values."""
    row = connection.execute(sa.select(t.order).where(t.order.c.id == number)).one()
    of_order = sa.select(jobs.job.c.id).where(jobs.job.c.order_id == number)
    made = sa.select(jobs.job_output.c.product).where(jobs.job_output.c.job_id.in_(of_order)).distinct()
    runs = sa.select(jobs.job.c.id, jobs.job.c.round, jobs.job.c.state).where(jobs.job.c.order_id == number)
    return {
        "order": row.id,
        "chain": row.chain,
        "unit": row.unit,
        "trigger": row.trigger,
        "satellite": row.satellite,
        "start": format_iso(row.start),
        "stop": format_iso(row.stop),
        "timeliness": row.timeliness,
        "state": row.state,
        "reason": row.reason,
        "round": row.round,
        "created": format_iso(row.created_at),
        "check": None if row.check_at is None else format_iso(row.check_at),
        "products": row.context.get("products", []),
        "jobs": [
            f"{job.id} ({job.state}, round {job.round})" for job in connection.execute(runs.order_by(jobs.job.c.id))
        ],
        "made": list(connection.scalars(made.order_by(jobs.job_output.c.product))),
        "campaign": connection.scalar(sa.select(t.campaign.c.name).where(t.campaign.c.id == row.campaign)),
        "wishes": list(
            connection.scalars(
                sa.select(t.wish_order.c.wish_id)
                .where(t.wish_order.c.order_id == number)
                .order_by(t.wish_order.c.wish_id)
            )
        ),
    }


def orders_in(connection: sa.Connection, state: str, limit: int) -> list[ListedOrder]:
    """Orders of a state, newest first, with the product types that they still need."""
    return newest_orders(connection, limit, state)


def newest_orders(
    connection: sa.Connection,
    limit: int,
    state: str | None = None,
    *,
    chain: str | None = None,
    campaign: int = 0,
    before: int | None = None,
) -> list[ListedOrder]:
    """Orders of a state and a chain, or of all, newest first, with the product types that they still need.

    They are the systematic ones and those by hand, or those of a campaign; `before` tells the number to go on from.
    """
    query = sa.select(t.order).where(t.order.c.campaign == campaign).order_by(t.order.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(t.order.c.state == state)
    if chain is not None:
        query = query.where(t.order.c.chain == chain)
    if before is not None:
        query = query.where(t.order.c.id < before)
    rows = connection.execute(query).all()
    lacks = _lacks(connection, [row.id for row in rows])
    due = _due(connection, [row.id for row in rows])
    return [
        ListedOrder(
            number=row.id,
            chain=row.chain,
            unit=row.unit,
            trigger=row.trigger,
            state=row.state,
            timeliness=row.timeliness,
            reason=row.reason,
            created=row.created_at,
            check_at=row.check_at,
            lacks=tuple(lacks.get(row.id, ())),
            due=due.get(row.id),
            campaign=row.campaign,
        )
        for row in rows
    ]


def count_orders(connection: sa.Connection) -> dict[str, int]:
    """How many orders are in each state, without those of campaigns; every state is told. Those that have ended are
    counted when they end.
    """
    order = t.order.c
    live = sa.select(order.state, sa.func.count()).where(order.campaign == 0, order.state.in_(_LIVE))
    queries = (live.group_by(order.state), sa.select(t.order_tally))
    counted = {row[0]: row[1] for query in queries for row in connection.execute(query)}
    return {str(state): counted.get(str(state), 0) for state in OrderState}


def _lacks(connection: sa.Connection, orders: list[int]) -> dict[int, list[str]]:
    lacks: dict[int, list[str]] = {}
    need = t.order_need
    for begin in range(0, len(orders), 500):
        query = (
            sa.select(need.c.order_id, need.c.type)
            .where(need.c.order_id.in_(orders[begin : begin + 500]), need.c.mandatory)
            .group_by(need.c.order_id, need.c.type)
            .order_by(need.c.order_id, need.c.type)
        )
        for order, kind in connection.execute(query):
            lacks.setdefault(order, []).append(kind)
    return lacks


def _due(connection: sa.Connection, orders: list[int]) -> dict[int, datetime]:
    """The earliest deadline of the open wishes for some orders."""
    found: dict[int, datetime] = {}
    for begin in range(0, len(orders), 500):
        query = (
            sa.select(t.wish_order.c.order_id, sa.func.min(t.wish.c.deadline, type_=Micros))
            .join(t.wish, t.wish.c.id == t.wish_order.c.wish_id)
            .where(t.wish_order.c.order_id.in_(orders[begin : begin + 500]))
            .where(t.wish.c.state == OPEN, t.wish.c.deadline.is_not(None))
            .group_by(t.wish_order.c.order_id)
        )
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found
