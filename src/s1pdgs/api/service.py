"""The operators' API on an application, below `/api/v1`: routers of things, and errors as problem details (RFC 9457).

Everybody who reaches the server may look; acting asks for an operator, as on the console: the header `X-Operator-Key`,
or, where no key is configured, a client on this host.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import field, frozen
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from s1pdgs.access.guard import Guard, RefusedError
from s1pdgs.access.paths import names_nothing
from s1pdgs.bus.courier import Courier
from s1pdgs.publication.subscriptions.model import Limits
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore
from s1pdgs.triggers.orders import Planner

PREFIX = "/api/v1"
_TITLES = {400: "Bad request", 403: "Not allowed", 404: "Not found", 409: "Not now"}


class Problem(Exception):  # noqa: N818
    """An answer that is no success; `detail` is a sentence that names the field and the remedy."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@frozen
class Service:
    """What the routers work with; `work_root` is where attempts at jobs are made, when this host can see it, `courier`
    tells where notices of wishes may go, `subscriptions` bounds these.
    """

    database: Database
    store: ObjectStore
    planner: Planner
    guard: Guard
    work_root: Path | None = None
    courier: Courier = field(factory=Courier)
    subscriptions: Limits = field(factory=Limits)

    def admit(self, request: Request) -> None:
        """Pass a request that acts; `Problem` 403 with the reason."""
        try:
            self.guard.admit_program(request)
        except RefusedError as error:
            raise Problem(403, str(error)) from None


def mount(app: FastAPI, service: Service, additions: Iterable[Callable[[APIRouter, Service], None]]) -> None:
    """Put the API on an application; each addition adds the routes of one kind of thing."""
    router = APIRouter(prefix=PREFIX, route_class=_ProblemRoute)
    for add in additions:
        add(router, service)
    app.include_router(router)


class _ProblemRoute(APIRoute):
    """A route whose errors are problem details."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if names_nothing(request.path_params):
                return problem_response(404, "there is nothing of such a name or number")
            try:
                return await handle(request)
            except Problem as problem:
                return problem_response(problem.status, problem.detail)
            except RequestValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                return problem_response(400, f"{where}: {first['msg']}")

        return guarded


def problem_response(status: int, detail: str) -> JSONResponse:
    """Problem details (RFC 9457)."""
    content = {"title": _TITLES.get(status, "Error"), "status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")
