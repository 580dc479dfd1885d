"""Auxiliary files and ready products: unpacked, described and stored, ready for the catalogue's door."""

import tempfile
from datetime import datetime
from pathlib import Path

from s1pdgs.catalogue.metadata import describe
from s1pdgs.catalogue.query import find
from s1pdgs.inbox.errors import UnsafeArchive
from s1pdgs.inbox.unpack import Limits, unpack_zip
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.model.time import micros
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import KeyTaken, ObjectStore, put_file

_MOST_VERSIONS = 100


def product_name(name: str) -> str:
    """The name of a product whose archive or file has this name."""
    return name[: -len(".zip")] if name.lower().endswith(".zip") else name


def unpacked(path: Path, name: str, folder: Path, limits: Limits = Limits()) -> Path:  # noqa: B008
    """The product of a received file called `name`: the file itself, or what its zip holds, unpacked below `folder`.

    Raises `UnsafeArchive`; also when the archive holds something of another name.
    """
    product = product_name(name)
    if product == name:
        return path
    place = Path(tempfile.mkdtemp(dir=folder, prefix="unpack-"))
    unpack_zip(path, place, limits)
    if (place / product).exists():
        return place / product
    if (place / "manifest.safe").is_file():  # zipped without its folder
        inner = folder / place.name.replace("unpack-", "whole-") / product
        inner.parent.mkdir()
        place.rename(inner)
        return inner
    held = ", ".join(sorted(entry.name for entry in place.iterdir())[:3]) or "nothing"
    raise UnsafeArchive(f"{name} holds {held}, not {product}")


def prepare_product(database: Database, objects: ObjectStore, path: Path, prefix: str, published: datetime) -> Product:
    """The product that lies on disk at `path`, its bytes stored under `<prefix>/<name>/`, ready for the one door.

    One that is here by this name is given back as held, and nothing is stored; one whose files went is stored under
    keys that were never used. A repetition after a crash takes up the bytes that rest there. Raises `FormatError` when
    the product cannot be described.
    """
    description = describe(path)
    with database.read() as connection:
        held = find(connection, description.name)
    place = f"{prefix}/{description.name}"
    if held is not None:
        if held.evicted_at is None:
            return held.product
        place = f"{place}.{micros(held.evicted_at)}"
    location, files = _store(objects, path, place)
    return Product(
        name=description.name,
        type=description.type,
        satellite=description.satellite,
        validity=description.validity,
        generation_time=description.generation_time,
        location=location,
        files=files,
        t0=published,
        timeliness=description.timeliness,
        footprint=description.footprint,
        attributes=description.attributes,
    )


def _store(objects: ObjectStore, path: Path, location: str) -> tuple[str, tuple[StoredFile, ...]]:
    """Store all files of a product; where, and what they are.

    Other bytes under the same name (an attempt that was never registered, or another source at the same time) are
    left alone: the product then rests beside them, at `<location>.2`.
    """
    members = [path] if path.is_file() else sorted(member for member in path.rglob("*") if member.is_file())
    base = path.parent if path.is_file() else path
    for version in range(1, _MOST_VERSIONS):
        place = location if version == 1 else f"{location}.{version}"
        try:
            files = [_store_member(objects, member, member.relative_to(base).as_posix(), place) for member in members]
        except KeyTaken:
            continue
        return place, tuple(files)
    raise KeyTaken(f"object {location} has {_MOST_VERSIONS} versions of other bytes; clear the unused ones")


def _store_member(objects: ObjectStore, member: Path, relative: str, location: str) -> StoredFile:
    sums = put_file(objects, member, f"{location}/{relative}")
    return StoredFile(relative, sums.size, sums.md5, sums.sha256)
