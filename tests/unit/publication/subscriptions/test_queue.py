"""Queues are read and acknowledged, or told to an endpoint one by one, in order, until it takes them or is given up."""

import json
import threading

import pytest

from s1pdgs.bus.courier import signature
from s1pdgs.bus.notices import attempts_at
from s1pdgs.publication.subscriptions import queue
from s1pdgs.publication.subscriptions.lifecycle import again, remove
from s1pdgs.publication.subscriptions.model import NotNow, Status, SubscriptionError, UnknownSubscription
from tests.databases import plans_of
from tests.unit.publication.subscriptions.conftest import SECRET, Desk, Endpoint, listening

LOGIN = {"NotificationEpUsername": "partner", "NotificationEpPassword": "s3cret"}


def acknowledge(desk: Desk, subscription: str, ack_id: str) -> tuple[int, int]:
    with desk.database.write() as connection:
        taken = queue.acknowledge(connection, subscription, ack_id, desk.segment.clock.now())
    return taken.taken, taken.left


def push_all(desk: Desk) -> None:
    while desk.push():
        pass


def published(desk: Desk, count: int) -> list[tuple[str, str]]:
    """So many new products that were told to the queues; the notifications of them."""
    names = [desk.publish(number) for number in range(count)]
    desk.deliver()
    return [("created", f"{name}.zip") for name in names]


def test_reading_takes_nothing_and_an_acknowledgement_takes_that_one_and_all_older(desk: Desk) -> None:
    subscription, other = desk.subscribe(), desk.subscribe()
    told = published(desk, 3)
    assert desk.told(subscription) == desk.told(subscription) == told
    assert desk.told(subscription, top=1) == told[:1]
    ids = [one["AckId"] for one in desk.read(subscription)]
    foreign = desk.read(other)[0]["AckId"]
    for wrong in (foreign, "99", "x", "", "1" * 30, "-1"):
        with pytest.raises(UnknownSubscription, match="has the AckId"):
            acknowledge(desk, subscription, wrong)
    assert acknowledge(desk, subscription, ids[1]) == (2, 1)
    assert acknowledge(desk, subscription, ids[1]) == (0, 1), "again, it takes nothing more"
    assert desk.told(subscription) == told[2:]
    assert desk.told(other) == told


def test_the_wrong_kind_of_subscription_is_told(desk: Desk, endpoint: Endpoint) -> None:
    pushed = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    with pytest.raises(SubscriptionError, match="is a push subscription"):
        desk.read(pushed)
    with pytest.raises(UnknownSubscription, match="no subscription 'none'"):
        desk.read("none")
    cancelled = desk.subscribe(Status="paused")
    desk.to(cancelled, Status.CANCELLED)
    with pytest.raises(NotNow, match="its queue is gone"):
        desk.read(cancelled)


def test_an_endpoint_is_told_with_its_login_and_our_signature(desk: Desk, endpoint: Endpoint) -> None:
    subscription = desk.subscribe("push", NotificationEndpoint=endpoint.url, **LOGIN)
    told = published(desk, 2)
    push_all(desk)
    assert endpoint.told() == told
    headers, raw = endpoint.headers[0], endpoint.raw[0]
    assert headers["Authorization"] == "Basic cGFydG5lcjpzM2NyZXQ="
    assert headers["X-S1pdgs-Signature"] == signature(SECRET, raw)
    assert set(json.loads(raw)) == {
        "SubscriptionEvent", "ProductId", "ProductName", "SubscriptionId", "NotificationDate", "AckId", "value",
    }  # fmt: skip
    assert desk.states() == ["told", "told"]
    row = desk.row(subscription)
    assert (row.queued, row.last_notified_at) == (0, desk.segment.clock.now())


def test_news_waits_for_what_is_older_until_that_is_given_up_and_can_be_sent_again(
    desk: Desk, endpoint: Endpoint
) -> None:
    endpoint.answers[:] = [503, 503]
    subscription = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    told = published(desk, 2)
    push_all(desk)
    assert endpoint.told() == told[:1], "the second is not told before the first"
    desk.segment.clock.advance(10)
    push_all(desk)
    assert endpoint.told() == [told[0], told[0], told[1]]
    assert desk.states() == ["dead", "told"]
    with desk.database.read() as connection:
        assert [one.outcome for one in attempts_at(connection, 1)] == ["127.0.0.1 answered 503"] * 2
    with desk.database.write() as connection:
        assert again(connection, subscription, desk.by) == 1
        assert again(connection, subscription, desk.by) == 0
    push_all(desk)
    assert endpoint.told()[3:] == told[:1]
    assert desk.states() == ["told", "told"]


