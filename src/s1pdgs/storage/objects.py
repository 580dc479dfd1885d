"""Where bytes rest: one protocol over a local folder, an S3 bucket or memory."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import obstore
from attrs import frozen
from obstore.exceptions import AlreadyExistsError
from obstore.store import MemoryStore

from s1pdgs.formats.files import atomic_file, sync_directory

CHUNK_BYTES = 4 * 1024 * 1024
_PART = ".part-"
_JUST_MADE_S = 1.0


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


class ObjectStore(Protocol):
    """Objects under slash-separated keys. Keys are written once; a repeated put of equal bytes is not an error."""

    def put(self, key: str, chunks: Iterator[bytes]) -> Checksums:
        """Store a stream whole or not at all; `KeyTaken` when the key holds other bytes."""

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of an object from `start` up to `stop` in chunks; `MissingObject` when there is none."""

    def size(self, key: str) -> int | None:
        """Bytes of an object, None when there is none."""

    def list(self, prefix: str) -> list[str]:
        """All keys below a prefix, sorted."""

    def delete(self, prefix: str) -> int:
        """Remove the object of this key and all below it; the number removed."""


@frozen
class ObstoreObjects:
    """`ObjectStore` over any store of the obstore library."""

    store: Any

    def put(self, key: str, chunks: Iterator[bytes]) -> Checksums:
        md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
        part = f"{key}.part-{id(chunks):x}"

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                md5.update(chunk)
                sha256.update(chunk)
                size += len(chunk)
                yield chunk

        safe_key(key)
        try:
            obstore.put(self.store, part, counted(), chunk_size=CHUNK_BYTES, max_concurrency=1)
            sums = Checksums(size, md5.hexdigest(), sha256.hexdigest())
            self._rename(part, key, sums)
        except AlreadyExistsError:
            obstore.delete(self.store, part)
            raise KeyTaken(f"object {key} exists with other content; keys are written once") from None
        except OSError as error:
            raise StorageError(f"object {key} could not be stored: {error}") from error
        return sums

    def _rename(self, part: str, key: str, sums: Checksums) -> None:
        try:
            obstore.rename(self.store, part, key, overwrite=False)
        except AlreadyExistsError:
            if checksums_of(self, key) != sums:
                raise
            obstore.delete(self.store, part)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        whole = self.size(key)
        if whole is None:
            raise MissingObject(f"there is no object {key}")
        stop = whole if stop is None else min(stop, whole)
        for begin in range(start, stop, CHUNK_BYTES):
            yield bytes(obstore.get_range(self.store, key, start=begin, end=min(begin + CHUNK_BYTES, stop)))

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
class LocalObjects:
    """`ObjectStore` as durable files below a folder."""

    folder: Path

    def put(self, key: str, chunks: Iterator[bytes]) -> Checksums:
        path = self.path(key)
        md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_PART)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH)  # tells that its writer lives
                for chunk in chunks:
                    stream.write(chunk)
                    md5.update(chunk)
                    sha256.update(chunk)
                    size += len(chunk)
                stream.flush()
                os.fsync(stream.fileno())
                part.chmod(0o644)
                sums = Checksums(size, md5.hexdigest(), sha256.hexdigest())
                self._link(part, path, key, sums)
        except OSError as error:
            if error.errno is None:
                raise
            raise StorageError(f"object {key} could not be stored below {self.folder}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        sync_directory(path.parent)
        return sums

    def _link(self, part: Path, path: Path, key: str, sums: Checksums) -> None:
        try:
            os.link(part, path)
        except FileExistsError:
            if checksums_of(self, key) != sums:
                raise KeyTaken(f"object {key} exists with other content; keys are written once") from None

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        try:
            stream = self.path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError):
            raise MissingObject(f"there is no object {key}") from None
        with stream:
            stream.seek(start)
            left = float("inf") if stop is None else stop - start
            while left > 0 and (chunk := stream.read(int(min(CHUNK_BYTES, left)))):
                left -= len(chunk)
                yield chunk

    def size(self, key: str) -> int | None:
        path = self.path(key)
        return path.stat().st_size if path.is_file() else None

    def list(self, prefix: str) -> list[str]:
        found = self.path(prefix).rglob("*")
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in found
            if path.is_file() and not path.name.startswith(_PART)
        )

    def delete(self, prefix: str) -> int:
        path = self.path(prefix)
        if path.is_dir():
            count = len(self.list(prefix))
            shutil.rmtree(path)
            return count
        if path.exists():
            path.unlink()
            return 1
        return 0

    def remove_abandoned(self) -> int:
        """Remove what writers left that died while they wrote; how many files."""
        return sum(_remove_if_abandoned(part) for part in self.folder.rglob(f"{_PART}*"))

    def path(self, key: str) -> Path:
        """Where the object of a key lies."""
        return self.folder / safe_key(key)


def _remove_if_abandoned(part: Path) -> bool:
    try:
        with part.open("rb") as stream:
            if time.time() - part.stat().st_mtime < _JUST_MADE_S:
                return False
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def local_objects(folder: Path) -> LocalObjects:
    """Objects as files below a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return LocalObjects(folder)


def memory_objects() -> ObstoreObjects:
    """Objects of this process only, for tests."""
    return ObstoreObjects(MemoryStore())


def safe_key(key: str) -> str:
    """The key itself; `StorageError` for keys that would leave their place (`..`, absolute, empty segments)."""
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts or "\\" in key or "\0" in key:
        raise StorageError(f"object key {key!r} is not a relative path without '..'")
    return key


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
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    for chunk in store.read(key):
        md5.update(chunk)
        sha256.update(chunk)
        size += len(chunk)
    return Checksums(size, md5.hexdigest(), sha256.hexdigest())
