"""The course of the demonstration: simulate, serve, run, wait, download, measure, tell."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from attrs import field, frozen

from s1pdgs.app import running
from s1pdgs.demo.collect import DemoError, collect
from s1pdgs.demo.memory import MemoryWatch
from s1pdgs.demo.report import Report, write_report
from s1pdgs.demo.standing import Standing, look, spans
from s1pdgs.formats.files import write_atomic
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.settings import load_settings
from s1pdgs.simulator.station.content import read_content
from s1pdgs.simulator.station.faults import Account
from s1pdgs.simulator.station.server import RunningStation, serve

LOOK_S = 0.5
PATIENCE_S = 1_800.0
Watch = Callable[[str, Standing | None], None]
"""Told the step that runs and, while the ground segment works, what stands where."""


@frozen
class Demo:
    """Where the demonstration works and what it simulates (`scenario`: arguments of `s1pdgs simulate`)."""

    data_dir: Path
    out_dir: Path
    scenario: tuple[str, ...] = ()
    keep: bool = False
    pass_s: float = 8.0
    port: int = 0
    watch: Watch = lambda _step, _standing: None
    served: Callable[[str], None] = lambda _url: None
    stop: threading.Event = field(factory=threading.Event)


def run_demo(demo: Demo, ended: Callable[[Report, Path], None]) -> None:
    """Run the demonstration; `ended` gets the report and its file while the doors are still open.

    Raises `DemoError` when something is parked, quarantined or not published in time.
    """
    begin = time.monotonic()
    steps: list[tuple[str, float]] = []
    with MemoryWatch() as memory:
        simulation = demo.data_dir / "simulation"
        with _step("simulate", steps, demo.watch):
            _simulate(simulation, demo.scenario)
        with _station(simulation, demo.pass_s) as station:
            ground = _ground_segment(demo, station)
            with running(ground) as doors:
                if doors is None:
                    raise DemoError("the doors did not open")
                demo.served(doors.url)
                _wait(ground, demo)
                with ground.database.read() as connection:
                    steps += [(name, (stop - start).total_seconds()) for name, start, stop in spans(connection)]
                with httpx2.Client(base_url=doors.url, timeout=120.0) as client, _step("measure", steps, demo.watch):
                    findings = collect(client, demo.out_dir, simulation / "truth.json")
                report = Report(findings, tuple(steps), time.monotonic() - begin, memory.peak_mb)
                ended(report, write_report(report, demo.out_dir))
                if demo.keep:
                    demo.stop.wait()


@contextmanager
def _step(name: str, steps: list[tuple[str, float]], watch: Watch) -> Iterator[None]:
    watch(name, None)
    begin = time.monotonic()
    yield
    steps.append((name, time.monotonic() - begin))


def _simulate(folder: Path, scenario: tuple[str, ...]) -> None:
    """Make the session once: a data directory that is used again keeps its own."""
    if (folder / "session.json").exists():
        return
    command = [sys.executable, "-m", "s1pdgs", "simulate", str(folder), *scenario]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(f"the simulation failed:\n{done.stdout}{done.stderr}".strip())


@contextmanager
def _station(folder: Path, pass_s: float) -> Iterator[RunningStation]:
    """The station, whose pass begins now and lasts about `pass_s` seconds."""
    content = read_content(folder)
    blocks = len(json.loads((folder / "session.json").read_text())["files"])
    with serve(content, interval_s=2.0 * pass_s / max(blocks, 1), account=Account()) as station:
        yield station


def _ground_segment(demo: Demo, station: RunningStation) -> GroundSegment:
    """The ground segment under a settings file that its child processes read too."""
    account = Account()
    source = "\n".join(
        [
            f'url = "{station.odata_url}"',
            f'token_url = "{station.token_url}"',
            f'client_id = "{account.client_id}"',
            f'client_secret = "{account.client_secret}"',
            "poll_s = 1.0",
            "overlap_s = 86400.0",
        ]
    )
    text = f"""# Written by `s1pdgs demo`.
data_dir = {json.dumps(str(demo.data_dir.resolve()))}
log = "json"

[serve]
port = {demo.port}

[work]
slots = 2

[[sources]]
name = "station"
kind = "cadip"
{source}

[[sources]]
name = "auxiliary"
kind = "auxip"
{source}
"""
    demo.data_dir.mkdir(parents=True, exist_ok=True)
    config = demo.data_dir / "s1pdgs.toml"
    write_atomic(config, text.encode())
    return open_ground_segment(load_settings(config), config)


def _wait(ground: GroundSegment, demo: Demo) -> None:
    """Wait until Level-1 products are published and nothing is on its way."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with ground.database.read() as connection:
            standing = look(connection)
        demo.watch("run", standing)
        if standing.troubles:
            raise DemoError("\n".join(standing.troubles))
        images = sum(count for kind, count in standing.products.items() if kind.endswith("_1S"))
        if standing.settled and images:
            return
        if demo.stop.wait(LOOK_S):
            raise DemoError("stopped before the end")
    raise DemoError("nothing was finished in time; waiting: " + "; ".join(standing.waiting or ("nothing",)))
