"""`s1pdgs get` against our own PRIP: what is wanted arrives whole, once, and is what it is named."""

import fcntl
import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from fastapi import FastAPI

from s1pdgs.model.time import SystemClock
from s1pdgs.publication.service import mount
from s1pdgs.publication.tables import publication
from s1pdgs.stations.get import Listed, Observer, Result, State, Wish, get, listed
from s1pdgs.stations.get_command import command
from s1pdgs.stations.http import StationHttp, open_http
from s1pdgs.stations.profile import Kind, Profile, Retry
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.publication.conftest import NOON, Segment, new_segment, product_name, serving, square, store_product

COUNT = 5


@pytest.fixture
def segment(tmp_path: Path) -> Iterator[Segment]:
    """Five published products, an hour apart, the second of another type and place."""
    database = open_sqlite(tmp_path / "server.db")
    migrate(database)
    made = new_segment(database, tmp_path / "server")
    for number in range(COUNT):
        kind, form = ("IW_SLC__1S", "IW_SLC__1SDV") if number != 1 else ("IW_GRDH_1S", "IW_GRDH_1SDV")
        start = NOON + timedelta(hours=number)
        name = product_name("S1A", form, start, number)
        made.publish(store_product(made.store, name, kind, start=start, ring=square(10 + 20 * (number == 1), 45)))
    yield made
    database.close()


@pytest.fixture
def url(segment: Segment) -> Iterator[str]:
    app = FastAPI()
    mount(app, segment.database, segment.store)
    with serving(app) as address:
        yield f"{address}/odata/v1"


@pytest.fixture
def http(url: str) -> Iterator[StationHttp]:
    profile = Profile(name="get", kind=Kind.AUXIP, url=url, page_size=2, retry=Retry(2, 0.01))
    opened = open_http(profile, SystemClock())
    with opened.client:
        yield opened


