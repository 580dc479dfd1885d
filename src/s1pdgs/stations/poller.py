"""The two steps of a source's role: look what is new, and download what is due."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import httpx2
import structlog
from attrs import define, field, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.inbox import deliveries
from s1pdgs.inbox import sessions as inbox
from s1pdgs.inbox.files import Due, announce_file, due_files
from s1pdgs.stations import folder
from s1pdgs.stations.auxip import AuxipClient
from s1pdgs.stations.cadip import CadipClient
from s1pdgs.stations.cursor import advance, beginning, note_failure, position
from s1pdgs.stations.errors import StationError, StationUnreachable
from s1pdgs.stations.fetch import Fetcher
from s1pdgs.stations.http import open_http
from s1pdgs.stations.profile import Kind, Profile
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

_log = structlog.get_logger(__name__)
_ROUNDS = 4
_LISTED = 3
LONGEST_REST = timedelta(hours=1)


@define
class Rest:
    """How long a station asked to be left alone (Retry-After, within an hour), known to this process only."""

    until: datetime | None = None
    why: str = ""

    def begin(self, error: StationError, now: datetime) -> None:
        """Rest if a station's answer asks for it."""
        asked_s = error.retry_after_s if isinstance(error, StationUnreachable) else None
        if asked_s:
            self.until, self.why = now + timedelta(seconds=min(asked_s, LONGEST_REST.total_seconds())), str(error)

    def lasts(self, now: datetime) -> bool:
        """Whether the station is to be left alone; a clock that was put back ends it within an hour."""
        return self.until is not None and self.until - LONGEST_REST <= now < self.until

    def __str__(self) -> str:
        return f"{self.why}; it is asked again at {self.until:%Y-%m-%dT%H:%M:%SZ}"


@frozen
class Source:
    """An outside source and what its steps work on; `client` is None for a folder."""

    profile: Profile
    client: CadipClient | AuxipClient | None
    database: Database
    objects: ObjectStore
    outbox: Outbox
    work_root: Path
    rest: Rest = field(factory=Rest)

    def now(self) -> datetime:
        return self.outbox.clock.now()

    def close(self) -> None:
        """Give back the connections."""
        if self.client is not None:
            self.client.http.client.close()


def open_source(
    profile: Profile,
    database: Database,
    objects: ObjectStore,
    outbox: Outbox,
    work_root: Path,
    *,
    transport: httpx2.BaseTransport | None = None,
) -> Source:
    """A source by its profile. Working files go below `work_root`, which is made."""
    work_root.mkdir(parents=True, exist_ok=True)
    client: CadipClient | AuxipClient | None = None
    if profile.kind is Kind.CADIP:
        client = CadipClient(open_http(profile, outbox.clock, transport))
    elif profile.kind is Kind.AUXIP:
        client = AuxipClient(open_http(profile, outbox.clock, transport))
    return Source(profile, client, database, objects, outbox, work_root)


def poll(source: Source) -> bool:
    """Look at a source when its interval has passed; True when it brought news.

    A source that fails is noted with the reason and looked at again after its interval, or when it asked to be.
    """
    now = source.now()
    with source.database.read() as connection:
        known = position(connection, source.profile.name)
    if known is not None and known.polled_at <= now < known.polled_at + timedelta(seconds=source.profile.poll_s):
        return False
    if source.rest.lasts(now):
        _note_failure(source, str(source.rest), now)
        return False
    after = beginning(source.profile, now) if known is None else known.published
    try:
        match source.client:
            case CadipClient():
                news = _poll_cadip(source, source.client, after)
            case AuxipClient():
                news = _poll_auxip(source, source.client, after)
            case _:
                news = _poll_folder(source)
    except StationError as error:
        _log.warning("poll failed", source=source.profile.name, why=str(error))
        source.rest.begin(error, now)
        _note_failure(source, str(error), now)
        return False
    return news


def _note_failure(source: Source, why: str, now: datetime) -> None:
    with source.database.write() as connection:
        note_failure(connection, source.profile, why, now)


def download(source: Source) -> bool:
    """Download some of what is due, several files at once; True when there was any.

    When nobody answers, or the station asks for a rest, the others wait for the next time.
    """
    if source.client is None or source.rest.lasts(source.now()):
        return False
    profile = source.profile
    with source.database.read() as connection:
        due = due_files(connection, profile.name, source.now(), limit=_ROUNDS * profile.parallel_downloads)
    if not due:
        return False
    fetcher = Fetcher(source.client, profile, source.database, source.objects, source.outbox, source.work_root)
    is_away = Event()

    def fetch(entry: Due) -> None:
        error = None if is_away.is_set() else fetcher.fetch(entry)
        if error is not None and _is_away(error):
            source.rest.begin(error, source.now())
            is_away.set()

    with ThreadPoolExecutor(profile.parallel_downloads, thread_name_prefix=f"download-{profile.name}") as pool:
        list(pool.map(fetch, due))
    if isinstance(source.client, CadipClient):
        touched = {entry.announcement.session_id for entry in due}
        _conclude(source, source.client, sorted(session for session in touched if session is not None))
    return True


