"""A connection to PostgreSQL that breaks is told as such, however it breaks, and replaced."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa
from attrs import define, field
from tests.databases import new_postgres_url

from s1pdgs.storage.database import Database, open_postgres

_RESET = struct.pack("ii", 1, 0)


@define
class Wire:
    """Carries connections to a server until `broken`: then what is said next is answered by a reset, as by a host that
    has crashed and come back. It breaks by itself after an answer with the `last_words`.
    """

    server: tuple[str, int]
    broken: bool = False
    last_words: bytes | None = None
    listener: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.server) as server, suppress(OSError):
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                if self.broken:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    client.close()
                    server.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                self.broken |= self.last_words is not None and self.last_words in data
                client.sendall(data)


@contextmanager
def far_away() -> Iterator[tuple[Wire, Database]]:
    """An empty database at the other end of a wire."""
    with new_postgres_url() as url:
        there = sa.make_url(url)
        wire = Wire((str(there.host), int(there.port or 0)))
        threading.Thread(target=wire.serve, daemon=True).start()
        database = open_postgres(there.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False))
        try:
            yield wire, database
        finally:
            database.close()
            wire.listener.shutdown(socket.SHUT_RDWR)
            wire.listener.close()


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
