"""How the STAC API answers besides with what was asked: errors of one form, HEAD, and 304 for what a client has."""

import hashlib
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from stac_fastapi.types.errors import NotFoundError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s1pdgs.publication.answers import JsonAnswer
from s1pdgs.publication.errors import QueryError, SlowQueryError


class Heads:
    """Middleware that answers HEAD as GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self.app(scope, receive, send)

        async def headers_only(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        return await self.app({**scope, "method": "GET"}, receive, headers_only)


def revalidated(request: Request, content: Any, media_type: str) -> Response:
    """An answer with an ETag: 304 without a body to who has it already (RFC 9110, section 13.1.2)."""
    answer = JsonAnswer(content, media_type=media_type)
    etag = f'W/"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    answer.headers["ETag"] = etag
    had = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    return Response(status_code=304, headers={"ETag": etag}) if had & {etag, "*"} else answer


def tell_errors(app: FastAPI) -> None:
    """Answer every error with a code and a description."""
    for wrong in (QueryError, OverflowError, RequestValidationError, ValidationError):
        app.add_exception_handler(wrong, _bad_query)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(SlowQueryError, _too_slow)
    app.add_exception_handler(HTTPException, _refused)


def _bad_query(_: Request, error: Exception) -> JSONResponse:
    description = str(error)
    if isinstance(error, RequestValidationError | ValidationError):  # with its input, which may be no JSON
        description = "; ".join(f"{_where(one)}: {one['msg']}" for one in error.errors()[:5])
    return _told(400, "BadRequest", description)


def _where(fault: Any) -> str:
    return ".".join(str(step) for step in fault["loc"])[:100]


def _not_found(_: Request, error: Exception) -> JSONResponse:
    return _told(404, "NotFound", str(error))


def _too_slow(_: Request, error: Exception) -> JSONResponse:
    return _told(503, "QueryTimeout", str(error))


def _refused(request: Request, error: Any) -> JSONResponse:
    phrase, detail = HTTPStatus(error.status_code).phrase, error.detail
    if detail == phrase:  # of the router, which knows no more
        detail = f"{request.method} {request.url.path[:200]} is not served here"
    return _told(error.status_code, phrase.replace(" ", ""), detail, error.headers)


def _told(status: int, code: str, description: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"code": code, "description": description}, status, headers)
