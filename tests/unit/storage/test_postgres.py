"""A connection to PostgreSQL that breaks is told as such, however it breaks, and replaced."""

import pg8000.dbapi
import pytest
import sqlalchemy as sa
from tests.wire import far_away


def test_connections_that_broke_while_nobody_used_them_are_replaced(caplog: pytest.LogCaptureFixture) -> None:
    with far_away() as (wire, database):
        with database.read() as one, database.read() as other:
            assert one.scalar(sa.text("SELECT 1")) == other.scalar(sa.text("SELECT 1")) == 1
        wire.broken = True
        with pytest.raises(sa.exc.DBAPIError), database.read():
            pass
        wire.broken = False
        with database.read() as one, database.read() as other:
            assert one.scalar(sa.text("SELECT 1")) == other.scalar(sa.text("SELECT 1")) == 1
    assert not caplog.records


@pytest.mark.parametrize("late", [False, True], ids=["at a statement", "at the commit"])
def test_a_connection_that_breaks_in_a_transaction_is_an_error_of_the_database(late: bool) -> None:
    with far_away() as (wire, database):

        def work() -> None:
            with database.write() as connection:
                connection.exec_driver_sql("CREATE TABLE made (id integer)")
                wire.broken = True
                if not late:
                    connection.exec_driver_sql("INSERT INTO made VALUES (1)")

        with pytest.raises(sa.exc.DBAPIError) as told:
            work()
        assert told.value.connection_invalidated
        wire.broken = False
        with database.read() as connection:
            assert not sa.inspect(connection).has_table("made")


def test_a_server_that_ends_after_a_reader_has_let_go_is_no_error() -> None:
    with far_away() as (wire, database):
        with database.read() as connection:
            connection.scalar(sa.text("SELECT 1"))
            wire.last_words = b"ROLLBACK"
        wire.broken, wire.last_words = False, None
        with database.read() as connection:
            assert connection.scalar(sa.text("SELECT 2")) == 2


def test_readers_change_nothing() -> None:
    with (
        far_away() as (_, database),
        pytest.raises(sa.exc.DBAPIError, match="read-only transaction"),
        database.read() as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE made (id integer)")


def test_a_statement_is_looked_through_once_however_often_it_is_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def note(style: str, statement: str, values: object) -> object:
        looked.append(statement)
        return convert(style, statement, values)

    convert = pg8000.dbapi.convert_paramstyle
    monkeypatch.setattr(pg8000.dbapi, "convert_paramstyle", note)
    statement = "SELECT '50%% of it''s', CAST(%s AS int) + 1, CAST(%s AS text) || '%%' -- once"
    with far_away() as (_, database), database.read() as connection:
        for number in range(3):
            found = connection.exec_driver_sql(statement, (number, str(number))).one()
            assert tuple(found) == ("50%% of it's", number + 1, f"{number}%%")
    assert looked.count(statement) == 1
