"""What all below `/odata/v1` has in common: routes whose errors are OData errors, and what others add to it."""

import re
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
import structlog
from attrs import frozen
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from s1pdgs.publication.answers import JsonAnswer
from s1pdgs.publication.errors import (
    ConflictError,
    EvictedError,
    PublicationError,
    QueryError,
    SlowQueryError,
    UnknownProductError,
    UnservedError,
)
from s1pdgs.publication.ranges import UnsatisfiableRange
from s1pdgs.storage.objects import MissingObject, StorageError

_log = structlog.get_logger(__name__)
VERSION = {"OData-Version": "4.0"}
_STATUS: dict[type[PublicationError], tuple[int, str]] = {
    QueryError: (400, "BadRequest"),
    UnservedError: (501, "NotImplemented"),
    UnknownProductError: (404, "NotFound"),
    EvictedError: (410, "Gone"),
    ConflictError: (409, "Conflict"),
    SlowQueryError: (503, "QueryTimeout"),
}
_LEVEL = re.compile(r"\bmetadata=(none|minimal|full)")
_KEPT = ("@odata.count", "@odata.nextLink")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AddRoute(Protocol):
    """Puts an endpoint at a path below the service root; one for GET answers HEAD too. One that is `last` answers where
    none of any part does, and is not in the OpenAPI document.
    """

    def __call__(self, path: str, endpoint: Callable[..., Any], method: str = "GET", *, last: bool = False) -> None: ...


@frozen
class Addition:
    """What another part adds to the service: the names of its entity sets, and its routes.

    `$metadata` describes all of them, whether added or not (`data/prip.edmx`).
    """

    sets: Sequence[str]
    add: Callable[[AddRoute], None]


class ODataRoute(APIRoute):
    """A route whose errors are OData error objects, and whose answers tell their version and how much they annotate."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                answer = await handle(request)
                answer.headers.setdefault("OData-Version", VERSION["OData-Version"])
                return _annotated(request, answer) if isinstance(answer, JsonAnswer) else answer
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


def _annotated(request: Request, answer: JsonAnswer) -> JsonAnswer:
    """An answer with the control information that was asked for (OData JSON format 4.01, section 3.1): none of what the
    model tells, or what is needed besides the model, which also who asks for all is told to get.
    """
    asked = _LEVEL.search(f"{request.query_params.get('$format', '')} {request.headers.get('accept', '')}")
    if asked is None:
        return answer
    level = "none" if asked[1] == "none" else "minimal"
    answer.headers["Content-Type"] = f"{answer.media_type};odata.metadata={level}"
    if level == "none":
        answer.body = answer.render(_plain(msgspec.json.decode(answer.body)))
        answer.headers["Content-Length"] = str(len(answer.body))
    return answer


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(part) for name, part in value.items() if "@odata." not in name or name.endswith(_KEPT)}
        case list():
            return [_plain(part) for part in value]
        case _:
            return value


def _store_error(error: StorageError) -> JSONResponse:
    """What is wrong with the store is for operators, not for users."""
    if isinstance(error, MissingObject):
        return error_object(410, "Gone", str(error))
    _log.error("the store cannot be asked", reason=str(error))
    return error_object(503, "ServiceUnavailable", "the store cannot be reached now", {"Retry-After": "30"})


def error_object(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An OData error (OData JSON format 4.01, section 21.1)."""
    return JSONResponse({"error": {"code": code, "message": message}}, status, {**VERSION, **(headers or {})})


def bare(key: str, name: str = "Id") -> str:
    """The value of a key: with or without quotes, and with or without the name of its property."""
    text = key.removeprefix(f"{name}=")
    is_quoted = len(text) > 1 and text[0] == text[-1] == "'"
    return text[1:-1].replace("''", "'") if is_quoted else text


def reply(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer in OData's JSON."""
    return JsonAnswer(body, status, {**VERSION, **(headers or {})})
