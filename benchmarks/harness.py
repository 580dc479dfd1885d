"""How a measurement is taken and told.

Machines are shared and their speed wavers, so contestants take turns, every run is its own process, and the median of
all runs counts. CPU seconds are those of the whole process, user and system, all threads.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen

ROOT = Path(__file__).parent.parent
OUT = ROOT / "benchmarks" / "out"
CACHE = ROOT / ".cache"
PEERS = CACHE / "peers"
CONTESTANTS = Path(__file__).parent / "contestants"
KINDS = ("sqlite", "postgresql")
CHANNEL_MB_S = 260e6 / 8 / 1e6
"""An X-band channel of Sentinel-1."""
ONE_CORE = dict.fromkeys(("NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"), "1")


@frozen
class Result:
    """One figure, and the peers' for the same input where there are any. `ratio` above 1: faster than every peer.

    A figure that is a median of times may tell their 99th percentile too.
    """

    name: str
    value: float
    unit: str
    command: str
    peers: Mapping[str, float] = field(factory=dict)
    p99: float | None = None

    @property
    def fastest_peer(self) -> str | None:
        return max(self.peers, key=lambda peer: self.peers[peer], default=None)

    @property
    def ratio(self) -> float | None:
        peer = self.fastest_peer
        return None if peer is None else self.value / self.peers[peer]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "p99": self.p99,
            "peer": self.fastest_peer,
            "peer_value": None if self.fastest_peer is None else self.peers[self.fastest_peer],
            "ratio": self.ratio,
            "peers": dict(self.peers),
            "command": self.command,
        }


@frozen
class Options:
    """What a run of the benchmarks was asked for: processes of each contestant, the size of the session, products in
    the catalogue and how often each question is asked of it, ended jobs in the queue, hours of the mission day, jobs of
    the graph that engines run side by side, whether filled databases are kept for the next run, and on which of them
    the doors are measured. By default a suite of the engine ends within six minutes on two free cores.
    """

    rounds: int = 5
    gigabytes: float = 1.0
    products: int = 500_000
    questions: int = 200
    jobs: int = 100_000
    hours: float = 12.0
    dag: int = 48
    keep: bool = False
    databases: tuple[str, ...] = KINDS


@frozen
class Contestant:
    """A program that does one piece of work on a file and tells how long it took (benchmarks/contestants)."""

    name: str
    python: Path
    script: Path

    def measure(self, work: str, path: Path, *, one_core: bool, longest_s: float | None = None) -> dict[str, float]:
        """Medians `cpu_s` and `wall_s` of one process, and what it found in the file; `SystemExit` with its complaint
        when it fails or takes too long.
        """
        environment = os.environ | (ONE_CORE if one_core else {})
        command = [str(self.python), str(self.script), work, str(path)]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=longest_s
            )
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{self.name} has not ended after {longest_s:g} s at {work}") from None
        if done.returncode:
            raise SystemExit(f"{self.name} failed at {work}:\n{done.stderr[-2000:]}")
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found


def in_turns(
    contestants: list[Contestant], work: str, path: Path, rounds: int, *, one_core: bool
) -> dict[str, dict[str, float]]:
    """The medians over `rounds` processes of each contestant, which take turns."""
    runs: dict[str, list[dict[str, float]]] = {contestant.name: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            runs[contestant.name].append(contestant.measure(work, path, one_core=one_core))
    return {
        name: {key: statistics.median(run[key] for run in found) for key in found[0]} for name, found in runs.items()
    }


def compared(
    name: str,
    unit: str,
    command: str,
    runs: Mapping[str, dict[str, float]],
    rate: Callable[[dict[str, float]], float],
) -> Result:
    """The rates of all contestants as one figure of ours beside the peers'."""
    rates = {contestant: rate(run) for contestant, run in runs.items()}
    return Result(name, rates.pop("s1pdgs"), unit, command, rates)


def scratch() -> Path:
    """Where measured data may lie for the time of a run."""
    folder = CACHE / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ours() -> Contestant:
    """This checkout."""
    return Contestant("s1pdgs", Path(sys.executable), CONTESTANTS / "run_s1pdgs.py")


def peers() -> list[Contestant]:
    """The peers that can be had here; those that cannot are named with the reason."""
    found = []
    for name, requirement in (("sentinel1decoder", "sentinel1decoder"), ("s1isp", None)):
        python = peer_python(name, requirement)
        if python is not None:
            found.append(Contestant(name, python, CONTESTANTS / f"run_{name}.py"))
    return found


def peer_python(name: str, requirement: str | None) -> Path | None:
    """The interpreter of a virtual environment that holds a peer and nothing of ours; None when it cannot be had.

    Without a requirement the peer is built from a checkout of its source in `.cache/peers/<name>-src`.
    """
    folder = PEERS / name
    python = folder / "bin" / "python"
    if python.exists() and _imports(python, name):
        return python
    source = PEERS / f"{name}-src"
    if requirement is None and not source.is_dir():
        print(f"peer {name}: no wheel of it decodes; put its git source into {source} to measure it")
        return None
    if not python.exists():
        venv.create(folder, with_pip=True)
    wanted = requirement or str(source)
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
    installed = subprocess.run(command, check=False, capture_output=True, text=True)
    if installed.returncode or not _imports(python, name):
        last = (installed.stderr.strip().splitlines() or ["it does not import"])[-1]
        print(f"peer {name} cannot be installed here, measured without it: {last}")
        return None
    return python


def _imports(python: Path, name: str) -> bool:
    module = {"s1isp": "s1isp._huffman"}.get(name, name)
    return (
        subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True, cwd=PEERS).returncode == 0
    )


def environment() -> dict[str, Any]:
    """What the figures were taken on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": model,
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
        "python": platform.python_version(),
    }


def write_results(results: list[Result]) -> Path:
    """Write `results.json`: the machine, and every figure."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "results.json"
    document = {"environment": environment(), "results": [result.as_json() for result in results]}
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path
