import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.simulator.station import Account, Faults, FileFault, read_content
from s1pdgs.stations.errors import StationRefusal, StationUnreachable, WrongBytes
from s1pdgs.stations.http import StationHttp, open_http
from s1pdgs.stations.poller import download, poll
from s1pdgs.stations.profile import Integrity, Profile, Retry
from s1pdgs.stations.transfer import Expected, bounded, proof, put_stream, spool, transfer, verified
from s1pdgs.storage.objects import LocalObjects, memory_objects

MakePass = Callable[..., Path]
DATA = bytes(range(256)) * 40
SESSION = "S1A_20260105072204051312"
BLOCK = f"DCS_02_{SESSION}_ch1_DSDB_00001.raw"
Answer = Callable[[httpx2.Request], httpx2.Response]


class Broken(httpx2.SyncByteStream):
    """A body that breaks off."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self.data
        raise httpx2.ReadError("broken")


def http_of(answer: Answer, clock: Any) -> StationHttp:
    retry = Retry(attempts=3, first_wait_s=0.001, longest_wait_s=0.002)
    profile = Profile("mock", "cadip", "http://station/odata/v1", retry=retry)
    return open_http(profile, clock, httpx2.MockTransport(answer))


def whole(http: StationHttp) -> bytes:
    return b"".join(transfer(http, "http://station/odata/v1/Files(1)/$value", "block"))


@given(cuts=st.lists(st.integers(1, 4000), max_size=12), with_ranges=st.booleans())
def test_a_transfer_is_whole_wherever_it_breaks(cuts: list[int], with_ranges: bool) -> None:
    pending = list(cuts)

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked = re.match(r"bytes=(\d+)-", request.headers.get("range", ""))
        start = int(asked[1]) if asked and with_ranges else 0
        headers = {"ETag": '"v1"', "Content-Length": str(len(DATA) - start)}
        if asked and with_ranges:
            headers["Content-Range"] = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
            if start >= len(DATA):
                return httpx2.Response(416)
        end = min(start + pending.pop(0), len(DATA)) if pending else len(DATA)
        body: Any = Broken(DATA[start:end]) if end < len(DATA) else httpx2.ByteStream(DATA[start:])
        return httpx2.Response(206 if asked and with_ranges else 200, headers=headers, stream=body)

    http = http_of(answer, None)
    if with_ranges:
        assert whole(http) == DATA
        return
    try:
        assert whole(http) == DATA
    except StationUnreachable:
        assert len(cuts) >= 3  # each repetition began anew and three in a row brought nothing new


def test_it_asks_for_the_rest_of_the_same_version_only(clock: Any) -> None:
    seen: list[dict[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(dict(request.headers))
        if len(seen) == 1:
            return httpx2.Response(200, headers={"ETag": '"v1"'}, stream=Broken(DATA[:100]))
        return httpx2.Response(200, headers={"ETag": '"v2"'}, stream=httpx2.ByteStream(DATA))

    with pytest.raises(WrongBytes, match="changed at its source"):
        whole(http_of(answer, clock))
    assert (seen[1]["range"], seen[1]["if-range"]) == ("bytes=100-", '"v1"')


def test_a_range_that_begins_elsewhere_is_refused(clock: Any) -> None:
    turns = iter(range(9))

    def answer(_: httpx2.Request) -> httpx2.Response:
        if next(turns) == 0:
            return httpx2.Response(200, stream=Broken(DATA[:100]))
        return httpx2.Response(206, headers={"Content-Range": "bytes 0-99/200"}, stream=httpx2.ByteStream(DATA[:100]))

    with pytest.raises(WrongBytes, match="asked for bytes from 100, the source sends bytes 0-99/200"):
        whole(http_of(answer, clock))


def test_a_station_that_stays_down_is_unreachable_after_the_allowed_attempts(clock: Any) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        return httpx2.Response(503, headers={"Retry-After": "0"}, stream=httpx2.ByteStream(b"maintenance until noon"))

    with pytest.raises(StationUnreachable, match="503: maintenance until noon"):
        whole(http_of(answer, clock))
    assert len(asked) == 3


def refusing_once(header: str) -> Answer:
    turns = iter(range(9))

    def answer(_: httpx2.Request) -> httpx2.Response:
        return (
            httpx2.Response(429, headers={"Retry-After": header})
            if next(turns) == 0
            else httpx2.Response(200, stream=httpx2.ByteStream(DATA))
        )

    return answer


@pytest.mark.parametrize(("header", "wait_s"), [("0.0015", 0.0015), ("0", 0.0), ("soon", 0.001)])
def test_the_wait_that_a_station_asks_for_is_honoured(
    clock: Any, monkeypatch: pytest.MonkeyPatch, header: str, wait_s: float
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("s1pdgs.stations.transfer.time.sleep", waits.append)
    assert whole(http_of(refusing_once(header), clock)) == DATA
    assert waits == [wait_s]


@pytest.mark.parametrize("header", ["120", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_wait_that_is_too_long_for_one_request_is_told_at_once(clock: Any, header: str) -> None:
    http = http_of(refusing_once(header), clock)
    with pytest.raises(StationUnreachable, match="429") as told:
        whole(http)
    assert told.value.retry_after_s is not None
    assert told.value.retry_after_s >= 120
    with pytest.raises(StationUnreachable, match="429"):
        http_of(refusing_once(header), clock).get_json("http://station/odata/v1/Sessions")


def test_a_refusal_is_not_repeated(clock: Any) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(404)

    with pytest.raises(StationRefusal, match="404"):
        whole(http_of(answer, clock))
    assert len(asked) == 1


def test_an_encrypted_station_may_not_redirect_to_an_open_one(clock: Any) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.scheme == "https"
        return httpx2.Response(307, headers={"Location": "http://elsewhere/x"})

    profile = Profile("mock", "cadip", "https://station/odata/v1")
    http = open_http(profile, clock, httpx2.MockTransport(answer))
    with pytest.raises(StationRefusal, match="not encrypted"):
        b"".join(transfer(http, "https://station/odata/v1/x", "x"))


def chunks() -> Iterator[bytes]:
    yield DATA[:5000]
    yield DATA[5000:]


MD5 = hashlib.md5(DATA).hexdigest()
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("checksum", [None, f"MD5:{MD5}", f"MD5:{MD5.upper()}", f"SHA256:{SHA256}"])
def test_verified_bytes_are_stored(tmp_path: Path, checksum: str | None) -> None:
    expected = Expected("x", len(DATA), checksum)
    sums = put_stream(LocalObjects(tmp_path), "x", chunks(), proof(expected, Integrity.STRICT))
    assert (sums.size, sums.md5, sums.sha256) == (len(DATA), MD5, SHA256)
    assert b"".join(verified(chunks(), expected)) == DATA


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (Expected("x", len(DATA) + 1), "x has 10240 bytes, its source announced 10241"),
        (Expected("x", 7000), "x is larger than the 7000 bytes announced"),
        (Expected("x", len(DATA), "MD5:" + "0" * 32), f"x has MD5 {MD5}, its source announced MD5:0000"),
        (Expected("x", None, "SHA256:" + "0" * 64), f"x has SHA256 {SHA256}"),
    ],
)
def test_other_bytes_never_become_an_object(tmp_path: Path, expected: Expected, message: str) -> None:
    prove = proof(expected, Integrity.STRICT)
    for store in (LocalObjects(tmp_path), memory_objects()):
        with pytest.raises(WrongBytes, match=message):
            put_stream(store, "x", bounded(chunks(), expected, Integrity.STRICT), prove)
        assert store.size("x") is None
    with pytest.raises(WrongBytes, match=message):
        list(verified(chunks(), expected))
    with pytest.raises(WrongBytes, match=message):
        spool(bounded(chunks(), expected, Integrity.STRICT), tmp_path / "spooled", prove)


@pytest.mark.parametrize("policy", [Integrity.WARN, Integrity.OFF])
def test_stations_that_announce_nonsense_can_be_believed_less(tmp_path: Path, policy: Integrity) -> None:
    nonsense = Expected("x", 42, "MD5:" + "0" * 32)
    arriving = bounded(chunks(), nonsense, policy)
    assert spool(arriving, tmp_path / "x", proof(nonsense, policy)).size == len(DATA)


def test_a_dropped_connection_is_taken_up_where_it_broke(bench: Any, make_pass: MakePass) -> None:
    folder = make_pass(size=3_000_000, blocks={1: 1})
    station = bench.station(read_content(folder), faults=Faults({BLOCK: FileFault(dropped=2, unavailable=1)}))
    source = bench.source(station)
    poll(source)
    download(source)
    assert station.station.media.downloads[BLOCK] == 4
    row = bench.files()[BLOCK]
    assert (row.state, row.attempts) == ("stored", 0)
    data = b"".join(bench.objects.read(row.location))
    assert data == (folder / "session/ch_1" / BLOCK).read_bytes()


def test_a_file_that_stays_unreachable_is_postponed_and_not_held_against_it(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults({BLOCK: FileFault(unavailable=3)}))
    source = bench.source(station, max_attempts=1)
    poll(source)
    download(source)
    row = bench.files()[BLOCK]
    assert (row.state, row.attempts) == ("announced", 0)
    assert "503" in row.reason
    assert not download(source)
    bench.clock.advance(10)
    assert download(source)
    assert bench.files()[BLOCK].state == "stored"


def test_a_file_with_the_wrong_size_is_tried_again_then_set_aside_with_its_bytes(
    bench: Any, make_pass: MakePass
) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults({BLOCK: FileFault(truncated=99)}))
    source = bench.source(station, max_attempts=3)
    poll(source)
    for attempt in (1, 2, 3):
        download(source)
        assert bench.files()[BLOCK].attempts == attempt
        bench.clock.advance(60)
    [row] = bench.quarantined()
    assert row.reason == (
        f"{BLOCK} has 1000 bytes, its source announced 1001. Given up after 3 downloads from svalbard; "
        "ask the station to transfer it again, then retry the file"
    )
    assert bench.objects.size(row.location) == 1000
    assert bench.objects.size(f"sessions/{SESSION}/ch_1/{BLOCK}") is None
    assert not download(source)


def test_a_wrong_size_once_costs_one_attempt(bench: Any, make_pass: MakePass) -> None:
    station = bench.station(read_content(make_pass()), faults=Faults({BLOCK: FileFault(truncated=1)}))
    source = bench.source(station)
    poll(source)
    download(source)
    bench.clock.advance(10)
    download(source)
    row = bench.files()[BLOCK]
    assert (row.state, row.attempts, row.reason) == ("stored", 1, None)
    assert bench.quarantined() == []


def test_a_file_that_the_station_evicted_is_set_aside(bench: Any, make_pass: MakePass) -> None:
    content = read_content(make_pass())
    source = bench.source(bench.station(content), max_attempts=1)
    poll(source)
    gone = bench.source(bench.station(type(content)()), max_attempts=1)
    download(gone)
    assert all(row.state == "quarantined" for row in bench.files().values())
    assert "answers 404" in bench.quarantined()[0].reason


def test_a_file_is_not_blamed_for_credentials_that_are_refused(bench: Any, make_pass: MakePass) -> None:
    content = read_content(make_pass())
    poll(bench.source(bench.station(content), max_attempts=1))
    closed = bench.source(bench.station(content, account=Account()), max_attempts=1)
    download(closed)
    row = bench.files()[BLOCK]
    assert (row.state, row.attempts) == ("announced", 0)
    assert "answers 401" in row.reason
