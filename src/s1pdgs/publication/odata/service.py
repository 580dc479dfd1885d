"""An OData service: its document, its `$metadata`, the entity sets that make it up, and a precise 404 for the rest."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

from attrs import frozen
from fastapi import APIRouter, HTTPException, Request
from fastapi.params import Depends
from fastapi.responses import Response

from s1pdgs.publication.errors import UnknownProductError
from s1pdgs.publication.odata.route import VERSION, Addition, ODataRoute, reply

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


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

        def add(path: str, endpoint: Callable[..., Any], method: str = "GET") -> None:
            routes.add_api_route(path, endpoint, methods=[method], response_model=None)
            if method == "GET":
                routes.add_api_route(path, endpoint, methods=["HEAD"], response_model=None, include_in_schema=False)

        add("", self.document)
        add("/", self.document)
        add("/$metadata", self.metadata)
        for part in self.parts:
            part.add(add)
        path = "/{path:path}"
        routes.add_api_route(path, self.unknown, methods=_METHODS, response_model=None, include_in_schema=False)
        return routes

    def document(self, request: Request) -> Response:
        """The service document."""
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in self._sets]
        return reply({"@odata.context": f"{root(request, self.base_url, self.prefix)}/$metadata", "value": sets})

    def metadata(self) -> Response:
        """The entity data model."""
        text = (files("s1pdgs.publication") / "data" / self.model).read_bytes()
        return Response(text, media_type="application/xml", headers=VERSION)

    def unknown(self, request: Request, path: str) -> Response:
        """Every other address below the service, and every other method."""
        if request.method not in {"GET", "HEAD"}:
            raise HTTPException(405, f"{request.method} {path} is not possible here", {"Allow": "GET, HEAD"})
        known = ", ".join(self._sets)
        raise UnknownProductError(f"there is no resource {path[:100]!r}; the service has $metadata and {known}")

    @property
    def _sets(self) -> list[str]:
        return [name for part in self.parts for name in part.sets]


def root(request: Request, base_url: str | None, prefix: str) -> str:
    """The address of a service as its users know it."""
    return f"{(base_url or str(request.base_url)).rstrip('/')}{prefix}"
