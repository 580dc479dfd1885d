"""The processes of a ground segment, kept alive as an init system would, and how to find those that they start."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from attrs import define, field, frozen

from s1pdgs.settings import PREFIX

MARK = "CHAOS_STAGE"
LEASE_S = 3.0
_REST_S = 0.5
_DRAIN_S = 60.0
_NEW_S = 30.0
_MB = 1024 * 1024


@define
class Kept:
    """A process that is started again, after a rest, whenever it has ended."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    since_s: float = 0.0
    due_s: float = 0.0


@frozen
class Disk:
    """Where the data of the ground segment lie, a small file system; the file that fills it is None on a large one."""

    folder: Path
    ballast: Path | None

    def fill(self) -> None:
        """Leave no room at all."""
        assert self.ballast is not None
        with self.ballast.open("wb", buffering=0) as stream:
            for size in (_MB, 4096):
                with suppress(OSError):
                    while True:
                        stream.write(bytes(size))

    def clear(self) -> None:
        assert self.ballast is not None
        self.ballast.unlink(missing_ok=True)


@define
class Stage:
    """The ground segment as processes. `mark` stands in the environment of all of them and of whatever they start."""

    folder: Path
    mark: str
    kept: list[Kept] = field(factory=list)
    frozen: set[int] = field(factory=set)

    def add(self, name: str, *command: str, number: int = 1) -> None:
        self.kept.extend(Kept(name, command) for _ in range(number))

    def keep(self) -> None:
        """Start what does not run and has rested."""
        for one in self.kept:
            if one.process is not None and one.process.poll() is not None:
                one.process, one.due_s = None, time.monotonic() + _REST_S
            if one.process is None and time.monotonic() >= one.due_s:
                one.process, one.since_s = self._start(one), time.monotonic()

    def _start(self, one: Kept) -> "subprocess.Popen[bytes]":
        clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with (self.folder / f"{one.name}.log").open("ab") as log:
            return subprocess.Popen(
                one.command, env=clean | {MARK: self.mark}, stdout=log, stderr=log, start_new_session=True
            )

    def named(self, *names: str) -> list[psutil.Process]:
        """The kept processes of these names that run and are not frozen."""
        pids = [one.process.pid for one in self.kept if one.name in names and one.process is not None]
        return self._awake(one for one in map(_process, pids) if one is not None)

    def executors(self) -> list[psutil.Process]:
        """Processes that execute an attempt."""
        return self._awake(one for one in self._started() if _executes(one))

    def processors(self) -> list[psutil.Process]:
        """Processes of the chain's program."""
        return self._awake(
            one for one in self._started() if any(word.endswith("chaos-processor") for word in command_of(one))
        )

    def _started(self) -> Iterator[psutil.Process]:
        for root in self.named("work", "dask-worker"):
            with suppress(psutil.NoSuchProcess):
                yield from root.children(recursive=True)

    def _awake(self, found: Iterable[psutil.Process]) -> list[psutil.Process]:
        return sorted((one for one in found if one.pid not in self.frozen), key=lambda one: one.pid)

    def stop(self) -> list[str]:
        """SIGTERM to all, work first; the names of those that did not end well."""
        bad = []
        for name in dict.fromkeys(one.name for one in self.kept):
            ours = [one for one in self.kept if one.name == name and one.process is not None]
            for one in ours:
                assert one.process is not None
                one.process.terminate()
            bad += [name for one in ours if not _ends_well(one)]
        return bad

    def left(self) -> list[psutil.Process]:
        """Processes anywhere on this machine that carry the mark."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, one: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return bool(one.environ().get(MARK) == self.mark and one.status() != psutil.STATUS_ZOMBIE)
        return False

    def clear(self) -> None:
        """Leave no process, however the run ended."""
        for one in self.left():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        for kept in self.kept:
            if kept.process is not None:
                kept.process.wait()


def _ends_well(one: Kept) -> bool:
    """One that has hardly begun knows no SIGTERM yet, and Dask's end as they like."""
    assert one.process is not None
    try:
        code = one.process.wait(_DRAIN_S)
    except subprocess.TimeoutExpired:
        return False
    is_new = time.monotonic() < one.since_s + _NEW_S
    return code == 0 or (is_new and code == -signal.SIGTERM) or one.name.startswith("dask")


def _process(pid: int) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def _executes(one: psutil.Process) -> bool:
    """Started on a worker of Dask, or forked on this host (`s1pdgs/nursery.py`)."""
    with suppress(psutil.Error):
        return "execute" in one.cmdline() or one.name().startswith("s1pdgs ")
    return False


def command_of(one: psutil.Process) -> list[str]:
    """Its words; none when it has ended."""
    with suppress(psutil.Error):
        return list(one.cmdline())
    return []


def write_settings(folder: Path, *, chains: Path, database: str, slots: int, scheduler: str | None) -> Path:
    """Data below `folder`, short leases and rests; everything else as people have it."""
    runner = {"runner": "local"} if scheduler is None else {"runner": "dask", "dask_scheduler": scheduler}
    tables: dict[str, dict[str, object]] = {
        "work": {"slots": slots, "lease_s": LEASE_S, "backoff_s": 0.5, "keep_failed": 0, **runner},
        "triggers": {"chains": str(chains)},
        "publication": {"types": ["S3_GRDH_1S"], "lease_s": LEASE_S, "backoff_s": 0.5},
    }
    lines = [f"data_dir = {json.dumps(str(folder / 'data'))}", f"database = {json.dumps(database)}", 'log = "json"']
    for name, values in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    config = folder / "s1pdgs.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


def ground_segment(stage: Stage, config: Path, supervisors: int) -> None:
    """Two processes of each role that may have two, and the supervisors of the jobs."""
    for role, number in {"work": supervisors, "triggers": 2, "publish": 2, "housekeeping": 1}.items():
        stage.add(role, *s1pdgs(config, "run", "--role", role), number=number)


def dask_cluster(stage: Stage, address: str, workers: int) -> None:
    """A scheduler and workers of one attempt each, that any restart finds at the same place."""
    port, dask = address.rpartition(":")[2], (sys.executable, "-m", "dask")
    stage.add("dask-scheduler", *dask, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(stage.folder / "dask"))
    stage.add("dask-worker", *dask, "worker", address, *words, number=workers)


def s1pdgs(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "s1pdgs", "--config", str(config), *words]


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A file system of this size in memory, mounted on a new folder where this machine lets us."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "s1pdgs-chaos", str(folder)]
    mounted = os.getuid() == 0 and subprocess.run(words, check=False, capture_output=True).returncode == 0
    try:
        yield Disk(folder, folder / "ballast" if mounted else None)
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
