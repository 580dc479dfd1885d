"""The one door into the catalogue, for what was downloaded, ingested or made here."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from s1pdgs.bus.events import ProductCatalogued, ProductRestored
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue import tables as t
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.product import AttributeValue, Product
from s1pdgs.model.time import from_micros, micros

_KNOWN = sa.select(t.product.c.id, t.product.c.location, t.product.c.evicted_at).where(
    t.product.c.name == sa.bindparam("name")
)
_SPAN = sa.select(t.type_span.c.longest_us).where(t.type_span.c.type == sa.bindparam("type"))
_PRODUCT, _FILE, _BOX = t.product.insert(), t.product_file.insert(), t.footprint_box.insert()
_SESSION = "SESSION"
"""Deliveries of a session share objects."""
_GRACE = timedelta(hours=1)
_NAMESPACE = uuid.UUID("8f6d2c1e-6c0f-5b0a-9d2b-51d9a1a5c001")


class CatalogueError(ValueError):
    """A product cannot be catalogued; the message names it and what is wrong."""


def product_uuid(name: str) -> str:
    """The public identifier of a product: the same name has the same one everywhere."""
    return str(uuid.uuid5(_NAMESPACE, name))


def register(connection: sa.Connection, outbox: Outbox, product: Product) -> bool:
    """Make a product exist and tell it; False when one of its name is here, and what was stored beside that is garbage.

    One whose files went comes back: with the bytes that it had as the same product, with others as a new version in
    its place, unless a legal hold keeps what is left of it.
    """
    known, now = connection.execute(_KNOWN, {"name": product.name}).one_or_none(), outbox.clock.now()
    if known is not None and not _may_return(connection, known, product):
        if known.location != product.location and product.type != _SESSION:
            connection.execute(t.garbage.insert().values(prefix=product.location, due_at=now + _GRACE))
        return False
    if not product.files:
        raise CatalogueError(f"product {product.name} has no files; nothing was catalogued")
    if known is not None and _sums(product) == _held_sums(connection, known.id):
        here = {"location": product.location, "evicted_at": None, "gone_at": None, "returned_at": now}
        connection.execute(t.product.update().where(t.product.c.id == known.id).values(**here))
        outbox.emit(connection, ProductRestored(product.name))
        return True
    number = _insert(connection, product, now) if known is None else _replace(connection, known.id, product, now)
    _describe(connection, number, product)
    _widen_span(connection, product)
    outbox.emit(connection, ProductCatalogued(product.name, product.type))
    return True


def _insert(connection: sa.Connection, product: Product, now: datetime) -> int:
    inserted = connection.execute(_PRODUCT, _row(product, now))
    return int(inserted.inserted_primary_key[0])  # type: ignore[index]


def _replace(connection: sa.Connection, number: int, product: Product, now: datetime) -> int:
    """Put a new version in the place of a product whose files went, without what describes the old one."""
    fresh = dict.fromkeys(("evicted_at", "evict_at", "gone_at", "returned_at"))
    connection.execute(t.product.update().where(t.product.c.id == number).values(**_row(product, now), **fresh))
    for table in (t.product_file, t.footprint_box):
        connection.execute(table.delete().where(table.c.product_id == number))
    return number


def _describe(connection: sa.Connection, number: int, product: Product) -> None:
    """The files of a product and the boxes around its footprint."""
    connection.execute(
        _FILE,
        [
            {"product_id": number, "path": f.path, "size": f.size, "md5": f.md5, "sha256": f.sha256}
            for f in product.files
        ],
    )
    if product.footprint is not None:
        own = {"product_id": number, "start": product.validity.start, "stop": product.validity.stop}
        connection.execute(_BOX, [own | box for box in footprint_boxes(product.footprint)])


def _may_return(connection: sa.Connection, known: Any, product: Product) -> bool:
    """Whether a product whose files went comes in again; under legal hold it does with the bytes that it had only."""
    if known.evicted_at is None or known.location == product.location:
        return False
    hold = t.legal_hold.c
    held = sa.select(hold.id).where(hold.product_id == known.id, hold.released_at.is_(None)).limit(1)
    return connection.execute(held).first() is None or _sums(product) == _held_sums(connection, known.id)


def _sums(product: Product) -> dict[str, str]:
    return {file.path: file.sha256 for file in product.files}


def _held_sums(connection: sa.Connection, number: int) -> dict[str, str]:
    query = sa.select(t.product_file.c.path, t.product_file.c.sha256).where(t.product_file.c.product_id == number)
    return {row.path: row.sha256 for row in connection.execute(query)}


def note_same(connection: sa.Connection, name: str, product: str) -> None:
    """Note that a product was made which holds the measurements of a held one; it gets no entry of its own."""
    known = connection.scalar(sa.select(t.same_product.c.name).where(t.same_product.c.name == name))
    if known is None:
        connection.execute(t.same_product.insert().values(name=name, product=product))


def held_names(connection: sa.Connection, names: Iterable[str]) -> dict[str, str]:
    """Under which name the catalogue holds what was made: its own, or that of an equal product; others are left out."""
    wanted = sorted(names)
    same = sa.select(t.same_product).where(t.same_product.c.name.in_(wanted))
    held = {row.name: row.product for row in connection.execute(same)}
    return held | {
        name: name for name in connection.scalars(sa.select(t.product.c.name).where(t.product.c.name.in_(wanted)))
    }


def _row(product: Product, now: datetime) -> dict[str, Any]:
    return {
        "uuid": product_uuid(product.name),
        "name": product.name,
        "type": product.type,
        "satellite": product.satellite,
        "start": product.validity.start,
        "stop": product.validity.stop,
        "generated": product.generation_time,
        "location": product.location,
        "size": product.size,
        "t0": product.t0,
        "timeliness": product.timeliness,
        "footprint": None if product.footprint is None else [list(point) for point in product.footprint.ring],
        "attributes": attributes_to_json(_told(product)),
        "datatake": _number(product, "datatakeID"),
        "orbit": _number(product, "orbitNumber"),
        "relative_orbit": _number(product, "relativeOrbitNumber"),
        "catalogued_at": now,
    }


def _number(product: Product, attribute: str) -> int | None:
    """A whole number that its column can hold."""
    value = product.attributes.get(attribute)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31 else None


def _told(product: Product) -> dict[str, AttributeValue]:
    """The attributes that users see: those of the product with the timeliness that the ground segment gave it."""
    timeliness = {} if product.timeliness is None else {"timeliness": str(product.timeliness)}
    return {**timeliness, **product.attributes}


def _widen_span(connection: sa.Connection, product: Product) -> None:
    """Keep the longest validity of the type, which bounds interval searches."""
    length = micros(product.validity.stop) - micros(product.validity.start)
    span = t.type_span
    known = connection.scalar(_SPAN, {"type": product.type})
    if known is None:
        connection.execute(span.insert().values(type=product.type, longest_us=length))
    elif known < length:
        connection.execute(span.update().where(span.c.type == product.type).values(longest_us=length))


def footprint_boxes(footprint: Footprint) -> list[dict[str, float]]:
    """The boxes (degrees) around the parts of a footprint on either side of the dateline."""
    from s1pdgs.model.globe import footprint_shape, parts_of  # noqa: PLC0415  slow to load, and late in an attempt

    return [_box(index, part.bounds) for index, part in enumerate(parts_of(footprint_shape(footprint.ring)))]


def _box(part: int, bounds: tuple[float, float, float, float]) -> dict[str, float]:
    west, south, east, north = bounds
    return {"part": part, "west": west, "south": south, "east": east, "north": north}


def attributes_to_json(attributes: Mapping[str, AttributeValue]) -> dict[str, list[Any]]:
    """Attributes as JSON: name -> [kind, value], kinds String, Integer, Double, Boolean and DateTimeOffset."""
    return {name: _attribute_to_json(value) for name, value in sorted(attributes.items())}


def _attribute_to_json(value: AttributeValue) -> list[Any]:
    match value:
        case bool():
            return ["Boolean", value]
        case int():
            return ["Integer", value]
        case float():
            return ["Double", value]
        case datetime():
            return ["DateTimeOffset", micros(value)]
        case _:
            return ["String", str(value)]


def attributes_from_json(stored: Mapping[str, list[Any]]) -> dict[str, AttributeValue]:
    """The inverse of `attributes_to_json`."""
    return {name: from_micros(value) if kind == "DateTimeOffset" else value for name, (kind, value) in stored.items()}
