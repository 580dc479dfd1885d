"""Wires to servers that break by order, as networks and servers do."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import sqlalchemy as sa
from attrs import define, field

from s1pdgs.storage.database import Database, open_postgres
from tests.databases import new_postgres_url

_RESET = struct.pack("ii", 1, 0)


@define
class Carrier:
    """Carries connections to a server; how, say those that are made of it."""

    server: tuple[str, int]
    listener: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)), kw_only=True)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        raise NotImplementedError


C = TypeVar("C", bound=Carrier)


@contextmanager
def carrying(carrier: C) -> Iterator[C]:
    """It takes connections while the block runs."""
    threading.Thread(target=carrier.serve, daemon=True).start()
    try:
        yield carrier
    finally:
        carrier.listener.shutdown(socket.SHUT_RDWR)
        carrier.listener.close()


@define
class Wire(Carrier):
    """Carries connections to PostgreSQL until `broken`: then what is said next is answered by a reset, as by a host
    that has crashed and come back. It breaks by itself after an answer with the `last_words`. Once a client has said
    `commit_of`, the answer to its commit is lost, and with it the connection.
    """

    broken: bool = False
    last_words: bytes | None = None
    commit_of: bytes | None = None
    lost: int = 0
    """Commits that took effect and were not answered."""
    journeys: int = 0
    """How often a client said something."""
    _said: bool = False

    def _talk(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.server) as server, suppress(OSError):
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                self.journeys += 1
                if self.broken:
                    reset(client)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                self._said |= self.commit_of is not None and self.commit_of in data
                server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._said and b"COMMIT" in data:
                    self.commit_of, self._said, self.lost = None, False, self.lost + 1
                    reset(client)
                    return
                self.broken |= self.last_words is not None and self.last_words in data
                client.sendall(data)


def reset(one: socket.socket) -> None:
    """Its connection ends as by a crash; whoever reads from it in another thread lets go first."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        one.shutdown(socket.SHUT_RD)
    one.close()


@contextmanager
def far_away() -> Iterator[tuple[Wire, Database]]:
    """An empty database at the other end of a wire."""
    with new_postgres_url() as url:
        there = sa.make_url(url)
        with carrying(Wire((str(there.host), int(there.port or 0)))) as wire:
            database = open_postgres(there.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False))
            try:
                yield wire, database
            finally:
                database.close()
