"""The role `work` as a process of its own on jobs that make one small product each when they are told to."""

import os
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from attrs import define, field

from s1pdgs.catalogue.tables import product
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.spec import Limits, SpecPool, SpecTask
from s1pdgs.settings import load_settings
from tests.journey.ground import environment
from tests.journey.patience import until
from tests.unit.jobs.conftest import NOON, spec

PROGRAM = """
    import pathlib, sys, time
    order = pathlib.Path(sys.argv[1])
    number = int(order.stem.partition(".")[2])
    name = f"S1A_S3_RAW__0SVV_20240105T101030_20240105T101102_051999_064888_{number:04X}.SAFE"
    (order.parent / name).mkdir()
    folder = pathlib.Path(__file__).parent
    (folder / f"runs-{number}").touch()
    while not (folder / f"go-{number}").exists():
        time.sleep(0.02)
    (order.parent / name / "manifest.safe").write_text(
        "<XFDU version='1'><startTime>2024-01-05T10:10:30.25</startTime>"
        "<stopTime>2024-01-05T10:11:02.5</stopTime></XFDU>")
    (order.parent / f"{order.parent.name}.LIST").write_text(name)
"""


@define
class Workers:
    """A ground segment with some jobs, and its workers while they run."""

    folder: Path
    ground: GroundSegment
    jobs: int
    process: "subprocess.Popen[str] | None" = field(default=None, init=False)

    def start(self) -> None:
        words = [sys.executable, "-m", "s1pdgs", "--config", str(self.ground.config), "run", "--role", "work"]
        with (self.folder / "output.txt").open("a") as output:
            self.process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=output, text=True, env=environment(), start_new_session=True
            )

    def call(self, *words: str) -> str:
        """The output of a command of the command line that must succeed."""
        command = [sys.executable, "-m", "s1pdgs", "--config", str(self.ground.config), *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def told(self) -> str:
        """The next line that it prints."""
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait(self) -> int:
        assert self.process is not None
        code = self.process.wait(120)
        self.close()
        return code

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None

    def wait_running(self, job: int) -> None:
        until((self.folder / f"runs-{job}").exists, f"job {job} runs", self.story)

    def wait_done(self) -> None:
        until(lambda: set(self.states().values()) == {"done"}, "all jobs are done", self.story)

    def let_go(self, *jobs: int) -> None:
        for job in jobs:
            (self.folder / f"go-{job}").touch()

    def states(self) -> dict[int, str]:
        with self.ground.database.read() as connection:
            rows = connection.execute(sa.select(t.job.c.id, t.job.c.state).order_by(t.job.c.id))
            return {row.id: row.state for row in rows}

    def attempts(self) -> list[tuple[int, int, str | None]]:
        """Job, fence and outcome of each attempt."""
        with self.ground.database.read() as connection:
            query = sa.select(t.attempt.c.job_id, t.attempt.c.fence, t.attempt.c.outcome)
            return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(*query.selected_columns[:2]))]

    def made(self) -> list[int]:
        """The job of each product in the catalogue."""
        with self.ground.database.read() as connection:
            return sorted(int(name[-9:-5], 16) for name in connection.scalars(sa.select(product.c.name)))

    def story(self) -> str:
        return f"{self.attempts()}\n{(self.folder / 'output.txt').read_text()[-3000:]}"


@contextmanager
def workers(folder: Path, jobs: int, **work: object) -> Iterator[Workers]:
    """Workers with these settings, gone at the end of the block."""
    program, config = folder / "program", folder / "s1pdgs.toml"
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(PROGRAM)}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    lines = [f"{key} = {value!r}" for key, value in work.items()]
    config.write_text("\n".join([f"data_dir = '{folder / 'data'}'", "[work]", *lines]))
    ground = open_ground_segment(load_settings(config, {}), config)
    pools = (SpecPool((SpecTask("DEMO", str(program)),)),)
    with ground.database.write() as connection:
        for order in range(1, jobs + 1):
            queue.enqueue(connection, spec(pools=pools, limits=Limits(memory_mb=512)), order, NOON)
    made = Workers(folder, ground, jobs)
    try:
        yield made
    finally:
        made.close()
        made.let_go(*range(1, jobs + 1))
        ground.database.close()
