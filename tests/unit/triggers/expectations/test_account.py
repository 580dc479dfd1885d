"""Every product that a chain should make of a data take is made, pending, or missing for a reason that is told."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.takes import Standing
from s1pdgs.model.footprint import Footprint
from s1pdgs.processors.l0.slices import SLICE_LENGTH_AND_OVERLAP_S, number_of_slices
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import memory_objects
from s1pdgs.triggers.expectations.fates import Cause, State
from s1pdgs.triggers.expectations.level0 import GRIDS, slices_in
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.orders import drop
from tests.databases import plan_of
from tests.unit.formats.mask_files import geojson, mask_file, rectangle
from tests.unit.triggers.account import (
    chains_to_level_2,
    evict,
    image,
    ocean,
    one,
    only,
    park,
    plan,
    planned,
    report,
    slice_of,
    states,
    tell,
    told,
)
from tests.unit.triggers.conftest import (
    CALIBRATION,
    DATATAKE,
    PLANS,
    Mission,
    at,
    auxiliary,
    companion,
    level_0,
    mission_on,
    open_mission,
    segment,
    span,
)

ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]
SLICES = [slice_of(number) for number in (1, 2, 3, 4)]
LARGE = ("product", "product_file", "job", "job_input", "job_output", "production_order", "order_need", "datatake",
         "datatake_product", "planned_datatake")  # fmt: skip


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    with open_mission(tmp_path, chains_to_level_2(tmp_path / "chains")) as opened:
        yield opened


@pytest.fixture
def assembled(mission: Mission) -> Mission:
    """Slices 1, 2 and 4 were made of a data take; nothing of slice 3 is here."""
    mission.receive(*PLANS, *CALIBRATION, segment("VV"), segment("VH", uid="ABCE"))
    made = [SLICES[0], SLICES[1], SLICES[3]]
    mission.work("l0-asp", *made, *ACN)
    tell(mission, report([*SLICES[:2], None, SLICES[3]]))
    return mission


class TestPlannedOnly:
    def test_what_is_to_come_is_pending_up_to_level_2(self, mission: Mission) -> None:
        plan(mission, planned(5000, 5100))
        account = only(mission)
        assert account.standing is Standing.PLANNED
        assert states(account) == {
            **{(f"RAW__0{letter}", 0): "pending" for letter in "ACN"},
            **{(kind, n): "pending" for kind in ("RAW__0S", "SLC__1S", "GRDH_1S", "OCN__2S") for n in (1, 2, 3, 4)},
        }
        assert one(account, "RAW__0S", 1).fate.why == "planned for 2020-06-15T13:23:20Z"
        assert one(account, "OCN__2S", 4).fate.why == "S3_RAW__0S is pending: planned for 2020-06-15T13:23:20Z"

    def test_what_was_sensed_is_awaited_as_long_as_segments_are_waited_for(self, mission: Mission) -> None:
        plan(mission, planned())
        account = only(mission)
        assert account.standing is Standing.AWAITED
        assert one(account, "RAW__0S", 1).fate.why == (
            "planned for 2020-06-15T11:10:00Z, nothing of it is here; its data is waited for until 2020-06-16T23:11:40Z"
        )

    def test_then_it_was_never_acquired(self, mission: Mission) -> None:
        plan(mission, planned())
        mission.watch.turn(40 * 3600)
        account = only(mission)
        assert account.standing is Standing.MISSING
        assert {(each.state, each.fate.cause) for each in account.expected} == {(State.MISSING, Cause.NEVER_ACQUIRED)}
        assert one(account, "SLC__1S", 1).fate.why == (
            "S3_RAW__0S is missing: planned for 2020-06-15T11:10:00Z, and nothing of it came until 2020-06-16T23:11:40Z"
        )

    def test_a_mode_that_no_chain_takes_further_ends_at_level_0(self, mission: Mission) -> None:
        plan(mission, evolve(planned(), mode="RF", swath=None))
        assert states(only(mission)) == {("RAW__0S", 0): "pending"}

    def test_without_a_swath_stripmap_is_expected_as_such(self, mission: Mission) -> None:
        plan(mission, evolve(planned(), swath=None))
        assert {each.type for each in only(mission).expected} == {
            *(f"SM_RAW__0{letter}" for letter in "SACN"), "SM_SLC__1S", "SM_GRDH_1S", "SM_OCN__2S",
        }  # fmt: skip


class TestLevel0:
    def test_while_segments_are_waited_for_all_is_pending_in_the_words_of_the_order(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV"))
        account = only(mission)
        assert account.standing is Standing.RECEIVED
        assert [made.name for made in account.segments] == [segment("VV").name]
        why = one(account, "RAW__0S", 1).fate.why
        assert why.startswith("order 1 (l0-asp): waiting for SM_RAW__0S, polarisation VH of data take 024A10")
        assert one(account, "SLC__1S", 2).fate.why == f"S3_RAW__0S is pending: {why}"
        assert set(states(account).values()) == {"pending"}

    def test_slices_stand_where_the_report_puts_them(self, assembled: Mission) -> None:
        account = only(assembled)
        assert account.standing is Standing.COMPLETE
        assert {place: state for place, state in states(account).items() if place[0].startswith("RAW")} == {
            ("RAW__0S", 1): "made", ("RAW__0S", 2): "made", ("RAW__0S", 3): "missing: gap", ("RAW__0S", 4): "made",
            ("RAW__0A", 0): "made", ("RAW__0C", 0): "made", ("RAW__0N", 0): "made",
        }  # fmt: skip
        assert one(account, "RAW__0S", 3).fate.why == "no packet of it is here"
        assert one(account, "GRDH_1S", 3).fate.why == "S3_RAW__0S is missing: no packet of it is here"

    def test_while_late_data_is_assembled_a_gap_is_pending(self, assembled: Mission) -> None:
        assembled.receive(segment("VV", uid="BBBB"))
        fate = one(only(assembled), "RAW__0S", 3).fate
        assert fate.state is State.PENDING
        assert fate.why.startswith("order 1 (l0-asp): job 4 waits for a free worker")

    def test_what_a_job_made_and_was_set_aside_is_told(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV"), segment("VH", uid="ABCE"))
        mission.work("l0-asp", *SLICES[:3], *ACN[:2])
        tell(mission, report(SLICES))
        account = only(mission)
        fate = one(account, "RAW__0S", 4).fate
        assert (fate.cause, fate.why) == (
            Cause.NOT_MADE, f"{SLICES[3].name} is not in the catalogue: see its job and the quarantine"
        )  # fmt: skip
        assert one(account, "RAW__0N").fate.why == (
            "order 1 (l0-asp): job 1 ended without it; no noise packet is here"
        )  # fmt: skip

    def test_what_is_planned_beyond_the_last_second_that_came_is_missing(self, assembled: Mission) -> None:
        plan(assembled, planned(-3000, -2842))
        account = only(assembled)
        beyond = {place: state for place, state in states(account).items() if place[1] > 4}
        assert beyond == {
            (kind, number): "missing: gap"
            for kind in ("RAW__0S", "SLC__1S", "GRDH_1S", "OCN__2S") for number in (5, 6)
        }  # fmt: skip
        assert account.notes == ("what is here ends 58 s before the plan",)

    def test_a_polarisation_that_was_planned_and_did_not_come_is_noted(self, mission: Mission) -> None:
        plan(mission, planned())
        mission.receive(segment("VV"))
        assert only(mission).notes == ("VH was planned and is not here",)

    def test_what_no_plan_of_its_time_has_is_noted(self, mission: Mission) -> None:
        plan(mission, planned(-9000, -8900, number=7))
        mission.receive(segment("VV"))
        assert [account.notes for account in told(mission)] == [("no plan has it",), ()]

    def test_a_product_of_a_data_take_that_is_not_sliced_is_no_segment(self, mission: Mission) -> None:
        facts: dict[str, Any] = {"datatakeID": DATATAKE, "sliceProductFlag": False, "productClass": "S"}
        received = level_0("WV", "S", "SV", span(-3000, -2900), facts | {"productConsolidation": "FULL"})
        made = level_0("WV", "S", "SV", span(-3000, -2900), facts, uid="BBBB")
        mission.receive(*PLANS, received)
        mission.watch.turn(40 * 3600)
        mission.sweep()
        mission.work("l0-asp", made)
        account = only(mission)
        assert [each.name for each in account.segments] == [received.name]
        assert one(account, "RAW__0S").made is not None
        assert one(account, "RAW__0S").made.name == made.name  # type: ignore[union-attr]

    def test_characterisations_have_a_product_for_each_polarisation(self, mission: Mission) -> None:
        facts: dict[str, Any] = {"datatakeID": DATATAKE, "sliceProductFlag": False, "productClass": "S"}
        received = [
            level_0("RF", "S", polarisation, span(-3000, -2998), facts | {"productConsolidation": "FULL"})
            for polarisation in ("VV", "VH")
        ]
        made = level_0("RF", "S", "VH", span(-3000, -2998), facts, uid="BBBB")
        mission.receive(*PLANS, *received)
        mission.work("l0-asp", made)
        assert [(each.state, each.made and each.made.name) for each in only(mission).expected] == [
            (State.MADE, made.name), (State.MISSING, None)
        ]  # fmt: skip


class TestFurtherLevels:
    def test_each_slice_is_told_with_what_is_made_of_it(self, assembled: Mission) -> None:
        assembled.work("l1-sm", image(SLICES[0]), image(SLICES[0], "GRDH_1S"))
        assert [(each.type[3:], each.slice) for each in only(assembled).expected[:5]] == [
            ("RAW__0S", 1), ("SLC__1S", 1), ("OCN__2S", 1), ("GRDH_1S", 1), ("RAW__0S", 2),
        ]  # fmt: skip

    def test_a_chain_goes_on_with_what_was_made(self, assembled: Mission) -> None:
        slc = image(SLICES[0])
        assembled.work("l1-sm", slc, image(SLICES[0], "GRDH_1S"))
        account = only(assembled)
        assert one(account, "SLC__1S", 1).state is State.MADE
        assert one(account, "SLC__1S", 2).fate.why == "order 3 (l1-sm): job 3 waits for a free worker"
        assert one(account, "OCN__2S", 1).fate.why == "order 5 (l2-sm): job 4 waits for a free worker"
        assert one(account, "OCN__2S", 2).fate.why == (
            "S3_SLC__1S is pending: order 3 (l1-sm): job 3 waits for a free worker"
        )  # fmt: skip
        claim = assembled.claim("l1-sm")
        assert one(only(assembled), "SLC__1S", 2).fate.why == f"order 3 (l1-sm): job {claim.job} runs, attempt 1"

    def test_an_order_that_waits_tells_for_what(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV"), segment("VH", uid="ABCE"))
        mission.work("l0-asp", SLICES[0], *ACN)
        fate = one(only(mission), "SLC__1S", 1).fate
        assert fate.state is State.PENDING
        assert fate.why.startswith("order 2 (l1-sm): waiting for AUX_")

    def test_an_order_that_expired_dropped_or_parked_makes_everything_after_it_missing(
        self, assembled: Mission
    ) -> None:
        park(assembled, "l1-sm", "no AUX_CAL")
        with assembled.database.write() as connection:
            drop(connection, 3, "not wanted", assembled.watch.now())
        account = only(assembled)
        parked, dropped = one(account, "SLC__1S", 1).fate, one(account, "SLC__1S", 2).fate
        assert (parked.cause, parked.why) == (Cause.PARKED, "order 2 (l1-sm): job 2 is parked: no AUX_CAL")
        assert (dropped.cause, dropped.why) == (Cause.DROPPED, "order 3 (l1-sm): not wanted")
        ocean_1 = one(account, "OCN__2S", 1)
        assert (ocean_1.fate.cause, ocean_1.order) == (Cause.PARKED, None)
        assert ocean_1.fate.why == "S3_SLC__1S is missing: order 2 (l1-sm): job 2 is parked: no AUX_CAL"

    def test_an_order_that_gave_up_tells_for_what_it_waited(self, mission: Mission) -> None:
        mission.receive(*PLANS, segment("VV"), segment("VH", uid="ABCE"))
        mission.work("l0-asp", SLICES[0], *ACN)
        mission.watch.turn(8 * 86_400)
        mission.sweep()
        fate = one(only(mission), "GRDH_1S", 1).fate
        assert fate.cause is Cause.EXPIRED
        assert "gave up waiting" in fate.why

    def test_what_ended_without_a_product_is_missing(self, assembled: Mission) -> None:
        assembled.work("l1-sm", image(SLICES[0]))
        fate = one(only(assembled), "GRDH_1S", 1).fate
        assert (fate.cause, fate.why) == (Cause.NOT_MADE, "order 2 (l1-sm): job 2 ended without it")

    def test_removed_files_were_made_once(self, assembled: Mission) -> None:
        slc = image(SLICES[0])
        assembled.work("l1-sm", slc, image(SLICES[0], "GRDH_1S"))
        evict(assembled, slc)
        found = one(only(assembled), "SLC__1S", 1)
        assert (found.state, found.fate.why) == (State.EVICTED, "it was evicted at 2020-06-15T14:00:00Z")

    def test_what_a_gate_refuses_is_not_missing(self, tmp_path: Path, mission: Mission) -> None:
        store = memory_objects()
        gate = 'types = ["S[1-6]_RAW__0S"]\ngates = [{ mask = "MSK__LAND", side = "outside", percent = 50 }]'
        chains = chains_to_level_2(tmp_path / "gated")
        text = (tmp_path / "gated" / "chains.toml").read_text().replace('types = ["S[1-6]_RAW__0S"]', gate)
        (tmp_path / "gated" / "chains.toml").write_text(text)
        chains = type(chains).read(tmp_path / "gated" / "chains.toml")
        gated = mission_on(mission.database, chains)
        gated = evolve(gated, planner=evolve(gated.planner, masks=MaskShelf(store)))
        mask = auxiliary("MSK__LAND", name="mask.EOF")
        store.put(f"{mask.location}/mask.EOF", iter([mask_file(geojson(rectangle(0, -10, 40, 80)))]))
        square = Footprint.from_points([(10, 40), (11, 40), (11, 41), (10, 41)])
        gated.receive(*PLANS, *CALIBRATION, mask, segment("VV"), segment("VH", uid="ABCE"))
        gated.work("l0-asp", evolve(SLICES[0], footprint=square), *ACN)
        account = only(gated)
        fate = one(account, "SLC__1S", 1).fate
        assert fate.state is State.REFUSED
        assert "the gate wants 50 %" in fate.why
        assert one(account, "OCN__2S", 1).state is State.REFUSED

    def test_products_of_an_older_version_of_a_slice_do_not_count(self, assembled: Mission) -> None:
        old = image(SLICES[0])
        assembled.work("l1-sm", old, image(SLICES[0], "GRDH_1S"))
        newer = slice_of(1, "FFFF", generation_time=at(60))
        with assembled.database.write() as connection:
            register(connection, assembled.planner.outbox, newer)
        tell(assembled, report([newer, SLICES[1], None, SLICES[3]]), "NEWER", later_s=3700)
        account = only(assembled)
        assert one(account, "RAW__0S", 1).made.name == newer.name  # type: ignore[union-attr]
        assert one(account, "SLC__1S", 1).fate.why == f"l1-sm has not looked at {newer.name} yet"
        assembled.watch.turn(3600)
        fate = one(only(assembled), "SLC__1S", 1).fate
        assert (fate.cause, fate.why) == (
            Cause.SUPERSEDED, f"{old.name} was made of an older version; l1-sm has no order for {newer.name}"
        )  # fmt: skip
        assembled.deliver()
        assert one(only(assembled), "SLC__1S", 1).fate.why.endswith("(l1-sm): job 5 waits for a free worker")

    def test_a_chain_that_came_later_has_no_order(self, mission: Mission) -> None:
        level_1_only = mission_on(mission.database)
        level_1_only.receive(*PLANS, *CALIBRATION, segment("VV"), segment("VH", uid="ABCE"))
        level_1_only.work("l0-asp", SLICES[0], *ACN)
        slc = image(SLICES[0])
        level_1_only.work("l1-sm", slc, image(SLICES[0], "GRDH_1S"))
        mission.watch.turn(3600)
        fate = one(only(mission), "OCN__2S", 1).fate
        assert (fate.cause, fate.why) == (
            Cause.NO_ORDER, f"l2-sm has no order for it: s1pdgs order make S3_OCN__2S --for {slc.name}"
        )  # fmt: skip

    def test_a_product_that_came_from_elsewhere_is_made(self, assembled: Mission) -> None:
        assembled.receive(image(SLICES[1]))
        assembled.receive(ocean(image(SLICES[1])))
        account = only(assembled)
        assert one(account, "SLC__1S", 2).made is not None
        assert one(account, "OCN__2S", 2).made is not None
        assert one(account, "SLC__1S", 1).state is State.PENDING


def test_both_databases_tell_the_same(database: Database, tmp_path: Path) -> None:
    mission = mission_on(database, chains_to_level_2(tmp_path / "chains"))
    plan(mission, planned(), planned(9000, 9100, number=7))
    mission.receive(*PLANS, *CALIBRATION, segment("VV"), segment("VH", uid="ABCE"))
    mission.work("l0-asp", *SLICES[:2], *ACN)
    mission.work("l1-sm", image(SLICES[0]), image(SLICES[0], "GRDH_1S"))
    tell(mission, report([*SLICES[:2], None, None]))
    future, here = told(mission)
    assert (future.take.name, set(states(future).values())) == ("S1A-000007", {"pending"})
    assert here.counts() == {State.MADE: 7, State.PENDING: 4, State.MISSING: 8}


def test_no_question_reads_a_large_table_from_end_to_end_and_their_number_does_not_grow(assembled: Mission) -> None:
    plan(assembled, *(planned(-4000 - 100 * number, -3950 - 100 * number, number=number) for number in range(1, 90)))
    assembled.work("l1-sm", image(SLICES[0]), image(SLICES[0], "GRDH_1S"))
    asked: list[tuple[str, Any]] = []
    engine = assembled.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *event: asked.append((event[2], event[3])))
    assert len(told(assembled)) == 90
    questions = [(text, values) for text, values in asked if text.startswith("SELECT")]
    with engine.connect() as connection:
        for text, values in questions:
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values):
                assert not any(str(step[3]).split()[:2] == ["SCAN", table] for table in LARGE), f"{step[3]}: {text}"
    assert len(questions) <= 40


def test_both_databases_find_facts_along_an_index(database: Database) -> None:
    questions = {
        "select * from product where datatake in (1, 2)": "ix_product_datatake_type",
        "select start from product where type = 'IW_RAW__0S' and start between 1 and 9 order by start desc limit 9":
            "ix_product_",
        "select * from datatake where start between 1 and 9 order by start desc limit 9": "ix_datatake_start",
        "select * from production_order where chain in ('a', 'b') and unit in ('c', 'd') and campaign = 0":
            "production_order_",
        "select * from job where order_id in (1, 2)": "job_",
        "select * from job_output where job_id in (1, 2)": "job_output",
        "select * from datatake_product where datatake_id in (1, 2)": "datatake_product",
    }  # fmt: skip
    for question, index in questions.items():
        found = plan_of(database, question)
        assert index in found
        assert "Seq Scan" not in found


@pytest.mark.parametrize("mode", sorted(SLICE_LENGTH_AND_OVERLAP_S))
@given(duration_s=st.floats(0.0, 1800.0))
def test_slices_are_counted_as_the_processor_makes_them(mode: str, duration_s: float) -> None:
    assert GRIDS[mode] == SLICE_LENGTH_AND_OVERLAP_S[mode]
    assert slices_in(duration_s, *GRIDS[mode]) == number_of_slices(duration_s, *GRIDS[mode])


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-5000, 5000), st.integers(1, 900)),
        max_size=6,
        unique_by=lambda e: e[0],
    )
)
def test_a_planned_data_take_is_told_once(tmp_path_factory: pytest.TempPathFactory, wanted: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("planned")
    with open_mission(folder) as mission:
        plan(mission, *(planned(start, start + length, number=number) for number, start, length in wanted))
        found = told(mission)
    assert sorted(account.take.datatake or 0 for account in found) == sorted(number for number, _, _ in wanted)
    starts = [account.take.interval.start for account in found]
    assert starts == sorted(starts, reverse=True)
    assert all(account.take.interval.duration >= timedelta(seconds=1) for account in found)
