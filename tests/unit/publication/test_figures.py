"""Completeness and timeliness are counted from what was expected."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.takes import Standing
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication import account, figures_text
from s1pdgs.publication.figures import Figures, Group, Step, figures, percentile
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.triggers.expectations.account import MOST, TooManyError, identified, within
from s1pdgs.triggers.expectations.fates import Cause
from tests.databases import KINDS, new_database
from tests.unit.triggers.account import chains_to_level_2, evict, image, plan, planned, report, slice_of, tell
from tests.unit.triggers.conftest import CALIBRATION, DATATAKE, NOON, PLANS, Mission, companion, mission_on, segment

DAY = Interval(NOON - timedelta(days=1), NOON + timedelta(days=1))
SLICES = [slice_of(number) for number in (1, 2, 3, 4)]
ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with new_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def mission(database: Database, tmp_path: Path) -> Mission:
    """A data take of which slice 1 has become SLC and GRD, nothing of slice 3 came, and one that never came."""
    made = mission_on(database, chains_to_level_2(tmp_path / "chains"))
    plan(made, planned(), planned(-90_000, -89_900, number=7))
    made.receive(*PLANS, *CALIBRATION, segment("VV"), segment("VH", uid="ABCE"))
    made.work("l0-asp", *SLICES[:2], SLICES[3], *ACN)
    tell(made, report([*SLICES[:2], None, SLICES[3]]))
    made.watch.turn(7200)
    made.work("l1-sm", image(SLICES[0]), image(SLICES[0], "GRDH_1S"))
    return made


def published(mission: Mission, product: Product, after_s: float | None) -> None:
    """Publish a product so long after its t0; None requests it only."""
    moment = None if after_s is None else product.t0 + timedelta(seconds=after_s)
    with mission.database.write() as connection:
        identity = sa.select(catalogue.product.c.id).where(catalogue.product.c.name == product.name)
        values = {"state": "published", "attempts": 1, "retry_at": NOON, "requested_at": NOON, "published_at": moment}
        connection.execute(publication.insert().values(product_id=connection.scalar(identity), **values))


def counted(mission: Mission, time: Interval = DAY) -> Figures:
    now = mission.watch.now()
    with mission.database.read() as connection:
        return figures(connection, within(connection, mission.planner.chains, now, time), now)


def test_completeness_is_what_was_made_of_what_was_expected(mission: Mission) -> None:
    found = counted(mission)
    assert found.standings == {Standing.COMPLETE: 1}
    level_0, level_1, level_2 = found.completeness
    assert level_0.group == Group("S1A", "SM", 0)
    assert (level_0.expected, level_0.made, level_0.pending, level_0.missing) == (7, 6, 0, {Cause.GAP: 1})
    assert (level_1.expected, level_1.made, level_1.pending, level_1.missing) == (8, 2, 4, {Cause.GAP: 2})
    assert (level_2.expected, level_2.made, level_2.pending) == (4, 0, 3)
    assert level_1.share == 0.25


def test_what_never_came_is_missing_up_to_the_last_level(mission: Mission) -> None:
    mission.watch.turn(86_400)
    found = counted(mission, Interval(DAY.start - timedelta(days=1), DAY.stop))
    assert found.standings == {Standing.COMPLETE: 1, Standing.MISSING: 1}
    assert [each.missing[Cause.NEVER_ACQUIRED] for each in found.completeness] == [7, 8, 4]


def test_removed_products_were_made_and_refused_ones_do_not_count(mission: Mission) -> None:
    evict(mission, image(SLICES[0]))
    level_1 = counted(mission).completeness[1]
    assert (level_1.made, level_1.evicted, level_1.expected) == (2, 1, 8)


def test_lateness_is_by_timeliness_with_the_step_that_took_longest(mission: Mission) -> None:
    for number, after_s in enumerate((60.0, 90.0)):
        published(mission, SLICES[number], after_s)
    published(mission, SLICES[3], None)
    published(mission, image(SLICES[0]), 4 * 3600)
    mission.watch.turn(1800)
    level_0, level_1 = counted(mission).punctuality
    assert (level_0.timeliness, level_0.in_time, level_0.late, level_0.overdue) == (Timeliness.NRT, 2, 0, 1)
    assert level_0.percentiles_s == {50: 60.0, 90: 90.0, 99: 90.0}
    assert level_0.longest == {Step.PUBLICATION: 1}
    assert (level_1.in_time, level_1.late, level_1.overdue, level_1.not_due) == (0, 1, 0, 0)
    assert level_1.longest == {Step.WORKER: 1}
    assert [each.product for each in counted(mission).latest] == [image(SLICES[0]).name, SLICES[3].name]


def test_the_figures_are_told_to_people_and_machines(mission: Mission) -> None:
    published(mission, SLICES[0], 60)
    found = counted(mission)
    lines = list(figures_text.as_lines(found, DAY, mission.watch.now()))
    assert lines[:2] == [
        "2020-06-14 12:00 to 2020-06-16 12:00 UTC: 1 data takes (1 complete)",
        "products: 8 of 19 made (42.1 %), 7 pending, 4 missing (gap 4)",
    ]
    assert "S1A SM L1                 8      2        4        2   25.0 %  gap 2" in lines
    assert "S1A SM L0 NRT         3 h        1     0        0   0:01:00   0:01:00   0:01:00" in lines
    told = figures_text.as_json(found, DAY)
    assert told["total"]["missing_by_cause"] == {"gap": 4}
    assert told["timeliness"][0]["p50_s"] == 60.0
    empty = list(figures_text.as_lines(Figures({}, (), (), ()), DAY, NOON))
    assert empty == ["2020-06-14 12:00 to 2020-06-16 12:00 UTC: 0 data takes"]


def test_a_data_take_is_told_with_its_deliveries_and_its_packets(mission: Mission) -> None:
    published(mission, SLICES[0], 60)
    published(mission, SLICES[1], 4 * 3600)
    now = mission.watch.now()
    with mission.database.read() as connection:
        (found,) = identified(connection, mission.planner.chains, now, DATATAKE)
        lines = list(account.as_lines(connection, found, now))
        told = account.as_json(connection, found, now)
    assert lines[0] == "S1A data take 024A10 (SM), 2020-06-15T11:10:00Z to 2020-06-15T11:11:40Z, 100 s: complete"
    assert lines[1] == "planned: 2020-06-15T11:10:00Z to 2020-06-15T11:11:40Z, DV, by plan"
    assert lines[2] == "products: 8 of 19 made, 7 pending, 4 missing (gap 4)"
    assert f"  S3_RAW__0S  made     {SLICES[0].name}, NRT in time, published after 0:01:00" in lines
    assert f"  S3_RAW__0S  made     {SLICES[1].name}, NRT late by 1:00:00, published after 4:00:00" in lines
    assert "      S3_OCN__2S  pending  S3_SLC__1S is pending: order 3 (l1-sm): job 3 waits for a free worker" in lines
    assert "  every packet is here" in lines
    assert told["report"] == "REPORT"
    assert told["plan"]["name"] == "plan"
    assert [each["state"] for each in told["expected"] if each["slice"] == 3] == ["missing"] * 4


def test_an_answer_about_very_many_data_takes_is_refused(mission: Mission, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST >= 10_000
    monkeypatch.setattr("s1pdgs.triggers.expectations.account.MOST", 1)
    with pytest.raises(TooManyError, match="more than 1 data takes begin from"):
        counted(mission, Interval(DAY.start - timedelta(days=1), DAY.stop))


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted), st.integers(1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)
