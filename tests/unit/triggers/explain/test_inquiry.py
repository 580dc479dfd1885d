"""An order explains itself: what it wants, every candidate, why each was refused, and what it would have chosen."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.query import as_of, candidates
from s1pdgs.catalogue.selection import POLICIES, select
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers.explain.inputs import InputExplained, Verdict, _unfit
from s1pdgs.triggers.explain.inquiry import Inquiry, inquire
from s1pdgs.triggers.explain.text import as_lines, to_json
from s1pdgs.triggers.orders import UnknownOrder, release
from tests.unit.triggers.conftest import (
    CALIBRATION,
    NOON,
    PLANS,
    Mission,
    at,
    auxiliary,
    companion,
    make,
    raw_slice,
    session,
    span,
)

ACN = [companion("A"), companion("C", -3000, -2999), companion("N", -3000, -2998)]
SLICE = raw_slice(timeliness=Timeliness.FAST24)


def inquiry(mission: Mission, order: int = 1, moment: object = None) -> Inquiry:
    with mission.database.read() as connection:
        return inquire(mission.planner, connection, order, moment)  # type: ignore[arg-type]


def of_input(told: Inquiry, name: str) -> InputExplained:
    (entry,) = [entry for entry in told.inputs if name in entry.input]
    return entry


def verdict(told: Inquiry, product: str) -> Verdict:
    (found,) = [v for entry in told.inputs for way in entry.ways for v in way.verdicts if v.product == product]
    return found


class TestRefusals:
    def test_a_type_that_never_came(self, mission: Mission) -> None:
        mission.receive(session())
        assert "      the catalogue holds none of this type" in as_lines(inquiry(mission))
        assert of_input(inquiry(mission), "AUX_OBMEMC").met_by == ()

    def test_what_does_not_cover_is_refused_with_what_it_lacks(self, mission: Mission) -> None:
        mission.receive(
            session(),
            auxiliary("AUX_OBMEMC", validity=span(-540, 60), name="late"),
            auxiliary("AUX_OBMEMC", validity=span(-900, -660), name="over"),
            auxiliary("AUX_OBMEMC", validity=span(7200, 9000), name="future"),
        )
        told = inquiry(mission)
        assert verdict(told, "late").reason == "serves 90.0% of the wanted time: lacks 60 s of its beginning"
        assert verdict(told, "over").reason == "ends 60 s before the wanted time"
        assert verdict(told, "future").reason == "begins 2.0 h after the wanted time"

    def test_an_older_version_is_superseded(self, mission: Mission) -> None:
        newer = auxiliary("AUX_OBMEMC", name="newer", generation_time=NOON + timedelta(days=3))
        mission.receive(session(), *PLANS, newer)
        told = inquiry(mission)
        assert of_input(told, "AUX_OBMEMC").met_by == ("newer",)
        assert verdict(told, "AUX_OBMEMC_file").reason == "superseded by newer, 3.0 days newer"

    def test_other_satellites_and_configurations(self, mission: Mission) -> None:
        others = [auxiliary("AUX_CAL", 5), auxiliary("AUX_INS", 6, satellite="S1B", name="theirs")]
        mission.receive(SLICE, *others)
        told = inquiry(mission)
        assert verdict(told, "AUX_CAL_5").reason == "of instrument configuration 5, not 6"
        assert verdict(told, "theirs").reason == "of S1B, not S1A"

    def test_other_data_takes_and_swaths(self, mission: Mission) -> None:
        foreign = evolve(
            companion("A", uid="0001"),
            attributes={"datatakeID": 7, "sliceProductFlag": False, "productClass": "A"},
        )
        other = companion("A", uid="0002")
        other = evolve(other, name=other.name.replace("_S3_", "_S4_"), type="S4_RAW__0A")
        mission.receive(SLICE, foreign, other)
        told = inquiry(mission)
        assert verdict(told, foreign.name).reason == "of data take 000007, not 024A10"
        assert verdict(told, other.name).reason == "of mode S4, not S3"

    def test_what_was_taken_is_what_the_job_reads(self, mission: Mission) -> None:
        orbits = [auxiliary("AUX_RESORB", validity=span(-6000, 3000 + n), name=f"orbit{n}") for n in range(3)]
        mission.receive(SLICE, *CALIBRATION, *ACN, *orbits)
        told = inquiry(mission)
        taken = {name for entry in told.inputs for name in entry.met_by}
        assert taken == {entry.product for entry in mission.spec("l1-sm").inputs}
        assert told.outcome == "it has all that it needs"
        assert verdict(told, "orbit0").reason == "the policy's choice"
        assert verdict(told, ACN[1].name).reason == "the nearest of its data take"

    def test_only_the_nearest_are_told_and_people_see_few(self, mission: Mission) -> None:
        files = [auxiliary("AUX_OBMEMC", validity=span(9000 + n, 9100 + n), name=f"f{n:03d}") for n in range(40)]
        mission.receive(session(), *files)
        told = inquiry(mission)
        (way,) = of_input(told, "AUX_OBMEMC").ways
        assert {v.product for v in way.verdicts} == {f"f{n:03d}" for n in range(10)}
        assert "      and 2 more refused (--json tells all)" in as_lines(told)


class TestDeadlines:
    def test_an_optional_input_is_left_out(self, mission: Mission) -> None:
        mission.receive(SLICE, *CALIBRATION, *ACN)
        assert inquiry(mission).deadlines == ("at 2020-06-15T13:30:00Z it goes on without Orbit and becomes a job",)

    def test_an_order_that_lacks_more_gives_up(self, mission: Mission) -> None:
        mission.receive(SLICE, *ACN)
        assert inquiry(mission).deadlines == (
            "at 2020-06-15T13:30:00Z it goes on without Orbit",
            "at 2020-06-22T13:00:00Z it gives up: it expires, and nothing is made",
        )


class TestAsOf:
    def test_a_job_that_an_operator_let_go_is_told_as_such(self, mission: Mission) -> None:
        mission.receive(SLICE, *CALIBRATION, *ACN)
        with mission.database.write() as connection:
            assert release(mission.planner, connection, 1)
        assert inquiry(mission).outcome == "it would wait, unless an operator releases it"

    def test_only_what_was_catalogued_then_counts(self, mission: Mission) -> None:
        mission.receive(SLICE, *CALIBRATION, *ACN)
        mission.watch.turn(60)
        mission.receive(auxiliary("AUX_RESORB", validity=span(-6000, 3000), name="orbit"))
        before = inquiry(mission, moment=mission.watch.now() - timedelta(seconds=30))
        assert before.outcome == "it waits"
        assert verdict(before, "orbit").reason == "came only at 2020-06-15T13:01:00Z"
        assert any(line.startswith("  lacks AUX_POE") for line in as_lines(before, in_past=True))
        assert of_input(inquiry(mission), "Orbit").met_by == ("orbit",)

    def test_a_job_that_exists_is_explained_as_of_its_planning(self, mission: Mission) -> None:
        mission.receive(session(), *PLANS)
        mission.watch.turn(60)
        mission.receive(auxiliary("AUX_OBMEMC", name="newer", generation_time=at(10)))
        assert of_input(inquiry(mission), "AUX_OBMEMC").met_by == ("AUX_OBMEMC_file",)
        assert of_input(inquiry(mission, moment=mission.watch.now()), "AUX_OBMEMC").met_by == ("newer",)

    def test_removed_files_count_until_they_were_removed(self, mission: Mission) -> None:
        mission.receive(session(), PLANS[0])
        with mission.database.write() as connection:
            gone = mission.watch.now() + timedelta(seconds=60)
            connection.execute(sa.update(catalogue.product).where(catalogue.product.c.type == "AUX_OBMEMC")
                               .values(evicted_at=gone))  # fmt: skip
        mission.watch.turn(120)
        assert verdict(inquiry(mission), "AUX_OBMEMC_file").reason == "its files were removed at 2020-06-15T13:01:00Z"
        assert verdict(inquiry(mission, moment=gone - timedelta(seconds=1)), "AUX_OBMEMC_file").taken

    def test_before_its_trigger_there_was_no_order(self, mission: Mission) -> None:
        mission.receive(session())
        assert inquiry(mission, moment=NOON).outcome.startswith("there was no order yet: S1A_2020")

    def test_the_view_of_the_past_ends_with_its_block(self, mission: Mission) -> None:
        mission.receive(*PLANS)
        with mission.database.read() as connection:
            with as_of(connection, NOON):
                assert candidates(connection, ["AUX_OBMEMC"], "S1A") == []
            assert len(candidates(connection, ["AUX_OBMEMC"], "S1A")) == 1


def test_machines_get_all_of_it(mission: Mission) -> None:
    mission.receive(session(), PLANS[0])
    told = to_json(inquiry(mission))
    assert (told["state"], told["outcome"]) == ("waiting", "it waits")
    assert {need["input"] for need in told["lacks"]} == {need["input"] for need in told["open"]}
    (way,) = next(entry for entry in told["inputs"] if entry["input"] == "AUX_OBMEMC")["ways"]
    assert way["candidates"][0]["taken"] is True


def test_an_unknown_order(mission: Mission) -> None:
    with pytest.raises(UnknownOrder, match="there is no order 7"):
        inquiry(mission, 7)


TIMES = st.integers(-100, 100)
SPANS = st.tuples(TIMES, TIMES).map(lambda pair: span(min(pair), max(pair)))


@pytest.mark.parametrize("policy", sorted(POLICIES))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(validity=SPANS, wanted=SPANS)
def test_words_are_found_for_exactly_what_a_policy_refuses(policy: str, validity: Interval, wanted: Interval) -> None:
    product = make("one", "AUX_CAL", validity)
    chosen = select(policy, wanted, [product])
    assert (_unfit(POLICIES[policy], validity, wanted) is None) == (chosen == [product])


def test_far_ends_have_words() -> None:
    assert _unfit(POLICIES["ValCover"], span(0, 10), Interval(at(0), FAR_FUTURE)) is not None
