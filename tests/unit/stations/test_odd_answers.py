"""How stations answer: pages, links, codings, waits, clocks and silence."""

import gzip
import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from s1pdgs.stations.auxip import AuxipClient
from s1pdgs.stations.cursor import position
from s1pdgs.stations.errors import StationAnswerError, StationError
from s1pdgs.stations.http import open_http
from s1pdgs.stations.poller import download, open_source, poll
from s1pdgs.stations.profile import Credentials, Profile
from tests.unit.stations.odd import IMPATIENT, SESSION, URL, OddStation, file_record, reply, session_record, source_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def product(number: int, minute: int | None = None) -> dict[str, Any]:
    moment = NOON - timedelta(days=1) + timedelta(minutes=number if minute is None else minute)
    return {"Id": f"p{number}", "Name": f"file-{number:03d}.EOF", "PublicationDate": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"}


def auxip(bench: Any, station: OddStation, **options: Any) -> Any:
    return source_of(bench, station, kind="auxip", start=NOON - timedelta(days=2), **options)


def at(bench: Any) -> Any:
    with bench.database.read() as connection:
        return position(connection, "odd")


def test_what_a_station_removes_while_it_is_listed_hides_nothing_else(bench: Any) -> None:
    station = OddStation(Products=[product(number) for number in range(12)])

    def evict(_: httpx2.Request) -> None:
        if len(station.asked) == 2:  # the first page was given
            del station.lists["Products"][:2]

    station.answer = evict
    poll(auxip(bench, station, page_size=4))
    assert len(bench.files()) == 12


def test_more_products_of_one_moment_than_a_page_holds_all_come(bench: Any) -> None:
    minutes = [0, 1, *[2] * 11, 3, 3, 3, 4]
    station = OddStation(Products=[product(number, minute) for number, minute in enumerate(minutes)])
    poll(auxip(bench, station, page_size=3))
    assert len(bench.files()) == len(minutes)


def test_a_list_in_no_order_is_read_by_its_length(bench: Any) -> None:
    records = [product(number, 40 - number if number % 2 else number) for number in range(23)]
    station = OddStation()

    def answer(request: httpx2.Request) -> httpx2.Response:
        skip = int(request.url.params["$skip"])
        return reply({"value": records[skip : skip + 5]})

    station.answer = answer
    poll(auxip(bench, station, page_size=5))
    assert len(bench.files()) == 23


@pytest.mark.parametrize(
    "link", ["Products?$skiptoken=2", "/odata/v1/Products?$skiptoken=2", f"{URL}/Products?$skiptoken=2"]
)
def test_a_next_link_may_be_relative(bench: Any, link: str) -> None:
    station = OddStation()

    def answer(request: httpx2.Request) -> httpx2.Response:
        if "$skiptoken" in request.url.params:
            return reply({"value": [product(2)]})
        return reply({"value": [product(1)], "@odata.nextLink": link})

    station.answer = answer
    poll(auxip(bench, station))
    assert len(bench.files()) == 2


def test_next_links_in_a_circle_end_and_are_told(bench: Any) -> None:
    station = OddStation()
    station.answer = lambda _: reply({"value": [product(1)], "@odata.nextLink": f"{URL}/Products?again"})
    poll(auxip(bench, station))
    assert "leads back to" in at(bench).error
    assert len(station.asked) <= 3


def test_credentials_do_not_follow_a_next_link_to_another_host(bench: Any) -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((request.url.host, "authorization" in request.headers))
        return reply(
            {"value": [product(len(seen))], "@odata.nextLink": "http://elsewhere/Products" if len(seen) == 1 else None}
        )

    station = OddStation()
    station.answer = answer
    poll(auxip(bench, station, credentials=Credentials(username="operator", password="secret")))
    assert seen[:2] == [("station", True), ("elsewhere", False)]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        ({"access_token": "t", "expires_in": float("inf")}, None),
        ({"access_token": "t", "expires_in": float("nan")}, None),
        ({"access_token": "t", "expires_in": -5}, None),
        ({"access_token": "t", "expires_in": "soon"}, None),
        ({"access_token": "t", "expires_in": "600"}, None),
        ({"access_token": "t"}, None),
        ({"access_token": "schlüssel"}, "without an access_token"),
        ({"access_token": "a\nb"}, "without an access_token"),
        ({"access_token": None}, "without an access_token"),
        (["t"], "without an access_token"),
    ],
    ids=str,
)
def test_a_token_is_used_or_its_endpoint_is_told(clock: Any, answer: Any, trouble: str | None) -> None:
    station = OddStation(Products=[product(1)])
    station.answer = lambda request: reply(answer) if request.url.path == "/token" else None
    given = Credentials(token_url="http://station/token", client_id="us", client_secret="hush")
    profile = Profile("odd", "auxip", URL, credentials=given)
    client = AuxipClient(open_http(profile, clock, httpx2.MockTransport(station)))
    if trouble is None:
        assert [len(page.found) for page in client.products(NOON - timedelta(days=2))] == [1]
    else:
        with pytest.raises(StationAnswerError, match=trouble):
            list(client.products(NOON))
    assert station.asked.count("http://station/token") == 1


