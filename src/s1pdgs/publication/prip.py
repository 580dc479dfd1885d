"""The PRIP: published products over OData for machines (ESA-EOPG-EOPGC-IF-3; reply shape of peers.md, section 3.2)."""

from collections.abc import Sequence
from typing import Annotated, Any

from attrs import frozen
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, Field

from s1pdgs.publication.columns import ARCHIVE_SUFFIX, CONTENT_TYPE
from s1pdgs.publication.download import Download, respond
from s1pdgs.publication.errors import EvictedError, UnknownProductError
from s1pdgs.publication.limits import bounded
from s1pdgs.publication.lta.telling import why_gone
from s1pdgs.publication.manifest import files_of, manifest, manifest_text
from s1pdgs.publication.odata.belongings import Read, add_belonging, add_properties
from s1pdgs.publication.odata.entity import CONTEXT, belonging_to, entity
from s1pdgs.publication.odata.options import MAX_TOP, NAVIGATIONS, Options, next_link, read_options
from s1pdgs.publication.odata.route import VERSION, Addition, AddRoute, bare, reply
from s1pdgs.publication.odata.service import ODataService, root
from s1pdgs.publication.predicate import checked_text
from s1pdgs.publication.search import Published, count, find, find_many, search
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

PREFIX = "/odata/v1"


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

    def products(self, request: Request) -> Response:
        """A page of products."""
        options = read_options(request.query_params.multi_items())
        with bounded(self.database) as connection:
            page = search(
                connection,
                options.predicate,
                options.order,
                limit=options.top,
                skip=options.skip,
                after=options.after,
                count_to=None if options.count else 0,
            )
        body: dict[str, Any] = {"@odata.context": f"{CONTEXT}{options.selected}"}
        if page.matched is not None:
            body["@odata.count"] = page.matched
        body["value"] = [entity(product, options, self._root(request)) for product in page.products]
        if page.after is not None:
            address = f"{self._root(request)}/Products"
            body["@odata.nextLink"] = next_link(address, options, len(page.products), page.after)
        return reply(body)

    def count(self, request: Request) -> Response:
        """How many products a filter selects, as plain text."""
        options = read_options(request.query_params.multi_items(), ["$filter", "$format"])
        with bounded(self.database) as connection:
            return PlainTextResponse(str(count(connection, options.predicate)), headers=VERSION)

    def product(self, request: Request, key: str) -> Response:
        """One product."""
        options = read_options(request.query_params.multi_items(), ["$expand", "$select", "$format"])
        context = f"{CONTEXT}{options.selected}/$entity"
        return reply({"@odata.context": context, **entity(self._found(key), options, self._root(request))})

    def manifest(self, request: Request, key: str) -> Response:
        """Every file of a product with its checksums: JSON, or what `sha256sum --check` reads for `text/plain`."""
        found = self._found(key)
        with bounded(self.database) as connection:
            files = files_of(connection, found)
        if "text/plain" in request.headers.get("accept", ""):
            return PlainTextResponse(manifest_text(found, files), headers=VERSION)
        return reply(manifest(found, files))

    def value(self, request: Request, key: str) -> Response:
        """The zip of a product."""
        found = self._online(request, key)
        return respond(
            request,
            self.store,
            Download(found.location, found.archive_name, CONTENT_TYPE, found.published_at, found.sha256, found.md5),
        )

    def quicklook(self, request: Request, key: str, image: str) -> Response:
        """The image of a quicklook."""
        found = self._found(key)
        name = bare(image, "Image")
        if found.quicklook is None or name != found.quicklook_name:
            raise UnknownProductError(f"product {found.archive_name} has no quicklook {name[:100]!r}")
        return respond(
            request, self.store, Download(found.quicklook, found.quicklook_name, "image/png", found.published_at)
        )

    async def filter_list(self, request: Request) -> Response:
        """The products of a list of names or identifiers; those that are not published are left out."""
        options = read_options(request.query_params.multi_items(), ["$expand", "$select", "$format"])
        wanted = FilterList.model_validate_json(await request.body()).FilterProducts
        names = [checked_text(one.Name) for one in wanted if one.Name is not None]
        uuids = [checked_text(one.Id.lower()) for one in wanted if one.Id is not None]
        found = await run_in_threadpool(self._listed, uuids, [name.removesuffix(ARCHIVE_SUFFIX) for name in names])
        context = f"../{CONTEXT}{options.selected}"
        listed = [entity(product, options, self._root(request)) for product in found]
        return reply({"@odata.context": context, "value": listed})

    def _listed(self, uuids: list[str], names: list[str]) -> list[Published]:
        with bounded(self.database) as connection:
            return find_many(connection, uuids, names)

    def _found(self, key: str) -> Published:
        with bounded(self.database) as connection:
            found = find(connection, checked_text(bare(key).lower()))
        if found is None:
            raise UnknownProductError(f"there is no published product with Id {bare(key)[:100]!r}")
        return found

    def _reader(self, name: str) -> Read:
        return lambda request, key: belonging_to(self._found(key), name, self._root(request))

    def _root(self, request: Request) -> str:
        return root(request, self.base_url, PREFIX)

    def _online(self, request: Request, key: str) -> Published:
        found = self._found(key)
        if found.evicted_at is None:
            return found
        with bounded(self.database) as connection:
            raise EvictedError(why_gone(connection, found, self._root(request)))

    def add(self, add: AddRoute) -> None:
        """Put the products on a service."""
        add("/Products", self.products)
        add("/Products/$count", self.count)
        add("/Products/OData.CSC.FilterList", self.filter_list, "POST")
        add("/Products({key})", self.product)
        for name, belonging in NAVIGATIONS.items():
            add_belonging(add, "Products", name, belonging, self._reader(name))
        add("/Products({key})/Manifest", self.manifest)
        add("/Products({key})/$value", self.value)
        add("/Products({key})/Quicklooks({image})/$value", self.quicklook)
        add_properties(add, "Products", lambda _, key: entity(self._found(key), Options({})))


def router(service: Prip, access: Sequence[Depends] = (), additions: Sequence[Addition] = ()) -> APIRouter:
    """The routes of the service and of what is added to it; every request has to pass `access`."""
    parts = [Addition(["Products"], service.add), *additions]
    return ODataService(PREFIX, "prip.edmx", parts, service.base_url).router(access)
