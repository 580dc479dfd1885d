"""What arrived under an older version is offered by the same identifiers as what arrives now."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from tests.databases import new_database

from s1pdgs.inbox.tables import received_file, session
from s1pdgs.storage.database import Database
from s1pdgs.storage.schema import alembic_config, migrate

_SESSION = {
    "id": "S1A_1_R1", "session_id": "S1A_1", "delivery": 1, "remote_id": "", "source": "a", "satellite": "S1A",
    "station": "SGS", "channels": 2, "published": 1, "downlink_start": 1, "downlink_stop": 2, "downlink_orbit": 3,
    "retransfer": True, "state": "open", "first_seen": 1, "quality": json.dumps([{"Channel": 1}]),
}  # fmt: skip
_FILE = {
    "source": "a", "remote_id": "1", "name": "block", "session_id": "S1A_1_R1", "final_block": False, "published": 1,
    "state": "stored", "attempts": 0, "retry_at": 1, "stored_at": 5,
}  # fmt: skip
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def test_rows_of_older_versions_have_the_identifiers_of_new_ones(unmigrated: Database, new: Database) -> None:
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0014")
        for table, row in (("session", _SESSION), ("received_file", _FILE)):
            columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"insert into {table} ({columns}) values ({values})"), row)
    migrate(unmigrated)
    times = dict.fromkeys(("published", "downlink_start", "downlink_stop", "first_seen"), WHEN)
    with new.write() as connection:
        connection.execute(session.insert().values({**_SESSION, **times, "quality": None}))
        connection.execute(
            received_file.insert().values({**_FILE, "published": WHEN, "retry_at": WHEN, "stored_at": WHEN})
        )
    for table in (session, received_file):
        with unmigrated.read() as old, new.read() as connection:
            (identifier,) = old.scalars(sa.select(table.c.uuid))
            assert [identifier] == connection.scalars(sa.select(table.c.uuid)).all()
    with unmigrated.read() as connection:
        assert connection.execute(sa.select(session.c.session_id, session.c.quality)).one() == (
            "S1A_1",
            [{"Channel": 1}],
        )


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Database]:
    with new_database("sqlite", tmp_path) as database:
        yield database
