"""Deliveries of downlink sessions: open while blocks arrive, then complete (or given up as incomplete) and a product.

Functions name a delivery as `deliveries` does: by the session's identifier, or `<session>_R<n>`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import SessionComplete
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.query import Held, find
from s1pdgs.inbox import quality as quality_info
from s1pdgs.inbox.completeness import BlockState, Completeness, assess
from s1pdgs.inbox.deliveries import COMPLETE, INCOMPLETE, OPEN, place_of
from s1pdgs.inbox.files import ANNOUNCED, QUARANTINED, STORED, announce_again, files_of_session
from s1pdgs.inbox.session_product import attributes_of, session_product
from s1pdgs.inbox.tables import session as session_table
from s1pdgs.model.session import Session
from s1pdgs.storage.objects import ObjectStore

LONGEST_AHEAD = timedelta(days=2)


@frozen
class KnownSession:
    """A delivery of a session and where it stands."""

    delivery: str
    session: Session
    source: str
    state: str
    first_seen: datetime
    product: str | None
    reason: str | None


def sessions_to_follow(connection: sa.Connection, source: str, since: datetime) -> list[KnownSession]:
    """The sessions of a source whose files may still come: open ones, and incomplete ones first seen after `since`."""
    late = sa.and_(session_table.c.state == INCOMPLETE, session_table.c.first_seen > since)
    query = (
        sa.select(session_table)
        .where(session_table.c.source == source, sa.or_(session_table.c.state == OPEN, late))
        .order_by(session_table.c.downlink_start, session_table.c.id)
    )
    return [_known(row) for row in connection.execute(query)]


def find_session(connection: sa.Connection, session_id: str) -> KnownSession | None:
    """A session by its identifier."""
    row = connection.execute(sa.select(session_table).where(session_table.c.id == session_id)).first()
    return None if row is None else _known(row)


def assess_session(connection: sa.Connection, session_id: str) -> Completeness:
    """Whether every block of an open session is stored; what it waits for is noted as its reason."""
    expected = connection.scalar(sa.select(session_table.c.channels).where(session_table.c.id == session_id))
    judged = assess(int(expected or 1), _block_states(files_of_session(connection, session_id)))
    if not judged.complete:
        connection.execute(
            session_table.update()
            .where(
                session_table.c.id == session_id,
                session_table.c.state == OPEN,
                session_table.c.reason.is_distinct_from(judged.reason),
            )
            .values(reason=judged.reason)
        )
    return judged


def _block_states(files: Sequence[sa.Row[Any]]) -> Iterator[BlockState]:
    for file in files:
        if file.channel is not None and file.block is not None:
            trouble = file.reason if file.state == QUARANTINED else None
            yield BlockState(file.channel, file.block, file.final_block, file.state == STORED, trouble)


def is_ready(connection: sa.Connection, session_id: str) -> bool:
    """Whether an open session has all its blocks; what it waits for is noted as its reason."""
    known = find_session(connection, session_id)
    return known is not None and known.state == OPEN and assess_session(connection, session_id).complete


def record_quality(connection: sa.Connection, session_id: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Keep the station's QualityInfo, verbatim."""
    connection.execute(session_table.update().where(session_table.c.id == session_id).values(quality=list(records)))


def complete(connection: sa.Connection, outbox: Outbox, objects: ObjectStore, session_id: str) -> bool:
    """Turn a session whose blocks are all stored into a product; False when it is not open or lacks something.

    In the caller's transaction: its DSIBs, its state, the SESSION product and the news commit together or not at all.
    """
    if not assess_session(connection, session_id).complete:
        return False
    return _conclude(connection, outbox, objects, session_id, None)


def give_up(connection: sa.Connection, outbox: Outbox, objects: ObjectStore, session_id: str) -> bool:
    """End the waiting for an open session: what arrived becomes a product flagged `incomplete`, with the reason."""
    judged = assess_session(connection, session_id)
    return _conclude(connection, outbox, objects, session_id, None if judged.complete else judged.reason)


def overdue_sessions(connection: sa.Connection, source: str, now: datetime, wait: timedelta) -> list[str]:
    """Open sessions of a source that ended and were announced `wait` ago, and in which nothing has arrived since. A
    station that announces longer ahead than it can know (a wrong date) is not believed.
    """
    query = sa.select(session_table.c.id, session_table.c.first_seen, session_table.c.downlink_stop).where(
        session_table.c.source == source,
        session_table.c.state == OPEN,
        session_table.c.first_seen <= now - wait,
        sa.or_(session_table.c.downlink_stop <= now - wait, session_table.c.first_seen <= now - wait - LONGEST_AHEAD),
    )
    overdue = []
    for row in connection.execute(query).all():
        arrivals = [file.stored_at for file in files_of_session(connection, row.id) if file.stored_at is not None]
        if max(arrivals, default=row.first_seen) <= now - wait:
            overdue.append(row.id)
    return overdue


