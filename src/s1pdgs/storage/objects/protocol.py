"""What every object store promises, and what is the same in all of them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field, frozen

from s1pdgs.formats.files import atomic_file

CHUNK_BYTES = 4 * 1024 * 1024


class StorageError(OSError):
    """An object could not be stored or read; the message names its key."""


class KeyTaken(StorageError):  # noqa: N818
    """The key holds other bytes already: keys are written once."""


class MissingObject(StorageError):  # noqa: N818
    """There is no object under the key."""


@frozen
class Checksums:
    """Size in bytes and checksums (lower-case hex) of a whole object, computed in the pass that stored it."""

    size: int
    md5: str
    sha256: str


Proof = Callable[[Checksums], object]
"""Is told the checksums of a whole stream, and raises when it is not the one that was to come."""


def unproven(_sums: Checksums) -> None:
    """The proof of a stream of which nothing is known."""


@define
class Tally:
    """Counts and sums the bytes that pass through it."""

    size: int = 0
    _md5: Any = field(factory=lambda: hashlib.md5(usedforsecurity=False))
    _sha256: Any = field(factory=hashlib.sha256)

    def over(self, chunks: Iterable[bytes], prove: Proof = unproven) -> Iterator[bytes]:
        """The same chunks, each counted before it is given on; all of them are proven after the last one."""
        for chunk in chunks:
            self._md5.update(chunk)
            self._sha256.update(chunk)
            self.size += len(chunk)
            yield chunk
        prove(self.sums)

    @property
    def sums(self) -> Checksums:
        return Checksums(self.size, self._md5.hexdigest(), self._sha256.hexdigest())


class ObjectStore(Protocol):
    """Objects under slash-separated keys. Keys are written once; a repeated put of equal bytes is not an error."""

    def put(self, key: str, chunks: Iterator[bytes], prove: Proof = unproven) -> Checksums:
        """Store a stream whole or not at all; `KeyTaken` when the key holds other bytes. What `prove` raises goes
        through, and nothing is stored.
        """

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of an object from `start` up to `stop` in chunks; `MissingObject` when there is none."""

    def size(self, key: str) -> int | None:
        """Bytes of an object, None when there is none."""

    def list(self, prefix: str) -> list[str]:
        """All keys below a prefix, sorted."""

    def delete(self, prefix: str) -> int:
        """Remove the object of this key and all below it; the number removed."""

    def sign(self, key: str, filename: str, media_type: str) -> str | None:
        """An address that gives the object for a while to whoever has it, as a file of that name and type; None when
        the store cannot sign or is not to.
        """

    def remove_abandoned(self) -> int:
        """Remove what writers left that died while they wrote; how many."""

    def check(self) -> None:
        """`StorageError`, with the setting at fault and the remedy, when the store cannot be used."""


def safe_key(key: str) -> str:
    """The key itself; `StorageError` for one that leaves its place, or has segments that are empty, `.` or `..`."""
    parts = key.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\\" in key or "\0" in key:
        raise StorageError(f"object key {key!r} is not a relative path without '.', '..' and empty segments")
    return key


def refuse_other(store: ObjectStore, key: str, sums: Checksums) -> None:
    """`KeyTaken` when the object of a key does not have these checksums."""
    if checksums_of(store, key) != sums:
        raise KeyTaken(f"object {key} exists with other content; keys are written once")


def file_chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, in chunks."""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def put_file(store: ObjectStore, path: Path, key: str) -> Checksums:
    """Store a file."""
    return store.put(key, file_chunks(path))


def fetch_file(store: ObjectStore, key: str, path: Path) -> None:
    """Write an object to a file, atomically."""
    with atomic_file(path) as stream:
        for chunk in store.read(key):
            stream.write(chunk)


def checksums_of(store: ObjectStore, key: str) -> Checksums:
    """Read an object again and compute its checksums."""
    tally = Tally()
    for _ in tally.over(store.read(key)):
        pass
    return tally.sums
