"""The files of a product out of its zip, each as it was catalogued."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import IO

from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.archive import readable
from s1pdgs.publication.errors import CorruptProductError
from s1pdgs.storage.objects import CHUNK_BYTES, MissingObject, ObjectStore


class ObjectFile(io.RawIOBase):
    """An object as a file that is read from anywhere. `MissingObject` when there is none."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        size = store.size(key)
        if size is None:
            raise MissingObject(f"there is no object {key}")
        self._store, self._key, self._size, self._place = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, begin + offset)
        return self._place

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        stop = min(self._place + len(buffer), self._size)
        data = b"".join(readable(self._store, self._key, self._place, stop)) if stop > self._place else b""
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def unpack(store: ObjectStore, key: str, product: Product, prefix: str, progress: Callable[[], None]) -> None:
    """Store the files of a product below a prefix, out of its zip under a key of the same store.

    `progress` is called at each chunk. Raises `CorruptProductError` for a file that the zip lacks or that is not as the
    catalogue says; nothing is stored of that one.
    """
    with (
        io.BufferedReader(ObjectFile(store, key), CHUNK_BYTES) as stream,
        _opened(stream, key) as archive,
    ):
        inside = set(archive.namelist())
        for stored in product.files:
            name = next((name for name in (f"{product.name}/{stored.path}", stored.path) if name in inside), None)
            if name is None:
                raise CorruptProductError(f"object {key} has no file {stored.path}")
            store.put(f"{prefix}/{stored.path}", _verified(archive, name, stored, key, progress))


def _opened(stream: IO[bytes], key: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except zipfile.BadZipFile as error:
        raise CorruptProductError(f"object {key} is no zip: {error}") from None


def _verified(
    archive: zipfile.ZipFile, name: str, stored: StoredFile, key: str, progress: Callable[[], None]
) -> Iterator[bytes]:
    sha256, left = hashlib.sha256(), stored.size
    try:
        with archive.open(name) as entry:
            while chunk := entry.read(min(CHUNK_BYTES, left + 1)):
                sha256.update(chunk)
                left -= len(chunk)
                if left < 0:
                    break
                progress()
                yield chunk
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise CorruptProductError(f"object {key}: {name}: {error}") from None
    if left or sha256.hexdigest() != stored.sha256:
        raise CorruptProductError(
            f"object {key}: {name} has SHA-256 {sha256.hexdigest()}; "
            f"catalogued are {stored.size} bytes with {stored.sha256}"
        )
