"""An upgrade of a database tells what it does, and begins again when its process was killed."""

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from alembic import command
from tests.databases import address_of

from s1pdgs.storage.database import SQLITE_FILE, Database
from s1pdgs.storage.schema import alembic_config, migrate
from s1pdgs.storage.upgrade import Progress, in_parts, share_of_index, told, without_indexes

_PRODUCT = """INSERT INTO product (id, uuid, name, type, satellite, start, stop, generated, location, size, t0,
 attributes, catalogued_at) VALUES (:id, :name, :name, 'IW_SLC__1S', 'S1A', :id, 100000, 3, 'x', 1, 1, '{}', 1)"""
_PUBLICATION = """INSERT INTO publication (product_id, state, attempts, retry_at, requested_at, published_at)
 VALUES (:id, 'published', 1, 1, 1, :id)"""
_BOX = "INSERT INTO footprint_box (product_id, part, west, south, east, north) VALUES (:id, 0, 10, 45, 12, 47)"
NUMBERS = (1, 2, 60_000)
"""Of products: of more than one part."""
_INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'product'",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'product'",
}
_KILLED = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from s1pdgs.storage.database import open_database
from s1pdgs.storage.schema import migrate

database = open_database(sys.argv[1], Path(sys.argv[2]))

def die(connection, cursor, statement, *_):
    if "ix_product_type_start" in statement and statement.startswith("CREATE"):
        os.kill(os.getpid(), signal.SIGKILL)

sa.event.listen(database.engine, "before_cursor_execute", die)
migrate(database)
"""


def revision(database: Database) -> str:
    with database.read() as connection:
        return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


@pytest.fixture
def old(unmigrated: Database) -> Database:
    """A database of an older version, with rows."""
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0015")
        for number in NUMBERS:
            for statement in (_PRODUCT, _PUBLICATION, _BOX):
                connection.execute(sa.text(statement), {"id": number, "name": f"P{number}"})
    return unmigrated


def test_an_upgrade_that_was_killed_begins_again(old: Database, tmp_path: Path) -> None:
    (tmp_path / SQLITE_FILE).symlink_to(tmp_path / "old.db")
    killed = subprocess.run([sys.executable, "-c", _KILLED, address_of(old), str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert revision(old) == "0015"
    migrate(old)
    with old.read() as connection:
        published = connection.scalars(sa.text("SELECT published_at FROM product ORDER BY id")).all()
        boxes = connection.execute(sa.text("SELECT start, stop FROM footprint_box ORDER BY product_id")).all()
        modified = connection.scalars(sa.text("SELECT modified_at FROM publication ORDER BY product_id")).all()
    assert published == modified == list(NUMBERS)
    assert boxes == [(number, 100_000) for number in NUMBERS]


def test_what_it_does_is_told_step_by_step(old: Database) -> None:
    with structlog.testing.capture_logs() as logs:
        migrate(old)
        migrate(old)
    first, *steps, last = logs
    assert (first["before"], first["after"]) == ("0015", revision(old))
    assert [one["step"] for one in steps] == [f"{number:04}" for number in range(16, int(revision(old)) + 1)]
    assert last["event"] == "upgrade of the database ended"


def test_how_far_a_change_is_is_known_while_it_runs(database: Database) -> None:
    seen = []
    with database.write() as connection, told(database.engine, connection, "0015", "0018") as progress:
        for number in NUMBERS:
            connection.execute(sa.text(_PRODUCT), {"id": number, "name": f"P{number}"})

        def note(*_: object) -> None:
            seen.append((progress.doing.split()[0], progress.share))

        sa.event.listen(connection, "before_cursor_execute", note)
        in_parts(connection, "UPDATE product SET size = 2 WHERE id {part}", "product", "id")
        with structlog.testing.capture_logs() as logs:
            progress.tell()
        sa.event.remove(connection, "before_cursor_execute", note)
        assert connection.scalars(sa.text("SELECT size FROM product")).all() == [2, 2, 2]
    assert [doing for doing, _ in seen] == ["SELECT", "UPDATE", "UPDATE"]
    assert seen[-1][1] == pytest.approx(50_000 / 60_000)
    assert (logs[0]["step"], logs[0]["doing"][:6]) == ("0016", "UPDATE")
    assert logs[0]["done"] == "100 %"


def test_a_change_of_an_empty_table_is_none(database: Database) -> None:
    with database.write() as connection:
        in_parts(connection, "UPDATE product SET size = 2 WHERE id {part}", "product", "id")


def test_indexes_that_rest_are_as_before(database: Database) -> None:
    kind = database.engine.dialect.name

    def indexes(connection: sa.Connection) -> dict[str, str]:
        return dict(connection.exec_driver_sql(_INDEXES[kind]).all())

    with database.write() as connection:
        before = indexes(connection)
        with without_indexes(connection, "product"):
            rest = indexes(connection)
        assert indexes(connection) == before
    assert len(rest) < len(before) or kind == "sqlite"


def test_of_no_index_that_is_made_nothing_is_told(database: Database) -> None:
    if database.engine.dialect.name == "postgresql":
        assert share_of_index(database.engine, 0) is None


def test_a_statement_is_told_in_one_line() -> None:
    progress = Progress("0016")
    progress.begin("CREATE INDEX one\n   ON  two (three)")
    assert progress.doing == "CREATE INDEX one ON two (three)"
    assert progress.share is None
