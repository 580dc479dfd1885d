"""What one process works on for long, others leave alone while it gives signs of life."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.model.time import Clock
from s1pdgs.publication.archive import readable
from s1pdgs.publication.errors import CorruptProductError
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, ObjectStore, checksums_of


@frozen
class Lease:
    """`prolong` makes the statement that keeps others away until a moment."""

    database: Database
    clock: Clock
    length_s: float
    prolong: Callable[[datetime], sa.Update]
    _renewed: list[datetime] = field(factory=list)

    def renew(self) -> None:
        """Prolong the lease when a third of it has passed."""
        now = self.clock.now()
        if not self._renewed:
            self._renewed.append(now)
        if now - self._renewed[0] < timedelta(seconds=self.length_s / 3):
            return
        self._renewed[0] = now
        with self.database.write(alone=False) as connection:
            connection.execute(self.prolong(now + timedelta(seconds=self.length_s)))


def verified(store: ObjectStore, key: str, expected: Checksums, lease: Lease) -> Iterator[bytes]:
    """The bytes of an object while a lease is renewed; `CorruptProductError` at their end when they are not as
    expected, so that nobody stores them.
    """
    sha256, size = hashlib.sha256(), 0
    for chunk in readable(store, key):
        sha256.update(chunk)
        size += len(chunk)
        lease.renew()
        yield chunk
    _check(key, size, sha256.hexdigest(), expected)


def check_object(store: ObjectStore, key: str, expected: Checksums) -> None:
    """Read an object; `CorruptProductError` when it is not as expected."""
    found = checksums_of(store, key)
    _check(key, found.size, found.sha256, expected)


def _check(key: str, size: int, sha256: str, expected: Checksums) -> None:
    if (size, sha256) != (expected.size, expected.sha256):
        raise CorruptProductError(
            f"object {key} has {size} bytes with SHA-256 {sha256}; "
            f"published were {expected.size} bytes with {expected.sha256}"
        )
