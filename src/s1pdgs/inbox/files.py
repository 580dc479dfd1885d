"""Received files: announced by a source, then stored, or tried again, or set aside with a reason."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import FileArrived
from s1pdgs.bus.outbox import Outbox
from s1pdgs.inbox.errors import UnknownFile
from s1pdgs.inbox.quarantine import set_aside
from s1pdgs.inbox.tables import received_file
from s1pdgs.storage.objects import Checksums

ANNOUNCED, STORED, DUPLICATE, QUARANTINED = "announced", "stored", "duplicate", "quarantined"
FIRST_BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(minutes=30)


@frozen
class Announcement:
    """A file that a source offers: a block of a session (`session_id` and its place) or an auxiliary file.

    `size` (bytes) and `checksum` (`MD5:<hex>` or `SHA256:<hex>`) are None where the source does not tell.
    """

    source: str
    remote_id: str
    name: str
    published: datetime
    size: int | None = None
    checksum: str | None = None
    session_id: str | None = None
    channel: int | None = None
    block: int | None = None
    final_block: bool = False


@frozen
class Due:
    """A file to be downloaded now, and how often that failed before."""

    announcement: Announcement
    attempts: int


def announce_file(connection: sa.Connection, file: Announcement, now: datetime) -> bool:
    """Note that a source offers a file, as often as it says so; True when it is news to be downloaded.

    A block that another announcement of the same session has brought, or is about to, is noted as a duplicate. One that
    was here before under another announcement keeps the time at which it was first available.
    """
    known = _row(connection, file.source, file.remote_id)
    if known is not None:
        _refresh(connection, known, file)
        return False
    rival = _rival(connection, file)
    connection.execute(
        received_file.insert().values(
            source=file.source,
            remote_id=file.remote_id,
            name=file.name,
            session_id=file.session_id,
            channel=file.channel,
            block=file.block,
            final_block=file.final_block,
            size=file.size,
            checksum=file.checksum,
            published=min(file.published, _first_published(connection, file) or file.published),
            state=ANNOUNCED if rival is None else DUPLICATE,
            retry_at=now,
            reason=None if rival is None else f"the same block as {rival}",
        )
    )
    return rival is None


def announce_again(connection: sa.Connection, delivery: str, place: str, source: str, now: datetime) -> int:
    """Let the stored blocks of a delivery that do not rest below `place`, for they went, be downloaded anew from a
    source; how many. What other sources had brought is a duplicate of those.

    Stored ones are not asked for by their state, lest the planner begin with half the table.
    """
    c = received_file.c
    elsewhere = sa.not_(c.location.startswith(f"{place}/ch_", autoescape=True))
    gone = received_file.update().where(c.session_id == delivery, c.stored_at.is_not(None), elsewhere)
    bare = {"location": None, "stored_at": None, "attempts": 0, "retry_at": now}
    others = gone.where(c.source != source).values(state=DUPLICATE, reason=f"went, and comes from {source} now", **bare)
    own = gone.where(c.source == source).values(state=ANNOUNCED, reason="went, and comes again", **bare)
    return connection.execute(others).rowcount + connection.execute(own).rowcount


def _refresh(connection: sa.Connection, known: sa.Row[Any], file: Announcement) -> None:
    """Take over what a source corrects: the final flag at any time, size and checksum until the file is stored."""
    changes: dict[str, Any] = {}
    if file.final_block != known.final_block and file.final_block:
        changes["final_block"] = True
    if known.state == ANNOUNCED and (file.size, file.checksum) != (known.size, known.checksum):
        changes |= {"size": file.size, "checksum": file.checksum}
    if changes:
        connection.execute(received_file.update().where(_is(file.source, file.remote_id)).values(changes))


def _first_published(connection: sa.Connection, file: Announcement) -> datetime | None:
    """When a block was first available that was here before; None for another file."""
    if file.session_id is None or file.block is None:
        return None
    c = received_file.c
    before = sa.select(sa.func.min(c.published)).where(c.session_id == file.session_id, c.sha256.is_not(None))
    first: datetime | None = connection.scalar(before.where(c.channel == file.channel, c.block == file.block))
    return first


def _rival(connection: sa.Connection, file: Announcement) -> str | None:
    """The identifier of another announcement of the same block that is stored or on its way."""
    if file.session_id is None or file.block is None:
        return None
    query = sa.select(received_file.c.remote_id).where(
        received_file.c.session_id == file.session_id,
        received_file.c.channel == file.channel,
        received_file.c.block == file.block,
        received_file.c.state.in_([ANNOUNCED, STORED]),
    )
    return connection.scalar(query)


def due_files(connection: sa.Connection, source: str, now: datetime, limit: int) -> list[Due]:
    """The files of a source to download now, those published first before the others."""
    query = (
        sa.select(received_file)
        .where(received_file.c.state == ANNOUNCED, received_file.c.source == source, received_file.c.retry_at <= now)
        .order_by(received_file.c.published, received_file.c.block, received_file.c.remote_id)
        .limit(limit)
    )
    return [Due(_announcement(row), row.attempts) for row in connection.execute(query)]


def store_file(connection: sa.Connection, outbox: Outbox, file: Announcement, location: str, sums: Checksums) -> bool:
    """Note that a verified file rests at `location` and tell it when it belongs to a session; False if known before.

    Raises `UnknownFile` when it was never announced.
    """
    row = _known(connection, file.source, file.remote_id)
    stored = connection.execute(
        received_file.update()
        .where(_is(file.source, file.remote_id), received_file.c.state != STORED)
        .values(
            state=STORED,
            location=location,
            size=sums.size,
            md5=sums.md5,
            sha256=sums.sha256,
            stored_at=outbox.clock.now(),
            reason=None,
        )
    )
    if stored.rowcount == 0:
        return False
    if row.session_id is not None:
        outbox.emit(connection, FileArrived(row.session_id, row.name))
    return True


def postpone_file(connection: sa.Connection, source: str, remote_id: str, reason: str, now: datetime) -> None:
    """Try a file again soon because its source could not be reached; that is not held against the file."""
    connection.execute(
        received_file.update()
        .where(_is(source, remote_id), received_file.c.state == ANNOUNCED)
        .values(retry_at=now + FIRST_BACKOFF, reason=reason)
    )


def fail_file(
    connection: sa.Connection, outbox: Outbox, file: Due, reason: str, *, max_attempts: int, location: str | None = None
) -> bool:
    """Count a failed attempt: the file is tried again later, or set aside (True) after `max_attempts`.

    `location` is where the refused bytes rest. When a file is set aside, another announcement of its block that was
    held back as a duplicate takes its place.
    """
    source, remote_id = file.announcement.source, file.announcement.remote_id
    attempts, now = file.attempts + 1, outbox.clock.now()
    given_up = attempts >= max_attempts
    wait = min(FIRST_BACKOFF * 2 ** min(attempts - 1, 20), LONGEST_BACKOFF)
    changed = connection.execute(
        received_file.update()
        .where(_is(source, remote_id), received_file.c.state == ANNOUNCED)
        .values(
            state=QUARANTINED if given_up else ANNOUNCED,
            attempts=attempts,
            retry_at=now + wait,
            reason=reason,
            location=location if given_up else None,
        )
    )
    if changed.rowcount == 0 or not given_up:
        return False
    set_aside(
        connection,
        outbox,
        source=source,
        remote_id=remote_id,
        name=file.announcement.name,
        reason=reason,
        location=location,
    )
    _promote_duplicate(connection, file.announcement, now)
    return True


def _promote_duplicate(connection: sa.Connection, file: Announcement, now: datetime) -> None:
    if file.session_id is None:
        return
    query = sa.select(received_file.c.source, received_file.c.remote_id).where(
        received_file.c.session_id == file.session_id,
        received_file.c.channel == file.channel,
        received_file.c.block == file.block,
        received_file.c.state == DUPLICATE,
    )
    heir = connection.execute(query.order_by(received_file.c.remote_id)).first()
    if heir is not None:
        connection.execute(
            received_file.update()
            .where(_is(heir.source, heir.remote_id))
            .values(state=ANNOUNCED, retry_at=now, reason=None)
        )


def retry_file(connection: sa.Connection, source: str, remote_id: str, now: datetime) -> bool:
    """An operator's order: download a quarantined file afresh; False when it is not in quarantine."""
    changed = connection.execute(
        received_file.update()
        .where(_is(source, remote_id), received_file.c.state == QUARANTINED)
        .values(state=ANNOUNCED, attempts=0, retry_at=now, location=None)
    )
    return changed.rowcount == 1


def _announcement(row: sa.Row[Any]) -> Announcement:
    return Announcement(
        source=row.source,
        remote_id=row.remote_id,
        name=row.name,
        published=row.published,
        size=row.size,
        checksum=row.checksum,
        session_id=row.session_id,
        channel=row.channel,
        block=row.block,
        final_block=row.final_block,
    )


def _is(source: str, remote_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(received_file.c.source == source, received_file.c.remote_id == remote_id)


def _row(connection: sa.Connection, source: str, remote_id: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(received_file).where(_is(source, remote_id))).first()


def _known(connection: sa.Connection, source: str, remote_id: str) -> sa.Row[Any]:
    row = _row(connection, source, remote_id)
    if row is None:
        raise UnknownFile(f"source {source} never announced a file {remote_id}; announce it before storing it")
    return row


def files_of_session(connection: sa.Connection, session_id: str) -> Sequence[sa.Row[Any]]:
    """All announcements of a session by channel, block and publication."""
    query = (
        sa.select(received_file)
        .where(received_file.c.session_id == session_id)
        .order_by(received_file.c.channel, received_file.c.block, received_file.c.published)
    )
    return connection.execute(query).all()
