"""Ordering from the pages of products: what can be made of a slice, and what is offline."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.operators import operator_gate
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.console.demands import demand_pages
from s1pdgs.console.orders import order_pages
from s1pdgs.console.web import mount
from s1pdgs.publication.tables import publication
from tests.databases import new_database
from tests.unit.console.test_browser import CHROMIUM, complaints, look
from tests.unit.publication.conftest import serving
from tests.unit.publication.on_demand.conftest import House, filled
from tests.unit.triggers.conftest import raw_slice

SLICE = f"/console/products/{product_uuid(raw_slice().name)}"


@define
class Pages:
    """A browser at the console of a ground segment that takes orders."""

    house: House
    app: FastAPI
    client: TestClient

    def look(self, path: str, code: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == code, answer.text
        return answer.text

    def act(self, path: str, code: int = 303, **form: object) -> str:
        """What a form leads to: the page after it, or the text of the one that says why not."""
        answer = self.client.post(path, data=form)
        assert answer.status_code == code, answer.text
        return answer.headers["location"] if code == 303 else answer.text

    def make(self, value: str = "coarse", **form: object) -> str:
        return self.act(f"{SLICE}/make", workflow="SM_GRDH_1S", option=["Dem"], value=[value], **form)

    def evicted(self) -> str:
        """The page of a published product that is offline."""
        self.make()
        product = self.house.work(raw_slice())
        self.house.settle()
        with self.house.database.write() as connection:
            connection.execute(publication.update().values(evicted_at=self.house.mission.watch.now()))
        return f"/console/products/{product_uuid(product.name)}"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with new_database("sqlite", tmp_path) as database:
        house = filled(database, tmp_path)
        app = FastAPI()
        mount(
            app, database, house.store, house.mission.watch, operator_gate(None), work_root=tmp_path, desk=house.desk,
            additions=(order_pages(house.mission.planner), demand_pages(house.desk)),
        )  # fmt: skip
        client = TestClient(
            app, base_url="http://127.0.0.1", client=("127.0.0.1", 40000), follow_redirects=False,
            headers={"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"},
        )  # fmt: skip
        yield Pages(house, app, client)


def test_a_slice_offers_what_can_be_made_of_it_with_its_options(pages: Pages) -> None:
    page = pages.look(SLICE)
    assert re.findall(r"<button>Order (\w+)</button>", page) == ["SM_GRDH_1S", "SM_SLC__1S"]
    assert re.search(r'name="option" value="Dem"><input name="value" value="coarse"', page)
    assert "Nothing was ordered yet" in pages.look("/demands")


def test_an_order_is_shown_followed_and_leads_to_its_product(pages: Pages) -> None:
    order = pages.make(priority=70)
    page = pages.look(order)
    assert ("job 1 is ready" in page, "Wish 1" in page, "<dt>Priority</dt><dd>70</dd>" in page) == (True, True, True)
    product = pages.house.work(raw_slice())
    pages.house.settle()
    page = pages.look(order)
    assert "is-completed" in page
    assert f'href="/console/products/{product_uuid(product.name)}"' in page
    assert "Cancel" not in page
    assert raw_slice().name in pages.look("/demands")


def test_an_order_is_cancelled_once(pages: Pages) -> None:
    order = pages.make(value="fine")
    assert pages.act(f"{order}/cancel") == order
    assert "is-cancelled" in pages.look(order)
    assert "only one that is queued or in progress" in pages.act(f"{order}/cancel", 409)


@pytest.mark.parametrize(
    ("form", "code", "why"),
    [
        ({"workflow": "IW_GRDH_1S"}, 409, "workflow IW_GRDH_1S takes"),
        ({"workflow": "nothing"}, 404, "There is no workflow of Name"),
        ({"workflow": "SM_GRDH_1S", "option": ["Colour"], "value": ["red"]}, 409, "has no option"),
    ],
)
def test_what_cannot_be_ordered_is_told(pages: Pages, form: dict[str, object], code: int, why: str) -> None:
    assert why in pages.act(f"{SLICE}/make", code, **form)
    assert "Nothing was ordered yet" in pages.look("/demands")


@pytest.mark.parametrize("path", [f"{SLICE}/make", f"{SLICE}/order", "/demands/x/cancel"])
def test_pages_of_others_order_nothing(pages: Pages, path: str) -> None:
    form = {"workflow": "SM_GRDH_1S"}
    for headers in ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        assert pages.client.post(path, data=form, headers=headers).status_code == 403
    assert TestClient(pages.app, base_url="http://127.0.0.1").post(path, data=form).status_code == 403
    assert "Nothing was ordered yet" in pages.look("/demands")


def test_a_product_that_is_offline_is_ordered_and_shows_that_it_comes_back(pages: Pages) -> None:
    place = pages.evicted()
    assert "Order: bring it back" in pages.look(place)
    assert pages.act(f"{place}/order") == place
    page = pages.look(place)
    assert "It is ordered, and is brought back" in page
    assert "Order: bring it back" not in page


def test_what_is_online_or_inside_has_no_such_button(pages: Pages) -> None:
    assert "bring it back" not in pages.look(SLICE)
    assert "no published product" in pages.act(f"{SLICE}/order", 404)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this host (apt-get install chromium)")
def test_a_browser_shows_both_pages_without_complaint(pages: Pages, tmp_path: Path) -> None:
    offline, order = pages.evicted(), pages.make(value="fine")
    with serving(pages.app) as address:
        for number, (path, wanted) in enumerate(
            ((SLICE, "Order SM_SLC__1S"), (offline, "Order: bring it back"), (order, "Cancel"), ("/demands", "queued"))
        ):
            page, log = look(address + path, tmp_path / f"profile-{number}", for_ms=1500)
            assert complaints(log) == []
            assert wanted in page
