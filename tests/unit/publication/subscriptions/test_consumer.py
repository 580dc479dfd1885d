"""News become notifications: of what was subscribed to, once, in order, whatever dies meanwhile."""

from contextlib import suppress
from itertools import count

import sqlalchemy as sa

from s1pdgs.bus.events import ProductPublished
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.model import Status
from tests.databases import plans_of
from tests.unit.publication.subscriptions.conftest import Desk, DiedError, dying_at

ALL = ["created", "modified", "deleted"]


def test_what_happens_to_products_is_told_in_its_order(desk: Desk) -> None:
    early = desk.publish(9)
    subscription = desk.subscribe(SubscriptionEvent=ALL)
    only_new = desk.subscribe()
    first = desk.publish(1)
    newer = desk.publish(1, version=1)
    other = desk.publish(2)
    desk.evict(first)
    desk.restore(first)
    desk.emit(ProductPublished("nobody knows it"))
    assert desk.deliver() == 7
    assert desk.deliver() == 0
    zips = [f"{name}.zip" for name in (first, newer, other, first, first)]
    assert desk.told(subscription) == list(
        zip(["created", "modified", "created", "deleted", "modified"], zips, strict=True)
    )
    assert desk.told(only_new) == [("created", zips[0]), ("created", zips[2])]
    assert early not in str(desk.told(subscription)), "it was published before anybody subscribed"


def test_a_notification_has_the_published_shape(desk: Desk) -> None:
    subscription = desk.subscribe()
    name = desk.publish()
    desk.deliver()
    (told,) = desk.read(subscription)
    value = told.pop("value")
    assert told == {
        "SubscriptionEvent": "created", "ProductId": value["Id"], "ProductName": f"{name}.zip",
        "SubscriptionId": subscription, "NotificationDate": "2026-01-05T08:00:01.000000Z", "AckId": told["AckId"],
    }  # fmt: skip
    assert value["@odata.context"] == "$metadata#Products/$entity"
    assert (value["Name"], value["Online"]) == (f"{name}.zip", True)
    assert {one["Name"] for one in value["Attributes"]} >= {"productType", "sliceNumber"}
    assert desk.row(subscription).last_notified_at == desk.segment.clock.now()


def test_the_filter_is_that_of_products(desk: Desk) -> None:
    attribute = "Attributes/OData.CSC.IntegerAttribute/any(a:a/Name eq 'sliceNumber' and a/Value eq {})"
    second = desk.subscribe(FilterParam=f"Collection/Name eq 'SENTINEL-1' and {attribute.format(2)}", Status="paused")
    named = desk.subscribe(FilterParam="contains(Name,'GRDH')")
    names = [desk.publish(1), desk.publish(2), desk.publish(3, kind="IW_GRDH_1S")]
    desk.deliver()
    assert desk.told(second) == [("created", f"{names[1]}.zip")]
    assert desk.told(named) == [("created", f"{names[2]}.zip")]


def test_a_paused_subscription_collects_and_a_cancelled_one_does_not(desk: Desk) -> None:
    paused, cancelled = desk.subscribe(), desk.subscribe()
    desk.to(paused, Status.PAUSED)
    desk.to(cancelled, Status.CANCELLED)
    name = desk.publish()
    desk.deliver()
    assert desk.told(paused) == [("created", f"{name}.zip")]
    assert desk.row(cancelled).queued == 0


def test_a_full_queue_loses_its_oldest_and_counts_the_loss(desk: Desk) -> None:
    desk = desk.with_limits(queue_length=2)
    subscription = desk.subscribe()
    names = [desk.publish(number) for number in range(4)]
    desk.deliver()
    assert [name for _, name in desk.told(subscription)] == [f"{name}.zip" for name in names[2:]]
    row = desk.row(subscription)
    assert (row.queued, row.dropped) == (2, 2)
    assert desk.states() == ["dropped", "dropped", "queued", "queued"]


def test_a_consumer_that_dies_at_any_step_tells_each_event_once(desk: Desk) -> None:
    subscription = desk.subscribe(SubscriptionEvent=ALL)
    name = desk.publish()
    desk.deliver()
    for step in count(0):
        desk.emit(ProductPublished(name))
        with dying_at(desk, step), suppress(DiedError):
            desk.deliver()
            break
        assert len(desk.states()) == step + 1, "nothing is half done"
        assert desk.deliver() == 1
        assert desk.deliver() == 0
    assert step > 10, "it died before each of its statements once"
    assert desk.states() == ["queued"] * (step + 2)
    assert desk.row(subscription).queued == step + 2


def test_a_filter_that_cannot_be_asked_any_more_holds_up_nobody(desk: Desk) -> None:
    broken, sound = desk.subscribe(), desk.subscribe()
    with desk.database.write() as connection:  # as a grammar of a later version may
        rows = t.subscription.update().where(t.subscription.c.uuid == broken)
        connection.execute(rows.values(filter="Nmae eq 'x'"))
    name = desk.publish()
    desk.deliver()
    assert desk.told(sound) == [("created", f"{name}.zip")]
    row = desk.row(broken)
    assert (row.status, row.queued) == ("paused", 0)
    assert "FilterParam: there is no property 'Nmae'" in row.reason
    desk.publish(1)
    assert desk.deliver() == 1
    assert desk.to(broken, Status.RUNNING)
    assert desk.row(broken).reason is None


def test_news_is_found_and_told_along_indexes(desk: Desk) -> None:
    for number in range(2):
        desk.subscribe(FilterParam="contains(Name,'SLC')", Status="paused" if number else "running")
    desk.publish(1)
    newer = desk.publish(1, version=1)

    def act(connection: sa.Connection) -> None:
        connection.info["s1pdgs event"] = 10**6
        desk.consumer.handle(connection, ProductPublished(newer))

    for plan in plans_of(desk.database, act):
        assert "SCAN product" not in plan, plan
        assert "Seq Scan on product" not in plan, plan
        assert "SCAN publication" not in plan, plan
        assert "SCAN notification" not in plan, plan


def test_only_the_same_piece_of_a_data_take_is_a_newer_version(desk: Desk) -> None:
    subscription = desk.subscribe(SubscriptionEvent=["modified"])
    desk.publish(0)
    desk.publish(0, version=1, shift_s=20.0)
    desk.publish(0, version=2, kind="IW_GRDH_1S")
    desk.deliver()
    assert desk.told(subscription) == []
    newer = desk.publish(0, version=3, shift_s=5.0)
    desk.deliver()
    assert desk.told(subscription) == [("modified", f"{newer}.zip")]
