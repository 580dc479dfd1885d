"""OGC API Processes 1.0 (OGC 18-062r2) over the same orders, below `/ogc`: core, job list, dismiss and callback.

Jobs run asynchronously; a job whose product exists is successful at once. Errors are problem details (RFC 7807).
Everybody who reaches the server may look; executing and dismissing ask for an operator.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import sqlalchemy as sa
from attrs import frozen
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from s1pdgs.access.guard import Guard, RefusedError
from s1pdgs.publication.errors import ConflictError, QueryError, UnknownProductError
from s1pdgs.publication.on_demand import descriptions, jobs
from s1pdgs.publication.on_demand.asked import read
from s1pdgs.publication.on_demand.documents import link, results_of, status_info
from s1pdgs.publication.on_demand.execution import Execute
from s1pdgs.publication.on_demand.fates import OPEN, Status
from s1pdgs.publication.on_demand.jobs import Asked
from s1pdgs.publication.on_demand.odata import repeatable_of
from s1pdgs.publication.on_demand.orders import Desk, cancel, find_order, place
from s1pdgs.publication.on_demand.workflows import PRODUCT_ORDER, Workflow
from s1pdgs.publication.predicate import checked_text
from s1pdgs.storage.database import Database

PREFIX = "/ogc"
_EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
_URI = {"type": "string", "format": "uri"}
_EXECUTE = {
    "type": "object",
    "properties": {
        "inputs": {"type": "object", "additionalProperties": True},
        "outputs": {"type": "object", "additionalProperties": {"type": "object"}},
        "response": {"enum": ["raw", "document"]},
        "subscriber": {
            "type": "object",
            "properties": {"successUri": _URI, "inProgressUri": _URI, "failedUri": _URI},
        },
    },
}


class ProcessProblem(Exception):  # noqa: N818
    """An answer that is no success; `kind` is the name of one of OGC's exceptions."""

    def __init__(self, status: int, kind: str | None, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


class Page(BaseModel):
    """A page of the list of processes."""

    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=1_000_000)


