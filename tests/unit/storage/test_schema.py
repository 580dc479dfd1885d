"""Migrations bring an empty database to exactly the tables that the rooms declare."""

import importlib
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from s1pdgs.storage.database import metadata, open_sqlite
from s1pdgs.storage.schema import alembic_config, migrate

ROOMS = (
    "bus",
    "catalogue",
    "inbox",
    "triggers",
    "jobs",
    "publication",
    "publication.lta",
    "publication.on_demand",
    "publication.subscriptions",
)
for room in ROOMS:
    importlib.import_module(f"s1pdgs.{room}.tables")


def test_the_migrated_schema_is_the_declared_one(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "new.db")
    migrate(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_declared})
        assert compare_metadata(context, metadata) == []
    database.close()


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """All but the R*Tree, which only SQLite has."""
    return kind != "table" or not str(name).startswith("footprint_tree")


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "new.db")
    migrate(database)
    with database.write() as connection:
        connection.execute(sa.text("insert into seen values ('reader', 7)"))
    migrate(database)
    with database.read() as connection:
        assert connection.scalar(sa.text("select event_id from seen")) == 7
    database.close()


def test_the_second_step_keeps_what_the_first_version_held(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "old.db")
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0001")
        for table, row in _FIRST_VERSION.items():
            columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"insert into {table} ({columns}) values ({values})"), row)
    migrate(database)
    with database.write() as connection:
        assert connection.execute(sa.text("select order_id, round, unit from job")).all() == [(1, 1, "S")]
        assert connection.execute(sa.text("select id, session_id, delivery from session")).all() == [("S", "S", 0)]
        orders = connection.execute(sa.text("select round, late, campaign from production_order")).all()
        assert orders == [(1, False, 0)]
        for table in ("job_attempt", "job_input", "received_file", "order_need"):
            assert connection.scalar(sa.text(f"select count(*) from {table}")) == 1, table
        connection.execute(sa.text("delete from job"))
        assert connection.scalar(sa.text("select count(*) from job_attempt")) == 0
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.text("insert into job_input values (9, 'of no job')"))
    database.close()


def test_orders_that_a_gate_refused_are_told_from_dropped_ones(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "old.db")
    reasons = ["5.0 % of it lies outside MSK__LAND.EOF; the gate wants 60 %", "an operator did not want it"]
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0013")
        row = _FIRST_VERSION["production_order"] | {"state": "dropped", "round": 1, "late": False, "campaign": 0}
        for number, reason in enumerate(reasons):
            one = row | {"unit": str(number), "reason": reason, "opened_at": 1}
            columns, values = ", ".join(one), ", ".join(f":{name}" for name in one)
            connection.execute(sa.text(f"insert into production_order ({columns}) values ({values})"), one)
    migrate(database)
    with database.read() as connection:
        states = connection.scalars(sa.text("select state from production_order order by id")).all()
        counted = connection.execute(sa.text("select state, number from order_tally order by state")).all()
    assert states == ["refused", "dropped"]
    assert counted == [("dropped", 1), ("refused", 1)]
    database.close()


_FIRST_VERSION = {
    "session": {
        "id": "S", "source": "a", "satellite": "S1A", "station": "SGS", "channels": 2, "published": 1,
        "downlink_start": 1, "downlink_stop": 2, "downlink_orbit": 3, "retransfer": False, "state": "open",
        "first_seen": 1,
    },
    "received_file": {
        "source": "a", "remote_id": "1", "name": "block", "session_id": "S", "final_block": False, "published": 1,
        "state": "stored", "attempts": 0, "retry_at": 1,
    },
    "production_order": {
        "chain": "l0-aio", "unit": "S", "trigger": "S", "satellite": "S1A", "start": 1, "stop": 2, "timeliness": "NRT",
        "context": "{}", "state": "planned", "created_at": 1,
    },
    "order_need": {
        "order_id": 1, "input": "a", "type": "b", "start": 1, "stop": 2, "mandatory": True, "detail": "",
    },
    "job": {
        "order_id": 1, "chain": "l0-aio", "unit": "S", "spec": "{}", "t0": 1, "timeliness": "NRT", "priority": 30,
        "state": "ready", "visible_at": 1, "fence": 1, "max_attempts": 3, "created_at": 1,
    },
    "job_attempt": {"job_id": 1, "fence": 1, "owner": "here", "started_at": 1},
    "job_input": {"job_id": 1, "product": "S"},
}  # fmt: skip