def _is_away(error: StationError) -> bool:
    """Whether nobody answers, or the station asks to be left alone; not when one request fails."""
    return isinstance(error, StationUnreachable) and (error.status is None or bool(error.retry_after_s))


def _poll_auxip(source: Source, client: AuxipClient, after: datetime) -> bool:
    newest: datetime | None = None
    passed_over: list[str] = []
    news = False
    for page in client.products(after):
        newest = max((time for time in (newest, page.newest) if time is not None), default=None)
        passed_over += page.passed_over
        with source.database.write() as connection:
            for entry in page.found:
                news |= announce_file(connection, entry, source.now())
    with source.database.write() as connection:
        advance(connection, source.profile, newest, source.now(), _remark(source, passed_over))
    return news


def _poll_cadip(source: Source, client: CadipClient, after: datetime) -> bool:
    """Announce the sessions and, whatever their dates, the files of each one that may still get some."""
    pages = list(client.sessions(after))
    now = source.now()
    news = False
    with source.database.write() as connection:
        for session in [session for page in pages for session in page.found]:
            news |= deliveries.announce_session(connection, source.profile.name, session, now)
        since = now - timedelta(seconds=source.profile.follow_incomplete_s)
        followed = inbox.sessions_to_follow(connection, source.profile.name, since)
    passed_over = [why for page in pages for why in page.passed_over]
    troubles: list[StationError] = []
    for session_id in dict.fromkeys(known.session.id for known in followed):
        try:
            news |= _announce_files(source, client, session_id, passed_over)
        except StationError as error:
            troubles.append(error)
            if _is_away(error):
                break
    newest = max((page.newest for page in pages if page.newest is not None), default=None)
    with source.database.write() as connection:
        advance(connection, source.profile, newest, now, _remark(source, passed_over))
    with source.database.read() as connection:  # blocks flagged as retransferred may have begun a delivery
        followed = inbox.sessions_to_follow(connection, source.profile.name, since)
    news |= _conclude(source, client, [known.delivery for known in followed])
    news |= _give_up(source, client)
    if troubles:
        raise troubles[-1]
    return news


def _remark(source: Source, passed_over: Sequence[str]) -> str | None:
    """What operators should know of a poll that went well: records that nobody could understand."""
    different = list(dict.fromkeys(passed_over))
    if not different:
        return None
    for why in different:
        _log.warning("a record was passed over", source=source.profile.name, why=why)
    listed = "; ".join(different[:_LISTED])
    return f"{len(different)} record{'s' * (len(different) > 1)} passed over: {listed}"


def _announce_files(source: Source, client: CadipClient, session_id: str, passed_over: list[str]) -> bool:
    news = False
    for page in client.files(session_id):
        passed_over += page.passed_over
        with source.database.write() as connection:
            for file in page.found:
                news |= deliveries.announce_block(connection, source.profile.name, file, source.now())
    return news


def _conclude(source: Source, client: CadipClient, names: Iterable[str]) -> bool:
    """Make products of the deliveries whose blocks are all stored, with what the station says of their quality."""
    news = False
    for delivery in names:
        with source.database.write() as connection:
            if not inbox.is_ready(connection, delivery):
                continue
        _ask_quality(source, client, delivery)
        with source.database.write() as connection:
            news |= inbox.complete(connection, source.outbox, source.objects, delivery)
    return news


def _ask_quality(source: Source, client: CadipClient, delivery: str) -> None:
    """QualityInfo informs; a session is not held back for it."""
    with source.database.read() as connection:
        known = inbox.find_session(connection, delivery)
    if known is None:
        return
    try:
        quality = client.quality(known.session)
    except StationError as error:
        _log.warning("no quality information", session=delivery, why=str(error))
        return
    if quality:
        with source.database.write() as connection:
            inbox.record_quality(connection, delivery, quality)


def _give_up(source: Source, client: CadipClient) -> bool:
    """End the waiting of deliveries in which nothing has happened for too long."""
    profile, now = source.profile, source.now()
    waits = (
        (inbox.overdue_sessions, timedelta(seconds=profile.give_up_after_s)),
        (inbox.partial_retransfers, timedelta(seconds=profile.partial_retransfer_after_s)),
    )
    with source.database.read() as connection:
        ended = [delivery for overdue, wait in waits for delivery in overdue(connection, profile.name, now, wait)]
    news = False
    for delivery in dict.fromkeys(ended):
        _ask_quality(source, client, delivery)
        with source.database.write() as connection:
            news |= inbox.give_up(connection, source.outbox, source.objects, delivery)
    return news


def _poll_folder(source: Source) -> bool:
    news = folder.sweep(source.profile, source.database, source.objects, source.outbox, source.work_root)
    with source.database.write() as connection:
        advance(connection, source.profile, None, source.now())
    return news
