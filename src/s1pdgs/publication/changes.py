"""When what users see of published products changed last: `ModificationDate` of OData and `updated` of STAC.

No two products have the same time, and a later change has a later one, whatever the clock does: who asks for what
changed after the last that he has seen misses nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from s1pdgs.publication.tables import publication

_NEWEST = sa.select(sa.func.max(publication.c.modified_at, type_=publication.c.modified_at.type))
_CHANGED = (
    publication.update()
    .where(publication.c.product_id == sa.bindparam("number"), publication.c.published_at.is_not(None))
    .values(modified_at=sa.bindparam("at", type_=publication.c.modified_at.type))
)
_STEP = timedelta(microseconds=1)


def note_changed(connection: sa.Connection, numbers: Sequence[int], now: datetime) -> None:
    """Note that some products changed; those that are not published are left out.

    In a transaction that writes alone (`Database.write`), so that what is committed later has a later time.
    """
    if not numbers:
        return
    newest = connection.scalar(_NEWEST)
    first = now if newest is None else max(now, newest + _STEP)
    changes = [{"number": number, "at": first + index * _STEP} for index, number in enumerate(numbers)]
    connection.execute(_CHANGED, changes)
