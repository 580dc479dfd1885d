"""Downlinks to practise on: simulated once, kept below `.cache` under a key of the simulator's source."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import s1pdgs
from s1pdgs.simulator.mission import simulate_plan
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.scenario import MIB, Downlink, Scenario, Scene
from s1pdgs.simulator.session import simulate

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "journey"
MADE_BY = ("simulator", "formats", "sar", "model")

SMALL = Scenario(
    duration_s=1.0,
    samples=4200,
    targets=1,
    scene=Scene(distributed=False),
    downlink=Downlink(block_bytes=4 * MIB),
)
"""The smallest data take that the Level-1 processor focuses, in two polarisations: 29 MB in 8 blocks."""

TINY = Scenario.mini(downlink=Downlink(block_bytes=MIB // 8))
"""A few hundred short lines of noise: enough for Level-0."""

LONG = Plan(takes=(TakePlan(mode="IW", duration_s=68.0, samples=64, polarisation="SV"),), telemetry=None)
"""Three slices of IW in one polarisation, so on one channel: small windows of noise, 21 MB."""


def downlink(name: str, scenario: Scenario | Plan) -> Path:
    """The folder of a simulated downlink, which must not be changed."""
    folder = CACHE / f"{name}-{_key(scenario)}"
    make: Callable[..., object] = simulate_plan if isinstance(scenario, Plan) else simulate
    with locked(CACHE / f"{name}.lock"):
        if not (folder / "session.json").exists():
            for outdated in CACHE.glob(f"{name}-*"):
                shutil.rmtree(outdated)
            make(scenario, folder)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time, also among the workers of pytest-xdist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _key(scenario: Scenario | Plan) -> str:
    digest = hashlib.sha256(repr(scenario).encode())
    package = Path(s1pdgs.__file__).parent
    for room in MADE_BY:
        for path in sorted((package / room).rglob("*")):
            if path.suffix in {".py", ".json", ".toml", ".xml"}:
                digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
