"""Subscriptions are made, changed and ended; what was done to them is kept, and no login is shown."""

import json
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.bus.courier import Courier
from s1pdgs.bus.tables import notice
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.asked import amended, asked_of
from s1pdgs.publication.subscriptions.lifecycle import asked_of_row, change, remove
from s1pdgs.publication.subscriptions.model import (
    Happening,
    NotNow,
    Status,
    SubscriptionError,
    UnknownSubscription,
    row_of,
)
from s1pdgs.publication.subscriptions.pruning import prune
from tests.unit.publication.subscriptions.conftest import OWNER, Desk, Endpoint

LOCAL = "http://localhost:9/told"
LOGIN = {"NotificationEpUsername": "partner", "NotificationEpPassword": "s3cret"}
PUSH = {"SubscriptionType": "push", "NotificationEndpoint": LOCAL}
COURIER = Courier(hosts=("*.example.net",))


def patch(desk: Desk, subscription: str, **body: Any) -> bool:
    with desk.database.write() as connection:
        before = asked_of_row(row_of(connection, subscription))
        wanted = amended(before, json.dumps(body).encode(), desk.courier)
        return change(connection, desk.limits, subscription, wanted, desk.by)


def actions(desk: Desk) -> list[tuple[str, str, Any]]:
    c = t.subscription_action.c
    with desk.database.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(c.actor, c.action, c.changes).order_by(c.id))]


def test_each_change_is_kept_with_who_made_it(desk: Desk) -> None:
    subscription = desk.subscribe("push", NotificationEndpoint=LOCAL, **LOGIN)
    assert patch(desk, subscription, Priority=7, SubscriptionEvent=["deleted", "created", "deleted"])
    assert not patch(desk, subscription, Priority=7)
    assert patch(desk, subscription, Status="paused", FilterParam="Online eq true")
    assert desk.to(subscription, Status.RUNNING)
    assert not desk.to(subscription, Status.RUNNING)
    assert patch(desk, subscription, **{**LOGIN, "NotificationEpPassword": "an0ther"})
    with desk.database.write() as connection:
        remove(connection, subscription, desk.by)
    done = actions(desk)
    assert {who for who, _, _ in done} == {OWNER}
    assert [(action, changes) for _, action, changes in done[1:]] == [
        ("change", {"Priority": [1, 7], "SubscriptionEvent": [["created"], ["deleted", "created"]]}),
        ("change", {"FilterParam": [None, "Online eq true"]}),
        ("pause", {"Status": ["running", "paused"]}),
        ("resume", {"Status": ["paused", "running"]}),
        ("change", {"NotificationEpPassword": ["***", "***"]}),
        ("delete", None),
    ]
    assert "s3cret" not in str(done)
    assert "an0ther" not in str(done)


def test_a_changed_endpoint_is_told_what_waits_and_not_the_login_of_another(desk: Desk, endpoint: Endpoint) -> None:
    subscription = desk.subscribe("push", NotificationEndpoint=LOCAL, **LOGIN)
    desk.publish()
    desk.deliver()
    while desk.push():
        pass
    assert patch(desk, subscription, NotificationEndpoint=endpoint.url)
    while desk.push():
        pass
    assert len(endpoint.bodies) == 1
    assert "Authorization" not in endpoint.headers[0]
    assert desk.logins() == 0


def test_a_subscription_that_was_cancelled_stays_so(desk: Desk) -> None:
    subscription = desk.subscribe()
    desk.to(subscription, Status.CANCELLED)
    for body in ({"Status": "running"}, {"Priority": 3}):
        with pytest.raises(NotNow, match="was cancelled; make another one"):
            patch(desk, subscription, **body)
    assert not patch(desk, subscription, Status="cancelled")


