"""Jobs in a Dask cluster whose workers die, and whose supervisor starts again: every product once, none lost."""

import stat
import sys
import textwrap
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.app import GroundSegment, open_ground_segment, runner_of
from s1pdgs.catalogue.tables import product
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.queue import BackOff
from s1pdgs.jobs.spec import SpecPool, SpecTask
from s1pdgs.jobs.supervisor import Supervisor
from s1pdgs.model.job import JobState
from s1pdgs.settings import load_settings
from tests.clusters import dask_cluster
from tests.unit.jobs.conftest import NOON, spec

pytestmark = pytest.mark.journey

JOBS = 6
PROGRAM = """
    import pathlib, sys, time
    order = pathlib.Path(sys.argv[1])
    number = int(order.stem.partition(".")[2])
    name = f"S1A_S3_RAW__0SVV_20240105T101030_20240105T101102_051999_064888_{number:04X}.SAFE"
    (order.parent / name).mkdir()
    time.sleep(1)
    (order.parent / name / "manifest.safe").write_text(
        "<XFDU version='1'><startTime>2024-01-05T10:10:30.25</startTime>"
        "<stopTime>2024-01-05T10:11:02.5</stopTime></XFDU>")
    (order.parent / f"{order.parent.name}.LIST").write_text(name)
"""


def ground_of(folder: Path, scheduler: str) -> GroundSegment:
    config = folder / "s1pdgs.toml"
    config.write_text(
        f"data_dir = '{folder / 'data'}'\n[work]\nrunner = 'dask'\ndask_scheduler = '{scheduler}'\n"
        "slots = 4\nlease_s = 5.0\nbackoff_s = 0.2\n".replace("\\\n", "\n")
    )
    return open_ground_segment(load_settings(config, {}), config)


def supervisor_of(ground: GroundSegment) -> Supervisor:
    work = ground.settings.work
    return Supervisor(
        ground.database,
        ground.outbox,
        work.slots,
        runner_of(ground),
        timedelta(seconds=work.lease_s),
        BackOff(timedelta(seconds=work.backoff_s)),
    )


def states(ground: GroundSegment) -> list[str]:
    with ground.database.read() as connection:
        return list(connection.scalars(sa.select(t.job.c.state).order_by(t.job.c.id)))


def work_until(supervisor: Supervisor, ground: GroundSegment, done: int) -> None:
    deadline = time.monotonic() + 60
    while states(ground).count(JobState.DONE) < done:
        assert time.monotonic() < deadline, states(ground)
        if not supervisor.step():
            time.sleep(0.05)


def is_busy(supervisor: Supervisor, ground: GroundSegment) -> bool:
    """An attempt is in the middle of its work."""
    folders = [ground.work_root / "jobs" / str(claim.job) / str(claim.fence) for claim in supervisor.running]
    return any(any(folder.glob("*.SAFE")) for folder in folders)


def test_workers_and_supervisor_die_and_every_product_is_made_once(tmp_path: Path) -> None:
    program = tmp_path / "demo"
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(PROGRAM)}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    pools = (SpecPool((SpecTask("DEMO", str(program)),)),)
    with dask_cluster(tmp_path) as cluster:
        ground = ground_of(tmp_path, cluster.address)
        with ground.database.write() as connection:
            for number in range(1, JOBS + 1):
                queue.enqueue(connection, spec(pools=pools, max_attempts=9), number, NOON)
        first = supervisor_of(ground)
        work_until(first, ground, 1)
        assert first.running
        first.finish()
        second = supervisor_of(ground)
        second.step()
        assert second.running
        work_until(second, ground, 2)
        deadline = time.monotonic() + 60
        while not is_busy(second, ground):
            assert time.monotonic() < deadline, states(ground)
            second.step()
            time.sleep(0.05)
        for _ in range(2):
            cluster.kill_worker()
            cluster.add_worker()
        work_until(second, ground, JOBS)
        second.finish()
    with ground.database.read() as connection:
        names = list(connection.scalars(sa.select(product.c.name)))
        outcomes = set(connection.scalars(sa.select(t.attempt.c.outcome)))
        fences = set(connection.scalars(sa.select(t.job.c.fence)))
    assert sorted(name[-9:-5] for name in names) == [f"{number:04X}" for number in range(1, JOBS + 1)]
    assert "done" in outcomes
    assert outcomes & {"failed", "lost"}
    assert max(fences) > 1
    ground.database.close()
