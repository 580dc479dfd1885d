"""Bring a database to the schema that this version of s1pdgs needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from s1pdgs.storage.database import Database
from s1pdgs.storage.upgrade import told

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_MEMORY_MB = 256
_CHECK_CLIENT = "SELECT set_config(name, '5s', true) FROM pg_settings WHERE name = 'client_connection_check_interval'"
"""PostgreSQL (from 14 on) gives up the statement of an upgrade whose process was killed."""


def migrate(database: Database) -> None:
    """Apply the steps that are missing, all of them or none; nothing when the schema is current."""
    before = _revision(database)
    if before == _newest():
        return
    from alembic import command  # noqa: PLC0415  slow to load, and seldom needed

    with _altering(database) as connection:
        config = alembic_config(connection)
        if before is None:
            command.upgrade(config, "head")
            return
        with told(database.engine, connection, before, _newest()) as progress:
            config.attributes["ended"] = progress.ended
            command.upgrade(config, "head")


def _newest() -> str:
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")).partition("_")[0]


def _revision(database: Database) -> str | None:
    """The last step that a database has been through; None for an empty one."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision


@contextmanager
def _altering(database: Database) -> Iterator[sa.Connection]:
    """A write transaction in which tables can be made anew.

    SQLite alters a table by copying it: with foreign keys enforced, dropping the old one would delete the rows that
    refer to it. So they rest meanwhile, and are checked before the commit.
    """
    if database.engine.dialect.name != "sqlite":
        with database.write() as connection:
            connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{_MEMORY_MB}MB'")
            connection.exec_driver_sql(_CHECK_CLIENT)
            yield connection
        return
    with database.engine.connect() as connection:
        try:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_MEMORY_MB << 10}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if orphans:
                raise sa.exc.IntegrityError(f"migration: {len(orphans)} rows lost their parent", None, ValueError())
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            connection.exec_driver_sql("PRAGMA cache_size=-2000")


def alembic_config(connection: sa.Connection) -> "Config":
    """Alembic's configuration for an open connection."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
