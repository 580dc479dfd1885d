"""`s1pdgs subscription` on a real ground segment's folder, beside the API: both show and do the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.guard import KEY_HEADER, Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.api import subscriptions
from s1pdgs.api.service import PREFIX, Service, mount
from s1pdgs.cli import cli
from s1pdgs.ground import open_ground_segment
from s1pdgs.roles import roles_of
from s1pdgs.settings import Settings, Subscriptions
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from s1pdgs.triggers.chains import SHIPPED, Chains
from s1pdgs.triggers.orders import Planner
from tests.unit.publication.conftest import new_segment
from tests.unit.publication.subscriptions.conftest import Desk, Endpoint, listening


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as kept:
        yield kept


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_sqlite(folder / "s1pdgs.db")
    migrate(database)
    yield Desk(new_segment(database, folder))
    database.close()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("S1PDGS_DATA_DIR", str(tmp_path / "data"))
    return CliRunner()


@pytest.fixture
def api(desk: Desk) -> TestClient:
    app = FastAPI()
    planner = Planner(Chains.read(SHIPPED), desk.segment.outbox)
    guard = Guard(operator_gate("secret"))
    mount(app, Service(desk.database, desk.segment.store, planner, guard), (subscriptions.add,))
    return TestClient(app, headers={KEY_HEADER: "secret"})


def told(runner: CliRunner, *arguments: str, fails: bool = False) -> str:
    result = runner.invoke(cli, ["subscription", *arguments])
    assert (result.exit_code != 0) is fails, result.output
    return result.output


def given_up(desk: Desk, endpoint: Endpoint) -> str:
    """A push subscription whose endpoint did not take the only notification."""
    endpoint.answers[:] = [503, 503]
    login = {"NotificationEpUsername": "partner", "NotificationEpPassword": "s3cret"}
    made = desk.subscribe("push", NotificationEndpoint=endpoint.url, FilterParam="Online", **login)
    desk.publish()
    desk.deliver()
    for _ in range(6):
        desk.push()
        desk.segment.clock.advance(5)
    return made


def test_each_attempt_and_action_is_shown_and_what_was_given_up_is_sent_again(
    desk: Desk, runner: CliRunner, endpoint: Endpoint
) -> None:
    assert told(runner, "list") == "no subscriptions\n"
    made = given_up(desk, endpoint)
    (row,) = json.loads(told(runner, "list", "--json"))
    assert (row["subscription"], row["dead"], row["queued"]) == (made, 1, 0)
    assert made in told(runner, "list")
    shown = told(runner, "show", made)
    assert f"subscription {made}: push to {endpoint.url} with a login, running" in shown
    assert "  tells created of Online" in shown
    assert "0 in the queue, 1 given up, 0 fell out of a full queue; told last never" in shown
    assert shown.count("127.0.0.1 answered 503") == 2
    assert "create by the tests: FilterParam Online; SubscriptionEvent created" in shown
    assert "s3cret" not in shown + told(runner, "show", made, "--json")
    assert told(runner, "again", made) == f"1 notifications of subscription {made} are sent again\n"
    assert "was given up" in told(runner, "again", made, fails=True)
    while desk.push():
        pass
    assert endpoint.told()[-1][0] == "created"
    assert "127.0.0.1 answered 204" in told(runner, "show", made)


def test_pause_resume_and_cancel(desk: Desk, runner: CliRunner) -> None:
    made = desk.subscribe()
    assert told(runner, "pause", made) == f"subscription {made} is paused\n"
    assert f"subscription {made} is paused already" in told(runner, "pause", made, fails=True)
    assert told(runner, "resume", made) == f"subscription {made} goes on\n"
    assert told(runner, "cancel", made) == f"subscription {made} is cancelled\n"
    assert "was cancelled; make another one" in told(runner, "resume", made, fails=True)
    assert "there is no subscription 'none'" in told(runner, "show", "none", fails=True)
    actions = json.loads(told(runner, "show", made, "--json"))["actions"]
    assert [(one["action"], one["actor"]) for one in actions] == [
        ("cancel", "the command line"), ("resume", "the command line"), ("pause", "the command line"),
        ("create", "the tests"),
    ]  # fmt: skip


def test_the_api_tells_the_same_to_operators(desk: Desk, api: TestClient, endpoint: Endpoint) -> None:
    made = given_up(desk, endpoint)

    def ask(method: str, path: str, status: int = 200, **headers: str) -> Any:
        answer = api.request(method, f"{PREFIX}/subscriptions{path}", headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    assert [one["subscription"] for one in ask("GET", "")["subscriptions"]] == [made]
    (notification,) = ask("GET", f"/{made}")["notifications"]
    assert (notification["state"], len(notification["attempts"])) == ("dead", 2)
    assert ask("POST", f"/{made}/again")["queued"] == 1
    assert ask("POST", f"/{made}/pause")["status"] == "paused"
    assert ask("POST", f"/{made}/cancel")["actions"][0]["actor"] == "the API at testclient"
    assert "make another one" in ask("POST", f"/{made}/resume", 409)["detail"]
    assert "no subscription" in ask("GET", "/none", 404)["detail"]
    assert ask("POST", f"/{made}/sing", 400)["status"] == 400
    for method, path in (("GET", ""), ("GET", f"/{made}"), ("POST", f"/{made}/again")):
        assert "operator key" in ask(method, path, 403, **{KEY_HEADER: "wrong"})["detail"]


def test_the_roles_of_the_ground_segment_tell_and_prune(desk: Desk, tmp_path: Path, endpoint: Endpoint) -> None:
    made = desk.subscribe("push", NotificationEndpoint=endpoint.url)
    name = desk.publish()
    ground = open_ground_segment(Settings(data_dir=tmp_path / "data", subscriptions=Subscriptions(keep_s=1e-6)))
    triggers, *couriers = roles_of(ground, "triggers")
    assert triggers.step()
    while any(courier.step() for courier in couriers):
        pass
    assert endpoint.told() == [("created", f"{name}.zip")]
    assert (desk.row(made).queued, desk.states()) == (0, ["told"])
    for role in roles_of(ground, "housekeeping"):
        role.step()
    assert desk.states() == []
    ground.database.close()
