"""OGC API Processes over the same orders: described, executed, followed, dismissed; subscribers are really called."""

import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs.bus import notices
from s1pdgs.bus import tables as bus
from s1pdgs.bus.courier import Courier
from s1pdgs.bus.outbox import deliver
from s1pdgs.catalogue.retention import Form, Retention
from s1pdgs.jobs.queue import Failure, fail
from s1pdgs.publication.lta.dating import Policy
from s1pdgs.publication.lta.eviction import Evictor, evict
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.lta.restore import Restorer, restore_step
from s1pdgs.publication.on_demand.descriptions import CONFORMANCE
from s1pdgs.publication.on_demand.documents import RELATIONS
from tests.unit.publication.on_demand.conftest import SECRET, House, body_of
from tests.unit.publication.subscriptions.conftest import Endpoint, listening
from tests.unit.triggers.conftest import raw_slice

BASE = "http://testserver/ogc"
EXECUTION = "/processes/SM_GRDH_1S/execution"
PROBLEM = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"


def ask(house: House, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer = house.client.request(method, f"/ogc{path}", json=body, headers=headers)
    kind = "application/problem+json" if answer.status_code >= 400 else "application/json"
    assert answer.headers["Content-Type"] == kind
    return answer.status_code, answer.json()


def execute(house: House, **words: Any) -> str:
    status, told = ask(house, "POST", EXECUTION, {"inputs": {"product": raw_slice().name}, **words})
    assert status == 201, told
    return str(told["jobID"])


def links(told: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in told["links"]}


def test_the_landing_page_leads_to_all(lasting: House) -> None:
    found = links(ask(lasting, "GET", "")[1])
    assert found["service-desc"] == "http://testserver/openapi.json"
    assert links(ask(lasting, "GET", "/")[1]) == found
    for relation in ("conformance", "processes", "job-list"):
        assert lasting.client.get(found[f"{RELATIONS}/{relation}"]).status_code == 200
    assert ask(lasting, "GET", "/conformance")[1] == {"conformsTo": CONFORMANCE}
    assert "/ogc/jobs/{job}/results" in lasting.client.get(found["service-desc"]).json()["paths"]


def test_processes_are_listed_page_by_page_and_described(lasting: House) -> None:
    names, following = [], f"{BASE}/processes?limit=3"
    while following:
        page = lasting.client.get(following).json()
        names += [one["id"] for one in page["processes"]]
        following = links(page).get("next", "")
    assert names == [
        "EW_GRDM_1S", "EW_SLC__1S", "IW_GRDH_1S", "IW_SLC__1S", "SM_GRDH_1S", "SM_SLC__1S", "WV_SLC__1S",
        "ProductOrder",
    ]  # fmt: skip
    assert sorted(ask(lasting, "GET", "/processes/ProductOrder")[1]["inputs"]) == ["priority", "product"]
    told = ask(lasting, "GET", "/processes/SM_GRDH_1S")[1]
    assert (told["version"], told["jobControlOptions"]) == ("1.0", ["async-execute", "dismiss"])
    assert sorted(told["inputs"]) == ["Application_LUT", "Dem", "priority", "product", "start", "stop"]
    assert told["inputs"]["Dem"]["schema"] == {"type": "string", "default": "coarse"}
    assert links(told)[f"{RELATIONS}/execute"] == f"{BASE}{EXECUTION}"


def test_a_job_runs_to_its_results(small: House) -> None:
    answer = small.client.post(
        f"/ogc{EXECUTION}",
        json={"inputs": {"product": {"value": raw_slice().name}, "priority": 60}},
        headers={"Prefer": "respond-async"},
    )
    job = answer.json()["jobID"]
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{BASE}/jobs/{job}")
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.json() == {
        "processID": "SM_GRDH_1S", "type": "process", "jobID": job, "status": "accepted", "message": "job 1 is ready",
        "created": "2020-06-15T13:00:00.000000Z", "updated": "2020-06-15T13:00:00.000000Z",
        "links": [{"href": f"{BASE}/jobs/{job}", "rel": "self", "type": "application/json", "title": "this job"}],
    }  # fmt: skip
    status, told = ask(small, "GET", f"/jobs/{job}/results")
    assert (status, told["type"], told["detail"]) == (
        404,
        f"{PROBLEM}/result-not-ready",
        f"job {job} is queued; ask for its results when it has ended",
    )
    made = small.work(raw_slice())
    small.settle()
    told = ask(small, "GET", f"/jobs/{job}")[1]
    assert (told["status"], told["progress"]) == ("successful", 100)
    result = small.client.get(links(told)[f"{RELATIONS}/results"]).json()["product"]
    assert (result["title"], result["type"]) == (f"{made.name}.zip", "application/zip")
    assert small.client.get(result["href"]).content[:2] == b"PK"
    assert small.ask("GET", f"/ProductionOrder({job})")[1]["Status"] == "completed", "it is the same order"


def test_a_job_whose_product_exists_is_successful_at_once(small: House) -> None:
    execute(small)
    small.work(raw_slice())
    small.settle()
    status, told = ask(small, "POST", EXECUTION, {"inputs": {"product": raw_slice().name}, "response": "raw"})
    assert (status, told["status"]) == (201, "successful")
    answer = small.client.get(f"/ogc/jobs/{told['jobID']}/results")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.links["item"]["url"].endswith("/$value")


def test_what_is_offline_is_ordered_by_its_name_and_not_made_again(small: House) -> None:
    execute(small)
    made = small.work(raw_slice())
    small.settle()
    order = {"inputs": {"product": f"{made.name}.zip", "priority": 80}}
    status, told = ask(small, "POST", "/processes/ProductOrder/execution", order)
    assert (status, told["status"]) == (201, "successful"), "it is online"
    evict(Evictor(small.database, small.store, small.mission.planner.outbox, None), made.name, [Form.ZIP])
    status, told = ask(small, "POST", "/processes/ProductOrder/execution", order)
    assert (status, told["processID"], told["status"]) == (201, "ProductOrder", "running")
    assert told["message"] == "is being brought back"
    policy = Policy(Retention.read(), timedelta(days=3), None)
    assert restore_step(Restorer(small.database, small.store, small.mission.planner.outbox, Terms(), policy))
    small.settle()
    done = ask(small, "GET", f"/jobs/{told['jobID']}")[1]
    assert done["status"] == "successful"
    result = small.client.get(links(done)[f"{RELATIONS}/results"]).json()["product"]
    assert result["title"] == f"{made.name}.zip"
    assert small.client.get(result["href"]).content[:2] == b"PK"
    assert small.mission.jobs("l1-sm") == [(1, "done")]
    assert small.ask("GET", f"/ProductionOrder({told['jobID']})")[1]["Status"] == "completed"


@pytest.mark.parametrize(
    ("inputs", "detail"),
    [
        ({}, "inputs: product is missing; it names the product that is ordered"),
        ({"product": raw_slice().name}, "is not published"),
        ({"product": "nothing"}, "inputs: there is no product 'nothing'"),
        ({"product": "a", "start": "2020-06-15"}, "inputs: start and stop go together"),
        (
            {"start": "2020-06-15", "stop": "2020-06-16"},
            "inputs: there is no 'start'; the process has priority, product",
        ),
    ],
)
def test_only_published_products_are_ordered_by_name(lasting: House, inputs: Any, detail: str) -> None:
    status, told = ask(lasting, "POST", "/processes/ProductOrder/execution", {"inputs": inputs})
    assert status == 400
    assert detail in told["detail"]


def test_a_dismissed_job_has_no_results(small: House) -> None:
    job = execute(small)
    status, told = ask(small, "DELETE", f"/jobs/{job}")
    assert (status, told["status"], told["finished"]) == (200, "dismissed", "2020-06-15T13:00:00.000000Z")
    assert ask(small, "DELETE", f"/jobs/{job}")[0] == 409
    status, told = ask(small, "GET", f"/jobs/{job}/results")
    assert (status, told["detail"]) == (
        410,
        f"job {job} has no results: it is cancelled, cancelled by the one who ordered",
    )


def test_jobs_are_listed_by_what_the_standard_names(house: House) -> None:
    first = execute(house)
    house.mission.watch.turn(3600)
    second = str(house.ask("POST", "/ProductionOrders", body_of(WorkflowName="SM_SLC__1S"))[1]["Id"])
    ask(house, "DELETE", f"/jobs/{first}")
    house.mission.claim("l1-sm")
    house.settle()
    house.mission.watch.turn(100)
    for asked, wanted in [
        ("", [second, first]),
        ("?type=process", [second, first]),
        ("?processID=SM_GRDH_1S", [first]),
        ("?processID=SM_GRDH_1S&processID=SM_SLC__1S", [second, first]),
        ("?status=dismissed&status=failed", [first]),
        ("?status=running", [second]),
        ("?datetime=2020-06-15T13:00:00Z/2020-06-15T13:30:00Z", [first]),
        ("?datetime=2020-06-15T13:30:00Z/..", [second]),
        ("?datetime=2020-06-15T14:00:00Z", [second]),
        ("?minDuration=90", [second]),
        ("?minDuration=9000", []),
        ("?maxDuration=9000", [second]),
    ]:
        status, told = ask(house, "GET", f"/jobs{asked}")
        assert (status, [job["jobID"] for job in told["jobs"]]) == (200, wanted), asked
    page = ask(house, "GET", "/jobs?limit=1&type=process")[1]
    following = house.client.get(links(page)["next"]).json()
    assert [job["jobID"] for job in page["jobs"] + following["jobs"]] == [second, first]
    assert "next" not in links(following)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"inputs": {}}, "a product, a time or both are wanted"),
        ({"inputs": {"product": "nothing"}}, "inputs: there is no product 'nothing' here to make it of"),
        ({"inputs": {"product": 7}}, "inputs: product is to be the name of a product"),
        ({"inputs": {"product": ["a", "b"]}}, "inputs: product is to be one text or number"),
        ({"inputs": {"product": {"href": "http://a/b"}}}, "inputs: product is to be a value, not a link"),
        ({"inputs": {"product": "a", "dem": "x"}}, "inputs: there is no 'dem'; the process has Application_LUT, Dem"),
        ({"inputs": {"Dem": 4}}, "option Dem is a string, not 4"),
        ({"inputs": {"priority": 101}}, "inputs: priority is to be a whole number from 1 to 100"),
        ({"inputs": {"priority": True}}, "inputs: priority is to be a whole number from 1 to 100"),
        ({"inputs": {"start": "2020-06-15"}}, "inputs: start and stop go together"),
        ({"inputs": {"start": "noon", "stop": "2020-06-15"}}, "inputs: start is no time"),
        ({"inputs": {"start": "2020-06-16", "stop": "2020-06-15"}}, "the time ends before it begins"),
        ({"outputs": {"image": {}}}, "outputs: there is no 'image'; the process has product"),
        ({"outputs": {"product": {"transmissionMode": "value"}}}, "outputs: product is given by reference only"),
        ({"mode": "sync"}, "mode: there is no such property to give"),
        ({"subscriber": {"successUri": "https://example.org/"}}, "notices to example.org are not allowed"),
        ([], "the body is no JSON object: Input should be"),
    ],
)
def test_mistakes_are_told_and_place_nothing(lasting: House, body: Any, detail: str) -> None:
    if "subscriber" in body:
        body = {**body, "inputs": {"product": raw_slice().name}}
    status, told = ask(lasting, "POST", EXECUTION, body)
    assert (status, told["title"], told["type"]) == (400, "Bad Request", "about:blank")
    assert detail in told["detail"]
    assert ask(lasting, "GET", "/jobs")[1]["jobs"] == []


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/processes/XX_SLC__1S", 404, f"{PROBLEM}/no-such-process"),
        ("/jobs/7", 404, f"{PROBLEM}/no-such-job"),
        ("/jobs/7/results", 404, f"{PROBLEM}/no-such-job"),
        ("/jobs/%00", 400, "about:blank"),
        ("/jobs?limit=0", 400, "about:blank"),
        ("/jobs?status=done", 400, "about:blank"),
        ("/jobs?datetime=noon", 400, "about:blank"),
        ("/jobs?processID=%00", 400, "about:blank"),
        ("/processes?limit=many", 400, "about:blank"),
        ("/elsewhere", 404, "about:blank"),
    ],
)
def test_errors_are_problem_details(lasting: House, path: str, status: int, kind: str) -> None:
    code, told = ask(lasting, "GET", path)
    assert (code, told["status"], told["type"]) == (status, status, kind)
    assert told["detail"]


