"""The outbox at work for long: what a consumer has seen is not searched through again, and nothing is passed over."""

import pytest
import sqlalchemy as sa

from s1pdgs.bus.events import AnyEvent, JobStarted, ProductPublished
from s1pdgs.bus.outbox import Outbox, Subscriber, deliver, unseen
from s1pdgs.bus.tables import caught_up, event, seen
from s1pdgs.storage.database import Database
from tests.databases import plan_of
from tests.unit.conftest import ManualClock

MANY = 1500


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def reader(told: list[str]) -> Subscriber:
    def note(_connection: sa.Connection, news: AnyEvent) -> None:
        assert isinstance(news, ProductPublished)
        told.append(news.product)

    return Subscriber("reader", frozenset({"ProductPublished"}), note)


@pytest.fixture
def long_ago(database: Database, clock: ManualClock) -> None:
    """Many events that the reader saw."""
    with database.write() as connection:
        rows = [
            {"id": n, "type": "ProductPublished", "key": "a", "payload": {"product": "a"}, "emitted_at": clock.moment}
            for n in range(1, MANY + 1)
        ]
        connection.execute(event.insert(), rows)
        connection.execute(seen.insert(), [{"consumer": "reader", "event_id": row["id"]} for row in rows])
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ALTER SEQUENCE event_id_seq RESTART WITH {MANY + 1}")
    clock.advance(7200)


def publish(database: Database, clock: ManualClock, *products: str) -> None:
    with database.write() as connection:
        for product in products:
            Outbox(clock).emit(connection, ProductPublished(product))


def noted(database: Database) -> int | None:
    with database.read() as connection:
        return connection.scalar(sa.select(caught_up.c.event_id).where(caught_up.c.consumer == "reader"))


@pytest.mark.usefixtures("long_ago")
def test_what_was_seen_long_ago_is_not_searched_again(
    database: Database, clock: ManualClock, reader: Subscriber, told: list[str]
) -> None:
    publish(database, clock, "b")
    assert deliver(database, reader) == 1
    assert noted(database) == MANY
    publish(database, clock, "c")
    assert deliver(database, reader) == 1
    assert told == ["b", "c"]


@pytest.mark.usefixtures("long_ago")
def test_an_event_that_commits_late_is_not_passed_over(
    database: Database, clock: ManualClock, reader: Subscriber, told: list[str]
) -> None:
    """On PostgreSQL a number may be given long before its transaction commits, and later numbers are seen first."""
    publish(database, clock, "late", "b")
    with database.write() as connection:
        late = connection.execute(sa.select(event).where(event.c.id == MANY + 1)).one()
        connection.execute(event.delete().where(event.c.id == late.id))
    deliver(database, reader)
    assert noted(database) == MANY
    with database.write() as connection:
        connection.execute(event.insert().values(late._asdict()))
    deliver(database, reader)
    assert told == ["b", "late"]


@pytest.mark.usefixtures("long_ago")
def test_an_event_whose_handler_fails_stays_within_the_search(
    database: Database, clock: ManualClock, told: list[str], reader: Subscriber
) -> None:
    def fail(_connection: sa.Connection, _news: AnyEvent) -> None:
        raise RuntimeError

    publish(database, clock, "b")
    with pytest.raises(RuntimeError):
        deliver(database, Subscriber("reader", reader.types, fail))
    clock.advance(7200)
    publish(database, clock, "c")
    deliver(database, reader)
    assert told == ["b", "c"]


@pytest.mark.usefixtures("long_ago")
def test_a_consumer_that_is_behind_notes_how_far_it_came(
    database: Database, clock: ManualClock, told: list[str], reader: Subscriber
) -> None:
    with database.write() as connection:
        connection.execute(seen.delete().where(seen.c.event_id > 1100))
        connection.execute(event.delete().where(event.c.id > 1120))
    publish(database, clock, "last")
    assert deliver(database, reader, limit=15) == 15
    assert noted(database) == 1115
    assert deliver(database, reader, limit=15) == 6
    assert told == ["a"] * 20 + ["last"]


def test_other_news_does_not_hold_the_note_back(database: Database, clock: ManualClock, reader: Subscriber) -> None:
    with database.write() as connection:
        for _ in range(MANY):
            Outbox(clock).emit(connection, JobStarted(1, 1))
    clock.advance(7200)
    publish(database, clock, "b")
    deliver(database, reader)
    assert noted(database) == MANY


def test_the_search_goes_along_the_numbers_of_events(database: Database) -> None:
    query = str(unseen("reader", ["A"]).compile(database.engine, compile_kwargs={"literal_binds": True}))
    plan = plan_of(database, query)
    assert "event USING INTEGER PRIMARY KEY (rowid>" in plan or "pk_event " in plan


def test_events_share_transactions(database: Database, clock: ManualClock, reader: Subscriber, told: list[str]) -> None:
    names = [f"p{number}" for number in range(40)]
    publish(database, clock, *names)
    committed: list[int] = []

    def note(_connection: sa.Connection) -> None:
        committed.append(len(told))

    sa.event.listen(database.engine, "commit", note)
    assert deliver(database, reader) == len(names)
    sa.event.remove(database.engine, "commit", note)
    assert told == names
    assert committed == [16, 32, 40]


def test_a_handler_that_fails_takes_no_effect_from_the_events_before_it(
    database: Database, clock: ManualClock, reader: Subscriber
) -> None:
    """The handler's own effect is news of jobs, by the number in the product's name."""

    def handle(connection: sa.Connection, news: AnyEvent) -> None:
        assert isinstance(news, ProductPublished)
        if news.product == "3":
            raise RuntimeError
        Outbox(clock).emit(connection, JobStarted(int(news.product), 1))

    publish(database, clock, "1", "2", "3", "4")
    with pytest.raises(RuntimeError):
        deliver(database, Subscriber("reader", reader.types, handle))
    with database.read() as connection:
        effects = connection.scalars(sa.select(event.c.key).where(event.c.type == "JobStarted").order_by(event.c.id))
        assert list(effects) == ["job-1", "job-2"]
        assert [row.payload["product"] for row in connection.execute(unseen("reader", reader.types))] == ["3", "4"]
