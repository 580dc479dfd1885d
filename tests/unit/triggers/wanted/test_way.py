"""Wanted products: the way back from a type to what is held, nothing twice unless asked, wishes that travel along."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.orders import drop
from s1pdgs.triggers.wanted.sources import WantedError, in_area, of_datatake, of_product, parse_area, touches
from s1pdgs.triggers.wanted.way import Action, Step, Wanted, carry_out, plan, way_types
from tests.unit.triggers.conftest import (
    CALIBRATION,
    DATATAKE,
    PLANS,
    Mission,
    at,
    companion,
    make,
    open_mission,
    raw_slice,
    segment,
    session,
    span,
)

ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]
GRDH = Wanted("S3_GRDH_1S")
SQUARE = Footprint.from_points([(10, 40), (11, 40), (11, 41), (10, 41)])


def image(of: Product, uid: str = "AAAA") -> Product:
    name = of.name.replace("RAW__0SDV", "GRDH_1SDV").replace("ABCD", uid)
    return evolve(of, name=name, type="S3_GRDH_1S", attributes={"datatakeID": DATATAKE})


def planned(mission: Mission, wanted: Wanted, product: str) -> list[Step]:
    with mission.database.read() as connection:
        return plan(connection, mission.planner.chains, wanted, [of_product(connection, product)])


def ordered(mission: Mission, wanted: Wanted, product: str) -> list[int]:
    with mission.database.write() as connection:
        steps = plan(connection, mission.planner.chains, wanted, [of_product(connection, product)])
        return list(carry_out(mission.planner, connection, wanted, steps).values())


def priority(mission: Mission, chain: str) -> int:
    with mission.database.read() as connection:
        found = connection.scalar(sa.select(jobs.job.c.priority).where(jobs.job.c.chain == chain))
    assert found is not None
    return int(found)


@pytest.fixture
def on_demand(tmp_path: Path) -> Iterator[Mission]:
    """Level-1 is made only when somebody wants it."""
    routes = [
        Route(route.chain.model_copy(update={"enabled": route.chain.unit != "slice"}), route.table)
        for route in Chains.read().routes
    ]
    with open_mission(tmp_path, Chains(tuple(routes))) as mission:
        yield mission


class TestWays:
    def test_the_chain_that_takes_what_is_held_is_ordered(self, on_demand: Mission) -> None:
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        assert on_demand.orders("l1-sm") == []
        (step,) = planned(on_demand, GRDH, raw_slice().name)
        assert (step.way, step.action, step.unit) == (("l1-sm",), Action.NEW, raw_slice().name)
        assert ordered(on_demand, GRDH, raw_slice().name) == [1]
        assert on_demand.order("l1-sm").state == OrderState.PLANNED

    def test_what_is_missing_on_the_way_is_made_first(self, on_demand: Mission) -> None:
        on_demand.receive(session())
        with on_demand.database.write() as connection:
            drop(connection, 1, "not now", on_demand.watch.now())
        (step,) = planned(on_demand, GRDH, session().name)
        assert (step.way, step.action) == (("l0-aio", "l0-asp", "l1-sm"), Action.AGAIN)

    def test_the_wish_travels_to_the_last_chain_with_its_parameters_and_priority(self, on_demand: Mission) -> None:
        wanted = evolve(GRDH, priority=77, parameters={"Slicing_Flag": "FALSE"})
        on_demand.receive(*CALIBRATION, *ACN, session())
        assert planned(on_demand, GRDH, session().name)[0].action is Action.ONGOING
        with on_demand.database.write() as connection:
            drop(connection, 1, "not now", on_demand.watch.now())
        assert ordered(on_demand, wanted, session().name) == [1]
        on_demand.receive(*PLANS)
        assert priority(on_demand, "l0-aio") == 77
        on_demand.work("l0-aio", segment("VV"), segment("VH"))
        assert priority(on_demand, "l0-asp") == 77
        on_demand.work("l0-asp", raw_slice())
        assert on_demand.spec("l1-sm").order.parameter("Slicing_Flag") == "FALSE"
        assert on_demand.jobs("l1-sm") == [(1, "ready")]

    def test_without_a_wish_a_chain_that_is_off_stays_off(self, on_demand: Mission) -> None:
        on_demand.receive(*PLANS, *CALIBRATION, *ACN, segment("SV"))
        on_demand.work("l0-asp", raw_slice())
        assert on_demand.orders("l1-sm") == []

    def test_a_data_take_gives_all_its_slices(self, on_demand: Mission) -> None:
        slices = [raw_slice(number, -3000 + 25 * number, -2967 + 25 * number) for number in range(3)]
        on_demand.receive(*slices, *ACN)
        with on_demand.database.read() as connection:
            group = of_datatake(connection, DATATAKE, "S1A")
            steps = plan(connection, on_demand.planner.chains, GRDH, [group])
        assert [step.unit for step in steps] == [each.name for each in slices]

    def test_a_level_0_type_is_made_of_segments_and_of_its_own_mode(self, mission: Mission) -> None:
        mission.receive(segment("VV"))
        (step,) = planned(mission, Wanted("S3_RAW__0S"), segment("VV").name)
        assert (step.way, step.action) == (("l0-asp",), Action.ONGOING)
        assert "waiting since" in step.note
        with pytest.raises(WantedError, match="nothing held of it leads to IW_RAW__0S, which is made by l0-asp"):
            planned(mission, Wanted("IW_RAW__0S"), segment("VV").name)

    def test_an_order_that_waits_takes_the_wish_and_a_job_does_not(self, mission: Mission) -> None:
        wanted = evolve(GRDH, priority=3)
        mission.receive(*CALIBRATION, raw_slice())
        assert planned(mission, wanted, raw_slice().name)[0].action is Action.JOINED
        assert ordered(mission, wanted, raw_slice().name) == [1]
        mission.receive(*ACN)
        assert mission.jobs("l1-sm") == [(1, "ready")]
        assert priority(mission, "l1-sm") == 3
        (step,) = planned(mission, wanted, raw_slice().name)
        assert (step.action, step.note) == (Action.ONGOING, "job 1 waits for a free worker, not as asked here")


class TestWhatExists:
    def test_is_not_made_again_unless_asked(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice())
        mission.work("l1-sm", image(raw_slice()))
        (step,) = planned(mission, GRDH, raw_slice().name)
        assert (step.action, step.note) == (Action.EXISTS, f"{image(raw_slice()).name} is held")
        assert ordered(mission, GRDH, raw_slice().name) == []
        assert ordered(mission, evolve(GRDH, again=True), raw_slice().name) == [1]
        assert mission.jobs("l1-sm") == [(1, "done"), (2, "ready")]

    def test_may_have_come_from_elsewhere(self, mission: Mission) -> None:
        mission.receive(*ACN, raw_slice(), image(raw_slice()))
        assert planned(mission, GRDH, raw_slice().name)[0].action is Action.EXISTS

    def test_is_made_again_when_files_and_zip_are_gone(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice())
        mission.work("l1-sm", image(raw_slice()))
        with mission.database.write() as connection:
            product = catalogue.product
            ours = product.update().where(product.c.type == "S3_GRDH_1S")
            connection.execute(ours.values(evicted_at=at(0)))
        assert planned(mission, GRDH, raw_slice().name)[0].action is Action.EXISTS, "users can have its zip"
        with mission.database.write() as connection:
            connection.execute(ours.values(gone_at=at(0)))
        (step,) = planned(mission, GRDH, raw_slice().name)
        assert (step.action, step.note) == (Action.AGAIN, "its order was done")

    def test_a_running_job_is_left_and_its_order_runs_again_after_it(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice())
        claim = mission.claim("l1-sm")
        assert planned(mission, GRDH, raw_slice().name)[0].action is Action.ONGOING
        ordered(mission, evolve(GRDH, again=True, parameters={"Slicing_Flag": "FALSE"}), raw_slice().name)
        assert mission.jobs("l1-sm") == [(1, "running")]
        mission.work("l1-sm", claim=claim)
        assert mission.jobs("l1-sm") == [(1, "done"), (2, "ready")]
        assert mission.spec("l1-sm").order.parameter("Slicing_Flag") == "FALSE"


class TestAreas:
    def test_only_what_touches_the_area_in_time(self, on_demand: Mission) -> None:
        there = evolve(raw_slice(2, -2975, -2942), footprint=Footprint.from_points([(10, 50), (11, 50), (11, 51)]))
        on_demand.receive(evolve(raw_slice(), footprint=SQUARE), there)
        assert areas(on_demand, "POINT (10.5 40.5)", span(-4000, 0)) == [[raw_slice().name]]
        assert areas(on_demand, "POINT (10.5 40.5)", span(-2000, 0)) == []
        assert areas(on_demand, None, span(-3000, -2960)) == [[raw_slice().name, there.name]]

    @pytest.mark.parametrize(
        ("wkt", "message"),
        [("POLYGON ((", "is not well-known text"), ("POINT EMPTY", "is empty"), ("POINT (10 91)", "in degrees")],
    )
    def test_wrong_areas(self, wkt: str, message: str) -> None:
        with pytest.raises(WantedError, match=message):
            parse_area(wkt)

    @given(st.floats(-180, 180), st.floats(-70, 70), st.sampled_from([-360.0, 0.0, 360.0]))
    def test_a_footprint_touches_its_middle_wherever_the_dateline_is(
        self, west: float, south: float, turn: float
    ) -> None:
        corners = [(west, south), (west + 4, south), (west + 4, south + 2), (west, south + 2)]
        ring = [((lon + 180) % 360 - 180, lat) for lon, lat in corners]
        footprint = Footprint((*ring, ring[0]))
        middle = west + 2 + (turn if abs(west + 2 + turn) <= 360 else 0)
        assert touches(footprint, box(middle - 0.1, south + 0.9, middle + 0.1, south + 1.1))
        assert not touches(footprint, box(middle + 90, south, middle + 91, south + 2))


def areas(mission: Mission, wkt: str | None, time: Interval) -> list[list[str]]:
    with mission.database.read() as connection:
        types = way_types(connection, mission.planner.chains, "S3_GRDH_1S")
        groups = in_area(connection, types, time, None if wkt is None else parse_area(wkt), None)
    return [[held.name for held in group] for group in groups]


class TestMistakes:
    def test_a_type_that_nothing_makes(self, mission: Mission) -> None:
        mission.receive(raw_slice())
        with pytest.raises(WantedError, match=r"no chain makes S3_OCN__2S; they make .*SM_GRDH_1S"):
            planned(mission, Wanted("S3_OCN__2S"), raw_slice().name)

    def test_a_product_that_leads_nowhere(self, mission: Mission) -> None:
        mission.receive(make("file", "AUX_CAL", span(0, 1)))
        with pytest.raises(WantedError, match=r"is made by l1-sm \(of S\[1-6\]_RAW__0S with sliceProductFlag True"):
            planned(mission, GRDH, "file")

    def test_a_parameter_that_the_chain_does_not_have(self, mission: Mission) -> None:
        mission.receive(raw_slice())
        with pytest.raises(WantedError, match=r"chain l1-sm has no parameter Speed; it has .*Slicing_Flag"):
            planned(mission, evolve(GRDH, again=True, parameters={"Speed": "9"}), raw_slice().name)

    def test_a_product_that_is_not_there(self, mission: Mission) -> None:
        with pytest.raises(WantedError, match="the catalogue has no product nothing"):
            planned(mission, GRDH, "nothing")
