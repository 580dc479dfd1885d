"""What attempts leave behind: working directories on this host and objects that were never published."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.containers import Engine, remove_dead
from s1pdgs.jobs.outputs import ghost_prefix, prefix
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.workdir import remove_workdir
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

UNPUBLISHED_FOR = timedelta(hours=24)
"""A zombie of a lost attempt may still write; a day later nothing of it lives."""
_AT_ONCE = 50
_MB = 1024 * 1024


@frozen
class Keep:
    """Which working directories of attempts that do not run are kept for inspection: so many, the newest, for so long,
    and as long as so much of the disk is free.
    """

    newest: int = 3
    longest: timedelta = timedelta(days=3)
    free_mb: int = 2048


def sweep_workdirs(database: Database, work_root: Path, keep: Keep, now: datetime) -> list[Path]:
    """Remove working directories of attempts that do not run and are not to be kept; those that were removed.

    Everyone who executes attempts does it for the disk of their own host.
    """
    found = [path for path in work_root.glob("[0-9]*/[0-9]*") if path.is_dir()]
    with database.read() as connection:  # after the look at the disk: what was claimed since is not among the found
        running = connection.execute(sa.select(t.job.c.id, t.job.c.fence).where(t.job.c.state == JobState.RUNNING))
        busy = {work_root / str(row.id) / str(row.fence) for row in running}
    left = sorted((_changed_s(path), path) for path in found if path not in busy)
    removed = []
    while left:
        changed_s, oldest = left[0]
        is_old = len(left) > keep.newest or changed_s < (now - keep.longest).timestamp()
        if not is_old and shutil.disk_usage(work_root).free >= keep.free_mb * _MB:
            break
        remove_workdir(oldest)
        removed.append(oldest)
        del left[0]
    return removed


def _changed_s(path: Path) -> float:
    """Zero for what is gone: others sweep too."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def remove_dead_containers(database: Database, engine: Engine, ground: str) -> list[str]:
    """Kill and remove containers of this host whose attempts run no more; their names. `EngineError` as it comes."""

    def is_current(claim: Claim) -> bool:
        with database.read() as connection:
            return queue.is_current(connection, claim)

    return remove_dead(engine, ground, is_current)


def unswept(now: datetime) -> sa.Select[tuple[int, int, str | None]]:
    """Some attempts whose objects are to be removed, and the logs that stay."""
    long_ago = t.attempt.c.ended_at < now - UNPUBLISHED_FOR
    return sa.select(t.attempt.c.job_id, t.attempt.c.fence, t.attempt.c.log).where(t.UNSWEPT, long_ago).limit(_AT_ONCE)


def sweep_attempts(database: Database, store: ObjectStore, now: datetime) -> int:
    """Remove the objects of attempts that ended without publishing a day ago, all but their logs; how many."""
    with database.read() as connection:
        attempts = connection.execute(unswept(now)).all()
    removed = 0
    for attempt in attempts:
        claim = Claim(attempt.job_id, attempt.fence)
        for key in [*store.list(prefix(claim)), *store.list(ghost_prefix(claim))]:
            removed += 0 if key == attempt.log else store.delete(key)
        swept = t.attempt.update().where(t.attempt.c.job_id == attempt.job_id, t.attempt.c.fence == attempt.fence)
        with database.write() as connection:
            connection.execute(swept.values(swept_at=now))
    return removed
