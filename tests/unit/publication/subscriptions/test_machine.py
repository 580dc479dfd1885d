"""Queues against a model of them: users who subscribe, pause, resume, read, acknowledge and cancel, products that come,
change and go, consumers that die at any statement, and endpoints that fail.
"""

from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from s1pdgs.bus import tables as bus
from s1pdgs.bus.events import ProductEvicted, ProductPublished, ProductRestored
from s1pdgs.bus.notices import NoticeState
from s1pdgs.publication.subscriptions import queue
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.lifecycle import again
from s1pdgs.publication.subscriptions.model import NotNow, Status
from tests.unit.publication.subscriptions.conftest import Desk, DiedError, dying_at

QUEUE = 4
KINDS = {"created": ProductPublished, "deleted": ProductEvicted, "modified": ProductRestored}
FILTERS = {
    None: (0, 1, 2),
    "contains(Name,'GRDH')": (2,),
    "endswith(Name,'.zip') and not contains(Name,'GRDH')": (0, 1),
}
Told = tuple[str, str]


@define
class ModelSubscription:
    """What must be true of a subscription: its queue, what it told, gave up and lost, each in order; `notices` tells of
    those in the queue that the courier was handed.
    """

    push_type: bool
    events: frozenset[str]
    products: tuple[int, ...]
    since: int
    status: Status = Status.RUNNING
    queue: list[int] = field(factory=list)
    told: list[int] = field(factory=list)
    dead: list[int] = field(factory=list)
    dropped: int = 0
    notices: dict[int, NoticeState] = field(factory=dict)

    def hold_back(self) -> None:
        self.notices = {number: state for number, state in self.notices.items() if state is not NoticeState.PENDING}

    def push(self) -> None:
        """What has ended makes room for the next."""
        head = self.queue[0] if self.queue and self.push_type and self.status is not Status.CANCELLED else None
        if head is None or self.notices.get(head) is NoticeState.PENDING:
            return
        if head in self.notices:
            (self.told if self.notices.pop(head) is NoticeState.SENT else self.dead).append(self.queue.pop(0))
        if self.status is Status.RUNNING and self.queue:
            self.notices.setdefault(self.queue[0], NoticeState.PENDING)


