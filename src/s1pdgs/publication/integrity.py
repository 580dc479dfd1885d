"""Is what the store holds still what was catalogued and published? Objects are read again and compared."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen

from s1pdgs.catalogue.query import Held, load
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.lta.tables import archive_copy
from s1pdgs.publication.publisher import QUICKLOOK
from s1pdgs.publication.tables import auxiliary_offer, publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, MissingObject, ObjectStore, StorageError, checksums_of

SESSION_TYPE = "SESSION"
_AT_ONCE = 100


class Fault(StrEnum):
    """What can be wrong with an object."""

    MISSING = "missing"
    DAMAGED = "damaged"
    EXTRA = "extra"


class Place(StrEnum):
    """Where an object should be."""

    STORE = "store"
    ARCHIVE = "archive"


@frozen
class Finding:
    """An object that is not as it should be, and why."""

    fault: Fault
    key: str
    reason: str
    place: Place = Place.STORE


@frozen
class Inspection:
    """What was found at a product: how many objects and bytes it should have, and what is wrong."""

    product: str
    objects: int
    size: int
    findings: tuple[Finding, ...]


@frozen
class _Claims:
    """The objects that a product claims, by place and key, and the prefix below which there should be no others."""

    name: str
    objects: dict[tuple[Place, str], Checksums]
    alone_below: str | None


def inspect(
    database: Database, store: ObjectStore, number: int, *, quick: bool = False, archive: ObjectStore | None = None
) -> Inspection:
    """Compare the objects of a product with its rows: its files, its zip, its quicklook, the zip that AUXIP offers, and
    the copy in the archive where that is told. `quick` looks at sizes and reads nothing.

    What is evicted is not looked for. Raises `StorageError` when a store cannot be asked.
    """
    stores = {Place.STORE: store} if archive is None else {Place.STORE: store, Place.ARCHIVE: archive}
    claims = _claims(database, number, stores)
    while True:
        findings = tuple(_findings(stores, claims, quick=quick))
        before, claims = claims, _claims(database, number, stores)
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


def _claims(database: Database, number: int, places: Container[Place]) -> _Claims:
    with database.read() as connection:
        (held,) = load(connection, sa.select(product).where(product.c.id == number))
        row = connection.execute(OUTSIDE, {"number": number}).one()
    objects = {} if held.evicted_at is not None else _files(held)
    if row.offer is not None and held.evicted_at is None:
        objects[row.offer] = Checksums(row.offer_size, row.offer_md5, row.offer_sha256)
    if row.state == "published":
        objects |= _published(held, row)
    claimed = {(Place.STORE, key): sums for key, sums in objects.items()}
    if row.copy is not None and Place.ARCHIVE in places:
        claimed[Place.ARCHIVE, row.copy] = Checksums(row.size, row.md5, row.sha256)
    is_alone = held.evicted_at is None and held.product.type != SESSION_TYPE  # deliveries lie below each other
    return _Claims(held.name, claimed, held.product.location if is_alone else None)


OUTSIDE: sa.Select[Any] = (
    sa.select(
        *(publication.c[name] for name in ("state", "evicted_at", "location", "size", "md5", "sha256", "quicklook")),
        auxiliary_offer.c.location.label("offer"),
        *(auxiliary_offer.c[name].label(f"offer_{name}") for name in ("size", "md5", "sha256")),
        archive_copy.c.location.label("copy"),
    )
    .select_from(
        product.outerjoin(publication, publication.c.product_id == product.c.id)
        .outerjoin(
            auxiliary_offer,
            sa.and_(auxiliary_offer.c.product_id == product.c.id, auxiliary_offer.c.published_at.is_not(None)),
        )
        .outerjoin(archive_copy, sa.and_(archive_copy.c.product_id == product.c.id, archive_copy.c.state == "stored"))
    )
    .where(product.c.id == sa.bindparam("number"))
)
"""What a product has beside its files: its publication, its offer at AUXIP and its copy in the archive."""


def _files(held: Held) -> dict[str, Checksums]:
    place = held.product.location
    return {f"{place}/{file.path}": Checksums(file.size, file.md5, file.sha256) for file in held.product.files}


def _published(held: Held, row: sa.Row[Any]) -> dict[str, Checksums]:
    image = next((file for file in held.product.files if file.path == QUICKLOOK), None)
    objects = {} if row.evicted_at is not None else {row.location: Checksums(row.size, row.md5, row.sha256)}
    if row.quicklook is not None and image is not None:
        objects[row.quicklook] = Checksums(image.size, image.md5, image.sha256)
    return objects


def _findings(stores: Mapping[Place, ObjectStore], claims: _Claims, *, quick: bool) -> Iterator[Finding]:
    for (place, key), expected in sorted(claims.objects.items()):
        size = stores[place].size(key)
        if size is None:
            yield Finding(Fault.MISSING, key, f"{expected.size} bytes are gone", place)
        elif size != expected.size:
            yield Finding(Fault.DAMAGED, key, f"it has {size} bytes and should have {expected.size}", place)
        elif not quick:
            yield from (evolve(one, place=place) for one in _content(stores[place], key, expected))
    if claims.alone_below is not None:
        for key in stores[Place.STORE].list(claims.alone_below):
            if (Place.STORE, key) not in claims.objects:
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
