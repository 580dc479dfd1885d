"""stac-browser in a real browser shows our collections, where scripts/stac-browser has built it."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles

from s1pdgs.publication.service import mount
from tests.databases import new_database
from tests.unit.publication.conftest import filled, new_segment

DIST = Path(__file__).resolve().parents[2] / ".cache" / "peers" / "stac-browser" / "dist"
CHROMIUM = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-sync", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1280,1400", "--virtual-time-budget=20000",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of stac-browser beside the doors that it shows."""
    if not (DIST / "index.html").exists():
        pytest.skip("stac-browser is not built here; scripts/stac-browser builds it")
    folder = tmp_path_factory.mktemp("browser")
    with new_database("sqlite", folder) as database, socket.socket() as listener:
        segment = filled(new_segment(database, folder))
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = FastAPI()
        mount(app, database, segment.store)
        told = f'<head><script>window.STAC_BROWSER_CONFIG = {{catalogUrl: "{address}/stac/"}}</script>'
        page = (DIST / "index.html").read_text().replace("<head>", told, 1)
        app.get("/")(lambda: Response(page, media_type="text/html"))
        app.mount("/", StaticFiles(directory=DIST, html=True))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"{address}/#"
        finally:
            server.should_exit = True
            thread.join()


def look(url: str, profile: Path) -> str:
    """What a page holds once it has come to rest; a picture of it is left beside the profile."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this host (apt-get install chromium)")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"]
    subprocess.run([*command, f"--screenshot={profile}.png", url], check=True, capture_output=True, timeout=120)
    return subprocess.run([*command, "--dump-dom", url], check=True, capture_output=True, text=True, timeout=120).stdout


def test_the_collections_are_listed(browser: str, tmp_path: Path) -> None:
    page = look(f"{browser}/", tmp_path / "root")
    for kind in ("IW_SLC__1S", "IW_GRDH_1S", "S3_RAW__0S"):
        assert f"Sentinel-1 {kind}" in page


def test_an_item_shows_what_is_told_of_it(browser: str, tmp_path: Path) -> None:
    page = look(f"{browser}/collections/IW_SLC__1S", tmp_path / "items")
    assert "S1C_IW_SLC__1SDV_20200615T120000" in page
