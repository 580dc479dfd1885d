"""What a search of the STAC API asks for, whichever way it came: query string, body, or the items of a collection."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen
from pydantic import BaseModel, Field, model_validator
from stac_fastapi.extensions.filter.request import FilterLang
from stac_fastapi.types.search import BaseSearchPostRequest

from s1pdgs.publication import cql2_text
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import parse_geojson, spatial
from s1pdgs.publication.predicate import Predicate, joined, nearest
from s1pdgs.publication.search import MAX_ORDER_TERMS, Order
from s1pdgs.publication.stac_filter import QUERYABLES, SORTABLES, among, cql2, in_box, in_time
from s1pdgs.publication.stac_query import to_cql2

_DEFAULT_ORDER = (Order("ContentDate/Start", descending=True),)
_DEFAULT_FIELDS = frozenset({
    "type", "stac_version", "id", "collection", "geometry", "bbox", "links", "assets", "properties.datetime",
})  # fmt: skip
_CRS84 = tuple(
    f"{scheme}://www.opengis.net/def/crs/OGC/{crs}" for crs in ("1.3/CRS84", "0/CRS84h") for scheme in ("http", "https")
)
_ALWAYS = frozenset({"type", "stac_version", "id", "collection"})


@frozen
class Fields:
    """Which parts of items are wanted (STAC API, fields extension): `name` or `parent.name`.

    Without inclusions, exclusions are from the whole item or from the fields that are given by default.
    """

    include: frozenset[str]
    exclude: frozenset[str]
    of_all: bool

    @classmethod
    def read(cls, terms: Iterable[str]) -> "Fields":
        """From the terms of a query string, `name`, `+name` and `-name`."""
        named = [term.strip() for term in terms]
        exclude = frozenset(name[1:] for name in named if name.startswith("-"))
        return cls(frozenset(name.lstrip("+ ") for name in named if name and name[0] != "-"), exclude, bool(exclude))

    def of(self, item: dict[str, Any]) -> dict[str, Any]:
        """An item with the parts that are wanted and what tells which item it is; inclusions win over exclusions."""
        chosen = self.include or (frozenset(item) if self.of_all else _DEFAULT_FIELDS)
        named = {name.partition(".")[0] for name in self.include} | self.include | _ALWAYS
        return _without(_only(item, chosen | _ALWAYS), self.exclude - named)


def _only(item: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in item.items():
        inner = {one.removeprefix(f"{name}.") for one in names if one.startswith(f"{name}.")}
        if name in names:
            found[name] = value
        elif inner and isinstance(value, dict):
            found[name] = {key: part for key, part in value.items() if key in inner}
    return found


def _without(item: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in item.items():
        inner = {one.removeprefix(f"{name}.") for one in names if one.startswith(f"{name}.")}
        if name not in names:
            found[name] = {k: v for k, v in value.items() if k not in inner} if isinstance(value, dict) else value
    return found


@frozen
class Asked:
    """A search, whichever way it came."""

    collections: list[str] | None = None
    ids: list[str] | None = None
    bbox: Sequence[float] | None = None
    intersects: Any = None
    datetime: str | None = None
    filter: Any = None
    query: Any = None
    sortby: Sequence[tuple[str, bool]] = ()
    fields: Fields | None = None
    limit: int = 10
    token: str | None = None

    def predicate(self) -> Predicate:
        """Which products."""
        parts: list[Predicate] = []
        if self.collections:
            parts.append(among("type", self.collections))
        if self.ids:
            parts.append(among("item", self.ids))
        if self.bbox is not None and self.intersects is not None:
            raise QueryError("bbox and intersects exclude each other")
        if self.bbox is not None:
            parts.append(in_box(self.bbox))
        if self.intersects is not None:
            parts.append(spatial("intersects", parse_geojson(self.intersects)))
        if self.datetime is not None:
            parts.append(in_time(self.datetime))
        if self.filter is not None:
            parts.append(cql2(self.filter))
        if self.query is not None:
            parts.append(cql2(to_cql2(self.query)))
        return joined(*parts)

    def order(self) -> tuple[Order, ...]:
        """In which order; the newest first unless told otherwise."""
        if len(self.sortby) > MAX_ORDER_TERMS:
            raise QueryError(f"sortby has {len(self.sortby)} terms; at most {MAX_ORDER_TERMS} are accepted")
        terms = []
        for name, descending in self.sortby:
            bare = name.removeprefix("properties.")
            if bare not in SORTABLES:
                raise QueryError(f"sortby: there is no {bare[:60]!r}; {nearest(bare, list(SORTABLES))}")
            terms.append(Order(QUERYABLES[bare], descending))
        return tuple(terms) or _DEFAULT_ORDER


class SearchBody(BaseSearchPostRequest):
    """The body of a search; its place and time are read as those of a query string, with the same words when wrong."""

    bbox: list[float] | None = Field(None, description="West, south, east and north, in degrees.")  # type: ignore[assignment]
    datetime: str | None = Field(None, description="A time or an interval (RFC 3339), which may be open at one end.")
    intersects: dict[str, Any] | None = Field(None, description="A GeoJSON geometry.")  # type: ignore[assignment]

    @model_validator(mode="before")
    @classmethod
    def validate_spatial(cls, values: Any) -> Any:
        """In place of the framework's, which fails on a body that is no object."""
        if not isinstance(values, dict):
            raise ValueError("the body of a search is a JSON object")  # noqa: TRY004  the error that pydantic expects
        if isinstance(values.get("collections"), str):  # some clients write a list of one so
            return {**values, "collections": [values["collections"]]}
        return values


class FilterBody(BaseModel):
    """A filter in the body of a search, in either language."""

    filter_crs: str | None = Field(None, alias="filter-crs", description="Of its geometries: CRS84.")
    filter_expr: dict[str, Any] | str | None = Field(None, alias="filter", description="A CQL2 filter.")
    filter_lang: FilterLang | None = Field(None, alias="filter-lang", description="How the filter is written.")


def json_parameter(name: str, text: Any) -> Any:
    """The value of a parameter that is written in JSON."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise QueryError(f"{name} is not JSON") from None


def filter_parameter(given: Any, language: str | None, system: str | None) -> Any:
    """A filter as CQL2-JSON: what is written as text is CQL2 text unless `filter-lang` says otherwise."""
    if system is not None and system not in _CRS84:
        raise QueryError(f"filter-crs is {system[:100]!r}; geometries are read in {_CRS84[0]} only")
    if not isinstance(given, str):
        return given
    return json_parameter("filter", given) if language == "cql2-json" else cql2_text.to_json(given)


def sort_terms(terms: Iterable[str] | None) -> list[tuple[str, bool]]:
    """The terms of a query string, `name`, `+name` and `-name`, as names and whether they go down."""
    return [(term.strip().lstrip("+-"), term.strip().startswith("-")) for term in terms or ()]
