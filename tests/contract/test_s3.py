"""What an S3 server adds to the promises of an object store: large objects in parts, addresses, what can go wrong."""

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from attrs import define, evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.s3 import READER, endpoint, s3_place, s3_store
from tests.wire import Carrier, carrying, reset

from s1pdgs.storage.objects import KeyTaken, StorageError, checksums_of
from s1pdgs.storage.objects.s3 import PART_BYTES, S3Objects, blocks, s3_objects
from s1pdgs.storage.objects.s3_signature import Keys

PART = 5 * 1024 * 1024
"""The smallest that servers take, for tests where the size does not matter."""


@pytest.fixture
def store() -> Iterator[S3Objects]:
    with s3_store() as opened:
        yield opened


def large(last: bytes = b"end") -> Iterator[bytes]:
    """A stream of a part and a little."""
    yield bytes(PART_BYTES - 1)
    yield last


def unfinished(store: S3Objects) -> list[str]:
    return [upload.key for upload in store.bucket.uploads()]


def test_a_large_object_goes_in_parts_and_is_written_once(store: S3Objects) -> None:
    sums = store.put("a/large", large())
    assert (store.size("a/large"), checksums_of(store, "a/large")) == (PART_BYTES + 2, sums)
    assert b"".join(store.read("a/large", PART_BYTES - 3)) == bytes(2) + b"end"
    assert store.put("a/large", large()) == sums
    with pytest.raises(KeyTaken, match="a/large"):
        store.put("a/large", large(b"other"))
    assert unfinished(store) == []


def test_a_large_stream_that_breaks_leaves_no_parts(store: S3Objects) -> None:
    def broken() -> Iterator[bytes]:
        yield from large()
        raise ConnectionError("the station hung up")

    with pytest.raises(ConnectionError, match="hung up"):
        store.put("a/large", broken())
    assert (store.size("a/large"), unfinished(store)) == (None, [])


@pytest.mark.parametrize("length", [1, PART])
def test_of_two_writers_at_once_the_first_to_end_wins(store: S3Objects, length: int) -> None:
    store = evolve(store, part_bytes=PART)

    def overtaken(mine: bytes) -> Iterator[bytes]:
        yield mine * length
        store.put("a/key", iter([b"first" * length]))
        yield b"late"

    with pytest.raises(KeyTaken, match="a/key"):
        store.put("a/key", overtaken(b"other"))
    assert store.size("a/key") == 5 * length
    assert unfinished(store) == []


def test_writers_that_died_are_tidied_up_and_living_ones_are_not_disturbed(store: S3Objects) -> None:
    upload = store.bucket.begin("a/dead")
    store.bucket.send_part("a/dead", upload, 1, b"half")
    assert (store.remove_abandoned(), unfinished(store)) == (0, ["a/dead"])
    assert evolve(store, abandoned_after=timedelta(0)).remove_abandoned() == 1
    assert unfinished(store) == []


def test_a_signed_address_gives_the_object_under_a_name_to_whoever_has_it(store: S3Objects) -> None:
    store.put("published/a b+ü.zip", iter([b"the bytes"]))
    signing = evolve(store, signed_for=timedelta(minutes=1))
    address = signing.sign("published/a b+ü.zip", 'S1A "ü".zip', "application/zip")
    assert address is not None
    answer = httpx2.get(address, headers={"Range": "bytes=4-"})
    assert (answer.status_code, answer.content) == (206, b"bytes")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''S1A%20%22%C3%BC%22.zip")
    assert httpx2.get(address.replace("published", "jobs")).status_code == 403
    assert httpx2.get(address.replace("X-Amz-Expires=60", "X-Amz-Expires=600")).status_code == 403


def test_a_signed_address_names_the_server_as_users_reach_it() -> None:
    with closing_http(s3_objects(s3_place(public_endpoint="https://data.example.org"), timedelta(minutes=1))) as store:
        address = store.sign("published/a.zip", "a.zip", "application/zip") or ""
    assert address.startswith(f"https://data.example.org/{store.bucket.place.bucket}/")


def test_a_store_that_is_not_to_sign_gives_no_address(store: S3Objects) -> None:
    assert store.sign("published/a.zip", "a.zip", "application/zip") is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"keys": Keys("operator", "wrong")}, "does not know access key operator .* access_key and secret_key"),
        ({"keys": Keys("nobody", "wrong")}, "does not know access key nobody"),
        ({"bucket": "absent"}, r"bucket absent at http://127.0.0.1:\d+: there is no such bucket; create it, or .* url"),
        ({"endpoint": "http://127.0.0.1:1"}, r"no answer \(ConnectError.*set \[store\] endpoint"),
    ],
)
def test_a_store_that_cannot_be_used_says_which_setting_to_mend(changes: dict[str, Any], told: str) -> None:
    with (
        closing_http(s3_objects(s3_place(patience_s=0.01, **changes))) as store,
        pytest.raises(StorageError, match=told),
    ):
        store.check()


