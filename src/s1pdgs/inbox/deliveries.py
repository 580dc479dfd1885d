"""Deliveries of downlink sessions: each is told apart, named, and has a place of its own (docs/joints.md section 4).

A station may deliver a session again (`Retransfer`), and another station may have heard the same downlink and call its
session the same. The first delivery that is announced is called by the session's identifier, others `<session>_R<n>`.
The same numbers count later products of one delivery, when late blocks completed it.

A delivery whose files went is received again when its station publishes it anew, or when somebody asks for it
(`receive_again`): all its blocks come anew, to a place that was never used, and it becomes the same product.
"""

import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.tables import product
from s1pdgs.inbox.errors import UnknownFile
from s1pdgs.inbox.files import ANNOUNCED, STORED, Announcement, announce_again, announce_file
from s1pdgs.inbox.tables import received_file
from s1pdgs.inbox.tables import session as session_table
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.model.time import format_iso, micros

OPEN, COMPLETE, INCOMPLETE = "open", "complete", "incomplete"
_AGAIN = re.compile(r"^(?P<session>.+)_R(?P<number>\d+)$")


def location_of(delivery: str) -> str:
    """The object-key prefix of a delivery that comes first: `sessions/<session>`, or `sessions/<session>/R<n>`."""
    match = _AGAIN.match(delivery)
    return f"sessions/{delivery}" if match is None else f"sessions/{match['session']}/R{match['number']}"


def place_of(connection: sa.Connection, delivery: str) -> str:
    """The object-key prefix of what arrives of a delivery now: where its files are, or `<location>/<time>` when those
    that it had went at that time.
    """
    held = connection.execute(_product_of(delivery)).first()
    if held is None:
        return location_of(delivery)
    return str(held.location) if held.evicted_at is None else f"{location_of(delivery)}/{micros(held.evicted_at)}"


def block_key(place: str, channel: int, name: str) -> str:
    """The object key of a file of a delivery below its place."""
    return f"{place}/ch_{channel}/{name}"


def announce_session(connection: sa.Connection, source: str, session: Session, now: datetime) -> bool:
    """Note that a source offers a delivery of a session, as often as it says so; True when it is news.

    A delivery is one by satellite, station and retransfer flag, retransfers also by the station's key. One that another
    source announced first stays with that source. One whose files went is news when its source publishes it anew.
    """
    known = _known(connection, session)
    if known is None:
        _add(connection, source, session, now)
        return True
    if known.source != source:
        return False
    if known.state != OPEN:
        gone = _gone_at(connection, known.id)
        is_anew = gone is not None and session.publication_time > gone
        return is_anew and receive_again(connection, known.id, source, now)
    columns = _columns(session)
    columns["published"] = min(known.published, session.publication_time)
    columns["remote_id"] = session.remote_id or known.remote_id
    connection.execute(session_table.update().where(session_table.c.id == known.id).values(columns))
    return False


def receive_again(connection: sa.Connection, delivery: str, source: str, now: datetime) -> bool:
    """Let a delivery whose files went be received anew from a source; False when they are here, or come already."""
    gone = _gone_at(connection, delivery)
    if gone is None:
        return False
    values = {"state": OPEN, "source": source, "first_seen": now, "completed_at": None}
    reason = f"is received again: its files went at {format_iso(gone)}"
    concluded = session_table.update().where(session_table.c.id == delivery, session_table.c.state != OPEN)
    if connection.execute(concluded.values(**values, reason=reason)).rowcount == 0:
        return False
    announce_again(connection, delivery, place_of(connection, delivery), source, now)
    return True


def delivery_of(connection: sa.Connection, session: Session) -> str | None:
    """What the delivery of a session is called that was announced; None before."""
    known = _known(connection, session)
    return None if known is None else str(known.id)


def announce_block(connection: sa.Connection, source: str, file: SessionFile, now: datetime) -> bool:
    """Note that a source offers a block of a session; True when it is news to be downloaded.

    A size below zero means that the source does not tell it. A block that is news to a delivery given up as incomplete
    opens it again, and lets all its blocks come anew when they went. Raises `UnknownFile` for a block of a session that
    was never announced.
    """
    delivery = _delivery_for(connection, source, file, now)
    news = announce_file(
        connection,
        Announcement(
            source=source,
            remote_id=file.id,
            name=file.name,
            published=file.publication_time,
            size=file.size if file.size >= 0 else None,
            checksum=file.checksum,
            session_id=delivery,
            channel=file.channel,
            block=file.block_number,
            final_block=file.final_block,
        ),
        now,
    )
    if news and not receive_again(connection, delivery, source, now):
        connection.execute(
            session_table.update()
            .where(session_table.c.id == delivery, session_table.c.state == INCOMPLETE)
            .values(state=OPEN, reason=f"opened again for {file.name}")
        )
    return news


