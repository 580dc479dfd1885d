"""What attempts leave behind is kept for inspection, then removed; what runs or was published is never touched."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs.execute import Outcome, Workshop, execute
from s1pdgs.jobs.housekeeping import Keep, sweep_attempts, sweep_workdirs
from s1pdgs.jobs.queue import Claim, Failure
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import memory_objects
from tests.unit.jobs.conftest import Watch, spec

LEASE = timedelta(seconds=60)


def claimed(database: Database, outbox: Outbox, watch: Watch, order: int) -> Claim:
    with database.write() as connection:
        queue.enqueue(connection, spec(), order, watch.now())
        claim = queue.claim(connection, outbox, "me", LEASE)
    assert claim is not None
    return claim


def workdir(root: Path, claim: Claim) -> Path:
    path = root / str(claim.job) / str(claim.fence)
    path.mkdir(parents=True)
    (path / "core").write_text("left behind")
    return path


def left(root: Path, watch: Watch, *ages_h: float) -> list[Path]:
    """Working directories of attempts that have ended, changed so many hours ago."""
    found = [workdir(root, Claim(90, fence)) for fence in range(1, len(ages_h) + 1)]
    for path, age_h in zip(found, ages_h, strict=True):
        changed_s = watch.now().timestamp() - age_h * 3600
        os.utime(path, (changed_s, changed_s))
    return found


def test_running_and_newest_working_directories_stay(
    database: Database, outbox: Outbox, watch: Watch, tmp_path: Path
) -> None:
    running = workdir(tmp_path, claimed(database, outbox, watch, 1))
    ended = left(tmp_path, watch, 3, 2, 1)
    assert sweep_workdirs(database, tmp_path, Keep(2, free_mb=0), watch.now()) == [ended[0]]
    assert running.exists()
    assert [path.exists() for path in ended] == [False, True, True]
    sweep_workdirs(database, tmp_path, Keep(0), watch.now())
    assert [path.exists() for path in (running, *ended)] == [True, False, False, False]
    assert not ended[0].parent.exists()


def test_old_working_directories_go(database: Database, watch: Watch, tmp_path: Path) -> None:
    ended = left(tmp_path, watch, 71, 73, 80)
    keep = Keep(9, timedelta(hours=72), free_mb=0)
    assert sweep_workdirs(database, tmp_path, keep, watch.now()) == [ended[2], ended[1]]
    watch.turn(2 * 3600)
    assert sweep_workdirs(database, tmp_path, keep, watch.now()) == [ended[0]]


def test_on_a_full_disk_they_go_the_oldest_first_until_there_is_room(
    database: Database, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full until two are gone: a real one would have to be filled."""
    ended = left(tmp_path, watch, 3, 1, 2)
    whole = shutil.disk_usage(tmp_path)

    def usage(_path: object) -> object:
        return whole._replace(free=100 - sum(path.exists() for path in ended) * 40)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr("s1pdgs.jobs.housekeeping._MB", 1)
    assert sweep_workdirs(database, tmp_path, Keep(9, free_mb=50), watch.now()) == [ended[0], ended[2]]
    assert ended[1].exists()


def test_who_executes_an_attempt_sweeps_first(database: Database, outbox: Outbox, watch: Watch, tmp_path: Path) -> None:
    """A worker may have a disk that no housekeeping sees."""
    ended = left(tmp_path / "work", watch, 3, 2, 1)
    workshop = Workshop(database, memory_objects(), outbox, tmp_path / "work", keep=Keep(1, free_mb=0))
    assert execute(workshop, claimed(database, outbox, watch, 1)) is Outcome.FAILED
    assert [path.exists() for path in ended] == [False, False, True]


def test_objects_of_failed_attempts_go_after_a_day_but_their_logs_stay(
    database: Database, outbox: Outbox, watch: Watch
) -> None:
    store = memory_objects()
    failed, done = claimed(database, outbox, watch, 1), claimed(database, outbox, watch, 2)
    for claim in (failed, done):
        for name in ("PRODUCT.SAFE/manifest.safe", "log.txt"):
            store.put(f"jobs/{claim.job}/{claim.fence}/{name}", iter([b"x"]))
    with database.write() as connection:
        log = f"jobs/{failed.job}/{failed.fence}/log.txt"
        queue.fail(connection, outbox, failed, Failure("exit code 200", log=log, lasting=True))
        queue.finish(connection, outbox, done, [])
    assert sweep_attempts(database, store, watch.now()) == 0
    watch.turn(25 * 3600)
    assert sweep_attempts(database, store, watch.now()) == 1
    assert sweep_attempts(database, store, watch.now()) == 0
    assert len(store.list("jobs")) == 3
    assert log in store.list("jobs")
