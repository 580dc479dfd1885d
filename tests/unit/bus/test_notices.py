"""Notices reach real servers on this host, signed, at least once, and nothing else."""

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import ClassVar

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.bus.courier import Courier, Login, NoticeError, check_url, is_allowed, signature
from s1pdgs.bus.notices import (
    Notice,
    NoticeState,
    attempts_at,
    forget_login,
    keep_login,
    notices_of,
    post,
    prune,
    send_again,
    send_due,
    withdraw,
)
from s1pdgs.bus.tables import notice as notice_table
from s1pdgs.storage.database import Database
from tests.unit.conftest import ManualClock

SECRET = b"between us"
COURIER = Courier(secret=SECRET, max_attempts=3)


@define
class Receiver:
    """A server that answers as told and keeps what it was sent."""

    url: str
    answers: list[int]
    bodies: list[bytes] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver("", [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar = "HTTP/1.1"

        def do_POST(self) -> None:
            kept.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            kept.headers.append(dict(self.headers))
            self.send_response(kept.answers.pop(0) if kept.answers else 204)
            self.send_header("Location", f"{kept.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://localhost:{server.server_address[1]}/told?by=s1pdgs"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


def put(database: Database, clock: ManualClock, url: str, login: int | None = None, *, bare: bool = False) -> None:
    with database.write() as connection:
        post(connection, "wish-7", url, {"outcome": "done"}, clock.now(), login=login, bare=bare)


def only(database: Database) -> Notice:
    with database.read() as connection:
        (notice,) = notices_of(connection, "wish-7")
    return notice


def test_a_notice_is_sent_once_and_signed(database: Database, clock: ManualClock, receiver: Receiver) -> None:
    put(database, clock, receiver.url)
    assert send_due(database, COURIER, clock)
    assert not send_due(database, COURIER, clock)
    (body,), (headers,) = receiver.bodies, receiver.headers
    assert json.loads(body) == {"notice": 1, "subject": "wish-7", "outcome": "done"}
    assert headers["X-S1pdgs-Signature"] == signature(SECRET, body)
    assert (headers["X-S1pdgs-Notice"], headers["Host"]) == ("1", receiver.url.split("/")[2])
    assert only(database).state is NoticeState.SENT


def test_it_rests_longer_after_each_failure_and_is_given_up_with_the_reason(
    database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.answers[:] = [500, 500, 500]
    put(database, clock, receiver.url)
    for rest_s in (10, 20):
        assert send_due(database, COURIER, clock)
        assert not send_due(database, COURIER, clock)
        clock.advance(rest_s)
    assert send_due(database, COURIER, clock)
    assert str(only(database)) == f"gave up telling {receiver.url} after 3 attempts: localhost answered 500"
    clock.advance(10_000)
    assert not send_due(database, COURIER, clock)
    with database.write() as connection:
        assert send_again(connection, "wish-7", clock.now()) == 1
    assert send_due(database, COURIER, clock)
    assert only(database).state is NoticeState.SENT


def test_a_sender_that_died_leaves_it_to_be_sent_later(
    database: Database, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, clock, receiver.url)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("s1pdgs.bus.notices._send", die)
        with pytest.raises(KeyboardInterrupt):
            send_due(database, COURIER, clock)
    assert not send_due(database, COURIER, clock)
    clock.advance(121)
    assert send_due(database, COURIER, clock)
    assert len(receiver.bodies) == 1


def test_the_receivers_login_goes_along_and_is_shown_nowhere(
    database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    login = Login("partner", "s3cret:ü")
    assert "s3cret" not in repr(login)
    with database.write() as connection:
        number = keep_login(connection, Login("partner", "old"))
    put(database, clock, receiver.url, number, bare=True)
    with database.write() as connection:
        assert keep_login(connection, login, number) == number, "a change counts for what is still to be sent"
    assert send_due(database, COURIER, clock)
    assert json.loads(receiver.bodies[0]) == {"outcome": "done"}
    assert receiver.headers[0]["Authorization"] == "Basic " + b64encode("partner:s3cret:ü".encode()).decode()
    assert "s3cret" not in repr(only(database))


def test_a_notice_whose_login_was_forgotten_is_not_sent_without(
    database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    with database.write() as connection:
        number = keep_login(connection, Login("partner", "s3cret"))
        forget_login(connection, number)
    put(database, clock, receiver.url, number)
    assert send_due(database, COURIER, clock)
    assert receiver.bodies == []
    assert "the user and password that the receiver asks for are here no longer" in str(only(database))


@pytest.mark.parametrize(
    ("username", "password", "message"),
    [("a:b", "x", "a colon"), ("a\r\nX: 1", "x", "control"), ("a", "\n", "password"), ("a", "x" * 201, "200")],
)
def test_logins_that_no_header_can_carry(username: str, password: str, message: str) -> None:
    with pytest.raises(NoticeError, match=message):
        Login(username, password)


def test_each_attempt_is_kept_with_its_outcome(database: Database, clock: ManualClock, receiver: Receiver) -> None:
    receiver.answers[:] = [503]
    put(database, clock, receiver.url)
    begun = clock.now()
    send_due(database, COURIER, clock)
    clock.advance(10)
    send_due(database, COURIER, clock)
    with database.read() as connection:
        first, second = attempts_at(connection, 1)
    assert (first.number, first.begun, first.outcome) == (1, begun, "localhost answered 503")
    assert (second.number, second.outcome) == (2, "localhost answered 204")


def test_what_is_withdrawn_is_not_sent(database: Database, clock: ManualClock, receiver: Receiver) -> None:
    put(database, clock, receiver.url)
    with database.write() as connection:
        assert withdraw(connection, "wish-7") == 1
        assert withdraw(connection, "wish-7") == 0
    assert not send_due(database, COURIER, clock)
    assert (receiver.bodies, only(database).state) == ([], NoticeState.WITHDRAWN)
    assert "was withdrawn after 0 attempts" in str(only(database))


def test_what_was_sent_long_ago_goes_with_its_attempts_and_the_rest_stays(
    database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    put(database, clock, receiver.url)
    send_due(database, COURIER, clock)
    for url in (receiver.url, "https://example.org/"):
        put(database, clock, url)
    with database.write() as connection:
        connection.execute(notice_table.update().where(notice_table.c.id == 2).values(state=NoticeState.DEAD))
    clock.advance(600)
    assert prune(database, clock.now()) == 1
    assert prune(database, clock.now()) == 0
    with database.read() as connection:
        assert [notice.state for notice in notices_of(connection, "wish-7")] == ["dead", "pending"]
        assert attempts_at(connection, 1) == []


def test_redirects_are_not_followed(database: Database, clock: ManualClock, receiver: Receiver) -> None:
    receiver.answers[:] = [302]
    put(database, clock, receiver.url)
    send_due(database, COURIER, clock)
    assert "localhost answered 302; redirects are not followed" in str(only(database))
    assert len(receiver.bodies) == 1


@pytest.fixture
def trickler() -> Iterator[str]:
    """The URL of a server that answers byte by byte, and would be done after some hundred rests."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(OSError):
                for byte in b"HTTP/1.1 204 No Content\r\nX-Long: " + b"x" * 300 + b"\r\n\r\n":
                    self.wfile.write(bytes([byte]))
                    stopped.wait(0.02)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}/told"
        stopped.set()
        server.shutdown()
        thread.join()


def test_a_receiver_that_answers_byte_by_byte_holds_nobody_up(
    database: Database, clock: ManualClock, trickler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s1pdgs.bus.courier._TIMEOUT_S", 0.5)
    put(database, clock, trickler)
    assert send_due(database, COURIER, clock)
    assert only(database).state is NoticeState.PENDING
    assert only(database).reason == "localhost did not answer within 0.5 s"


def test_a_host_that_takes_no_connection_is_told(database: Database, clock: ManualClock) -> None:
    put(database, clock, "http://127.0.0.1:9/")
    send_due(database, COURIER, clock)
    assert "127.0.0.1 was not reached" in str(only(database))


def test_a_silent_address_holds_up_no_other_and_its_notices_take_turns(
    database: Database, clock: ManualClock, receiver: Receiver
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        silent = f"http://127.0.0.1:{closed.getsockname()[1]}/told"
    for url in (silent, silent, silent, receiver.url):
        put(database, clock, url)
    tried = []
    for turns, seconds in ((2, 10.0), (1, 10.0), (1, 20.0)):
        assert [send_due(database, COURIER, clock) for _ in range(turns + 1)] == [True] * turns + [False]
        clock.advance(seconds)
        with database.read() as connection:
            tried.append([one.attempts for one in notices_of(connection, "wish-7")])
    assert tried == [[1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 1]]
    assert len(receiver.bodies) == 1


def test_a_notice_to_a_host_that_is_no_longer_listed_stays_here(database: Database, clock: ManualClock) -> None:
    put(database, clock, "https://example.org/")
    send_due(database, COURIER, clock)
    assert "notices to example.org are not allowed" in str(only(database))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://localhost/x", "is no URL to tell"),
        ("localhost", "is no URL to tell"),
        ("http://", "is no URL to tell"),
        ("http://me:key@localhost/", "no user or password"),
        ("https://example.org/x", "add it to hosts in the"),
        ("https://partner.example.net.evil.org/", "add it to hosts in the"),
        ("http://169.254.169.254/latest", "add it to hosts in the"),
    ],
)
def test_addresses_that_are_refused_at_once(url: str, message: str) -> None:
    with pytest.raises(NoticeError, match=message):
        check_url(Courier(hosts=("*.example.net",)), url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8/", "https://[::1]/", "http://LOCALHOST/", "https://a.Example.net"])
def test_addresses_that_are_taken(url: str) -> None:
    check_url(Courier(hosts=("*.example.net",)), url)


@pytest.mark.parametrize(
    ("host", "address", "private", "allowed"),
    [
        ("localhost", "127.0.0.1", False, True),
        ("localhost", "10.0.0.1", True, False),
        ("partner", "93.184.215.14", False, True),
        ("partner", "10.0.0.1", False, False),
        ("partner", "10.0.0.1", True, True),
        ("partner", "127.0.0.1", True, False),
        ("partner", "::ffff:127.0.0.1", True, False),
        ("partner", "169.254.169.254", True, False),
        ("partner", "fd00::1", True, True),
    ],
)
def test_a_listed_name_leads_only_where_it_should(host: str, address: str, private: bool, allowed: bool) -> None:
    assert is_allowed(Courier(hosts=("partner",), private=private), host, ip_address(address)) is allowed


@given(st.integers(1, 200), st.floats(0.1, 3600))
def test_rests_grow_to_an_hour_and_no_more(failures: int, first_s: float) -> None:
    courier = Courier(backoff=timedelta(seconds=first_s))
    assert timedelta(0) < courier.rest(failures) <= courier.rest(failures + 1) <= timedelta(hours=1)
