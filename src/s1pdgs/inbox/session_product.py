"""A concluded delivery as a product: its blocks, and beside them what tells of each channel (DSIB, QualityInfo)."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.query import find
from s1pdgs.formats.dsib import SessionInformation, write_dsib
from s1pdgs.formats.names import NamingError, SessionFileName
from s1pdgs.inbox import quality as quality_info
from s1pdgs.inbox.deliveries import free_name, place_of
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.storage.objects import KeyTaken, ObjectStore

SESSION_TYPE = "SESSION"


def session_product(
    connection: sa.Connection,
    objects: ObjectStore,
    row: sa.Row[Any],
    blocks: Sequence[sa.Row[Any]],
    *,
    attributes: dict[str, AttributeValue],
    now: datetime,
) -> Product:
    """The SESSION product of a delivery's row; DSIBs and QualityInfo records are stored on the way.

    A delivery that became a product before, when it was incomplete, becomes another one over the same blocks, with the
    next free name `<session>_R<n>` and DSIBs of its own below `R<n>/` of each channel. One that was received again, for
    its files went, becomes the product that it was.
    """
    place, held = place_of(connection, row.id), find(connection, row.product or row.id)
    if held is not None and held.evicted_at is not None and held.name == row.product:
        name = held.name
    else:
        name = row.id if held is None else free_name(connection, row.session_id)[0]
    again = "" if name == row.id else f"/{name.rpartition('_')[2]}"
    files = [StoredFile(f"ch_{block.channel}/{block.name}", block.size, block.md5, block.sha256) for block in blocks]
    for channel in sorted({block.channel for block in blocks}):
        own = [block for block in blocks if block.channel == channel]
        files += _store_beside(objects, row, own, place, f"ch_{channel}{again}")
    return Product(
        name=name,
        type=SESSION_TYPE,
        satellite=row.satellite,
        validity=Interval(row.downlink_start, max(row.downlink_start, row.downlink_stop)),
        generation_time=now,
        location=place,
        files=tuple(sorted(files, key=lambda file: file.path)),
        t0=max(block.published for block in blocks),
        attributes=attributes,
    )


def _store_beside(
    objects: ObjectStore, row: sa.Row[Any], blocks: Sequence[sa.Row[Any]], place: str, folder: str
) -> list[StoredFile]:
    """The DSIB of the channel of some blocks and, where the station gives it, its QualityInfo (verbatim, JSON)."""
    channel = blocks[0].channel
    stem = _stem(row.session_id, channel, blocks[0].name)
    stored = [_store(objects, place, f"{folder}/{stem}_DSIB.xml", write_dsib(_information(row, blocks)))]
    for record in row.quality or []:
        if quality_info.channel_of(record) == channel:
            text = json.dumps(record, ensure_ascii=False, indent=1).encode()
            stored.append(_store(objects, place, f"{folder}/{stem}_QualityInfo.json", text))
            break
    return stored


def _information(row: sa.Row[Any], blocks: Sequence[sa.Row[Any]]) -> SessionInformation:
    """Times and sizes of one channel only, and the same of the same rows always."""
    return SessionInformation(
        session_id=row.session_id,
        start=row.downlink_start,
        stop=max(row.downlink_start, row.downlink_stop),
        created=min(block.published for block in blocks),
        finished=max(block.published for block in blocks),
        data_size=sum(block.size for block in blocks),
        dsdb_names=tuple(block.name for block in blocks),
    )


def _store(objects: ObjectStore, place: str, path: str, data: bytes) -> StoredFile:
    key = f"{place}/{path}"
    try:
        sums = objects.put(key, iter([data]))
    except KeyTaken:
        # Left by a conclusion that did not commit, before another block came: no product points to it.
        objects.delete(key)
        sums = objects.put(key, iter([data]))
    return StoredFile(path, sums.size, sums.md5, sums.sha256)


def _stem(session_id: str, channel: int, block_name: str) -> str:
    try:
        unit = SessionFileName.parse(block_name).unit
    except NamingError:
        unit = "00"
    return f"DCS_{unit}_{session_id}_ch{channel}"


def attributes_of(row: sa.Row[Any], lack: str | None, remarks: Sequence[str]) -> dict[str, AttributeValue]:
    """What a SESSION product tells of its delivery; `lack` is what it waited for in vain."""
    attributes: dict[str, AttributeValue] = {
        "productType": SESSION_TYPE,
        "platformShortName": "SENTINEL-1",
        "platformSerialIdentifier": row.satellite[-1],
        "orbitNumber": row.downlink_orbit,
        "sessionId": row.session_id,
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
