"""The two databases that everything must work on: a new empty one of either kind for each test."""

import atexit
import hashlib
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs.storage.database import Database, open_postgres, open_sqlite
from s1pdgs.storage.schema import MIGRATIONS, migrate

KINDS = ("sqlite", "postgresql")
_CACHE = Path(__file__).resolve().parents[1] / ".cache"
_SERVICE = _CACHE / "services" / "postgres"
_spare: list[str] = []
"""Databases of this process that are empty again."""
_schemas: dict[str, str] = {}
"""By database, what its schema was when it was made."""
_hands: dict[str, sa.Connection] = {}
"""By database, the connection that empties it: making one costs more than all that is said over it."""

_DISCONNECT = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_SCHEMA = """
SELECT (SELECT version_num FROM alembic_version)
    || (SELECT string_agg(relname || relnatts::text || relhastriggers::text, ' ' ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace)
    || (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
"""
_EMPTY = """
DO $$
DECLARE
    each regclass;
    has_rows boolean;
    filled text[];
BEGIN
    FOR each IN SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version' LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || each || ')' INTO has_rows;
        IF has_rows THEN filled := filled || each::text; END IF;
    END LOOP;
    IF filled IS NOT NULL THEN EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' CASCADE'; END IF;
    PERFORM setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences WHERE last_value IS NOT NULL;
    DELETE FROM pg_statistic USING pg_class
        WHERE pg_class.oid = starelid AND relnamespace = 'public'::regnamespace;
    UPDATE pg_class SET reltuples = -1, relpages = 0
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reltuples >= 0;
END $$
"""


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[Database]:
    """An empty database with the current schema; the test skips when there is no PostgreSQL, and says why."""
    if kind == "sqlite":
        database = new_sqlite(folder)
        yield database
        database.close()
        return
    with new_postgres_url() as url:
        database = open_postgres(url)
        yield database
        database.close()


def new_sqlite(folder: Path) -> Database:
    """An empty database with the current schema in a folder."""
    path = folder / "s1pdgs.db"
    path.write_bytes(_migrated_file())
    return open_sqlite(path)


def in_memory() -> Database:
    """An empty database with the current schema that one thread uses and that waits for no disk."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    sa.event.listen(engine, "connect", _fill_memory)
    return Database(engine)


def _fill_memory(connection: Any, _record: object) -> None:
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        file.write(_migrated_file())
        file.flush()
        with closing(sqlite3.connect(file.name)) as source:
            source.backup(connection)
    connection.isolation_level = None


@contextmanager
def new_postgres_url() -> Iterator[str]:
    """The URL of an empty database with the current schema. One that a test leaves is emptied for the next, which is
    many times cheaper than a new one, unless its schema was altered.
    """
    name = _spare.pop() if _spare else _copy()
    try:
        yield _url_of(name)
    finally:
        if _emptied(name):
            _spare.append(name)
        else:
            _drop(name)


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
    """An SQLite file with the current schema, kept for other processes."""
    _CACHE.mkdir(exist_ok=True)
    kept = _CACHE / f"schema-{_migrations()}.db"
    if kept.exists():
        return kept.read_bytes()
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        path = Path(folder) / "s1pdgs.db"
        database = open_sqlite(path)
        migrate(database)
        database.close()
        path.replace(kept)
    return kept.read_bytes()


@cache
def _template() -> str:
    """A database of the server that the real migrations brought to the current schema, kept for other processes."""
    name, making = f"template_{_migrations()}", f"making_{uuid.uuid4().hex}"
    if _is_there(name):
        return name
    _administer(f"CREATE DATABASE {making} TEMPLATE template0")
    try:
        database = open_postgres(_url_of(making))
        migrate(database)
        database.close()
        _administer(f"ALTER DATABASE {making} RENAME TO {name}")
    except BaseException:
        _drop(making)
        if not _is_there(name):  # another process was faster
            raise
    return name


def _is_there(name: str) -> bool:
    with _administering("postgres") as connection:
        return connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}) is not None


@cache
def _migrations() -> str:
    """A name for what the migrations make."""
    texts = (path.read_bytes() for path in sorted(MIGRATIONS.rglob("*.py")))
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def _copy() -> str:
    """A new database like the template."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {_template()}")
    atexit.register(_drop, name)
    _hands[name] = _connect(name)
    _schemas[name] = _hands[name].execute(sa.text(_SCHEMA)).scalar_one()
    return name


def _drop(name: str) -> None:
    if name in _hands:
        _hands.pop(name).close()
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _emptied(name: str) -> bool:
    """Whether a database is as the template again: nobody else connected, no rows, no statistics, numbers from 1.
    False, when its schema is another.
    """
    connection = _hands[name]
    try:
        connection.exec_driver_sql(_DISCONNECT)
        if connection.scalar(sa.text(_SCHEMA)) != _schemas[name]:
            return False
        connection.exec_driver_sql(_EMPTY)
    except sa.exc.DBAPIError:
        return False
    return True


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
    with _administering("postgres") as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def _administering(name: str) -> Iterator[sa.Connection]:
    with _connect(name) as connection:
        yield connection


def _connect(name: str) -> sa.Connection:
    """A connection to a database of the server, whose statements are no transactions."""
    address = _service().set(drivername="postgresql+pg8000", database=name)
    engine = sa.create_engine(address, poolclass=sa.pool.NullPool, connect_args={"ssl_context": False})
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")
