"""Attempts whose programs run in containers keep the promises of every runner: they end well, or are stopped with all
that they started.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.clusters import dask_cluster
from tests.containers import engine_command
from tests.unit.jobs.conftest import Watch
from tests.unit.jobs.test_containers import DEAF, GOOD, Yard

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.dask import DaskRunner
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import Command, Demand, Ended, Runner
from s1pdgs.jobs.runners.slurm import SlurmRunner
from s1pdgs.model.job import JobState

FIRST = Claim(1, 1)
DEMAND = Demand(cpus=1, memory_mb=64, wall_s=60.0)
Open = Callable[[Command], Runner]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path, Outbox(Watch()), engine_command())
    yield yard
    for name in yard.left():
        yard.engine.remove(name)
    yard.database.close()


@pytest.fixture(params=["local", "dask", "slurm"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    ground = f"test{uuid.uuid4().hex}"
    match request.param:
        case "dask":
            (tmp_path / "dask").mkdir()
            with dask_cluster(tmp_path / "dask", workers=1) as cluster:
                yield lambda command: DaskRunner(cluster.address, command, ground)
        case "slurm":
            config = Path(__file__).resolve().parents[2] / ".cache" / "services" / "slurm" / "slurm.conf"
            if not config.exists():
                pytest.skip("no Slurm was started; run scripts/services where apt-get and root are to be had")
            monkeypatch.setenv("SLURM_CONF", str(config))
            yield lambda command: SlurmRunner(command, ground, str(tmp_path))
        case _:
            yield LocalRunner


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def has_ended(runner: Runner) -> bool:
    return isinstance(runner.look().get(FIRST), Ended)


def test_a_program_in_a_container_ends_well(yard: Yard, opened: Open) -> None:
    yard.claim_of(GOOD)
    runner = opened(lambda _claim: yard.execute_command())
    runner.start(FIRST, DEMAND)
    until(lambda: has_ended(runner))
    runner.close()
    assert (yard.job.state, yard.job.reason) == (JobState.DONE, None)
    assert yard.left() == []


def test_a_stopped_attempt_takes_its_container_along(yard: Yard, opened: Open) -> None:
    yard.claim_of(DEAF)
    runner = opened(lambda _claim: yard.execute_command())
    runner.start(FIRST, DEMAND)
    until((yard.folder / "work/1/1/up").exists)
    runner.stop(FIRST)
    until(lambda: has_ended(runner))
    runner.close()
    assert yard.job.state == JobState.READY
    assert yard.left() == []
