"""The scheduler of a Dask cluster may die and come back: its attempts have ended, and the runner goes on."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.clusters import dask_cluster

from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.dask import DaskRunner
from s1pdgs.jobs.runners.runner import Demand, Ended, RunnerError

FIRST, SECOND = Claim(1, 1), Claim(2, 1)
DEMAND = Demand(cpus=1, memory_mb=None, wall_s=60.0)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not _holds(condition):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _holds(condition: Callable[[], object]) -> bool:
    with suppress(RunnerError):
        return bool(condition())
    return False


def test_a_scheduler_that_comes_back_knows_of_nothing_and_is_used_again(tmp_path: Path) -> None:
    def command(claim: Claim) -> list[str]:
        text = f"import time; open({str(tmp_path / str(claim.job))!r}, 'w').close(); time.sleep(1000)"
        return [sys.executable, "-c", text]

    with dask_cluster(tmp_path, workers=1) as cluster:
        runner = DaskRunner(cluster.address, command, "test", timeout_s=0.5)
        until(runner.room)
        runner.start(FIRST, DEMAND)
        until((tmp_path / "1").exists)
        cluster.restart_scheduler()
        cluster.kill_worker()
        cluster.add_worker()
        until(lambda: isinstance(runner.look()[FIRST], Ended))
        until(runner.room)
        runner.start(SECOND, DEMAND)
        until((tmp_path / "2").exists)
        assert set(runner.look()) == {SECOND}
        runner.close()
