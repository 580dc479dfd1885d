"""Products cause orders; orders wait for what their task tables ask for, once each, and say so."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.bus.events import ProductRestored
from s1pdgs.catalogue import tables as catalogue
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product
from s1pdgs.model.time import FAR_FUTURE
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.explain.inquiry import explain
from s1pdgs.triggers.orders import UnknownOrder, drop, evaluate, release
from tests.unit.triggers.conftest import (
    CALIBRATION,
    NOON,
    PLANS,
    Mission,
    at,
    auxiliary,
    companion,
    open_mission,
    raw_slice,
    segment,
    session,
    span,
)

ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]
ORBIT = auxiliary("AUX_RESORB", validity=span(-6000, 3000))


def explained(mission: Mission, order: int) -> str:
    with mission.database.read() as connection:
        return str(explain(connection, order))


class TestSessions:
    def test_a_session_waits_for_its_plans_and_then_gets_its_job(self, mission: Mission) -> None:
        mission.receive(session())
        order = mission.order("l0-aio")
        assert order.state == OrderState.WAITING
        assert str(order.reason).startswith(
            "waiting for AUX_OBMEMC covering 2020-06-15T11:50:00Z to 2020-06-15T12:00:00Z"
        )
        mission.receive(*PLANS[:2])
        assert mission.order("l0-aio").reason == (
            "waiting for MPL_ORBPRE covering 2020-06-11T11:50:00Z to 2020-06-15T12:00:00Z"
        )
        mission.receive(PLANS[2])
        assert mission.order("l0-aio").state == OrderState.PLANNED

    def test_a_prediction_that_began_too_late_does_not_serve(self, mission: Mission) -> None:
        late = auxiliary("MPL_ORBPRE", validity=Interval(NOON - timedelta(days=3), FAR_FUTURE), name="late")
        mission.receive(*PLANS[:2], session(), late)
        assert mission.order("l0-aio").state == OrderState.WAITING

    def test_an_input_that_comes_back_ends_the_wait(self, mission: Mission) -> None:
        mission.receive(*PLANS)
        plan = catalogue.product.update().where(catalogue.product.c.name == PLANS[2].name)
        with mission.database.write() as connection:
            connection.execute(plan.values(evicted_at=NOON))
        mission.receive(session())
        assert mission.order("l0-aio").state == OrderState.WAITING
        with mission.database.write() as connection:
            connection.execute(plan.values(evicted_at=None))
            mission.planner.outbox.emit(connection, ProductRestored(PLANS[2].name))
        mission.deliver()
        assert mission.order("l0-aio").state == OrderState.PLANNED

    def test_the_job_finds_blocks_and_plans_in_their_places(self, mission: Mission) -> None:
        mission.receive(*PLANS, session())
        spec = mission.spec("l0-aio")
        name = session().name
        places = [file.place for entry in spec.inputs if entry.type == "SESSION" for file in entry.files]
        assert places == [
            f"ch0{channel}/DCS_01_{name}_ch{channel}_{tail}"
            for tail in ("DSDB_00001.raw", "DSDB_00002.raw", "DSIB.xml")
            for channel in (1, 2)
        ]
        assert spec.order.files("SESSION") == places
        assert spec.order.file("MPL_ORBPRE") == "MPL_ORBPRE_file"
        assert spec.order.parameter("DownlinkTime") == "20200615T115000"
        assert (spec.order.parameter("Mission_Id"), spec.order.processing_station) == ("S1A", "SGS_")
        assert spec.order.within("/work/1/1").parameter("NRTOutputPath") == "/work/1/1/NRT"
        assert (spec.timeliness, spec.t0, spec.list_file) == (Timeliness.NRT, NOON, "AIOProc.LIST")
        assert spec.timeliness_of_content
        assert [task.program for pool in spec.pools for task in pool.tasks] == ["s1pdgs-aio"]
        (inputs,) = [entry.files for entry in spec.inputs if entry.type == "AUX_OBMEMC"]
        assert (inputs[0].key, inputs[0].place) == ("auxiliary/AUX_OBMEMC_file/AUX_OBMEMC_file", "AUX_OBMEMC_file")


class TestDataTakes:
    def test_a_complete_set_of_polarisations_is_assembled_at_once(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV", t0=NOON), segment("VH", t0=at(60)))
        order = mission.order("l0-asp")
        assert (order.state, order.unit) == (OrderState.PLANNED, "S1A-024A10")
        spec = mission.spec("l0-asp")
        assert spec.order.files("SM_RAW__0S") == [segment("VH").name, segment("VV").name]
        assert (spec.t0, spec.timeliness) == (at(60), Timeliness.FAST24)
        assert {file.place.partition("/")[0] for entry in spec.inputs for file in entry.files} >= {segment("VV").name}

    def test_a_lone_polarisation_waits_for_its_partner_for_a_while(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV"))
        assert "polarisation VH of data take 024A10 (goes on without it at 2020-06-15T13:05:00Z)" in str(
            mission.order("l0-asp").reason
        )
        mission.watch.turn(299)
        assert mission.sweep() == 0
        mission.watch.turn(1)
        assert mission.sweep() == 1
        assert mission.order("l0-asp").state == OrderState.PLANNED

    @pytest.mark.parametrize("polarisation", ["SV", "SH"])
    def test_single_polarisation_needs_no_partner(self, mission: Mission, polarisation: str) -> None:
        mission.receive(*PLANS, segment(polarisation))
        assert mission.order("l0-asp").state == OrderState.PLANNED

    @pytest.mark.parametrize(("acquired", "state"), [("VV", OrderState.PLANNED), ("VH&VV", OrderState.WAITING)])
    def test_packets_tell_whether_there_is_a_partner(self, mission: Mission, acquired: str, state: OrderState) -> None:
        lone = segment("VV")
        told = evolve(lone, attributes={**lone.attributes, "acquiredPolarisations": acquired})
        mission.receive(*PLANS, told)
        assert mission.order("l0-asp").state == state

    def test_parts_of_a_data_take_wait_for_each_other(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("SV", -3000, -2960, "START"))
        assert "the end of SV of data take 024A10" in str(mission.order("l0-asp").reason)
        mission.receive(segment("SV", -2930, -2900, "END"))
        assert "the middle of SV of data take 024A10" in str(mission.order("l0-asp").reason)
        mission.receive(segment("SV", -2961, -2929, "PARTIAL"))
        assert mission.order("l0-asp").state == OrderState.PLANNED
        assert len(mission.spec("l0-asp").order.files("SM_RAW__0S")) == 3

    def test_the_end_alone_misses_its_beginning(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("SV", -2930, -2900, "END"))
        assert "the beginning of SV of data take 024A10" in str(mission.order("l0-asp").reason)

    def test_gaps_are_accepted_when_the_time_is_over(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("SV", -3000, -2960, "START"))
        mission.watch.turn(36 * 3600 - 2960 - 3600 - 1)
        assert mission.sweep() == 0
        mission.watch.turn(2)
        assert mission.sweep() == 1
        assert mission.order("l0-asp").state == OrderState.PLANNED

    def test_an_operator_may_release_it_earlier(self, mission: Mission) -> None:
        mission.receive(segment("SV", -3000, -2960, "START"))
        with mission.database.write() as connection:
            assert not release(mission.planner, connection, 1)
        assert "the end of SV" not in str(mission.order("l0-asp").reason)
        mission.receive(*PLANS)
        with mission.database.write() as connection:
            assert release(mission.planner, connection, 1)

    def test_urgent_data_is_assembled_from_what_has_arrived(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV", -2990, -2960, "PARTIAL", timeliness=Timeliness.NRT))
        assert mission.order("l0-asp").state == OrderState.PLANNED

    def test_the_most_urgent_segment_sets_the_pace(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV", timeliness=Timeliness.FAST24), segment("VH", timeliness=Timeliness.PT))
        assert mission.spec("l0-asp").timeliness is Timeliness.PT

    def test_slices_and_products_of_the_assembly_start_no_assembly(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("SV"))
        standard = evolve(segment("SV", uid="0001"), attributes={**segment("SV").attributes, "productClass": "S"})
        mission.work("l0-asp", standard, raw_slice())
        assert len(mission.orders("l0-asp")) == 1
        assert mission.order("l0-asp").state == OrderState.DONE


class TestSlices:
    def test_a_slice_waits_for_each_input_by_name_and_condition(self, mission: Mission) -> None:
        mission.receive(raw_slice())
        reason = str(mission.order("l1-sm").reason)
        window = "covering 2020-06-15T11:10:00Z to 2020-06-15T11:10:33Z"
        assert f"SM_RAW__0A {window}, data take 024A10" in reason
        assert f"AUX_CAL {window}, instrument configuration 6" in reason
        assert "Orbit" not in reason
        assert "AUX_RES" not in reason

    def test_everything_here_makes_a_job_with_everything(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, ORBIT, *ACN, raw_slice(2, -2975, -2942))
        spec = mission.spec("l1-sm")
        kinds = [entry.file_type for task in spec.order.tasks for entry in task.inputs]
        assert kinds == [
            "SM_RAW__0S", "SM_RAW__0C", "SM_RAW__0N", "SM_RAW__0A", "AUX_PP1", "AUX_CAL", "AUX_INS", "AUX_RES",
        ]  # fmt: skip
        assert spec.order.sensing == span(-3000, -2900)
        assert spec.order.parameter("Slice_Number") == "2"
        assert spec.order.parameter("Total_Number_Of_Slices") == "4"
        assert (spec.order.parameter("Slice_Length"), spec.order.parameter("Slice_Overlap")) == ("25", "7.7")
        assert spec.order.parameter("Timeliness_Category") == "NRT-3h"
        assert [(output.type, output.mandatory) for output in spec.outputs] == [
            ("SM_SLC__1S", True), ("SM_SLC__1A", False), ("SM_GRDH_1S", True), ("SM_GRDH_1A", False),
        ]  # fmt: skip
        assert spec.outputs[0].pattern == "^.*_S[1-6]_SLC__1S.*$"

    def test_companions_of_other_data_takes_and_swaths_do_not_serve(self, mission: Mission) -> None:
        other = evolve(ACN[0], name="other", attributes={**ACN[0].attributes, "datatakeID": 1})
        swath = evolve(ACN[0], name="swath", type="S4_RAW__0A")
        mission.receive(*CALIBRATION, *ACN[1:], other, swath, raw_slice())
        assert str(mission.order("l1-sm").reason).startswith("waiting for SM_RAW__0A")

    def test_calibration_of_another_configuration_does_not_serve(self, mission: Mission) -> None:
        mission.receive(auxiliary("AUX_CAL", 5), CALIBRATION[0], CALIBRATION[2], *ACN, raw_slice())
        assert str(mission.order("l1-sm").reason).startswith("waiting for AUX_CAL")
        mission.receive(CALIBRATION[1])
        assert mission.order("l1-sm").state == OrderState.PLANNED
        assert mission.spec("l1-sm").order.file("AUX_CAL") == "AUX_CAL_6"

    def test_the_best_orbit_that_covers_the_data_take_is_taken(self, mission: Mission) -> None:
        precise = auxiliary("AUX_POEORB", validity=span(-2980, 9000), name="precise but too short")
        mission.receive(
            *CALIBRATION, auxiliary("AUX_PREORB", validity=span(-9000, 9000)), ORBIT, precise, *ACN, raw_slice()
        )
        spec = mission.spec("l1-sm")
        assert spec.order.file("AUX_POE", "AUX_RES", "AUX_PRE") == ORBIT.name

    def test_urgent_data_does_not_wait_for_an_orbit(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice())
        assert mission.order("l1-sm").state == OrderState.PLANNED

    def test_other_data_waits_half_an_hour_for_one(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice(timeliness=Timeliness.FAST24))
        assert "AUX_POE, AUX_RES or AUX_PRE covering" in str(mission.order("l1-sm").reason)
        assert explained(mission, 1).endswith(
            "next: at 2020-06-15T13:30:00Z it goes on without what is optional and still missing"
        )
        mission.watch.turn(1800)
        mission.sweep()
        assert mission.order("l1-sm").state == OrderState.PLANNED
        assert mission.spec("l1-sm").order.files("AUX_POE", "AUX_RES", "AUX_PRE") == []

    def test_an_orbit_ends_the_wait(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice(timeliness=Timeliness.FAST24))
        mission.receive(ORBIT)
        assert mission.spec("l1-sm").order.file("AUX_RES") == ORBIT.name

    def test_old_data_does_not_wait(self, mission: Mission) -> None:
        mission.watch.turn(57_600)
        mission.receive(*CALIBRATION, *ACN, raw_slice(timeliness=Timeliness.FAST24))
        assert mission.order("l1-sm").state == OrderState.PLANNED

    def test_each_slice_has_its_order(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice(1), raw_slice(2, -2975, -2942))
        assert [order.state for order in mission.orders("l1-sm")] == [OrderState.PLANNED] * 2

    def test_an_order_gives_up_in_the_end(self, mission: Mission) -> None:
        mission.receive(raw_slice())
        mission.watch.turn(7 * 86_400)
        assert mission.sweep() == 1
        order = mission.order("l1-sm")
        assert order.state == OrderState.EXPIRED
        assert "gave up waiting at 2020-06-22T13:00:00Z for SM_RAW__0C" in str(order.reason)
        assert mission.sweep() == 0


def test_a_whole_downlink_walks_through_the_chains(mission: Mission) -> None:
    mission.receive(*PLANS, *CALIBRATION, session(t0=at(5)))
    mission.work("l0-aio", segment("VV", t0=at(5)), segment("VH", t0=at(5)))
    mission.work("l0-asp", raw_slice(1, t0=at(5)), raw_slice(2, -2975, -2942, t0=at(5)), *ACN)
    states = {chain: [order.state for order in mission.orders(chain)] for chain in ("l0-aio", "l0-asp", "l1-sm")}
    assert states == {"l0-aio": ["done"], "l0-asp": ["done"], "l1-sm": ["planned", "planned"]}
    assert mission.spec("l1-sm").t0 == at(5)
    with mission.database.read() as connection:
        news = list(connection.scalars(sa.text("select type from event where type = 'OrderReady'")))
        assert connection.scalar(sa.text("select count(*) from order_need")) == 0
    assert len(news) == 4


def test_explanations_follow_the_order_to_its_end(mission: Mission) -> None:
    mission.receive(*CALIBRATION, *ACN[1:], raw_slice())
    assert explained(mission, 1) == (
        f"order 1 (l1-sm of {raw_slice().name}): waiting since 2020-06-15T13:00:00Z\n"
        "  open: SM_RAW__0A covering 2020-06-15T11:10:00Z to 2020-06-15T11:10:33Z, data take 024A10\n"
        "  next: at 2020-06-22T13:00:00Z it gives up"
    )
    mission.receive(ACN[0])
    assert "job 1 waits for a free worker" in explained(mission, 1)
    mission.work("l1-sm")
    assert explained(mission, 1).endswith(": done")


def test_dropping_an_order_drops_its_job(mission: Mission) -> None:
    mission.receive(*CALIBRATION, *ACN, raw_slice())
    with mission.database.write() as connection:
        assert drop(connection, 1, "not wanted", NOON)
        assert not drop(connection, 1, "not wanted", NOON)
        assert connection.scalar(sa.text("select state from job")) == "dropped"
        with pytest.raises(UnknownOrder):
            drop(connection, 99, "", NOON)
        with pytest.raises(UnknownOrder):
            evaluate(mission.planner, connection, 99)
    assert explained(mission, 1).endswith("dropped: not wanted")


def test_a_trigger_without_a_data_take_is_told_and_left(mission: Mission, caplog: pytest.LogCaptureFixture) -> None:
    mission.receive(evolve(segment("SV"), attributes={"sliceProductFlag": False, "productClass": "S"}))
    assert mission.orders("l0-asp") == []
    assert "has no attribute datatakeID" in caplog.text


def test_finding_waiting_orders_reads_an_index(mission: Mission) -> None:
    query = "explain query plan select order_id from order_need where type = 'AUX_CAL' and start <= 5 and stop >= 3"
    with mission.database.read() as connection:
        plan = " ".join(str(row) for row in connection.execute(sa.text(query)))
    assert t.order_need.name in plan
    assert "ix_order_need" in plan


EVERYTHING = [*PLANS, *CALIBRATION, *ACN, ORBIT, segment("VV"), segment("VH"), session(), raw_slice()]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(EVERYTHING))
def test_in_whatever_order_products_come_each_unit_gets_one_job(
    order: list[Product], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_mission(tmp_path_factory.mktemp("walk")) as mission:
        for product in order:
            mission.receive(product)
        mission.watch.turn(3600)
        mission.sweep()
        with mission.database.read() as connection:
            assert sorted(connection.scalars(sa.text("select chain from job"))) == ["l0-aio", "l0-asp", "l1-sm"]
            assert set(connection.scalars(sa.select(t.order.c.state))) == {OrderState.PLANNED}
