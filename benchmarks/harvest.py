"""A session harvested from our own CADIP server: polled, fetched by two at a time, proven, stored and made a product.

Beside curl that fetches the same files by two at a time, alone and with the checksums that we compute on the way. The
server is a process of its own (`python -m benchmarks.harvest FOLDER`), whose CPU seconds are nobody's.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI

from benchmarks.harness import Options, Result, scratch
from benchmarks.zips import in_turns
from s1pdgs.bus.outbox import Outbox
from s1pdgs.doors import serving
from s1pdgs.inbox import sessions
from s1pdgs.inbox.deliveries import announce_block, announce_session, block_key, location_of
from s1pdgs.inbox.files import due_files, store_file
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.model.time import SystemClock
from s1pdgs.publication.cadip import Cadip
from s1pdgs.stations.http import open_http
from s1pdgs.stations.odata import pages
from s1pdgs.stations.poller import download, open_source, poll
from s1pdgs.stations.profile import Profile
from s1pdgs.storage.database import Database, open_sqlite
from s1pdgs.storage.objects import local_objects
from s1pdgs.storage.schema import migrate

COMMAND = "make bench ARGS=harvest"
ID = "S1A_20260105072204051312"
BLOCKS = 5
PARALLEL = 2
_PROOFS = "ls *.raw | xargs -P 2 -n 1 sh -c 'sha256sum $0 && md5sum $0' >/dev/null"


def run(options: Options) -> list[Result]:
    folder = scratch() / "harvest"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        make_session(folder / "up", int(options.gigabytes * 1e9))
        with served(folder / "up") as url:
            return _measured(folder, url, options.rounds, options.gigabytes * 1e3)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(folder: Path, url: str, rounds: int, megabytes: float) -> list[Result]:
    new = iter([(place := folder / f"down-{number}", _database(place)) for number in range(rounds)])
    contestants: dict[str, Callable[[], None]] = {"s1pdgs": lambda: harvest(*next(new), url)}
    if shutil.which("curl"):
        files = _addresses(url)
        contestants["curl"] = lambda: _curl(folder / "curl", files)
        contestants["curl, sha256sum and md5sum"] = lambda: _curl(folder / "curl", files, proofs=True)
    cpu, wall = in_turns(contestants, rounds)
    return [
        _compared("A session of two channels from our CADIP server, proven and stored", "MB/cpu-s", megabytes, cpu),
        _compared("The same by the clock", "MB/s", megabytes, wall),
    ]


def _compared(name: str, unit: str, megabytes: float, seconds: dict[str, float]) -> Result:
    rates = {contestant: megabytes / took for contestant, took in seconds.items()}
    return Result(name, rates.pop("s1pdgs"), unit, COMMAND, rates)


def harvest(folder: Path, database: Database, url: str) -> None:
    """What a ground segment does about one new session; only its database is left."""
    outbox = Outbox(SystemClock())
    profile = Profile("up", "cadip", url, parallel_downloads=PARALLEL, start=datetime(2026, 1, 1, tzinfo=UTC))
    source = open_source(profile, database, local_objects(folder / "objects"), outbox, folder / "work")
    poll(source)
    while download(source):
        pass
    source.close()
    with database.read() as connection:
        known = sessions.find_session(connection, ID)
    assert known is not None
    assert known.state == "complete", known
    database.close()
    shutil.rmtree(folder / "objects")


def _curl(folder: Path, files: dict[str, str], *, proofs: bool = False) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    arguments = [word for name, address in files.items() for word in ("-o", name, address)]
    command = ["curl", "-sS", "-f", "--parallel", "--parallel-max", str(PARALLEL), *arguments]
    subprocess.run(command, check=True, cwd=folder)
    subprocess.run(["sync", *files], check=True, cwd=folder)
    if proofs:
        subprocess.run(_PROOFS, check=True, cwd=folder, shell=True)


def _addresses(url: str) -> dict[str, str]:
    http = open_http(Profile("up", "cadip", url), SystemClock())
    found = {str(one["Name"]): f"{url}/Files({one['Id']})/$value" for page in pages(http, "Files", {}) for one in page}
    http.client.close()
    return found


def make_session(folder: Path, size: int) -> None:
    """A complete session of two channels of random blocks, as if a station had delivered it."""
    database, outbox, store = _database(folder), Outbox(SystemClock()), local_objects(folder / "objects")
    now = outbox.clock.now()
    block = [os.urandom(1 << 20)] * max(size // (2 * BLOCKS) >> 20, 1)
    with database.write() as connection:
        session = Session(ID, "S1A", "SGS", 2, now, now, now + timedelta(minutes=5), 51312)
        announce_session(connection, "station", session, now)
        for channel in (1, 2):
            for number in range(1, BLOCKS + 1):
                name = f"DCS_02_{ID}_ch{channel}_DSDB_{number:05d}.raw"
                file = SessionFile(name, ID, name, channel, number, number == BLOCKS, now, -1)
                announce_block(connection, "station", file, now)
        due = due_files(connection, "station", now, 2 * BLOCKS)
    for each in due:
        key = block_key(location_of(ID), int(each.announcement.channel or 0), each.announcement.name)
        sums = store.put(key, iter(block))
        with database.write() as connection:
            store_file(connection, outbox, each.announcement, key, sums)
    with database.write() as connection:
        assert sessions.complete(connection, outbox, store, ID)
    database.close()


def _database(folder: Path) -> Database:
    folder.mkdir(parents=True)
    database = open_sqlite(folder / "s1pdgs.db")
    migrate(database)
    return database


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the CADIP server of a folder."""
    command = [sys.executable, "-m", "benchmarks.harvest", str(folder)]
    server = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait()
        server.stdout.close()


def main() -> None:
    """Serve until standard input ends; the address is the first line."""
    folder = Path(sys.argv[1])
    database, app = open_sqlite(folder / "s1pdgs.db"), FastAPI()
    app.include_router(Cadip(database, local_objects(folder / "objects")).router())
    with serving(app, "127.0.0.1", 0) as doors:
        sys.stdout.write(f"{doors.url}/cadip/odata/v1\n")
        sys.stdout.flush()
        sys.stdin.read()
    database.close()


if __name__ == "__main__":
    main()
