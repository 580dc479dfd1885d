"""One run: a ground segment with work, strikes while it works, and the verdict when all is quiet."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil
import sqlalchemy as sa
from attrs import define, evolve, field, frozen

from s1pdgs.catalogue.tables import product
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState
from s1pdgs.publication.publisher import publish_again
from s1pdgs.publication.tables import publication
from s1pdgs.settings import load_settings
from s1pdgs.stations import folder as inlet
from s1pdgs.storage.database import open_database
from tests.chaos.mission import write_cause, write_chains
from tests.chaos.postgres import OwnPostgres, free_port, own_postgres
from tests.chaos.stage import Disk, Stage, command_of, dask_cluster, ground_segment, small_disk, write_settings
from tests.chaos.strikes import Monkey, impatient, planned
from tests.chaos.verdict import Verdict, judge

_LOOK_S = 0.05
_TELL_S = 10.0
_DISK_MB, _JOB_MB = 64, 1
Say = Callable[[str], None]


@frozen
class Asked:
    """What to run: so many jobs of about `seconds` on so many workers, and how often which kind of strike."""

    jobs: int
    workers: int
    strikes: Mapping[str, int]
    database: str = "sqlite"
    runner: str = "local"
    seed: int = 0
    seconds: float = 1.0
    patience_s: float = 180.0


@frozen
class Report:
    """What was done and what came of it; `operator` is what a person had to do, as docs/operations.md says."""

    struck: Counter[str]
    operator: Counter[str]
    wall_s: float
    verdict: Verdict
    faults: list[str] = field(factory=list)


@define
class People:
    """Those who bring products, not too many at once, and who let what was parked run again. A thread of its own,
    since they may have to wait for the database.
    """

    ground: GroundSegment
    monkey: Monkey
    folder: Path
    asked: Asked
    acted: Counter[str] = field(factory=Counter)
    brought: int = 0
    over: threading.Event = field(factory=threading.Event)

    def work(self) -> None:
        while not self.over.wait(2 * _LOOK_S):
            with suppress(sa.exc.DBAPIError, OSError):
                if not self.monkey.disk_is_full:
                    self._bring()
                    self._mend()

    def _bring(self) -> None:
        ground, done = self.ground, standing(self.ground)["done"]
        while self.brought < min(self._wanted(done), done + 4 * self.asked.workers):
            cause = write_cause(self.folder, self.brought)
            inlet.ingest(cause, ground.database, ground.store, ground.outbox, ground.work_root / "ingest")
            self.brought += 1

    def _wanted(self, done: int) -> int:
        """More than was asked for while strikes wait for something to hit, within reason."""
        wanted = self.asked.jobs
        return min(max(wanted, done + self.asked.workers), 4 * wanted) if self.monkey.plan else wanted

    def _mend(self) -> None:
        now = self.ground.outbox.clock.now()
        parked = sa.select(jobs.job.c.id).where(jobs.job.c.state == JobState.PARKED)
        failed = sa.select(product.c.name).join(publication).where(publication.c.state == "failed")
        with self.ground.database.read() as connection:
            numbers, names = list(connection.scalars(parked)), list(connection.scalars(failed))
        for number in numbers:
            with self.ground.database.write() as connection:
                self.acted["jobs retried"] += queue.retry(connection, number, now)
        for name in names:
            with self.ground.database.write() as connection:
                self.acted["publications retried"] += publish_again(connection, name, now)


@frozen
class _Scene:
    """A ground segment that is ready to start."""

    asked: Asked
    folder: Path
    stage: Stage
    disk: Disk
    ground: GroundSegment
    postgres: OwnPostgres | None


def run(asked: Asked, folder: Path, say: Say) -> Report:
    """Raises `NoPostgres` where that is wanted and cannot be had. Settings and logs stay in the folder."""
    began_s = time.monotonic()
    own = own_postgres() if asked.database == "postgresql" else nullcontext(None)
    with own as postgres, small_disk(folder / "data", _DISK_MB + asked.jobs * _JOB_MB) as disk:
        if disk.ballast is None and asked.strikes.get("full disk"):
            say("no file system can be mounted here (that wants root): the disk is not filled")
            asked = evolve(asked, strikes={kind: n for kind, n in asked.strikes.items() if kind != "full disk"})
        stage = Stage(folder, f"chaos-{uuid.uuid4().hex}")
        ground = _set_up(asked, folder, stage, postgres)
        try:
            return _fight(_Scene(asked, folder, stage, disk, ground, postgres), began_s, say)
        finally:
            stage.clear()
            ground.database.close()


def _set_up(asked: Asked, folder: Path, stage: Stage, postgres: OwnPostgres | None) -> GroundSegment:
    scheduler = f"tcp://127.0.0.1:{free_port()}" if asked.runner == "dask" else None
    supervisors = 2 if scheduler is None else 1
    config = write_settings(
        folder,
        chains=write_chains(folder, asked.seconds),
        database="sqlite" if postgres is None else postgres.url,
        slots=-(-asked.workers // supervisors),
        scheduler=scheduler,
    )
    ground_segment(stage, config, supervisors)
    if scheduler is not None:
        dask_cluster(stage, scheduler, asked.workers)
    return open_ground_segment(load_settings(config, {}), config)


def _fight(scene: _Scene, began_s: float, say: Say) -> Report:
    asked, ground, stage = scene.asked, scene.ground, scene.stage
    eyes = impatient(open_database(ground.settings.database.get_secret_value(), ground.settings.data_dir))
    rng = random.Random(asked.seed)
    monkey = Monkey(stage, scene.disk, eyes, rng, scene.postgres, planned(asked.strikes, asked.jobs, rng))
    causes = scene.folder / "causes"
    causes.mkdir()
    people = People(ground, monkey, causes, asked)
    thread = threading.Thread(target=people.work, name="people")
    stage.keep()
    thread.start()
    try:
        faults = _strike(people, say)
        monkey.heal()
    finally:
        people.over.set()
        thread.join()
        eyes.close()
    faults += [f"{name} did not end well after SIGTERM" for name in stage.stop()]
    faults += [f"process {one.pid} is left: {' '.join(command_of(one))}" for one in _lasting(stage)]
    (scene.folder / "attempts.txt").write_text("\n".join(attempts_of(ground)))
    verdict = judge(ground, people.brought)
    report = Report(monkey.struck, people.acted, time.monotonic() - began_s, verdict)
    return evolve(report, faults=[*faults, *verdict.faults])


def _strike(people: People, say: Say) -> list[str]:
    """Strike as planned until all strikes have hit and all products are published; what is wrong then."""
    asked, ground, monkey = people.asked, people.ground, people.monkey
    seen, changed_s, next_s, told_s = standing(ground), time.monotonic(), 0.0, time.monotonic()
    while monkey.is_busy or seen["published"] < max(people.brought, asked.jobs):
        monkey.stage.keep()
        monkey.step()
        now_s = time.monotonic()
        kind = monkey.strike(seen["done"]) if now_s >= next_s else None
        if kind is not None or now_s > told_s + _TELL_S:
            so_far = f"{seen['done']} of {people.brought} jobs done, {seen['published']} published"
            say(so_far if kind is None else f"{so_far}: {kind}")
            told_s = now_s
        if kind is not None:
            next_s = now_s + monkey.rng.uniform(0, asked.seconds)
        with suppress(sa.exc.DBAPIError):
            current = standing(ground)
            changed_s = now_s if current != seen else changed_s
            seen = current
        if now_s > changed_s + asked.patience_s:
            left = [kind for _, kind in monkey.plan]
            return [f"nothing moved for {asked.patience_s:g} s: {dict(seen)}, strikes that hit nothing: {left}"]
        time.sleep(_LOOK_S)
    return []


def standing(ground: GroundSegment) -> Counter[str]:
    """How many jobs are in which state, and products published."""
    with ground.database.read() as connection:
        of_jobs = sa.select(jobs.job.c.state, sa.func.count()).group_by(jobs.job.c.state)
        published = sa.select(sa.func.count()).select_from(publication).where(publication.c.state == "published")
        counts = Counter({str(state): number for state, number in connection.execute(of_jobs)})
        counts["published"] = connection.scalar(published) or 0
        counts["attempts"] = connection.scalar(sa.select(sa.func.count()).select_from(jobs.attempt)) or 0
        return counts


def attempts_of(ground: GroundSegment) -> list[str]:
    """What every attempt came to, a line each."""
    columns = (jobs.attempt.c.job_id, jobs.attempt.c.fence, jobs.attempt.c.outcome, jobs.attempt.c.reason)
    with ground.database.read() as connection:
        rows = connection.execute(sa.select(*columns).order_by(*columns[:2])).all()
    return [f"{row.job_id}/{row.fence} {row.outcome} {row.reason or ''}" for row in rows]


def _lasting(stage: Stage) -> list[psutil.Process]:
    """Processes that still run a while after all have been stopped."""
    deadline = time.monotonic() + 10
    while (left := stage.left()) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return left
