"""What somebody wished tells so: jobs and products know whether data alone would have caused them, and with what."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from s1pdgs.catalogue.query import named
from s1pdgs.jobs.spec import OPTIONS, from_json, to_json
from s1pdgs.model.job import OrderState
from s1pdgs.triggers.explain.inquiry import inquire
from s1pdgs.triggers.explain.text import to_json as to_json_of
from s1pdgs.triggers.parameters import FACTS, _facts
from s1pdgs.triggers.units import Moment, gather
from s1pdgs.triggers.wanted.way import Action
from tests.unit.triggers.conftest import CALIBRATION, Mission, open_mission, raw_slice
from tests.unit.triggers.wanted.test_way import ACN, GRDH, image, ordered, planned
from tests.unit.triggers.wanted.test_wish import on_demand_chains, place


@pytest.fixture
def on_demand(tmp_path: Path) -> Iterator[Mission]:
    with open_mission(tmp_path, on_demand_chains()) as mission:
        mission.receive(*CALIBRATION, *ACN, raw_slice())
        yield mission


def test_what_data_would_not_have_caused_is_made_on_demand(on_demand: Mission) -> None:
    place(on_demand)
    spec = on_demand.spec("l1-sm")
    assert spec.on_demand == {}
    assert from_json(to_json(spec)) == spec


def test_a_parameter_that_differs_is_told_and_one_that_does_not_is_not(on_demand: Mission) -> None:
    place(on_demand, parameters={"Dem": "fine", "Application_LUT": "SM_Default"})
    spec = on_demand.spec("l1-sm")
    assert (spec.on_demand, spec.apart) == ({"Dem": "fine"}, False)
    assert dict(spec.order.parameters)["Dem"] == "fine"


def test_what_data_causes_stays_systematic_although_somebody_wants_it_sooner(mission: Mission) -> None:
    mission.receive(*CALIBRATION, raw_slice())
    place(mission, priority=30)
    mission.receive(*ACN)
    assert mission.spec("l1-sm").on_demand is None


def test_a_product_that_stands_apart_is_not_what_is_wanted(on_demand: Mission) -> None:
    fine = image(raw_slice())
    fine = evolve(fine, attributes={**fine.attributes, OPTIONS: "Dem=fine"})
    place(on_demand, parameters={"Dem": "fine"}, apart=True)
    assert on_demand.spec("l1-sm").apart
    on_demand.work("l1-sm", fine)
    assert [step.action for step in planned(on_demand, GRDH, raw_slice().name)] == [Action.AGAIN]
    (again,) = planned(on_demand, evolve(GRDH, parameters={"Dem": "fine"}, apart=True), raw_slice().name)
    assert (again.action, again.held) == (Action.EXISTS, (fine.name,))
    assert ordered(on_demand, GRDH, raw_slice().name) == [1]
    assert on_demand.spec("l1-sm").on_demand == {}


def test_the_facts_of_a_unit_are_known_by_name(on_demand: Mission) -> None:
    (route,) = [route for route in on_demand.planner.chains.routes if route.name == "l1-sm"]
    with on_demand.database.read() as connection:
        (held,) = named(connection, [raw_slice().name])
        unit = gather(connection, route.chain, held, Moment(on_demand.watch.now(), on_demand.watch.now()))
    assert _facts(route.chain, unit).keys() == FACTS


def test_a_product_that_stands_apart_causes_nothing_and_serves_nothing(mission: Mission) -> None:
    own = {"productionOptions": "Dem=fine"}
    special = raw_slice(uid="BCDE")
    mission.receive(evolve(special, attributes={**special.attributes, **own}))
    assert mission.orders("l1-sm") == []
    mission.receive(*[evolve(each, attributes={**each.attributes, **own}) for each in CALIBRATION], raw_slice())
    assert mission.order("l1-sm").state == OrderState.WAITING
    with mission.database.read() as connection:
        told = inquire(mission.planner, connection, mission.order("l1-sm").id)
    assert "made with Dem=fine" in str(to_json_of(told))
