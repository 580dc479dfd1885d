"""Stores to which something happens."""

from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from s1pdgs.storage.objects import Checksums, LocalObjects, StorageError


@frozen
class FullStore(LocalObjects):
    """A store on a disk that has no space left: the system says so at the first byte."""

    def put(self, key: str, chunks: Iterator[bytes]) -> Checksums:
        next(chunks)
        try:
            with Path("/dev/full").open("wb", buffering=0) as stream:
                stream.write(b"x")
        except OSError as error:
            raise StorageError(f"object {key} could not be stored: {error.strerror}") from error
        raise AssertionError("/dev/full took a byte")


@frozen
class DyingStore(LocalObjects):
    """A store whose process is killed at the nth write, after the object is there."""

    left: list[int]

    def put(self, key: str, chunks: Iterator[bytes]) -> Checksums:
        sums = LocalObjects.put(self, key, chunks)
        self.left[0] -= 1
        if self.left[0] == 0:
            raise KeyboardInterrupt
        return sums


@frozen
class DisturbedStore(LocalObjects):
    """A store in which something happens after the first write."""

    happens: list[Callable[[], None]]

    def put(self, key: str, chunks: Iterator[bytes]) -> Checksums:
        sums = LocalObjects.put(self, key, chunks)
        if self.happens:
            self.happens.pop()()
        return sums


@frozen
class AwayStore(LocalObjects):
    """A store that cannot be asked now."""

    def read(self, key: str, _start: int = 0, _stop: int | None = None) -> Iterator[bytes]:
        raise StorageError(f"object {key} cannot be read: the store is away")
