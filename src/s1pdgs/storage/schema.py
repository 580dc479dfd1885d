"""Bring a database to the schema that this version of s1pdgs needs."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from s1pdgs.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Apply the steps that are missing, all of them or none; nothing when the schema is current."""
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's configuration for an open connection."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
