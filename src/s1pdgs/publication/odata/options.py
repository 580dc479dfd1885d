"""The system query options of a request (OData 4.01 part 2, section 5.1) as a checked value."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from attrs import field, frozen

from s1pdgs.publication.errors import QueryError, UnservedError
from s1pdgs.publication.odata.expand import ATTRIBUTES, Belonging, Wanted, read_expand
from s1pdgs.publication.odata.expressions import PRODUCTS as PRODUCT_NAMES
from s1pdgs.publication.odata.expressions import Names
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.odata.words import flag, natural, order_terms, selected, selected_in_context
from s1pdgs.publication.predicate import ALWAYS, Field, Kind, Predicate, nearest
from s1pdgs.publication.search import DEFAULT_ORDER, MAX_SKIP, Order

DEFAULT_TOP = 100
MAX_TOP = 1000
NAVIGATIONS = {
    "Attributes": ATTRIBUTES,
    "Quicklooks": Belonging(Names({"Image": Field("Image", Kind.STRING)}), ("Image",), key="Image"),
    "Assets": Belonging(
        Names({name: Field(name, Kind.STRING) for name in ("Type", "DownloadLink")}),
        ("Type", "DownloadLink"),
        key="Type",
    ),
}
SELECTABLE = (
    "Id", "Name", "ContentType", "ContentLength", "OriginDate", "PublicationDate", "ModificationDate", "Online",
    "EvictionDate", "Checksum", "ProductionType", "ContentDate", "Footprint", "GeoFootprint",
)  # fmt: skip
_OPTIONS = ("$filter", "$orderby", "$top", "$skip", "$count", "$expand", "$select", "$format", "$skiptoken")

_UNSERVED = {
    "$search", "$apply", "$compute", "$index", "$levels", "$deltatoken", "$schemaversion", "$id",
}  # fmt: skip
"""Options of the protocol that are not served anywhere."""


@frozen
class Offer:
    """What may be asked of an entity set: the names of filter and order, and those of `$expand` and `$select`."""

    names: Names
    navigations: Mapping[str, Belonging]
    selectable: tuple[str, ...]
    order: tuple[Order, ...]

    def belonging(self, *, many: bool = True) -> Belonging:
        """What may be asked of these entities where they belong to others, one or many to each."""
        return Belonging.entities(self.names, self.selectable, many=many)


PRODUCTS = Offer(PRODUCT_NAMES, NAVIGATIONS, SELECTABLE, DEFAULT_ORDER)
ONE_PRODUCT, MANY_PRODUCTS = PRODUCTS.belonging(many=False), PRODUCTS.belonging()


@frozen
class Options:
    """What a request asks for; `given` holds the options as they came, for the link to the next page."""

    given: dict[str, str]
    predicate: Predicate = ALWAYS
    order: tuple[Order, ...] = DEFAULT_ORDER
    top: int = DEFAULT_TOP
    skip: int = 0
    after: str | None = None
    count: bool = False
    expand: Mapping[str, Wanted] = field(factory=dict)
    select: frozenset[str] = frozenset(SELECTABLE)

    @property
    def selected(self) -> str:
        """The selected properties as addresses of contexts tell them (OData 4.01 part 1, section 10.7)."""
        return selected_in_context(self.select) if "*" not in self.given.get("$select", "*") else ""


def read_options(
    pairs: Iterable[tuple[str, str]], allowed: Iterable[str] = _OPTIONS, offer: Offer = PRODUCTS
) -> Options:
    """The options of a query string; names without `$` that are no option are the client's own and left alone.

    Raises `QueryError` for an option that is unknown, given twice or malformed.
    """
    given = given_options(pairs, list(allowed))
    text = given.get("$filter")
    return Options(
        given=given,
        predicate=ALWAYS if text is None else compile_filter(text, offer.names),
        order=order_terms(given["$orderby"], list(offer.names.properties)) if "$orderby" in given else offer.order,
        top=min(natural("$top", given.get("$top", str(DEFAULT_TOP))), MAX_TOP),
        skip=_skip(given),
        after=given.get("$skiptoken"),
        count=flag("$count", given.get("$count", "false")),
        expand=read_expand(given.get("$expand"), offer.navigations, MAX_TOP),
        select=selected(given.get("$select", "*"), offer.selectable),
    )


def next_link(address: str, options: Options, shown: int, after: str) -> str:
    """The link to the next page: `$skiptoken` serves it fast, `$skip` serves clients that count for themselves."""
    given = {**options.given, "$top": str(options.top), "$skip": str(options.skip + shown), "$skiptoken": after}
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in given.items())
    return f"{address}?{pairs}"


def given_options(pairs: Iterable[tuple[str, str]], allowed: list[str]) -> dict[str, str]:
    """The options of a query string, as they came; raises `QueryError` for one that is not allowed or given twice.

    Clients of CDSE give one `$expand` for each navigation.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name == "$expand" and name in allowed and name in given:
            given[name] += f",{value}"
            continue
        if name in given:
            raise QueryError(f"query option {name[:100]} is given twice")
        if name in allowed:
            given[name] = value
        elif name in _UNSERVED:
            raise UnservedError(f"query option {name} is not served; {', '.join(_OPTIONS)} are")
        elif name.startswith("$") or f"${name}" in _OPTIONS:
            raise QueryError(f"query option {name[:100]!r} is not supported here; {nearest(name, allowed)}")
    form = given.get("$format", "json").split(";")[0].lower()
    if form not in {"json", "application/json"}:
        raise QueryError(f"$format is {form[:100]!r}; only json is served")
    return given


def _skip(given: dict[str, str]) -> int:
    skip = natural("$skip", given.get("$skip", "0"))
    if skip > MAX_SKIP:
        raise QueryError(f"$skip is {skip}; beyond {MAX_SKIP} follow the @odata.nextLink of each page")
    return skip
