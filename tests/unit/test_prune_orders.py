"""Ended wishes, orders on demand and orders of what was offline go in time; what is still referenced stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs import keeping
from s1pdgs.bus import notices
from s1pdgs.bus.courier import Login
from s1pdgs.bus.tables import login, notice
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.lta import pruning as lta
from s1pdgs.publication.lta.tables import lta_order, restore
from s1pdgs.publication.on_demand import pruning as on_demand
from s1pdgs.publication.on_demand.tables import demand
from s1pdgs.settings import load_settings
from s1pdgs.storage import pruning
from s1pdgs.storage.database import Database
from s1pdgs.triggers.tables import order, wish, wish_order
from s1pdgs.triggers.wanted import pruning as wanted
from tests.databases import plan_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)
DAYS_90, LONG_AGO, LATELY = timedelta(days=90), NOW - timedelta(days=91), NOW - timedelta(days=89)
SETTINGS = load_settings(None, {})


class Rows:
    """Puts rows into a database, each with what it must have and with what is told."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def _add(self, table: sa.Table, **values: Any) -> int:
        with self.database.write() as connection:
            return int(connection.execute(table.insert().values(**values)).inserted_primary_key[0])  # type: ignore[index]

    def wish(self, ended_at: datetime | None = LONG_AGO) -> int:
        return self._add(
            wish, type="IW_SLC__1S", asked={}, held=[], created_at=LONG_AGO, deadline=LONG_AGO,
            at_deadline="expire", state="open" if ended_at is None else "ended", ended_at=ended_at,
        )  # fmt: skip

    def order_of(self, number: int, state: str, **changes: Any) -> int:
        made = self._add(
            order,
            **{"chain": "l1", "unit": f"unit {number}", "trigger": "t", "satellite": "S1A", "start": NOW, "stop": NOW,
               "timeliness": "NRT", "context": {}, "state": state, "created_at": LONG_AGO} | changes,
        )  # fmt: skip
        with self.database.write() as connection:
            linked = {"wish_id": number, "order_id": made, "way": ["l1"], "round": 1, "own": True}
            connection.execute(wish_order.insert().values(**linked))
        return made

    def demand(self, ended_at: datetime | None = LONG_AGO, wish_id: int | None = None) -> str:
        uuid = f"d{self._count(demand)}"
        self._add(
            demand, uuid=uuid, wish_id=wish_id, workflow="IW_SLC__1S", workflow_id="w", options={}, parameters={},
            priority=50, status="in_progress" if ended_at is None else "completed", message="", products=[],
            submitted_at=LONG_AGO, ended_at=ended_at, looked_at=NOW, told={}, login_id=self.login(),
        )  # fmt: skip
        return uuid

    def restore(self, ended_at: datetime | None = LONG_AGO) -> int:
        name = f"P{self._count(product)}"
        held = self._add(
            product, uuid=name, name=name, type="IW_SLC__1S", satellite="S1A", start=NOW, stop=NOW, generated=NOW,
            location=name, size=1, t0=NOW, attributes={}, catalogued_at=NOW,
        )  # fmt: skip
        return self._add(
            restore, product_id=held, state="running" if ended_at is None else "done", priority=50, attempts=1,
            due_at=LONG_AGO, size=1, files=False, created_at=LONG_AGO, ended_at=ended_at,
        )  # fmt: skip

    def lta_order(self, restore_id: int, submitted_at: datetime = LONG_AGO, status: str = "completed") -> int:
        return self._add(
            lta_order, uuid=f"o{self._count(lta_order)}", product_id=1, restore_id=restore_id, status=status, size=1,
            priority=50, submitted_at=submitted_at, login_id=self.login(),
        )  # fmt: skip

    def login(self) -> int:
        with self.database.write() as connection:
            return notices.keep_login(connection, Login("user", "secret"))

    def notice(self, subject: str, state: str) -> None:
        with self.database.write() as connection:
            number = notices.post(connection, subject, "https://localhost/told", {}, LONG_AGO)
            connection.execute(notice.update().where(notice.c.id == number).values(state=state))

    def _count(self, table: sa.Table) -> int:
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    def left(self, table: sa.Table, column: str = "id") -> list[Any]:
        with self.database.read() as connection:
            return list(connection.scalars(sa.select(table.c[column]).order_by(table.c[column])))

    def prune(self) -> int:
        return keeping.prune_orders(SETTINGS, self.database, NOW)


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)


