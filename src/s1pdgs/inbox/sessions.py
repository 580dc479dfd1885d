"""Downlink sessions: open while blocks arrive, then complete (or given up as incomplete) and a product."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import SessionComplete
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.query import find
from s1pdgs.formats.dsib import SessionInformation, write_dsib
from s1pdgs.formats.names import NamingError, SessionFileName
from s1pdgs.inbox import quality as quality_info
from s1pdgs.inbox.completeness import BlockState, Completeness, assess
from s1pdgs.inbox.files import QUARANTINED, STORED, Announcement, announce_file, files_of_session
from s1pdgs.inbox.tables import session as session_table
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.storage.objects import KeyTaken, ObjectStore

OPEN, COMPLETE, INCOMPLETE = "open", "complete", "incomplete"
SESSION_TYPE = "SESSION"


@frozen
class KnownSession:
    """A session and where it stands."""

    session: Session
    source: str
    state: str
    first_seen: datetime
    product: str | None
    reason: str | None


def location_of(session_id: str) -> str:
    """The object-key prefix of a session."""
    return f"sessions/{session_id}"


def block_key(session_id: str, channel: int, name: str) -> str:
    """The object key of a file of a session."""
    return f"{location_of(session_id)}/ch_{channel}/{name}"


def announce_session(connection: sa.Connection, source: str, session: Session, now: datetime) -> bool:
    """Note that a source offers a session, as often as it says so; True when it is news.

    A session that another source announced first stays with that source.
    """
    known = connection.execute(sa.select(session_table).where(session_table.c.id == session.id)).first()
    if known is None:
        connection.execute(
            session_table.insert().values(
                **_columns(session), source=source, state=OPEN, first_seen=now, reason="no block announced yet"
            )
        )
        return True
    if known.source == source and known.state == OPEN:
        kept = {
            "retransfer": known.retransfer or session.retransfer,
            "published": min(known.published, session.publication_time),
        }
        connection.execute(
            session_table.update().where(session_table.c.id == session.id).values({**_columns(session), **kept})
        )
    return False


def _columns(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "satellite": session.satellite,
        "station": session.station,
        "channels": session.channels,
        "published": session.publication_time,
        "downlink_start": session.downlink_start,
        "downlink_stop": session.downlink_stop,
        "downlink_orbit": session.downlink_orbit,
        "retransfer": session.retransfer,
    }


def announce_block(
    connection: sa.Connection, source: str, file: SessionFile, now: datetime, checksum: str | None = None
) -> bool:
    """Note that a source offers a block of a session; True when it is news to be downloaded.

    A size below zero means that the source does not tell it. A block that is news to a session given up as incomplete
    (late, or retransferred) opens it again.
    """
    news = announce_file(
        connection,
        Announcement(
            source=source,
            remote_id=file.id,
            name=file.name,
            published=file.publication_time,
            size=file.size if file.size >= 0 else None,
            checksum=checksum,
            session_id=file.session_id,
            channel=file.channel,
            block=file.block_number,
            final_block=file.final_block,
        ),
        now,
    )
    if news:
        connection.execute(
            session_table.update()
            .where(session_table.c.id == file.session_id, session_table.c.state == INCOMPLETE)
            .values(state=OPEN, reason=f"opened again for {file.name}")
        )
    return news


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
    """Open sessions of a source that ended and were announced `wait` ago, and in which nothing has arrived since."""
    query = sa.select(session_table.c.id, session_table.c.first_seen, session_table.c.downlink_stop).where(
        session_table.c.source == source,
        session_table.c.state == OPEN,
        session_table.c.first_seen <= now - wait,
        session_table.c.downlink_stop <= now - wait,
    )
    overdue = []
    for row in connection.execute(query).all():
        arrivals = [file.stored_at for file in files_of_session(connection, row.id) if file.stored_at is not None]
        if max(arrivals, default=row.first_seen) <= now - wait:
            overdue.append(row.id)
    return overdue


def _conclude(
    connection: sa.Connection, outbox: Outbox, objects: ObjectStore, session_id: str, lack: str | None
) -> bool:
    row = connection.execute(
        sa.select(session_table).where(session_table.c.id == session_id, session_table.c.state == OPEN)
    ).first()
    if row is None:
        return False
    blocks = _one_per_place([file for file in files_of_session(connection, session_id) if file.state == STORED])
    now = outbox.clock.now()
    remarks = quality_info.findings(row.quality or [], _received(blocks))
    changes: dict[str, Any] = {
        "state": COMPLETE if lack is None else INCOMPLETE,
        "completed_at": now,
        "reason": lack or "; ".join(remarks) or None,
    }
    if blocks and _has_news(connection, row.product, blocks):
        product = _product(connection, objects, row, blocks, attributes=_attributes(row, lack, remarks), now=now)
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


def _has_news(connection: sa.Connection, product: str | None, blocks: Sequence[sa.Row[Any]]) -> bool:
    """False when the product that the session became before holds these blocks already."""
    held = None if product is None else find(connection, product)
    return (
        held is None
        or {block.name for block in blocks} - {file.path.rpartition("/")[2] for file in held.product.files} != set()
    )


def _product(
    connection: sa.Connection,
    objects: ObjectStore,
    row: sa.Row[Any],
    blocks: Sequence[sa.Row[Any]],
    *,
    attributes: dict[str, AttributeValue],
    now: datetime,
) -> Product:
    """The SESSION product; its DSIBs are stored on the way.

    A session that became a product before, when it was incomplete, becomes another one over the same blocks, named
    `<session>_R<n>`, with DSIBs of its own below `R<n>/` of each channel.
    """
    earlier = 0
    while find(connection, _product_name(row.id, earlier)) is not None:
        earlier += 1
    files = [StoredFile(f"ch_{block.channel}/{block.name}", block.size, block.md5, block.sha256) for block in blocks]
    for channel in sorted({block.channel for block in blocks}):
        folder = f"ch_{channel}/R{earlier}" if earlier else f"ch_{channel}"
        own = [block for block in blocks if block.channel == channel]
        files.append(_store_dsib(objects, row, channel, own, folder))
    return Product(
        name=_product_name(row.id, earlier),
        type=SESSION_TYPE,
        satellite=row.satellite,
        validity=Interval(row.downlink_start, max(row.downlink_start, row.downlink_stop)),
        generation_time=now,
        location=location_of(row.id),
        files=tuple(sorted(files, key=lambda file: file.path)),
        t0=max(block.published for block in blocks),
        attributes=attributes,
    )


def _product_name(session_id: str, earlier: int) -> str:
    return f"{session_id}_R{earlier}" if earlier else session_id


def _store_dsib(
    objects: ObjectStore, row: sa.Row[Any], channel: int, blocks: Sequence[sa.Row[Any]], folder: str
) -> StoredFile:
    """Write the DSIB of one channel; its times and sizes are of that channel only and of the same rows always."""
    information = SessionInformation(
        session_id=row.id,
        start=row.downlink_start,
        stop=max(row.downlink_start, row.downlink_stop),
        created=min(block.published for block in blocks),
        finished=max(block.published for block in blocks),
        data_size=sum(block.size for block in blocks),
        dsdb_names=tuple(block.name for block in blocks),
    )
    path = f"{folder}/{_dsib_name(row.id, channel, blocks[0].name)}"
    key, data = f"{location_of(row.id)}/{path}", write_dsib(information)
    try:
        sums = objects.put(key, iter([data]))
    except KeyTaken:
        # Left by a conclusion that did not commit, before another block came: no product points to it.
        objects.delete(key)
        sums = objects.put(key, iter([data]))
    return StoredFile(path, sums.size, sums.md5, sums.sha256)


def _dsib_name(session_id: str, channel: int, block_name: str) -> str:
    try:
        unit = SessionFileName.parse(block_name).unit
    except NamingError:
        unit = "00"
    return str(SessionFileName(unit, session_id, channel, None))


def _attributes(row: sa.Row[Any], lack: str | None, remarks: Sequence[str]) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "productType": SESSION_TYPE,
        "platformShortName": "SENTINEL-1",
        "platformSerialIdentifier": row.satellite[-1],
        "orbitNumber": row.downlink_orbit,
        "station": row.station,
        "numChannels": row.channels,
        "retransfer": row.retransfer,
        "incomplete": lack is not None,
        **quality_info.attributes(row.quality or []),
    }
    if lack is not None:
        attributes["missing"] = lack
    if remarks:
        attributes["qualityRemarks"] = "; ".join(remarks)
    return attributes


def _known(row: sa.Row[Any]) -> KnownSession:
    return KnownSession(
        session=Session(
            id=row.id,
            satellite=row.satellite,
            station=row.station,
            channels=row.channels,
            publication_time=row.published,
            downlink_start=row.downlink_start,
            downlink_stop=row.downlink_stop,
            downlink_orbit=row.downlink_orbit,
            retransfer=row.retransfer,
        ),
        source=row.source,
        state=row.state,
        first_seen=row.first_seen,
        product=row.product,
        reason=row.reason,
    )
