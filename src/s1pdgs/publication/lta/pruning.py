"""Orders of what was offline go some time after they have ended, and the restores that no order tells of."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.publication.lta.orders import ENDED, SUBJECT
from s1pdgs.publication.lta.tables import lta_order, restore
from s1pdgs.storage.database import Database
from s1pdgs.storage.pruning import Old, deleting, in_parts


def prune(database: Database, before: datetime) -> int:
    """Delete the orders that were placed before some time and have ended, with their notices and logins, and restores
    that ended before it; how many. An order stays while somebody is to be told of it, a restore while it has orders.
    """
    return in_parts(database, ended(before), _delete) + in_parts(database, unordered(before), deleting(restore))


def ended(before: datetime) -> Old:
    """The orders that go."""
    owed = notices.owed(SUBJECT + sa.cast(lta_order.c.id, sa.Text))
    return sa.select(lta_order.c.id).where(lta_order.c.submitted_at < before, lta_order.c.status.in_(ENDED), ~owed)


def unordered(before: datetime) -> Old:
    """The restores that go."""
    ordered = sa.exists().where(lta_order.c.restore_id == restore.c.id)
    return sa.select(restore.c.id).where(restore.c.ended_at < before, ~ordered).order_by(restore.c.ended_at)


def _delete(connection: sa.Connection, numbers: Sequence[int]) -> None:
    logins = sa.select(lta_order.c.login_id).where(lta_order.c.id.in_(numbers))
    notices.forget_about(connection, [f"{SUBJECT}{number}" for number in numbers])
    notices.forget_logins(connection, connection.scalars(logins).all())
    connection.execute(lta_order.delete().where(lta_order.c.id.in_(numbers)))
