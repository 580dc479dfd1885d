"""The database engine: one SQL for SQLite and PostgreSQL, one transaction per effect."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.model.time import from_micros, micros

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Tables of all rooms; each room declares its own in its `tables.py`."""


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


@frozen
class Database:
    """The truth of the ground segment behind a SQLAlchemy engine."""

    engine: sa.Engine

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction for a state change; on SQLite it takes the write lock at once, so it never upgrades."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent snapshot for reading."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        self.engine.dispose()


def open_sqlite(path: Path) -> Database:
    """A database in one file, made durable by WAL and full synchronisation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60, "check_same_thread": False})
    sa.event.listen(engine, "connect", _configure_sqlite)
    return Database(engine)


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the transaction begins where Database says so, not where the driver guesses
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")