def test_keys_that_may_only_read_are_told_when_they_write() -> None:
    with closing_http(s3_objects(s3_place(keys=READER))) as store:
        store.check()
        with pytest.raises(StorageError, match=r"object a/key: .* access key reader may not do this"):
            store.put("a/key", iter([b"x"]))


@pytest.mark.parametrize("act", ["size", "list", "delete"])
def test_reading_from_a_server_that_is_away_names_key_and_setting(act: str) -> None:
    away = s3_place(patience_s=0.01, endpoint="http://127.0.0.1:1")
    with closing_http(s3_objects(away)) as store, pytest.raises(StorageError, match=r"jobs/403/a: .*\] endpoint"):
        getattr(store, act)("jobs/403/a")


@pytest.mark.parametrize("act", ["size", "list", "delete"])
def test_reading_with_a_key_that_is_refused_names_the_access_key(act: str) -> None:
    refused = s3_place(patience_s=0.01, keys=Keys("operator", "wrong"))
    with (
        closing_http(s3_objects(refused)) as store,
        pytest.raises(StorageError, match=r"a/key: .* access key operator"),
    ):
        getattr(store, act)("a/key")


def test_a_server_that_is_no_s3_server_is_told() -> None:
    with (
        answering(b"<html><body>welcome</html>") as address,
        closing_http(s3_objects(s3_place(patience_s=0.01, endpoint=address))) as store,
        pytest.raises(StorageError, match=r"see that \[store\] endpoint is an S3 server"),
    ):
        store.remove_abandoned()


@pytest.mark.parametrize("length", [5, PART + 1])
def test_a_write_whose_answer_is_lost_is_neither_lost_nor_doubled(length: int) -> None:
    """The last answer of the write does not arrive; the server has the object."""
    with relay() as wire, s3_store(endpoint=f"http://127.0.0.1:{wire.port}") as opened:
        store = evolve(opened, part_bytes=PART)
        wire.loses = b"PUT" if length < PART else b"CompleteMultipartUpload"
        sums = store.put("a/key", iter([b"z" * length]))
        assert wire.lost == 1
        assert checksums_of(store, "a/key") == sums


def test_a_server_that_restarts_is_waited_for() -> None:
    with relay() as wire, s3_store(endpoint=f"http://127.0.0.1:{wire.port}") as store:
        for act in (lambda: store.put("a/key", iter([b"x"])), lambda: store.size("a/key"), lambda: store.delete("a")):
            wire.breaks = 2
            act()
            assert wire.breaks == 0
        assert store.size("a/key") is None


@given(st.lists(st.binary(max_size=9)), st.integers(1, 7))
def test_blocks_are_the_same_bytes_in_one_size(chunks: list[bytes], size: int) -> None:
    made = list(blocks(chunks, size))
    assert b"".join(made) == b"".join(chunks)
    assert all(len(block) == size for block in made[:-1])
    assert all(0 < len(block) <= size for block in made[-1:])


@contextmanager
def closing_http(store: S3Objects) -> Iterator[S3Objects]:
    with closing(store.bucket.http):
        yield store


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """The address of a server that answers so to whatever is asked."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@define
class Relay(Carrier):
    """Carries requests to the server; the answer to the first one that has the words `loses` is not given on, and the
    next `breaks` requests end their connection.
    """

    loses: bytes | None = None
    lost: int = 0
    breaks: int = 0

    def _talk(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.server) as server, suppress(OSError):
            losing = threading.Event()
            threading.Thread(target=self._answer, args=(server, client, losing), daemon=True).start()
            while data := client.recv(65536):
                if self.breaks:
                    self.breaks -= 1
                    server.shutdown(socket.SHUT_RDWR)
                    return
                if self.loses is not None and self.loses in data:
                    self.loses = None
                    losing.set()
                server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if losing.is_set() and b"100 Continue" not in data:
                    self.lost += 1
                    reset(client)
                    return
                client.sendall(data)


def relay() -> AbstractContextManager[Relay]:
    there = urlsplit(endpoint())
    return carrying(Relay((str(there.hostname), int(there.port or 0))))
