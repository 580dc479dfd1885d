"""Rows into an empty database as fast as it takes them: indexes are built at the end, and nothing is made safe.

A fill that breaks off leaves nothing of use.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from s1pdgs.storage.database import Database

Row = tuple[Any, ...]
Write = Callable[[str, Sequence[str], Sequence[Row]], None]
"""Rows into the named columns of a table."""

_UNSAFE = {
    "sqlite": ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000"),
    "postgresql": ("SET session_replication_role = replica", "SET maintenance_work_mem = '1GB'"),
}
_INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '{}'",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = '{0}' AND indexname NOT IN "
    "(SELECT conname FROM pg_constraint WHERE conrelid = '{0}'::regclass)",
}


@contextmanager
def bulk(database: Database, tables: Sequence[str]) -> Iterator[tuple[sa.Connection, Write]]:
    """A connection and the way to write rows of some tables, whose indexes are made at the end."""
    database.engine.dispose()
    engine = sa.create_engine(database.engine.url, poolclass=sa.pool.NullPool)
    kind = engine.dialect.name
    with engine.connect() as connection:
        for setting in _UNSAFE[kind]:
            connection.exec_driver_sql(setting)
        connection.commit()
        indexes = [row for table in tables for row in connection.exec_driver_sql(_INDEXES[kind].format(table)).all()]
        for name, _ in indexes:
            connection.exec_driver_sql(f"DROP INDEX {name}")
        if kind == "postgresql":  # which logs nothing of tables that are emptied in the same transaction
            connection.exec_driver_sql(f"TRUNCATE {', '.join(tables)} CASCADE")
        driver: Any = connection.connection.driver_connection
        yield connection, _into_sqlite(driver) if kind == "sqlite" else _into_postgres(driver)
        for _, definition in indexes:
            connection.exec_driver_sql(definition)
        connection.commit()
        if kind == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _into_sqlite(driver: Any) -> Write:
    def write(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        driver.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)

    return write


def _into_postgres(driver: Any) -> Write:
    def write(table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        driver.cursor().execute(f"COPY {table} ({', '.join(columns)}) FROM STDIN", stream=_copied(rows))

    return write


def _copied(rows: Sequence[Row]) -> io.BytesIO:
    """Rows in the text form of COPY, which no value here needs to be escaped for."""
    return io.BytesIO("".join("\t".join(map(_text, row)) + "\n" for row in rows).encode())


def _text(value: Any) -> str:
    if value is None:
        return "\\N"
    return "\\\\x" + value.hex() if isinstance(value, bytes) else str(value)
