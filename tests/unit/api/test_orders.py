"""Programs order by the API, ask orders why, follow wishes and campaigns; acting asks for the operator's key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.guard import KEY_HEADER, Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.api import campaigns, orders
from s1pdgs.api.service import PREFIX, Service, mount
from s1pdgs.storage.objects import memory_objects
from s1pdgs.triggers.campaigns import steps as campaign_steps
from tests.unit.triggers.campaigns.test_campaign import of_campaign
from tests.unit.triggers.conftest import CALIBRATION, Mission, open_mission, raw_slice
from tests.unit.triggers.wanted.test_way import ACN, image

GRDH = {"type": "S3_GRDH_1S", "for": raw_slice().name}
PERIOD = {"name": "again", "type": "S3_GRDH_1S", "start": "2020-06-15", "stop": "2020-06-16T00:00:00Z"}


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    with open_mission(tmp_path) as opened:
        yield opened


@pytest.fixture
def stranger(mission: Mission) -> TestClient:
    app = FastAPI()
    service = Service(mission.database, memory_objects(), mission.planner, Guard(operator_gate("secret")))
    mount(app, service, (orders.add, campaigns.add))
    return TestClient(app)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    return TestClient(stranger.app, headers={KEY_HEADER: "secret"})


def ask(client: TestClient, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = client.request(method, PREFIX + path, json=body)
    return answer.status_code, answer.json()


def test_a_product_is_ordered_with_the_words_of_the_command_line(mission: Mission, client: TestClient) -> None:
    mission.receive(*CALIBRATION, *ACN, raw_slice())
    mission.work("l1-sm", image(raw_slice()))
    code, told = ask(client, "POST", "/orders?dry_run=true", {**GRDH, "again": True})
    assert (code, told["wishes"][0]["wish"], told["wishes"][0]["steps"][0]["action"]) == (201, None, "again")
    assert ask(client, "GET", "/wishes") == (200, {"wishes": []})
    words = {**GRDH, "again": True, "priority": 77, "deadline": "2999-01-01T00:00:00Z", "at_deadline": "expire"}
    code, told = ask(client, "POST", "/orders", words)
    assert (code, told["wishes"][0]["wish"]) == (201, 1)
    assert ask(client, "GET", "/wishes/1")[1]["outcome"] == "open"
    assert ask(client, "GET", "/orders/1")[1]["wishes"] == [1]
    code, told = ask(client, "POST", "/wishes/1/cancel")
    assert (code, told["outcome"], told["orders"]) == (200, "cancelled", {"failed": 1})
    assert ask(client, "POST", "/wishes/1/cancel")[0] == 409
    assert ask(client, "POST", "/wishes/1/tell") == (
        409,
        {"title": "Not now", "status": 409, "detail": "no notice of wish 1 was given up"},
    )


def test_several_wishes_are_placed_all_or_none(mission: Mission, client: TestClient) -> None:
    mission.receive(*ACN, raw_slice())
    code, told = ask(client, "POST", "/orders", {"wishes": [GRDH, {**GRDH, "type": "S3_OCN__2S"}]})
    assert code == 400
    assert "no chain makes S3_OCN__2S" in told["detail"]
    assert ask(client, "GET", "/wishes") == (200, {"wishes": []})
    code, told = ask(client, "POST", "/orders", {"wishes": [GRDH, {**GRDH, "type": "S3_SLC__1S"}]})
    assert [wish["wish"] for wish in told["wishes"]] == [1, 2]


def test_orders_are_listed_explained_released_and_dropped(mission: Mission, client: TestClient) -> None:
    mission.receive(*ACN, raw_slice(), raw_slice(2, -2975, -2942))
    _, told = ask(client, "GET", "/orders?limit=1&state=waiting&chain=l1-sm")
    assert ([order["order"] for order in told["orders"]], told["next"]) == ([2], 2)
    assert ask(client, "GET", "/orders?before=2")[1]["orders"][0]["order"] == 1
    assert "waiting since" in ask(client, "GET", "/orders/1")[1]["summary"]
    told = ask(client, "GET", "/orders/1/explain")[1]
    assert [need["types"] for need in told["open"]] == [["AUX_CAL"], ["AUX_INS"], ["AUX_PP1"]]
    assert "there was no order yet" in ask(client, "GET", "/orders/1/explain?as_of=2020-01-01")[1]["outcome"]
    assert ask(client, "POST", "/orders/1/release")[1]["has_job"] is False
    assert ask(client, "POST", "/orders/1/drop", {"reason": "a test"})[1] == {"order": 1, "state": "dropped"}
    assert ask(client, "GET", "/orders/1")[1]["reason"] == "a test"
    assert ask(client, "POST", "/orders/1/drop")[0] == 409
    mission.receive(*CALIBRATION)
    assert ask(client, "POST", "/orders/1/release")[1]["summary"] == "job 2 waits for a free worker"


def test_a_campaign_is_created_followed_and_reported(mission: Mission, client: TestClient) -> None:
    mission.receive(*CALIBRATION, *ACN, raw_slice())
    mission.work("l1-sm", image(raw_slice()))
    code, told = ask(client, "POST", "/campaigns", {**PERIOD, "aux_as_of": "2020-06-15T13:00:00Z", "limit": 2})
    assert (code, told["state"], told["chains"]) == (201, "collecting", ["l1-sm"])
    assert ask(client, "POST", "/campaigns/again/pause")[1]["state"] == "paused"
    assert ask(client, "POST", "/campaigns/again/pause")[0] == 409
    assert ask(client, "POST", "/campaigns/again/throttle", {"limit": 3})[1]["limit"] == 3
    ask(client, "POST", "/campaigns/again/resume")
    while campaign_steps.step(mission.planner, mission.database):
        pass
    mission.work("l1-sm", of_campaign(raw_slice()))
    assert ask(client, "GET", "/campaigns")[1]["campaigns"][0]["done"] == 1
    units = ask(client, "GET", "/campaigns/again/units?limit=1")[1]
    assert (units["units"][0]["became"], units["next"]) == ("done", units["units"][0]["order"])
    report = json.loads(client.get(f"{PREFIX}/campaigns/again/report").text)
    assert report["list"] == units["units"]
    assert ask(client, "GET", "/orders?campaign=again")[1]["orders"][0]["unit"] == raw_slice().name
    assert ask(client, "POST", "/campaigns/again/cancel")[1]["state"] == "cancelled"


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/orders", {"type": "S3_GRDH_1S"}, "tell one thing to make it of"),
        ("/orders", {**GRDH, "until": 1}, "until: no such word"),
        ("/orders", {"wishes": []}, "wishes: a list of 1 to"),
        ("/orders", {"wishes": [GRDH, {"type": 7}]}, "wish 2: type: Input should be a valid string"),
        ("/orders", {**GRDH, "notify": "https://example.org/"}, "notices to example.org are not allowed"),
        ("/orders", {**GRDH, "datatake": "7"}, "tell one thing to make it of"),
        ("/campaigns", {"name": "a"}, "type: Field required"),
        ("/campaigns", {**PERIOD, "aux_as_of": "soon"}, "aux_as_of: 'soon' is no time"),
        ("/campaigns", {**PERIOD, "chain_file": "/etc/passwd"}, "chain_file: no such word"),
        ("/campaigns", {**PERIOD, "priority": 10}, "priority: 0 to 9"),
    ],
)
def test_mistakes_are_told(client: TestClient, path: str, body: Any, detail: str) -> None:
    code, told = ask(client, "POST", path, body)
    assert code == 400
    assert detail in told["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orders/7"), ("GET", "/orders/7/explain"), ("POST", "/orders/7/release"), ("POST", "/orders/7/drop"),
        ("GET", "/wishes/7"), ("POST", "/wishes/7/cancel"), ("POST", "/wishes/7/tell"), ("GET", "/campaigns/x"),
        ("GET", "/campaigns/x/units"), ("GET", "/campaigns/x/report"), ("POST", "/campaigns/x/pause"),
        ("GET", "/orders?campaign=x"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client: TestClient, method: str, path: str) -> None:
    assert ask(client, method, path)[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/orders", "/orders/1/release", "/orders/1/drop", "/wishes/1/cancel", "/wishes/1/tell", "/campaigns",
     "/campaigns/a/pause"],
)  # fmt: skip
def test_acting_asks_for_the_key_and_looking_does_not(stranger: TestClient, path: str) -> None:
    assert ask(stranger, "POST", path, {})[0] == 403
    assert ask(stranger, "GET", "/orders")[0] == 200
