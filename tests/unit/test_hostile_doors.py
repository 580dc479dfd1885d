"""What nobody means well by, at all doors of the whole application: refused with a reason, and never a 500."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from s1pdgs.doors import application
from s1pdgs.publication.limits import MAX_BODY_BYTES
from s1pdgs.settings import load_settings
from tests.databases import KINDS, new_database
from tests.unit.publication.conftest import filled, new_segment, serving
from tests.unit.publication.test_hostile import FILTERS, raw

WORKFLOW = "SM_GRDH_1S"
BODIED = [
    ("POST", "/odata/v1/ProductionOrders"),
    ("POST", "/odata/v1/ProductionOrder/OData.CSC.Order"),
    ("POST", f"/ogc/processes/{WORKFLOW}/execution"),
    ("POST", "/odata/v1/Subscriptions"),
    ("PATCH", "/odata/v1/Subscriptions(00000000-0000-4000-8000-000000000000)"),
    ("POST", "/odata/v1/Products(x)/OData.CSC.Order"),
    ("POST", "/odata/v1/Products/OData.CSC.FilterList"),
    ("POST", "/api/v1/orders"),
    ("POST", "/api/v1/campaigns"),
    ("POST", "/console/products/x/make"),
    ("POST", "/console/quarantine/retry"),
]
LISTS = [
    "/odata/v1/Workflows", "/odata/v1/ProductionOrder", "/odata/v1/ProductionOrders", "/odata/v1/Orders",
    "/odata/v1/Subscriptions", "/cadip/odata/v1/Sessions", "/cadip/odata/v1/Files",
    "/auxip/odata/v1/Products",
]  # fmt: skip
INSIDE = [
    "http://10.0.0.1/", "http://192.168.0.1:8080/x", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/",
    "http://[::ffff:10.0.0.1]/", "http://0/", "http://0.0.0.0/", "http://2130706433/", "http://0x7f000001/",
    "http://127.1/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "http://evil.example#@127.0.0.1/",
    "http://me@127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/", "http:///x", "x",
    "http://" + "a" * 3000, "http://127.0.0.1\r\nX-Evil: 1/", "http://evil.example\\@127.0.0.1/",
]  # fmt: skip
"""Addresses that lead to where the one who orders may not look, or seem to be of this host."""


@pytest.fixture(scope="module", params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Everything that is served, with all doors open, over twelve products."""
    folder = tmp_path_factory.mktemp("doors")
    config = folder / "s1pdgs.toml"
    config.write_text(f"data_dir = '{folder}'\n[serve]\ncadip = true\nauxip = true\n")
    with new_database(request.param, folder) as database:
        segment = filled(new_segment(database, folder))
        app = application(load_settings(config, {}), database, segment.store, segment.outbox, folder / "work")
        with serving(app) as address:
            yield address


@pytest.fixture(scope="module")
def client(site: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=site, timeout=60.0) as opened:
        yield opened


BODIES: dict[str, bytes] = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "deep and closed": b'{"inputs":' + b'{"a":' * 900 + b"1" + b"}" * 901,
    "no UTF-8": b'{"WorkflowName": "\xff\xfe", "FilterParam": "\xc3\x28"}',
    "UTF-16": '{"WorkflowName": "x"}'.encode("utf-16"),
    "surrogates": b'{"WorkflowName": "\\ud800", "FilterParam": "\\udfff", "type": "\\ud800", "name": "\\ud800"}',
    "NUL": b'{"WorkflowName": "\\u0000", "FilterParam": "\\u0000", "type": "\\u0000", "name": "\\u0000"}',
    "a number without end": b'{"Priority": ' + b"9" * 5000 + b"}",
    "no number": b'{"Priority": NaN, "limit": -Infinity, "bbox": [1e999]}',
    "a list": b"[1, 2, 3]",
    "a text": b'"x"',
    "null": b"null",
    "ten kilobytes of filter": json.dumps({"SubscriptionType": "pull", "FilterParam": "(" * 10_000}).encode(),
    "a filter that is long": json.dumps(
        {"SubscriptionType": "pull", "FilterParam": " or ".join(["Online"] * 2000)}
    ).encode(),
    "many names": json.dumps({f"n{number}": number for number in range(20_000)}).encode(),
    "more than a request may have": b'{"a": "' + b"a" * MAX_BODY_BYTES + b'"}',
}