class Watcher:
    """Counts what is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.received = 0
        self.ended: list[Result] = []

    def observer(self) -> Observer:
        def receive(_product: Listed, size: int) -> None:
            self.received += size

        return Observer(lambda product, held: self.begun.append((product.name, held)), receive, self.ended.append)


def published(segment: Segment, name: str) -> bytes:
    return b"".join(segment.store.read(f"published/{name}"))


def test_everything_arrives_whole_and_only_once(segment: Segment, http: StationHttp, tmp_path: Path) -> None:
    products = list(listed(http, Wish()))
    out, watcher = tmp_path / "out", Watcher()
    results = get(http, products, out, 3, watcher.observer())
    assert [result.state for result in results] == [State.GOT] * COUNT
    assert sorted(path.name for path in out.iterdir()) == sorted(product.name for product in products)
    for product in products:
        assert (out / product.name).read_bytes() == published(segment, product.name)
    assert watcher.received == sum(result.bytes for result in results) == sum(product.size or 0 for product in products)
    again = Watcher()
    assert {result.state for result in get(http, products, out, 3, again.observer())} == {State.HAD}
    assert (again.begun, again.received) == ([], 0)


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [
        (Wish(type="IW_GRDH_1S"), {1}),
        (Wish(start=NOON + timedelta(hours=3)), {3, 4}),
        (Wish(stop=NOON + timedelta(hours=1)), {0, 1}),
        (Wish(area="POLYGON((29 44,33 44,33 48,29 48,29 44))"), {1}),
        (Wish(names=("S1A_IW_GRDH", "S1A_IW_SLC__1SDV_20200615T14")), {1, 2}),
        (Wish(condition="contains(Name,'T15') or contains(Name,'T16')", type="IW_SLC__1S"), {3, 4}),
        (Wish(names=("it's",)), set()),
    ],
)
def test_a_wish_chooses_products(http: StationHttp, wish: Wish, numbers: set[int]) -> None:
    starts = {(NOON + timedelta(hours=number)).strftime("%Y%m%dT%H%M%S") for number in numbers}
    assert {product.name.split("SDV_")[1][:15] for product in listed(http, wish)} == starts


def test_a_limit_takes_the_newest(http: StationHttp) -> None:
    everything = list(listed(http, Wish()))
    assert [product.name.split("SDV_")[1][9:11] for product in everything] == ["16", "15", "14", "13", "12"]
    assert list(listed(http, Wish(), 3)) == everything[:3]


def test_a_part_of_an_earlier_run_is_taken_up(segment: Segment, http: StationHttp, tmp_path: Path) -> None:
    (product,) = listed(http, Wish(), 1)
    whole = published(segment, product.name)
    (tmp_path / f".{product.name}.part").write_bytes(whole[:1234])
    watcher = Watcher()
    (result,) = get(http, [product], tmp_path, 1, watcher.observer())
    assert result.state is State.GOT
    assert watcher.begun == [(product.name, 1234)]
    assert watcher.received == len(whole) - 1234
    assert (tmp_path / product.name).read_bytes() == whole


def test_a_part_that_is_whole_is_proven_and_named(segment: Segment, http: StationHttp, tmp_path: Path) -> None:
    (product,) = listed(http, Wish(), 1)
    (tmp_path / f".{product.name}.part").write_bytes(published(segment, product.name))
    watcher = Watcher()
    (result,) = get(http, [product], tmp_path, 1, watcher.observer())
    assert (result.state, watcher.received) == (State.GOT, 0)


@pytest.mark.parametrize("damage", [lambda data: b"x" + data[1:999], lambda data: data + b"more"])
def test_a_damaged_part_is_downloaded_afresh(segment: Segment, http: StationHttp, tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    (product,) = listed(http, Wish(), 1)
    whole = published(segment, product.name)
    (tmp_path / f".{product.name}.part").write_bytes(damage(whole))
    (result,) = get(http, [product], tmp_path, 1)
    assert result.state is State.GOT
    assert (tmp_path / product.name).read_bytes() == whole


def test_a_file_of_that_name_with_other_contents_is_replaced(
    segment: Segment, http: StationHttp, tmp_path: Path
) -> None:
    (product,) = listed(http, Wish(), 1)
    whole = published(segment, product.name)
    (tmp_path / product.name).write_bytes(b"?" * len(whole))
    (result,) = get(http, [product], tmp_path, 1)
    assert (result.state, (tmp_path / product.name).read_bytes()) == (State.GOT, whole)


def test_two_downloads_into_one_folder_do_not_write_one_file(
    segment: Segment, http: StationHttp, tmp_path: Path
) -> None:
    (product,) = listed(http, Wish(), 1)
    folder = tmp_path / "out"
    folder.mkdir()
    part = folder / f".{product.name}.part"
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b"what another one has received")
        other.flush()
        (result,) = get(http, [product], folder, 1)
        assert result.state is State.FAILED
        assert "another download writes" in str(result.why)
        assert part.read_bytes() == b"what another one has received"
    assert [one.name for one in folder.iterdir()] == [part.name]
    (result,) = get(http, [product], folder, 1)
    assert result.state is State.GOT
    assert [one.name for one in folder.iterdir()] == [product.name]


def test_a_folder_without_room_is_told_and_goes_on(http: StationHttp, url: str, tmp_path: Path) -> None:
    """As far as a process may write: 4096 bytes of products that have more."""
    folder = tmp_path / "out"
    limited = ["prlimit", "--fsize=4096", sys.executable, "-Bm", "s1pdgs", "get", "--url", url, "--out", str(folder)]
    told = subprocess.run([*limited, "--limit", "2"], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr.count(f": {folder}: File too large\n") == 2
    parts = list(folder.iterdir())
    assert {(part.name[0], part.stat().st_size) for part in parts} == {(".", 4096)}
    assert {result.state for result in get(http, list(listed(http, Wish(), 2)), folder, 2)} == {State.GOT}
    assert not any(part.exists() for part in parts)


def test_who_interrupts_does_not_wait_and_goes_on_later(tmp_path: Path) -> None:
    """Against a server that gives half of a file and no more."""
    whole = bytes(range(256)) * 40
    with _half_server(whole) as (address, is_stuck):
        folder = tmp_path / "out"
        arguments = ["get", "--url", f"{address}/odata/v1", "--limit", "1", "--out", str(folder)]
        running = subprocess.Popen([sys.executable, "-m", "s1pdgs", *arguments], stderr=subprocess.PIPE, text=True)
        assert is_stuck.wait(60)
        running.send_signal(signal.SIGINT)
        assert "goes on with what has arrived" in running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert all(one.name.startswith(".") for one in folder.iterdir())


@contextmanager
def _half_server(whole: bytes) -> Iterator[tuple[str, threading.Event]]:
    is_stuck, may_end = threading.Event(), threading.Event()
    record = {"Id": "1", "Name": "S1A_X.zip", "ContentLength": len(whole), "PublicationDate": "2026-01-05T08:00:00Z",
              "Checksum": [{"Algorithm": "MD5", "Value": hashlib.md5(whole).hexdigest()}]}  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_file = self.path.endswith("$value")
            body = whole if is_file else json.dumps({"value": [record]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if is_file else body)
            if is_file:
                is_stuck.set()
                may_end.wait()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", is_stuck
    finally:
        may_end.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_does_not_agree_with_its_checksum_never_gets_its_name(
    segment: Segment, http: StationHttp, tmp_path: Path
) -> None:
    wrong = hashlib.sha256(b"other").hexdigest()
    with segment.database.write() as connection:
        connection.execute(publication.update().values(sha256=wrong, md5=wrong[:32]))
    (product,) = listed(http, Wish(), 1)
    (result,) = get(http, [product], tmp_path / "out", 1)
    assert result.state is State.FAILED
    assert "announced" in str(result.why)
    assert list((tmp_path / "out").iterdir()) == []


def test_evicted_products_fail_and_say_what_to_do(
    segment: Segment, http: StationHttp, url: str, tmp_path: Path
) -> None:
    with segment.database.write() as connection:
        chosen = sa.select(sa.func.min(publication.c.product_id)).scalar_subquery()
        connection.execute(publication.update().where(publication.c.product_id == chosen).values(evicted_at=NOON))
    results = get(http, list(listed(http, Wish())), tmp_path / "out", 2)
    failed = [result for result in results if result.state is State.FAILED]
    assert len(failed) == 1
    assert "is offline; order it" in str(failed[0].why)
    ran = CliRunner().invoke(command, ["--url", url, "--type", "IW_SLC__1S", "--out", str(tmp_path / "out")])
    assert ran.exit_code == 1
    assert "3 were here already, 1 failed" in ran.output


def test_what_is_evicted_after_it_was_listed_leaves_nothing(
    segment: Segment, http: StationHttp, tmp_path: Path
) -> None:
    products = list(listed(http, Wish(), 1))
    with segment.database.write() as connection:
        connection.execute(publication.update().values(evicted_at=NOON))
    (result,) = get(http, products, tmp_path / "out", 1)
    assert result.state is State.FAILED
    assert "answers 410" in str(result.why)
    assert "order it where the service takes orders" in str(result.why)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_lists_downloads_and_refuses_what_it_cannot_understand(url: str, tmp_path: Path) -> None:
    run = CliRunner().invoke
    told = run(command, ["--url", url, "--list", "S1A_IW_GRDH"])
    assert told.output.startswith("S1A_IW_GRDH_1SDV_20200615T130000")
    assert told.output.count("\n") == 1
    done = run(command, ["--url", url, "--limit", "2", "--out", str(tmp_path / "new" / "folder")])
    assert (done.exit_code, len(list((tmp_path / "new" / "folder").iterdir()))) == (0, 2)
    assert "2 downloaded" in done.output
    assert "say what you want" in run(command, ["--url", url]).output
    assert "is no ISO 8601 time" in run(command, ["--url", url, "--start", "soon"]).output
    assert "answers 400" in run(command, ["--url", url, "--filter", "Nome eq 'x'"]).output
    assert "has no product like that" in run(command, ["--url", url, "nothing"]).output
    assert "127.0.0.1:1" in run(command, ["--url", "http://127.0.0.1:1", "--attempts", "1", "x"]).output
