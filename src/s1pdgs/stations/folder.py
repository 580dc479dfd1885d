"""Products and sessions that lie in a folder: taken in by order (`ingest`) or as they are dropped there (`sweep`).

A session is a folder with DSDB files anywhere below it, beside their DSIBs or a simulated station's `session.json`
or neither; a product is a SAFE folder, an auxiliary file or a zip of either.
"""

import hashlib
import json
import re
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from attrs import evolve, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import CatalogueError, register
from s1pdgs.formats.dsib import SessionInformation, read_dsib
from s1pdgs.formats.names import NamingError, SessionFileName
from s1pdgs.formats.xml import FormatError
from s1pdgs.inbox import deliveries
from s1pdgs.inbox import sessions as inbox
from s1pdgs.inbox.auxiliary import prepare_product, unpacked
from s1pdgs.inbox.errors import InboxError
from s1pdgs.inbox.files import due_files, store_file
from s1pdgs.inbox.quarantine import set_aside
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.model.time import parse_utc
from s1pdgs.stations.errors import StationUnreachable, WrongBytes
from s1pdgs.stations.profile import Integrity, Profile
from s1pdgs.stations.transfer import Expected, bounded, proof, put_stream
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import KeyTaken, ObjectStore, StorageError, file_chunks

_log = structlog.get_logger(__name__)
SETTLED_AFTER_S = 5.0
_MOST_BLOCKS = 200_000
DONE, REFUSED = ".done", ".refused"
_SESSION_ID = re.compile(r"^(S1[A-D])_(\d{14})(\d{6})?$")


@frozen
class Found:
    """A session folder as it was read: the blocks with their files."""

    session: Session
    blocks: tuple[tuple[SessionFile, Path], ...]


def ingest(
    path: Path, database: Database, objects: ObjectStore, outbox: Outbox, work_root: Path, *, source: str = "folder"
) -> str:
    """Take in a session folder, a SAFE folder, an auxiliary file or a zip; the name of the product that it became.

    An incomplete session becomes a product marked so. Repeating it changes nothing, unless its files went. Raises
    `FormatError`, `InboxError`, `CatalogueError` or `WrongBytes` with what is wrong with it.
    """
    if not path.exists():
        raise InboxError(f"{path} does not exist")
    if path.is_dir() and (found := read_session_folder(path, outbox.clock.now())) is not None:
        return _ingest_session(found, database, objects, outbox, source)
    work_root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=work_root, prefix="ingest-"))
    try:
        product = prepare_product(database, objects, unpacked(path, path.name, folder), "ingested", outbox.clock.now())
        with database.write() as connection:
            register(connection, outbox, product)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return product.name


def _ingest_session(found: Found, database: Database, objects: ObjectStore, outbox: Outbox, source: str) -> str:
    now = outbox.clock.now()
    paths = {file.id: path for file, path in found.blocks}
    with database.write() as connection:
        deliveries.announce_session(connection, source, found.session, now)
        delivery = str(deliveries.delivery_of(connection, found.session))
        deliveries.receive_again(connection, delivery, source, now)
        for block, _ in found.blocks:
            deliveries.announce_block(connection, source, block, now)
        due = [entry.announcement for entry in due_files(connection, source, now, limit=_MOST_BLOCKS)]
        place = deliveries.place_of(connection, delivery)
    for file in due:
        if file.remote_id in paths and file.session_id == delivery:
            key = deliveries.block_key(place, int(file.channel or 0), file.name)
            expected = Expected(file.name, file.size, file.checksum)
            chunks = bounded(file_chunks(paths[file.remote_id]), expected, Integrity.STRICT)
            sums = put_stream(objects, key, chunks, proof(expected, Integrity.STRICT))
            with database.write() as connection:
                store_file(connection, outbox, file, key, sums)
    with database.write() as connection:
        known = inbox.find_session(connection, delivery)
        is_ours = known is not None and known.source == source
        (inbox.give_up if is_ours else inbox.complete)(connection, outbox, objects, delivery)
        known = inbox.find_session(connection, delivery)
    return delivery if known is None or known.product is None else known.product


def read_session_folder(folder: Path, now: datetime) -> Found | None:
    """The session below a folder; None when it holds no DSDB file. Raises `FormatError` for contradictions."""
    named = []
    for path in sorted(folder.rglob("*")):
        try:
            name = SessionFileName.parse(path.name)
        except NamingError:
            continue
        if path.is_file() and not path.is_symlink():
            named.append((name, path))
    raws = [(name, path) for name, path in named if name.block is not None]
    if not raws:
        return None
    identifiers = sorted({name.session for name, _ in raws})
    if len(identifiers) > 1:
        raise FormatError(f"{folder} holds blocks of {len(identifiers)} sessions ({', '.join(identifiers[:3])})")
    dsibs = {name.channel: read_dsib(path) for name, path in named if name.block is None}
    record = _read_record(folder)
    channels = {name.channel for name, _ in raws}
    session = _session(identifiers[0], channels, dsibs, record, now)
    if session.retransfer:
        session = evolve(session, remote_id=f"{_digest([path for _, path in raws])}/")
    numbers = [(name.channel, int(name.block or 0)) for name, _ in raws]
    highest = {channel: max(number for of, number in numbers if of == channel) for channel in channels}
    entries = record.get("files", {})
    blocks = (
        _block(session, name, path, dsibs.get(name.channel), entries.get(path.name), highest=highest[name.channel])
        for name, path in raws
    )
    return Found(session, tuple(blocks))


