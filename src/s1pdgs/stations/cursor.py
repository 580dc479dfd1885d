"""Where polling a source stands. Positions move by what was published, never by our own clock."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.inbox.tables import cursor
from s1pdgs.stations.profile import Profile


@frozen
class Position:
    """Everything published until `published` was seen; the last poll was at `polled_at`, and `error` is its trouble."""

    published: datetime
    polled_at: datetime
    error: str | None


def position(connection: sa.Connection, source: str) -> Position | None:
    """Where a source stands; None before its first poll."""
    row = connection.execute(sa.select(cursor).where(cursor.c.source == source)).first()
    return None if row is None else Position(row.published, row.polled_at, row.error)


def beginning(profile: Profile, now: datetime) -> datetime:
    """Where the first poll of a source begins."""
    return profile.start or now - timedelta(seconds=profile.overlap_s)


def advance(
    connection: sa.Connection, profile: Profile, newest: datetime | None, now: datetime, remark: str | None = None
) -> None:
    """Note a good poll whose newest record was published at `newest`; `remark` is what operators should know of it.

    The position only moves forward, and never beyond (newest - overlap): what appears later under an older date is
    still asked for. A date in the future (a station's wrong clock) counts as now.
    """
    known = position(connection, profile.name)
    reached = beginning(profile, now) if known is None else known.published
    if newest is not None:
        reached = max(reached, min(newest, now) - timedelta(seconds=profile.overlap_s))
    _write(connection, profile.name, Position(reached, now, remark), is_known=known is not None)


def note_failure(connection: sa.Connection, profile: Profile, error: str, now: datetime) -> None:
    """Note a failed poll: the position stays."""
    known = position(connection, profile.name)
    reached = beginning(profile, now) if known is None else known.published
    _write(connection, profile.name, Position(reached, now, error), is_known=known is not None)


def _write(connection: sa.Connection, source: str, at: Position, *, is_known: bool) -> None:
    values = {"published": at.published, "polled_at": at.polled_at, "error": at.error}
    if is_known:
        connection.execute(cursor.update().where(cursor.c.source == source).values(values))
    else:
        connection.execute(cursor.insert().values({"source": source, **values}))
