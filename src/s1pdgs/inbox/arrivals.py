"""What stands at the stations and in the inbox: sources, sessions with their channels, files set aside."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.inbox import tables as t
from s1pdgs.inbox.deliveries import COMPLETE, OPEN
from s1pdgs.inbox.files import ANNOUNCED, QUARANTINED, STORED

SILENT_POLLS = 3
SILENCE = timedelta(seconds=60)
LATE = timedelta(hours=1)
REFUSED_STAYS_NEWS = timedelta(days=1)


@frozen
class SourceView:
    """A source of the configuration, or one that was polled once.

    Everything that it published until `reached` was seen. `due_files` are to be fetched, the oldest of them published
    at `oldest_due`.
    """

    name: str
    polled_at: datetime | None
    error: str | None
    is_silent: bool
    due_files: int
    reached: datetime | None = None
    oldest_due: datetime | None = None

    @property
    def health(self) -> str:
        """How it goes in a word: `not polled`, `silent` (nobody polls it), `trouble` (its error tells), or `well`."""
        if self.polled_at is None:
            return "not polled"
        return "silent" if self.is_silent else "trouble" if self.error else "well"

    def is_late(self, now: datetime) -> bool:
        """Whether something has waited for long to be fetched."""
        return self.oldest_due is not None and now - self.oldest_due > LATE


@frozen
class ChannelView:
    """The blocks of a channel; `expected` is None until the final block is known."""

    number: int
    stored: int
    announced: int
    expected: int | None
    quarantined: int

    @property
    def goal(self) -> int:
        """How many blocks there will be, as far as is known."""
        return self.announced if self.expected is None else max(self.expected, self.stored)


@frozen
class SessionView:
    """A session and how far it has arrived."""

    id: str
    source: str
    satellite: str
    station: str
    orbit: int
    state: str
    reason: str | None
    first_seen: datetime
    completed_at: datetime | None
    channels: tuple[ChannelView, ...]


@frozen
class QuarantineView:
    """A file set aside. `can_retry` when its source can be asked for it again."""

    source: str
    remote_id: str
    name: str
    reason: str
    at: datetime
    can_retry: bool

    def is_news(self, now: datetime) -> bool:
        """Whether it asks for attention: until it is asked for again, or, where that cannot be, for a day."""
        return self.can_retry or now - self.at < REFUSED_STAYS_NEWS


def sources(connection: sa.Connection, configured: Mapping[str, float], now: datetime) -> list[SourceView]:
    """Sources by name. `configured` tells the poll interval (seconds) of each, which bounds its silence."""
    file = t.received_file.c
    query = sa.select(file.source, sa.func.count(), sa.func.min(file.published)).where(file.state == ANNOUNCED)
    due = {row[0]: (row[1], row[2]) for row in connection.execute(query.group_by(file.source))}
    polled = {row.source: row for row in connection.execute(sa.select(t.cursor))}
    names = sorted({*configured, *polled})
    return [_source(name, polled.get(name), configured.get(name), due.get(name, (0, None)), now) for name in names]


def _source(
    name: str, row: sa.Row[Any] | None, poll_s: float | None, due: tuple[int, datetime | None], now: datetime
) -> SourceView:
    number, oldest = due
    if row is None:
        return SourceView(name, None, None, is_silent=False, due_files=number, oldest_due=oldest)
    patience = None if poll_s is None else SILENCE + timedelta(seconds=SILENT_POLLS * poll_s)
    is_silent = patience is not None and now - row.polled_at > patience
    return SourceView(name, row.polled_at, row.error, is_silent, number, row.published, oldest)


def count_sessions(connection: sa.Connection) -> dict[str, int]:
    """How many sessions are in each state that occurs."""
    query = sa.select(t.session.c.state, sa.func.count()).group_by(t.session.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def count_open(connection: sa.Connection) -> dict[str, int]:
    """How many sessions of each source are open."""
    query = sa.select(t.session.c.source, sa.func.count()).where(t.session.c.state == OPEN).group_by(t.session.c.source)
    return {row[0]: row[1] for row in connection.execute(query)}


def sessions(connection: sa.Connection, limit: int, *, lacking: bool = False) -> list[SessionView]:
    """Open sessions, then those that ended last, with their channels; only `lacking` ones, or all."""
    is_open = sa.case((t.session.c.state == OPEN, 0), else_=1)
    query = sa.select(t.session).order_by(is_open, t.session.c.first_seen.desc(), t.session.c.id).limit(limit)
    rows = connection.execute(query.where(t.session.c.state != COMPLETE) if lacking else query).all()
    channels = _channels(connection, [row.id for row in rows])
    return [
        SessionView(
            id=row.id,
            source=row.source,
            satellite=row.satellite,
            station=row.station,
            orbit=row.downlink_orbit,
            state=row.state,
            reason=row.reason,
            first_seen=row.first_seen,
            completed_at=row.completed_at,
            channels=tuple(channels.get(row.id, ())),
        )
        for row in rows
    ]


def _channels(connection: sa.Connection, identifiers: list[str]) -> dict[str, list[ChannelView]]:
    file = t.received_file.c
    query = (
        sa.select(
            file.session_id,
            file.channel,
            sa.func.count(sa.distinct(sa.case((file.state == STORED, file.block)))).label("stored"),
            sa.func.count(sa.distinct(file.block)).label("announced"),
            sa.func.count(sa.distinct(sa.case((file.state == QUARANTINED, file.block)))).label("quarantined"),
            sa.func.min(file.block).label("first"),
            sa.func.max(sa.case((file.final_block, file.block))).label("final"),
        )
        .where(file.session_id.in_(identifiers), file.channel.is_not(None), file.block.is_not(None))
        .group_by(file.session_id, file.channel)
        .order_by(file.session_id, file.channel)
    )
    found: dict[str, list[ChannelView]] = {}
    for row in connection.execute(query):
        expected = None if row.final is None else row.final - min(1, row.first) + 1
        view = ChannelView(row.channel, row.stored, row.announced, expected, row.quarantined)
        found.setdefault(row.session_id, []).append(view)
    return found


def quarantined(connection: sa.Connection, limit: int) -> list[QuarantineView]:
    """Files that are set aside now, the latest first: those fetched since are left out."""
    aside, file = t.quarantine.c, t.received_file.c
    latest = sa.select(sa.func.max(aside.id)).group_by(aside.source, aside.remote_id)
    same = sa.and_(file.source == aside.source, file.remote_id == aside.remote_id)
    query = (
        sa.select(aside.source, aside.remote_id, aside.name, aside.reason, aside.at, file.state)
        .select_from(t.quarantine.outerjoin(t.received_file, same))
        .where(aside.id.in_(latest), sa.or_(file.state.is_(None), file.state == QUARANTINED))
        .order_by(aside.id.desc())
        .limit(limit)
    )
    return [
        QuarantineView(row.source, row.remote_id, row.name, row.reason, row.at, can_retry=row.state == QUARANTINED)
        for row in connection.execute(query)
    ]
