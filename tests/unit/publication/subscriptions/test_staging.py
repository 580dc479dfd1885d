"""With `StageOrder` who is told late of a product that went offline finds it ordered, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from s1pdgs.access.guard import Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.catalogue.retention import Form
from s1pdgs.publication.lta.eviction import Evictor, evict
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.lta.tables import lta_order
from s1pdgs.publication.service import mount
from s1pdgs.publication.subscriptions import door, queue
from s1pdgs.publication.subscriptions.model import Status
from tests.unit.publication.conftest import serving
from tests.unit.publication.subscriptions.conftest import Desk

URL = "http://localhost:8123/told"
TERMS = Terms()


def go_offline(desk: Desk, name: str, *forms: Form) -> None:
    evictor = Evictor(desk.database, desk.segment.store, desk.segment.outbox)
    assert set(evict(evictor, name, forms).values()) == {None}


def orders(desk: Desk) -> list[tuple[str, int]]:
    with desk.database.read() as connection:
        query = sa.select(lta_order.c.status, lta_order.c.priority).order_by(lta_order.c.id)
        return [tuple(row) for row in connection.execute(query)]


def hand_over(desk: Desk) -> None:
    assert queue.push_step(desk.database, desk.segment.clock, TERMS)


@contextmanager
def reader(desk: Desk) -> Iterator[httpx2.Client]:
    """A user of the door."""
    made = door.Desk(desk.database, Guard(operator_gate(None)), desk.courier, desk.segment.clock, desk.limits)
    app = FastAPI()
    mount(app, desk.database, desk.segment.store, additions=(made.addition,))
    with serving(app) as address, httpx2.Client(timeout=60.0, base_url=f"{address}/odata/v1") as client:
        yield client


@pytest.mark.parametrize(("wanted", "placed"), [(True, [("queued", 7)]), (False, [])])
def test_a_push_of_what_went_offline_orders_it(desk: Desk, *, wanted: bool, placed: list[tuple[str, int]]) -> None:
    made = desk.subscribe("push", NotificationEndpoint=URL, StageOrder=wanted, Priority=7, Status="paused")
    name = desk.publish()
    desk.deliver()
    go_offline(desk, name, Form.ZIP)
    desk.to(made, Status.RUNNING)
    hand_over(desk)
    assert orders(desk) == placed


def test_what_is_online_or_was_told_as_deleted_is_not_ordered(desk: Desk) -> None:
    desk.subscribe("push", NotificationEndpoint=URL, SubscriptionEvent=["created", "deleted"])
    name = desk.publish()
    desk.deliver()
    hand_over(desk)
    go_offline(desk, name, Form.ZIP)
    desk.deliver()
    with desk.database.write() as connection:
        connection.execute(sa.text("UPDATE notice SET state = 'sent'"))
    hand_over(desk)
    assert orders(desk) == []


def test_what_cannot_come_back_is_told_all_the_same(desk: Desk) -> None:
    made = desk.subscribe("push", NotificationEndpoint=URL, Status="paused")
    name = desk.publish()
    desk.deliver()
    go_offline(desk, name, Form.FILES, Form.ZIP)
    desk.to(made, Status.RUNNING)
    hand_over(desk)
    assert orders(desk) == []
    with desk.database.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM notice")) == 1


def test_reading_a_queue_orders_what_went_offline_once(desk: Desk) -> None:
    made = desk.subscribe("pull", SubscriptionEvent=["created"], Priority=0)
    name = desk.publish()
    desk.deliver()
    desk.segment.clock.advance(timedelta(days=8).total_seconds())
    with reader(desk) as client:
        for _ in range(2):
            assert len(client.get(f"/Subscriptions({made})/Read").json()) == 1
        assert orders(desk) == []
        go_offline(desk, name, Form.ZIP)
        for _ in range(2):
            assert len(client.get(f"/Subscriptions({made})/Read").json()) == 1
    assert orders(desk) == [("queued", 1)], "priorities of orders begin at 1"
