"""What nobody means well by is refused precisely and never breaks a door, on either database."""

import json
import random
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

STAC, PRIP = "/stac", "/odata/v1"


@pytest.fixture(scope="module")
def doors(site: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=60.0, base_url=site) as client:
        yield client


def raw(site: str, request: bytes) -> int:
    """The status of a request that no client library would send."""
    parts = urlsplit(site)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=30) as connection:
        connection.sendall(request)
        return int(connection.makefile("rb").readline().split()[1])


def first_value(doors: httpx2.Client) -> str:
    product = doors.get(f"{PRIP}/Products?$top=1").json()["value"][0]
    return f"{PRIP}/Products({product['Id']})/$value"


def ring(vertices: int) -> list[list[float]]:
    """A star of many rays that lie over each other."""
    rays = random.Random(5)
    points = [[rays.uniform(-170, 170), rays.uniform(-80, 80)] for _ in range(vertices)]
    return [*points, points[0]]


def deep(depth: int) -> Any:
    found: Any = {"op": "=", "args": [{"property": "id"}, "x"]}
    for _ in range(depth):
        found = {"op": "not", "args": [found]}
    return found


def wide(width: int) -> Any:
    equal = {"op": "=", "args": [{"property": "id"}, "x"]}
    return {"op": "or", "args": [{"op": "and", "args": [equal] * width}] * width}


FILTERS = [
    "Name eq '" + "a" * 10_000 + "'",
    "(" * 4000,
    "not(" * 60 + "Online" + ")" * 60,
    " or ".join(["Online"] * 2000),
    "Name in (" + ",".join(["'a'"] * 3000) + ")",
    "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((" + "0 0," * 5000 + "0 0))')",
    "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((0 0,1e308 0,1 1,0 0))')",
    "OData.CSC.Intersects(area=geography'SRID=4326;GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 1)))')",
    "OData.CSC.Intersects(area=geography'" + "(" * 1000 + "')",
    "matchesPattern(Name,'" + "(a{9}){9}" * 9 + "')",
    "year(" * 30 + "OriginDate" + ")" * 30 + " eq 1",
    "ContentDate/Start gt 99999-01-01T00:00:00Z",
    "ContentDate/Start gt 2020-01-01T00:00:00+99:99",
    "substring(Name,99999999999) eq 'a'",
    "Name eq '\0'",
    "Attributes/OData.CSC.IntegerAttribute/any(a:a/OData.CSC.IntegerAttribute/Value eq " + "9" * 400 + ")",
]