def free_name(connection: sa.Connection, session_id: str) -> tuple[str, int]:
    """The next name `<session>_R<n>` that neither a delivery nor a product has, and n; 0 and the bare name at first."""
    number = 0
    while True:
        name = f"{session_id}_R{number}" if number else session_id
        taken = connection.scalar(sa.select(session_table.c.id).where(session_table.c.id == name))
        if taken is None and find(connection, name) is None:
            return name, number
        number += 1


def _add(connection: sa.Connection, source: str, session: Session, now: datetime) -> str:
    name, number = free_name(connection, session.id)
    values = {**_columns(session), "id": name, "delivery": number, "source": source, "state": OPEN, "first_seen": now}
    connection.execute(session_table.insert().values(**values, reason="no block announced yet"))
    return name


def _product_of(delivery: str) -> sa.Select[Any]:
    """Where the product rests that a delivery became last, and since when its files are gone."""
    query = sa.select(product.c.location, product.c.evicted_at).join(
        session_table, session_table.c.product == product.c.name
    )
    return query.where(session_table.c.id == delivery)


def _gone_at(connection: sa.Connection, delivery: str) -> datetime | None:
    """When the files of a delivery went; None when they are here, or it is no product yet."""
    held = connection.execute(_product_of(delivery)).first()
    return None if held is None else held.evicted_at


def _known(connection: sa.Connection, session: Session) -> sa.Row[Any] | None:
    """The delivery of a session that was announced before: by the station's key, whatever else it corrects, else by
    what it tells.
    """
    table = session_table.c
    if session.remote_id:
        same = (table.session_id == session.id, table.remote_id == session.remote_id)
        named = sa.select(session_table).where(*same, table.retransfer == session.retransfer)
        row = connection.execute(named.order_by(table.delivery.desc())).first()
        if row is not None:
            return row
    query = sa.select(session_table).where(
        table.session_id == session.id,
        table.satellite == session.satellite,
        table.station == session.station,
        table.retransfer == session.retransfer,
    )
    if session.retransfer and session.remote_id:
        query = query.where(table.remote_id.in_([session.remote_id, ""]))
    return connection.execute(query.order_by(table.delivery.desc())).first()


def _delivery_for(connection: sa.Connection, source: str, file: SessionFile, now: datetime) -> str:
    """The delivery that a block belongs to: the one that its source names, else of its source and with its flag, the
    newest of several.

    A block flagged as retransferred, of a session that was only announced without that flag, begins a delivery. So does
    one that is to be in the place of another with other bytes: it is retransferred, whatever its flag.
    """
    query = sa.select(session_table).where(session_table.c.session_id == file.session_id)
    rows = connection.execute(query).all()
    if not rows:
        raise UnknownFile(f"block {file.name} belongs to session {file.session_id}, which {source} never announced")
    best = max(
        rows,
        key=lambda row: (
            row.source == source,
            file.delivery != "" and row.remote_id == file.delivery,
            row.retransfer == file.retransfer,
            row.delivery,
        ),
    )
    if best.source != source or (file.delivery != "" and best.remote_id == file.delivery):
        return str(best.id)
    again = sorted((row for row in rows if row.source == source and row.retransfer), key=lambda row: -row.delivery)
    fitting = again if file.retransfer else [best, *again]
    for row in fitting:
        if not _has_other(connection, row.id, source, file):
            return str(row.id)
    return _add(connection, source, _retransferred(best, file), now)


def _has_other(connection: sa.Connection, delivery: str, source: str, file: SessionFile) -> bool:
    """Whether a source offers, or has brought, other bytes in the place of a block: of another size or checksum."""
    c = received_file.c
    here = sa.select(received_file).where(c.session_id == delivery, c.source == source)
    rows = connection.execute(here.where(c.channel == file.channel, c.block == file.block_number)).all()
    if any(row.remote_id == file.id for row in rows):
        return False
    return any(_differs(row, file) for row in rows if row.state in (ANNOUNCED, STORED))


def _differs(row: sa.Row[Any], file: SessionFile) -> bool:
    if row.size is not None and file.size >= 0 and row.size != file.size:
        return True
    algorithm, _, told = (file.checksum or "").partition(":")
    announced, _, of_announced = (row.checksum or "").partition(":")
    held = {"MD5": row.md5, "SHA256": row.sha256}.get(algorithm) or (of_announced if announced == algorithm else "")
    return bool(told and held) and str(held).lower() != told.lower()


def _retransferred(row: sa.Row[Any], file: SessionFile) -> Session:
    return Session(
        id=row.session_id,
        satellite=row.satellite,
        station=row.station,
        channels=row.channels,
        publication_time=file.publication_time,
        downlink_start=row.downlink_start,
        downlink_stop=row.downlink_stop,
        downlink_orbit=row.downlink_orbit,
        retransfer=True,
    )


def _columns(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "remote_id": session.remote_id,
        "satellite": session.satellite,
        "station": session.station,
        "channels": session.channels,
        "published": session.publication_time,
        "downlink_start": session.downlink_start,
        "downlink_stop": session.downlink_stop,
        "downlink_orbit": session.downlink_orbit,
        "retransfer": session.retransfer,
    }
