"""Old rows go in small transactions, so that others are not held up."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from s1pdgs.storage.database import Database

AT_ONCE = 500
Old = sa.Select[tuple[int]]
Act = Callable[[sa.Connection, Sequence[int]], Any]


def in_parts(database: Database, old: Old, act: Act) -> int:
    """Act on the numbers (column `id`) that a query finds until it finds none; how many. `act` must see to it that they
    are found no more. Nothing is written when there is nothing to do.
    """
    with database.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    total = 0
    while True:
        with database.write() as connection:
            numbers = [row.id for row in connection.execute(old.limit(AT_ONCE))]
            act(connection, numbers)
        total += len(numbers)
        if len(numbers) < AT_ONCE:
            return total


def deleting(table: sa.Table) -> Act:
    """Delete rows by their column `id`."""
    return lambda connection, numbers: connection.execute(table.delete().where(table.c.id.in_(numbers)))