@pytest.mark.parametrize("text", FILTERS, ids=lambda text: text[:40])
def test_filters_made_to_hurt_are_refused(doors: httpx2.Client, text: str) -> None:
    for path in ("/Products", "/Products/$count"):
        reply = doors.get(f"{PRIP}{path}", params={"$filter": text})
        assert reply.status_code == 400, reply.text[:300]
        assert len(reply.json()["error"]["message"]) > 15


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"intersects": {"type": "Polygon", "coordinates": [ring(12_000)]}}),
        json.dumps({"intersects": {"type": "MultiPoint", "coordinates": [[1, 1]] * 20_000}}),
        json.dumps({"filter": deep(60)}),
        json.dumps({"filter": wide(100)}),
        json.dumps({"filter": {"op": "in", "args": [{"property": "id"}, ["x"] * 5000]}}),
        json.dumps({"ids": ["x"] * 5000}),
        json.dumps({"sortby": [{"field": "id", "direction": "asc"}] * 50}),
        '{"filter":' + "[" * 50_000,
        '{"limit":1e999}',
        '{"limit":' + "9" * 5000 + "}",
        '{"bbox":[NaN,0,1,1]}',
        '{"datetime":"9999-12-31T23:59:59-23:59/.."}',
        '{"datetime":"0000-01-01T00:00:00Z"}',
        '{"token":"' + "W" * 20_000 + '"}',
        '{"collections":[{"x":1}]}',
        '{"intersects":{"type":"GeometryCollection","geometries":[]}}',
    ],
    ids=lambda body: body[:50],
)
def test_searches_made_to_hurt_are_refused(doors: httpx2.Client, body: str) -> None:
    reply = doors.post(f"{STAC}/search", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400, reply.text[:300]


@pytest.mark.usefixtures("areas")
def test_tangled_areas_are_untangled_when_they_are_small(doors: httpx2.Client) -> None:
    triangles = [[[[0, 0], [170, 80 - 0.001 * n], [-170, 0.001 * n], [0, 0]]] for n in range(400)]
    lines = [[[-170, n / 10], [170, -n / 10]] for n in range(400)]
    cases = [
        ("Polygon", [ring(60)], 200), ("Polygon", [ring(400)], 400), ("MultiPolygon", triangles[:20], 200),
        ("MultiPolygon", triangles, 400), ("MultiLineString", lines, 200), ("MultiPoint", [[11, 46]] * 5000, 200),
    ]  # fmt: skip
    for kind, coordinates, status in cases:
        reply = doors.post(f"{STAC}/search", json={"intersects": {"type": kind, "coordinates": coordinates}})
        assert reply.status_code == status, (kind, reply.text[:300])


def test_endless_bodies_are_cut_off(doors: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    for path in (f"{STAC}/search", f"{PRIP}/Products/OData.CSC.FilterList"):
        reply = doors.post(path, content=endless(), headers={"Content-Type": "application/json"})
        assert reply.status_code in {400, 413}, (path, reply.text[:200])


@pytest.mark.parametrize(
    "asked",
    ["bytes=" + "0-0," * 3000 + "0-0", "bytes=99999999999999999999-", "bytes=-99999999999999999999",
     "bytes=0-" + "9" * 30, "bytes=\xb2-\xb3", "bytes=0x0-0x5", "bytes=1-2-3", "bytes", "=", "bytes=-1-5"],
    ids=lambda asked: asked[:20],
)  # fmt: skip
def test_forged_ranges_give_the_whole_or_are_refused(doors: httpx2.Client, asked: str) -> None:
    reply = doors.get(first_value(doors), headers={"Range": asked.encode("latin-1")})
    assert reply.status_code in {200, 416}
    for header in ("If-Range", "If-None-Match"):
        reply = doors.get(first_value(doors), headers={"Range": "bytes=0-5", header: '"' * 500})
        assert reply.status_code in {200, 206}


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:99999999", "[::1", "a b", "x@y", "\\", "<script>", "a" * 5000, "\xff\xfe"],
)
@pytest.mark.parametrize("path", [f"{PRIP}/Products?$top=1", f"{STAC}/search?limit=1", f"{STAC}/", PRIP])
def test_forged_hosts_break_nothing(site: str, host: str, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1")
    assert raw(site, request) in {200, 400}


@pytest.mark.parametrize(
    "path",
    [f"{PRIP}/Products(..%2F..%2Fetc%2Fpasswd)/$value", f"{PRIP}/Products('..')/$value", f"{PRIP}/../../etc/passwd",
     f"{PRIP}/%2e%2e/%2e%2e/etc/passwd", f"{PRIP}/Products(%ff%fe)", f"{PRIP}/Products(%00)/$value",
     f"{PRIP}/Products(x)/Quicklooks(..%2F..%2Fs1pdgs.db)/$value", f"{STAC}/collections/..%2F..%2Fetc/items",
     f"{STAC}/collections/%00", f"{STAC}/collections/IW_SLC__1S/items/%00",
     f"{STAC}/collections/%ff/items/%ff", f"{STAC}/collections/IW_SLC__1S/items/..%2F..%2Fx",
     f"{PRIP}/" + "a" * 20_000],
    ids=lambda path: path[:50],
)  # fmt: skip
def test_paths_lead_nowhere_else(site: str, path: str) -> None:
    assert raw(site, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()) in {400, 404}


@pytest.mark.parametrize(
    "query",
    ["$filter=Name%20eq%20'%ff%fe'", "$filter=%ff", "$orderby=%c3%28", "$skiptoken=%ff", "%ff=%ff", "$top=%d9%a3",
     "$orderby=" + "Name," * 500 + "Name", "$select=" + "Name," * 2000, "$skiptoken=" + "A" * 8000],
    ids=lambda query: query[:30],
)  # fmt: skip
def test_bytes_that_are_no_text_are_answered(doors: httpx2.Client, query: str) -> None:
    assert doors.get(f"{PRIP}/Products?{query}").status_code in {200, 400}


@settings(max_examples=30)
@given(
    st.sampled_from(["filter", "sortby", "fields", "ids", "collections", "bbox", "datetime", "intersects", "token"]),
    st.one_of(st.text(max_size=40), st.text("()'\"=<>,.:%_-ANDORTSINid1 {}[]", max_size=60)),
)
def test_no_search_breaks_the_service(doors: httpx2.Client, name: str, value: str) -> None:
    reply = doors.get(f"{STAC}/search?{name}={quote(value, errors='replace')}")
    assert reply.status_code in {200, 400}, reply.text[:300]
