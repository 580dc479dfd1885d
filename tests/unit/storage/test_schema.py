"""Migrations bring an empty database to exactly the tables that the rooms declare."""

import importlib
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from s1pdgs.storage.database import metadata, open_sqlite
from s1pdgs.storage.schema import migrate

for room in ("bus", "catalogue", "inbox", "triggers", "jobs", "publication"):
    importlib.import_module(f"s1pdgs.{room}.tables")


def test_the_migrated_schema_is_the_declared_one(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "new.db")
    migrate(database)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "new.db")
    migrate(database)
    with database.write() as connection:
        connection.execute(sa.text("insert into seen values ('reader', 7)"))
    migrate(database)
    with database.read() as connection:
        assert connection.scalar(sa.text("select event_id from seen")) == 7
    database.close()
