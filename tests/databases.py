"""The two databases that everything must work on: a new empty one of either kind for each test."""

import atexit
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs.storage.database import Database, open_postgres, open_sqlite
from s1pdgs.storage.schema import migrate

KINDS = ("sqlite", "postgresql")
_SERVICE = Path(__file__).resolve().parents[1] / ".cache" / "services" / "postgres"


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[Database]:
    """An empty database with the current schema; the test skips when there is no PostgreSQL, and says why."""
    if kind == "sqlite":
        path = folder / "s1pdgs.db"
        path.write_bytes(_migrated_file())
        database = open_sqlite(path)
        yield database
        database.close()
        return
    with new_postgres_url() as url:
        database = open_postgres(url)
        yield database
        database.close()


@contextmanager
def new_postgres_url() -> Iterator[str]:
    """The URL of a new database with the current schema, dropped afterwards."""
    template, name = _template(), f"test_{uuid.uuid4().hex}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield _url_of(name)
    finally:
        _administer(f"DROP DATABASE {name} WITH (FORCE)")


def plan_of(database: Database, query: str) -> str:
    """How the database would run a query; PostgreSQL is made to prefer indexes, as it does by itself in big tables."""
    with database.read() as connection:
        if connection.dialect.name == "sqlite":
            return " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN {query}".replace("%", "%%")))


def plans_of(database: Database, act: Callable[[sa.Connection], object]) -> list[str]:
    """How the database runs each statement that reads or changes rows in a transaction, after it has run."""
    ran: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and not statement.startswith("SELECT pg_"):
            ran.append((statement, values))

    explain = "EXPLAIN QUERY PLAN" if database.engine.dialect.name == "sqlite" else "EXPLAIN"
    with database.write() as connection:
        sa.event.listen(database.engine, "before_cursor_execute", note)
        try:
            act(connection)
        finally:
            sa.event.remove(database.engine, "before_cursor_execute", note)
        plans = [connection.exec_driver_sql(f"{explain} {statement}", values) for statement, values in ran]
        return [" ".join(map(str, plan)) for plan in plans]


def address_of(database: Database) -> str:
    """What `open_database` takes to open it again from another process."""
    engine = database.engine
    if engine.dialect.name == "sqlite":
        return "sqlite"
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@cache
def _migrated_file() -> bytes:
    """An SQLite file with the current schema."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s1pdgs.db"
        database = open_sqlite(path)
        migrate(database)
        database.close()
        return path.read_bytes()


@cache
def _template() -> str:
    """A database that was brought to the current schema by the real migrations, for this process to copy."""
    name = f"template_{uuid.uuid4().hex}"
    _administer(f"CREATE DATABASE {name} TEMPLATE template0")
    database = open_postgres(_url_of(name))
    migrate(database)
    database.close()
    atexit.register(_administer, f"DROP DATABASE {name} WITH (FORCE)")
    return name


def _service() -> sa.URL:
    """The server that scripts/services started."""
    url, reason = _SERVICE / "url", _SERVICE / "reason"
    if not url.exists():
        told = reason.read_text().strip() if reason.exists() else "it was not started; run scripts/services"
        pytest.skip(f"no PostgreSQL: {told}")
    return sa.make_url(url.read_text().strip())


def _url_of(name: str) -> str:
    return _service().set(database=name).render_as_string(hide_password=False)


def _administer(statement: str) -> None:
    engine = sa.create_engine(_service().set(drivername="postgresql+pg8000"), poolclass=sa.pool.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)