def _digest(blocks: list[Path]) -> str:
    """Tells retransfers of one session apart that come as folders, by the names and sizes of their blocks."""
    text = "\n".join(f"{path.name} {path.stat().st_size}" for path in blocks)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "session.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_bytes())
        return {**record, "files": {entry["name"]: entry for entry in record["files"]}}
    except (ValueError, KeyError, TypeError):
        raise FormatError(f"{path} is not the record of a simulated session") from None


def _session(
    identifier: str, channels: set[int], dsibs: dict[int, SessionInformation], record: dict[str, Any], now: datetime
) -> Session:
    match = _SESSION_ID.match(identifier)
    satellite = record.get("satellite") or (match[1] if match else None)
    if satellite is None:
        raise FormatError(f"session {identifier}: neither its name nor a session.json tells the satellite")
    start = datetime.strptime(match[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else now
    stop = start
    if dsibs:
        start = min(dsib.start for dsib in dsibs.values())
        stop = max(dsib.stop for dsib in dsibs.values())
    if record:
        start, stop = parse_utc(record["downlink_start"]), parse_utc(record["downlink_stop"])
    return Session(
        id=identifier,
        satellite=str(satellite),
        station=str(record.get("station", "FOLD")),
        channels=len(channels | set(dsibs)),
        publication_time=now,
        downlink_start=start,
        downlink_stop=max(start, stop),
        downlink_orbit=int(record.get("orbit") or (match[3] if match else None) or 0),
        retransfer=bool(record.get("retransfer", False)),
    )


def _block(
    session: Session,
    name: SessionFileName,
    path: Path,
    dsib: SessionInformation | None,
    entry: dict[str, Any] | None,
    *,
    highest: int,
) -> tuple[SessionFile, Path]:
    """One block; it is the final one as session.json says, else as the DSIB says, else as the highest number."""
    number = int(name.block or 0)
    final = number == highest
    if dsib is not None:
        final = bool(dsib.dsdb_names) and path.name == dsib.dsdb_names[-1]
    if entry is not None:
        number, final = int(entry["block"]), bool(entry["final"])
    file = SessionFile(
        id=f"{session.id}/{session.station}/{session.remote_id}{path.name}",
        session_id=session.id,
        name=path.name,
        channel=name.channel,
        block_number=number,
        final_block=final,
        publication_time=session.publication_time,
        size=path.stat().st_size if entry is None else int(entry["size"]),
        retransfer=session.retransfer,
        checksum=None if entry is None else f"MD5:{entry['md5']}",
    )
    return file, path


def sweep(profile: Profile, database: Database, objects: ObjectStore, outbox: Outbox, work_root: Path) -> bool:
    """Take in what was dropped into the folder of a profile and has not changed for a while; True when there was any.

    What was taken in moves to `.done`, what cannot be to `.refused` with its reason in the quarantine.
    """
    root = Path(profile.url)
    if not root.is_dir():
        raise StationUnreachable(f"folder {root} does not exist")
    settled = outbox.clock.now() - timedelta(seconds=SETTLED_AFTER_S)
    entries = [
        entry for entry in sorted(root.iterdir()) if not entry.name.startswith(".") and _changed(entry) < settled
    ]
    for entry in entries:
        try:
            ingest(entry, database, objects, outbox, work_root, source=profile.name)
        except (InboxError, FormatError, CatalogueError, WrongBytes, KeyTaken) as error:
            _log.warning("refused", source=profile.name, file=entry.name, why=str(error))
            _refuse(profile, database, outbox, entry, str(error))
        except StorageError as error:
            raise StationUnreachable(f"{entry}: {error}") from error
        else:
            _move(entry, root / DONE)
    return bool(entries)


def _refuse(profile: Profile, database: Database, outbox: Outbox, entry: Path, reason: str) -> None:
    moved = _move(entry, entry.parent / REFUSED)
    with database.write() as connection:
        set_aside(
            connection,
            outbox,
            source=profile.name,
            remote_id=entry.name,
            name=entry.name,
            reason=f"{reason}. It rests at {moved}; mend it and drop it again",
            location=None,
        )


def _changed(entry: Path) -> datetime:
    """When anything of an entry changed last."""
    members = [entry, *entry.rglob("*")] if entry.is_dir() else [entry]
    newest = max(member.lstat().st_mtime for member in members)
    return datetime.fromtimestamp(newest, UTC)


def _move(entry: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / entry.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{entry.name}.{number}"
    entry.rename(target)
    return target
