"""The routes of jobs: look at them, read their logs, edit one, act on one or on all of a selection."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from attrs import evolve
from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from s1pdgs.api.service import Problem, Service
from s1pdgs.jobs import operate
from s1pdgs.jobs.listing import Selection, as_row, count_jobs, read_log, select_jobs
from s1pdgs.jobs.operate import Act, Edit, EditError
from s1pdgs.jobs.queue import UnknownJob
from s1pdgs.jobs.spec import SpecError
from s1pdgs.jobs.telling import details_of
from s1pdgs.model.job import JobState
from s1pdgs.triggers.replan import replan

Action = Literal["retry", "replan", "park", "cancel", "drop"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Why(_Body):
    """The body of an action."""

    reason: str | None = Field(None, max_length=2000)


class Changes(_Body):
    """The body of an edit; a limit that is null is taken off."""

    priority: int | None = None
    attempts: int | None = None
    limits: dict[str, float | None] = {}
    parameters: dict[str, str] = {}


class Which(_Body):
    """A selection of jobs; what is not named does not select."""

    state: list[JobState] = []
    chain: str | None = None
    order: int | None = None
    reason_has: str | None = None

    def selection(self) -> Selection:
        return Selection(tuple(self.state), self.chain, self.order, self.reason_has)


class Page(Which):
    """A page of a selection."""

    before: int | None = None
    limit: int = Field(100, ge=1, le=1000)


class Bulk(Why):
    """An action on all jobs of a selection."""

    action: Action
    select: Which


def add(router: APIRouter, service: Service) -> None:
    """Put the routes below `/jobs`."""
    _add_looks(router, service)
    _add_acts(router, service)


def _add_looks(router: APIRouter, service: Service) -> None:
    @router.get("/jobs")
    def list_jobs(page: Annotated[Page, Query()]) -> dict[str, Any]:
        """Jobs, newest first; `next` is the `before` of the following page."""
        selection = evolve(page.selection(), before=page.before)
        with service.database.read() as connection:
            rows = [as_row(job, _now(service)) for job in select_jobs(connection, selection, page.limit)]
        return {"jobs": rows, "next": rows[-1]["number"] if len(rows) == page.limit else None}

    @router.get("/jobs/count")
    def count() -> dict[str, int]:
        """How many jobs are in each state."""
        with service.database.read() as connection:
            return count_jobs(connection)

    @router.get("/jobs/{number}")
    def show(number: int) -> dict[str, Any]:
        """All that is known of a job."""
        with service.database.read() as connection:
            told: dict[str, Any] = _known(lambda: details_of(connection, number, _now(service)))
        return told

    @router.get("/jobs/{number}/log")
    def log(number: int, attempt: int | None = None, last_bytes: Annotated[int | None, Query(ge=1)] = None) -> Response:
        """The log of an attempt, the last one when none is named."""
        with service.database.read() as connection:
            place = (service.store, service.work_root, number, attempt)
            text = _known(lambda: read_log(connection, *place, last_bytes=last_bytes))
        return PlainTextResponse(text)


def _add_acts(router: APIRouter, service: Service) -> None:
    @router.patch("/jobs/{number}")
    def edit(request: Request, number: int, changes: Changes) -> dict[str, Any]:
        """Change a ready or parked job; what was changed, before and after."""
        service.admit(request)
        wanted = Edit(changes.priority, changes.attempts, changes.limits, changes.parameters)
        outbox = service.planner.outbox
        try:
            with service.database.write() as connection:
                made = _known(lambda: operate.edit(connection, outbox, number, _actor(request), wanted))
                if made is None:
                    raise Problem(409, operate.why_not(connection, number, "edit"))
        except EditError as error:
            raise Problem(400, str(error)) from None
        return {"job": number, "changes": made}

    @router.post("/jobs/actions")
    def act_on_all(request: Request, bulk: Bulk) -> dict[str, Any]:
        """Act on all jobs of a selection that are in a state for it; those that it changed. It may be repeated."""
        service.admit(request)
        selection = bulk.select.selection()
        if selection == Selection():
            raise Problem(400, "select: tell which jobs, by state, chain, order or reason_has")
        act = _act(service, bulk.action, _actor(request), bulk.reason)
        return {"action": bulk.action, "jobs": operate.act_on_all(service.database, selection, bulk.action, act)}

    @router.post("/jobs/{number}/{action}")
    def act(request: Request, number: int, action: Action, why: Why | None = None) -> dict[str, Any]:
        """Act on a job; its state then."""
        service.admit(request)
        change = _act(service, action, _actor(request), None if why is None else why.reason)
        with service.database.write() as connection:
            if not _known(lambda: change(connection, number)):
                raise Problem(409, operate.why_not(connection, number, action))
            return {"job": number, "state": operate.state_of(connection, number)}


def _act(service: Service, action: Action, actor: str, reason: str | None) -> Act:
    planner = service.planner

    def again(connection: sa.Connection, job: int) -> bool:
        return replan(planner, connection, job, actor, reason) is not None

    if action == "replan":
        return again
    return lambda connection, job: operate.ACTS[action](connection, planner.outbox, job, actor, reason)


def _actor(request: Request) -> str:
    return f"the API at {'?' if request.client is None else request.client.host}"


def _now(service: Service) -> datetime:
    return service.planner.outbox.clock.now()


def _known(look: Callable[[], Any]) -> Any:
    """What a look at a job gives; `Problem` 404 when there is no such job, 409 when its spec cannot be read."""
    try:
        return look()
    except UnknownJob as error:
        raise Problem(404, str(error)) from None
    except SpecError as error:
        raise Problem(409, str(error)) from None