def partial_retransfers(connection: sa.Connection, source: str, now: datetime, wait: timedelta) -> list[str]:
    """Open retransfers of a source that bring only some blocks, and are as complete as they will be: everything that is
    announced is stored, nothing has arrived since `wait`, and with the earlier deliveries of the session all is here.
    """
    query = sa.select(session_table).where(
        session_table.c.source == source, session_table.c.state == OPEN, session_table.c.retransfer
    )
    found = []
    for row in connection.execute(query).all():
        files = files_of_session(connection, row.id)
        arrivals = [file.stored_at for file in files if file.stored_at is not None]
        is_quiet = bool(arrivals) and max(arrivals) <= now - wait and all(file.state != ANNOUNCED for file in files)
        if is_quiet and _whole_with_earlier(connection, row, files):
            found.append(row.id)
    return found


def _whole_with_earlier(connection: sa.Connection, row: sa.Row[Any], files: Sequence[sa.Row[Any]]) -> bool:
    table = session_table.c
    earlier = sa.select(table.id).where(
        table.session_id == row.session_id, table.station == row.station, table.delivery < row.delivery
    )
    together = list(files)
    for delivery in connection.scalars(earlier).all():
        together += files_of_session(connection, delivery)
    return assess(row.channels, _block_states(together)).complete


def _conclude(
    connection: sa.Connection, outbox: Outbox, objects: ObjectStore, session_id: str, lack: str | None
) -> bool:
    row = connection.execute(
        sa.select(session_table).where(session_table.c.id == session_id, session_table.c.state == OPEN)
    ).first()
    if row is None:
        return False
    if announce_again(connection, session_id, place_of(connection, session_id), row.source, outbox.clock.now()):
        return False  # what it had went while more of it came
    blocks = _one_per_place([file for file in files_of_session(connection, session_id) if file.state == STORED])
    now = outbox.clock.now()
    remarks = quality_info.findings(row.quality or [], _received(blocks))
    changes: dict[str, Any] = {
        "state": COMPLETE if lack is None else INCOMPLETE,
        "completed_at": now,
        "reason": lack or "; ".join(remarks) or None,
    }
    held = None if row.product is None else find(connection, row.product)
    if held is not None and held.evicted_at is not None and _names_of(held) - {block.name for block in blocks}:
        changes["reason"] = f"came again in part only, and is no product of it: {changes['reason']}"
    elif blocks and _has_news(held, blocks):
        attributes = attributes_of(row, lack, remarks)
        product = session_product(connection, objects, row, blocks, attributes=attributes, now=now)
        changes["product"] = product.name
        register(connection, outbox, product)
        outbox.emit(connection, SessionComplete(session_id, product.name))
    connection.execute(session_table.update().where(session_table.c.id == session_id).values(changes))
    return True


def _one_per_place(blocks: Sequence[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """Of blocks stored twice (two listings at once), the first published."""
    places: dict[tuple[int, int], sa.Row[Any]] = {}
    for block in blocks:
        places.setdefault((block.channel, block.block), block)
    return list(places.values())


def _received(blocks: Sequence[sa.Row[Any]]) -> dict[int, tuple[int, int]]:
    """(blocks, bytes) by channel."""
    channels = {block.channel for block in blocks}
    sizes = {channel: [block.size for block in blocks if block.channel == channel] for channel in channels}
    return {channel: (len(each), sum(each)) for channel, each in sizes.items()}


def _has_news(held: Held | None, blocks: Sequence[sa.Row[Any]]) -> bool:
    """False when the product that the session became before holds these blocks already."""
    return held is None or held.evicted_at is not None or not {block.name for block in blocks} <= _names_of(held)


def _names_of(held: Held) -> set[str]:
    """The names of the blocks of a SESSION product."""
    names = (file.path.rpartition("/")[2] for file in held.product.files)
    return {name for name in names if not name.endswith((".xml", ".json"))}


def _known(row: sa.Row[Any]) -> KnownSession:
    return KnownSession(
        delivery=row.id,
        session=Session(
            id=row.session_id,
            satellite=row.satellite,
            station=row.station,
            channels=row.channels,
            publication_time=row.published,
            downlink_start=row.downlink_start,
            downlink_stop=row.downlink_stop,
            downlink_orbit=row.downlink_orbit,
            retransfer=row.retransfer,
            remote_id=row.remote_id,
        ),
        source=row.source,
        state=row.state,
        first_seen=row.first_seen,
        product=row.product,
        reason=row.reason,
    )
