"""Programs ask for data takes and for the account of a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.guard import Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.api import datatakes
from s1pdgs.api.service import PREFIX, Service, mount
from s1pdgs.storage.objects import memory_objects
from tests.unit.triggers.account import plan, planned
from tests.unit.triggers.conftest import Mission, open_mission, segment


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    """A data take of which a segment came, and one that is planned for tomorrow."""
    with open_mission(tmp_path) as made:
        plan(made, planned(), planned(90_000, 90_100, number=7))
        made.receive(segment("VV"))
        yield made


@pytest.fixture
def client(mission: Mission, tmp_path: Path) -> TestClient:
    guard = Guard(operator_gate("secret"))
    app = FastAPI()
    mount(app, Service(mission.database, memory_objects(), mission.planner, guard, tmp_path / "jobs"), (datatakes.add,))
    return TestClient(app)


def ask(client: TestClient, path: str) -> tuple[int, Any]:
    answer = client.get(PREFIX + path)
    return answer.status_code, answer.json()


def test_data_takes_are_listed_by_state_and_time(client: TestClient) -> None:
    def names(query: str = "") -> list[tuple[str, str]]:
        status, told = ask(client, f"/datatakes{query}")
        assert status == 200
        return [(row["datatake"], row["state"]) for row in told["datatakes"]]

    assert names() == [("024A10", "received")]
    assert names("?state=planned") == [("000007", "planned")]
    assert names("?since=2020-06-15T12:00:00") == []
    assert names("?since=2020-06-15T13:00:00%2B02:00&limit=1") == [("024A10", "received")]


def test_one_is_told_with_all_that_is_expected(client: TestClient) -> None:
    status, told = ask(client, "/datatakes/S1A-24A10")
    (account,) = told["datatakes"]
    assert (status, account["state"], account["segments"]) == (200, "received", [segment("VV").name])
    assert {each["state"] for each in account["expected"]} == {"pending"}
    assert "polarisation VH" in account["expected"][0]["why"]


def test_the_account_counts_a_time(client: TestClient) -> None:
    status, told = ask(client, "/account?from=2020-06-15T00:00:00Z&to=2020-06-17T00:00:00Z")
    assert (status, told["datatakes"]) == (200, {"received": 1, "planned": 1})
    assert [(row["level"], row["pending"]) for row in told["completeness"]] == [(0, 14), (1, 16)]
    status, told = ask(client, "/account")
    assert (status, told["datatakes"], told["total"]["share"]) == (200, {"received": 1}, 0.0)


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/datatakes?state=lost", 400, "query.state: "),
        ("/datatakes?limit=0", 400, "query.limit: "),
        ("/datatakes/xyz", 400, "'xyz' is no data take identifier"),
        ("/datatakes/1", 404, "nothing is known of data take 1"),
        ("/account?from=2020-06-16T00:00:00Z&to=2020-06-15T00:00:00Z", 400, "to is 2020-06-15"),
        ("/account?from=yesterday", 400, "query.from: "),
    ],
)
def test_what_cannot_be_answered_is_told(client: TestClient, path: str, status: int, detail: str) -> None:
    answer, problem = ask(client, path)
    assert answer == status
    assert problem["detail"].startswith(detail)
