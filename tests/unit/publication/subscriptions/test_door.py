"""Subscriptions as their clients meet them: a real server, real HTTP, and a guard in front of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from attrs import field, frozen
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.guard import KEY_HEADER, Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.publication.service import mount
from s1pdgs.publication.subscriptions.door import Desk as Door
from s1pdgs.storage.database import Database
from tests.unit.publication.conftest import serving
from tests.unit.publication.subscriptions.conftest import Desk, Endpoint

KEY = "operators only"
PULL = {
    "FilterParam": "Collection/Name eq 'SENTINEL-1'", "StageOrder": True, "Priority": 1, "Status": "running",
    "SubscriptionEvent": ["created", "deleted"], "SubscriptionType": "pull",
}  # fmt: skip


@pytest.fixture
def client(desk: Desk) -> Iterator[httpx2.Client]:
    app = FastAPI()
    door = Door(desk.database, Guard(operator_gate(KEY)), desk.courier, desk.segment.clock, desk.limits)
    mount(app, desk.database, desk.segment.store, additions=(door.addition,))
    with (
        serving(app) as site,
        httpx2.Client(timeout=60.0, base_url=f"{site}/odata/v1", headers={KEY_HEADER: KEY}) as opened,
    ):
        yield opened


def told(reply: httpx2.Response, status: int = 200) -> Any:
    assert reply.status_code == status, reply.text
    return reply.json()


def refused(reply: httpx2.Response, status: int) -> str:
    error = told(reply, status)["error"]
    assert set(error) == {"code", "message"}
    return str(error["message"])


def test_a_pull_subscription_from_its_creation_to_its_end(client: httpx2.Client, desk: Desk) -> None:
    made = client.post("/Subscriptions", json=PULL)
    entity = told(made, 201)
    place = f"/Subscriptions({entity['Id']})"
    assert made.headers["Location"].endswith(f"/odata/v1{place}")
    assert made.headers["OData-Version"] == "4.0"
    assert entity == {
        "@odata.context": "$metadata#Subscriptions/$entity", **PULL, "Id": entity["Id"], "NotificationEndpoint": None,
        "SubmissionDate": "2026-01-05T08:00:00.000000Z", "LastNotificationDate": None, "CurrentQueueLength": 0,
        "MaxQueueLength": 100_000,
    }  # fmt: skip
    names = [desk.publish(number) for number in range(3)]
    desk.evict(names[0])
    desk.deliver()
    first, second = told(client.get(f"{place}/Read", params={"$top": "2"}))
    assert [first["ProductName"], second["ProductName"]] == [f"{name}.zip" for name in names[:2]]
    assert first["value"]["Id"] == first["ProductId"]
    left = told(client.post(f"{place}/Ack", params={"$ackid": second["AckId"]}))
    assert left == {"AckMessagesNum": 2, "CurrentQueueLength": 2, "MaxQueueLength": 100_000}
    assert [one["SubscriptionEvent"] for one in told(client.get(f"{place}/Read"))] == ["created", "deleted"]
    info = told(client.get("/Subscriptions/Info"))
    assert [(one["Id"], one["CurrentQueueLength"]) for one in info] == [(entity["Id"], 2)]
    assert told(client.post(f"{place}/OData.CSC.Pause"))["Status"] == "paused"
    assert told(client.get("/Subscriptions", params={"$filter": "Status eq 'paused'"}))["value"] == [
        {**info[0], "Status": "paused"}
    ]
    assert told(client.post(f"{place}/OData.CSC.Resume"))["Status"] == "running"
    assert told(client.patch(place, json={"Priority": 9, "Status": "paused"}))["Priority"] == 9
    whole = told(client.get(place))
    assert told(client.patch(place, json=whole)) == whole, "what was read may be written"
    assert told(client.post(f"{place}/OData.CSC.Cancel"))["CurrentQueueLength"] == 0
    assert "was cancelled" in refused(client.post(f"{place}/OData.CSC.Resume"), 409)
    assert "its queue is gone" in refused(client.get(f"{place}/Read"), 409)
    assert client.delete(place).status_code == 204
    assert "there is no subscription" in refused(client.delete(place), 404)
    assert "there is nothing in Subscriptions" in refused(client.get(place), 404)
    assert told(client.get("/Subscriptions/$count")) == 0


@frozen
class BusyDatabase(Database):
    """A database that others write to first: a product is published while one waits."""

    desk: Desk = field(kw_only=True)

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[sa.Connection]:
        self.desk.segment.clock.advance(5.0)
        self.desk.publish(1)
        with Database.write(self, alone=alone) as connection:
            yield connection


def test_what_was_published_before_the_submission_date_is_not_told_and_all_after_it_is(desk: Desk) -> None:
    busy = BusyDatabase(desk.database.engine, desk=desk)
    app = FastAPI()
    door = Door(busy, Guard(operator_gate(KEY)), desk.courier, desk.segment.clock, desk.limits)
    mount(app, desk.database, desk.segment.store, additions=(door.addition,))
    with TestClient(app, headers={KEY_HEADER: KEY}) as opened:
        made = opened.post("/odata/v1/Subscriptions", json={**PULL, "SubscriptionEvent": ["created"]}).json()
        before = f"PublicationDate le {made['SubmissionDate']}"
        seen = opened.get("/odata/v1/Products", params={"$filter": before}).json()["value"]
    desk.deliver()
    assert (len(seen), desk.told(made["Id"])) == (1, [])


def test_no_reply_tells_the_login(client: httpx2.Client, desk: Desk, endpoint: Endpoint) -> None:
    login = {"NotificationEpUsername": "partner", "NotificationEpPassword": "s3cret"}
    body = {**PULL, "SubscriptionType": "push", "NotificationEndpoint": endpoint.url, **login}
    made = client.post("/Subscriptions", json=body)
    place = f"/Subscriptions({told(made, 201)['Id']})"
    changed = client.patch(place, json={**login, "NotificationEpPassword": "s3cret too"})
    replies = [made, changed, client.get(place), client.get("/Subscriptions"), client.get("/Subscriptions/Info")]
    assert made.json()["NotificationEndpoint"] == endpoint.url
    for reply in replies:
        assert "s3cret" not in reply.text
        assert "partner" not in reply.text
    desk.publish()
    desk.deliver()
    while desk.push():
        pass
    assert endpoint.headers[0]["Authorization"] == "Basic cGFydG5lcjpzM2NyZXQgdG9v"


def test_only_operators_subscribe_and_look(client: httpx2.Client, desk: Desk) -> None:
    place = f"/Subscriptions({told(client.post('/Subscriptions', json=PULL), 201)['Id']})"
    requests = [
        ("POST", "/Subscriptions"), ("GET", "/Subscriptions"), ("GET", "/Subscriptions/$count"), ("GET", place),
        ("GET", "/Subscriptions/Info"), ("PATCH", place), ("DELETE", place), ("GET", f"{place}/Read"),
        ("POST", f"{place}/Ack?$ackid=1"), ("POST", f"{place}/OData.CSC.Cancel"),
    ]  # fmt: skip
    for method, path in requests:
        asked = client.build_request(method, path)
        asked.headers[KEY_HEADER] = "wrong"
        assert refused(client.send(asked), 403) == "The operator key is missing or wrong."
    assert told(client.get(place))["Status"] == "running"
    assert client.get("/Products").status_code == 200


REFUSED: list[tuple[str, str, bytes | None, str]] = [
    ("POST", "", b"", "the body is no JSON"),
    ("POST", "", b'{"SubscriptionType": "pull", "FilterParam": "Nmae eq 1"}', "there is no property 'Nmae'"),
    (
        "POST",
        "",
        b'{"SubscriptionType": "pull", "FilterParam": "Name eq \'a\\u0000\'"}',
        "FilterParam: a text holds",
    ),
    ("POST", "", b'{"SubscriptionType": "push", "NotificationEndpoint": "http://a\\ud800"}', "unpaired surrogate"),
    ("POST", "", b'{"SubscriptionType": "push", "NotificationEndpoint": "http://192.168.0.1/"}', "not allowed"),
    ("PATCH", "({id})", b'{"Stauts": "paused"}', "did you mean Status"),
    ("GET", "({id})/Read?$top=21", None, "at most 20 notifications"),
    ("GET", "({id})/Read?$top=x", None, "not a whole number"),
    ("GET", "({id})/Read?$filter=true", None, "'$filter' is not supported here"),
    ("POST", "({id})/Ack", None, "$ackid is missing"),
    ("GET", "?$filter=FilterParm eq 'x'", None, "there is no property 'FilterParm'"),
    ("GET", "?$filter=Status eq 'asleep'", None, "Status is never 'asleep'"),
    ("GET", "(%00)", None, "NUL"),
]


def test_what_cannot_be_is_refused_precisely(client: httpx2.Client) -> None:
    made = told(client.post("/Subscriptions", json=PULL), 201)["Id"]
    for method, path, body, message in REFUSED:
        reply = client.request(method, f"/Subscriptions{path.replace('{id}', made)}", content=body)
        assert message in refused(reply, 400)
    assert "the body is longer than" in refused(client.post("/Subscriptions", content=b" " * (1024 * 1024 + 1)), 413)


def test_too_many_and_foreign_acknowledgements_are_refused(client: httpx2.Client, desk: Desk) -> None:
    made = [told(client.post("/Subscriptions", json=PULL), 201)["Id"] for _ in range(desk.limits.running)]
    assert "at most 2 may" in refused(client.post("/Subscriptions", json=PULL), 409)
    assert "has the AckId" in refused(client.post(f"/Subscriptions({made[0]})/Ack?$ackid=7"), 404)
    for key in ("%00", "'x'", "7" * 5000):
        assert "there is no subscription" in refused(client.get(f"/Subscriptions({key})/Read"), 404)


def test_they_are_in_the_service_document_and_the_model(client: httpx2.Client) -> None:
    assert "Subscriptions" in [one["name"] for one in told(client.get("/"))["value"]]
    model = client.get("/$metadata").text
    assert '<EntitySet Name="Subscriptions" EntityType="OData.CSC.Subscription"/>' in model
    shown = told(client.post("/Subscriptions", json=PULL), 201)
    for name in [name for name in shown if not name.startswith("@")]:
        assert f'<Property Name="{name}"' in model