class Machine(RuleBasedStateMachine):
    """Events are numbers here: the place in `news` of what happened."""

    def __init__(self, desk: Desk, products: list[str]) -> None:
        super().__init__()
        self.desk, self.products = desk.with_limits(queue_length=QUEUE, running=3, all=5), products
        self.subscriptions: dict[str, ModelSubscription] = {}
        self.news: list[tuple[str, int]] = []
        self.pending: list[int] = []

    @initialize()
    def begin(self) -> None:
        for push in (False, True):
            self.subscribe(push=push, events=frozenset(KINDS), filter_=None)

    @precondition(lambda self: len(self.subscriptions) < 4)
    @rule(
        push=st.booleans(),
        events=st.frozensets(st.sampled_from(sorted(KINDS)), min_size=1),
        filter_=st.sampled_from(list(FILTERS)),
    )
    def subscribe(self, *, push: bool, events: frozenset[str], filter_: str | None) -> None:
        body: dict[str, Any] = {"NotificationEndpoint": "http://127.0.0.1:9/told"} if push else {}
        running = sum(one.status is Status.RUNNING for one in self.subscriptions.values())
        status = "running" if running < 3 else "paused"
        made = self.desk.subscribe(
            "push" if push else "pull", SubscriptionEvent=sorted(events), FilterParam=filter_, Status=status, **body
        )
        self.subscriptions[made] = ModelSubscription(push, events, FILTERS[filter_], len(self.news), Status(status))

    @rule(happened=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 2)), min_size=1, max_size=3))
    def happen(self, happened: list[tuple[str, int]]) -> None:
        for event, product in happened:
            self.desk.emit(KINDS[event](self.products[product]))
            self.pending.append(len(self.news))
            self.news.append((event, product))

    @rule(dies_at=st.none() | st.integers(0, 40))
    def consume(self, dies_at: int | None) -> None:
        """A consumer may die anywhere; the one after it goes on."""
        if dies_at is not None:
            with dying_at(self.desk, dies_at), suppress(DiedError):
                self.desk.deliver()
        self.desk.deliver()
        for number in self.pending:
            self._fall(number)
        self.pending.clear()

    def _fall(self, number: int) -> None:
        event, product = self.news[number]
        for one in self.subscriptions.values():
            wants = event in one.events and product in one.products and number >= one.since
            if one.status is Status.CANCELLED or not wants:
                continue
            one.queue.append(number)
            if len(one.queue) > QUEUE:
                one.queue.remove(next(queued for queued in one.queue if queued not in one.notices))
                one.dropped += 1

    def _some(self, data: st.DataObject) -> tuple[str, ModelSubscription]:
        made = data.draw(st.sampled_from(sorted(self.subscriptions, key=list(self.subscriptions).index)))
        return made, self.subscriptions[made]

    @rule(data=st.data(), status=st.sampled_from([Status.PAUSED, Status.RUNNING, Status.PAUSED, Status.CANCELLED]))
    def turn(self, data: st.DataObject, status: Status) -> None:
        made, one = self._some(data)
        if one.status is Status.CANCELLED and status is not Status.CANCELLED:
            with suppress(NotNow):
                self.desk.to(made, status)
                raise AssertionError("what was cancelled is so for ever")
            return
        running = sum(other.status is Status.RUNNING for other in self.subscriptions.values())
        if status is Status.RUNNING and one.status is not status and running >= 3:
            return
        assert self.desk.to(made, status) is (one.status is not status)
        if status is Status.CANCELLED:
            one.queue.clear()
            one.notices.clear()
        if one.status is not status:
            one.hold_back()
        one.status = status

    @rule(data=st.data(), count=st.integers(1, QUEUE))
    def acknowledge(self, data: st.DataObject, count: int) -> None:
        made, one = self._some(data)
        if one.push_type or one.status is Status.CANCELLED or not one.queue:
            return
        read = self.desk.read(made, count)
        with self.desk.database.write() as connection:
            taken = queue.acknowledge(connection, made, read[-1]["AckId"], self.desk.by.at)
        assert taken.taken == len(read) == min(count, len(one.queue))
        one.told += one.queue[: len(read)]
        del one.queue[: len(read)]

    @rule()
    def push(self) -> None:
        queue.push_step(self.desk.database, self.desk.segment.clock)
        for one in self.subscriptions.values():
            one.push()

    @rule(fate=st.sampled_from([NoticeState.SENT, NoticeState.SENT, NoticeState.DEAD]))
    def courier(self, fate: NoticeState) -> None:
        """What the courier has ends so."""
        with self.desk.database.write() as connection:
            pending = bus.notice.update().where(bus.notice.c.state == NoticeState.PENDING)
            connection.execute(pending.values(state=fate))
        for one in self.subscriptions.values():
            one.notices = {number: NoticeState(fate) if state is NoticeState.PENDING else state
                           for number, state in one.notices.items()}  # fmt: skip

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        made, one = self._some(data)
        if one.status is Status.CANCELLED:
            return
        with self.desk.database.write() as connection:
            assert again(connection, made, self.desk.by) == len(one.dead)
        if one.dead:
            one.hold_back()
        one.queue = sorted([*one.queue, *one.dead])
        one.dead.clear()

    @invariant()
    def queues_are_as_they_must_be(self) -> None:
        n, news = t.notification.c, t.product_news.c
        carried = n.notice_id.is_not(None).label("carried")
        query = sa.select(n.state, news.event, news.product_name, carried).join(t.product_news, news.id == n.news_id)
        with self.desk.database.read() as connection:
            for made, one in self.subscriptions.items():
                row = connection.execute(sa.select(t.subscription).where(t.subscription.c.uuid == made)).one()
                rows = connection.execute(query.where(n.subscription_id == row.id).order_by(n.id)).all()
                found = {state: [(row.event, row.product_name) for row in rows if row.state == state] for state in
                         ("queued", "told", "dead")}  # fmt: skip
                assert row.status == one.status
                assert row.queued == len(one.queue)
                assert row.dropped == one.dropped
                assert found["queued"] == self._words(one.queue)
                assert sorted(found["told"]) == sorted(self._words(one.told))
                assert sorted(found["dead"]) == sorted(self._words(one.dead))
                assert [row.carried for row in rows if row.state == "queued"] == [
                    number in one.notices for number in one.queue
                ]

    def _words(self, numbers: list[int]) -> list[Told]:
        return [(self.news[number][0], f"{self.products[self.news[number][1]]}.zip") for number in numbers]


def test_whatever_happens_in_any_order(desk: Desk) -> None:
    products = [desk.publish(0), desk.publish(1), desk.publish(2, kind="IW_GRDH_1S")]
    desk.deliver()
    sqlite = desk.database.engine.dialect.name == "sqlite"
    if sqlite:
        sa.event.listen(desk.database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        desk.database.engine.dispose()

    def machine() -> Machine:
        with desk.database.write() as connection:
            for table in (t.notification, t.product_news, t.subscription, t.subscription_action, bus.notice):
                connection.execute(table.delete())
            connection.execute(bus.event.delete())
            connection.execute(bus.seen.delete())
        return Machine(desk, products)

    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    steps = settings(max_examples=15 if sqlite else 2, stateful_step_count=25, suppress_health_check=slow)
    run(machine, settings=steps)
