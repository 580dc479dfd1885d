"""Published files leave by the kernel: the same bytes, ranges and connections as by any other way."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from s1pdgs.publication.sendfile import SendfileProtocol, SentFile

DATA = bytes(range(256)) * 20_000  # 5 MB, more than sockets buffer


@contextmanager
def serving(path: Path, **how: Any) -> Iterator[tuple[str, int]]:
    """The address of a server that sends a file, `?START-STOP` of it."""

    def part(request: Request) -> Response:
        start, _, stop = request.url.query.partition("-")
        return SentFile(path.open("rb"), (int(start), int(stop)), 200, {}, "application/zip")

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[Route("/", part)]), log_level="critical", **how))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module", params=[True, False], ids=["by the kernel", "by the process"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    path = tmp_path_factory.mktemp("files") / "data"
    path.write_bytes(DATA)
    with serving(path, **({"http": SendfileProtocol} if request.param else {"http": "h11"})) as address:
        yield address


@given(span=st.tuples(st.integers(0, len(DATA)), st.integers(0, len(DATA))).map(sorted))
@settings(max_examples=25)
def test_any_part_arrives_as_it_is(server: tuple[str, int], span: list[int]) -> None:
    client = http.client.HTTPConnection(*server)
    client.request("GET", f"/?{span[0]}-{span[1]}")
    answer = client.getresponse()
    assert answer.read() == DATA[slice(*span)]
    assert answer.headers["Content-Length"] == str(span[1] - span[0])
    client.close()


def test_one_connection_carries_many_answers(server: tuple[str, int]) -> None:
    client = http.client.HTTPConnection(*server)
    for start in range(0, 5000, 1000):
        client.request("GET", f"/?{start}-{len(DATA)}")
        assert client.getresponse().read() == DATA[start:]
    client.close()


def test_a_client_that_leaves_disturbs_nobody(server: tuple[str, int]) -> None:
    for _ in range(3):
        with socket.create_connection(server) as leaving:
            leaving.sendall(f"GET /?0-{len(DATA)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert leaving.recv(1000).startswith(b"HTTP/1.1 200")
    client = http.client.HTTPConnection(*server)
    client.request("GET", "/?10-20")
    assert client.getresponse().read() == DATA[10:20]
    client.close()


def test_a_file_that_turns_out_shorter_is_not_taken_for_whole(server: tuple[str, int]) -> None:
    client = http.client.HTTPConnection(*server)
    client.request("GET", f"/?0-{len(DATA) + 1000}")
    answer = client.getresponse()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    client.close()
