"""The pages of orders, wishes and campaigns, and what operators do there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.operators import operator_gate
from s1pdgs.bus.courier import Courier
from s1pdgs.console.orders import order_pages
from s1pdgs.console.web import mount
from s1pdgs.model.job import OrderState
from s1pdgs.storage.objects import memory_objects
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns import steps as campaign_steps
from s1pdgs.triggers.campaigns.campaign import Action
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import asked_of
from tests.unit.triggers.campaigns.test_campaign import SLICES, of_campaign, planned
from tests.unit.triggers.conftest import CALIBRATION, Mission, open_mission, raw_slice
from tests.unit.triggers.wanted.test_way import ACN, image


@define
class Pages:
    """A browser at the console of a mission."""

    mission: Mission
    client: TestClient

    def look(self, path: str, code: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == code, answer.text
        return answer.text

    def act(self, path: str, code: int = 303, **form: str) -> str:
        answer = self.client.post(path, data=form)
        assert answer.status_code == code, answer.text
        return answer.text

    def wish(self, **words: str) -> None:
        asked = asked_of({"type": "S3_GRDH_1S", "for": raw_slice().name, **words})
        with self.mission.database.write() as connection:
            wanted_wish.place(self.mission.planner, connection, asked, Courier())

    def campaign(self) -> None:
        with self.mission.database.write() as connection:
            campaigns.create(connection, planned(), self.mission.watch)
        while campaign_steps.step(self.mission.planner, self.mission.database):
            pass


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with open_mission(tmp_path) as mission:
        app = FastAPI()
        mount(
            app, mission.database, memory_objects(), mission.watch, operator_gate(None), work_root=tmp_path,
            additions=(order_pages(mission.planner),),
        )  # fmt: skip
        client = TestClient(
            app, base_url="http://127.0.0.1", client=("127.0.0.1", 40000), follow_redirects=False,
            headers={"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"},
        )  # fmt: skip
        yield Pages(mission, client)


def test_empty_pages_tell_what_would_fill_them(pages: Pages) -> None:
    assert "No order is like this" in pages.look("/orders")
    assert "Nobody has ordered a product yet" in pages.look("/wishes")
    assert "No campaign was created yet" in pages.look("/campaigns")


def test_orders_are_filtered_explained_released_and_dropped(pages: Pages) -> None:
    pages.mission.receive(*ACN, raw_slice())
    assert raw_slice().name in pages.look("/orders?state=waiting&chain=l1-sm")
    assert raw_slice().name not in pages.look("/orders?state=done")
    page = pages.look("/orders/1")
    assert "open: AUX_CAL covering" in page
    assert "input AUX_CAL (mandatory): not met" in page
    assert "lacks what it must have" in pages.act("/orders/1/release", 409)
    pages.act("/orders/1/drop", reason="a test <here>")
    assert "dropped: a test &lt;here&gt;" in pages.look("/orders/1")
    assert "ended already" in pages.act("/orders/1/drop", 409)
    pages.mission.receive(*CALIBRATION)
    pages.act("/orders/1/release")
    assert "job 1 waits for a free worker" in pages.look("/orders/1")
    assert "There is no order 7" in pages.look("/orders/7", 404)


def test_a_wish_shows_its_orders_products_and_notices(pages: Pages) -> None:
    pages.mission.receive(*CALIBRATION, *ACN, raw_slice())
    pages.wish(priority="33", deadline="2020-06-15T13:30:00", notify="http://localhost:1/told")
    assert 'href="/wishes/1"' in pages.look("/wishes")
    pages.mission.watch.turn(3600)
    assert "is-late" in pages.look("/wishes")
    assert "is-late" in pages.look("/orders")
    page = pages.look("/wishes/1")
    assert "job 1 is ready" in page
    assert "orders go on with what is there then" in page
    pages.act("/wishes/1/cancel")
    assert "tells http://localhost:1/told after" in pages.look("/wishes/1")
    pages.act("/wishes/1/cancel", 409)
    pages.act("/wishes/1/tell", 409)
    assert pages.mission.order("l1-sm").state == OrderState.PLANNED, "data caused it"


def test_a_campaign_shows_its_progress_and_is_paused_resumed_and_cancelled(pages: Pages) -> None:
    pages.mission.receive(*CALIBRATION, *ACN, *SLICES)
    for each in SLICES:
        pages.mission.work("l1-sm", image(each))
    pages.campaign()
    pages.mission.work("l1-sm", of_campaign(SLICES[0]))
    assert 'aria-label="1 of 4 done"' in pages.look("/campaigns")
    page = pages.look("/campaigns/again")
    assert '<rect class="done" x="0.0" y="0" width="0.25" height="1"/>' in page
    assert "4 units: 1 done, 0 running, 3 pending, 0 failed, 0 excluded" in page
    assert SLICES[3].name in pages.look("/orders?campaign=again")
    for action, stands in ((Action.PAUSE, "paused"), (Action.RESUME, "running"), (Action.CANCEL, "cancelled")):
        pages.act(f"/campaigns/again/{action}")
        assert f"is-{stands}" in pages.look("/campaigns/again")
    assert "was cancelled before" in pages.act("/campaigns/again/cancel", 409)
    assert "There is no campaign x" in pages.look("/campaigns/x", 404)


def test_actions_from_elsewhere_are_refused(pages: Pages) -> None:
    pages.mission.receive(*ACN, raw_slice())
    for path in ("/orders/1/drop", "/orders/1/release", "/wishes/1/cancel", "/wishes/1/tell", "/campaigns/x/pause"):
        answer = pages.client.post(path, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403
    assert pages.mission.order("l1-sm").state == OrderState.WAITING
