"""Databases to measure on: an SQLite file, and a PostgreSQL server of our own that is as durable as in operation.

The server of the tests does not wait for the disk; this one does, with the settings of PostgreSQL's package but for
a shared memory of 1 GB and no log for copies of itself, so that a fill is not written twice. It is stopped at the end,
and everything is removed unless it is to be kept for the next run.
"""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks.harness import scratch
from s1pdgs.storage.database import Database, open_postgres, open_sqlite
from s1pdgs.storage.schema import migrate

LABELS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_SETTINGS = (
    "listen_addresses=127.0.0.1", "shared_buffers=1GB", "wal_level=minimal", "max_wal_senders=0", "max_wal_size=4GB",
)  # fmt: skip
_HOME = Path("/var/tmp") / f"s1pdgs-bench-{os.getuid()}"  # where the server's own user may walk


@contextmanager
def database_named(kind: str, name: str, *, keep: bool = False) -> Iterator[Database]:
    """A database with the current schema, that of the last run when it was kept; `LookupError` without a server."""
    if kind == "sqlite":
        path = scratch() / f"{name}.db"
        database = open_sqlite(path)
        try:
            migrate(database)
            yield database
        finally:
            database.close()
            if not keep:
                for each in path.parent.glob(f"{path.name}*"):
                    each.unlink()
        return
    with _server(keep=keep) as url:
        _create(url, name)
        database = open_postgres(f"{url}/{name}")
        try:
            migrate(database)
            yield database
        finally:
            database.close()


def settle(database: Database) -> None:
    """Statistics for the planner, and nothing left to write back, as after a quiet night."""
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with _administering(database.engine.url) as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")


def advance(connection: sa.Connection, table: sa.Table) -> None:
    """Numbers go on behind those of rows that were written with theirs; SQLite sees to it by itself."""
    if connection.dialect.name == "postgresql":
        last = f"(SELECT max(id) FROM {table.name})"
        connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})")


def size_gb(database: Database) -> float:
    """What the database takes on disk."""
    query = (
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        if database.engine.dialect.name == "sqlite"
        else "SELECT pg_database_size(current_database())"
    )
    with database.read() as connection:
        return float(connection.exec_driver_sql(query).scalar_one()) / 1e9


@contextmanager
def _server(*, keep: bool) -> Iterator[str]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        raise LookupError("there is no PostgreSQL on this machine; scripts/services installs it")
    place, data = binaries[-1], _HOME / "pg"
    if not data.exists():
        _HOME.mkdir(mode=0o700, exist_ok=True)
        if _user() != getpass.getuser():
            shutil.chown(_HOME, _user())
        initdb = [place / "initdb", "-D", data, "-U", "s1pdgs", "-A", "trust", "--locale=C", "-E", "UTF8"]
        _as_server(initdb)
    port = _free_port()
    options = f"-p {port} -c unix_socket_directories='{_HOME}' {' '.join(f'-c {each}' for each in _SETTINGS)}"
    control = [place / "pg_ctl", "-D", data, "-s", "-w"]
    if (data / "postmaster.pid").exists():
        stop = " ".join(map(str, [*control, "-m", "fast", "stop"]))
        raise SystemExit(f"another run measures on {_HOME}, or was killed; to end its server, as {_user()}: {stop}")
    _as_server([*control, "-l", _HOME / "log", "-o", options, "start"])
    try:
        yield f"postgresql://s1pdgs@127.0.0.1:{port}"
    finally:
        _as_server([*control, "-m", "fast", "stop"])
        if not keep:
            shutil.rmtree(_HOME)


def _create(url: str, name: str) -> None:
    with _administering(sa.make_url(f"{url}/postgres").set(drivername="postgresql+pg8000")) as connection:
        known = connection.execute(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
        if known.first() is None:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')


@contextmanager
def _administering(address: sa.URL) -> Iterator[sa.Connection]:
    """A connection whose statements are no transactions."""
    engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _user() -> str:
    """PostgreSQL refuses root."""
    if os.getuid():
        return getpass.getuser()
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


def _as_server(command: list[str | Path]) -> None:
    user = pwd.getpwnam(_user())
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] * (not os.getuid())
    done = subprocess.run([*become, *map(str, command)], check=False, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {done.stderr.strip() or done.stdout.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
