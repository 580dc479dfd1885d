"""Beginning an attempt, once, and holding its lease while the processors run."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from s1pdgs.jobs import tables as t
from s1pdgs.jobs.queue import Claim, renew
from s1pdgs.model.job import JobState
from s1pdgs.model.time import Clock
from s1pdgs.storage.database import Database

log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 5.0
_BEGUN = " at "


def process_name() -> str:
    """This process, as the one that claims or executes attempts."""
    return f"{socket.gethostname()}:{os.getpid()}"


def begin(connection: sa.Connection, claim: Claim, now: datetime, lease: timedelta) -> bool:
    """Take a claimed attempt over from its supervisor, whose name this process's is put beside, with a new lease.

    False when the job is no longer this attempt's, or another process has begun it: a cluster may start twice.
    """
    owner = t.job.c.owner + f"{_BEGUN}{process_name()}"
    begun = t.job.update().where(*_not_begun(claim)).values(owner=owner, lease_until=now + lease)
    return connection.execute(begun).rowcount == 1


def keep(connection: sa.Connection, claim: Claim, now: datetime, lease: timedelta) -> bool:
    """Renew the lease of an attempt that has not begun; False when it has, or the job is no longer this attempt's."""
    kept = t.job.update().where(*_not_begun(claim)).values(lease_until=now + lease)
    return connection.execute(kept).rowcount == 1


def _not_begun(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        t.job.c.id == claim.job,
        t.job.c.fence == claim.fence,
        t.job.c.state == JobState.RUNNING,
        t.job.c.owner.not_like(f"%{_BEGUN}%"),
    )


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
