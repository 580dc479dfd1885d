"""How many orders there are of each state, told without reading those that have ended."""

from collections import Counter
from datetime import timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.model.job import OrderState
from s1pdgs.storage.database import Database
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.listing import count_orders
from tests.databases import plans_of
from tests.unit.jobs.conftest import NOON

STATES = st.sampled_from(list(OrderState))
STEPS = st.tuples(STATES, st.sampled_from([0, 0, 3]), st.sets(st.integers(1, 6)), st.one_of(st.none(), STATES))


def put(connection: sa.Connection, number: int, state: OrderState, campaign: int) -> None:
    connection.execute(
        t.order.insert().values(
            id=number, chain="l1", unit=str(number), trigger="x", satellite="S1A", start=NOON,
            stop=NOON + timedelta(seconds=25), timeliness="NRT", context={}, state=state, created_at=NOON,
            campaign=campaign,
        )
    )  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(STEPS, max_size=8))
def test_whatever_becomes_of_orders_the_numbers_are_those_of_the_rows(
    database: Database, steps: list[tuple[OrderState, int, set[int], OrderState | None]]
) -> None:
    """A step makes an order of a state, of a campaign or of none, and gives some another state or removes them."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "SELECT 1")
        for number, (state, campaign, numbers, another) in enumerate(steps, start=1):
            put(connection, number, state, campaign)
            change = t.order.delete() if another is None else t.order.update().values(state=another)
            connection.execute(change.where(t.order.c.id.in_(numbers)))
            states = Counter(connection.scalars(sa.select(t.order.c.state).where(t.order.c.campaign == 0)))
            assert count_orders(connection) == {str(each): states[each] for each in OrderState}
        connection.rollback()


def test_orders_that_have_ended_are_not_read_to_count_them(database: Database) -> None:
    plans = plans_of(database, count_orders)
    assert len(plans) == 2
    assert "ix_production_order_" in plans[0]
    assert "state=?" in plans[0] or "state = ANY" in plans[0]
