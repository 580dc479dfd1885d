"""Pages of products: every product once, however they are asked for and whatever is published meanwhile."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.publication.service import mount
from s1pdgs.publication.tables import publication
from tests.unit.publication.conftest import NOON, Segment, product_name, serving, square, store_product

Body = dict[str, Any]
ORDERS = [
    "PublicationDate",
    "PublicationDate desc",
    "Name desc",
    "ContentDate/Start",
    "ContentLength,Name",
    "Online desc",
]


@pytest.fixture
def growing(segment: Segment) -> Iterator[httpx2.Client]:
    """The door of a segment that goes on publishing."""
    app = FastAPI()
    mount(app, segment.database, segment.store)
    with serving(app) as address, httpx2.Client(timeout=60.0, base_url=f"{address}/odata/v1") as client:
        yield client


def publish(segment: Segment, number: int) -> str:
    name = product_name("S1A", "IW_SLC__1SDV", NOON - timedelta(minutes=number), number)
    segment.publish(store_product(segment.store, name, "IW_SLC__1S", ring=square(1, 1), quicklook=False))
    return name


def names(body: Body) -> list[str]:
    return [one["Name"].removesuffix(".zip") for one in body["value"]]


def ask(client: httpx2.Client, **options: str) -> Body:
    reply = client.get("/Products", params={f"${name}": value for name, value in options.items()})
    assert reply.status_code == 200, reply.text
    body: Body = reply.json()
    return body


@settings(max_examples=15, deadline=None)
@given(order=st.sampled_from(ORDERS), top=st.integers(0, 14), skip=st.integers(0, 14))
def test_skip_and_top_cut_a_piece_out_of_the_whole(prip: httpx2.Client, order: str, top: int, skip: int) -> None:
    whole = names(ask(prip, orderby=order))
    piece = ask(prip, orderby=order, top=str(top), skip=str(skip))
    assert names(piece) == whole[skip : skip + top]
    is_cut = top > 0 and skip + top < len(whole)
    assert ("@odata.nextLink" in piece) == is_cut


def test_a_page_has_a_thousand_products_at_most(prip: httpx2.Client) -> None:
    for top in ("1000", "1001", "999999999"):
        assert len(names(ask(prip, top=top))) == 12
    assert prip.get("/Products", params={"$top": "1000000000"}).status_code == 400
    body = ask(prip, skip="1000000")
    assert names(body) == []
    assert "@odata.nextLink" not in body
    assert (
        "follow the @odata.nextLink" in prip.get("/Products", params={"$skip": "10000001"}).json()["error"]["message"]
    )


def test_a_list_of_a_thousand_names_is_filtered(prip: httpx2.Client) -> None:
    known = names(ask(prip))
    listed = [{"Name": f"{name}.zip"} for name in known] * 2 + [{"Name": f"S1A_UNKNOWN_{n}.SAFE"} for n in range(976)]
    assert len(listed) == 1000
    reply = prip.post("/Products/OData.CSC.FilterList?$select=Name", json={"FilterProducts": listed})
    assert names(reply.json()) == known
    assert reply.json()["@odata.context"] == "../$metadata#Products(Name)"
    assert prip.post("/Products/OData.CSC.FilterList", json={"FilterProducts": []}).json()["value"] == []


def test_products_without_a_date_come_before_those_that_have_it(segment: Segment, growing: httpx2.Client) -> None:
    published = [publish(segment, number) for number in range(3)]
    with segment.database.write() as connection:
        connection.execute(publication.update().where(publication.c.product_id == 2).values(evict_at=NOON))
    forward = [published[0], published[2], published[1]]
    for order, wanted in (("EvictionDate", forward), ("EvictionDate desc", forward[::-1])):
        body = ask(growing, orderby=order, top="1")
        read = names(body)
        while "@odata.nextLink" in body:
            body = growing.get(body["@odata.nextLink"]).json()
            read += names(body)
        assert read == wanted


def test_what_is_published_meanwhile_neither_hides_nor_doubles_others(segment: Segment, growing: httpx2.Client) -> None:
    before = [publish(segment, number) for number in range(6)]
    pages = {order: ask(growing, orderby=order, top="2") for order in ORDERS}
    read = {order: names(page) for order, page in pages.items()}
    published = list(before)
    while links := {order: page["@odata.nextLink"] for order, page in pages.items() if "@odata.nextLink" in page}:
        if len(published) < 9:
            published.append(publish(segment, len(published)))
        pages = {order: growing.get(link).json() for order, link in links.items()}
        for order, page in pages.items():
            read[order] += names(page)
    for order, found in read.items():
        assert len(found) == len({*found}), order
        assert {*before} <= {*found}, order
    assert read["PublicationDate"] == published


def test_who_polls_for_what_is_newer_gets_every_product_once(segment: Segment, growing: httpx2.Client) -> None:
    published: list[str] = []
    publishing = threading.Thread(target=lambda: published.extend(publish(segment, number) for number in range(12)))
    publishing.start()
    read: list[str] = []
    newest, is_last = "2000-01-01T00:00:00Z", False
    while not is_last:
        is_last = not publishing.is_alive()
        found = ask(growing, filter=f"PublicationDate gt {newest}", top="3")
        is_last = is_last and not found["value"]
        read += names(found)
        newest = found["value"][-1]["PublicationDate"] if found["value"] else newest
    publishing.join()
    assert read == published
    assert len(read) == 12
