"""Rounds of an order: data that comes after a data take was planned is assembled with all the rest, once more.

A job that runs is not disturbed: the next round begins when it has ended. One that still waits for a worker, or that
is parked, gives way to the next round at once. A product that the round has already opens nothing, however often it is
told.
Functions work in the caller's transaction.
"""

import logging
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.query import Held
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Chain
from s1pdgs.triggers.units import Moment, gather

logger = logging.getLogger(__name__)

_AT_ONCE = 200
_STAYS = (OrderState.DROPPED, OrderState.REFUSED)


def job_of(connection: sa.Connection, order: int) -> sa.Row[Any] | None:
    """The job of an order's present round; None while the round waits."""
    query = (
        sa.select(jobs.job)
        .join(t.order, t.order.c.id == jobs.job.c.order_id)
        .where(t.order.c.id == order, jobs.job.c.round == t.order.c.round)
    )
    return connection.execute(query).first()


def order_of(connection: sa.Connection, job: int) -> int | None:
    """The order whose present round a job is."""
    query = (
        sa.select(t.order.c.id)
        .join(jobs.job, jobs.job.c.order_id == t.order.c.id)
        .where(jobs.job.c.id == job, jobs.job.c.round == t.order.c.round)
    )
    return connection.scalar(query)


def maker_of(connection: sa.Connection, product: str) -> sa.Row[Any] | None:
    """The order whose job made a product; the newest when several did."""
    query = (
        sa.select(t.order)
        .join(jobs.job, jobs.job.c.order_id == t.order.c.id)
        .join(jobs.job_output, jobs.job_output.c.job_id == jobs.job.c.id)
        .where(jobs.job_output.c.product == product)
    )
    return connection.execute(query.order_by(t.order.c.id.desc()).limit(1)).first()


def take_up(connection: sa.Connection, chain: Chain, order: sa.Row[Any], held: Held, now: datetime) -> bool:
    """Let a product in that came after its order was planned; True when the order waits again.

    An order that an operator dropped or a gate refused stays so. Raises `UnitError` as `gather` does.
    """
    if order.state in _STAYS:
        told = (chain.name, held.name, order.unit, order.state, order.reason)
        logger.warning("chain %s: %s comes late, %s was %s: %s", *told)
        return False
    wanted = {each.name for each in gather(connection, chain, held, Moment(now, now)).products}
    job = job_of(connection, order.id)
    if job is not None:
        inputs = sa.select(jobs.job_input.c.product).where(jobs.job_input.c.job_id == job.id)
        if wanted <= set(connection.scalars(inputs)):
            return False
    connection.execute(t.order.update().where(t.order.c.id == order.id).values(late=True))
    return resume(connection, order.id, now)


def with_late_data(connection: sa.Connection) -> list[int]:
    """Orders that wait for the end of a job before their next round."""
    query = sa.select(t.order.c.id).where(t.order.c.late).order_by(t.order.c.id).limit(_AT_ONCE)
    return list(connection.scalars(query))


def again(connection: sa.Connection, order: int, now: datetime) -> bool:
    """Open another round because somebody wants it, of an order that was dropped or refused too; while its job runs,
    afterwards.

    True when it waits again.
    """
    wanted = t.order.update().where(t.order.c.id == order)
    opened = sa.case((t.order.c.state.in_(_STAYS), OrderState.EXPIRED), else_=t.order.c.state)
    connection.execute(wanted.values(late=True, state=opened))
    return resume(connection, order, now, "opened again as wanted")


def revive(connection: sa.Connection, order: int, now: datetime) -> None:
    """Let an order that ended without a job of its round wait again; nothing for others."""
    ended = (*_STAYS, OrderState.EXPIRED)
    state = connection.scalar(sa.select(t.order.c.state).where(t.order.c.id == order))
    if state in ended and job_of(connection, order) is None:
        again = {"state": OrderState.WAITING, "opened_at": now, "reason": "released by an operator"}
        connection.execute(t.order.update().where(t.order.c.id == order).values(again))


def resume(connection: sa.Connection, order: int, now: datetime, reason: str = "opened again for late data") -> bool:
    """Open another round of an order that late data waits for, unless its job runs; True when it waits again."""
    job = job_of(connection, order)
    if job is not None and job.state in (JobState.READY, JobState.RUNNING, JobState.PARKED):
        is_late = connection.scalar(sa.select(t.order.c.late).where(t.order.c.id == order))
        if not is_late or not queue.withdraw(connection, job.id, "late data came: the next round has all of it", now):
            return False
    again = (
        t.order.update()
        .where(t.order.c.id == order, t.order.c.late, t.order.c.state.not_in(_STAYS))
        .values(
            state=OrderState.WAITING,
            round=t.order.c.round + 1,
            opened_at=now,
            late=False,
            reason=reason,
            check_at=None,
        )
    )
    return connection.execute(again).rowcount == 1
