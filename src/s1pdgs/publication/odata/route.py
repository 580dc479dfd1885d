"""What all below `/odata/v1` has in common: routes whose errors are OData errors, and what others add to it."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from attrs import frozen
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError

from s1pdgs.publication.answers import JsonAnswer
from s1pdgs.publication.errors import (
    ConflictError,
    EvictedError,
    PublicationError,
    QueryError,
    SlowQueryError,
    UnknownProductError,
)
from s1pdgs.publication.limits import MAX_BODY_BYTES
from s1pdgs.publication.ranges import UnsatisfiableRange
from s1pdgs.storage.objects import MissingObject, StorageError

_log = structlog.get_logger(__name__)
VERSION = {"OData-Version": "4.0"}
_STATUS: dict[type[PublicationError], tuple[int, str]] = {
    QueryError: (400, "BadRequest"),
    UnknownProductError: (404, "NotFound"),
    EvictedError: (410, "Gone"),
    ConflictError: (409, "Conflict"),
    SlowQueryError: (503, "QueryTimeout"),
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AddRoute(Protocol):
    """Puts an endpoint at a path below the service root; one for GET answers HEAD too."""

    def __call__(self, path: str, endpoint: Callable[..., Any], method: str = "GET") -> None: ...


@frozen
class Addition:
    """What another part adds to the service: the names of its entity sets, and its routes.

    `$metadata` describes all of them, whether added or not (`data/prip.edmx`).
    """

    sets: Sequence[str]
    add: Callable[[AddRoute], None]


class ODataRoute(APIRoute):
    """A route whose errors are OData error objects."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handle(request)
            except PublicationError as error:
                status, code = _STATUS.get(type(error), (500, "InternalError"))
                return error_object(status, code, str(error))
            except StorageError as error:
                return _store_error(error)
            except UnsatisfiableRange as error:
                return error_object(416, "RangeNotSatisfiable", str(error), {"Content-Range": f"bytes */{error.size}"})
            except (RequestValidationError, ValidationError) as error:
                return error_object(400, "BadRequest", str(error.errors()[0].get("msg", error)))
            except HTTPException as error:
                code = HTTPStatus(error.status_code).phrase.replace(" ", "").replace("-", "")
                return error_object(error.status_code, code, str(error.detail), dict(error.headers or {}))

        return guarded


def _store_error(error: StorageError) -> JSONResponse:
    """What is wrong with the store is for operators, not for users."""
    if isinstance(error, MissingObject):
        return error_object(410, "Gone", str(error))
    _log.error("the store cannot be asked", reason=str(error))
    return error_object(503, "ServiceUnavailable", "the store cannot be reached now", {"Retry-After": "30"})


def error_object(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An OData error (OData JSON format 4.01, section 21.1)."""
    return JSONResponse({"error": {"code": code, "message": message}}, status, {**VERSION, **(headers or {})})


def bare(key: str) -> str:
    """A key with or without quotes."""
    return key.strip("'")


async def read_body(request: Request) -> bytes:
    """The body of a request; `QueryError` for one that is longer than a request may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise QueryError(f"the body is longer than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def reply(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer in OData's JSON."""
    return JsonAnswer(body, status, {**VERSION, **(headers or {})})
