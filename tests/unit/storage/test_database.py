"""Both databases behave as one: writers follow each other, readers see one moment, errors say what mends them."""

import socket
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.databases import new_postgres_url

from s1pdgs.storage.database import Database, DatabaseError, open_database, open_postgres

COUNTER = sa.Table(
    "test_counter", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("value", sa.Integer)
)


@pytest.fixture
def counter(database: Database) -> Database:
    COUNTER.metadata.create_all(database.engine)
    with database.write() as connection:
        connection.execute(COUNTER.insert().values(id=1, value=0))
    return database


def _value(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.select(COUNTER.c.value)) or 0)


def test_writers_that_read_first_lose_no_update(counter: Database) -> None:
    def work() -> None:
        for _ in range(20):
            with counter.write() as connection:
                value = connection.scalar(sa.select(COUNTER.c.value))
                connection.execute(COUNTER.update().values(value=value + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _value(counter) == 80


def test_a_failed_writer_leaves_nothing(counter: Database) -> None:
    def fail() -> None:
        with counter.write() as connection:
            connection.execute(COUNTER.update().values(value=7))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _value(counter) == 0


def test_a_reader_sees_one_moment(counter: Database) -> None:
    with counter.read() as connection:
        before = connection.scalar(sa.select(COUNTER.c.value))
        with counter.write() as other:
            other.execute(COUNTER.update().values(value=5))
        assert connection.scalar(sa.select(COUNTER.c.value)) == before == 0
    assert _value(counter) == 5


def test_postgresql_keeps_what_sqlite_keeps_in_a_file(tmp_path: Path) -> None:
    with new_postgres_url() as url:
        opened = open_database(url, tmp_path)
        assert opened.engine.dialect.name == "postgresql"
        opened.close()
    opened = open_database("sqlite", tmp_path)
    assert opened.engine.dialect.name == "sqlite"
    opened.close()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"port": 1}, "cannot be opened"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"query": {"sslmode": "perhaps"}}, "sslmode=disable|require|verify-full"),
        ({"query": {"connect_timeout": "5"}}, "and nothing else, not for connect_timeout=5"),
    ],
)
def test_a_database_that_does_not_fit_is_told_without_its_password(change: dict[str, object], complaint: str) -> None:
    with new_postgres_url() as url:
        wrong = sa.make_url(url).set(password="s3cret", **change)  # type: ignore[arg-type]
        with pytest.raises(DatabaseError) as told:
            open_postgres(wrong.render_as_string(hide_password=False))
    assert complaint in str(told.value)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("asked", "first"), [("", 196608), ("?sslmode=disable", 196608), ("?sslmode=require", 80877103)]
)
def test_a_server_is_asked_for_tls_where_the_url_does(asked: str, first: int) -> None:
    """The second number that a server is told: version 3.0 of the protocol, or the request for TLS."""
    heard: list[bytes] = []

    def listen() -> None:
        with server.accept()[0] as line:
            heard.append(line.recv(8))

    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=listen)
        listener.start()
        with pytest.raises(DatabaseError, match="cannot be opened"):
            open_postgres(f"postgresql://user@127.0.0.1:{server.getsockname()[1]}/name{asked}")
        listener.join()
    assert int.from_bytes(heard[0][4:]) == first


def test_texts_must_be_utf8() -> None:
    with new_postgres_url() as url:
        admin = sa.create_engine(sa.make_url(url).set(drivername="postgresql+pg8000"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE IF EXISTS english WITH (FORCE)")
            try:
                connection.exec_driver_sql(
                    "CREATE DATABASE english TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
                )
                english = sa.make_url(url).set(database="english").render_as_string(hide_password=False)
                with pytest.raises(DatabaseError, match="encoding SQL_ASCII; make it with CREATE DATABASE"):
                    open_postgres(english)
            finally:
                connection.exec_driver_sql("DROP DATABASE IF EXISTS english WITH (FORCE)")
        admin.dispose()
