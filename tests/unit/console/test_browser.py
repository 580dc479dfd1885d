"""The console in a real browser: no network, no console errors, a map with footprints, and news without reloading."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from attrs import frozen
from fastapi import Request, Response

from tests.unit.console.conftest import ADRIATIC, Stage

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this host (apt-get install chromium)")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--enable-logging=stderr", "--window-size=1280,1600", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


@frozen
class Served:
    """The console on a free port of this host; `polled` is set when a browser asks for news."""

    address: str
    polled: threading.Event


@pytest.fixture
def served(stage: Stage) -> Iterator[Served]:
    app, polled = stage.app(), threading.Event()

    @app.middleware("http")
    async def note_polls(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        if request.url.path == "/console/live":
            polled.set()
        return response

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", polled)
        finally:
            server.should_exit = True
            thread.join()


def look(url: str, profile: Path, *, for_ms: int) -> tuple[str, str]:
    """The page as the browser has it after a while, and what it logged."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--virtual-time-budget={for_ms}", "--dump-dom", url,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def complaints(log: str) -> list[str]:
    """Errors and warnings of the page itself."""
    return [
        line
        for line in log.splitlines()
        if "CONSOLE" in line and re.search("error|refused|violat|warn", line, re.IGNORECASE)
    ]


def test_the_page_draws_its_map_and_complains_of_nothing(served: Served, tmp_path: Path) -> None:
    page, log = look(f"{served.address}/", tmp_path / "profile", for_ms=4000)
    assert complaints(log) == []
    assert re.search(r'id="map"[^>]*data-footprints="5"', page), "four over the Adriatic, one over the dateline"
    assert int((re.search(r'data-land="(\d+)"', page) or [0, 0])[1]) > 1000
    paths = re.findall(r'<path class="footprint[^"]*"[^>]* d="(M[^"]+)"', page)
    assert len(paths) == 6, "the one over the dateline is drawn on both sides"
    assert re.search(r'<section id="selected".*?<img src="/console/products/[^"]+/quicklook"', page, re.DOTALL)
    assert re.search(r'<tr id="p-[^"]+"[^>]* class="is-chosen"', page)
    assert re.search(r'data-since="clock"[^>]*>\d+:\d\d:\d\d<', page), "the time of what runs ticks"


def test_news_appear_without_reloading(stage: Stage, served: Served, tmp_path: Path) -> None:
    def tell() -> None:
        if served.polled.wait(60):
            stage.product("S1A_LATE_NEWS.SAFE", "S3_RAW__0S", ring=ADRIATIC)

    teller = threading.Thread(target=tell)
    teller.start()
    page, log = look(f"{served.address}/", tmp_path / "profile", for_ms=30_000)
    teller.join()
    assert complaints(log) == []
    assert re.search(r'<tr id="p-[^"]+" data-product="[^"]+" data-name="S1A_LATE_NEWS.SAFE"', page)
    assert re.search(r'id="map"[^>]*data-footprints="6"', page)
    assert re.search(r"<b>8</b>\s*products", page)


def test_the_job_page_complains_of_nothing(served: Served, tmp_path: Path) -> None:
    page, log = look(f"{served.address}/console/jobs/7", tmp_path / "profile", for_ms=2500)
    assert complaints(log) == []
    assert re.search(r'<pre id="log"[^>]*>[^<]*62% azimuth focusing', page)
