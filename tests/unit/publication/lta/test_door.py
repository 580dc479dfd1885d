"""Orders of what is offline as clients of the OData service meet them: a real server, real HTTP."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from s1pdgs.access.guard import Guard
from s1pdgs.access.operators import operator_gate
from s1pdgs.bus.courier import Courier
from s1pdgs.bus.notices import send_due
from s1pdgs.bus.tables import login
from s1pdgs.catalogue.retention import Form
from s1pdgs.model.product import Product
from s1pdgs.publication.lta.copying import archive_key
from s1pdgs.publication.lta.door import OrderDesk
from s1pdgs.publication.lta.eviction import evict
from s1pdgs.publication.lta.orders import forget_logins
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.service import mount
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects
from tests.databases import new_database
from tests.unit.publication.conftest import serving
from tests.unit.publication.lta.conftest import L0, SLC, House, new_house

COURIER = Courier(secret=b"secret")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """On one database: what the service asks of both is asked in the tests of `either`."""
    with new_database("sqlite", tmp_path) as database:
        yield new_house(database, tmp_path)


@pytest.fixture
def either(database: Database, tmp_path: Path) -> House:
    return new_house(database, tmp_path)


@contextmanager
def door(house: House, key: str | None = None) -> Iterator[httpx2.Client]:
    app = FastAPI()
    guard = Guard(operator_gate(key))
    desk = OrderDesk(house.database, house.restorer.terms, guard, COURIER, house.segment.clock)
    mount(app, house.database, house.store, additions=(desk.addition,))
    with serving(app) as address, httpx2.Client(timeout=60.0, base_url=f"{address}/odata/v1") as client:
        yield client


def offline(house: House, kind: tuple[str, str] = L0, number: int = 1) -> Product:
    product = house.make(kind, number)
    house.settle()
    evict(house.evictor, product.name, list(Form))
    house.later(hours=1)
    return product


def entity(client: httpx2.Client, product: Product) -> dict[str, Any]:
    (found,) = client.get("/Products", params={"$filter": f"Name eq '{product.name}.zip'"}).json()["value"]
    return dict(found)


def message(reply: httpx2.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    return str(reply.json()["error"]["message"])


def test_the_way_of_an_order(either: House) -> None:
    house = either
    product = offline(house)
    with door(house) as client, listening() as (endpoint, heard):
        seen = entity(client, product)
        assert (seen["Online"], seen["EvictionDate"]) == (False, "2026-01-05T08:00:01.000000Z")
        gone = message(client.get(f"/Products({seen['Id']})/$value"), 410)
        address = gone.partition("order it by POST ")[2].partition(",")[0]
        body = {"Priority": 80, "NotificationEndpoint": endpoint}
        body |= {"NotificationEpUsername": "me", "NotificationEpPassword": "secret words"}
        placed = client.post(address, json=body)
        assert placed.status_code == 201
        order = placed.json()
        assert order["@odata.context"] == "$metadata#Orders/$entity"
        assert {name: order[name] for name in ("Status", "Priority", "OrderSize", "ProductName", "CompletedDate")} == {
            "Status": "queued", "Priority": 80, "OrderSize": seen["ContentLength"], "ProductName": seen["Name"],
            "CompletedDate": None,
        }  # fmt: skip
        assert order["EstimatedDate"] > order["SubmissionDate"]
        assert "secret words" not in placed.text
        assert client.get(placed.headers["Location"]).json() == order
        waiting = message(client.get(f"/Products({seen['Id']})/$value"), 410)
        assert f"is being restored, likely until {order['EstimatedDate'][:19]}Z: see " in waiting
        assert f"/Orders({order['Id']})" in waiting
        assert restore_step(house.restorer)
        done = client.get("/Orders", params={"$filter": f"Id eq {order['Id']}", "$expand": "Product"}).json()["value"][
            0
        ]
        assert (done["Status"], done["Product"]["Online"]) == ("completed", True)
        assert done["EvictionDate"] == done["Product"]["EvictionDate"] == "2026-01-12T08:00:01.000000Z"
        assert client.get(f"/Orders({order['Id']})/Product").json()["Id"] == seen["Id"]
        reply = client.get(f"/Products({seen['Id']})/$value")
        assert hashlib.md5(reply.content).hexdigest() == seen["Checksum"][0]["Value"]
        with house.database.write() as connection:
            assert forget_logins(connection) == 0, "it is still to be told"
        assert send_due(house.database, COURIER, house.segment.clock)
        with house.database.write() as connection:
            assert forget_logins(connection) == 1
            assert connection.scalar(sa.select(sa.func.count()).select_from(login)) == 0
    ((headers, told),) = heard
    assert (told["OrderId"], told["Status"], told["ProductName"]) == (order["Id"], "completed", seen["Name"])
    assert headers["Authorization"].startswith("Basic ")
    sent = headers["X-S1pdgs-Signature"]
    assert sent == f"sha256={hmac.new(b'secret', headers['raw'].encode(), 'sha256').hexdigest()}"


def test_a_download_fails_for_nobody_while_the_zip_goes(house: House) -> None:
    product = house.make(SLC, measurement=bytes(16_000_000))  # more than the network holds
    with door(house) as client:
        seen = entity(client, product)
        with client.stream("GET", f"/Products({seen['Id']})/$value") as reply:
            house.later(hours=6)
            house.later(days=8)
            house.later(hours=1)
            content = reply.read()
        assert hashlib.md5(content).hexdigest() == seen["Checksum"][0]["Value"]
        assert client.get(f"/Products({seen['Id']})/$value").status_code == 410


def test_a_damaged_copy_is_told_with_its_checksum(house: House) -> None:
    product = offline(house)
    archive = house.restorer.terms.archive
    assert isinstance(archive, LocalObjects)
    archive.path(archive_key(product.name)).write_bytes(b"rotten")
    with door(house) as client:
        order = client.post(f"/Products({entity(client, product)['Id']})/OData.CSC.Order").json()
        assert restore_step(house.restorer)
        failed = client.get(f"/Orders({order['Id']})").json()
        assert failed["Status"] == "failed"
        assert hashlib.sha256(b"rotten").hexdigest() in failed["StatusMessage"]
        assert entity(client, product)["Online"] is False


def test_orders_are_listed_and_cancelled(either: House) -> None:
    house = either
    first, second = offline(house, L0, 1), offline(house, L0, 2)
    with door(house) as client:
        placed = [
            client.post(f"/Products({entity(client, product)['Id']})/OData.CSC.Order", json={"Priority": priority})
            for product, priority in ((first, 10), (second, 20), (second, 30))
        ]
        orders = [reply.json()["Id"] for reply in placed]
        listed = client.get("/Orders", params={"$orderby": "Priority desc", "$count": "true", "$top": "2"}).json()
        assert listed["@odata.count"] == 3
        assert [one["Id"] for one in listed["value"]] == [orders[2], orders[1]]
        rest = client.get(listed["@odata.nextLink"]).json()
        assert [one["Id"] for one in rest["value"]] == [orders[0]]
        cancelled = client.post(f"/Orders({orders[0]})/OData.CSC.Cancel")
        assert cancelled.json()["Status"] == "cancelled"
        assert "only orders that have not ended" in message(client.post(f"/Orders({orders[0]})/OData.CSC.Cancel"), 409)
        assert client.get("/Orders/$count", params={"$filter": "Status eq 'queued'"}).text == "2"
        assert "no order" in message(client.post("/Orders(nowhere)/OData.CSC.Cancel"), 404)


def test_what_has_no_copy_tells_that_it_can_be_made_again(house: House) -> None:
    bare = house.without_archive()
    product = bare.make(SLC)
    bare.settle()
    evict(bare.evictor, product.name, list(Form))
    with door(bare) as client:
        seen = entity(client, product)
        assert "can be made again on demand: see " in message(client.get(f"/Products({seen['Id']})/$value"), 410)
        gone = message(client.post(f"/Products({seen['Id']})/OData.CSC.Order"), 410)
        assert "no copy in the archive" in gone
        stac = client.get(f"{str(client.base_url).removesuffix('/odata/v1/')}/stac/search").json()["features"][0]
        assert "order:status" not in stac["properties"]


def test_stac_says_that_it_can_be_ordered(house: House) -> None:
    product = offline(house)
    with door(house) as client:
        address = (
            f"{str(client.base_url).removesuffix('/odata/v1/')}/stac/collections/{product.type}/items/{product.name}"
        )
        item = client.get(address).json()
        assert item["properties"]["order:status"] == "orderable"
        assert item["properties"]["expires"] == "2026-01-05T08:00:01.000000Z"
        assert "https://stac-extensions.github.io/order/v1.1.0/schema.json" in item["stac_extensions"]
        search = f"{str(client.base_url).removesuffix('/odata/v1/')}/stac/search"
        for status, found in (("orderable", [product.name]), ("succeeded", [])):
            page = client.get(search, params={"filter": f"order:status = '{status}'"}).json()
            assert [one["id"] for one in page["features"]] == found


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON"),
        ('{"Priority": 0}', "Priority: "),
        ('{"Priority": "high"}', "Priority: "),
        ('{"Priorty": 1}', "did you mean Priority"),
        ('{"NotificationEndpoint": "http://10.0.0.1/x"}', "NotificationEndpoint: .*not allowed"),
        ('{"NotificationEndpoint": "file:///etc/passwd"}', "NotificationEndpoint: "),
        ('{"NotificationEpUsername": "me"}', "come together"),
        ('{"NotificationEpUsername": "me", "NotificationEpPassword": "x"}', "with a NotificationEndpoint"),
    ],
)
def test_a_wrong_order_is_refused_and_nothing_is_placed(quiet: httpx2.Client, body: str, why: str) -> None:
    reply = quiet.post("/Products(x)/OData.CSC.Order", content=body)
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(message(reply, 400))
    assert quiet.get("/Orders/$count").text == "0"


def test_an_unknown_product_is_not_ordered(quiet: httpx2.Client) -> None:
    assert "no published product" in message(quiet.post("/Products(x)/OData.CSC.Order"), 404)
    assert "nothing in Orders" in message(quiet.get("/Orders(x)"), 404)


def test_ordering_asks_for_an_operator(house: House) -> None:
    product = house.make(SLC)
    with door(house, key="sesame") as client:
        address = f"/Products({entity(client, product)['Id']})/OData.CSC.Order"
        assert "operator key" in message(client.post(address), 403)
        order = client.post(address, headers={"X-Operator-Key": "sesame"})
        assert order.json()["Status"] == "completed"
        assert "operator key" in message(client.post(f"/Orders({order.json()['Id']})/OData.CSC.Cancel"), 403)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A service without products."""
    folder = tmp_path_factory.mktemp("quiet")
    with new_database("sqlite", folder) as database, door(new_house(database, folder)) as client:
        yield client


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[dict[str, str], dict[str, Any]]]]]:
    """A receiver of notices, and what it heard."""
    heard: list[tuple[dict[str, str], dict[str, Any]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(({**self.headers, "raw": text.decode()}, json.loads(text)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/told", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