def test_executing_asks_for_the_key_and_looking_does_not(small: House) -> None:
    job = execute(small)
    assert small.stranger.post(f"/ogc{EXECUTION}", json={}).status_code == 403
    assert small.stranger.delete(f"/ogc/jobs/{job}").status_code == 403
    assert small.stranger.get(f"/ogc/jobs/{job}").json()["status"] == "accepted"
    assert ask(small, "PUT", "/jobs")[0] == 405


def send(house: House, courier: Courier) -> None:
    while notices.send_due(house.database, courier, house.mission.watch):
        pass


@pytest.fixture
def listener() -> Iterator[Endpoint]:
    with listening() as endpoint:
        yield endpoint


def test_a_subscriber_is_told_of_each_state(small: House, listener: Endpoint) -> None:
    states = {name: f"{listener.url}/{name}" for name in ("successUri", "inProgressUri", "failedUri")}
    job = execute(small, subscriber=states)
    claim = small.mission.claim("l1-sm")
    small.settle()
    made = small.made(raw_slice())
    small.mission.work("l1-sm", made, claim=claim)
    small.settle()
    send(small, Courier(secret=SECRET))
    assert [(told["jobID"], told["status"]) for told in listener.bodies] == [(job, "running"), (job, "successful")]
    assert listener.bodies[1]["product"]["title"] == f"{made.name}.zip"
    assert listener.bodies[1]["product"]["href"].startswith("http://testserver/odata/v1/Products(")
    for body, headers in zip(listener.raw, listener.headers, strict=True):
        signature = f"sha256={hmac.new(SECRET, body, 'sha256').hexdigest()}"
        assert hmac.compare_digest(headers["X-S1pdgs-Signature"], signature)


