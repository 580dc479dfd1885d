"""A database of before there were subscriptions keeps its notices, and its old news is told to nobody."""

from alembic import command

from s1pdgs.bus.notices import NoticeState, notices_of
from s1pdgs.bus.outbox import unseen
from s1pdgs.publication.subscriptions.consumer import NEWS, SUBSCRIBER
from s1pdgs.storage.database import Database
from s1pdgs.storage.schema import alembic_config, migrate

_EVENT = (
    """INSERT INTO event (type, key, payload, emitted_at) VALUES ('ProductPublished', 'A', '{"product": "A"}', 1)"""
)
_NOTICE = """INSERT INTO notice (subject, url, payload, created_at, state, attempts, due_at, reason)
 VALUES ('wish-7', 'http://localhost/', '{}', 1, 'dead', 3, 1, 'localhost answered 500')"""


def test_notices_come_through_and_old_news_is_seen(unmigrated: Database) -> None:
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0011")
        for statement in (_EVENT, _EVENT, _NOTICE):
            connection.exec_driver_sql(statement)
    migrate(unmigrated)
    with unmigrated.write() as connection:
        (notice,) = notices_of(connection, "wish-7")
        assert (notice.state, notice.attempts, notice.reason) == (NoticeState.DEAD, 3, "localhost answered 500")
        assert connection.execute(unseen(SUBSCRIBER, NEWS)).all() == []
        connection.exec_driver_sql(_EVENT)
        assert len(connection.execute(unseen(SUBSCRIBER, NEWS)).all()) == 1
