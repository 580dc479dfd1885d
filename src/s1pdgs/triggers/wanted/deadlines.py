"""Deadlines of wishes: at its time an order goes on with what is there, or expires, as the one who wished told.

The earliest deadline that lets an order proceed counts. One that expires it counts when every open wish to which the
order belongs caused it and asks so, and then the latest: data causes an order whether somebody wished it or not.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.wanted.inheritance import OPEN

logger = logging.getLogger(__name__)

PROCEED, EXPIRE = "proceed", "expire"
_AT_ONCE = 50


@frozen
class Due:
    """When an order goes on with what is there, when it expires, and whose deadline that is; None without one.

    `first` is the earliest deadline of all, `own` tells that data alone would not have caused the order.
    """

    first: datetime | None = None
    proceeds_at: datetime | None = None
    expires_at: datetime | None = None
    wishes: tuple[int, ...] = ()
    own: bool = False

    def proceeds(self, now: datetime) -> bool:
        return self.proceeds_at is not None and self.proceeds_at <= now

    def expires(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def __str__(self) -> str:
        """Whose deadline, in words."""
        return f"the deadline of wish {', '.join(str(wish) for wish in self.wishes)}"


@frozen
class Interest:
    """That a wish wants an order, by when, and whether it expires then; `own` as in `Due`."""

    wish: int
    deadline: datetime | None
    expires: bool
    own: bool


def due_of(connection: sa.Connection, order: int) -> Due:
    """The deadline of an order by the open wishes that it belongs to."""
    query = (
        sa.select(t.wish.c.id, t.wish.c.deadline, t.wish.c.at_deadline, t.wish_order.c.own)
        .join(t.wish, t.wish.c.id == t.wish_order.c.wish_id)
        .where(t.wish_order.c.order_id == order, t.wish.c.state == OPEN)
        .order_by(t.wish.c.id)
    )
    return due(
        [Interest(row.id, row.deadline, row.at_deadline == EXPIRE, row.own) for row in connection.execute(query)]
    )


def due(interests: Sequence[Interest]) -> Due:
    """The deadline of an order that some open wishes want."""
    own = bool(interests) and all(each.own for each in interests)
    times = [(each.deadline, each.expires) for each in interests if each.deadline is not None]
    all_expire = own and len(times) == len(interests) and all(expires for _, expires in times)
    return Due(
        first=min((time for time, _ in times), default=None),
        proceeds_at=min((time for time, expires in times if not expires), default=None),
        expires_at=max(time for time, _ in times) if all_expire else None,
        wishes=tuple(each.wish for each in interests if each.deadline is not None),
        own=own,
    )


def passed(connection: sa.Connection, now: datetime) -> list[sa.Row[tuple[int, ...]]]:
    """Open wishes whose deadline has passed and has not taken effect yet, some of them."""
    query = sa.select(t.wish).where(t.wish.c.state == OPEN, t.wish.c.deadline <= now, t.wish.c.passed_at.is_(None))
    return list(connection.execute(query.order_by(t.wish.c.deadline).limit(_AT_ONCE)))


def withdraw_late_jobs(connection: sa.Connection, wish: int, now: datetime) -> list[int]:
    """Take the jobs that no worker holds back from orders that expire at the deadline; these orders' numbers.

    A job that runs goes on to its end.
    """
    query = (
        sa.select(t.order.c.id, jobs.job.c.id.label("job"))
        .join(t.wish_order, t.wish_order.c.order_id == t.order.c.id)
        .join(jobs.job, sa.and_(jobs.job.c.order_id == t.order.c.id, jobs.job.c.round == t.order.c.round))
        .where(t.wish_order.c.wish_id == wish, t.order.c.state == OrderState.PLANNED)
        .where(jobs.job.c.state == JobState.READY)
        .order_by(t.order.c.id)
    )
    return [
        row.id
        for row in connection.execute(query).all()
        if due_of(connection, row.id).expires(now)
        and queue.withdraw(connection, row.job, f"the deadline of wish {wish} passed", now)
    ]


def told(due: Due, now: datetime) -> str:
    """What the deadline of a waiting order does, in words; empty when it has none or it has passed."""
    if due.proceeds_at is not None and due.proceeds_at > now:
        return f"at {clock_time(due.proceeds_at)} it goes on with what is there: {due}"
    if due.expires_at is not None and due.expires_at > now:
        return f"at {clock_time(due.expires_at)} it expires: {due}"
    return ""