def test_a_slow_endpoint_holds_up_one_courier_only(desk: Desk, endpoint: Endpoint) -> None:
    desk.subscribe("push", NotificationEndpoint=endpoint.url, Priority=9)
    told = published(desk, 2)
    endpoint.gate.clear()
    held_up = threading.Thread(target=desk.push)
    held_up.start()
    assert endpoint.came.acquire(timeout=60)
    with listening() as other:
        desk.subscribe("push", NotificationEndpoint=other.url)
        told.append(("created", f"{desk.publish(7)}.zip"))
        desk.deliver()
        push_all(desk)
        assert other.told() == told[2:]
        assert endpoint.told() == told[:1]
        endpoint.gate.set()
        held_up.join()
        push_all(desk)
        assert (endpoint.told(), other.told()) == (told, told[2:])


def test_a_paused_subscription_tells_nothing_until_it_is_resumed(desk: Desk, endpoint: Endpoint) -> None:
    endpoint.answers[:] = [503]
    subscription = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    told = published(desk, 1)
    push_all(desk)
    desk.to(subscription, Status.PAUSED)
    desk.segment.clock.advance(1000)
    told += [("created", f"{desk.publish(7)}.zip")]
    desk.deliver()
    push_all(desk)
    assert endpoint.told() == told[:1], "the attempt before the pause"
    desk.to(subscription, Status.RUNNING)
    push_all(desk)
    assert endpoint.told() == [told[0], *told]
    assert desk.states() == ["told", "told"]


def test_what_was_told_just_before_a_pause_is_not_told_again(desk: Desk, endpoint: Endpoint) -> None:
    subscription = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    told = published(desk, 2)
    assert desk.push()
    desk.to(subscription, Status.PAUSED)
    push_all(desk)
    assert endpoint.told() == told[:1]
    desk.to(subscription, Status.RUNNING)
    push_all(desk)
    assert endpoint.told() == told


def test_what_is_sent_again_goes_before_what_is_under_way(desk: Desk, endpoint: Endpoint) -> None:
    endpoint.answers[:] = [503, 503, 503]
    subscription = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    told = published(desk, 2)
    push_all(desk)
    desk.segment.clock.advance(10)
    push_all(desk)
    assert endpoint.told() == [told[0], told[0], told[1]], "the first was given up, the second failed once"
    with desk.database.write() as connection:
        assert again(connection, subscription, desk.by) == 1
    desk.segment.clock.advance(10)
    push_all(desk)
    assert endpoint.told()[3:] == told


@pytest.mark.parametrize("ending", ["cancel", "delete"])
def test_the_end_of_a_subscription_forgets_what_it_had_to_tell(desk: Desk, endpoint: Endpoint, ending: str) -> None:
    endpoint.answers[:] = [503]
    subscription = desk.subscribe("push", NotificationEndpoint=endpoint.url, **LOGIN)
    published(desk, 2)
    push_all(desk)
    if ending == "cancel":
        desk.to(subscription, Status.CANCELLED)
        assert desk.states() == ["dropped", "dropped"]
    else:
        with desk.database.write() as connection:
            remove(connection, subscription, desk.by)
        assert desk.states() == []
    desk.segment.clock.advance(1000)
    push_all(desk)
    assert len(endpoint.bodies) == 1
    assert desk.logins() == 0


def test_queues_are_walked_along_indexes(desk: Desk, endpoint: Endpoint) -> None:
    pulled = desk.subscribe()
    desk.subscribe("push", NotificationEndpoint=endpoint.url)
    published(desk, 2)
    last = desk.read(pulled)[-1]["AckId"]
    plans = plans_of(desk.database, lambda connection: queue.read(connection, pulled, 5))
    plans += plans_of(desk.database, lambda connection: queue.acknowledge(connection, pulled, last, desk.by.at))
    plans += plans_of(desk.database, lambda connection: connection.execute(queue.heads()))
    for plan in plans:
        assert "SCAN notification" not in plan, plan
        assert "SCAN product_news" not in plan, plan
        assert "Seq Scan on notice" not in plan, plan
