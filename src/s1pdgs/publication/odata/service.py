"""An OData service: its document, its `$metadata`, the entity sets that make it up, and a precise 404 for the rest."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from attrs import frozen
from fastapi import APIRouter, HTTPException, Request
from fastapi.params import Depends
from fastapi.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from s1pdgs.publication.errors import QueryError, UnknownProductError, UnservedError
from s1pdgs.publication.odata.route import VERSION, Addition, ODataRoute, reply

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
_UNSERVED = ("$batch", "$entity", "$all", "$crossjoin", "$query", "$ref", "$filter", "$each")
"""Resources of the protocol that are not here, by the beginning of their segment of the path."""


@frozen
class ODataService:
    """A service at `prefix`, described by `data/<model>`.

    `base_url` is how users reach it (`https://host`); None takes the address that a request came to.
    """

    prefix: str
    model: str
    parts: Sequence[Addition]
    base_url: str | None = None

    def router(self, access: Sequence[Depends] = ()) -> APIRouter:
        """The routes of the service; `access` are the dependencies that every request has to pass."""
        routes = APIRouter(prefix=self.prefix, route_class=ODataRoute, dependencies=list(access), tags=["OData"])
        lasts: list[Callable[[], None]] = []

        def put(path: str, endpoint: Callable[..., Any], method: str, *, told: bool) -> None:
            routes.add_api_route(path, endpoint, methods=[method], response_model=None, include_in_schema=told)
            if method == "GET":
                routes.routes.append(_heading(routes.routes[-1]))

        def add(path: str, endpoint: Callable[..., Any], method: str = "GET", *, last: bool = False) -> None:
            if last:
                lasts.append(partial(put, path, endpoint, method, told=False))
            else:
                put(path, endpoint, method, told=True)

        add("", self.document)
        add("/", self.document)
        add("/$metadata", self.metadata)
        for part in self.parts:
            part.add(add)
        for put_last in lasts:
            put_last()
        known = [route for route in routes.routes if isinstance(route, Route)]

        def otherwise(request: Request, path: str) -> Response:
            """Every other address below the service, and every other method."""
            return self._otherwise(request, path, known)

        path = "/{path:path}"
        routes.add_api_route(path, otherwise, methods=_METHODS, response_model=None, include_in_schema=False)
        return routes

    def document(self, request: Request) -> Response:
        """The service document."""
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in self._sets]
        return reply({"@odata.context": f"{root(request, self.base_url, self.prefix)}/$metadata", "value": sets})

    def metadata(self, request: Request) -> Response:
        """The entity data model."""
        form = request.query_params.get("$format", "xml")
        if form not in {"xml", "application/xml"}:
            raise QueryError(f"$format is {form[:40]!r}; $metadata is served as xml")
        text = (files("s1pdgs.publication") / "data" / self.model).read_bytes()
        return Response(text, media_type="application/xml", headers=VERSION)

    def _otherwise(self, request: Request, path: str, known: Sequence[Route]) -> Response:
        if path.endswith("/") and list(_methods(known, {**request.scope, "path": request.scope["path"].rstrip("/")})):
            query = f"?{request.url.query}" if request.url.query else ""
            address = f"{root(request, self.base_url, self.prefix)}/{quote(path.rstrip('/'), safe='/$()=,')}{query}"
            return RedirectResponse(address, 308)
        methods = ", ".join(dict.fromkeys(_methods(known, request.scope)))
        if methods and request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": methods})
        if methods:
            raise HTTPException(405, f"{request.method} {path[:100]} is not possible here", {"Allow": methods})
        for segment in path.split("/"):
            if segment.startswith(_UNSERVED):
                raise UnservedError(f"{segment[:100]} is not served here; $metadata tells what is")
        raise UnknownProductError(
            f"there is no resource {path[:100]!r}; the service has $metadata and {', '.join(self._sets)}"
        )

    @property
    def _sets(self) -> list[str]:
        return [name for part in self.parts for name in part.sets]


def _heading(route: BaseRoute) -> BaseRoute:
    """The route that answers HEAD as another answers GET: to make one anew takes milliseconds, and there are dozens."""
    heading = copy(route)
    vars(heading).update(methods={"HEAD"}, include_in_schema=False)
    return heading


def _methods(known: Sequence[Route], scope: Scope) -> Iterator[str]:
    """The methods of the routes that an address has."""
    for route in known:
        if route.matches(scope)[0] is not Match.NONE:
            yield from sorted(route.methods or ())


def root(request: Request, base_url: str | None, prefix: str) -> str:
    """The address of a service as its users know it."""
    return f"{(base_url or str(request.base_url)).rstrip('/')}{prefix}"
