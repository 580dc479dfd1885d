"""The STAC API 1.0 with items of STAC 1.1: published products for people's tools, by the same queries as the PRIP."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import attr
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.params import Depends
from fastapi.responses import JSONResponse
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.errors import DEFAULT_STATUS_CODES
from stac_fastapi.api.models import ItemCollectionUri, create_get_request_model, create_post_request_model
from stac_fastapi.extensions import FieldsExtension, FilterExtension, QueryExtension, TokenPaginationExtension
from stac_fastapi.extensions.fields import FieldsConformanceClasses
from stac_fastapi.extensions.fields.request import FieldsExtensionGetRequest
from stac_fastapi.extensions.filter import FilterConformanceClasses
from stac_fastapi.extensions.filter.client import BaseFiltersClient
from stac_fastapi.extensions.filter.request import FilterExtensionGetRequest
from stac_fastapi.extensions.pagination.request import GETTokenPagination
from stac_fastapi.extensions.query import QueryConformanceClasses
from stac_fastapi.extensions.query.request import QueryExtensionGetRequest
from stac_fastapi.extensions.sort import BaseSortablesClient, SearchSortExtension, SortConformanceClasses
from stac_fastapi.extensions.sort.request import SortExtensionGetRequest
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.errors import NotFoundError
from starlette.middleware import Middleware
from starlette.requests import Request

from s1pdgs.publication.answers import JsonAnswer
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.holdings import spans, types
from s1pdgs.publication.limits import bounded
from s1pdgs.publication.predicate import KINDS, Kind, checked_text
from s1pdgs.publication.search import Page, Published, find_name, search
from s1pdgs.publication.stac_answers import Heads, revalidated, tell_errors
from s1pdgs.publication.stac_filter import QUERYABLES, SORTABLES
from s1pdgs.publication.stac_items import STAC_VERSION, collection, item
from s1pdgs.publication.stac_lists import CHANNELS, LISTS
from s1pdgs.publication.stac_request import (
    Asked,
    Fields,
    FilterBody,
    SearchBody,
    filter_parameter,
    json_parameter,
    sort_terms,
)
from s1pdgs.storage.database import Database

MAX_LIMIT = 1000
MAX_COUNTED = 10_000
"""More items than these are not counted one by one: a search that finds more has no `numberMatched`."""
_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_SORT = (
    "https://api.stacspec.org/v1.0.0/item-search#sort",  # the class by which pystac-client knows it
    "https://api.stacspec.org/v1.0.0/ogcapi-features#sort",
    SortConformanceClasses.FEATURES_SORT,
)
_JSON_TYPES: dict[Kind, dict[str, str]] = {
    Kind.STRING: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.DOUBLE: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.TIME: {"type": "string", "format": "date-time"},
}


@attr.s
class Client(BaseCoreClient):
    """The answers of the STAC API; `base_url` as for `service.mount`."""

    database: Database = attr.ib(kw_only=True)
    base_url: str | None = attr.ib(default=None, kw_only=True)

    def landing_page(self, **kwargs: Any) -> Any:
        """The way in, with a link to each collection."""
        request: Request = kwargs["request"]
        root = self._root(request)
        page: Any = self._landing_page(f"{root}/", self.conformance_classes(), [])
        page["links"] += [
            {"rel": "http://www.opengis.net/def/rel/ogc/1.0/queryables", "type": "application/schema+json",
             "title": "Queryables", "href": f"{root}/queryables"},
            {"rel": "http://www.opengis.net/def/rel/ogc/1.0/sortables", "type": "application/schema+json",
             "title": "Sortables", "href": f"{root}/sortables"},
            {"rel": "service-desc", "type": "application/vnd.oai.openapi+json;version=3.0", "href": f"{root}/api"},
            {"rel": "service-doc", "type": "text/html", "href": f"{root}/api.html"},
        ]  # fmt: skip
        with bounded(self.database) as connection:
            page["links"] += [
                {"rel": "child", "type": "application/json", "title": kind, "href": f"{root}/collections/{kind}"}
                for kind in types(connection)
            ]
        return page

    def all_collections(self, **kwargs: Any) -> Any:
        """Every type of which something is published."""
        root = self._root(kwargs["request"])
        with bounded(self.database) as connection:
            found = [collection(span, root) for span in spans(connection)]
        links = [
            {"rel": "self", "type": "application/json", "href": f"{root}/collections"},
            {"rel": "root", "type": "application/json", "href": f"{root}/"},
            {"rel": "parent", "type": "application/json", "href": f"{root}/"},
        ]
        return {"collections": found, "links": links, "numberMatched": len(found), "numberReturned": len(found)}

    def get_collection(self, collection_id: str, **kwargs: Any) -> Any:
        """One type."""
        with bounded(self.database) as connection:
            found = spans(connection, checked_text(collection_id))
        if not found:
            raise NotFoundError(f"there is no collection {collection_id!r} with published products")
        request = kwargs["request"]
        return revalidated(request, collection(found[0], self._root(request)), "application/json")

    def check_collection(self, collection_id: str) -> None:
        """`NotFoundError` when nothing is published of a type."""
        with bounded(self.database) as connection:
            if collection_id not in types(connection):
                raise NotFoundError(f"there is no collection {collection_id!r} with published products")

    def get_item(self, item_id: str, collection_id: str, **kwargs: Any) -> Any:
        """One product."""
        with bounded(self.database) as connection:
            found = find_name(connection, checked_text(item_id))
        if found is None or found.type != collection_id:
            raise NotFoundError(f"there is no item {item_id!r} in collection {collection_id!r}")
        request = kwargs["request"]
        return revalidated(request, item(found, self._site(request), self._root(request)), "application/geo+json")

    def item_collection(
        self,
        collection_id: str,
        bbox: Any = None,
        datetime: str | None = None,
        limit: int | None = 10,
        token: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The products of a type."""
        request: Request = kwargs["request"]
        self.check_collection(collection_id)
        asked = Asked(
            [collection_id], bbox=bbox, datetime=datetime, limit=limit or 10, token=token, **_extensions(kwargs)
        )
        found = self._search(asked, request)
        address = f"{self._root(request)}/collections/{collection_id}"
        found["links"] += [
            {"rel": "self", "type": "application/geo+json", "href": f"{address}/items"},
            {"rel": "collection", "type": "application/json", "href": address},
            {"rel": "parent", "type": "application/json", "href": address},
        ]
        return _geojson(found)

    def get_search(  # noqa: PLR0917  the framework's signature
        self,
        collections: list[str] | None = None,
        ids: list[str] | None = None,
        bbox: Any = None,
        intersects: Any = None,
        datetime: str | None = None,
        limit: int | None = 10,
        **kwargs: Any,
    ) -> Any:
        """Search by query string."""
        asked = Asked(
            collections, ids, bbox, json_parameter("intersects", intersects), datetime, limit=limit or 10,
            token=kwargs.get("token"), **_extensions(kwargs),
        )  # fmt: skip
        return _geojson(self._search(asked, kwargs["request"]))

    def post_search(self, search_request: Any, **kwargs: Any) -> Any:
        """Search by body."""
        asked = Asked(
            search_request.collections, search_request.ids, search_request.bbox,
            search_request.intersects, search_request.datetime,
            filter=filter_parameter(search_request.filter_expr, search_request.filter_lang, search_request.filter_crs),
            query=search_request.query,
            sortby=[(term.field, term.direction == "desc") for term in search_request.sortby or ()],
            fields=_fields(search_request), limit=search_request.limit or 10, token=search_request.token,
        )  # fmt: skip
        body = search_request.model_dump(mode="json", exclude_none=True, exclude_unset=True, by_alias=True)
        return _geojson(self._search(asked, kwargs["request"], body))

    def _search(self, asked: Asked, request: Request, body: dict[str, Any] | None = None) -> dict[str, Any]:
        predicate, limit = asked.predicate(), min(asked.limit, MAX_LIMIT)
        with bounded(self.database) as connection:
            counted = MAX_COUNTED if asked.token is None else 0  # the first page tells; the others need not count again
            page = search(connection, predicate, asked.order(), limit=limit, after=asked.token, count_to=counted)
        site, root = self._site(request), self._root(request)
        found: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [self._shown(product, asked, site, root) for product in page.products],
            "links": [{"rel": "root", "type": "application/json", "href": f"{root}/"}],
            "numberReturned": len(page.products),
        }
        if page.matched is not None:
            found["numberMatched"] = page.matched
        if page.after is not None:
            found["links"].append(_next_link(request, root, page, body))
        return found

    @staticmethod
    def _shown(product: Published, asked: Asked, site: str, root: str) -> dict[str, Any]:
        found = item(product, site, root)
        return found if asked.fields is None else asked.fields.of(found)

    def _site(self, request: Request) -> str:
        """The address of the application that the STAC API is mounted on."""
        if self.base_url is not None:
            return self.base_url.rstrip("/")
        return str(request.base_url).rstrip("/")

    def _root(self, request: Request) -> str:
        return self._site(request) + _mounted_at(request)


