"""The PRIP: published products over OData for machines (ESA-EOPG-EOPGC-IF-3; reply shape of peers.md, section 3.2)."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Annotated, Any

from attrs import frozen
from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, Field

from s1pdgs.publication.download import Download, respond
from s1pdgs.publication.errors import EvictedError, UnknownProductError
from s1pdgs.publication.odata.entity import CONTEXT, attributes, entity, quicklooks
from s1pdgs.publication.odata.options import MAX_TOP, next_link, read_options
from s1pdgs.publication.odata.route import VERSION, Addition, ODataRoute, bare, read_body, reply
from s1pdgs.publication.predicate import checked_text
from s1pdgs.publication.search import Published, count, find, find_many, search
from s1pdgs.publication.sql import ARCHIVE_SUFFIX, CONTENT_TYPE
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

PREFIX = "/odata/v1"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class ProductReference(BaseModel):
    """A product by its name or its identifier."""

    Name: str | None = None
    Id: str | None = None


class FilterList(BaseModel):
    """The body of `OData.CSC.FilterList`."""

    FilterProducts: Annotated[list[ProductReference], Field(max_length=MAX_TOP)]


@frozen
class Prip:
    """The service over a catalogue and the store that holds what was published.

    `base_url` is how users reach the service (`https://host`); None takes the address that a request came to.
    """

    database: Database
    store: ObjectStore
    base_url: str | None = None
    additions: Sequence[Addition] = ()

    def service(self, request: Request) -> Response:
        """The service document."""
        names = ["Products", *(name for addition in self.additions for name in addition.sets)]
        sets = [{"name": name, "kind": "EntitySet", "url": name} for name in names]
        return reply({"@odata.context": f"{self._root(request)}/$metadata", "value": sets})

    def metadata(self) -> Response:
        """The entity data model."""
        text = (files("s1pdgs.publication") / "data" / "prip.edmx").read_bytes()
        return Response(text, media_type="application/xml", headers=VERSION)

    def products(self, request: Request) -> Response:
        """A page of products."""
        options = read_options(request.query_params.multi_items())
        with self.database.read() as connection:
            total = count(connection, options.predicate) if options.count else None
            page = search(
                connection,
                options.predicate,
                options.order,
                limit=options.top,
                skip=options.skip,
                after=options.after,
            )
        body: dict[str, Any] = {"@odata.context": CONTEXT}
        if total is not None:
            body["@odata.count"] = total
        body["value"] = [entity(product, options) for product in page.products]
        if page.after is not None:
            address = f"{self._root(request)}/Products"
            body["@odata.nextLink"] = next_link(address, options, len(page.products), page.after)
        return reply(body)

    def count(self, request: Request) -> Response:
        """How many products a filter selects, as plain text."""
        options = read_options(request.query_params.multi_items(), ["$filter", "$format"])
        with self.database.read() as connection:
            return PlainTextResponse(str(count(connection, options.predicate)), headers=VERSION)

    def product(self, request: Request, key: str) -> Response:
        """One product."""
        options = read_options(request.query_params.multi_items(), ["$expand", "$select", "$format"])
        return reply({"@odata.context": f"{CONTEXT}/$entity", **entity(self._found(key), options)})

    def attributes(self, key: str) -> Response:
        """The attributes of a product."""
        return reply({"@odata.context": f"{CONTEXT}({bare(key)})/Attributes", "value": attributes(self._found(key))})

    def quicklooks(self, key: str) -> Response:
        """The quicklooks of a product."""
        return reply({"@odata.context": f"{CONTEXT}({bare(key)})/Quicklooks", "value": quicklooks(self._found(key))})

    def value(self, request: Request, key: str) -> Response:
        """The zip of a product."""
        found = self._online(key)
        return respond(
            request,
            self.store,
            Download(found.location, found.archive_name, CONTENT_TYPE, found.published_at, found.sha256, found.md5),
        )

    def quicklook(self, request: Request, key: str, image: str) -> Response:
        """The image of a quicklook."""
        found = self._online(key)
        if found.quicklook is None or bare(image) != found.quicklook_name:
            raise UnknownProductError(f"product {found.archive_name} has no quicklook {bare(image)!r}")
        return respond(
            request, self.store, Download(found.quicklook, found.quicklook_name, "image/png", found.published_at)
        )

    async def filter_list(self, request: Request) -> Response:
        """The products of a list of names or identifiers; those that are not published are left out."""
        options = read_options(request.query_params.multi_items(), ["$expand", "$select", "$format"])
        wanted = FilterList.model_validate_json(await read_body(request)).FilterProducts
        names = [checked_text(one.Name) for one in wanted if one.Name is not None]
        uuids = [checked_text(one.Id.lower()) for one in wanted if one.Id is not None]
        found = await run_in_threadpool(self._listed, uuids, [name.removesuffix(ARCHIVE_SUFFIX) for name in names])
        return reply({"@odata.context": CONTEXT, "value": [entity(product, options) for product in found]})

    def unknown(self, request: Request, path: str) -> Response:
        """Every other address below the service, and every other method."""
        if request.method not in {"GET", "HEAD"}:
            raise HTTPException(405, f"{request.method} {path} is not possible here", {"Allow": "GET, HEAD"})
        raise UnknownProductError(f"there is no resource {path[:100]!r}; the service has $metadata and Products")

    def _listed(self, uuids: list[str], names: list[str]) -> list[Published]:
        with self.database.read() as connection:
            return find_many(connection, uuids, names)

    def _found(self, key: str) -> Published:
        with self.database.read() as connection:
            found = find(connection, checked_text(bare(key).lower()))
        if found is None:
            raise UnknownProductError(f"there is no published product with Id {bare(key)!r}")
        return found

    def _online(self, key: str) -> Published:
        found = self._found(key)
        if found.evicted_at is not None:
            raise EvictedError(f"{found.archive_name} was evicted on {found.evicted_at.isoformat()}")
        return found

    def _root(self, request: Request) -> str:
        return f"{(self.base_url or str(request.base_url)).rstrip('/')}{PREFIX}"


def router(service: Prip, access: Sequence[Depends] = ()) -> APIRouter:
    """The routes of the service; `access` are the dependencies that every request has to pass."""
    routes = APIRouter(prefix=PREFIX, route_class=ODataRoute, dependencies=list(access), tags=["PRIP"])

    def add(path: str, endpoint: Callable[..., Any], method: str = "GET") -> None:
        routes.add_api_route(path, endpoint, methods=[method], response_model=None)
        if method == "GET":
            routes.add_api_route(path, endpoint, methods=["HEAD"], response_model=None, include_in_schema=False)

    add("", service.service)
    add("/", service.service)
    add("/$metadata", service.metadata)
    add("/Products", service.products)
    add("/Products/$count", service.count)
    add("/Products/OData.CSC.FilterList", service.filter_list, "POST")
    add("/Products({key})", service.product)
    add("/Products({key})/Attributes", service.attributes)
    add("/Products({key})/Quicklooks", service.quicklooks)
    add("/Products({key})/$value", service.value)
    add("/Products({key})/Quicklooks({image})/$value", service.quicklook)
    for addition in service.additions:
        addition.add(add)
    routes.add_api_route(
        "/{path:path}", service.unknown, methods=_METHODS, response_model=None, include_in_schema=False
    )
    return routes
