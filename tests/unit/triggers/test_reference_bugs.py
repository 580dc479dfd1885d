"""What the reference implementation gets wrong when it selects inputs and triggers processing, and we do not.

Each test names the section of coprs.md that tells the defect. Those of areas on the ground are in `test_gates`, those
of the routing in `test_operational`.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.bus.events import ProductCatalogued
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.query import covered, find
from s1pdgs.catalogue.selection import select
from s1pdgs.formats.names import AuxiliaryName
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.explain.inputs import explain_inputs
from s1pdgs.triggers.inputs import resolve
from s1pdgs.triggers.orders import on_event
from s1pdgs.triggers.types import name_pattern
from s1pdgs.triggers.units import Moment, gather
from tests.unit.triggers.conftest import (
    CALIBRATION,
    NOON,
    PLANS,
    Mission,
    at,
    auxiliary,
    companion,
    mission_on,
    raw_slice,
    segment,
    session,
    span,
)

ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]
MICROSECOND = timedelta(microseconds=1)
CHAIN = """
[[chain]]
name = "demo"
unit = "slice"
types = ["S3_RAW__0S"]
task_table = "demo.xml"
waits = [{ input = "it", after_order_s = 3600 }]
"""
TABLE = """
<Ipf_Task_Table><Processor_Name>DEMO</Processor_Name><Version>1</Version><List_of_Pools><Pool><List_of_Tasks><Task>
<Name>P</Name><Version>1</Version><File_Name>/p</File_Name><List_of_Inputs><Input id="it"><Mode>ALWAYS</Mode>
<Mandatory>{mandatory}</Mandatory><List_of_Alternatives><Alternative><Order>1</Order><Origin>DB</Origin>
<Retrieval_Mode>{policy}</Retrieval_Mode><T0>{t0}</T0><T1>{t1}</T1><File_Type>{kind}</File_Type>
</Alternative></List_of_Alternatives></Input></List_of_Inputs><List_of_Outputs><Output><Destination>DB</Destination>
<Type>SM_SLC__1S</Type></Output></List_of_Outputs></Task></List_of_Tasks></Pool></List_of_Pools></Ipf_Task_Table>
"""
Asking = Callable[..., Mission]


@pytest.fixture
def asking(mission: Mission, tmp_path: Path) -> Asking:
    """A ground segment with one chain, whose processor asks for one input beside its slice."""

    def asks(kind: str, policy: str = "LatestValCover", *, t0: float = 0, t1: float = 0, must: str = "Yes") -> Mission:
        (tmp_path / "tasktables").mkdir()
        table = TABLE.format(kind=kind, policy=policy, t0=t0, t1=t1, mandatory=must)
        (tmp_path / "tasktables" / "demo.xml").write_text(table.strip())
        (tmp_path / "chains.toml").write_text(CHAIN)
        return mission_on(mission.database, Chains.read(tmp_path / "chains.toml"))

    return asks


def given_to(mission: Mission) -> list[str]:
    """What the processor gets; nothing while its order waits."""
    if mission.order("demo").state == OrderState.WAITING:
        return []
    return [name for task in mission.spec("demo").order.tasks for entry in task.inputs for name in entry.file_names]


class TestArrivals:
    """Section 1.1, point 4: types that are missing from a filter never wake the orders that wait for them."""

    @pytest.mark.parametrize(
        ("asked", "arrives"),
        [
            ("AUX_POE", "AUX_POEORB"), ("AUX_RES", "AUX_RESORB"), ("AUX_PRE", "AUX_PREORB"), ("AUX_ATT", "AUX_RESATT"),
            ("AUX_ECE", "AMV_ERRMAT"), ("AUX_ML2", "AUX_ML2"), ("AUX_SCS", "AUX_SCS"), ("AUX_WND", "AUX_WND"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("mandatory", ["Yes", "No"])
    def test_every_type_wakes_the_order_that_waits_for_it(
        self, asking: Asking, asked: str, arrives: str, mandatory: str
    ) -> None:
        mission = asking(asked, must=mandatory)
        mission.receive(raw_slice(timeliness=Timeliness.FAST24))
        assert given_to(mission) == []
        mission.receive(auxiliary(arrives))
        assert given_to(mission) == [f"{arrives}_file"]

    def test_what_the_l2_tables_ask_for_is_known_by_name(self) -> None:
        """Sections 1.1 and 2.4: AUX_ML2 is in no regular expression, so SM and WV ocean jobs wait for ever."""
        name = AuxiliaryName.parse("S1__AUX_ML2_V20190228T092500_G20210104T141310.SAFE")
        assert name.product_type == "AUX_ML2"

    def test_the_end_of_waiting_has_a_reason(self, asking: Asking) -> None:
        """Section 1.1, point 6: what waits for a mandatory input is deleted in silence after seven days."""
        mission = asking("AUX_WND")
        mission.receive(raw_slice())
        mission.watch.turn(7 * 86_400)
        mission.sweep()
        order = mission.order("demo")
        assert order.state == OrderState.EXPIRED
        assert re.match("gave up waiting at .* for AUX_WND covering", str(order.reason))


class TestEvents:
    def test_the_same_news_twice_makes_one_job(self, mission: Mission) -> None:
        """Section 0: a consumer that was slow gets its message again, and the job runs twice (RS-656, 668, 742)."""
        mission.receive(*CALIBRATION, *ACN, raw_slice())
        with mission.database.write() as connection:
            for _ in range(2):
                on_event(mission.planner, connection, ProductCatalogued(raw_slice().name, "S3_RAW__0S"))
        assert mission.jobs("l1-sm") == [(1, "ready")]

    def test_orders_do_not_belong_to_a_host(self, mission: Mission) -> None:
        """Section 1.1, point 9: the key of a job has the name of its host, so another one loses it (RS-623, 624)."""
        mission.receive(raw_slice())
        other = mission_on(mission.database)
        other.receive(*CALIBRATION, *ACN)
        assert other.jobs("l1-sm") == [(1, "ready")]

    def test_news_of_a_failed_transaction_is_told_again(self, mission: Mission) -> None:
        """Section 1.1, point 9: an event whose handling fails is acknowledged and lost."""
        with mission.database.write() as connection:
            for product in (*CALIBRATION, *ACN, raw_slice()):
                register(connection, mission.planner.outbox, product)
            connection.exec_driver_sql("ALTER TABLE production_order RENAME TO elsewhere")
        with pytest.raises(sa.exc.DBAPIError):
            mission.deliver()
        with mission.database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO production_order")
        mission.deliver()
        assert mission.jobs("l1-sm") == [(1, "ready")]


class TestPolicies:
    """Section 2.5."""

    def test_latest_validity_closest_measures_whole_times(self) -> None:
        """The reference compares the nanoseconds within the second, and takes the latest start of whole seconds."""
        near = auxiliary("AUX_WND", validity=Interval(at(-10) + timedelta(seconds=0.9), at(60)), name="near")
        far = auxiliary("AUX_WND", validity=Interval(at(-500) + timedelta(seconds=0.1), at(60)), name="far")
        late = auxiliary("AUX_WND", validity=span(9, 60), name="late")
        wanted = span(-10, 10)
        assert [found.name for found in select("LatestValidityClosest", wanted, [far, near, late])] == ["late"]
        assert [found.name for found in select("LatestValidityClosest", wanted, [far, near])] == ["near"]

    @given(st.permutations([span(0, 10), span(5, 20), span(19, 30)]), st.integers(-1, 31))
    def test_full_coverage_sees_the_end_and_needs_no_order(self, parts: list[Interval], stop_s: int) -> None:
        """The reference reads the end as the beginning, so everything is covered, and walks an unsorted list."""
        assert covered(parts, span(0, max(stop_s, 0))) is (stop_s <= 30)
        assert not covered([part for part in parts if part != span(5, 20)], span(0, 30))

    @pytest.mark.parametrize("policy", ["LatestStartValidity", "LatestStopValidity", "LatestValCoverClosest"])
    def test_policies_that_look_at_sensing_times_serve_auxiliary_files(self, asking: Asking, policy: str) -> None:
        """Auxiliary documents have no startTime there, so these find nothing."""
        mission = asking("AUX_WND", policy)
        early, late = (auxiliary("AUX_WND", validity=span(start, 0), name=f"{start}") for start in (-6000, -5000))
        mission.receive(early, late, raw_slice())
        assert given_to(mission) == ["-5000"]

    @pytest.mark.parametrize("policy", ["BestCenteredCover", "LargestOverlap", "LatestValCoverNewestValidity"])
    def test_policies_that_are_not_implemented_there_choose_here(self, asking: Asking, policy: str) -> None:
        mission = asking("AUX_WND", policy)
        mission.receive(auxiliary("AUX_WND", validity=span(-3600, 0)), raw_slice())
        assert given_to(mission) == ["AUX_WND_file"]

    def test_of_duplicates_the_newest_stays(self, asking: Asking) -> None:
        """The reference keeps the one that was inserted first."""
        mission = asking("AUX_WND", "ValIntersectWithoutDuplicates")
        for name, made_s in (("old", 0), ("new", 60), ("older", -60)):
            mission.receive(
                auxiliary("AUX_WND", validity=span(-3600, 0), name=name, generation_time=at(made_s)),
            )
        mission.receive(raw_slice())
        assert given_to(mission) == ["new"]

    def test_deltas_have_fractions_of_a_second(self, asking: Asking) -> None:
        """The reference rounds T0 and T1 to whole seconds."""
        mission = asking("AUX_WND", t0=0.4)
        short = auxiliary("AUX_WND", validity=span(-3000.3, 0), name="short", generation_time=at(60))
        mission.receive(short, auxiliary("AUX_WND", validity=span(-3000.4, 0), name="enough"), raw_slice())
        assert given_to(mission) == ["enough"]

    def test_times_have_microseconds(self, asking: Asking) -> None:
        """The index of the reference has milliseconds: what ends a microsecond too early seems to cover."""
        mission = asking("AUX_WND")
        validity = Interval(at(-3600), raw_slice().validity.stop - MICROSECOND)
        mission.receive(auxiliary("AUX_WND", validity=validity), raw_slice())
        assert given_to(mission) == []
        mission.receive(auxiliary("AUX_WND", validity=Interval(at(-3600), validity.stop + MICROSECOND), name="enough"))
        assert given_to(mission) == ["enough"]

    def test_the_best_of_more_than_a_thousand_is_found(self, asking: Asking) -> None:
        """A query of the reference ends at 1000 hits."""
        mission = asking("AUX_WND", "LatestValCover")
        many = [auxiliary("AUX_WND", name=f"{n:04d}", generation_time=at(n)) for n in range(1005)]
        with mission.database.write() as connection:
            for product in many:
                register(connection, mission.planner.outbox, product)
            register(connection, mission.planner.outbox, raw_slice())
        with mission.database.write() as connection:
            on_event(mission.planner, connection, ProductCatalogued(raw_slice().name, "S3_RAW__0S"))
        assert given_to(mission) == ["1004"]

    @pytest.mark.parametrize("kind", ["AUX_WND", "AMV_ERRMAT", "MPL_ORBSCT"])
    def test_files_of_another_satellite_do_not_serve_whatever_their_type(self, asking: Asking, kind: str) -> None:
        """ClosestStartValidity there looks at the satellite of types with `aux_` in their name only."""
        mission = asking("AUX_ECE" if kind == "AMV_ERRMAT" else kind, "ClosestStartValidity")
        mission.receive(auxiliary(kind, satellite="S1B", name="other"), raw_slice())
        assert given_to(mission) == []
        mission.receive(auxiliary(kind, satellite="S1_", name="of the mission"))
        assert given_to(mission) == ["of the mission"]

    def test_the_error_matrix_is_of_the_polarisation_that_was_sent(self, asking: Asking) -> None:
        mission = asking("AUX_ECE", "ClosestStopValidity", t1=86_400)
        other = auxiliary("AMH_ERRMAT", validity=span(-3600, 40_000))
        mission.receive(other, raw_slice())
        assert given_to(mission) == []
        with mission.database.read() as connection:
            route, trigger = mission.planner.chains.routes[0], find(connection, raw_slice().name)
            assert trigger is not None
            moment = Moment(NOON, mission.watch.now())
            unit = gather(connection, route.chain, trigger, moment)
            (told,) = explain_inputs(connection, route, unit, resolve(connection, route, unit, moment))
        assert [verdict.reason for verdict in told.ways[0].verdicts] == ["of the polarisation that was not sent"]
        mission.receive(auxiliary("AMV_ERRMAT", validity=span(-9000, 90_000)))
        assert given_to(mission) == ["AMV_ERRMAT_file"]

    def test_companions_are_those_of_the_data_take(self, mission: Mission) -> None:
        """Section 2.4: A, C and N are searched by time alone there, so an overlapping data take may give them."""
        stray = evolve(companion("A", generation_time=at(900)), name="stray")
        stray = evolve(stray, attributes={**stray.attributes, "datatakeID": 1})
        mission.receive(*CALIBRATION, *ACN, stray, raw_slice())
        assert mission.spec("l1-sm").order.file("SM_RAW__0A") == ACN[0].name


class TestSessions:
    """Section 5.1."""

    @pytest.mark.parametrize("channel", [1, 2])
    def test_a_session_of_one_channel_is_processed(self, mission: Mission, channel: int) -> None:
        """A channel without its DSIB ends in a null pointer there."""
        mission.receive(*PLANS, session(channels=(channel,)))
        assert mission.jobs("l0-aio") == [(1, "ready")]

    def test_an_unknown_station_is_no_obstacle(self, mission: Mission) -> None:
        """Without a known station code, the reference has no timeout."""
        mission.receive(*PLANS, session(attributes={}))
        assert mission.spec("l0-aio").order.processing_station == "S1PD"

    def test_the_clock_of_a_job_starts_with_the_last_delivery(self, mission: Mission) -> None:
        """The message of the DSIB carries no time there (section 1); of two stations one is processed, or both."""
        other = session("S1A_20200615120000032000_R1", of="S1A_20200615120000032000", t0=at(90))
        mission.receive(session(t0=at(30)))
        mission.receive(other)
        mission.receive(*PLANS)
        assert mission.jobs("l0-aio") == [(1, "ready")]
        assert mission.spec("l0-aio").t0 == at(90)


class TestDataTakes:
    """Section 5.2."""

    def test_a_newer_segment_with_the_same_start_hides_nothing(self, mission: Mission) -> None:
        """There it replaces the older one, however much it lacks."""
        whole = segment("SV", uid="AAAA")
        shorter = segment("SV", stop_s=-2950, consolidation="PARTIAL", uid="BBBB", generation_time=at(60))
        mission.receive(whole, shorter, *PLANS)
        assert set(mission.order("l0-asp").context["products"]) == {whole.name, shorter.name}

    def test_a_late_segment_opens_one_round_with_all(self, mission: Mission) -> None:
        """There it is lost in a job that was sent, or starts a second job beside it (RS-915)."""
        parts = [segment("SV", -3000 + 40 * n, -2955 + 40 * n, kind) for n, kind in enumerate(("START", "END"))]
        mission.receive(*PLANS, evolve(parts[0], timeliness=Timeliness.NRT))
        mission.work("l0-asp")
        mission.receive(parts[1])
        assert mission.jobs("l0-asp") == [(1, "done"), (2, "ready")]
        assert len(mission.order("l0-asp").context["products"]) == 2

    def test_polarisations_that_are_no_set_are_told_and_processed_in_the_end(self, mission: Mission) -> None:
        """The reference discards what does not match in silence."""
        mission.receive(*PLANS, segment("VV"), segment("HH"))
        assert "HH and VV are no set" in str(mission.order("l0-asp").reason)
        mission.watch.turn(36 * 3600)
        mission.sweep()
        assert mission.jobs("l0-asp") == [(1, "ready")]


class TestSlices:
    def test_a_slice_has_its_own_number_whatever_came_first(self, mission: Mission) -> None:
        """Section 8.2: a wrong slice number (RS-943)."""
        mission.receive(*CALIBRATION, *ACN, raw_slice(3, -2950, -2917))
        mission.receive(raw_slice(1))
        assert mission.spec("l1-sm").order.parameter("Slice_Number") == "1"

    def test_products_without_timeliness_are_due_as_their_chain_says(self, mission: Mission) -> None:
        """Section 5.4: without a packet store the timeliness is left empty there."""
        mission.receive(*CALIBRATION, *ACN, raw_slice(timeliness=None))
        mission.watch.turn(1800)
        mission.sweep()
        assert mission.spec("l1-sm").timeliness is Timeliness.FAST24

    def test_consolidated_data_is_processed(self, mission: Mission) -> None:
        """Section 5.4: NTC is not implemented there."""
        mission.receive(*CALIBRATION, *ACN, auxiliary("AUX_POEORB", validity=span(-9000, 9000)))
        mission.receive(raw_slice(timeliness=Timeliness.NTC))
        spec = mission.spec("l1-sm")
        assert spec.order.parameter("Timeliness_Category") == "Off-line"
        assert spec.order.file("AUX_POE") == "AUX_POEORB_file"

    @pytest.mark.parametrize("satellite", ["S1A", "S1B", "S1C", "S1D"])
    def test_all_satellites_are_processed(self, mission: Mission, satellite: str) -> None:
        """Section 8.3, point 10: A and B are written into the chains there."""

        def of(product: Product) -> Product:
            return evolve(product, satellite=satellite, name=product.name.replace("S1A_", f"{satellite}_"))

        mission.receive(*(of(product) for product in (*CALIBRATION, *ACN, raw_slice())))
        assert mission.spec("l1-sm").order.parameter("Mission_Id") == satellite


@pytest.mark.parametrize(
    ("output", "name"),
    [("WV_OCN__2S", "WV_OCN__2SSV"), ("WV_OCN__2A", "WV_OCN__2ASV"), ("SM_OCN__2A", "S6_OCN__2ASV")],
)
def test_ocean_products_are_recognised(output: str, name: str) -> None:
    """Section 5.6: the patterns of WV_OCN are those of StripMap there, and that of SM_OCN__2A is of a level 0."""
    assert re.search(name_pattern(output), f"S1A_{name}_{NOON:%Y%m%dT%H%M%S}_20200615T121000_033000_024A10_ABCD.SAFE")
