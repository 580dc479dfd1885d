"""Who waits for a product is found along indexes, however many orders wait."""

import random
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from alembic import command

from s1pdgs.catalogue.query import ANY_SATELLITE
from s1pdgs.catalogue.retention import Form
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.lta.needs import needs
from s1pdgs.storage.database import Database
from s1pdgs.storage.schema import alembic_config, migrate
from s1pdgs.triggers.tables import order, order_product
from tests.databases import plans_of
from tests.unit.publication.conftest import NOON

SATELLITES = ("S1A", "S1C", ANY_SATELLITE)
HOUR = timedelta(hours=1)
Row = dict[str, object]


def products(dice: random.Random) -> Iterator[Row]:
    """Some that last for minutes and some for days."""
    for number in range(1, 61):
        start = NOON + dice.uniform(0, 500) * HOUR
        yield {
            "id": number, "uuid": str(number), "name": f"P{number}", "type": "IW_RAW__0S",
            "satellite": dice.choice(SATELLITES), "start": start, "stop": start + dice.choice((0.1, 1, 50)) * HOUR,
            "generated": start, "location": "x", "size": 1, "t0": start, "attributes": {}, "catalogued_at": start,
        }  # fmt: skip


def orders(dice: random.Random) -> Iterator[Row]:
    """Few that wait, among others, so that many products are waited for by none."""
    for number in range(1, 61):
        start = NOON + dice.uniform(0, 500) * HOUR
        yield {
            "id": number, "chain": "l1", "unit": str(number), "trigger": f"P{dice.randint(1, 240)}",
            "satellite": dice.choice(SATELLITES[:2]), "start": start, "stop": start + dice.choice((0, 0.5, 3)) * HOUR,
            "timeliness": "NRT", "context": {"products": [f"P{dice.randint(1, 240)}" for _ in range(2)]},
            "state": dice.choice(("waiting", "planned", "done")), "created_at": start, "campaign": dice.randint(0, 1),
        }  # fmt: skip


def may_take(one: Row, held: Row) -> bool:
    """Whether an order may take a product, as the rule is told."""
    named = [one["trigger"], *one["context"]["products"]]  # type: ignore[index]
    beside = held["start"] <= one["stop"] and held["stop"] >= one["start"]  # type: ignore[operator]
    return one["state"] == "waiting" and (
        held["name"] in named or (beside and held["satellite"] in (one["satellite"], ANY_SATELLITE))
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_product_stays_exactly_while_an_order_that_waits_may_take_it(database: Database, seed: int) -> None:
    dice = random.Random(seed)
    rows, waiting = list(products(dice)), list(orders(dice))
    with database.write() as connection:
        connection.execute(product.insert(), rows)
        connection.execute(order.insert(), waiting)
        told = needs(connection, None, Form.FILES, range(1, 61))
    may = {row["id"]: {one["id"] for one in waiting if may_take(one, row)} for row in rows}
    assert set(told) == {number for number, some in may.items() if some}
    assert 0 < len(told) < len(rows)
    for number, reason in told.items():
        assert int(reason.split()[1]) in may[number]


def test_who_waits_is_found_along_indexes(database: Database) -> None:
    with database.write() as connection:
        connection.execute(product.insert(), list(products(random.Random(1))))
        connection.execute(order.insert(), list(orders(random.Random(1))))

    def ask(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        needs(connection, None, Form.FILES, [1, 2, 3])

    plans = "\n".join(plans_of(database, ask))
    for index in ("ix_order_product_product", "ix_production_order_length"):
        assert index in plans, plans
    bounds = r"\(state=\? AND start>\? AND start<\?\)|Index Cond: \(\(state = 'waiting'::text\) AND \(start >= "
    assert re.search(bounds, plans), plans
    assert "Seq Scan" not in plans, plans
    if database.engine.dialect.name == "sqlite":  # which has no statistics to tell by that jobs are many
        assert "SEARCH job_input USING INDEX ix_job_input_product" in plans, plans
        assert "SCAN" not in plans, plans


def test_the_products_of_an_order_are_known_while_it_waits(database: Database) -> None:
    known = sa.select(order_product.c.product).order_by(order_product.c.product)
    (first, second, *_) = orders(random.Random(2))

    def after(change: sa.Executable) -> list[str]:
        with database.write() as connection:
            connection.execute(change)
            return list(connection.scalars(known))

    first |= {"trigger": "A", "context": {}, "state": "waiting"}
    assert after(order.insert().values(first)) == ["A"]
    assert after(order.insert().values({**second, "state": "done"})) == ["A"]
    assert after(order.update().values(context={"products": ["A", "B"]}).where(order.c.id == first["id"])) == ["A", "B"]
    assert after(order.update().values(trigger="C").where(order.c.id == first["id"])) == ["A", "B", "C"]
    assert after(order.update().values(state="planned")) == []
    assert after(order.update().values(state="waiting").where(order.c.id == first["id"])) == ["A", "B", "C"]
    assert after(order.delete()) == []


def test_orders_of_an_older_version_are_known_too(unmigrated: Database) -> None:
    columns = [column.name for column in order.c if column.name != "length_us"]
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0017")
        filled = sa.insert(sa.table(order.name, *(sa.column(name, order.c[name].type) for name in columns)))
        for one in orders(random.Random(3)):
            connection.execute(filled, {**dict.fromkeys(columns), **one, "round": 1, "late": False})
    migrate(unmigrated)
    with unmigrated.read() as connection:
        told = {tuple(row) for row in connection.execute(sa.select(order_product))}
        lengths = connection.execute(sa.select(order.c.start, order.c.stop, order.c.length_us)).all()
    waiting = [one for one in orders(random.Random(3)) if one["state"] == "waiting"]
    assert told == {(one["id"], name) for one in waiting for name in (one["trigger"], *one["context"]["products"])}  # type: ignore[index]
    assert all(stop - start == timedelta(microseconds=length) for start, stop, length in lengths)