@frozen
class ProcessDoor:
    """The processes behind HTTP."""

    desk: Desk
    database: Database
    guard: Guard
    base_url: str | None = None

    def landing(self, request: Request) -> Response:
        """The landing page."""
        base = self._base(request)
        return JSONResponse(descriptions.landing(base, base.removesuffix(PREFIX)))

    def conformance(self) -> Response:
        """The conformance classes."""
        return JSONResponse({"conformsTo": descriptions.CONFORMANCE})

    def processes(self, request: Request, page: Annotated[Page, Query()]) -> Response:
        """The processes."""
        base, whole = self._base(request), self._workflows()
        shown = whole[page.offset : page.offset + page.limit]
        links = [link(f"{base}/processes", "self", "this document")]
        if page.offset + page.limit < len(whole):
            after = f"{base}/processes?limit={page.limit}&offset={page.offset + page.limit}"
            links.append(link(after, "next", "the next processes"))
        return JSONResponse({"processes": [descriptions.summary(one, base) for one in shown], "links": links})

    def process(self, request: Request, process: str) -> Response:
        """A process."""
        return JSONResponse(descriptions.description(self._workflow(process), self._base(request)))

    async def execute(self, request: Request, process: str) -> Response:
        """Order a process: 201 with the job and its address."""
        self._admit(request)
        workflow, body, base = self._workflow(process), await request.body(), self._base(request)
        wanted = read(Execute, body).demand(workflow, base)
        repeatable = repeatable_of(request, body)

        def order() -> Response:
            with self.database.write() as connection:
                told = status_info(place(self.desk, connection, wanted, repeatable), base)
            headers = {"Location": f"{base}/jobs/{told['jobID']}"}
            if "respond-async" in request.headers.get("prefer", ""):
                headers["Preference-Applied"] = "respond-async"
            return JSONResponse(told, 201, headers)

        try:
            return await run_in_threadpool(order)
        except UnknownProductError as error:
            raise QueryError(f"inputs: {error}") from None

    def jobs(self, request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """The jobs, newest first."""
        base = self._base(request)
        with self.database.read() as connection:
            found, after = jobs.page(connection, asked, self.desk.clock.now())
            told = [status_info(row, base) for row in found]
        here = request.url
        links = [link(f"{base}/jobs{'?' if here.query else ''}{here.query}", "self", "this document")]
        if after is not None:
            links.append(link(f"{base}/jobs?{here.include_query_params(before=after).query}", "next", "older jobs"))
        return JSONResponse({"jobs": told, "links": links})

    def job(self, request: Request, job: str) -> Response:
        """A job."""
        with self.database.read() as connection:
            return JSONResponse(status_info(_job(connection, job), self._base(request)))

    def dismiss(self, request: Request, job: str) -> Response:
        """Give a job up; 409 when it has ended."""
        self._admit(request)
        with self.database.write() as connection:
            row = cancel(self.desk.planner, connection, _job(connection, job))
            return JSONResponse(status_info(row, self._base(request)))

    def results(self, request: Request, job: str) -> Response:
        """The links to what a job made: as a document, or in the header where the job was executed for `raw`."""
        with self.database.read() as connection:
            row = _done(connection, job)
            found = results_of(connection, row, self._base(request))
        if not row.told["raw"]:
            return JSONResponse(found)
        links = found["product"] if isinstance(found["product"], list) else [found["product"]]
        header = ", ".join(f'<{one["href"]}>; rel="item"; type="{one["type"]}"' for one in links)
        return Response(status_code=204, headers={"Link": header})

    def _workflows(self) -> tuple[Workflow, ...]:
        return (*self.desk.workflows, PRODUCT_ORDER)

    def _workflow(self, name: str) -> Workflow:
        found = next((workflow for workflow in self._workflows() if workflow.name == name), None)
        if found is None:
            detail = f"there is no process {name[:100]!r}; {PREFIX}/processes lists those that there are"
            raise ProcessProblem(404, "no-such-process", detail)
        return found

    def _base(self, request: Request) -> str:
        return f"{(self.base_url or str(request.base_url)).rstrip('/')}{PREFIX}"

    def _admit(self, request: Request) -> None:
        try:
            self.guard.admit_program(request)
        except RefusedError as error:
            raise ProcessProblem(403, None, str(error)) from None


def _job(connection: sa.Connection, job: str) -> sa.Row[Any]:
    try:
        return find_order(connection, checked_text(job))
    except UnknownProductError as error:
        raise ProcessProblem(404, "no-such-job", str(error)) from None


def _done(connection: sa.Connection, job: str) -> sa.Row[Any]:
    """A job whose results are there."""
    row = _job(connection, job)
    if row.status in OPEN:
        raise ProcessProblem(
            404, "result-not-ready", f"job {job} is {row.status}; ask for its results when it has ended"
        )
    if row.status != Status.COMPLETED:
        raise ProcessProblem(410, None, f"job {job} has no results: it is {row.status}, {row.message}")
    return row


def mount(app: FastAPI, door: ProcessDoor) -> None:
    """Put the processes on an application."""
    router = APIRouter(prefix=PREFIX, route_class=_ProblemRoute, tags=["OGC API Processes"])
    reads: tuple[tuple[str, Callable[..., Response]], ...] = (
        ("", door.landing),
        ("/", door.landing),
        ("/conformance", door.conformance),
        ("/processes", door.processes),
        ("/processes/{process}", door.process),
        ("/jobs", door.jobs),
        ("/jobs/{job}", door.job),
        ("/jobs/{job}/results", door.results),
    )
    for path, endpoint in reads:
        router.add_api_route(path, endpoint, methods=["GET"], response_model=None)
        router.add_api_route(path, endpoint, methods=["HEAD"], response_model=None, include_in_schema=False)
    router.add_api_route(
        "/processes/{process}/execution", door.execute, methods=["POST"], response_model=None, status_code=201,
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _EXECUTE}}}},
    )  # fmt: skip
    router.add_api_route("/jobs/{job}", door.dismiss, methods=["DELETE"], response_model=None)
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    router.add_api_route("/{path:path}", _unknown, methods=every, response_model=None, include_in_schema=False)
    app.include_router(router)


def _unknown(request: Request, path: str) -> Response:
    if request.method in {"GET", "HEAD"}:
        raise ProcessProblem(
            404, None, f"there is no resource {path[:100]!r}; {PREFIX} has links to those that there are"
        )
    raise ProcessProblem(405, None, f"{request.method} {path[:100]!r} is not possible here")


class _ProblemRoute(APIRoute):
    """A route whose errors are problem details."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except ProcessProblem as problem:
                return _problem(problem.status, problem.detail, problem.kind)
            except ConflictError as error:
                return _problem(409, str(error))
            except QueryError as error:
                return _problem(400, str(error))
            except RequestValidationError as error:
                first = error.errors()[0]
                return _problem(400, f"{first['loc'][-1]}: {first['msg'].removeprefix('Value error, ')}")

        return guarded


def _problem(status: int, detail: str, kind: str | None = None) -> JSONResponse:
    """Problem details (RFC 7807)."""
    content = {
        "type": "about:blank" if kind is None else f"{_EXCEPTIONS}/{kind}",
        "title": HTTPStatus(status).phrase if kind is None else kind,
        "status": status,
        "detail": detail,
    }
    return JSONResponse(content, status, media_type="application/problem+json")
