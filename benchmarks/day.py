"""A mission day replayed with a clock of its own: real catalogue, triggers and queue, and jobs that end at once.

Two satellites, two hundred and forty data takes, some ten thousand products. One process in one thread does what the
roles do: it catalogues what arrives, lets the triggers role step until nothing happens, claims jobs and ends them with
the products that their processors would have made. Every change is a durable transaction, as in operation.
"""

import itertools
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from attrs import define, evolve, field

from benchmarks.harness import ROOT, Options, Result, scratch
from benchmarks.mission_day import DAY, arrivals, made, standing
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.tables import product
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.product import Product
from s1pdgs.roles import Role, roles_of
from s1pdgs.settings import load_settings
from s1pdgs.triggers import tables as triggers
from s1pdgs.triggers.chains import SHIPPED

TABLES = ROOT.parent / "shared" / "testdata" / "tasktables"
STEP = timedelta(seconds=30)
"""Of the clock, in which the triggers role looks at what waits."""
AT_ONCE = 8
"""Jobs that a claim takes."""


@define
class Watch:
    """A clock that moves when the replay says so."""

    time: datetime = DAY

    def now(self) -> datetime:
        return self.time


@define
class Replay:
    """The ground segment, its clock, and what took how long (wall seconds by kind of work)."""

    ground: GroundSegment
    clock: Watch
    role: Role
    spent_s: Counter[str] = field(factory=Counter)
    counted: Counter[str] = field(factory=Counter)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.spent_s[what] += time.perf_counter() - begun

    def catalogue(self, products: list[Product]) -> None:
        with self.doing("arrivals"), self.ground.database.write() as connection:
            for one in products:
                register(connection, self.ground.outbox, one)

    def settle(self) -> None:
        """Let news take effect and jobs end until nothing more happens."""
        busy = True
        while busy:
            with self.doing("triggers"):
                while self.role.step():
                    self.counted["rounds of the triggers role"] += 1
            busy = self._work()

    def _work(self) -> bool:
        with self.doing("claims"), self.ground.database.write(alone=False) as connection:
            claims = queue.claim_some(connection, self.ground.outbox, "bench", queue.DEFAULT_LEASE, AT_ONCE)
            specs = [queue.spec_of(connection, claim.job) for claim in claims]
        for claim, spec in zip(claims, specs, strict=True):
            found = made(spec)
            with self.doing("completions"), self.ground.database.write() as connection:
                queue.finish(connection, self.ground.outbox, claim, [one.name for one in found])
                for one in found:
                    register(connection, self.ground.outbox, one)
        return bool(claims)


def run(options: Options) -> list[Result]:
    """The day on SQLite; `--hours` makes it shorter."""
    command = f'make bench ARGS="day --hours {options.hours:g}"'
    with TemporaryDirectory(dir=scratch(), prefix="day-") as place:
        replay = _open(Path(place))
        held = _count(replay.ground)["products"]
        commits = Counter[str]()
        sa.event.listen(replay.ground.database.engine, "commit", lambda _connection: commits.update(["commits"]))
        begun, cpu_begun = time.perf_counter(), time.process_time()
        _play(replay, options.hours)
        wall_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_begun
        found = _count(replay.ground)
        found["products"] -= held
        replay.ground.database.close()
    told = f"Mission day, {options.hours:g} h, " + ", ".join(f"{number} {what}" for what, number in found.items())
    real_s = options.hours * 3600
    shares = [
        Result(f"Mission day: {what}", 100 * spent_s / wall_s, "% of wall", command)
        for what, spent_s in replay.spent_s.most_common()
    ]
    return [
        Result(f"{told}: replayed", real_s / wall_s, "x real time", command),
        Result("Mission day: replayed, by CPU time of one core", real_s / cpu_s, "x real time", command),
        Result("Mission day: write transactions", commits["commits"] / wall_s, "1/s", command),
        Result("Mission day: CPU of each product", 1e3 * cpu_s / found["products"], "ms", command),
        *shares,
    ]


def _open(folder: Path) -> Replay:
    watch = Watch()
    lines = [f'data_dir = "{folder}/data"']
    if TABLES.is_dir():
        lines += ["[triggers]", f'chains = "{_operational(folder)}"']
    config = folder / "s1pdgs.toml"
    config.write_text("\n".join(lines) + "\n")
    ground = evolve(open_ground_segment(load_settings(config, {}), config), outbox=Outbox(watch))
    replay = Replay(ground, watch, roles_of(ground, "triggers")[0])
    replay.catalogue(standing(ground.store))
    return replay


def _operational(folder: Path) -> Path:
    """The operational routing beside the mission's task tables."""
    (folder / "tasktables").mkdir()
    for table in TABLES.rglob("*.xml"):
        shutil.copyfile(table, folder / "tasktables" / table.name)
    return shutil.copyfile(SHIPPED.with_name("chains-operational.toml"), folder / "chains.toml")


def _play(replay: Replay, hours: float) -> None:
    """What arrives arrives at its time; between, the clock goes on in steps in which waits may end."""
    waiting = arrivals(hours)
    end = DAY + timedelta(hours=hours)
    while replay.clock.time < end:
        due = list(itertools.takewhile(lambda arrival: arrival.at <= replay.clock.time, waiting))
        waiting = waiting[len(due) :]
        for arrival in due:
            replay.catalogue([arrival.product])
        replay.settle()
        replay.clock.time += STEP


def _count(ground: GroundSegment) -> dict[str, int]:
    tables = {"products": product, "orders": triggers.order, "jobs": jobs.job}
    with ground.database.read() as connection:
        return {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in tables.items()
        }
