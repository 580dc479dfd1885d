"""Listings of an OData service: every record once, whatever the service knows of paging."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urljoin

from attrs import frozen

from s1pdgs.model.time import parse_utc
from s1pdgs.stations.errors import StationAnswerError, StationError
from s1pdgs.stations.http import StationHttp

MAX_PAGES = 100_000
_PLAIN = "(),:/$'"
_HEX = {"MD5": 32, "SHA256": 64}
MILLISECOND = timedelta(milliseconds=1)
MOST = 2**63 - 1
_LONGEST = 200
Record = Mapping[str, Any]
Onward = Callable[[Sequence[Record]], str | None]
T = TypeVar("T")


def pages(
    http: StationHttp, entity: str, options: Mapping[str, str], onward: Onward | None = None
) -> Iterator[list[Record]]:
    """Pages of a collection, without the records that came before.

    Follows `@odata.nextLink` where there is one. Where there is none, `onward` gives the filter that begins at the end
    of a page, or None where the page tells no order: then, and among more records of one time than a page holds, pages
    go by `$skip`. So what a station removes while it is read moves no other record over the edge of a page.
    `@odata.count` ends it early. A service that ignores `$skip` ends it by repeating itself. Raises `StationError`.
    """
    seen: set[str] = set()
    links: set[str] = set()
    fetched, linked = 0, False
    url = _page_url(http, entity, options, 0)
    for _ in range(MAX_PAGES):
        values, link, count = _page(url, http.get_json(url))
        named = {_identity(record): record for record in values}
        fresh = [record for name, record in named.items() if name not in seen]
        if fresh:
            yield fresh
        is_repeated = not fresh and fetched > 0
        fetched += len(values)
        if link is not None and values:
            if link in links:
                raise StationAnswerError(f"{url}: its next link leads back to {link}")
            links.add(link)
            url, linked, seen = link, True, set(named)
            continue
        is_last = linked and fetched % http.profile.page_size != 0 if count is None else fetched >= count
        if is_last or is_repeated or not values:
            return
        rest = onward(values) if onward is not None else None
        if rest not in (None, options.get("$filter")):
            options, fetched, linked, seen = {**options, "$filter": str(rest)}, 0, False, set(named)
        seen.update(named)
        url = _page_url(http, entity, options, fetched)
    raise StationAnswerError(f"{http.profile.url}/{entity}: more than {MAX_PAGES} pages")


def published_onward(records: Sequence[Record], other_terms: Sequence[str] = ()) -> str | None:
    """The filter of what was published since the last of some records, a little before it, and of some other terms;
    None when they are not in the order of their publication.
    """
    times = [moment_of(record, "PublicationDate") for record in records]
    known = [time for time in times if time is not None]
    if len(known) < len(times) or known != sorted(known):
        return None
    return " and ".join([*other_terms, f"PublicationDate gt {literal(known[-1] - MILLISECOND)}"])


@frozen
class Parsed(Generic[T]):
    """What was made of the records of a page: what was `found`, when the `newest` record was published, and why others
    were `passed_over`.
    """

    found: list[T]
    newest: datetime | None
    passed_over: list[str]


def parsed(page: Iterable[Record], parse: Callable[[Record], T | None]) -> Parsed[T]:
    """The records of a page as `parse` reads them; None is a record that is not wanted, `StationError` one that is
    beyond understanding.
    """
    found: list[T] = []
    passed_over: list[str] = []
    times = []
    for record in page:
        times.append(moment_of(record, "PublicationDate"))
        try:
            made = parse(record)
        except StationError as error:
            passed_over.append(str(error))
            continue
        if made is not None:
            found.append(made)
    return Parsed(found, max((time for time in times if time is not None), default=None), passed_over)


def _page_url(http: StationHttp, entity: str, options: Mapping[str, str], skip: int) -> str:
    query = dict(options) | {"$top": str(http.profile.page_size), "$skip": str(skip)}
    if http.profile.asks_count:
        query["$count"] = "true"
    return entity_url(http, entity, query)


def entity_url(http: StationHttp, entity: str, options: Mapping[str, str] | None = None) -> str:
    """The address of an entity. Spaces become %20 and option names keep their `$`: some stations know no other."""
    query = "&".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in (options or {}).items())
    return f"{http.profile.url}/{entity}{'?' if query else ''}{query}"


def key(identifier: str) -> str:
    """An entity key: bare for identifiers of letters, digits and dashes, quoted for anything else."""
    if identifier.replace("-", "").isalnum() and identifier.isascii():
        return f"({identifier})"
    return "('" + quote(identifier.replace("'", "''"), safe="") + "')"


def literal(moment: datetime) -> str:
    """A time in a filter, to the millisecond below."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def text(value: str) -> str:
    """A string in a filter."""
    return "'" + value.replace("'", "''") + "'"