def test_an_owner_has_a_bounded_number_of_them(desk: Desk) -> None:
    desk = desk.with_limits(running=1, all=2)
    first = desk.subscribe()
    with pytest.raises(NotNow, match="1 of your subscriptions run, and at most 1 may"):
        desk.subscribe()
    second = desk.subscribe(Status="paused")
    with pytest.raises(NotNow, match="you have 2 subscriptions, and at most 2"):
        desk.subscribe(Status="paused")
    with pytest.raises(NotNow, match="pause or cancel one"):
        desk.to(second, Status.RUNNING)
    desk.to(first, Status.CANCELLED)
    assert desk.to(second, Status.RUNNING)
    with pytest.raises(UnknownSubscription, match="no subscription 'none'"):
        desk.to("none", Status.PAUSED)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "SubscriptionType is missing"),
        ({"SubscriptionType": "both"}, "SubscriptionType is never 'both'; it is push or pull"),
        ({"SubscriptionType": "push"}, "NotificationEndpoint is missing"),
        ({**PUSH, "NotificationEndpoint": "http://10.0.0.1/x"}, "add it to hosts in the"),
        ({**PUSH, "NotificationEndpoint": "http://169.254.169.254/latest"}, "NotificationEndpoint: notices to 169"),
        ({**PUSH, "NotificationEndpoint": "ftp://localhost/"}, "no URL to tell"),
        ({**PUSH, "NotificationEndpoint": "http://me:key@localhost/"}, "no user or password"),
        ({**PUSH, "NotificationEpUsername": "u"}, "given together, or neither"),
        ({**PUSH, **LOGIN, "NotificationEpUsername": "a:b"}, "a colon"),
        ({**PUSH, **LOGIN, "NotificationEpPassword": "a\r\nb"}, "control characters"),
        ({"SubscriptionType": "pull", "NotificationEndpoint": LOCAL}, "of push subscriptions"),
        ({"SubscriptionType": "pull", "FilterParam": "Nmae eq 'x'"}, "FilterParam: there is no property 'Nmae'; did"),
        ({"SubscriptionType": "pull", "FilterParam": ""}, "FilterParam is empty"),
        ({"SubscriptionType": "pull", "FilterParam": f"Name eq '{'x' * 10_000}'"}, "FilterParam has 100.. bytes"),
        ({"SubscriptionType": "pull", "Status": "asleep"}, "Status is never 'asleep'"),
        ({"SubscriptionType": "pull", "SubscriptionEvent": []}, "SubscriptionEvent: List should have at least 1"),
        ({"SubscriptionType": "pull", "SubscriptionEvent": ["born"]}, "SubscriptionEvent is never 'born'"),
        ({"SubscriptionType": "pull", "SubscriptionEvent": "created"}, "SubscriptionEvent: Input should be a valid"),
        ({"SubscriptionType": "pull", "Priority": 101}, "Priority: Input should be less"),
        ({"SubscriptionType": "pull", "Filter": "x"}, "no property 'Filter'; did you mean FilterParam"),
    ],
)
def test_what_cannot_be_is_told_precisely(body: dict[str, Any], message: str) -> None:
    with pytest.raises(SubscriptionError, match=message):
        asked_of(json.dumps(body).encode(), COURIER)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"SubscriptionType": 7}', b"null", b"{1}"])
def test_bodies_that_are_none(body: bytes) -> None:
    with pytest.raises(SubscriptionError):
        asked_of(body, COURIER)


def test_what_the_service_gives_may_come_back(desk: Desk) -> None:
    body = {"@odata.context": "x", "Id": "1", "CurrentQueueLength": 3, **PUSH, "SubscriptionEvent": ["modified"]}
    asked = asked_of(json.dumps(body).encode(), COURIER)
    assert asked.events == (Happening.MODIFIED,)
    empty = {"SubscriptionType": "pull", "NotificationEndpoint": "", "NotificationEpUsername": ""}
    assert asked_of(json.dumps(empty).encode(), COURIER).endpoint is None
    with pytest.raises(SubscriptionError, match="cannot be changed"):
        amended(asked, b'{"SubscriptionType": "pull"}', COURIER)
    with pytest.raises(SubscriptionError, match="begins running or paused"):
        desk.subscribe(Status="cancelled")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from([
    "FilterParam", "StageOrder", "Priority", "NotificationEndpoint", "NotificationEpUsername",
    "NotificationEpPassword", "Status", "SubscriptionEvent", "SubscriptionType", "Id",
])  # fmt: skip


@settings(max_examples=50)
@given(st.dictionaries(names, json_values), st.sampled_from(["push", "pull", None]))
def test_any_body_is_a_subscription_or_refused(body: dict[str, Any], kind: str | None) -> None:
    told = {**body, "SubscriptionType": kind} if kind else body
    with suppress(SubscriptionError):
        asked = asked_of(json.dumps(told).encode(), COURIER)
        assert asked.events
        assert (asked.endpoint is not None) == (asked.type == "push")
        assert amended(asked, b"{}", COURIER) == asked


def test_what_has_ended_goes_after_its_time_and_what_waits_stays_without_its_value(
    desk: Desk, endpoint: Endpoint
) -> None:
    pulled = desk.subscribe()
    pushed = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    desk.publish()
    desk.deliver()
    while desk.push():
        pass
    assert prune(desk.database, desk.limits, desk.by.at) == 0
    desk.segment.clock.advance(3 * 86400 + 1)
    assert prune(desk.database, desk.limits, desk.by.at) == 1
    (left,) = desk.read(pulled)
    assert "value" not in left
    assert left["ProductName"].endswith(".SAFE.zip")
    desk.segment.clock.advance(4 * 86400)
    assert prune(desk.database, desk.limits, desk.by.at) == 1
    assert desk.states() == ["queued"]
    with desk.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(notice)) == 0
    for subscription in (pulled, pushed):
        desk.to(subscription, Status.CANCELLED)
    desk.segment.clock.advance(7 * 86400 + 1)
    assert prune(desk.database, desk.limits, desk.by.at) == 1 + 1 + 2 + 4, "notification, news, subscriptions, actions"
    assert desk.states() == actions(desk) == []
