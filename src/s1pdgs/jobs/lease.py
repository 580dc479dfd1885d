"""Holding a job's lease while its processors run."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from s1pdgs.jobs.queue import Claim, renew
from s1pdgs.model.time import Clock
from s1pdgs.storage.database import Database

log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 5.0


@contextmanager
def held_lease(
    database: Database, claim: Claim, clock: Clock, lease: timedelta, progress: Callable[[], str | None]
) -> Iterator[threading.Event]:
    """Renew a lease in a thread of its own during the block; the event is set when the lease is lost."""
    lost, over = threading.Event(), threading.Event()
    pause_s = min(lease.total_seconds() / 3, _LONGEST_PAUSE_S)

    def keep() -> None:
        while not over.wait(pause_s):
            try:
                with database.write() as connection:
                    kept = renew(connection, claim, clock.now(), lease, progress())
            except sa.exc.SQLAlchemyError as error:
                log.warning("job %d/%d: the lease could not be renewed yet: %s", claim.job, claim.fence, error)
                continue
            if not kept:
                lost.set()
                return

    thread = threading.Thread(target=keep, name=f"lease-{claim.job}-{claim.fence}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join()
