"""The system query options of a request (OData 4.01 part 2, section 5.1) as a checked value."""

from collections.abc import Iterable
from urllib.parse import quote

from attrs import frozen

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.expressions import PRODUCTS as PRODUCT_NAMES
from s1pdgs.publication.odata.expressions import Names
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.predicate import ALWAYS, Predicate, nearest
from s1pdgs.publication.search import DEFAULT_ORDER, MAX_ORDER_TERMS, MAX_SKIP, Order

DEFAULT_TOP = 100
MAX_TOP = 1000
NAVIGATIONS = ("Attributes", "Quicklooks")
SELECTABLE = (
    "Id", "Name", "ContentType", "ContentLength", "OriginDate", "PublicationDate", "ModificationDate", "Online",
    "EvictionDate", "Checksum", "ProductionType", "ContentDate", "Footprint", "GeoFootprint",
)  # fmt: skip
_OPTIONS = ("$filter", "$orderby", "$top", "$skip", "$count", "$expand", "$select", "$format", "$skiptoken")


@frozen
class Offer:
    """What may be asked of an entity set: the names of filter and order, and those of `$expand` and `$select`."""

    names: Names
    navigations: tuple[str, ...]
    selectable: tuple[str, ...]
    order: tuple[Order, ...]


PRODUCTS = Offer(PRODUCT_NAMES, NAVIGATIONS, SELECTABLE, DEFAULT_ORDER)


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
    expand: frozenset[str] = frozenset()
    select: frozenset[str] = frozenset(SELECTABLE)


def read_options(
    pairs: Iterable[tuple[str, str]], allowed: Iterable[str] = _OPTIONS, offer: Offer = PRODUCTS
) -> Options:
    """The options of a query string; names without `$` that are no option are the client's own and left alone.

    Raises `QueryError` for an option that is unknown, given twice or malformed.
    """
    given = _given(pairs, list(allowed))
    text = given.get("$filter")
    return Options(
        given=given,
        predicate=ALWAYS if text is None else compile_filter(text, offer.names),
        order=_order(given.get("$orderby"), offer),
        top=min(_natural("$top", given.get("$top", str(DEFAULT_TOP))), MAX_TOP),
        skip=_skip(given),
        after=given.get("$skiptoken"),
        count=_flag("$count", given.get("$count", "false")),
        expand=_names("$expand", given.get("$expand"), offer.navigations),
        select=_names("$select", given.get("$select"), (*offer.selectable, "*")) or frozenset(offer.selectable),
    )


def next_link(address: str, options: Options, shown: int, after: str) -> str:
    """The link to the next page: `$skiptoken` serves it fast, `$skip` serves clients that count for themselves."""
    given = {**options.given, "$top": str(options.top), "$skip": str(options.skip + shown), "$skiptoken": after}
    pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in given.items())
    return f"{address}?{pairs}"


def _given(pairs: Iterable[tuple[str, str]], allowed: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise QueryError(f"query option {name} is given twice")
        if name in allowed:
            given[name] = value
        elif name.startswith("$") or f"${name}" in _OPTIONS:
            raise QueryError(f"query option {name!r} is not supported here; {nearest(name, allowed)}")
    form = given.get("$format", "json").split(";")[0].lower()
    if form not in {"json", "application/json"}:
        raise QueryError(f"$format is {form!r}; only json is served")
    return given


def _order(text: str | None, offer: Offer) -> tuple[Order, ...]:
    if text is None:
        return offer.order
    terms = [_term(term.split(), list(offer.names.properties)) for term in text.split(",")]
    if len(terms) > MAX_ORDER_TERMS:
        raise QueryError(f"$orderby has {len(terms)} terms; at most {MAX_ORDER_TERMS} are accepted")
    return tuple(terms)


def _term(words: list[str], known: list[str]) -> Order:
    if not words or len(words) > 2 or words[1:] not in ([], ["asc"], ["desc"]):
        raise QueryError(f"$orderby: {' '.join(words)!r} is not a property with asc or desc")
    if words[0] not in known:
        raise QueryError(f"$orderby: there is no property {words[0]!r}; {nearest(words[0], known)}")
    return Order(words[0], words[1:] == ["desc"])


def _names(option: str, text: str | None, known: tuple[str, ...]) -> frozenset[str]:
    if text is None:
        return frozenset()
    names = {name.strip() for name in text.split(",")}
    for name in sorted(names - set(known)):
        raise QueryError(f"{option}: there is no {name!r}; {nearest(name, list(known))}")
    return frozenset(known) - {"*"} if "*" in names else frozenset(names)


def _skip(given: dict[str, str]) -> int:
    skip = _natural("$skip", given.get("$skip", "0"))
    if skip > MAX_SKIP:
        raise QueryError(f"$skip is {skip}; beyond {MAX_SKIP} follow the @odata.nextLink of each page")
    return skip


def _natural(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise QueryError(f"{name} is {text[:40]!r}, not a whole number")
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise QueryError(f"{name} is {text[:40]!r}, neither true nor false")
    return text.lower() == "true"
