"""Late data opens another round of its order: nothing is lost, nothing is done twice, running jobs go on."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from s1pdgs.bus.events import ProductCatalogued
from s1pdgs.catalogue.door import register
from s1pdgs.jobs import queue
from s1pdgs.jobs.queue import Claim, Failure
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.explain.inquiry import explain
from s1pdgs.triggers.orders import drop, evaluate, on_event
from s1pdgs.triggers.rounds import again
from tests.unit.triggers.conftest import (
    DATATAKE,
    NOON,
    PLANS,
    Mission,
    at,
    level_0,
    mission_on,
    open_mission,
    raw_slice,
    segment,
    session,
    span,
)

FIRST = segment("SV", -3000, -2960, "START", timeliness=Timeliness.NRT)
LATE = segment("SV", -2961, -2900, "END", uid="1A7E", timeliness=Timeliness.NRT)


@pytest.fixture
def mission(database: Database) -> Mission:
    """On either database."""
    return mission_on(database)


def segments_of(spec: JobSpec) -> list[str]:
    return spec.order.files("SM_RAW__0S", "RF_RAW__0S")


class TestLateData:
    def test_after_the_job_it_opens_another_round_with_all_segments(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        mission.work("l0-asp", raw_slice())
        mission.receive(LATE)
        assert mission.jobs("l0-asp") == [(1, "done"), (2, "ready")]
        assert segments_of(mission.spec("l0-asp")) == [FIRST.name, LATE.name]
        mission.work("l0-asp")
        assert (mission.order("l0-asp").state, mission.order("l0-asp").round) == (OrderState.DONE, 2)

    def test_a_job_that_waits_for_a_worker_gives_way(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        mission.receive(LATE)
        assert mission.jobs("l0-asp") == [(1, "dropped"), (2, "ready")]
        assert segments_of(mission.spec("l0-asp")) == [FIRST.name, LATE.name]

    def test_a_running_job_goes_on_and_the_round_begins_after_it(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        claim = mission.claim("l0-asp")
        mission.receive(LATE)
        assert mission.jobs("l0-asp") == [(1, "running")]
        with mission.database.read() as connection:
            assert "another round begins when the job has ended" in str(explain(connection, 1))
        mission.work("l0-asp", raw_slice(), claim=claim)
        assert mission.jobs("l0-asp") == [(1, "done"), (2, "ready")]

    def test_a_running_job_that_is_parked_gives_way(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        claim = mission.claim("l0-asp")
        mission.receive(LATE)
        with mission.database.write() as connection:
            queue.fail(connection, mission.planner.outbox, claim, Failure("bad input", lasting=True))
        mission.deliver()
        assert mission.jobs("l0-asp") == [(1, "dropped"), (2, "ready")]

    def test_the_sweep_takes_up_what_no_news_tells(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        claim = mission.claim("l0-asp")
        mission.receive(LATE)
        with mission.database.write() as connection:
            queue.drop(connection, claim.job, "an operator was impatient", NOON)
        mission.deliver()
        assert mission.jobs("l0-asp") == [(1, "dropped")]
        assert mission.sweep() == 1
        assert mission.jobs("l0-asp") == [(1, "dropped"), (2, "ready")]
        assert mission.sweep() == 0

    def test_a_dropped_order_stays_dropped(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        with mission.database.write() as connection:
            assert drop(connection, 1, "not wanted", NOON)
        mission.receive(LATE)
        assert mission.order("l0-asp").state == OrderState.DROPPED
        assert mission.sweep() == 0

    def test_an_order_that_gave_up_tries_again(self, mission: Mission) -> None:
        mission.receive(FIRST)
        mission.watch.turn(7 * 86_400)
        mission.sweep()
        assert mission.order("l0-asp").state == OrderState.EXPIRED
        mission.receive(*PLANS, LATE)
        assert mission.jobs("l0-asp") == [(2, "ready")]

    def test_the_same_news_again_changes_nothing(self, mission: Mission) -> None:
        mission.receive(*PLANS, FIRST)
        mission.work("l0-asp")
        mission.receive(LATE)
        for product in (LATE, FIRST):
            with mission.database.write() as connection:
                on_event(mission.planner, connection, ProductCatalogued(product.name, product.type))
        assert mission.jobs("l0-asp") == [(1, "done"), (2, "ready")]

    def test_a_later_round_waits_like_the_first(self, mission: Mission) -> None:
        mission.receive(*PLANS, evolve(FIRST, timeliness=Timeliness.FAST24))
        mission.watch.turn(40 * 3600)
        mission.sweep()
        mission.work("l0-asp")
        middle = segment("SV", -2961, -2930, "PARTIAL", uid="0001")
        mission.receive(middle)
        assert "goes on without it at 2020-06-17T06:00:00Z" in str(mission.order("l0-asp").reason)
        mission.watch.turn(3600)
        mission.sweep()
        assert mission.jobs("l0-asp") == [(1, "done"), (2, "ready")]


class TestCovering:
    """A newer segment replaces an older one only if it surely holds all of its packets."""

    @pytest.fixture
    def ready(self, mission: Mission) -> Mission:
        mission.receive(*PLANS)
        return mission

    def test_one_that_lacks_nothing_replaces_what_lies_within_it(self, ready: Mission) -> None:
        whole = whole_segment(-3000, -2900)
        ready.receive(segment("SV"), whole)
        assert segments_of(ready.spec("l0-asp")) == [whole.name]

    def test_one_with_gaps_does_not(self, ready: Mission) -> None:
        gaps = whole_segment(-3000, -2900, missingPackets=7)
        ready.receive(segment("SV"), gaps)
        assert segments_of(ready.spec("l0-asp")) == sorted([segment("SV").name, gaps.name])

    def test_one_that_is_shorter_does_not(self, ready: Mission) -> None:
        shorter = whole_segment(-3000, -2901)
        ready.receive(segment("SV"), shorter)
        assert len(segments_of(ready.spec("l0-asp"))) == 2

    def test_one_made_from_all_deliveries_replaces_that_of_the_first(self, ready: Mission) -> None:
        older = segment("SV")
        newer = segment("SV", uid="0002", generation_time=at(9))
        ready.receive(session("S"))
        ready.work("l0-aio", older)
        ready.work("l0-asp")
        ready.receive(session("S_R1", of="S"))
        ready.work("l0-aio", newer)
        assert segments_of(ready.spec("l0-asp")) == [newer.name]

    def test_one_made_from_another_pass_stands_beside(self, ready: Mission) -> None:
        older = segment("SV")
        newer = segment("SV", uid="0002", generation_time=at(9))
        ready.receive(session("S"))
        ready.work("l0-aio", older)
        ready.work("l0-asp")
        ready.receive(session("T", validity=span(3000, 3600)))
        ready.work("l0-aio", newer)
        assert segments_of(ready.spec("l0-asp")) == sorted([older.name, newer.name])


def whole_segment(start_s: float, stop_s: float, **attributes: int) -> Product:
    made = segment("SV", start_s, stop_s, uid="3333", generation_time=at(1))
    return evolve(made, attributes={**made.attributes, "missingPackets": 0, "corruptedPackets": 0, **attributes})


class TestGrid:
    def test_the_first_round_is_free_and_later_ones_keep_its_grid(self, mission: Mission) -> None:
        mission.receive(*PLANS, LATE)
        assert mission.spec("l0-asp").order.parameter("Grid_Start", "") == ""
        start = datetime(2020, 6, 15, 11, 9, 59, 250_001, tzinfo=NOON.tzinfo)
        made = raw_slice()
        mission.work("l0-asp", evolve(made, attributes={**made.attributes, "segmentStartTime": start}))
        mission.receive(FIRST)
        assert mission.spec("l0-asp").order.parameter("Grid_Start") == "20200615T110959.250001"


def characterisation(polarisation: str, start_s: float, datatake: int = DATATAKE) -> Product:
    made = level_0("RF", "S", polarisation, span(start_s, start_s + 1.5), {})
    attributes = {
        "datatakeID": datatake,
        "sliceProductFlag": False,
        "productClass": "S",
        "productConsolidation": "FULL",
    }
    return evolve(made, attributes=attributes, timeliness=Timeliness.FAST24)


class TestCharacterisations:
    def test_a_pair_is_one_unit_even_across_a_second(self, mission: Mission) -> None:
        pair = [characterisation("VV", -2999.9), characterisation("VH", -3000.1)]
        mission.receive(*PLANS, *pair)
        assert mission.jobs("l0-asp") == [(1, "ready")]
        assert segments_of(mission.spec("l0-asp")) == [pair[1].name, pair[0].name]

    def test_others_of_the_data_take_are_units_of_their_own(self, mission: Mission) -> None:
        mission.receive(*PLANS, *(characterisation(name, start) for start in (-3000, -2000) for name in ("VV", "VH")))
        assert mission.jobs("l0-asp") == [(1, "ready")] * 2
        assert len(segments_of(mission.spec("l0-asp"))) == 2

    def test_a_lone_one_waits_for_its_partner_for_a_while(self, mission: Mission) -> None:
        mission.receive(*PLANS, characterisation("HH", -3000))
        assert "polarisation HV" in str(mission.order("l0-asp").reason)
        mission.watch.turn(300)
        mission.sweep()
        assert mission.jobs("l0-asp") == [(1, "ready")]


class TestOtherModes:
    def test_wave_mode_has_no_partner_to_wait_for(self, mission: Mission) -> None:
        made = segment("VV")
        wave = evolve(made, name=made.name.replace("_S3_", "_WV_"), type="WV_RAW__0S")
        mission.receive(*PLANS, wave)
        assert mission.jobs("l0-asp") == [(1, "ready")]

    def test_a_segment_of_another_mode_is_a_unit_beside_the_data_take(self, mission: Mission) -> None:
        made = segment("SV")
        other = evolve(made, name=made.name.replace("_S3_", "_S4_"), type="S4_RAW__0S")
        again = evolve(other, name=other.name.replace("ABCD", "0001"), generation_time=at(1))
        mission.receive(*PLANS, made, other)
        mission.receive(again)
        assert [order.unit for order in mission.orders("l0-asp")] == ["S1A-024A10", "S1A-024A10-S4"]
        assert segments_of(mission.spec("l0-asp")) == sorted([other.name, again.name])

    @pytest.mark.parametrize("mode", ["S1", "IW", "EW", "WV", "EN", "N6", "RF", "Z1", "Z6", "ZE", "ZI", "ZW"])
    def test_every_mode_is_assembled(self, mission: Mission, mode: str) -> None:
        made = segment("VV", timeliness=Timeliness.NRT)
        mission.receive(*PLANS, evolve(made, name=made.name.replace("_S3_", f"_{mode}_"), type=f"{mode}_RAW__0S"))
        assert mission.jobs("l0-asp") == [(1, "ready")]


class TestDeliveries:
    def test_a_delivery_is_processed_with_the_earlier_ones_of_its_pass(self, mission: Mission) -> None:
        mission.receive(*PLANS, session("S"))
        mission.work("l0-aio")
        mission.receive(session("S_R1", of="S", t0=at(30)))
        spec = mission.spec("l0-aio")
        places = [file.place for entry in spec.inputs if entry.type == "SESSION" for file in entry.files]
        assert [entry.product for entry in spec.inputs if entry.type == "SESSION"] == ["S", "S_R1"]
        assert places[:2] == ["ch01/DCS_01_S_ch1_DSDB_00001.raw", "ch02/DCS_01_S_ch2_DSDB_00001.raw"]
        assert [f"delivery2/{place}" for place in places[:6]] == places[6:]
        assert spec.order.files("SESSION") == places
        assert spec.t0 == at(30)

    def test_another_station_that_heard_the_pass_is_another_delivery(self, mission: Mission) -> None:
        mission.receive(*PLANS, session("S"), session("T", validity=span(-300, 100)))
        mission.receive(
            session("U", validity=span(5000, 5600)), session("V", satellite="S1B", validity=span(-300, 100))
        )
        orders = {order.unit: order for order in mission.orders("l0-aio")}
        assert orders["T"].context["products"] == ["S", "T"]
        assert orders["U"].context["products"] == ["U"]
        assert orders["S"].reason == "it goes on with T, another delivery of its pass"

    def test_a_session_that_was_completed_replaces_its_first_product(self, mission: Mission) -> None:
        mission.receive(*PLANS, session("S", blocks=(1,)))
        mission.receive(session("S_R1", of="S", location="sessions/S"))
        assert mission.orders("l0-aio")[1].context["products"] == ["S_R1"]

    def test_deliveries_that_wait_go_together(self, mission: Mission) -> None:
        mission.receive(session("S"))
        mission.receive(session("S_R1", of="S"))
        assert [order.state for order in mission.orders("l0-aio")] == ["done", "waiting"]
        assert "it goes on with S_R1" in str(mission.orders("l0-aio")[0].reason)
        mission.receive(*PLANS)
        assert mission.jobs("l0-aio") == [(1, "ready")]
        assert mission.orders("l0-aio")[1].context["products"] == ["S", "S_R1"]

    def test_one_channel_and_quality_information_find_their_places(self, mission: Mission) -> None:
        name = "DCS_01_S_ch2_QualityInfo.json"
        lone = session("S", channels=(2,))
        lone = evolve(lone, files=(*lone.files, evolve(lone.files[0], path=f"ch_2/{name}")))
        mission.receive(*PLANS, lone)
        (entry,) = [entry for entry in mission.spec("l0-aio").inputs if entry.type == "SESSION"]
        assert {file.place.partition("/")[0] for file in entry.files} == {"ch02"}
        assert f"ch02/{name}" in [file.place for file in entry.files]


PARTS = [
    segment("SV", start, start + 12, kind, uid=f"{number:04X}", generation_time=at(number), timeliness=timeliness)
    for number, (start, kind, timeliness) in enumerate(
        [
            (-3000, "START", Timeliness.NRT),
            (-2990, "PARTIAL", Timeliness.FAST24),
            (-2980, "PARTIAL", Timeliness.NRT),
            (-2970, "END", Timeliness.FAST24),
        ]
    )
]


class Assembly(RuleBasedStateMachine):
    """Segments come, workers work, die and fail, time goes on, news is told again: in any order."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.opened = open_mission(self.folder)
        self.mission = self.opened.__enter__()
        self.left = list(PARTS)
        self.running: Claim | None = None

    @initialize()
    def plans(self) -> None:
        self.mission.receive(*PLANS)

    @rule(data=st.data(), delivers=st.booleans())
    def segment_comes(self, data: st.DataObject, delivers: bool) -> None:
        if self.left:
            part = self.left.pop(data.draw(st.integers(0, len(self.left) - 1)))
            with self.mission.database.write() as connection:
                register(connection, self.mission.planner.outbox, part)
        if delivers:
            self.mission.deliver()

    @rule(part=st.sampled_from(PARTS))
    def news_is_told_again(self, part: Product) -> None:
        with self.mission.database.write() as connection:
            on_event(self.mission.planner, connection, ProductCatalogued(part.name, part.type))

    @rule()
    def worker_claims(self) -> None:
        if self.running is None:
            with self.mission.database.write() as connection:
                self.running = queue.claim(connection, self.mission.planner.outbox, "here:1", timedelta(days=9))

    @rule(good=st.booleans(), lasting=st.booleans())
    def worker_ends(self, good: bool, lasting: bool) -> None:
        if self.running is None:
            return
        outbox = self.mission.planner.outbox
        with self.mission.database.write() as connection:
            if good:
                assert queue.finish(connection, outbox, self.running, [])
            else:
                assert queue.fail(connection, outbox, self.running, Failure("broken", lasting=lasting))
        self.running = None

    @rule()
    def somebody_wants_it_again(self) -> None:
        planner = self.mission.planner
        with self.mission.database.write() as connection:
            for order in connection.execute(sa.select(t.order)).all():
                if order.state != OrderState.WAITING:
                    again(connection, order.id, self.mission.watch.now())
                evaluate(planner, connection, order.id)

    @rule(hours=st.integers(1, 40))
    def time_goes_on(self, hours: int) -> None:
        self.mission.watch.turn(3600.0 * hours)
        self.mission.sweep()

    @invariant()
    def no_two_jobs_are_alive(self) -> None:
        assert sum(state in ("ready", "running") for _, state in self.mission.jobs("l0-asp")) <= 1
        assert len(self.mission.orders("l0-asp")) <= 1

    def teardown(self) -> None:
        """Whatever happened: in the end a job is done, or parked for an operator, that has all segments."""
        try:
            self._settle()
        finally:
            self.opened.__exit__(None, None, None)

    def _settle(self) -> None:
        self.worker_ends(good=True, lasting=False)
        self.mission.deliver()
        for _ in range(8):
            self.time_goes_on(40)
            self.worker_claims()
            self.worker_ends(good=True, lasting=False)
            self.mission.deliver()
        came = {part.name for part in PARTS} - {part.name for part in self.left}
        if came:
            assert set(segments_of(self.mission.spec("l0-asp"))) == came
            assert self.mission.jobs("l0-asp")[-1][1] in ("done", "parked")
            rounds = [number for number, _ in self.mission.jobs("l0-asp")]
            assert rounds == sorted(set(rounds))


def test_whatever_the_order_no_segment_is_lost_and_no_job_is_double(tmp_path_factory: pytest.TempPathFactory) -> None:
    class Here(Assembly):
        @property
        def folder(self) -> Path:  # type: ignore[override]
            return tmp_path_factory.mktemp("assembly")

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Here,
        settings=settings(max_examples=12, stateful_step_count=12, suppress_health_check=list(HealthCheck)),
    )


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(PARTS))
def test_the_last_round_has_all_segments_in_whatever_order_they_come(
    order: list[Product], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_mission(tmp_path_factory.mktemp("late")) as mission:
        mission.receive(*PLANS)
        for part in order:
            mission.receive(part)
        mission.watch.turn(80 * 3600)
        mission.sweep()
        assert set(segments_of(mission.spec("l0-asp"))) == {part.name for part in PARTS}
