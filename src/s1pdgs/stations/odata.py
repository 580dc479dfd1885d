"""Listings of an OData service: every record once, whatever the service knows of paging."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from s1pdgs.model.time import parse_utc
from s1pdgs.stations.errors import StationAnswerError
from s1pdgs.stations.http import StationHttp

MAX_PAGES = 100_000
_PLAIN = "(),:/$'"
_HEX = {"MD5": 32, "SHA256": 64}
Record = Mapping[str, Any]


def pages(http: StationHttp, entity: str, options: Mapping[str, str]) -> Iterator[list[Record]]:
    """Pages of a collection, without the records that came before.

    Follows `@odata.nextLink` where there is one and pages by `$skip` where there is none; `@odata.count` ends it
    early. A service that ignores `$skip` ends it by repeating itself. Raises `StationError`.
    """
    seen: set[str] = set()
    fetched, linked = 0, False
    url = _page_url(http, entity, options, 0)
    for _ in range(MAX_PAGES):
        values, link, count = _page(url, http.get_json(url))
        fetched += len(values)
        fresh = [record for record in values if _identity(record) not in seen]
        seen.update(_identity(record) for record in fresh)
        if fresh:
            yield fresh
        if link is not None and values:
            url, linked = link, True
            continue
        is_last = linked and fetched % http.profile.page_size != 0 if count is None else fetched >= count
        if is_last or not fresh:
            return
        url = _page_url(http, entity, options, fetched)
    raise StationAnswerError(f"{http.profile.url}/{entity}: more than {MAX_PAGES} pages")


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
            except ValueError:
                continue
    return None


def number_of(record: Record, name: str) -> int | None:
    """A whole number, which some stations write as text; None when it is none."""
    value = record.get(name)
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        return None


def text_of(record: Record, name: str) -> str:
    """A text property; raises `StationAnswerError` when it is absent or empty."""
    value = record.get(name)
    if value is None or value == "":
        raise StationAnswerError(f"a record has no {name}: {str(dict(record))[:200]}")
    return str(value)


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
    return [record for record in answer["value"] if isinstance(record, dict)], link or None, count


def _identity(record: Record) -> str:
    return str(record.get("Id") or sorted((name, str(value)) for name, value in record.items()))
