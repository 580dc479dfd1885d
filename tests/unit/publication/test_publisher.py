"""A catalogued product of a published type goes out once, whole and unchanged, whatever breaks on the way."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.events import AnyEvent, ProductPublished
from s1pdgs.bus.outbox import Subscriber, deliver
from s1pdgs.publication.archive import zip_chunks
from s1pdgs.publication.errors import CorruptProductError, PublicationError
from s1pdgs.publication.publisher import Patience, publish_again, publish_step, request
from s1pdgs.publication.tables import publication
from s1pdgs.storage.objects import MissingObject, memory_objects
from tests.unit.publication.conftest import NOON, PNG, Segment, product_name, store_product
from tests.unit.publication.lta.stores import FullStore

NAME = product_name("S1A", "IW_SLC__1SDV", NOON, 1)


def _row(segment: Segment) -> Any:
    with segment.database.read() as connection:
        return connection.execute(sa.select(publication)).one()


def _told(segment: Segment) -> list[AnyEvent]:
    told: list[AnyEvent] = []
    reader = Subscriber("reader", frozenset({"ProductPublished"}), lambda _c, event: told.append(event))
    deliver(segment.database, reader)
    return told


def test_a_product_goes_out_as_a_zip_of_its_folder_with_its_quicklook(segment: Segment) -> None:
    product = store_product(segment.store, NAME, "IW_SLC__1S")
    segment.publish(product)
    data = b"".join(segment.store.read(f"published/{NAME}.zip"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"{NAME}/annotation/s1a.xml", f"{NAME}/manifest.safe", f"{NAME}/measurement/data.tiff",
            f"{NAME}/preview/quick-look.png",
        ]  # fmt: skip
        for stored in product.files:
            content = archive.read(f"{NAME}/{stored.path}")
            assert hashlib.sha256(content).hexdigest() == stored.sha256
        kinds = {info.filename.rsplit("/", 1)[-1]: info.compress_type for info in archive.infolist()}
        assert kinds["data.tiff"] == zipfile.ZIP_STORED
        assert kinds["manifest.safe"] == zipfile.ZIP_DEFLATED
        assert {info.date_time for info in archive.infolist()} == {(2020, 6, 15, 14, 3, 4)}
    assert b"".join(segment.store.read(f"published/{NAME}.png")) == PNG
    row = _row(segment)
    assert (row.state, row.size, row.published_at) == ("published", len(data), segment.clock.now())
    assert (row.md5, row.sha256) == (
        hashlib.md5(data, usedforsecurity=False).hexdigest(), hashlib.sha256(data).hexdigest(),
    )  # fmt: skip
    assert _told(segment) == [ProductPublished(NAME)]
    assert not segment.step()


def test_the_event_may_come_again(segment: Segment) -> None:
    segment.publish(store_product(segment.store, NAME, "IW_SLC__1S"))
    with segment.database.write() as connection:
        assert not request(connection, NAME, segment.clock.now())
    assert not segment.step()


@pytest.mark.parametrize(
    ("kind", "consolidation", "wanted"),
    [
        ("IW_SLC__1S", None, True),
        ("IW_RAW__0S", "SLICE", True),
        ("IW_RAW__0S", "FULL", False),
        ("AUX_CAL", None, False),
        ("SESSION", None, False),
        ("IW_SLC__1S_", None, False),
    ],
)
def test_only_published_types_go_out_and_segments_stay(
    segment: Segment, kind: str, consolidation: str | None, wanted: bool
) -> None:
    attributes = {} if consolidation is None else {"productConsolidation": consolidation}
    segment.register(store_product(segment.store, NAME, kind, attributes=dict(attributes)))
    segment.deliver()
    assert segment.step() is wanted


def test_an_unknown_product_cannot_be_requested(segment: Segment) -> None:
    with pytest.raises(PublicationError, match="not in the catalogue"), segment.database.write() as connection:
        request(connection, "S1A_NOTHING.SAFE", segment.clock.now())


def test_the_zip_has_the_same_bytes_wherever_and_whenever_it_is_written(segment: Segment) -> None:
    product = store_product(segment.store, NAME, "IW_SLC__1S")
    elsewhere = memory_objects()
    moved = store_product(elsewhere, NAME, "IW_SLC__1S")
    one = b"".join(zip_chunks(segment.store, product))
    segment.clock.advance(1000.0)
    assert b"".join(zip_chunks(elsewhere, evolve(moved, files=tuple(reversed(moved.files))))) == one


def test_a_product_of_one_file_of_its_own_name_has_no_folder(segment: Segment) -> None:
    sums = segment.store.put("auxiliary/A.EOF/A.EOF", iter([b"<x/>"]))
    product = evolve(
        store_product(segment.store, NAME, "AUX_RESORB"), name="A.EOF", location="auxiliary/A.EOF",
        files=(evolve(store_product(segment.store, NAME, "X").files[0], path="A.EOF", size=4, sha256=sums.sha256),),
    )  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(segment.store, product)))) as archive:
        assert archive.namelist() == ["A.EOF"]


def test_a_publisher_that_dies_after_storing_leaves_work_that_the_next_one_finishes(segment: Segment) -> None:
    product = store_product(segment.store, NAME, "IW_SLC__1S")
    segment.register(product)
    segment.deliver()
    segment.store.put(f"published/{NAME}.zip", zip_chunks(segment.store, product))
    assert segment.step()
    assert _row(segment).state == "published"
    assert _told(segment) == [ProductPublished(NAME)]


def test_a_publisher_that_dies_holds_its_product_for_its_lease_only(
    segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment.register(store_product(segment.store, NAME, "IW_SLC__1S"))
    segment.deliver()

    def killed(*_: object) -> Iterator[bytes]:
        raise KeyboardInterrupt
        yield b""

    with monkeypatch.context() as patch:
        patch.setattr("s1pdgs.publication.publisher.zip_chunks", killed)
        with pytest.raises(KeyboardInterrupt):
            segment.step()
    assert not segment.step()
    segment.clock.advance(Patience().lease_s)
    assert segment.step()
    assert _row(segment).state == "published"


def test_a_product_that_kills_each_publisher_is_given_up(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    segment.register(store_product(segment.store, NAME, "IW_SLC__1S"))
    segment.deliver()

    def killed(*_: object) -> Iterator[bytes]:
        raise KeyboardInterrupt
        yield b""

    monkeypatch.setattr("s1pdgs.publication.publisher.zip_chunks", killed)
    for _ in range(Patience().max_attempts):
        with pytest.raises(KeyboardInterrupt):
            segment.step()
        segment.clock.advance(Patience().lease_s)
    assert not segment.step()
    row = _row(segment)
    assert (row.state, row.reason) == ("failed", "the publisher died in each of 5 attempts")


def test_other_leftover_bytes_under_the_key_are_replaced(segment: Segment) -> None:
    segment.register(store_product(segment.store, NAME, "IW_SLC__1S"))
    segment.deliver()
    segment.store.put(f"published/{NAME}.zip", iter([b"of another zlib"]))
    assert segment.step()
    assert "keys are written once" in _row(segment).reason
    segment.clock.advance(10.0)
    assert segment.step()
    assert _row(segment).state == "published"


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone", "unreadable"])
def test_damaged_bytes_never_go_out(segment: Segment, damage: str) -> None:
    product = store_product(segment.store, NAME, "IW_SLC__1S")
    segment.register(product)
    segment.deliver()
    victim = segment.store.path(f"{product.location}/measurement/data.tiff")
    if damage in ("gone", "unreadable"):
        victim.unlink()
    else:
        victim.write_bytes(b"x" * (5000 if damage == "changed" else 10))
    if damage == "unreadable":
        victim.symlink_to(victim)
    patience = Patience(max_attempts=3, backoff_s=10.0)
    waits = []
    while _row(segment).state == "pending":
        before = segment.clock.now()
        assert publish_step(segment.database, segment.store, segment.outbox, segment.clock, patience)
        waits.append((_row(segment).retry_at - before) / timedelta(seconds=1))
        assert not publish_step(segment.database, segment.store, segment.outbox, segment.clock, patience)
        segment.clock.advance(waits[-1])
    assert waits == [10.0, 20.0, 40.0]
    row = _row(segment)
    assert row.state == "failed"
    assert "measurement/data.tiff" in row.reason
    assert segment.store.list("published") == []
    assert _told(segment) == []


def test_a_disk_that_is_full_for_long_makes_no_publication_fail(segment: Segment) -> None:
    segment.register(store_product(segment.store, NAME, "IW_SLC__1S"))
    segment.deliver()
    full, patience = FullStore(segment.store.folder), Patience(max_attempts=3, backoff_s=10.0)
    waits = []
    for _ in range(12):
        before = segment.clock.now()
        assert publish_step(segment.database, full, segment.outbox, segment.clock, patience)
        waits.append((_row(segment).retry_at - before) / timedelta(seconds=1))
        segment.clock.advance(waits[-1])
    assert (waits[0], max(waits)) == (40.0, 40.0)
    assert (_row(segment).state, "No space left on device" in _row(segment).reason) == ("pending", True)
    assert publish_step(segment.database, segment.store, segment.outbox, segment.clock, patience)
    assert _row(segment).state == "published"
    assert len(_told(segment)) == 1


def test_a_failed_publication_can_be_asked_for_again(segment: Segment) -> None:
    product = store_product(segment.store, NAME, "IW_SLC__1S")
    segment.register(product)
    segment.deliver()
    victim = segment.store.path(f"{product.location}/measurement/data.tiff")
    good = victim.read_bytes()
    victim.write_bytes(b"")
    publish_step(segment.database, segment.store, segment.outbox, segment.clock, Patience(max_attempts=1))
    assert _row(segment).state == "failed"
    victim.write_bytes(good)
    with segment.database.write() as connection:
        assert publish_again(connection, NAME, segment.clock.now())
        assert not publish_again(connection, NAME, segment.clock.now())
    assert segment.step()
    assert _row(segment).state == "published"


@pytest.mark.parametrize("error", [CorruptProductError("bad"), MissingObject("gone")])
def test_errors_while_streaming_pass_through_object_stores(error: Exception) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise error

    store = memory_objects()
    with pytest.raises((CorruptProductError, OSError)):
        store.put("published/x.zip", chunks())
    assert store.size("published/x.zip") is None


def test_a_long_publication_renews_its_lease(segment: Segment) -> None:
    product = store_product(segment.store, NAME, "IW_SLC__1S")
    segment.register(product)
    segment.deliver()
    ends = []
    original = segment.store.read

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(segment.store, name)

        def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
            segment.clock.advance(50.0)
            ends.append((_row(segment).retry_at - segment.clock.now()).total_seconds())
            yield from original(key, start, stop)

    assert publish_step(segment.database, Slow(), segment.outbox, segment.clock)
    assert min(ends) > 0.0
    assert len(ends) == 5
    assert _row(segment).state == "published"


def test_two_publishers_share_the_work_and_each_product_is_told_once(segment: Segment) -> None:
    names = [product_name("S1A", "IW_SLC__1SDV", NOON, number) for number in range(8)]
    for name in names:
        segment.register(store_product(segment.store, name, "IW_SLC__1S"))
    segment.deliver()

    def work() -> None:
        while segment.step():
            pass

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = _told(segment)
    assert sorted(event.key for event in told) == sorted(names)