def test_a_list_without_what_is_wanted_is_not_read_over_and_over(bench: Any) -> None:
    station = OddStation(Products=[product(number) for number in range(8)])
    source = auxip(bench, station, match="never", overlap_s=60)
    poll(source)
    assert at(bench).published == NOON - timedelta(days=1) + timedelta(minutes=6)
    assert bench.files() == {}


def test_dates_that_move_backwards_are_seen_within_the_overlap_and_move_nothing_back(bench: Any) -> None:
    station = OddStation(Products=[product(1, 60)])
    source = auxip(bench, station, overlap_s=3600)
    poll(source)
    reached = at(bench).published
    station.lists["Products"].append(product(2, 30))
    bench.clock.advance(60)
    poll(source)
    assert set(bench.files()) == {"file-001.EOF", "file-002.EOF"}
    station.lists["Products"] = [product(3, 20)]
    bench.clock.advance(60)
    poll(source)
    assert "file-003.EOF" in bench.files()
    assert at(bench).published == reached


def test_a_station_that_was_away_for_an_hour_is_caught_up_with(bench: Any) -> None:
    station = OddStation(Products=[product(1)])
    source = auxip(bench, station, poll_s=20)
    poll(source)

    def silence(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody is there", request=request)

    station.answer = silence
    for minute in range(60):
        poll(source)
        assert (at(bench).error is not None) == (minute > 0)
        bench.clock.advance(60)
    assert "ConnectError nobody is there" in at(bench).error
    station.answer = lambda _: None
    station.lists["Products"] += [product(number) for number in range(2, 40)]
    poll(source)
    assert len(bench.files()) == 39
    assert at(bench).error is None


def test_compressed_answers_are_read(bench: Any) -> None:
    content = b"a block that somebody between us compresses" * 500
    station = OddStation()
    broken = iter([True])

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert "range" not in request.headers, "of what comes out of an answer no part can be asked for"
        entity = request.url.path.removeprefix("/odata/v1/")
        if entity in ("Sessions", "Files"):
            values = (
                [session_record()] if entity == "Sessions" else [file_record(1, FinalBlock=True, Size=len(content))]
            )
            return reply({"value": values if request.url.params["$skip"] == "0" else []}, zipped=True)
        body = gzip.compress(content)
        if next(broken, False):
            body = body[: len(body) // 2]
        return httpx2.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx2.ByteStream(body))

    station.answer = lambda request: (
        None if "Quality" in str(request.url) or "(6a7c)" in str(request.url) else answer(request)
    )
    source = source_of(bench, station)
    poll(source)
    for _ in range(3):
        download(source)
        bench.clock.advance(60)
    (row,) = bench.files().values()
    assert (row.state, row.size) == ("stored", len(content))
    assert b"".join(bench.objects.read(row.location)) == content


@pytest.mark.parametrize(
    "body", [b"\x1f\x8bnot gzip", b"\xef\xbb\xbf[]", b"<html>maintenance</html>", b"[" * 100_000, b"null", b"{}"]
)
def test_an_answer_of_any_kind_is_an_error_or_a_list(clock: Any, body: bytes) -> None:
    headers = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f") else {}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(body)))
    client = AuxipClient(open_http(Profile("odd", "auxip", URL, retry=IMPATIENT), clock, transport))
    if body == b"\xef\xbb\xbf[]":
        assert list(client.products(NOON)) == []
    else:
        with pytest.raises(StationError, match=URL):
            list(client.products(NOON))


def test_a_station_that_asks_for_a_rest_has_it(bench: Any) -> None:
    station = OddStation(Sessions=[session_record()], Files=[file_record(1), file_record(2)])
    source = source_of(bench, station)
    poll(source)
    station.asked.clear()
    station.answer = lambda _: httpx2.Response(429, headers={"Retry-After": "600"})
    download(source)
    bench.clock.advance(30)
    poll(source)
    assert not download(source)
    assert 1 <= len(station.asked) <= source.profile.parallel_downloads
    assert at(bench).error.endswith("it is asked again at 2026-01-05T08:10:00Z")
    assert at(bench).polled_at == bench.clock.now(), "it is watched, not forgotten"
    station.answer = lambda _: None
    bench.clock.advance(571)
    poll(source)
    assert at(bench).error is None
    assert len(station.asked) > source.profile.parallel_downloads


def test_when_nobody_answers_the_other_files_are_left_for_later(bench: Any) -> None:
    station = OddStation(Sessions=[session_record()], Files=[file_record(number) for number in range(1, 9)])
    source = source_of(bench, station, parallel_downloads=1)
    poll(source)

    def silence(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectTimeout("nobody", request=request)

    station.answer = silence
    station.asked.clear()
    download(source)
    assert len(station.asked) == source.profile.retry.attempts
    assert sorted(row.reason is not None for row in bench.files().values()) == [False] * 7 + [True]
    station.answer = lambda _: None
    station.bodies = {f"f{number}": b"x" for number in range(1, 9)}
    bench.clock.advance(60)
    while download(source):
        pass
    assert {row.state for row in bench.files().values()} == {"stored"}


def test_a_place_for_working_files_that_cannot_be_used_is_told_and_not_held_against_the_file(bench: Any) -> None:
    station = OddStation(Sessions=[session_record()], Files=[file_record(1)])
    station.bodies = {"f1": b"x"}
    source = source_of(bench, station, max_attempts=1)
    poll(source)
    bench.work.rmdir()
    bench.work.write_bytes(b"somebody's file")
    assert download(source)
    (row,) = bench.files().values()
    assert (row.state, row.attempts) == ("announced", 0)
    assert str(bench.work) in row.reason
    bench.work.unlink()
    bench.clock.advance(10)
    assert download(source), "it is made again"
    assert [row.state for row in bench.files().values()] == ["stored"]


def test_one_session_that_the_station_cannot_list_holds_up_no_other(bench: Any) -> None:
    other = session_record(Id="other", SessionId=f"{SESSION}9", DownlinkStart="2026-01-05T07:50:00Z")
    station = OddStation(
        Sessions=[session_record(), other], Files=[file_record(1), file_record(2, SessionId=other["SessionId"])]
    )

    def answer(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(500) if f"'{SESSION}'" in str(request.url.params.get("$filter")) else None

    station.answer = answer
    poll(source_of(bench, station))
    assert set(bench.files()) == {file_record(2)["Name"]}
    assert "answers 500" in at(bench).error


def test_a_clock_that_was_put_back_does_not_stop_polling(bench: Any) -> None:
    station = OddStation(Sessions=[session_record()])
    source = source_of(bench, station, poll_s=20)
    poll(source)
    bench.clock.advance(-3600)
    station.asked.clear()
    poll(source)
    assert station.asked
    assert at(bench).polled_at == bench.clock.now()


def test_a_length_that_lies_costs_an_attempt_and_never_a_wrong_object(bench: Any) -> None:
    """A real server that announces more bytes than it sends, and one that sends more than it announces."""
    content, lengths = b"0123456789" * 50, {"f1": 900, "f2": 300}

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                asked = connection.recv(65536).decode()
                key = next((key for key in lengths if f"({key})" in asked), None)
                status = "416 Range Not Satisfiable" if "Range:" in asked or "range:" in asked else "200 OK"
                body = b"" if status.startswith("416") else content
                length = len(body) if not body or key is None else lengths[key]
                connection.sendall(
                    f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()
                )
                connection.sendall(body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = threading.Thread(target=serve, args=(listener,))
        worker.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/odata/v1"
        station = OddStation(Sessions=[session_record()], Files=[file_record(1, Size=500), file_record(2, Size=500)])
        poll(source_of(bench, station))
        profile = Profile(name="odd", kind="cadip", url=url, retry=IMPATIENT, max_attempts=9)
        lying = open_source(profile, bench.database, bench.objects, bench.outbox, bench.work)
        bench.sources.append(lying)
        download(lying)
        listener.shutdown(socket.SHUT_RDWR)
        worker.join()
    rows = bench.files()
    whole, cut = rows[file_record(1)["Name"]], rows[file_record(2)["Name"]]
    assert whole.state == "stored"
    assert b"".join(bench.objects.read(whole.location)) == content
    assert (cut.state, cut.attempts) == ("announced", 1)
    assert "has 300 bytes, its source announced 500" in cut.reason
