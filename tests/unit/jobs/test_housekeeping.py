"""What attempts leave behind is kept for inspection, then removed; what runs or was published is never touched."""

from datetime import timedelta
from pathlib import Path

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs.housekeeping import sweep_attempts, sweep_workdirs
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


def test_running_and_newest_working_directories_stay(
    database: Database, outbox: Outbox, watch: Watch, tmp_path: Path
) -> None:
    running = workdir(tmp_path, claimed(database, outbox, watch, 1))
    left = [workdir(tmp_path, Claim(90, fence)) for fence in (1, 2, 3)]
    assert sweep_workdirs(database, tmp_path, keep=2) == [left[0]]
    assert running.exists()
    assert [path.exists() for path in left] == [False, True, True]
    sweep_workdirs(database, tmp_path, keep=0)
    assert [path.exists() for path in (running, *left)] == [True, False, False, False]
    assert not left[0].parent.exists()


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
