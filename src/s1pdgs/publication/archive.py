"""A product as one zip, written as a stream and byte for byte the same whenever it is written."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.errors import CorruptProductError
from s1pdgs.storage.objects import ObjectStore, StorageError

DEFLATED = ("*.xml", "*.xsd", "*.safe", "*.html", "*.kml", "*.txt", "*.eof", "*.css")
"""Texts; measurements and packets are stored as they are, for they hardly shrink and are read in place."""


def zip_chunks(
    store: ObjectStore,
    product: Product,
    progress: Callable[[], None] = lambda: None,
    deflated: Sequence[str] = DEFLATED,
) -> Iterator[bytes]:
    """The zip of a product: below a folder of its name, files in order of their paths, dated by its generation.

    Files whose paths match a pattern of `deflated`, in whatever case, are deflated, others stored as they are. Sizes
    and CRCs stand behind each file (no seeking back), zip64 where needed. `progress` is called at each chunk read.
    Raises `CorruptProductError` as soon as a file's size or SHA-256 is not what the catalogue says, `MissingObject`
    when it is gone.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", allowZip64=True) as archive:  # type: ignore[call-overload]  # it only writes
        for stored in sorted(product.files, key=lambda one: one.path):
            with archive.open(_entry(product, stored, deflated), "w") as entry:
                for chunk in verified_chunks(store, product, stored):
                    entry.write(chunk)
                    progress()
                    yield from sink.taken()
            yield from sink.taken()
    yield from sink.taken()


def readable(store: ObjectStore, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes of an object; `CorruptProductError` where the disk does not give them, lest who writes them elsewhere
    thinks that he cannot.
    """
    try:
        yield from store.read(key, start, stop)
    except StorageError:
        raise
    except OSError as error:
        raise CorruptProductError(f"object {key} cannot be read: {error.strerror}") from error


def verified_chunks(store: ObjectStore, product: Product, stored: StoredFile) -> Iterator[bytes]:
    """The bytes of one file of a product; raises `CorruptProductError` at the end when they are not the catalogued."""
    sha256, size = hashlib.sha256(), 0
    for chunk in readable(store, f"{product.location}/{stored.path}"):
        sha256.update(chunk)
        size += len(chunk)
        yield chunk
    if size != stored.size or sha256.hexdigest() != stored.sha256:
        raise CorruptProductError(
            f"{product.name}/{stored.path} has {size} bytes with SHA-256 {sha256.hexdigest()}; "
            f"catalogued are {stored.size} bytes with {stored.sha256}"
        )


def path_in_zip(product: str, files: Sequence[StoredFile], stored: StoredFile) -> str:
    """Where a file of a product is in its zip: below a folder of the product's name, unless it is all of it."""
    alone = len(files) == 1 and stored.path == product
    return stored.path if alone else f"{product}/{stored.path}"


def _entry(product: Product, stored: StoredFile, deflated: Sequence[str]) -> zipfile.ZipInfo:
    path = path_in_zip(product.name, product.files, stored)
    entry = zipfile.ZipInfo(path, _dos_time(product.generation_time))
    is_deflated = any(fnmatchcase(stored.path.lower(), pattern.lower()) for pattern in deflated)
    entry.compress_type = zipfile.ZIP_DEFLATED if is_deflated else zipfile.ZIP_STORED
    entry.create_system = 3
    entry.external_attr = 0o100644 << 16
    entry.file_size = stored.size
    return entry


def _dos_time(moment: datetime) -> tuple[int, int, int, int, int, int]:
    year = min(max(moment.year, 1980), 2107)
    return (year, moment.month, moment.day, moment.hour, moment.minute, moment.second)


class _Sink:
    """A file that only grows, whose bytes are taken away as they come."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        return chunks
