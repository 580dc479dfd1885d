"""The routes of campaigns: create one, follow it, pause, resume, throttle and cancel it, and read its report."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from s1pdgs.api.orders import known
from s1pdgs.api.service import Problem, Service
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns import report as campaign_report
from s1pdgs.triggers.campaigns.asked import asked_of, plan_of
from s1pdgs.triggers.campaigns.campaign import Action, CampaignError
from s1pdgs.triggers.campaigns.progress import as_row, progress, to_json
from s1pdgs.triggers.chains import SHIPPED, ChainError


class Throttle(BaseModel):
    """The body of a change of the limit."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(ge=1)


def add(router: APIRouter, service: Service) -> None:
    """Put the routes below `/campaigns`."""
    _add_looks(router, service)
    _add_acts(router, service)


def _add_looks(router: APIRouter, service: Service) -> None:
    @router.get("/campaigns")
    def list_campaigns(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """Campaigns with their progress, newest first."""
        now = service.planner.outbox.clock.now()
        with service.database.read() as connection:
            found = campaigns.newest(connection, limit)
            return {"campaigns": [as_row(each, progress(connection, each, now)) for each in found]}

    @router.get("/campaigns/{name}")
    def show(name: str) -> dict[str, Any]:
        """What a campaign does and how far it is."""
        with service.database.read() as connection:
            return _told(service, connection, name)

    @router.get("/campaigns/{name}/units")
    def units(name: str, after: int = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """Its units by order number; `next` is the `after` of the following page."""
        with service.database.read() as connection:
            campaign = known(lambda: campaigns.find(connection, name))
            found = list(islice(campaign_report.units_of(connection, campaign, after), limit))
        return {"units": found, "next": found[-1]["order"] if len(found) == limit else None}

    @router.get("/campaigns/{name}/report")
    def report(name: str) -> StreamingResponse:
        """The whole report, as it is made."""
        with service.database.read() as connection:
            known(lambda: campaigns.find(connection, name))

        def pieces() -> Iterator[str]:
            with service.database.read() as connection:
                campaign = campaigns.find(connection, name)
                told = progress(connection, campaign, service.planner.outbox.clock.now())
                yield from campaign_report.as_json(connection, campaign, told)

        return StreamingResponse(pieces(), media_type="application/json")


def _add_acts(router: APIRouter, service: Service) -> None:
    @router.post("/campaigns", status_code=201)
    def create(request: Request, words: dict[str, Any]) -> dict[str, Any]:
        """Create a campaign with the chains that are configured here, and let it begin."""
        service.admit(request)
        try:
            plan = plan_of(asked_of(words), service.planner.chains.source or SHIPPED)
            with service.database.write() as connection:
                campaigns.create(connection, plan, service.planner.outbox.clock)
                return _told(service, connection, plan.name)
        except (CampaignError, ChainError) as error:
            raise Problem(400, str(error)) from None

    @router.post("/campaigns/{name}/throttle")
    def throttle(request: Request, name: str, change: Throttle) -> dict[str, Any]:
        """Change how many jobs are in the queue at once."""
        service.admit(request)
        with service.database.write() as connection:
            known(lambda: campaigns.throttle(connection, name, change.limit))
            return _told(service, connection, name)

    @router.post("/campaigns/{name}/{action}")
    def act(request: Request, name: str, action: Action) -> dict[str, Any]:
        """Pause, resume or cancel a campaign."""
        service.admit(request)
        with service.database.write() as connection:
            if not known(lambda: campaigns.act(service.planner, connection, name, action)):
                raise Problem(409, action.lack(name))
            return _told(service, connection, name)


def _told(service: Service, connection: sa.Connection, name: str) -> dict[str, Any]:
    campaign = known(lambda: campaigns.find(connection, name))
    return to_json(campaign, progress(connection, campaign, service.planner.outbox.clock.now()))