def test_a_subscriber_is_told_of_a_failure(small: House, listener: Endpoint) -> None:
    execute(small, subscriber={"failedUri": listener.url})
    claim = small.mission.claim("l1-sm")
    with small.database.write() as connection:
        fail(connection, small.mission.planner.outbox, claim, Failure("no memory", lasting=True))
    small.settle()
    send(small, Courier())
    assert [told["status"] for told in listener.bodies] == ["failed"]
    assert "no memory" in listener.bodies[0]["message"]


def test_a_production_order_tells_its_end_with_the_credentials_that_it_was_given(
    small: House, listener: Endpoint
) -> None:
    order = small.order(
        NotificationEndpoint=listener.url, NotificationEpUsername="partner", NotificationEpPassword="hush"
    )
    made = small.work(raw_slice())
    small.settle()
    send(small, Courier(secret=SECRET))
    (told,), (headers,) = listener.bodies, listener.headers
    product = small.ask("GET", f"/ProductionOrder({order})/Product")[1]
    assert told == {
        "NotificationDate": told["NotificationDate"], "ProductionOrderId": order, "Status": "completed",
        "StatusMessage": "", "ProductId": product["Id"], "ProductName": made.name, "ProductNames": [made.name],
        "WorkflowName": "SM_GRDH_1S", "SubmissionDate": "2020-06-15T13:00:00.000000Z",
        "CompletedDate": told["NotificationDate"],
    }  # fmt: skip
    assert headers["Authorization"] == "Basic cGFydG5lcjpodXNo"
    small.settle()
    with small.database.read() as connection:
        assert connection.execute(sa.select(bus.login)).all() == [], "nobody needs the password any more"


def test_news_that_come_twice_tell_once(small: House, listener: Endpoint) -> None:
    execute(small, subscriber={"successUri": listener.url})
    small.work(raw_slice())
    small.settle()
    with small.database.write() as connection:
        connection.execute(bus.seen.delete())
        connection.execute(bus.caught_up.delete())
    while deliver(small.database, small.mission.planner.subscriber()):
        pass
    small.settle()
    with small.database.read() as connection:
        payloads = connection.scalars(sa.select(bus.notice.c.payload)).all()
    assert [payload["status"] for payload in payloads] == ["successful"]
