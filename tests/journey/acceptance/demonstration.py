"""The demonstration as a user runs it: one process, watched until its report is there, and stopped as a user would."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
from attrs import frozen

from s1pdgs.simulator.scenario import Scenario
from tests import kept
from tests.journey.ground import environment

PATIENCE_S = 900.0
STOP_S = 30.0
LOOK_S = 0.5
OUTPUT, STATE = "output.txt", "running.json"
CONSOLE = re.compile(r"^console +(http://\S+)$", re.MULTILINE)


@frozen
class Demonstration:
    """A demonstration that has ended and is kept running: its doors, its files and what it printed.

    `products` holds everything that is published, downloaded through PRIP and unpacked; `archives` the zips.
    """

    url: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "out" / "report.json").read_text()))

    @property
    def truth(self) -> dict[str, Any]:
        """What the simulator sent and where the targets stand."""
        return dict(json.loads((self.folder / "data" / "simulation" / "truth.json").read_text()))

    @property
    def output(self) -> str:
        return (self.folder / OUTPUT).read_text()

    @property
    def archives(self) -> Path:
        return self.folder / "archives"

    @property
    def products(self) -> Path:
        return self.folder / "products"

    def product(self, kind: str) -> Path:
        """The one product whose name holds `kind`, such as `_SLC__1S`."""
        (found,) = self.products.glob(f"*{kind}*.SAFE")
        return found

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=f"{self.url}/odata/v1", timeout=60.0)


@contextmanager
def shared_demonstration(folder: Path) -> Iterator[Demonstration]:
    """The demonstration of a test run: workers of pytest-xdist share one, and who started it stops it last.

    After its end the process must have left cleanly, and nothing that it started may be alive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.lock").open("w") as users:
        process = None
        with kept.locked(folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / STATE).exists():
                process = _start(folder)
        try:
            yield Demonstration(json.loads((folder / STATE).read_text())["url"], folder)
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            if process is not None:
                fcntl.flock(users, fcntl.LOCK_EX)
                (folder / STATE).unlink()
                _stop(process)


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    """Run `s1pdgs demo --keep` until it is done, and download what it published."""
    simulated = kept.CACHE / "demonstration" / kept.source_key(Scenario())
    if simulated.exists():
        shutil.copytree(simulated, folder / "data" / "simulation", dirs_exist_ok=True)
    command = [str(Path(sys.executable).parent / "s1pdgs"), "demo", "--keep"]
    command += ["--data-dir", str(folder / "data"), "--out", str(folder / "out")]
    with (folder / OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )
    try:
        demonstration = Demonstration(_wait(process, folder), folder)
        _keep(folder / "data" / "simulation", simulated)
        _download(demonstration)
        (folder / STATE).write_text(json.dumps({"url": demonstration.url}))
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process


def _wait(process: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Wait for the report; the address of the console as printed."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        found = CONSOLE.search((folder / OUTPUT).read_text())
        if found and (folder / "out" / "report.json").exists():
            return found.group(1)
        time.sleep(LOOK_S)
    raise AssertionError(f"the demonstration did not come to its end:\n{(folder / OUTPUT).read_text()}")


def _keep(simulation: Path, simulated: Path) -> None:
    """Keep the simulated downlink for the next run of the tests, as long as the source is the same."""
    if simulated.exists():
        return
    shutil.rmtree(simulated.parent, ignore_errors=True)
    shutil.copytree(simulation, simulated.with_suffix(".part"), dirs_exist_ok=True)
    simulated.with_suffix(".part").rename(simulated)


def _download(demonstration: Demonstration) -> None:
    for folder in (demonstration.archives, demonstration.products):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    with demonstration.client() as client:
        for entry in client.get("/Products", params={"$top": "100"}).raise_for_status().json()["value"]:
            archive = demonstration.archives / entry["Name"]
            with client.stream("GET", f"/Products({entry['Id']})/$value") as reply, archive.open("wb") as stream:
                reply.raise_for_status()
                for chunk in reply.iter_bytes(1 << 20):
                    stream.write(chunk)
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(demonstration.products)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(f"Ctrl-C did not end the demonstration within {STOP_S:g} s") from None
    _, alive = psutil.wait_procs(family, timeout=5.0)
    for one in alive:
        one.kill()
    assert not alive, f"left behind: {alive}"
    assert code == 0, f"the demonstration ended with {code}"
