"""What was set aside: the bytes where any arrived, the reason, and the news of it."""

from collections.abc import Callable, Iterator

import sqlalchemy as sa

from s1pdgs.bus.events import FileQuarantined
from s1pdgs.bus.outbox import Outbox
from s1pdgs.inbox.tables import quarantine
from s1pdgs.storage.objects import KeyTaken, ObjectStore, safe_key

_MOST_VERSIONS = 1000


def set_aside(
    connection: sa.Connection,
    outbox: Outbox,
    *,
    source: str,
    remote_id: str,
    name: str,
    reason: str,
    location: str | None,
) -> None:
    """Record a quarantined file and tell it."""
    connection.execute(
        quarantine.insert().values(
            source=source, remote_id=remote_id, name=name, reason=reason, location=location, at=outbox.clock.now()
        )
    )
    outbox.emit(connection, FileQuarantined(source, name, reason))


def keep_bytes(objects: ObjectStore, source: str, name: str, chunks: Callable[[], Iterator[bytes]]) -> str:
    """Store refused bytes under a quarantine key of their own, which is returned.

    Equal bytes share a key; others of the same name get a number. `chunks` is called for each try.
    """
    plain = safe_key(f"quarantine/{source}/{name.replace('/', '_')}")
    for number in range(1, _MOST_VERSIONS):
        key = plain if number == 1 else f"{plain}.{number}"
        try:
            objects.put(key, chunks())
        except KeyTaken:
            continue
        return key
    raise KeyTaken(f"object {plain} has {_MOST_VERSIONS} versions; clear the quarantine of {source}")
