"""Where the store signs addresses, users get the bytes from it and all else from us: a real server, a real store."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from attrs import evolve
from fastapi import FastAPI

from s1pdgs.bus.outbox import Outbox
from s1pdgs.publication.service import mount
from s1pdgs.storage.objects.s3 import S3Objects, s3_objects
from s1pdgs.storage.objects.s3_bucket import Place
from s1pdgs.storage.objects.s3_signature import Keys
from tests.databases import new_database
from tests.s3 import s3_store
from tests.unit.conftest import ManualClock
from tests.unit.publication.conftest import (
    NOON,
    PNG,
    Segment,
    new_segment,
    product_name,
    serving,
    square,
    store_product,
)

NAME = product_name("S1A", "IW_SLC__1SDV", NOON, 1)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """The doors of a segment that has published a product from and into a bucket."""
    folder = tmp_path_factory.mktemp("presigned")
    with s3_store() as store, new_database("sqlite", folder) as database:
        clock = ManualClock()
        segment = Segment(database, evolve(store, signed_for=timedelta(minutes=1)), Outbox(clock), clock)
        segment.publish(store_product(segment.store, NAME, "IW_SLC__1S", ring=square(10, 45)))
        app = FastAPI()
        mount(app, segment.database, segment.store)
        with serving(app) as address, httpx2.Client(timeout=60.0, base_url=address) as client:
            yield client


def test_users_are_asked_to_come_again_while_the_store_is_away(tmp_path: Path) -> None:
    with new_database("sqlite", tmp_path) as database, closing_away() as away:
        segment = new_segment(database, tmp_path)
        segment.publish(store_product(segment.store, NAME, "IW_SLC__1S"))
        app = FastAPI()
        mount(app, database, away)
        with serving(app) as address, httpx2.Client(timeout=60.0, base_url=f"{address}/odata/v1") as client:
            found = client.get("/Products").json()["value"][0]
            reply = client.get(f"/Products({found['Id']})/$value")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "30")
    assert reply.json()["error"] == {
        "code": "ServiceUnavailable", "message": "the store cannot be reached now",
    }  # fmt: skip


@contextmanager
def closing_away() -> Iterator[S3Objects]:
    """A store whose server does not answer."""
    away = s3_objects(Place("pdgs", "http://127.0.0.1:1", Keys("A", "B"), patience_s=0.01))
    with away.bucket.http:
        yield away


@pytest.fixture
def product(doors: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = doors.get("/odata/v1/Products?$expand=Quicklooks").json()["value"][0]
    return found


@pytest.fixture
def value(product: dict[str, Any]) -> str:
    return f"/odata/v1/Products({product['Id']})/$value"


def test_a_download_is_sent_to_the_store_and_arrives_under_its_name(
    doors: httpx2.Client, product: dict[str, Any], value: str
) -> None:
    sent = doors.get(value)
    assert (sent.status_code, sent.headers["cache-control"]) == (307, "no-store")
    got = httpx2.get(sent.headers["location"])
    assert f'filename="{product["Name"]}"' in got.headers["content-disposition"]
    assert (got.headers["content-type"], len(got.content)) == ("application/zip", product["ContentLength"])
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.testzip() is None


def test_a_quicklook_comes_from_the_store_too(doors: httpx2.Client, product: dict[str, Any]) -> None:
    image = product["Quicklooks"][0]["Image"]
    got = doors.get(f"/odata/v1/Products({product['Id']})/Quicklooks('{image}')/$value", follow_redirects=True)
    assert (got.content, got.headers["content-type"]) == (PNG, "image/png")


def test_the_asset_of_a_stac_item_leads_to_the_store(doors: httpx2.Client, product: dict[str, Any]) -> None:
    item = doors.post("/stac/search", json={"ids": [NAME]}).json()["features"][0]
    href = next(asset["href"] for asset in item["assets"].values() if asset.get("type") == "application/zip")
    assert len(doors.get(href, follow_redirects=True).content) == product["ContentLength"]


def test_a_broken_download_resumes_at_the_store_and_one_of_ours_with_us(doors: httpx2.Client, value: str) -> None:
    whole = doors.get(value, follow_redirects=True)
    rest = doors.get(value, headers={"Range": "bytes=9-", "If-Range": whole.headers["etag"]}, follow_redirects=True)
    assert (rest.status_code, rest.content) == (206, whole.content[9:])
    ours = doors.head(value).headers["etag"]
    assert ours != whole.headers["etag"]
    rest = doors.get(value, headers={"Range": "bytes=9-", "If-Range": ours})
    assert (rest.status_code, rest.content) == (206, whole.content[9:])


def test_what_needs_no_bytes_is_answered_by_us(doors: httpx2.Client, value: str) -> None:
    head = doors.head(value)
    assert (head.status_code, int(head.headers["content-length"])) == (
        200,
        len(doors.get(value, follow_redirects=True).content),
    )
    assert doors.get(value, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
