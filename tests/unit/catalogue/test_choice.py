"""The policies asked of the database choose what the pure functions choose of all products, on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.choice import choose
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.query import as_of, of_datatake
from s1pdgs.catalogue.selection import POLICIES, UnknownPolicy, select
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from s1pdgs.storage.database import Database
from tests.databases import plan_of
from tests.unit.catalogue.conftest import NOON, product

TYPES = ["X", "Y"]
ODD_US = timedelta(microseconds=1)


def span(start_h: int, length_h: int, odd_us: int = 0) -> Interval:
    start = NOON + timedelta(hours=start_h)
    return Interval(start, start + timedelta(hours=length_h) + odd_us * ODD_US)


@st.composite
def shelves(draw: st.DrawFn) -> list[tuple[Product, bool]]:
    """Products of two types, satellites and configurations with many ties, and whether their bytes are here."""
    facts = st.tuples(
        st.sampled_from(["X", "X", "Y", "Z"]), st.sampled_from(["S1A", "S1A", "S1B", "S1_"]), st.integers(-6, 6),
        st.integers(0, 9), st.integers(0, 1), st.integers(0, 2), st.sampled_from([6, 7]), st.integers(0, 5),
    )  # fmt: skip
    return [
        (
            product(
                f"p{number}", kind, satellite=satellite, validity=span(start_h, length_h, odd_us),
                generation_time=NOON + timedelta(hours=made_h),
                attributes={"instrumentConfigurationID": configuration},
            ),
            dice > 0,
        )
        for number, (kind, satellite, start_h, length_h, odd_us, made_h, configuration, dice) in enumerate(
            draw(st.lists(facts, max_size=14))
        )
    ]  # fmt: skip


def fill(connection: sa.Connection, outbox: Outbox, shelf: list[tuple[Product, bool]]) -> None:
    for one, is_here in shelf:
        register(connection, outbox, one)
        if not is_here:
            connection.execute(t.product.update().where(t.product.c.name == one.name).values(evicted_at=NOON))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    shelves(),
    st.builds(span, st.integers(-7, 7), st.integers(0, 5), st.integers(0, 1)),
    st.tuples(st.sampled_from([None, 6]), st.sets(st.integers(0, 13))),
)
def test_every_policy_chooses_as_its_pure_function_does(
    database: Database,
    outbox: Outbox,
    shelf: list[tuple[Product, bool]],
    wanted: Interval,
    conditions: tuple[int | None, set[int]],
) -> None:
    configuration, numbers = conditions
    refused = {f"p{number}" for number in numbers}
    ours = [
        one
        for one, is_here in shelf
        if is_here
        and one.name not in refused
        and one.type in TYPES
        and one.satellite in ("S1A", "S1_")
        and configuration in (None, one.attributes["instrumentConfigurationID"])
    ]
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "SELECT 1")
        fill(connection, outbox, shelf)
        for policy in POLICIES:
            found = choose(
                connection, policy, TYPES, "S1A", wanted,
                configuration=configuration, admits=lambda held: held.name not in refused,
            )  # fmt: skip
            assert [held.name for held in found] == [one.name for one in select(policy, wanted, ours)], policy
        connection.rollback()


def test_the_catalogue_as_of_a_moment_is_asked_too(database: Database, outbox: Outbox) -> None:
    with database.write() as connection:
        fill(connection, outbox, [(product("kept"), True), (product("late", start_h=0.5), True)])
        product_row = t.product.update()
        connection.execute(product_row.where(t.product.c.name == "kept").values(catalogued_at=NOON))
        connection.execute(product_row.where(t.product.c.name == "late").values(catalogued_at=NOON + timedelta(days=1)))
        wanted = Interval(NOON, NOON + timedelta(hours=1))
        for policy, now in (("LatestStartValidity", "late"), ("LatestValidity", "late"), ("LastCreated", "kept")):
            assert [held.name for held in choose(connection, policy, ["AUX_CAL"], "S1A", wanted)] == [now]
            with as_of(connection, NOON):
                assert [held.name for held in choose(connection, policy, ["AUX_CAL"], "S1A", wanted)] == ["kept"]


def test_a_chosen_product_comes_with_its_files(database: Database, outbox: Outbox) -> None:
    with database.write() as connection:
        fill(connection, outbox, [(product("a", "X"), True), (product("b", "Y"), True)])
        (held,) = choose(connection, "ClosestStartValidity", TYPES, "S1A", span(0, 1))
        assert held.product.files == product("a").files


def test_an_unknown_policy_is_refused(database: Database) -> None:
    with database.read() as connection, pytest.raises(UnknownPolicy, match="Newest"):
        choose(connection, "Newest", TYPES, "S1A", span(0, 1))


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_every_policy_goes_along_an_index(database: Database, outbox: Outbox, policy: str) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: object) -> None:
        if "FROM product " in statement or "FROM product\n" in statement:
            asked.append(_literal(statement, parameters))

    with database.write() as connection:
        fill(connection, outbox, [(product("a", "X"), True), (product("b", "Y"), True)])
    sa.event.listen(database.engine, "before_cursor_execute", note)
    with database.read() as connection:
        choose(connection, policy, TYPES, "S1A", span(0, 1))
    sa.event.remove(database.engine, "before_cursor_execute", note)
    (query,) = asked
    plan = plan_of(database, query)
    assert plan.count("ix_product_") >= 2 * (4 if policy.startswith("Closest") else 1)
    assert "SCAN product" not in plan
    assert "Seq Scan on product" not in plan


def test_a_data_take_is_found_by_its_index(database: Database, outbox: Outbox) -> None:
    """However many products of its type and satellite there are."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: object) -> None:
        if "product.generated" in statement:
            asked.append(_literal(statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    with database.read() as connection:
        of_datatake(connection, "S1A", 7, ["IW_RAW__0A", "IW_RAW__0S"])
    sa.event.remove(database.engine, "before_cursor_execute", note)
    assert "ix_product_datatake_type" in plan_of(database, asked[0])


def _literal(statement: str, parameters: Any) -> str:
    for value in parameters:
        told = f"'{value}'" if isinstance(value, str | datetime) else str(value)
        statement = statement.replace("?", told, 1) if "?" in statement else statement.replace("%s", told, 1)
    return statement
