"""What attempts leave behind: working directories on this host and objects that were never published."""

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from s1pdgs.jobs import tables as t
from s1pdgs.jobs.outputs import ghost_prefix, prefix
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.workdir import remove_workdir
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

UNPUBLISHED_FOR = timedelta(hours=24)
"""A zombie of a lost attempt may still write; a day later nothing of it lives."""
_AT_ONCE = 50


def sweep_workdirs(database: Database, work_root: Path, keep: int) -> list[Path]:
    """Remove working directories of attempts that do not run, but for the `keep` newest; those that were removed."""
    found = [path for path in work_root.glob("[0-9]*/[0-9]*") if path.is_dir()]
    with database.read() as connection:  # after the look at the disk: what was claimed since is not among the found
        running = connection.execute(sa.select(t.job.c.id, t.job.c.fence).where(t.job.c.state == JobState.RUNNING))
        busy = {work_root / str(row.id) / str(row.fence) for row in running}
    left = [path for path in found if path not in busy]
    left.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in left[keep:]:
        remove_workdir(path)
    return left[keep:]


def sweep_attempts(database: Database, store: ObjectStore, now: datetime) -> int:
    """Remove the objects of attempts that ended without publishing a day ago, all but their logs; how many."""
    ended = (
        sa.select(t.attempt.c.job_id, t.attempt.c.fence, t.attempt.c.log)
        .where(
            t.attempt.c.outcome != "done",
            t.attempt.c.ended_at < now - UNPUBLISHED_FOR,
            t.attempt.c.swept_at.is_(None),
        )
        .limit(_AT_ONCE)
    )
    with database.read() as connection:
        attempts = connection.execute(ended).all()
    removed = 0
    for attempt in attempts:
        claim = Claim(attempt.job_id, attempt.fence)
        for key in [*store.list(prefix(claim)), *store.list(ghost_prefix(claim))]:
            removed += 0 if key == attempt.log else store.delete(key)
        swept = t.attempt.update().where(t.attempt.c.job_id == attempt.job_id, t.attempt.c.fence == attempt.fence)
        with database.write() as connection:
            connection.execute(swept.values(swept_at=now))
    return removed
