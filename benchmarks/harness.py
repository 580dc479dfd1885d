"""How a measurement is taken and told."""

import json
import resource
import subprocess
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

OUT = Path(__file__).parent / "out"
PEERS = Path(".cache/peers")


@frozen
class Result:
    """One figure, and a peer's for the same input where there is one. `ratio` above 1: we are better."""

    name: str
    value: float
    unit: str
    command: str
    peer: str | None = None
    peer_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if not self.peer_value else self.value / self.peer_value

    def as_json(self) -> dict[str, Any]:
        fields = asdict(self)
        return {key: fields[key] for key in ("name", "value", "unit", "peer", "peer_value")} | {
            "ratio": self.ratio,
            "command": self.command,
        }


def cpu_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The least CPU time, user and system, of all threads of this process for one run of the work; a first run that
    compiles is not counted.
    """
    work()
    best = float("inf")
    for _ in range(repeats):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def child_cpu_seconds(command: list[str], repeats: int = 2) -> float:
    """The least CPU time of a program, its start included."""
    best = float("inf")
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def peer_python(package: str) -> Path | None:
    """The interpreter of a virtual environment that holds a peer and nothing of ours; None when it cannot be had."""
    folder = PEERS / package
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package], check=False
    )
    if installed.returncode:
        print(f"peer {package} cannot be installed here: measured without it")
        return None
    return python


def write_results(results: list[Result]) -> Path:
    """Write `results.json`."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "results.json"
    path.write_text(json.dumps([result.as_json() for result in results], indent=1) + "\n")
    return path
