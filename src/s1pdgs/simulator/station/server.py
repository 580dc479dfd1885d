"""The simulated station as an HTTP server on loopback."""

import logging
import socket
import tempfile
from pathlib import Path
from threading import Thread

import uvicorn
from attrs import frozen

from s1pdgs.model.time import Clock, SystemClock
from s1pdgs.simulator.station.archive import prepare
from s1pdgs.simulator.station.content import StationContent
from s1pdgs.simulator.station.endpoints import application
from s1pdgs.simulator.station.faults import Account, Faults
from s1pdgs.simulator.station.holdings import PAGE_SIZE, Station
from s1pdgs.simulator.station.media import Media
from s1pdgs.simulator.station.timeline import Timeline
from s1pdgs.simulator.station.tokens import Tokens


@frozen
class RunningStation:
    """A served station: its address, its state for tests, and how to end it."""

    url: str
    station: Station
    _server: uvicorn.Server
    _thread: Thread
    _folder: tempfile.TemporaryDirectory[str]

    @property
    def odata_url(self) -> str:
        return f"{self.url}/odata/v1"

    def unit_url(self, unit: str) -> str:
        """Where one of several stations is alone."""
        return f"{self.url}/{unit}/odata/v1"

    def offer(self, *folders: Path) -> None:
        """Publish more deliveries and auxiliary files from now on; raises `ContentError`."""
        self.station.offer(*folders)

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def stop(self) -> None:
        """End the server and wait for it."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)
        self._folder.cleanup()

    def __enter__(self) -> "RunningStation":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(
    content: StationContent,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    speedup: float = 1.0,
    interval_s: float | None = None,
    faults: Faults | None = None,
    clock: Clock | None = None,
    account: Account | None = None,
    zip_files: bool = False,
    page_size: int = PAGE_SIZE,
) -> RunningStation:
    """Serve a station in a thread until `stop()`; the pass begins now and runs `speedup` times faster than it did.

    With an `account` every request needs a bearer token of `/oauth2/token` or Basic credentials. Port 0 takes a free
    one. OSError when the port is taken.
    """
    clock = clock or SystemClock()
    faults = faults or Faults()
    folder = tempfile.TemporaryDirectory(prefix="s1pdgs-station-")
    listener = socket.create_server((host, port))
    now, archives = clock.now(), Path(folder.name)
    published = now.replace(microsecond=0)
    station = Station(
        content=content,
        auxiliary=tuple(prepare(path, archives, published, zip_files=zip_files) for path in content.auxiliary),
        timeline=Timeline.of(content, now, speedup, interval_s),
        faults=faults,
        clock=clock,
        tokens=None if account is None else Tokens(account, faults, clock),
        media=Media(faults),
        folder=archives,
        zip_files=zip_files,
        page_size=page_size,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # broken connections are ordered here
    config = uvicorn.Config(application(station), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="station", daemon=True)
    thread.start()
    return RunningStation(f"http://{host}:{listener.getsockname()[1]}", station, server, thread, folder)