def kinds_of(path: str) -> list[str]:
    """The types of bodies that a door reads."""
    if path.startswith("/console"):
        return ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
    return ["application/json"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies_made_to_hurt_are_refused(client: httpx2.Client, body: bytes) -> None:
    for method, path in BODIED:
        for kind in kinds_of(path):
            headers = {"Content-Type": kind, "Origin": str(client.base_url).rstrip("/")}
            reply = client.request(method, path, content=body, headers=headers)
            assert 400 <= reply.status_code < 500, (method, path, kind, reply.status_code, reply.text[:300])


def test_endless_bodies_are_cut_off(client: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(4 * MAX_BODY_BYTES // 65_536):
            yield b"a" * 65_536

    for method, path in BODIED:
        headers = {"Content-Type": kinds_of(path)[0], "Origin": str(client.base_url).rstrip("/")}
        reply = client.request(method, path, content=endless(), headers=headers)
        assert reply.status_code in {400, 413}, (method, path, reply.status_code, reply.text[:300])


def test_slow_bodies_hold_up_nobody(site: str, client: httpx2.Client) -> None:
    place = urlsplit(site)
    with ExitStack() as stack:
        for method, path in BODIED * 5:
            slow = stack.enter_context(socket.create_connection((str(place.hostname), int(place.port or 0))))
            head = f"{method} {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
            slow.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        for path in LISTS:
            assert client.get(path).status_code == 200, path


def order(url: str) -> dict[str, Any]:
    return {"WorkflowName": WORKFLOW, "InputProductReference": {"Reference": "x"}, "NotificationEndpoint": url}


@pytest.mark.parametrize("url", INSIDE, ids=lambda url: url[:40])
def test_no_callback_goes_where_it_was_not_allowed_to(client: httpx2.Client, url: str) -> None:
    product = client.get("/odata/v1/Products?$top=1").json()["value"][0]["Id"]
    execution = {"inputs": {"product": "x"}, "subscriber": {"successUri": url}}
    asked = {
        "/odata/v1/ProductionOrders": order(url),
        f"/ogc/processes/{WORKFLOW}/execution": execution,
        "/odata/v1/Subscriptions": {"SubscriptionType": "push", "NotificationEndpoint": url},
        f"/odata/v1/Products({product})/OData.CSC.Order": {"NotificationEndpoint": url},
        "/api/v1/orders": {"type": "S3_GRDH_1S", "for": "x", "notify": url},
    }
    for path, body in asked.items():
        reply = client.post(path, json=body)
        assert reply.status_code == 400, (path, reply.status_code, reply.text[:300])
    for held in ("Orders", "Subscriptions", "ProductionOrders"):
        assert client.get(f"/odata/v1/{held}/$count").text == "0"


@pytest.mark.parametrize("name", ["me:too", "me\n", "m" * 5000])
def test_a_login_that_cannot_be_carried_is_refused(client: httpx2.Client, name: str) -> None:
    product = client.get("/odata/v1/Products?$top=1").json()["value"][0]["Id"]
    login = {"NotificationEpUsername": name, "NotificationEpPassword": "x"}
    url = "http://127.0.0.1:9/"
    asked = {
        "/odata/v1/ProductionOrders": order(url) | login,
        "/odata/v1/Subscriptions": {"SubscriptionType": "push", "NotificationEndpoint": url} | login,
        f"/odata/v1/Products({product})/OData.CSC.Order": {"NotificationEndpoint": url} | login,
    }
    for path, body in asked.items():
        reply = client.post(path, json=body)
        assert reply.status_code == 400, (path, reply.status_code, reply.text[:300])


@pytest.mark.parametrize("text", FILTERS, ids=lambda text: text[:40])
def test_filters_made_to_hurt_are_refused(client: httpx2.Client, text: str) -> None:
    for path in LISTS:
        reply = client.get(path, params={"$filter": text})
        assert reply.status_code == 400, (path, reply.status_code, reply.text[:300])
        assert len(reply.json()["error"]["message"]) > 15


@pytest.mark.parametrize(
    "query",
    ["$filter=%ff", "$filter=Id%20eq%20'%00'", "$orderby=%c3%28", "$skiptoken=%ff", "%ff=%ff", "$top=-1", "$top=%d9%a3",
     "$skip=" + "9" * 400, "$skiptoken=" + "A" * 8000, "$select=" + "Id," * 2000, "$expand=%ff", "$count=perhaps"],
    ids=lambda query: query[:30],
)  # fmt: skip
def test_queries_that_are_none_are_answered(client: httpx2.Client, query: str) -> None:
    for path in LISTS:
        assert client.get(f"{path}?{query}").status_code in {200, 400}, path
    for path in ("/ogc/jobs", "/ogc/processes", "/demands", "/orders", "/api/v1/orders"):
        reply = client.get(f"{path}?{query.replace('$', '')}&status=%ff&limit=%ff&datetime=%00&before=%ff")
        assert reply.status_code < 500, (path, reply.text[:300])


@pytest.mark.parametrize("key", ["%00", "%ff%fe", "..%2f..%2fetc", "'x", "a" * 9000, "%2527", "9" * 400])
def test_keys_of_nothing_name_nothing(client: httpx2.Client, key: str) -> None:
    paths = [f"{path}({key})" for path in LISTS] + [
        f"/cadip/odata/v1/Files({key})/$value", f"/auxip/odata/v1/Products({key})/$value", f"/ogc/jobs/{key}",
        f"/ogc/jobs/{key}/results", f"/ogc/processes/{key}", f"/odata/v1/ProductionOrder({key})/Product/$value",
        f"/odata/v1/Subscriptions({key})/Read", f"/demands/{key}", f"/console/products/{key}", f"/wishes/{key}",
        f"/orders/{key}", f"/console/jobs/{key}", f"/api/v1/orders/{key}", f"/api/v1/jobs/{key}",
    ]  # fmt: skip
    for path in paths:
        reply = client.get(path)
        assert 400 <= reply.status_code < 500, (path[:80], reply.status_code, reply.text[:300])


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "[::1", "a b", "\xff", "a" * 5000])
def test_forged_hosts_order_nothing(site: str, client: httpx2.Client, host: str) -> None:
    body = json.dumps(order("http://127.0.0.1:9/"))
    for method, path in BODIED:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        assert 200 <= raw(site, f"{head}{body}".encode("latin-1")) < 500, path
    for path in (*LISTS, "/ogc/jobs", "/demands"):
        assert raw(site, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1")) < 500
    assert client.get("/odata/v1/ProductionOrders/$count").text == "0"
