"""Programs of operators look at jobs and act on them; whoever reaches the server may look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.guard import KEY_HEADER, Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.api import jobs
from s1pdgs.api.service import PREFIX, Service, mount
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs.execute import LOG_FILE
from s1pdgs.jobs.queue import Failure
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import memory_objects
from s1pdgs.triggers.chains import SHIPPED, Chains
from s1pdgs.triggers.orders import Planner
from tests.databases import new_database
from tests.unit.jobs.conftest import NOON, Watch, spec


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Jobs 1 and 3 of chain l1 are parked for want of disk, 2 of chain l0 runs."""
    with new_database("sqlite", tmp_path) as opened:
        outbox = Outbox(Watch())
        with opened.write() as connection:
            for order, chain in ((1, "l1"), (2, "l0"), (3, "l1")):
                queue.enqueue(connection, spec(chain=chain), order, NOON)
            claims = [queue.claim(connection, outbox, "here:1") for _ in range(3)]
            for claim in claims:
                assert claim is not None
                if claim.job != 2:
                    queue.fail(connection, outbox, claim, Failure("the disk is full", lasting=True))
        yield opened


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Service:
    planner = Planner(Chains.read(SHIPPED), Outbox(Watch()))
    return Service(database, memory_objects(), planner, Guard(operator_gate("secret")), tmp_path / "jobs")


@pytest.fixture
def client(service: Service) -> TestClient:
    app = FastAPI()
    mount(app, service, (jobs.add,))
    return TestClient(app, headers={KEY_HEADER: "secret"})


def ask(client: TestClient, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = client.request(method, PREFIX + path, json=body)
    return answer.status_code, answer.json()


def test_jobs_are_listed_in_pages_by_what_is_known_of_them(client: TestClient) -> None:
    code, page = ask(client, "GET", "/jobs?limit=2")
    assert (code, [job["number"] for job in page["jobs"]], page["next"]) == (200, [3, 2], 2)
    code, page = ask(client, "GET", "/jobs?limit=2&before=2")
    assert ([job["number"] for job in page["jobs"]], page["next"]) == ([1], None)
    code, page = ask(client, "GET", "/jobs?state=running&state=done&state=parked&chain=l1&reason_has=disk")
    assert [job["number"] for job in page["jobs"]] == [3, 1]
    assert ask(client, "GET", "/jobs/count") == (
        200,
        {"ready": 0, "running": 1, "done": 0, "parked": 2, "dropped": 0},
    )


def test_a_job_is_told_with_its_log(client: TestClient, service: Service) -> None:
    assert service.work_root is not None
    file = service.work_root / "2" / "1" / LOG_FILE
    file.parent.mkdir(parents=True)
    file.write_text("first line\nsecond line\n")
    assert client.get(f"{PREFIX}/jobs/2/log?last_bytes=13").text == "second line\n"
    code, told = ask(client, "GET", "/jobs/1")
    assert (code, told["state"], told["reason"], told["history"]) == (200, "parked", "the disk is full", [])
    assert told["attempts"][0]["outcome"] == "failed"


def test_an_edit_tells_what_it_changed_and_the_history_who_did_it(client: TestClient) -> None:
    body = {"priority": 60, "limits": {"memory_mb": 9000}, "parameters": {"A": "1"}}
    changes = {"limit memory_mb": [None, 9000], "parameter A": [None, "1"], "priority": [30, 60]}
    assert ask(client, "PATCH", "/jobs/1", body) == (200, {"job": 1, "changes": changes})
    (acted,) = ask(client, "GET", "/jobs/1")[1]["history"]
    assert (acted["action"], acted["actor"], acted["changes"]) == ("edit", "the API at testclient", changes)


def test_a_selection_is_acted_on_once(client: TestClient) -> None:
    body = {"action": "retry", "select": {"state": ["parked"], "chain": "l1"}, "reason": "more disk"}
    assert ask(client, "POST", "/jobs/actions", body) == (200, {"action": "retry", "jobs": [3, 1]})
    assert ask(client, "POST", "/jobs/actions", body) == (200, {"action": "retry", "jobs": []})
    assert ask(client, "GET", "/jobs/3")[1]["history"][0]["reason"] == "more disk"


def test_one_job_is_acted_on_and_its_state_told(client: TestClient) -> None:
    assert ask(client, "POST", "/jobs/2/cancel", {"reason": "it hangs"}) == (200, {"job": 2, "state": "parked"})
    assert ask(client, "POST", "/jobs/2/retry") == (200, {"job": 2, "state": "ready"})
    assert ask(client, "POST", "/jobs/2/park") == (200, {"job": 2, "state": "parked"})
    assert ask(client, "POST", "/jobs/2/drop") == (200, {"job": 2, "state": "dropped"})
    code, problem = ask(client, "POST", "/jobs/2/drop")
    assert (code, problem["detail"]) == (409, "job 2 is dropped; drop is for jobs that are parked or ready or running")


@pytest.mark.parametrize(
    ("request_", "code", "detail"),
    [
        (("GET", "/jobs/9", None), 404, "there is no job 9"),
        (("GET", "/jobs/1/log?attempt=7", None), 404, "job 1 has no attempt 7"),
        (("GET", "/jobs?limit=0", None), 400, "query.limit: Input should be greater than or equal to 1"),
        (("GET", "/jobs?state=lost", None), 400, "query.state.0: Input should be 'ready', "),
        (("PATCH", "/jobs/9", {"priority": 1}), 404, "there is no job 9"),
        (("PATCH", "/jobs/2", {"priority": 1}), 409, "job 2 is running; edit is for jobs that are parked or ready"),
        (("PATCH", "/jobs/1", {"priority": 101}), 400, "priority 101 is not within 0 to 100"),
        (("PATCH", "/jobs/1", {"prority": 1}), 400, "body.prority: Extra inputs are not permitted"),
        (("POST", "/jobs/9/retry", None), 404, "there is no job 9"),
        (("POST", "/jobs/1/replan", None), 409, "job 1 is of an earlier round of its order"),
        (("POST", "/jobs/1/explode", None), 400, "path.action: "),
        (("POST", "/jobs/actions", {"action": "drop", "select": {}}), 400, "select: tell which jobs"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_remedy(
    client: TestClient, request_: tuple[str, str, Any], code: int, detail: str
) -> None:
    answer, problem = ask(client, *request_)
    assert (answer, problem["detail"][: len(detail)]) == (code, detail)


def test_acting_asks_for_an_operator_and_looking_does_not(service: Service) -> None:
    app = FastAPI()
    mount(app, service, (jobs.add,))
    client = TestClient(app)
    assert client.get(f"{PREFIX}/jobs").status_code == 200
    for method, path, body in (
        ("PATCH", "/jobs/1", {}),
        ("POST", "/jobs/1/drop", {}),
        ("POST", "/jobs/actions", {"action": "drop", "select": {"chain": "l1"}}),
    ):
        assert ask(client, method, path, body)[0] == 403
    assert ask(client, "GET", "/jobs/1")[1]["state"] == "parked"
