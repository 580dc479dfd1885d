"""Our STAC API beside stac-fastapi-pgstac: the same items, the same searches, on the same PostgreSQL server."""

import json
import os
import random
import socket
import subprocess
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from benchmarks.databases import LABELS, database_named
from benchmarks.door_http import requests_a_second, served
from benchmarks.door_questions import corner, interval
from benchmarks.harness import PEERS, Result, scratch
from benchmarks.published import TYPES, fill, name_of
from s1pdgs.publication.holdings import spans
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import search
from s1pdgs.publication.stac_items import collection, item
from s1pdgs.storage.database import Database

PEER = "stac-fastapi-pgstac"
_WANTED = ("pypgstac[psycopg]>=0.9.8,<0.11", "stac-fastapi.pgstac>=6,<8", "uvicorn")
_SITE = "http://127.0.0.1"


def by_time(items: int, dice: random.Random, limit: int = 10) -> str:
    """A search that our door and the peer's understand, below their roots; so are the others."""
    return f"/stac/search?collections={dice.choice(TYPES)}&datetime={interval(dice, items, 5.0)}&limit={limit}"


def by_place(items: int, dice: random.Random) -> str:
    west, south = corner(dice, 5.0)
    box = f"{west},{south},{west + 5.0},{south + 5.0}"
    return f"/stac/search?bbox={box}&datetime={interval(dice, items, 12.0)}&limit=10"


def by_name(items: int, dice: random.Random) -> str:
    return f"/stac/search?ids={name_of(dice.randint(1, items))}&limit=10"


def compared(items: int, command: str) -> list[Result]:
    """Item searches a second of 32 clients; none when PostgreSQL or the peer cannot be had, with the reason printed."""
    searches = {
        "a collection and 5 days": partial(by_time, items),
        "5 degrees and 12 days": partial(by_place, items),
        "one by id": partial(by_name, items),
    }
    try:
        programs = _peer()
        with database_named("postgresql", "doors-items") as database:
            fill(database, items)
            with served(database, scratch()) as address:
                ours = {name: requests_a_second(address, path) for name, path in searches.items()}
            with _pgstac(programs, database) as address:
                peers = {
                    name: requests_a_second(address, lambda dice, path=path: path(dice).removeprefix("/stac"))
                    for name, path in searches.items()
                }
    except LookupError as reason:
        print(f"{PEER} is not measured: {reason}")
        return []
    told = f"{LABELS['postgresql']}, {items} items: 32 clients, STAC items of"
    return [Result(f"{told} {name}", rate, "requests/s", command, {PEER: peers[name]}) for name, rate in ours.items()]


def _peer() -> Path:
    """Where the programs of the peer's virtual environment lie; raises `LookupError`."""
    folder = PEERS / "pgstac"
    if not (folder / ".installed").exists():
        venv.create(folder, with_pip=True)
        command = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *_WANTED,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise LookupError((done.stderr.strip().splitlines() or ["it cannot be installed"])[-1])
        (folder / ".installed").touch()
    return folder / "bin"


@contextmanager
def _pgstac(programs: Path, ours: Database) -> Iterator[str]:
    """The address of the peer's server over a database of its own with our items."""
    url = ours.engine.url
    environment = os.environ | {
        "PGHOST": str(url.host), "PGPORT": str(url.port), "PGUSER": str(url.username), "PGPASSWORD": "none",
        "PGDATABASE": "pgstac", "ENABLE_TRANSACTIONS_EXTENSIONS": "FALSE",
    }  # fmt: skip
    with sa.create_engine(url, poolclass=sa.pool.NullPool).connect() as connection:
        bare = connection.execution_options(isolation_level="AUTOCOMMIT")
        bare.exec_driver_sql("DROP DATABASE IF EXISTS pgstac WITH (FORCE)")
        bare.exec_driver_sql("CREATE DATABASE pgstac TEMPLATE template0")
    folder = scratch()
    try:
        _write_items(ours, folder)
        pypgstac = str(programs / "pypgstac")
        _do([pypgstac, "migrate"], environment)
        for kind in ("collections", "items"):
            _do([pypgstac, "load", kind, str(folder / f"{kind}.ndjson"), "--method", "insert"], environment)
    finally:
        for kind in ("collections", "items"):
            (folder / f"{kind}.ndjson").unlink(missing_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(programs / "python"), "-m", "uvicorn", "--factory", "stac_fastapi.pgstac.app:create_app"]
    options = ["--port", str(port), "--log-level", "error", "--no-access-log"]
    server = subprocess.Popen([*command, *options], env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(f"{address}/_mgmt/ping", timeout=5):
                break
            time.sleep(0.1)
        else:
            raise LookupError("its server does not start")
        yield address
    finally:
        server.terminate()
        server.wait()


def _do(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise LookupError(f"{' '.join(command[:3])}: {(done.stderr.strip().splitlines() or ['it failed'])[-1]}")


def _write_items(database: Database, folder: Path) -> None:
    """Collections and items as our own door shows them, a line each."""
    root = f"{_SITE}/stac"
    with database.read() as connection:
        with (folder / "collections.ndjson").open("w") as stream:
            stream.writelines(f"{json.dumps(collection(span, root))}\n" for span in spans(connection))
        with (folder / "items.ndjson").open("w") as stream:
            after: str | None = None
            while True:
                page = search(connection, ALWAYS, limit=1000, after=after)
                stream.writelines(f"{json.dumps(item(one, _SITE, root))}\n" for one in page.products)
                after = page.after
                if after is None:
                    return