@attr.s
class Filters(FilterExtension):
    """Filters in both languages by both methods."""

    POST = FilterBody


@attr.s
class Queryables(BaseFiltersClient):
    """What CQL2 filters may name."""

    core: Client = attr.ib(kw_only=True)

    def get_queryables(self, collection_id: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """The schema of the properties, the same for every collection."""
        return _schema(self.core, "Queryables", QUERYABLES, collection_id, kwargs["request"])


@attr.s
class Sortables(BaseSortablesClient):
    """What `sortby` may name."""

    core: Client = attr.ib(kw_only=True)

    def get_sortables(self, request: Request | None = None, **_: Any) -> dict[str, Any]:
        """The schema of the properties for item search."""
        return _schema(self.core, "Sortables", SORTABLES, None, request)


@attr.s
class ItemsUri(
    ItemCollectionUri, FilterExtensionGetRequest, SortExtensionGetRequest, FieldsExtensionGetRequest,
    QueryExtensionGetRequest, GETTokenPagination,
):  # fmt: skip
    """The request for the items of a collection, page by page."""


def application(database: Database, base_url: str | None = None, access: Sequence[Depends] = ()) -> FastAPI:
    """The STAC API as an application to mount; arguments as for `service.mount`."""
    title = "s1pdgs STAC API"
    settings = ApiSettings(
        stac_fastapi_title=title,
        stac_fastapi_description="Published Sentinel-1 products of this ground segment.",
        stac_fastapi_version="1.0",
        stac_fastapi_landing_id="s1pdgs",
    )
    client = Client(database=database, base_url=base_url, landing_page_id=settings.stac_fastapi_landing_id)
    filters = Filters(client=Queryables(core=client), conformance_classes=_filter_classes())
    sorting = SearchSortExtension(client=Sortables(core=client))
    sorting.conformance_classes.extend(_SORT)
    paging = TokenPaginationExtension()
    queries = QueryExtension(conformance_classes=[QueryConformanceClasses.SEARCH, QueryConformanceClasses.ITEMS])
    fields = FieldsExtension(conformance_classes=[FieldsConformanceClasses.SEARCH, FieldsConformanceClasses.ITEMS])
    extensions = [filters, sorting, fields, queries, paging]
    api = StacApi(
        settings=settings,
        client=client,
        stac_version=STAC_VERSION,
        extensions=extensions,
        title=title,
        description=settings.stac_fastapi_description,
        app=FastAPI(
            openapi_url=settings.openapi_url, docs_url=settings.docs_url, redoc_url=None, title=title,
            dependencies=list(access),
        ),
        search_get_request_model=create_get_request_model(extensions),
        search_post_request_model=create_post_request_model(extensions, SearchBody),
        items_get_request_model=ItemsUri,
        exceptions={**DEFAULT_STATUS_CODES},
        middlewares=[
            Middleware(Heads),
            Middleware(GZipMiddleware, minimum_size=1000),
            Middleware(
                CORSMiddleware, allow_origins=["*"], allow_methods=["OPTIONS", "POST", "GET", "HEAD"],
                allow_headers=["Content-Type", "Authorization", "If-None-Match"], expose_headers=["ETag"], max_age=600,
            ),
        ],  # without the framework's reader of forwarding headers, which believes everybody; `base_url` is for proxies
    )  # fmt: skip
    tell_errors(api.app)
    made: FastAPI = api.app
    return made


def _geojson(found: dict[str, Any]) -> JSONResponse:
    return JsonAnswer(found, media_type="application/geo+json")


def _extensions(parameters: dict[str, Any]) -> dict[str, Any]:
    """What the extensions read from a query string."""
    asked = "fields" in parameters["request"].query_params  # the framework takes an empty one for none
    return {
        "filter": filter_parameter(
            parameters.get("filter_expr"), parameters.get("filter_lang"), parameters.get("filter_crs")
        ),
        "query": json_parameter("query", parameters.get("query")),
        "sortby": sort_terms(parameters.get("sortby")),
        "fields": Fields.read(parameters.get("fields") or ()) if asked else None,
    }


def _fields(body: Any) -> Fields | None:
    """The fields that the body of a search names; None when it names none of them."""
    if "fields" not in body.model_fields_set:
        return None
    if body.fields is None:
        raise QueryError("fields is an object with include and exclude, not null")
    include, exclude = (frozenset(names or ()) for names in (body.fields.include, body.fields.exclude))
    return Fields(include, exclude, of_all=bool(exclude) and "include" not in body.fields.model_fields_set)


def _mounted_at(request: Request) -> str:
    """The path of the STAC API within its application."""
    whole, outer = str(request.scope.get("root_path", "")), str(request.scope.get("app_root_path", ""))
    return whole.removeprefix(outer)


def _filter_classes() -> list[str]:
    """What is true of our filters."""
    classes = FilterConformanceClasses
    return [
        classes.FILTER, classes.SEARCH, classes.ITEMS, classes.BASIC_CQL2, classes.CQL2_JSON, classes.CQL2_TEXT,
        classes.ADVANCED_COMPARISON_OPERATORS, classes.CASE_INSENSITIVE_COMPARISON, classes.BASIC_SPATIAL_FUNCTIONS,
        classes.BASIC_SPATIAL_FUNCTIONS_PLUS, classes.ARRAY_FUNCTIONS,
    ]  # fmt: skip


def _next_link(request: Request, root: str, page: Page, body: dict[str, Any] | None) -> dict[str, Any]:
    """The link to the next page: a query string for GET, a body for POST."""
    if body is not None:
        return {"rel": "next", "type": "application/geo+json", "method": "POST", "href": f"{root}/search",
                "body": {**body, "token": page.after}, "merge": False}  # fmt: skip
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
    query = urlencode([*given, ("token", page.after or "")])
    return {"rel": "next", "type": "application/geo+json", "method": "GET", "href": f"{root}{path}?{query}"}


def _schema(
    client: Client, title: str, names: Sequence[str] | dict[str, str], collection_id: str | None, request: Any
) -> dict[str, Any]:
    root = client._root(request)  # noqa: SLF001  one component in three classes of the framework
    place = title.lower()
    if collection_id is not None:
        client.check_collection(collection_id)
        place = f"collections/{collection_id}/{place}"
    properties: dict[str, Any] = {name: _JSON_TYPES[KINDS[QUERYABLES[name]]] for name in names}
    if title == "Queryables":
        properties |= {name: {"type": "array", "items": {"type": "string", "enum": CHANNELS}} for name in LISTS}
        properties["geometry"] = {"$ref": "https://geojson.org/schema/Geometry.json"}
    return {"$schema": _SCHEMA, "$id": f"{root}/{place}", "type": "object", "title": title, "properties": properties,
            "additionalProperties": title == "Queryables"}  # fmt: skip
