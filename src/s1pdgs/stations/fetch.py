"""One download from start to its effect: stored and told, tried again later, or set aside with a reason."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog
from attrs import frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import CatalogueError, register
from s1pdgs.formats.xml import FormatError
from s1pdgs.inbox.auxiliary import prepare_product, unpacked
from s1pdgs.inbox.deliveries import block_key, place_of
from s1pdgs.inbox.errors import InboxError
from s1pdgs.inbox.files import Due, fail_file, postpone_file, store_file
from s1pdgs.inbox.quarantine import keep_bytes
from s1pdgs.stations.auxip import AuxipClient
from s1pdgs.stations.cadip import CadipClient
from s1pdgs.stations.errors import StationError, StationRefusal, StationUnreachable, WrongBytes
from s1pdgs.stations.profile import Integrity, Profile
from s1pdgs.stations.transfer import Expected, agrees, bounded, proof, put_stream, spool, transfer
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, KeyTaken, ObjectStore, Proof, checksums_of, file_chunks, put_file

_log = structlog.get_logger(__name__)
_NOT_LET_IN = {401, 403, 407}


@frozen
class Fetcher:
    """Downloads files of one source."""

    client: CadipClient | AuxipClient
    profile: Profile
    database: Database
    objects: ObjectStore
    outbox: Outbox
    work_root: Path

    def fetch(self, due: Due) -> StationUnreachable | None:
        """Download one file; whatever happens to it is in the database afterwards. Gives back why the station could
        not be reached.
        """
        try:
            self.work_root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=self.work_root, prefix=f"{self.profile.name}-", ignore_cleanup_errors=True
            ) as folder:
                self._fetch_in(due, Path(folder))
        except (StationError, OSError) as error:  # a store or a disk that cannot be used, too
            self._postpone(due, error)
            return error if isinstance(error, StationUnreachable) else None
        return None

    def _fetch_in(self, due: Due, folder: Path) -> None:
        """Fetch with a folder for working files. What is the fault of the file itself counts as an attempt at it."""
        file = due.announcement
        try:
            if file.session_id is None:
                self._fetch_product(due, folder)
            else:
                self._fetch_block(due, folder)
        except WrongBytes as error:
            self._fail(due, str(error), folder)
        except StationRefusal as error:
            if error.status in _NOT_LET_IN:  # our credentials are at fault, not the file
                raise
            self._fail(due, f"{file.name}: {error}", folder)
        except (InboxError, FormatError, CatalogueError) as error:
            # Bytes that are proven to be the station's own would be no better for another download.
            is_proven = file.checksum is not None and self.profile.integrity is Integrity.STRICT
            self._fail(due, f"{file.name} was received but cannot be used: {error}", folder, is_final=is_proven)
        except KeyTaken as error:
            self._fail(due, f"{file.name} differs from what was stored before: {error}", folder)

    def _fetch_block(self, due: Due, folder: Path) -> None:
        """A block streams straight into the store; in its last attempt by way of a file, so that bytes remain."""
        file = due.announcement
        with self.database.read() as connection:
            place = place_of(connection, str(file.session_id))
        key = block_key(place, int(file.channel or 0), file.name)
        sums = self._stored_before(due, key)
        if sums is None and self._is_last(due):
            path, _ = self._spooled(due, folder)
            sums = put_file(self.objects, path, key)
        elif sums is None:
            sums = put_stream(self.objects, key, self._chunks(due), self._proof(due))
        with self.database.write() as connection:
            store_file(connection, self.outbox, file, key, sums)

    def _stored_before(self, due: Due, key: str) -> Checksums | None:
        """The checksums of an object that an attempt stored before its transaction was cut off."""
        expected = _expected(due)
        if self.objects.size(key) is None or self.objects.size(key) != expected.size:
            return None
        sums = checksums_of(self.objects, key)
        return sums if agrees(expected, sums) else None

    def _fetch_product(self, due: Due, folder: Path) -> None:
        """An auxiliary file is unpacked, described, stored and registered."""
        file = due.announcement
        path, sums = self._spooled(due, folder)
        product = prepare_product(
            self.database, self.objects, unpacked(path, file.name, folder), "auxiliary", file.published
        )
        with self.database.write() as connection:
            register(connection, self.outbox, product)
            store_file(connection, self.outbox, file, product.location, sums)

    def _spooled(self, due: Due, folder: Path) -> tuple[Path, Checksums]:
        path = folder / due.announcement.name
        return path, spool(self._chunks(due), path, self._proof(due))

    def _chunks(self, due: Due) -> Iterator[bytes]:
        file = due.announcement
        arriving = transfer(self.client.http, self.client.file_url(file.remote_id), file.name)
        return bounded(arriving, _expected(due), self.profile.integrity)

    def _proof(self, due: Due) -> Proof:
        return proof(_expected(due), self.profile.integrity)

    def _is_last(self, due: Due) -> bool:
        return due.attempts + 1 >= self.profile.max_attempts

    def _postpone(self, due: Due, error: Exception) -> None:
        file = due.announcement
        _log.warning("download postponed", source=self.profile.name, file=file.name, why=str(error))
        with self.database.write() as connection:
            postpone_file(connection, file.source, file.remote_id, str(error), self.outbox.clock.now())

    def _fail(self, due: Due, reason: str, folder: Path, *, is_final: bool = False) -> None:
        """Count the attempt; after the last one keep what arrived and tell the operator what can be done."""
        file, location = due.announcement, None
        most = due.attempts + 1 if is_final else self.profile.max_attempts
        if due.attempts + 1 >= most:
            path = folder / file.name
            if path.is_file() and path.stat().st_size:
                location = keep_bytes(self.objects, file.source, file.name, lambda: file_chunks(path))
            reason = (
                f"{reason}. Given up after {due.attempts + 1} downloads from {file.source}; ask the station to "
                "transfer it again, then retry the file"
            )
        _log.warning("download failed", source=self.profile.name, file=file.name, attempt=due.attempts + 1, why=reason)
        with self.database.write() as connection:
            fail_file(connection, self.outbox, due, reason, max_attempts=most, location=location)


def _expected(due: Due) -> Expected:
    file = due.announcement
    return Expected(file.name, file.size, file.checksum)
