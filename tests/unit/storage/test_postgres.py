"""A connection to PostgreSQL that breaks is told as such, however it breaks, and replaced."""

import pg8000.dbapi
import pytest
import sqlalchemy as sa
from tests.wire import far_away

from s1pdgs.storage.postgres import send_ahead


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


def test_a_statement_goes_out_in_one_journey_behind_what_prepares_for_it() -> None:
    with far_away() as (wire, database):
        with database.read() as connection:
            send_ahead(connection, "SET LOCAL statement_timeout = 7000")
            before = wire.journeys
            told = connection.execute(sa.text("SELECT :number, current_setting('statement_timeout')"), {"number": "1"})
            assert (tuple(told.one()), wire.journeys - before) == (("1", "7s"), 1)
            assert connection.scalar(sa.text("SHOW transaction_isolation")) == "repeatable read"
        with database.write(alone=False) as connection:
            before = wire.journeys
            assert connection.scalar(sa.text("SELECT CAST(:number AS int)"), {"number": 2}) == 2
            assert wire.journeys - before == 1


def test_what_was_to_go_out_ahead_is_forgotten_with_its_transaction() -> None:
    with far_away() as (_, database):
        with database.read():
            pass
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE made (id integer)")
        with database.read() as connection:
            assert sa.inspect(connection).has_table("made")


@pytest.mark.parametrize("ahead", ["SET LOCAL no_such_setting = 1", "SET LOCAL statement_timeout = 'x'"])
def test_what_goes_wrong_ahead_is_an_error_of_the_statement_that_follows(ahead: str) -> None:
    with far_away() as (_, database):
        with database.read() as connection:
            send_ahead(connection, ahead)
            with pytest.raises(sa.exc.DBAPIError, match=r"no_such_setting|statement_timeout") as told:
                connection.scalar(sa.text("SELECT 1"))
            assert not told.value.connection_invalidated
        with database.read() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1


def test_values_of_every_kind_come_back_as_they_went() -> None:
    values = {
        "text": "déjà \\ 'vu' %s",
        "none": None,
        "number": -(2**63),
        "share": 0.1,
        "yes": True,
        "data": b"\0\xff",
    }
    kinds = {"text": "text", "none": "text", "number": "bigint", "share": "float8", "yes": "boolean", "data": "bytea"}
    query = sa.text("SELECT " + ", ".join(f"CAST(:{name} AS {kind})" for name, kind in kinds.items()))
    with far_away() as (_, database), database.read() as connection:
        for _ in range(2):
            assert tuple(connection.execute(query, values).one()) == tuple(values.values())
        with pytest.raises(sa.exc.DBAPIError, match="invalid input syntax"):
            connection.execute(query, {**values, "number": "x"})


def test_a_text_that_cannot_be_sent_leaves_the_connection_in_order() -> None:
    with far_away() as (_, database), database.read() as connection:
        with pytest.raises(UnicodeEncodeError):
            connection.execute(sa.text("SELECT :text"), {"text": "\ud800"})
        assert connection.scalar(sa.text("SELECT :text"), {"text": "x"}) == "x"
