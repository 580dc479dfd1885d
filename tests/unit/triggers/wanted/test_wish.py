"""Wishes with an identity: what they group, when they end, what their deadlines do, and whom they tell."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.bus import tables as bus
from s1pdgs.bus.courier import Courier
from s1pdgs.bus.outbox import deliver
from s1pdgs.catalogue.door import register
from s1pdgs.jobs import queue
from s1pdgs.jobs.queue import Failure
from s1pdgs.model.job import OrderState
from s1pdgs.storage.database import Database
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.orders import drop
from s1pdgs.triggers.wanted import status as wanted_status
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import Asked, asked_of, read_wishes
from s1pdgs.triggers.wanted.deadlines import Interest, due
from s1pdgs.triggers.wanted.sources import WantedError
from s1pdgs.triggers.wanted.status import Outcome, WishStatus
from s1pdgs.triggers.wanted.way import Action
from s1pdgs.triggers.wanted.wish import Placed
from tests.unit.triggers.conftest import (
    CALIBRATION,
    PLANS,
    Mission,
    at,
    mission_on,
    open_mission,
    raw_slice,
    segment,
    session,
)
from tests.unit.triggers.wanted.test_way import ACN, image

TOLD = "http://localhost:8123/told"


@cache
def on_demand_chains() -> Chains:
    """The shipped chains; Level-1 is made only when somebody wants it."""
    routes = [
        Route(route.chain.model_copy(update={"enabled": route.chain.unit != "slice"}), route.table)
        for route in Chains.read().routes
    ]
    return Chains(tuple(routes))


@pytest.fixture
def on_demand(tmp_path: Path) -> Iterator[Mission]:
    with open_mission(tmp_path, on_demand_chains()) as mission:
        yield mission


def place(mission: Mission, source: str | None = None, **words: Any) -> Placed:
    asked = asked_of({"type": "S3_GRDH_1S", "for": source or raw_slice().name, **words})
    with mission.database.write() as connection:
        return wanted_wish.place(mission.planner, connection, asked, Courier())


def status(mission: Mission, number: int = 1) -> WishStatus:
    with mission.database.read() as connection:
        return wanted_status.status(connection, number)


def settle(mission: Mission) -> None:
    """Let wishes end whose orders have, as the role does step by step."""
    for _ in range(2):
        mission.deliver()
        with mission.database.write() as connection:
            wanted_wish.step(mission.planner, connection)


def told(mission: Mission) -> list[tuple[str, str, list[str]]]:
    with mission.database.read() as connection:
        payloads = connection.scalars(sa.select(bus.notice.c.payload).order_by(bus.notice.c.id)).all()
    return [(payload["event"], payload["outcome"], payload["products"]) for payload in payloads]


def hour(hours: float) -> str:
    """A time so many hours after the watch starts."""
    return f"{at(3600 * (1 + hours)):%Y-%m-%dT%H:%M:%SZ}"


class TestGrouping:
    def test_a_wish_ends_with_its_product_and_tells_it(self, database: Database) -> None:
        on_demand = mission_on(database, on_demand_chains())
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        assert place(on_demand, notify=TOLD).wish == 1
        settle(on_demand)
        assert (status(on_demand).outcome, told(on_demand)) == (Outcome.OPEN, [])
        on_demand.work("l1-sm", image(raw_slice()))
        settle(on_demand)
        done = status(on_demand)
        assert (done.outcome, done.products) == (Outcome.DONE, [image(raw_slice()).name])
        assert told(on_demand) == [("ended", "done", [image(raw_slice()).name])]

    def test_orders_on_the_way_belong_to_it_and_it_waits_for_the_last(self, on_demand: Mission) -> None:
        on_demand.receive(*PLANS, *CALIBRATION, *ACN, segment("SV"))
        place(on_demand, segment("SV").name, notify=TOLD)
        claim = on_demand.claim("l0-asp")
        with on_demand.database.write() as connection:
            queue.finish(connection, on_demand.planner.outbox, claim, [raw_slice().name])
            register(connection, on_demand.planner.outbox, raw_slice())
        deliver(on_demand.database, on_demand.planner.subscriber(), limit=1)
        with on_demand.database.write() as connection:
            wanted_wish.step(on_demand.planner, connection)
            wanted_wish.step(on_demand.planner, connection)
        assert status(on_demand).outcome is Outcome.OPEN, "news of its product are under way"
        settle(on_demand)
        assert [part.chain for part in status(on_demand).parts] == ["l0-asp", "l1-sm"]
        on_demand.work("l1-sm", image(raw_slice()))
        settle(on_demand)
        assert status(on_demand).products == [image(raw_slice()).name]

    def test_what_is_under_way_already_belongs_to_it_although_the_next_chain_is_off(self, on_demand: Mission) -> None:
        on_demand.receive(*PLANS, *CALIBRATION, *ACN, segment("SV"))
        assert [step.action for step in place(on_demand, segment("SV").name).steps] == [Action.ONGOING]
        on_demand.work("l0-asp", raw_slice())
        assert on_demand.order("l1-sm").state == OrderState.PLANNED

    def test_what_exists_is_its_product(self, mission: Mission) -> None:
        mission.receive(*ACN, raw_slice(), image(raw_slice()))
        place(mission)
        settle(mission)
        assert (status(mission).outcome, status(mission).products) == (Outcome.DONE, [image(raw_slice()).name])

    def test_two_wishes_share_an_order(self, on_demand: Mission) -> None:
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        place(on_demand)
        place(on_demand, type="S3_SLC__1S")
        with on_demand.database.write() as connection:
            assert wanted_wish.cancel(on_demand.planner, connection, 1)
            assert not wanted_wish.cancel(on_demand.planner, connection, 1)
        assert status(on_demand, 1).outcome is Outcome.CANCELLED
        assert on_demand.order("l1-sm").state == OrderState.PLANNED, "the other wish wants it"
        with on_demand.database.write() as connection:
            assert wanted_wish.cancel(on_demand.planner, connection, 2)
        assert on_demand.order("l1-sm").state == OrderState.DROPPED

    def test_a_cancelled_wish_leaves_what_data_caused(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, raw_slice())
        assert [step.action for step in place(mission, priority=30).steps] == [Action.JOINED]
        with mission.database.write() as connection:
            wanted_wish.cancel(mission.planner, connection, 1)
        assert mission.order("l1-sm").state == OrderState.WAITING

    def test_a_parked_job_and_a_dropped_order_are_failures(self, on_demand: Mission) -> None:
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        place(on_demand, notify=TOLD)
        claim = on_demand.claim("l1-sm")
        with on_demand.database.write() as connection:
            queue.fail(connection, on_demand.planner.outbox, claim, Failure("no memory", lasting=True))
        settle(on_demand)
        assert status(on_demand).outcome is Outcome.FAILED
        assert "no memory" in status(on_demand).parts[0].told
        assert told(on_demand) == [("ended", "failed", [])]

    def test_an_order_that_makes_another_type_is_no_success(self, on_demand: Mission) -> None:
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        place(on_demand)
        on_demand.work("l1-sm")
        settle(on_demand)
        assert status(on_demand).outcome is Outcome.FAILED


class TestDeadlines:
    def test_an_order_goes_on_with_what_is_there(self, mission: Mission) -> None:
        mission.receive(*CALIBRATION, *ACN, raw_slice(timeliness=None))
        with mission.database.write() as connection:
            drop(connection, 1, "for the test", mission.watch.now())
        place(mission, deadline=hour(0.1))
        assert mission.order("l1-sm").state == OrderState.WAITING, "the orbit is awaited"
        settle(mission)
        assert mission.order("l1-sm").state == OrderState.WAITING
        mission.watch.turn(400)
        settle(mission)
        assert mission.order("l1-sm").state == OrderState.PLANNED

    def test_one_that_lacks_what_it_must_have_expires_then(self, on_demand: Mission) -> None:
        on_demand.receive(*ACN, raw_slice())
        place(on_demand, deadline=hour(1), notify=TOLD)
        on_demand.watch.turn(3600)
        settle(on_demand)
        order = on_demand.order("l1-sm")
        assert order.state == OrderState.EXPIRED
        assert order.reason.startswith("the deadline of wish 1 passed, and it lacks AUX_PP1")
        assert told(on_demand) == [("ended", "expired", [])]

    def test_an_order_expires_as_told_although_it_could_go_on(self, on_demand: Mission) -> None:
        on_demand.receive(*CALIBRATION, *ACN, raw_slice(timeliness=None))
        place(on_demand, deadline=hour(0.1), at_deadline="expire")
        on_demand.watch.turn(400)
        settle(on_demand)
        assert (on_demand.order("l1-sm").state, status(on_demand).outcome) == (OrderState.EXPIRED, Outcome.EXPIRED)

    def test_a_job_that_no_worker_holds_expires_with_it(self, database: Database) -> None:
        on_demand = mission_on(database, on_demand_chains())
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        place(on_demand, deadline=hour(1), at_deadline="expire")
        on_demand.watch.turn(3600)
        settle(on_demand)
        assert on_demand.jobs("l1-sm") == [(1, "dropped")]
        assert "passed before its job began" in on_demand.order("l1-sm").reason

    def test_a_job_that_runs_goes_on_and_is_late(self, on_demand: Mission) -> None:
        on_demand.receive(*CALIBRATION, *ACN, raw_slice())
        place(on_demand, deadline=hour(1), at_deadline="expire", notify=TOLD)
        claim = on_demand.claim("l1-sm")
        on_demand.watch.turn(3600)
        settle(on_demand)
        assert told(on_demand) == [("late", "open", [])]
        assert status(on_demand).is_late(on_demand.watch.now() + (at(1) - at(0)))
        on_demand.watch.turn(60)
        on_demand.work("l1-sm", image(raw_slice()), claim=claim)
        settle(on_demand)
        assert told(on_demand)[1:] == [("ended", "late", [image(raw_slice()).name])]

    def test_what_data_caused_never_expires_by_a_wish(self, mission: Mission) -> None:
        mission.receive(*ACN, raw_slice())
        place(mission, deadline=hour(1), at_deadline="expire", priority=3)
        mission.watch.turn(3600)
        settle(mission)
        assert mission.order("l1-sm").state == OrderState.WAITING

    def test_the_last_of_several_deadlines_expires_an_order_and_the_first_lets_it_go_on(
        self, on_demand: Mission
    ) -> None:
        on_demand.receive(*ACN, raw_slice())
        for hours in (1, 2):
            place(on_demand, deadline=hour(hours), at_deadline="expire", priority=3)
        on_demand.watch.turn(3600)
        settle(on_demand)
        assert on_demand.order("l1-sm").state == OrderState.WAITING
        on_demand.watch.turn(3600)
        settle(on_demand)
        assert on_demand.order("l1-sm").state == OrderState.EXPIRED

    def test_one_that_has_passed_is_refused(self, mission: Mission) -> None:
        mission.receive(raw_slice())
        with pytest.raises(WantedError, match="deadline 2020-06-15T12:00:00Z has passed already"):
            place(mission, deadline=hour(-1))


class TestWords:
    def test_a_file_of_wishes(self, tmp_path: Path) -> None:
        path = tmp_path / "wishes.toml"
        path.write_text(
            '[[wish]]\ntype = "IW_GRDH_1S"\ndatatake = "024A10"\ndeadline = 2026-01-05T12:00:00\n'
            '[[wish]]\ntype = "IW_SLC__1S"\nstart = "2026-01-05"\nstop = 2026-01-06T00:00:00+01:00\n'
        )
        one, other = read_wishes(path)
        assert one.deadline == datetime.fromisoformat("2026-01-05T12:00:00+00:00")
        assert other.stop == datetime.fromisoformat("2026-01-05T23:00:00+00:00")
        assert Asked.model_validate(other.to_json()) == other
        (tmp_path / "wishes.json").write_text('[{"type": "IW_GRDH_1S", "for": "X"}]')
        assert [asked.product for asked in read_wishes(tmp_path / "wishes.json")] == ["X"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[[wish]]\ntype = 'iw'\nfor = 'x'", r"wishes.toml: wish 1: type: String should match"),
            ("[[wish]]\ntype = 'IW_GRDH_1S'", "wish 1: tell one thing to make it of"),
            (
                "[[wish]]\ntype = 'IW_GRDH_1S'\nfor = 'x'\nuntil = 1",
                r"wish 1: until: no such word; the words are again",
            ),
            ("[[wish]]\ntype = 'IW_GRDH_1S'\nstart = 'noon'\nstop = 'x'", "wish 1: start: 'noon' is no time"),
            ("[[wish]]\ntype = 'IW_GRDH_1S'\nstart = 2026-01-02\nstop = 'x'", "wish 1: start: a time is wanted"),
            ("wish = 1", "wishes are given as"),
            ("[[order]]", "wishes are given as"),
            ("", "wishes are given as"),
            ("[[", "no TOML file"),
        ],
    )
    def test_mistakes_in_a_file(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "wishes.toml"
        path.write_text(text)
        with pytest.raises(WantedError, match=message):
            read_wishes(path)

    def test_an_address_that_may_not_be_told(self, mission: Mission) -> None:
        mission.receive(raw_slice())
        with pytest.raises(WantedError, match=r"notify: notices to example.org are not allowed"):
            place(mission, notify="https://example.org/")


class TestReplacing:
    def test_two_deliveries_of_a_pass_in_one_transaction_make_one_job(self, mission: Mission) -> None:
        again = session("S1A_20200615120000032000_R1", of="S1A_20200615120000032000", blocks=(1, 2, 3))
        mission.receive(*PLANS, session(), again)
        assert [order.state for order in mission.orders("l0-aio")] == [OrderState.DONE, OrderState.PLANNED]
        assert len(mission.jobs("l0-aio")) == 1
        assert {entry.product for entry in mission.spec("l0-aio").inputs} >= {again.name}

    def test_an_order_of_an_old_version_of_a_slice_gives_way(self, mission: Mission) -> None:
        newer = evolve(raw_slice(uid="BCDE"), generation_time=at(60))
        mission.receive(*CALIBRATION, raw_slice(), raw_slice(2, -2975, -2942))
        mission.receive(newer)
        states = {order.unit: (order.state, order.reason) for order in mission.orders("l1-sm")}
        state, reason = states[raw_slice().name]
        assert (state, reason) == (OrderState.DONE, f"it goes on with {newer.name}, a newer version of its slice")
        assert states[raw_slice(2, -2975, -2942).name][0] == OrderState.WAITING


TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 9), timezones=st.just(UTC))  # noqa: DTZ001
INTERESTS = st.lists(st.builds(Interest, st.integers(1, 9), st.none() | TIMES, st.booleans(), st.booleans()))


@given(INTERESTS, TIMES)
def test_an_order_expires_only_when_nobody_can_want_it_any_more(interests: list[Interest], now: datetime) -> None:
    found = due(interests)
    if found.expires(now):
        assert all(each.own and each.expires and each.deadline and each.deadline <= now for each in interests)
        assert not found.proceeds(now)
    asked_to_proceed = [each for each in interests if each.deadline and each.deadline <= now and not each.expires]
    assert found.proceeds(now) is bool(asked_to_proceed)
    assert found.first == min((each.deadline for each in interests if each.deadline), default=None)


@given(
    st.fixed_dictionaries(
        {"type": st.from_regex(r"^[A-Z0-9_]{5,20}\Z"), "for": st.text(min_size=1)},
        optional={
            "again": st.booleans(),
            "priority": st.integers(0, 100),
            "parameters": st.dictionaries(st.text(), st.text(), max_size=2),
            "deadline": TIMES.map(lambda time: time.isoformat()),
            "at_deadline": st.sampled_from(["proceed", "expire"]),
            "satellite": st.text(),
        },
    )
)
def test_the_words_of_a_wish_come_back_as_they_were(words: dict[str, Any]) -> None:
    asked = asked_of(words)
    assert asked_of(asked.to_json()) == asked
