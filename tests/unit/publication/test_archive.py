"""Zips of any size and number of files are written as a stream, and other programs read them."""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest
from attrs import evolve, frozen

from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.archive import zip_chunks
from s1pdgs.storage.objects import CHUNK_BYTES, ObjectStore, memory_objects
from tests.unit.publication.conftest import store_product

NAME = "S1A_IW_SLC__1SDV_20200615T120000_20200615T120025_033026_03D35D_1B2C.SAFE"
NOTHING = bytes(CHUNK_BYTES)
LARGE = 4 * 1024**3 + 5
LARGE_SHA256 = "709fc0b74f7c916cedccb212d681c035f36ffbb31ebfe806eb40c31592744eb5"
"""Of so many zeros."""


@frozen
class Alike:
    """A store whose objects are zeros where their keys end in `zeros`, else a letter."""

    def read(self, key: str, _start: int = 0, _stop: int | None = None) -> Iterator[bytes]:
        if key.endswith("zeros"):
            yield from (NOTHING[: LARGE - begin] for begin in range(0, LARGE, CHUNK_BYTES))
        else:
            yield b"x"


LETTER = StoredFile("", 1, "", hashlib.sha256(b"x").hexdigest())
ALIKE = cast("ObjectStore", Alike())


def written(chunks: Iterable[bytes], path: Path) -> Path:
    """A file of these chunks that takes no room for those of zeros only."""
    with path.open("wb") as sink:
        for chunk in chunks:
            if chunk == NOTHING:
                sink.seek(len(chunk), os.SEEK_CUR)
            else:
                sink.write(chunk)
    return path


@pytest.fixture
def product() -> Product:
    return store_product(memory_objects(), NAME, "IW_SLC__1S")


def test_files_and_zips_may_be_larger_than_4_gib(product: Product, tmp_path: Path) -> None:
    files = (StoredFile("a/zeros", LARGE, "", LARGE_SHA256), evolve(LETTER, path="b/behind"))
    with zipfile.ZipFile(written(zip_chunks(ALIKE, evolve(product, files=files)), tmp_path / "p.zip")) as archive:
        large, behind = archive.infolist()
        assert (large.file_size, large.compress_size) == (LARGE, LARGE)
        assert behind.header_offset > LARGE
        assert archive.read(behind) == b"x"
        with archive.open(large) as stream:
            assert stream.read(100) == bytes(100)


def test_a_zip_may_hold_more_than_65535_files(product: Product, tmp_path: Path) -> None:
    many = tuple(evolve(LETTER, path=f"{number:05}") for number in range(65_537))
    with zipfile.ZipFile(written(zip_chunks(ALIKE, evolve(product, files=many)), tmp_path / "p.zip")) as archive:
        assert len(archive.infolist()) == len(many)
        assert archive.read(f"{NAME}/65536") == b"x"


def test_what_is_deflated_is_told_by_patterns_in_whatever_case(tmp_path: Path) -> None:
    store = memory_objects()
    product = store_product(store, NAME, "IW_SLC__1S", measurement=bytes(5000))
    chunks = zip_chunks(store, product, deflated=("MEASUREMENT/*",))
    with zipfile.ZipFile(written(chunks, tmp_path / "p.zip")) as archive:
        deflated = [one.filename for one in archive.infolist() if one.compress_type == zipfile.ZIP_DEFLATED]
        assert archive.testzip() is None
        assert deflated == [f"{NAME}/measurement/data.tiff"]
