"""What a STAC API offers for download: its items by search, and of each the assets that are wanted.

Search is asked by GET (STAC API 1.0, item search and filter); sizes and checksums are those of the file extension 2.1.
Public services differ in the address of an asset: `https`, or `s3` with an `alternate` by https (alternate assets 1.2).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import shapely
from attrs import frozen

from s1pdgs.model.time import format_iso
from s1pdgs.stations.errors import StationAnswerError
from s1pdgs.stations.get import Listed
from s1pdgs.stations.http import StationHttp
from s1pdgs.stations.odata import MAX_PAGES, number_of, text_of

_HASHES = {0x11: ("SHA1", 20), 0x12: ("SHA256", 32), 0x13: ("SHA512", 64), 0xD5: ("MD5", 16)}
"""Codes of multihash that we can compute: algorithm and bytes."""
_ARCHIVES = ("application/zip", "application/x-tar", "application/gzip")
_DELIVERED = "succeeded"
Record = Mapping[str, Any]


@frozen
class ItemWish:
    """Which items: by identifier, collection, box (west, south, east, north), a span of sensing, an area (WKT) or a
    condition (CQL2, JSON when it begins with a brace); and which of their `assets`, none for the product itself.
    """

    ids: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    box: tuple[float, float, float, float] | None = None
    start: datetime | None = None
    stop: datetime | None = None
    area: str | None = None
    condition: str | None = None
    assets: tuple[str, ...] = ()

    def parameters(self) -> dict[str, str]:
        """The query of a search. Raises `ValueError` for an area that is no WKT."""
        asked = {
            "ids": ",".join(self.ids),
            "collections": ",".join(self.collections),
            "bbox": "" if self.box is None else ",".join(f"{edge:.10g}" for edge in self.box),
            "datetime": "/".join(".." if at is None else format_iso(at) for at in (self.start, self.stop)),
            "intersects": "" if self.area is None else _geojson(self.area),
            "filter": self.condition or "",
            "filter-lang": "" if not self.condition else f"cql2-{'json' if self.condition.startswith('{') else 'text'}",
        }
        return {name: value for name, value in asked.items() if value not in {"", "../.."}}


def _geojson(area: str) -> str:
    try:
        return str(shapely.to_geojson(shapely.from_wkt(area)))
    except shapely.errors.ShapelyError as error:
        raise ValueError(f"the area {area[:60]!r} is no WKT, such as 'POINT(12 45)': {error}") from None


def listed(http: StationHttp, wish: ItemWish, limit: int | None = None) -> Iterator[Listed]:
    """The files of a wish, each name once, of at most `limit` items. Raises `StationError`."""
    names: set[str] = set()
    for number, (base, item) in enumerate(_items(http, wish.parameters())):
        if limit is not None and number >= limit:
            return
        for found in files_of(item, base, wish.assets):
            if found.name not in names:
                names.add(found.name)
                yield found


def _items(http: StationHttp, parameters: Mapping[str, str]) -> Iterator[tuple[str, Record]]:
    """Each item once, with the address that its relative links begin from."""
    query = urlencode({**parameters, "limit": http.profile.page_size}, quote_via=quote, safe=":,/")
    url: str | None = f"{_search_url(http)}?{query}"
    seen: set[tuple[str, str]] = set()
    for _ in range(MAX_PAGES):
        if url is None:
            return
        page = _mapping(http.get_json(url), url)
        fresh = [item for item in _records(page.get("features")) if _identity(item) not in seen]
        seen.update(_identity(item) for item in fresh)
        for item in fresh:
            yield urljoin(url, _link(item, "self") or ""), item
        address = _link(page, "next") if fresh else None
        url = None if address is None else urljoin(url, address)
    raise StationAnswerError(f"{http.profile.url}: more than {MAX_PAGES} pages")


def _search_url(http: StationHttp) -> str:
    """Where items are searched, as the landing page tells."""
    landing = f"{http.profile.url}/"
    address = _link(_mapping(http.get_json(landing), landing), "search")
    if address is None:
        raise StationAnswerError(f"{landing} has no link 'search'; give the landing page of a STAC API")
    return urljoin(landing, address)


def _link(holder: Record, relation: str) -> str | None:
    """The first link of a relation that is followed by GET."""
    for link in _records(holder.get("links")):
        if link.get("rel") == relation and str(link.get("method") or "GET").upper() == "GET" and link.get("href"):
            return str(link["href"])
    return None


def files_of(item: Record, base: str, wanted: Sequence[str] = ()) -> Iterator[Listed]:
    """The files to download of an item: the assets wanted, else its archive, else all of role `data`.

    An archive is named by its item, any other file lies in a folder of that name, or where `file:local_path` says.
    Raises `StationAnswerError` for an item without such assets and for a hostile name.
    """
    name = text_of(item, "id")
    assets = {key: asset for key, asset in _object(item.get("assets")).items() if isinstance(asset, dict)}
    if missing := [key for key in wanted if key not in assets]:
        raise StationAnswerError(f"item {name} has no asset {missing[0]!r}; it has {', '.join(sorted(assets))}")
    chosen = list(wanted) or _product(assets)
    if not chosen:
        raise StationAnswerError(f"item {name} has no asset of role 'data'; choose one: {', '.join(sorted(assets))}")
    online = _object(item.get("properties")).get("order:status", _DELIVERED) == _DELIVERED
    for key in chosen:
        asset = assets[key]
        yield Listed(
            id=f"{name}/{key}",
            name=_plain(_name_of(name, key, asset)),
            size=number_of(asset, "file:size"),
            checksum=checksum_of(asset.get("file:checksum")),
            online=online,
            url=_address(asset, base),
        )


def _product(assets: Mapping[str, Record]) -> list[str]:
    data = [key for key, asset in assets.items() if "data" in _roles(asset)]
    archives = [key for key in data if _is_archive(assets[key])]
    return archives[:1] or data


def _is_archive(asset: Record) -> bool:
    return "archive" in _roles(asset) or asset.get("type") in _ARCHIVES


def _roles(asset: Record) -> Sequence[Any]:
    roles = asset.get("roles")
    return roles if isinstance(roles, list) else []


def _name_of(item: str, key: str, asset: Record) -> str:
    if asset.get("file:local_path"):
        return str(asset["file:local_path"])
    if _is_archive(asset):
        return f"{item.removesuffix('.zip')}.zip"
    last = unquote(str(asset.get("href")).partition("?")[0].rpartition("/")[2])
    return f"{item}/{key if last in {'', '$value'} else last}"


def _plain(name: str) -> str:
    """A relative path that stays below its folder."""
    parts = name.split("/")
    if any(not part or part.startswith(".") or "\\" in part or not part.isprintable() for part in parts):
        raise StationAnswerError(f"{name[:200]!r} is no plain file name")
    return name


def _address(asset: Record, base: str) -> str:
    """Where an asset is had by HTTP: its own address, else an alternate one, else nothing."""
    others = _records(list(_object(asset.get("alternate")).values()))
    for entry in (asset, *others):
        with suppress(ValueError):
            address = urljoin(base, str(entry.get("href") or ""))
            if entry.get("href") and urlsplit(address).scheme in {"http", "https"}:
                return address
    return ""


def checksum_of(text: object) -> str | None:
    """`MD5:<hex>`, `SHA256:<hex>` ... of a multihash in hexadecimal; None for what we cannot compute."""
    try:
        data = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    code, data = _varint(data)
    length, data = _varint(data)
    algorithm, size = _HASHES.get(code, ("", -1))
    return f"{algorithm}:{data.hex()}" if length == len(data) == size else None


def _varint(data: bytes) -> tuple[int, bytes]:
    """An unsigned number in groups of 7 bits, lowest first, and what follows it."""
    value = 0
    for position, octet in enumerate(data[:9]):
        value |= (octet & 0x7F) << (7 * position)
        if octet < 0x80:
            return value, data[position + 1 :]
    return -1, b""


def _identity(item: Record) -> tuple[str, str]:
    return str(item.get("collection")), str(item.get("id"))


def _object(value: Any) -> Record:
    return value if isinstance(value, dict) else {}


def _mapping(answer: Any, url: str) -> Record:
    if not isinstance(answer, dict):
        raise StationAnswerError(f"{url}: the answer is no JSON object: {json.dumps(answer)[:100]}")
    return answer


def _records(values: Any) -> list[Record]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