def test_wishes_go_ninety_days_after_they_ended_and_orders_of_the_house_stay(rows: Rows) -> None:
    old, late, going = rows.wish(), rows.wish(LATELY), rows.wish(None)
    made = [rows.order_of(number, "done") for number in (old, late, going)]
    assert rows.prune() == 1
    assert rows.left(wish) == [late, going]
    assert rows.left(wish_order, "wish_id") == [late, going]
    assert rows.left(order) == made
    assert rows.prune() == 0


@pytest.mark.parametrize("why", [{"state": "waiting"}, {"state": "planned"}, {"state": "done", "late": True}])
def test_a_wish_stays_while_an_order_of_it_goes_on(rows: Rows, why: dict[str, Any]) -> None:
    number = rows.wish()
    made = rows.order_of(number, **why)
    assert rows.prune() == 0
    with rows.database.write() as connection:
        connection.execute(order.update().where(order.c.id == made).values(state="dropped", late=False))
    assert rows.prune() == 1


def test_a_wish_stays_while_somebody_is_to_be_told_and_takes_its_notices_along(rows: Rows) -> None:
    owed, told = rows.wish(), rows.wish()
    rows.notice(f"wish-{owed}", "pending")
    rows.notice(f"wish-{told}", "dead")
    rows.notice("wish-999", "dead")
    assert rows.prune() == 1
    assert rows.left(wish) == [owed]
    assert rows.left(notice, "subject") == [f"wish-{owed}", "wish-999"]


def test_a_wish_stays_as_long_as_the_order_on_demand_that_tells_of_it(rows: Rows) -> None:
    kept, free = rows.wish(), rows.wish()
    rows.demand(LATELY, kept)
    rows.demand(LONG_AGO, free)
    assert rows.prune() == 2
    assert rows.left(wish) == [kept]
    assert rows.left(demand, "wish_id") == [kept]


def test_orders_on_demand_go_with_their_notices_and_logins(rows: Rows) -> None:
    old, late, going, owed = rows.demand(), rows.demand(LATELY), rows.demand(None), rows.demand()
    for uuid, state in ((old, "dead"), (late, "dead"), (owed, "pending")):
        rows.notice(f"demand-{uuid}", state)
    assert rows.prune() == 1
    assert rows.left(demand, "uuid") == [late, going, owed]
    assert rows.left(notice, "subject") == [f"demand-{late}", f"demand-{owed}"]
    assert rows.left(login) == rows.left(demand, "login_id")


def test_orders_of_what_was_offline_go_and_then_restores_that_none_tells_of(rows: Rows) -> None:
    done, shared, running, unwanted = rows.restore(), rows.restore(), rows.restore(None), rows.restore()
    rows.lta_order(done)
    rows.lta_order(shared)
    kept = [rows.lta_order(shared, LATELY), rows.lta_order(running, status="in_progress")]
    owed = rows.lta_order(unwanted)
    rows.notice(f"lta-order-{owed}", "pending")
    assert rows.prune() == 3
    assert rows.left(lta_order) == [*kept, owed]
    assert rows.left(restore) == [shared, running, unwanted]
    assert rows.left(login) == rows.left(lta_order, "login_id")


def test_many_go_in_small_transactions(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    for _ in range(5):
        rows.wish()
    commits: list[object] = []
    sa.event.listen(rows.database.engine, "commit", commits.append)
    assert rows.prune() == 5
    assert len(commits) == 3
    assert rows.left(wish) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (wanted.ended(NOW, on_demand.keeps_wish()), "ix_wish_ended_at"),
        (on_demand.ended(NOW), "ix_demand_ended_at"),
        (lta.ended(NOW), "ix_lta_order_submitted_at"),
        (lta.unordered(NOW), "ix_lta_restore_ended_at"),
    ],
)
def test_what_goes_is_found_by_when_it_ended(rows: Rows, query: sa.Select[Any], index: str) -> None:
    database, number = rows.database, rows.restore(NOW)
    with database.write() as connection:
        kept = {**connection.execute(sa.select(restore).where(restore.c.id == number)).one()._mapping}
        connection.execute(restore.insert(), [{**kept, "id": number + 1 + later} for later in range(2000)])
        connection.exec_driver_sql("ANALYZE lta_restore")
    text = query.limit(500).compile(database.engine, compile_kwargs={"literal_binds": True})
    assert index in plan_of(database, str(text))
