"""Every object store keeps the same promises."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.s3 import endpoint, s3_store

from s1pdgs.storage.objects import (
    Checksums,
    KeyTaken,
    MissingObject,
    ObjectStore,
    StorageError,
    checksums_of,
    fetch_file,
    local_objects,
    memory_objects,
    put_file,
)


@pytest.fixture(params=["local", "memory", "s3", "s3 by host"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    match request.param:
        case "local":
            yield local_objects(tmp_path / "objects")
        case "memory":
            yield memory_objects()
        case "s3":
            with s3_store() as opened:
                yield opened
        case _:
            # bucket.localhost has no address here; the server, taken as a proxy, hears the whole name
            monkeypatch.setenv("HTTP_PROXY", endpoint())
            with s3_store(endpoint="http://localhost", virtual_host=True) as opened:
                yield opened


def test_what_was_put_is_read_again_with_its_checksums(store: ObjectStore) -> None:
    sums = store.put("products/a/b.dat", iter([b"one ", b"two"]))
    assert b"".join(store.read("products/a/b.dat")) == b"one two"
    assert store.size("products/a/b.dat") == sums.size == 7
    assert checksums_of(store, "products/a/b.dat") == sums
    assert sums.md5 == "aae2c33a105ad3f28f39402d67a24b20"


def test_a_range_is_read_without_the_rest(store: ObjectStore) -> None:
    store.put("a", iter([bytes(range(100))]))
    assert b"".join(store.read("a", 10, 14)) == bytes([10, 11, 12, 13])
    assert b"".join(store.read("a", 98)) == bytes([98, 99])


def test_an_object_that_is_removed_while_it_is_read_never_ends_as_if_it_were_whole(store: ObjectStore) -> None:
    size = 17 * 1024 * 1024  # more than any store reads at once
    store.put("a/large", (bytes(1024 * 1024) for _ in range(17)))
    reading = store.read("a/large")
    read = len(next(reading))
    store.delete("a/large")
    try:
        read += sum(map(len, reading))
    except MissingObject:
        return
    assert read == size  # files that are open stay


def test_a_key_is_written_once(store: ObjectStore) -> None:
    store.put("a/key", iter([b"first"]))
    store.put("a/key", iter([b"first"]))
    with pytest.raises(KeyTaken, match="a/key"):
        store.put("a/key", iter([b"second"]))
    assert b"".join(store.read("a/key")) == b"first"


@pytest.mark.parametrize("size", [5, 17 * 1024 * 1024])
def test_a_stream_is_proven_by_its_checksums_before_it_is_an_object(store: ObjectStore, size: int) -> None:
    told: list[Checksums] = []

    def prove(sums: Checksums) -> None:
        told.append(sums)
        if len(told) == 1:
            raise StorageError("these are not the bytes")

    with pytest.raises(StorageError, match="these are not the bytes"):
        store.put("a/key", iter([bytes(size)]), prove)
    assert store.list("a") == []
    assert store.put("a/key", iter([bytes(size)]), prove) == told[1] == checksums_of(store, "a/key")


def test_a_stream_that_breaks_leaves_nothing(store: ObjectStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise ConnectionError("the station hung up")

    with pytest.raises(OSError, match="hung up"):
        store.put("a/key", broken())
    assert store.size("a/key") is None
    assert store.list("a") == []


def test_objects_are_listed_and_removed_by_prefix(store: ObjectStore) -> None:
    for key in ("p/1/x", "p/1/y", "p/2/x"):
        store.put(key, iter([key.encode()]))
    assert store.list("p/1") == ["p/1/x", "p/1/y"]
    assert store.delete("p/1") == 2
    assert store.list("p") == ["p/2/x"]
    assert store.delete("p/1") == 0


def test_an_absent_object_is_named(store: ObjectStore) -> None:
    with pytest.raises(MissingObject, match="no/such"):
        list(store.read("no/such"))
    assert store.list("no") == []


@pytest.mark.parametrize("key", ["a/S1A IW+ü~1%41#?&=[x].SAFE", "a/%2F", "a/'\"<>|^`{}$!*"])
def test_keys_mean_what_they_say_whatever_their_characters(store: ObjectStore, key: str) -> None:
    store.put(key, iter([b"x"]))
    assert (store.size(key), store.list("a"), b"".join(store.read(key))) == (1, [key], b"x")
    assert store.delete(key) == 1
    assert store.list("a") == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../../b", "a/./b", "a//b", "a/", "a\\b", "a\0b"])
def test_keys_never_leave_their_place(store: ObjectStore, key: str) -> None:
    with pytest.raises(StorageError, match="relative path"):
        store.put(key, iter([b"x"]))
    with pytest.raises(StorageError, match="relative path"):
        store.size(key)


def test_files_go_in_and_out(store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "in.bin", tmp_path / "out.bin"
    source.write_bytes(bytes(5_000_000))
    put_file(store, source, "f")
    fetch_file(store, "f", target)
    assert target.read_bytes() == source.read_bytes()


def test_what_a_dead_writer_left_is_removed_and_a_living_one_is_not_disturbed(tmp_path: Path) -> None:
    store = local_objects(tmp_path / "objects")
    abandoned = store.folder / "a" / ".part-dead"
    abandoned.parent.mkdir()
    abandoned.write_bytes(b"half")
    long_ago = 1_700_000_000
    os.utime(abandoned, (long_ago, long_ago))

    def chunks() -> Iterator[bytes]:
        yield b"first"
        living = next(path for path in (store.folder / "b").iterdir())
        os.utime(living, (long_ago, long_ago))
        assert store.remove_abandoned() == 1
        yield b" second"

    store.put("b/key", chunks())
    assert b"".join(store.read("b/key")) == b"first second"
    assert not abandoned.exists()
