"""The database engine: one SQL for SQLite and PostgreSQL, one transaction per effect (docs/decisions/0006)."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.model.time import from_micros, micros
from s1pdgs.storage.bell import Bell, take_news
from s1pdgs.storage.postgres import DRIVER, send_ahead

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Tables of all rooms; each room declares its own in its `tables.py`."""


SQLITE_FILE = "s1pdgs.db"
_WRITER = 0x51C0DE  # the number of our advisory lock; any will do that other users of the database leave alone
_STALLED_MS = 30_000
_SESSION = {
    "idle_in_transaction_session_timeout": _STALLED_MS,
    "timezone": "UTC",
    "max_parallel_workers_per_gather": 0,  # many small questions at a time: their workers would wait for each other
    "jit": "off",  # compiling takes longer than the questions
    "random_page_cost": 1.1,  # disks without arms
}
_TLS_MODES = ("disable", "require", "verify-full")

Identifier = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Numbers that the database gives: SQLite counts only its INTEGER keys by itself."""


class Micros(sa.TypeDecorator[datetime]):
    """A UTC time stored as integer microseconds since 1970 (stack.md section 1.4)."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_micros(value)


class DatabaseError(RuntimeError):
    """The database cannot be used; the message says why and what mends it, and never shows a password."""


@frozen
class Database:
    """The truth of the ground segment behind a SQLAlchemy engine. `bell` rings when this process has committed news."""

    engine: sa.Engine
    bell: Bell = field(factory=Bell, eq=False)

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[sa.Connection]:
        """One transaction for a state change; writers come one after the other, so none decides on what another is
        about to change. On SQLite the database's write lock sees to it, on PostgreSQL an advisory lock.

        `alone=False` lets PostgreSQL run the transaction beside others: for statements that guard themselves by a
        condition on the row that they change (claims, renewals).
        """
        with self.engine.connect() as connection:
            take_news(connection)
            try:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                elif alone:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()
            news = take_news(connection)
        if news:
            self.bell.ring()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent snapshot for reading."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                send_ahead(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        self.engine.dispose()


def open_database(where: str, folder: Path) -> Database:
    """The database that the setting `database` names: `sqlite` is a file in the folder, else a PostgreSQL URL."""
    return open_sqlite(folder / SQLITE_FILE) if where == "sqlite" else open_postgres(where)


def open_sqlite(path: Path) -> Database:
    """A database in one file, made durable by WAL and full synchronisation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": 60, "check_same_thread": False},
        json_deserializer=_read_json,
    )
    sa.event.listen(engine, "connect", _configure_sqlite)
    return Database(engine)


def _read_json(text: str) -> Any:
    """JSON of a column; with NaN, which SQLite keeps, it is none to msgspec."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the transaction begins where Database says so, not where the driver guesses
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")


def open_postgres(url: str) -> Database:
    """A PostgreSQL database, by `postgresql://user:password@host:port/name`; `DatabaseError` when it does not fit.

    `?sslmode=require` or `verify-full` asks for TLS, whose certificate is always verified; without it there is none. A
    writer that falls silent within a transaction (a stopped or unreachable process) is cut off after half a minute, so
    that it holds up nobody.
    """
    try:
        address = sa.make_url(url).set(drivername=DRIVER)
    except sa.exc.ArgumentError:
        raise DatabaseError("the database setting is no URL like postgresql://user:password@host:5432/name") from None
    try:
        engine = sa.create_engine(
            address.set(query={}),
            connect_args={
                "application_name": "s1pdgs",
                "ssl_context": _tls(address),
                "startup_params": {"options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items())},
            },
            json_deserializer=_read_json,
            pool_pre_ping=True,
            pool_size=25,  # connections beyond it would be closed and made anew at each use
            max_overflow=0,
        )
    except ModuleNotFoundError:
        raise DatabaseError("PostgreSQL needs the extra: pip install 's1pdgs[postgres]'") from None
    _check_postgres(engine, address)
    return Database(engine)


def _tls(address: sa.URL) -> ssl.SSLContext | Literal[False]:
    """What the driver's `ssl_context` is to be. Its default would read all certificates of the host for each
    connection, and verify none.
    """
    unknown = set(address.query) - {"sslmode"}
    mode = address.query.get("sslmode", "disable")
    if unknown or mode not in _TLS_MODES:
        raise DatabaseError(
            f"the database URL may ask for sslmode={'|'.join(_TLS_MODES)} and nothing else, not for "
            f"{', '.join(f'{name}={address.query[name]}' for name in sorted(address.query))}"
        )
    return False if mode == "disable" else ssl.create_default_context()


def _check_postgres(engine: sa.Engine, address: sa.URL) -> None:
    """Names sort as on SQLite only under the C collation; times and texts need UTF8."""
    query = "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
    shown = address.set(drivername="postgresql").render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            collation, encoding = connection.exec_driver_sql(query).one()
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise DatabaseError(f"{shown} cannot be opened: {_told(error)}") from None
    if collation not in ("C", "POSIX", "C.UTF-8", "C.utf8") or encoding != "UTF8":
        engine.dispose()
        raise DatabaseError(
            f"{shown} has collation {collation} and encoding {encoding}; make it with "
            "CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        )


def _told(error: sa.exc.DBAPIError) -> str:
    """What the server or the network said, in one line."""
    said = error.orig.args[0] if error.orig is not None and error.orig.args else str(error)
    return str(said.get("M", said) if isinstance(said, dict) else said).strip().rstrip(".")
