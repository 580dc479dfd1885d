"""What is done to the ground segment: each kind of strike waits for something to hit, hits it, and heals by itself."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from attrs import define, field

from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.queue import Claim
from s1pdgs.storage.database import SQLITE_FILE, Database
from tests.chaos.postgres import OwnPostgres
from tests.chaos.stage import LEASE_S, Disk, Stage

_BEYOND_S = 1.6 * LEASE_S
_FULL_S = 6.0
_PATIENCE_MS = 200
_WAL_WRITE_LOCK = 120
"""The byte of the file `-shm` that a writer of SQLite's write-ahead log locks (wal.c)."""

KILLS = {
    "executor": 4,
    "processor": 4,
    "supervisor": 2,
    "triggers": 1,
    "triggers in a transaction": 2,
    "publisher": 2,
    "in a transaction": 2,
}
"""kill -9, with how often of each among the others."""
KILLS_OF_DASK = {"worker": 4, "scheduler": 1}
REST = ("frozen executor", "frozen supervisor", "frozen publisher", "full disk", "lock held")


def kinds(*, kills: int, postgres: bool, dask: bool) -> dict[str, int]:
    """How many strikes of each kind make a run: those by kill -9 and, for twenty of them, one of each other kind."""
    shares = KILLS | (KILLS_OF_DASK if dask else {})
    drawn = list(_in_turn(shares))
    wanted = Counter(drawn[number % len(drawn)] for number in range(kills))
    rest = [*REST, *(["database"] if postgres else [])]
    each = max(kills // 20, 1) if kills else 0
    return dict(wanted) | dict.fromkeys(rest, each)


def _in_turn(shares: dict[str, int]) -> Iterable[str]:
    """Each kind as often as its share says, spread out."""
    for turn in range(max(shares.values())):
        yield from (kind for kind, share in shares.items() if turn < share)


def planned(strikes: Mapping[str, int], jobs: int, rng: random.Random) -> list[tuple[int, str]]:
    """After how many done jobs which strike, in order; the last jobs are left in peace."""
    kinds = [kind for kind, number in strikes.items() for _ in range(number)]
    rng.shuffle(kinds)
    latest = max(jobs * 2 // 3, 1)
    return list(zip(sorted(rng.randrange(latest) for _ in kinds), kinds, strict=True))


@define
class Monkey:
    """Strikes as planned. `step` ends what is over; call it often."""

    stage: Stage
    disk: Disk
    database: Database
    rng: random.Random
    postgres: OwnPostgres | None
    plan: list[tuple[int, str]]
    """What is to come: after how many done jobs which kind of strike."""
    struck: Counter[str] = field(factory=Counter)
    _healing: list[Callable[[], bool]] = field(factory=list)

    def strike(self, done: int) -> str | None:
        """The kind of the first planned strike that is due and finds something to hit; None when there is none."""
        hit = next((strike for strike in self.plan if done >= strike[0] and self._of(strike[1])()), None)
        if hit is None:
            return None
        self.plan.remove(hit)
        self.struck[hit[1]] += 1
        return hit[1]

    @property
    def is_busy(self) -> bool:
        """A strike is to come or goes on."""
        return bool(self.plan or self._healing)

    def step(self) -> None:
        self._healing = [heals for heals in self._healing if not heals()]

    def heal(self) -> None:
        """End all that goes on."""
        while self._healing:
            self.step()
            time.sleep(0.05)

    @property
    def disk_is_full(self) -> bool:
        return self.disk.ballast is not None and self.disk.ballast.exists()

    def _of(self, kind: str) -> Callable[[], bool]:
        stage = self.stage
        known = {
            "executor": lambda: self._kill(stage.executors()),
            "processor": lambda: self._kill(stage.processors()),
            "supervisor": lambda: self._kill(stage.named("work")),
            "triggers": lambda: self._kill(stage.named("triggers")),
            "publisher": lambda: self._kill(stage.named("publish")),
            "worker": lambda: self._kill(stage.named("dask-worker")),
            "scheduler": lambda: self._kill(stage.named("dask-scheduler")),
            "triggers in a transaction": lambda: self._kill_in_transaction(stage.named("triggers")),
            "in a transaction": lambda: self._kill_in_transaction([*stage.named("publish"), *stage.executors()]),
            "frozen executor": self._freeze_executor,
            "frozen supervisor": lambda: self._freeze("frozen supervisor", stage.named("work")),
            "frozen publisher": lambda: self._freeze("frozen publisher", stage.named("publish")),
            "full disk": self._fill_disk,
            "lock held": self._hold_lock,
            "database": self._crash_database,
        }
        return known[kind]

    def _kill(self, targets: list[psutil.Process]) -> bool:
        if not targets:
            return False
        with suppress(psutil.NoSuchProcess):
            self.rng.choice(targets).kill()
            return True
        return False

    def _kill_in_transaction(self, targets: list[psutil.Process]) -> bool:
        """Stop each, look whether it has changed something and not committed, and kill the first that has."""
        self.rng.shuffle(targets)
        return any(map(self._kills_writer, targets))

    def _kills_writer(self, target: psutil.Process) -> bool:
        with suppress(psutil.Error):
            target.suspend()
            _wait_stopped(target)
            if self._writes(target):
                target.kill()
                return True
            target.resume()
        return False

    def _writes(self, target: psutil.Process) -> bool:
        if self.postgres is None:
            log = (self.disk.folder / f"{SQLITE_FILE}-shm").stat()
            place = f"{os.major(log.st_dev):02x}:{os.minor(log.st_dev):02x}:{log.st_ino}"
            held = f"{target.pid} {place} {_WAL_WRITE_LOCK} "
            with Path("/proc/locks").open() as locks:
                return any(held in line and "WRITE" in line for line in locks)
        ports = {each.laddr.port for each in target.net_connections("tcp4")}
        changing = sa.text("SELECT client_port FROM pg_stat_activity WHERE backend_xid IS NOT NULL")
        with suppress(sa.exc.DBAPIError), self.database.read() as connection:
            return bool(ports & set(connection.scalars(changing)))
        return False

    def _freeze_executor(self) -> bool:
        """Until its job has gone to another attempt; not for ever: it may hold the lock that the other one needs."""
        begun = [(one, claim) for one in self.stage.executors() if (claim := self._begun(one)) is not None]
        if not begun:
            return False
        target, claim = self.rng.choice(begun)
        return self._stop_until("frozen executor", target, lambda: not self._is_current(claim))

    def _begun(self, executor: psutil.Process) -> Claim | None:
        """The attempt that a process has begun, and whose lease it keeps by itself."""
        owned = sa.select(jobs.job.c.id, jobs.job.c.fence).where(jobs.job.c.owner.endswith(f":{executor.pid}"))
        with suppress(sa.exc.DBAPIError), self.database.read() as connection:
            row = connection.execute(owned).first()
            return None if row is None else Claim(row.id, row.fence)
        return None

    def _is_current(self, claim: Claim) -> bool:
        with suppress(sa.exc.DBAPIError), self.database.read() as connection:
            return queue.is_current(connection, claim)
        return True

    def _freeze(self, kind: str, targets: list[psutil.Process]) -> bool:
        if not targets:
            return False
        end_s = time.monotonic() + _BEYOND_S
        return self._stop_until(kind, self.rng.choice(targets), lambda: time.monotonic() > end_s)

    def _stop_until(self, kind: str, target: psutil.Process, is_over: Callable[[], bool]) -> bool:
        """Where the end does not come in time, or the target dies before it, the strike has missed: it comes again."""
        try:
            target.suspend()
        except psutil.NoSuchProcess:
            return False
        self.stage.frozen.add(target.pid)
        latest_s = time.monotonic() + 3 * _BEYOND_S

        def heals() -> bool:
            hit = is_over()
            if not hit and _lives(target) and time.monotonic() < latest_s:
                return False
            self.stage.frozen.discard(target.pid)
            with suppress(psutil.NoSuchProcess):
                target.resume()
            if not hit:
                self.struck[kind] -= 1
                self.plan.append((0, kind))
            return True

        self._healing.append(heals)
        return True

    def _fill_disk(self) -> bool:
        if self.disk_is_full:
            return False
        self.disk.fill()
        end_s = time.monotonic() + _FULL_S

        def heals() -> bool:
            if time.monotonic() <= end_s:
                return False
            self.disk.clear()
            return True

        self._healing.append(heals)
        return True

    def _crash_database(self) -> bool:
        assert self.postgres is not None
        self.postgres.crash()
        self.postgres.start()
        return True

    def _hold_lock(self) -> bool:
        """Write nothing, and let no one else write, for longer than a lease."""
        with suppress(sa.exc.DBAPIError):
            transaction = self.database.write()
            transaction.__enter__()
            end_s = time.monotonic() + _BEYOND_S

            def heals() -> bool:
                if time.monotonic() <= end_s:
                    return False
                with suppress(sa.exc.DBAPIError):
                    transaction.__exit__(None, None, None)
                return True

            self._healing.append(heals)
            return True
        return False


def impatient(database: Database) -> Database:
    """The same, for one who must not wait: a lock that is not had at once is an error."""

    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        is_sqlite = database.engine.dialect.name == "sqlite"
        cursor.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}" if is_sqlite else f"SET lock_timeout = {_PATIENCE_MS}")
        cursor.close()

    sa.event.listen(database.engine, "connect", configure)
    return database


def _lives(target: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(target.status() != psutil.STATUS_ZOMBIE)
    return False


def _wait_stopped(target: psutil.Process) -> None:
    """The kernel stops all threads, one of them perhaps at the end of a write to the disk."""
    for _ in range(200):
        if target.status() == psutil.STATUS_STOPPED:
            return
        time.sleep(0.001)
