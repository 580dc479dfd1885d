"""Real clusters on this machine, as processes of their own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

Process = subprocess.Popen[bytes]


@define
class DaskCluster:
    """A scheduler on loopback and its workers."""

    folder: Path
    address: str
    scheduler: Process
    workers: list[Process] = field(factory=list)

    def add_worker(self, threads: int = 1, resources: str = "") -> None:
        words = ["--nthreads", str(threads), "--no-nanny", "--local-directory", str(self.folder / "workers")]
        words += ["--resources", resources] if resources else []
        self.workers.append(_dask(self.folder, "worker", self.address, *words, "--no-dashboard"))

    def kill_worker(self) -> None:
        """The oldest, as by a power cut."""
        _kill(self.workers.pop(0))

    def restart_scheduler(self) -> None:
        """As after a power cut: it comes back at the same address and knows of nothing."""
        _kill(self.scheduler)
        self.scheduler = _scheduler(self.folder, self.address.rpartition(":")[2])


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """A scheduler and its workers, gone at the end of the block with all that they run."""
    scheduler = _scheduler(folder, "0")
    cluster = DaskCluster(folder, json.loads((folder / "scheduler.json").read_text())["address"], scheduler)
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        while cluster.workers:
            cluster.kill_worker()
        _kill(cluster.scheduler)


def _scheduler(folder: Path, port: str) -> Process:
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    words = ("--host", "127.0.0.1", "--port", port, "--scheduler-file", str(file), "--no-dashboard")
    started = _dask(folder, "scheduler", *words)
    try:
        _wait_for(file)
    except AssertionError:
        _kill(started)
        raise
    return started


def _dask(folder: Path, *words: str) -> Process:
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "dask", *words], cwd=folder, stdout=log, stderr=log)


def _kill(process: Process) -> None:
    process.kill()
    process.wait()


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} does not come"
        time.sleep(0.05)