def one_of(name: str, values: tuple[str, ...]) -> str:
    """A property that has one of some values: `eq` for a single one, because stations refuse `in` with one."""
    if len(values) == 1:
        return f"{name} eq {text(values[0])}"
    return f"{name} in ({', '.join(text(value) for value in values)})"


def moment_of(record: Record, *names: str) -> datetime | None:
    """The first of some properties that holds a time; None when none does."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value:
            try:
                return parse_utc(value)
            except (ValueError, OverflowError):
                continue
    return None


def number_of(record: Record, name: str, most: int = MOST) -> int | None:
    """A whole number from 0 to `most`, which some stations write as text; None when it is none."""
    value = record.get(name)
    try:
        number = None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):  # JSON readers know Infinity
        return None
    return number if number is not None and 0 <= number <= most else None


def flag_of(record: Record, name: str) -> bool:
    """A yes or no, which some stations write as text or number; no when it is none."""
    value = record.get(name)
    return value is True or str(value).strip().lower() in {"true", "1"}


def text_of(record: Record, name: str) -> str:
    """A text property; raises `StationAnswerError` when it is absent, empty, long or holds what no text should."""
    value = record.get(name)
    if value is None or value == "" or isinstance(value, list | dict):
        raise StationAnswerError(f"a record has no {name}: {str(dict(record))[:200]!a}")
    text = str(value)
    if len(text) > _LONGEST or not text.isprintable():
        raise StationAnswerError(f"{name} {text[:_LONGEST]!a} is no text of at most {_LONGEST} printable characters")
    return text


def optional_text_of(record: Record, name: str) -> str:
    """A text property, empty where a station tells none. Raises `StationAnswerError` as `text_of`."""
    return text_of(record, name) if record.get(name) not in (None, "") else ""


def name_of(record: Record, name: str) -> str:
    """A text property that can be the name of a file. Raises `StationAnswerError`."""
    text = text_of(record, name)
    if "/" in text or "\\" in text or text.startswith(".") or len(text.encode()) > _LONGEST:
        raise StationAnswerError(f"{name} {text!r} is not a plain file name")
    return text


def checksum_of(record: Record) -> str | None:
    """The announced checksum that we can compute, `MD5:<hex>` or `SHA256:<hex>`; None when there is none."""
    entries = record.get("Checksum")
    found = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            algorithm = str(entry.get("Algorithm")).upper().replace("-", "")
            value = str(entry.get("Value")).strip().lower()
            if len(value) == _HEX.get(algorithm):
                found[algorithm] = value
    for algorithm in ("SHA256", "MD5"):
        if algorithm in found:
            return f"{algorithm}:{found[algorithm]}"
    return None


def _page(url: str, answer: Any) -> tuple[list[Record], str | None, int | None]:
    """Records, next link and count of an answer: an object with `value`, or a bare list, as some stations write."""
    if isinstance(answer, list):
        return [record for record in answer if isinstance(record, dict)], None, None
    if not isinstance(answer, dict) or not isinstance(answer.get("value"), list):
        raise StationAnswerError(f"{url}: the answer has no list 'value'")
    link = answer.get("@odata.nextLink")
    count = number_of(answer, "@odata.count")
    records: list[Record] = [record for record in answer["value"] if isinstance(record, dict)]
    return records, urljoin(url, link) if isinstance(link, str) and link else None, count


def _identity(record: Record) -> str:
    return str(record.get("Id") or sorted((name, str(value)) for name, value in record.items()))
