"""The pages of jobs, and what operators do there: to one job, and to all that are shown."""

import pytest
from starlette.testclient import TestClient

from s1pdgs.jobs import operate
from s1pdgs.jobs.listing import actions_of, find_job
from s1pdgs.jobs.queue import spec_of
from tests.unit.console.conftest import Stage
from tests.unit.console.test_web import HOSTILE, state_of, text_of


@pytest.fixture
def client(stage: Stage) -> TestClient:
    """A browser of an operator; job 4 is parked, 7 runs, 8 is ready."""
    assert [state_of(stage, job) for job in (4, 7, 8)] == ["parked", "running", "ready"]
    return stage.client()


def test_jobs_are_shown_by_what_is_known_of_them(client: TestClient) -> None:
    def shown(query: str) -> set[str]:
        return {part.partition('"')[0] for part in client.get(f"/jobs{query}").text.split('<tr id="j-')[1:]}

    everything = shown("")
    assert {"4", "7", "8"} < everything
    assert shown("?state=running") == {"7"}
    assert shown("?before=4") == {"3", "2", "1"} & everything
    assert shown("?state=nonsense") == everything
    assert "No job is like this." in client.get("/jobs", params={"chain": HOSTILE, "reason": HOSTILE}).text


def test_only_what_fits_their_state_is_offered_for_all(client: TestClient) -> None:
    assert "/console/jobs/all/" not in client.get("/jobs").text
    parked, running = (client.get(f"/jobs?state={state}").text for state in ("parked", "running"))
    assert "/console/jobs/all/retry" in parked
    assert "/console/jobs/all/cancel" not in parked
    assert "/console/jobs/all/cancel" in running


def test_all_that_are_shown_are_acted_on_once(client: TestClient, stage: Stage) -> None:
    answer = client.post("/console/jobs/all/retry", data={"state": "parked"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs?state=parked")
    assert state_of(stage, 4) == "ready"
    again = client.post("/console/jobs/all/retry", data={"state": "parked"})
    assert again.status_code == 409
    assert "no job like this can be changed by retry" in again.text


@pytest.mark.parametrize(
    ("job", "action", "state"),
    [(4, "retry", "ready"), (8, "park", "parked"), (7, "cancel", "parked"), (7, "drop", "dropped")],
)
def test_one_job_is_acted_on_and_its_page_tells_who_and_why(
    client: TestClient, stage: Stage, job: int, action: str, state: str
) -> None:
    page = f"/console/jobs/{job}"
    assert f'{page}/{action}"' in client.get(page).text, "it is offered"
    assert client.post(f"{page}/{action}", data={"reason": HOSTILE}).headers["location"] == page
    assert state_of(stage, job) == state
    html = client.get(page).text
    assert "<script>alert" not in html
    assert f"{action} the console at 127.0.0.1" in text_of(html)


def test_a_job_that_waits_is_edited_and_its_page_tells_the_change(client: TestClient, stage: Stage) -> None:
    form = {"priority": "50", "attempts": "", "limit": "memory_mb=16000", "parameter": "RSEncode=no"}
    assert client.post("/console/jobs/4/edit", data=form).status_code == 303
    with stage.database.read() as connection:
        spec = spec_of(connection, 4)
        assert (spec.limits.memory_mb, spec.order.parameter("RSEncode")) == (16000, "no")
        assert find_job(connection, 4).priority == 50
        assert [each.action for each in actions_of(connection, 4)] == ["edit"]
    assert "limit memory_mb: none → 16000" in text_of(client.get("/console/jobs/4").text)


@pytest.mark.parametrize(
    ("job", "form", "told"),
    [
        (4, {"limit": "memory_mb"}, "is not like NAME=VALUE"),
        (4, {"limit": "memory=1"}, "there is no limit"),
        (4, {"limit": "memory_mb=much"}, "is no number; give one"),
        (4, {}, "it is so already"),
        (7, {"priority": "1"}, "job 7 is running; edit is for jobs that are parked or ready"),
    ],
)
def test_an_edit_that_cannot_be_made_says_why(client: TestClient, job: int, form: dict[str, str], told: str) -> None:
    answer = client.post(f"/console/jobs/{job}/edit", data=form)
    assert answer.status_code == 409
    assert told in text_of(answer.text)


def test_an_earlier_round_is_not_planned_anew(client: TestClient) -> None:
    answer = client.post("/console/jobs/4/replan")
    assert (answer.status_code, "earlier round of its order" in answer.text) == (409, True)


def test_acts_for_all_are_those_that_exist() -> None:
    assert {*operate.ACTS, "replan", "edit"} == set(operate.STATES_FOR)
