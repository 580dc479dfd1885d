"""Objects in any store of the obstore library."""

from collections.abc import Iterator
from typing import Any

import obstore
from attrs import frozen
from obstore.exceptions import AlreadyExistsError
from obstore.store import MemoryStore

from s1pdgs.storage.objects.protocol import (
    CHUNK_BYTES,
    Checksums,
    MissingObject,
    Proof,
    StorageError,
    Tally,
    refuse_other,
    safe_key,
    unproven,
)


@frozen
class ObstoreReader:
    """The part of `ObjectStore` that is the same for all stores of the library."""

    store: Any
    chunk_bytes: int = CHUNK_BYTES

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        whole = self.size(key)
        if whole is None:
            raise MissingObject(f"there is no object {key}")
        stop = whole if stop is None else min(stop, whole)
        for begin in range(start, stop, self.chunk_bytes):
            try:
                chunk = obstore.get_range(self.store, key, start=begin, end=min(begin + self.chunk_bytes, stop))
            except FileNotFoundError:
                raise MissingObject(f"object {key} was removed while it was read") from None
            yield bytes(chunk)

    def size(self, key: str) -> int | None:
        try:
            return int(obstore.head(self.store, safe_key(key))["size"])
        except FileNotFoundError:
            return None

    def list(self, prefix: str) -> list[str]:
        batches = obstore.list(self.store, prefix=safe_key(prefix))
        return sorted(entry["path"] for batch in batches for entry in batch)

    def delete(self, prefix: str) -> int:
        keys = self.list(prefix)
        if self.size(prefix) is not None and prefix not in keys:
            keys.append(prefix)
        if keys:
            obstore.delete(self.store, keys)
        return len(keys)


@frozen
class MemoryObjects(ObstoreReader):
    """`ObjectStore` of this process only."""

    def put(self, key: str, chunks: Iterator[bytes], prove: Proof = unproven) -> Checksums:
        tally, part = Tally(), f"{key}.part-{id(chunks):x}"
        safe_key(key)
        try:
            obstore.put(self.store, part, tally.over(chunks, prove), chunk_size=self.chunk_bytes, max_concurrency=1)
        except OSError as error:
            raise StorageError(f"object {key} could not be stored: {error}") from error
        try:
            obstore.rename(self.store, part, key, overwrite=False)
        except AlreadyExistsError:
            obstore.delete(self.store, part)
            refuse_other(self, key, tally.sums)
        return tally.sums

    def sign(self, key: str, filename: str, media_type: str) -> str | None:  # noqa: ARG002  it cannot
        return None

    def remove_abandoned(self) -> int:
        return 0

    def check(self) -> None:
        """It can always be used."""


def memory_objects() -> MemoryObjects:
    """Objects of this process only, for tests."""
    return MemoryObjects(MemoryStore())
