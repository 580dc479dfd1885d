"""The pages of jobs: a list by state, chain and reason, what operators do to one, and to all of a selection."""

from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import urlencode

import sqlalchemy as sa
from attrs import evolve, frozen
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from s1pdgs.console import pages
from s1pdgs.console.web import Console, NotNow, Text, acted
from s1pdgs.jobs import operate
from s1pdgs.jobs.listing import ListedJob, Selection, select_jobs
from s1pdgs.jobs.operate import Act, Edit, EditError, limit_of, setting_of
from s1pdgs.model.job import JobState
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.replan import replan

_PAGE = 100
Action = Literal["retry", "replan", "park", "cancel", "drop"]
Number = Annotated[int | None, Form()]


@frozen
class Filter:
    """Which jobs are shown, and may be acted on together."""

    state: str = ""
    chain: str = ""
    reason: str = ""

    @property
    def selection(self) -> Selection:
        return Selection((self.state,) if self.state else (), self.chain or None, reason=self.reason or None)

    @property
    def actions(self) -> list[str]:
        """What can be done to all jobs of the state that is shown."""
        return [each for each, states in operate.STATES_FOR.items() if each != "edit" and self.state in states]

    def query(self, before: int | None = None) -> str:
        told = {"state": self.state, "chain": self.chain, "reason": self.reason, "before": before}
        return urlencode({name: value for name, value in told.items() if value})


def job_pages(planner: Planner) -> Callable[[APIRouter, Console], None]:
    """What puts the pages on the console's router."""

    def add(router: APIRouter, console: Console) -> None:
        _add_list(router, console, planner)
        _add_acts(router, console, planner)

    return add


def _add_list(router: APIRouter, console: Console, planner: Planner) -> None:
    @router.get("/jobs")
    def jobs_page(state: str = "", chain: str = "", reason: str = "", before: int | None = None) -> Response:
        wanted = Filter(state if state in list(JobState) else "", chain, reason)
        with console.database.read() as connection:
            found = select_jobs(connection, evolve(wanted.selection, before=before), _PAGE)
        return pages.page(
            console.templates, "jobs_page.html", console.clock.now(), jobs=found, wanted=wanted,
            states=list(JobState), chains=[route.name for route in planner.chains.routes],
            following=_following(wanted, found), asks_for_key=console.guard.asks_for_key,
        )  # fmt: skip


def _following(wanted: Filter, found: list[ListedJob]) -> str:
    return wanted.query(found[-1].number) if len(found) == _PAGE else ""


def _add_acts(router: APIRouter, console: Console, planner: Planner) -> None:
    @router.post("/console/jobs/all/{action}")
    def act_on_all(
        request: Request, action: Action, *, state: Text, chain: Text = "", reason: Text = "", key: Text = ""
    ) -> Response:
        console.guard.admit(request, key)
        wanted = Filter(state, chain, reason)
        act = _act(planner, action, _actor(request), None)
        done = operate.act_on_all(console.database, wanted.selection, action, act)
        lack = f"no job like this can be changed by {action}"
        return acted(f"/jobs?{wanted.query()}", f"jobs: {action}", bool(done), lack, jobs=done)

    @router.post("/console/jobs/{number}/edit")
    def edit_job(
        request: Request,
        number: int,
        *,
        priority: Number = None,
        attempts: Number = None,
        limit: Text = "",
        parameter: Text = "",
        key: Text = "",
    ) -> Response:
        console.guard.admit(request, key)
        try:
            limits = dict([limit_of(limit)] if limit.strip() else [])
            parameters = dict([setting_of(parameter)] if parameter.strip() else [])
            wanted = Edit(priority, attempts, limits, parameters)
            with console.database.write() as connection:
                changes = operate.edit(connection, planner.outbox, number, _actor(request), wanted)
                lack = operate.why_not(connection, number, "edit") if changes is None else "it is so already"
        except EditError as error:
            raise NotNow(f"nothing was changed: {error}") from None
        return acted(f"/console/jobs/{number}", "job edited", bool(changes), lack, job=number, changes=changes)

    @router.post("/console/jobs/{number}/{action}")
    def act_on_job(request: Request, number: int, action: Action, key: Text = "", reason: Text = "") -> Response:
        console.guard.admit(request, key)
        act = _act(planner, action, _actor(request), reason.strip() or None)
        with console.database.write() as connection:
            done = act(connection, number)
            lack = "" if done else operate.why_not(connection, number, action)
        return acted(f"/console/jobs/{number}", f"job: {action}", done, lack, job=number)


def _act(planner: Planner, action: Action, actor: str, reason: str | None) -> Act:
    def again(connection: sa.Connection, job: int) -> bool:
        return replan(planner, connection, job, actor, reason) is not None

    if action == "replan":
        return again
    return lambda connection, job: operate.ACTS[action](connection, planner.outbox, job, actor, reason)


def _actor(request: Request) -> str:
    return f"the console at {'?' if request.client is None else request.client.host}"
