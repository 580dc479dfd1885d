"""The pages of data takes and of the account: strips that show every product, and figures of a time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from starlette.testclient import TestClient

from s1pdgs.console.strips import WIDTH, strips
from s1pdgs.storage.objects import local_objects
from tests.unit.conftest import ManualClock
from tests.unit.console.conftest import Stage
from tests.unit.triggers.account import image, plan, planned, report, slice_of, tell, told
from tests.unit.triggers.conftest import CALIBRATION, NOON, PLANS, Mission, companion, open_mission, segment

SLICES = [slice_of(number) for number in (1, 2, 3, 4)]
ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    """Slice 1 has become images, nothing of slice 3 came, the plan goes on for two slices; another one never came."""
    with open_mission(tmp_path) as made:
        plan(made, planned(-3000, -2842), planned(-180_000, -179_900, number=7))
        made.receive(*PLANS, *CALIBRATION, segment("VV"), segment("VH", uid="ABCE"))
        made.work("l0-asp", *SLICES[:2], SLICES[3], *ACN)
        tell(made, report([*SLICES[:2], None, SLICES[3]]))
        made.work("l1-sm", image(SLICES[0]), image(SLICES[0], "GRDH_1S"))
        yield made


@pytest.fixture
def client(mission: Mission, tmp_path: Path) -> TestClient:
    clock = ManualClock(mission.watch.now())
    stage = Stage(mission.database, local_objects(tmp_path / "o"), clock, mission.planner.outbox, tmp_path)
    return stage.client()


def test_each_type_has_a_strip_with_a_cell_for_each_slice(mission: Mission) -> None:
    account, never = told(mission)
    found = {strip.label: strip for strip in strips(account)}
    assert list(found) == ["plan", "S3_RAW__0S", "A C N", "S3_SLC__1S", "S3_GRDH_1S"]
    assert [cell.state for cell in found["S3_RAW__0S"].cells] == [
        "made", "made", "missing", "made", "missing", "missing"
    ]  # fmt: skip
    assert found["S3_SLC__1S"].words == "1 of 6 made, 2 pending, 3 missing"
    assert found["S3_RAW__0S"].cells[2].title == "slice 3, S3_RAW__0S: missing, no packet of it is here"
    assert found["plan"].words == "11:10:00 to 11:12:38"
    assert {cell.state for strip in strips(never) for cell in strip.cells} == {"planned", "missing"}


def test_cells_lie_side_by_side_over_the_whole_time(mission: Mission) -> None:
    for account in told(mission):
        for strip in strips(account):
            ends = [cell.x + cell.width for cell in strip.cells]
            assert all(end <= cell.x + 0.01 for end, cell in zip(ends, strip.cells[1:], strict=False))
            assert (strip.cells[0].x, max(ends)) == (0.0, pytest.approx(WIDTH, abs=1.01))


def test_the_list_shows_planned_and_received_data_takes(client: TestClient) -> None:
    page = client.get("/datatakes").text
    cells = [rect.get("class") for rect in etree.HTML(page).iter("rect")]
    assert cells.count("cell is-planned") == 2
    assert cells.count("cell is-missing") > 10
    assert "S1A 024A10" in page
    assert "never acquired" in page
    assert "S1A 024A10" not in client.get("/datatakes?state=missing").text
    assert "S1A 000007" in client.get("/datatakes?state=missing").text


def test_one_is_told_by_its_number_or_its_name(client: TestClient) -> None:
    for path in ("/datatakes/1", "/datatakes/S1A-024A10"):
        page = client.get(path).text
        for wanted in (SLICES[0].name, "no packet of it is here", "what is here ends 58 s before the plan"):
            assert wanted in page
    never = client.get("/datatakes/S1A-000007").text
    assert "nothing of it came until" in never
    for path, sentence in (
        ("/datatakes/S1B-1", "Nothing is known of data take S1B-1"), ("/datatakes/xyz", "is no data take identifier"),
        ("/datatakes/" + "9" * 30, "nothing of such a name or number"),
    ):  # fmt: skip
        page = client.get(path)
        assert page.status_code == 404
        assert sentence in page.text


def test_the_account_of_a_time(client: TestClient) -> None:
    page = client.get("/account", params={"start": f"{NOON - timedelta(days=3):%Y-%m-%dT%H:%M}"}).text
    assert "8 of 36 made (22.2 %)" in page
    assert "15 never acquired" not in page
    assert "7 never acquired" in page
    assert "No data take begins in this time" in client.get("/account?start=2019-01-01&stop=2019-01-02").text
    assert client.get("/account?start=nonsense").status_code == 200
