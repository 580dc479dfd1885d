"""The routes of subscriptions: look at them with what was done and told, pause, resume and cancel them, send again.

They tell endpoints of others, so even looking asks for an operator. Subscriptions are made at the OData service.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request

from s1pdgs.api.service import Problem, Service
from s1pdgs.publication.subscriptions.lifecycle import again, set_status
from s1pdgs.publication.subscriptions.model import By, NotNow, Status, UnknownSubscription
from s1pdgs.publication.subscriptions.telling import details, newest

Told = TypeVar("Told")
_STATUS = {"pause": Status.PAUSED, "resume": Status.RUNNING, "cancel": Status.CANCELLED}


def add(router: APIRouter, service: Service) -> None:
    """Put the routes below `/subscriptions`."""

    @router.get("/subscriptions")
    def list_subscriptions(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """Subscriptions, newest first."""
        service.admit(request)
        with service.database.read() as connection:
            return {"subscriptions": newest(connection, limit)}

    @router.get("/subscriptions/{uuid}")
    def show(request: Request, uuid: str, last: Annotated[int, Query(ge=0, le=1000)] = 20) -> dict[str, Any]:
        """A subscription with its last notifications, the attempts to tell them, and what was done to it."""
        service.admit(request)
        with service.database.read() as connection:
            return _possible(lambda: details(connection, uuid, last))

    @router.post("/subscriptions/{uuid}/{action}")
    def act(request: Request, uuid: str, action: Literal["pause", "resume", "cancel", "again"]) -> dict[str, Any]:
        """Pause, resume or cancel a subscription, or queue again what was given up; the subscription then."""
        service.admit(request)
        by = By(
            f"the API at {'?' if request.client is None else request.client.host}", service.planner.outbox.clock.now()
        )
        with service.database.write() as connection:
            _possible(lambda: _act(connection, service, uuid, action, by))
            return details(connection, uuid)


def _act(connection: sa.Connection, service: Service, uuid: str, action: str, by: By) -> int:
    if action == "again":
        return again(connection, uuid, by)
    return set_status(connection, service.subscriptions, uuid, _STATUS[action], by)


def _possible(look: Callable[[], Told]) -> Told:
    """What a look or an act gives; `Problem` 404 when there is no such subscription, 409 when it is not possible."""
    try:
        return look()
    except UnknownSubscription as error:
        raise Problem(404, str(error)) from None
    except NotNow as error:
        raise Problem(409, str(error)) from None
