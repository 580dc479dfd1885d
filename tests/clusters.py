"""Real clusters on this machine, as processes of their own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """The address of a scheduler on loopback and its workers, of one attempt at a time each."""
    file = folder / "scheduler.json"
    words = ["--scheduler-file", str(file), "--no-dashboard"]
    processes = [_dask(folder, "scheduler", "--host", "127.0.0.1", "--port", "0", *words)]
    try:
        _wait_for(file)
        for number in range(workers):
            place = folder / f"worker-{number}"
            processes.append(
                _dask(folder, "worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(place), *words)
            )
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def _dask(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "dask", *words], cwd=folder, stdout=log, stderr=log)


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} does not come"
        time.sleep(0.05)
