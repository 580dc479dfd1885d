"""Wishes go some time after they have ended."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.model.job import OrderState
from s1pdgs.storage.database import Database
from s1pdgs.storage.pruning import Old, in_parts
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.wanted.status import subject_of

_GOING = (OrderState.WAITING, OrderState.PLANNED)


def prune(database: Database, before: datetime, kept: sa.ColumnElement[bool]) -> int:
    """Delete the wishes that ended before some time, with their deadlines, their notices and what ties them to orders;
    how many. The orders stay.

    One stays while an order of it goes on or is parked, while somebody is to be told of it, and as long as `kept` says.
    """
    return in_parts(database, ended(before, kept), _delete)


def ended(before: datetime, kept: sa.ColumnElement[bool]) -> Old:
    """The wishes that go."""
    goes_on = (
        sa.select(t.order.c.id)
        .join(t.wish_order, t.wish_order.c.order_id == t.order.c.id)
        .where(t.wish_order.c.wish_id == t.wish.c.id, sa.or_(t.order.c.state.in_(_GOING), t.order.c.late))
    )
    owed = notices.owed("wish-" + sa.cast(t.wish.c.id, sa.Text))
    return sa.select(t.wish.c.id).where(t.wish.c.ended_at < before, ~goes_on.exists(), ~owed, ~kept)


def _delete(connection: sa.Connection, numbers: Sequence[int]) -> None:
    notices.forget_about(connection, [subject_of(number) for number in numbers])
    connection.execute(t.wish.delete().where(t.wish.c.id.in_(numbers)))
