"""Orders on demand go some time after they have ended, and then their wishes when their time has come too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.publication.on_demand.fates import OPEN
from s1pdgs.publication.on_demand.orders import subject_of
from s1pdgs.publication.on_demand.tables import demand
from s1pdgs.storage.database import Database
from s1pdgs.storage.pruning import Old, in_parts
from s1pdgs.triggers.tables import wish


def prune(database: Database, before: datetime) -> int:
    """Delete the orders that ended before some time, with their notices and logins; how many. One stays while somebody
    is to be told of it. What was made stays.
    """
    return in_parts(database, ended(before), _delete)


def ended(before: datetime) -> Old:
    """The orders that go."""
    owed = notices.owed("demand-" + demand.c.uuid)
    return sa.select(demand.c.id).where(demand.c.ended_at < before, demand.c.status.not_in(OPEN), ~owed)


def keeps_wish() -> sa.ColumnElement[bool]:
    """Whether an order that is kept tells of a wish."""
    return sa.exists().where(demand.c.wish_id == wish.c.id)


def _delete(connection: sa.Connection, numbers: Sequence[int]) -> None:
    rows: Sequence[sa.Row[Any]] = connection.execute(sa.select(demand).where(demand.c.id.in_(numbers))).all()
    notices.forget_about(connection, [subject_of(row) for row in rows])
    notices.forget_logins(connection, [row.login_id for row in rows])
    connection.execute(demand.delete().where(demand.c.id.in_(numbers)))
