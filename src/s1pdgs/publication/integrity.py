"""Is what the store holds still what was catalogued and published? Objects are read again and compared."""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import Held, load
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.publisher import QUICKLOOK
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, MissingObject, ObjectStore, StorageError, checksums_of

SESSION_TYPE = "SESSION"
_AT_ONCE = 100


class Fault(StrEnum):
    """What can be wrong with an object."""

    MISSING = "missing"
    DAMAGED = "damaged"
    EXTRA = "extra"


@frozen
class Finding:
    """An object that is not as it should be, and why."""

    fault: Fault
    key: str
    reason: str


@frozen
class Inspection:
    """What was found at a product: how many objects and bytes it should have, and what is wrong."""

    product: str
    objects: int
    size: int
    findings: tuple[Finding, ...]


@frozen
class _Claims:
    """The objects that a product claims, by key, and the prefix below which there should be no others."""

    name: str
    objects: dict[str, Checksums]
    alone_below: str | None


def inspect(database: Database, store: ObjectStore, number: int, *, quick: bool = False) -> Inspection:
    """Compare the objects of a product with its rows; `quick` looks at sizes and reads nothing.

    What is evicted is not looked for. Raises `StorageError` when the store cannot be asked.
    """
    claims = _claims(database, number)
    while True:
        findings = tuple(_findings(store, claims, quick=quick))
        before, claims = claims, _claims(database, number)
        if not findings or claims == before:  # else it was evicted or came back meanwhile
            size = sum(sums.size for sums in before.objects.values())
            return Inspection(before.name, len(before.objects), size, findings)


def numbers(database: Database, names: Collection[str] = (), types: Sequence[str] = ()) -> Iterator[int]:
    """The numbers of all products, or of those of some names or types, oldest first."""
    last = 0
    while True:
        query = sa.select(product.c.id).where(product.c.id > last).order_by(product.c.id).limit(_AT_ONCE)
        if names:
            query = query.where(product.c.name.in_(names))
        if types:
            query = query.where(product.c.type.in_(types))
        with database.read() as connection:
            found = list(connection.scalars(query))
        if not found:
            return
        yield from found
        last = found[-1]


def _claims(database: Database, number: int) -> _Claims:
    with database.read() as connection:
        (held,) = load(connection, sa.select(product).where(product.c.id == number))
        row = connection.execute(sa.select(publication).where(publication.c.product_id == number)).one_or_none()
    objects = {} if held.evicted_at is not None else _files(held)
    if row is not None and row.state == "published":
        objects |= _published(held, row)
    is_alone = held.evicted_at is None and held.product.type != SESSION_TYPE  # deliveries lie below each other
    return _Claims(held.name, objects, held.product.location if is_alone else None)


def _files(held: Held) -> dict[str, Checksums]:
    place = held.product.location
    return {f"{place}/{file.path}": Checksums(file.size, file.md5, file.sha256) for file in held.product.files}


def _published(held: Held, row: sa.Row[Any]) -> dict[str, Checksums]:
    image = next((file for file in held.product.files if file.path == QUICKLOOK), None)
    objects = {} if row.evicted_at is not None else {row.location: Checksums(row.size, row.md5, row.sha256)}
    if row.quicklook is not None and image is not None:
        objects[row.quicklook] = Checksums(image.size, image.md5, image.sha256)
    return objects


def _findings(store: ObjectStore, claims: _Claims, *, quick: bool) -> Iterator[Finding]:
    for key, expected in sorted(claims.objects.items()):
        size = store.size(key)
        if size is None:
            yield Finding(Fault.MISSING, key, f"{expected.size} bytes are gone")
        elif size != expected.size:
            yield Finding(Fault.DAMAGED, key, f"it has {size} bytes and should have {expected.size}")
        elif not quick:
            yield from _content(store, key, expected)
    if claims.alone_below is not None:
        for key in store.list(claims.alone_below):
            if key not in claims.objects:
                yield Finding(Fault.EXTRA, key, "no file of the product is catalogued there")


def _content(store: ObjectStore, key: str, expected: Checksums) -> Iterator[Finding]:
    try:
        found = checksums_of(store, key)
    except MissingObject:
        yield Finding(Fault.MISSING, key, f"{expected.size} bytes are gone")
        return
    except StorageError:
        raise
    except OSError as error:
        yield Finding(Fault.DAMAGED, key, f"it cannot be read: {error.strerror}")
        return
    if found != expected:
        yield Finding(Fault.DAMAGED, key, f"it has SHA-256 {found.sha256} and should have {expected.sha256}")
