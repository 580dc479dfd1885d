"""What is published of each type: times, places and what is told of its products, kept as products go out.

A catalogue of millions of products answers for its types without reading them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import shapely
import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.tables import product
from s1pdgs.publication.tables import publication, published_type

Box = tuple[float, float, float, float]
_TOLD = ("operationalMode", "polarisationChannels", "processingLevel", "orbitDirection", "processingCenter")
_MAX_VALUES = 100


@frozen
class Span:
    """What a type of published products covers: times, and west, south, east, north in degrees where known.

    `values` are those that its products have: `satellite`, `timeliness` and the attributes that tell kinds apart.
    """

    type: str
    start: datetime
    stop: datetime
    held: int
    box: Box | None
    values: Mapping[str, list[str]]


def note(connection: sa.Connection, number: int) -> None:
    """Count a product that has just been published in what is told of its type."""
    told = sa.select(
        product.c.type, product.c.satellite, product.c.start, product.c.stop, product.c.timeliness,
        product.c.attributes, publication.c.area,
    )  # fmt: skip
    row = connection.execute(told.join(publication).where(product.c.id == number)).one()
    known = connection.execute(sa.select(published_type).where(published_type.c.type == row.type)).one_or_none()
    values = {"satellite": row.satellite, "timeliness": row.timeliness}
    values |= {name: row.attributes[name][1] for name in _TOLD if name in row.attributes}
    bounds = None if row.area is None else shapely.from_wkb(row.area).bounds
    if known is None:
        whole = Span(row.type, row.start, row.stop, 1, bounds, _widened({}, values))
        connection.execute(published_type.insert().values(**_columns(whole)))
        return
    before = _span(known)
    whole = Span(
        row.type, min(row.start, before.start), max(row.stop, before.stop), before.held + 1,
        _around(before.box, bounds), _widened(before.values, values),
    )  # fmt: skip
    connection.execute(published_type.update().where(published_type.c.type == row.type).values(**_columns(whole)))


def forget(connection: sa.Connection, kind: str) -> None:
    """Count a product of a type no more; what its type covers stays."""
    less = published_type.update().where(published_type.c.type == kind, published_type.c.held > 0)
    connection.execute(less.values(held=published_type.c.held - 1))


def spans(connection: sa.Connection, only: str | None = None) -> list[Span]:
    """What each type of published products covers, by type."""
    query = sa.select(published_type).order_by(published_type.c.type)
    chosen = query if only is None else query.where(published_type.c.type == only)
    return [_span(row) for row in connection.execute(chosen)]


def held(connection: sa.Connection, only: Sequence[str] | None = None) -> int:
    """How many products were published, of all types or of some."""
    query = sa.select(sa.func.sum(published_type.c.held))
    return int(connection.scalar(query if only is None else query.where(published_type.c.type.in_(only))) or 0)


def types(connection: sa.Connection) -> list[str]:
    """The types of which something is published."""
    return list(connection.scalars(sa.select(published_type.c.type).order_by(published_type.c.type)))


def _span(row: Any) -> Span:
    box = None if row.west is None else (row.west, row.south, row.east, row.north)
    return Span(row.type, row.start, row.stop, row.held, box, row.told)


def _columns(span: Span) -> dict[str, Any]:
    west, south, east, north = (None,) * 4 if span.box is None else span.box
    return {
        "type": span.type, "start": span.start, "stop": span.stop, "held": span.held, "west": west, "south": south,
        "east": east, "north": north, "told": dict(span.values),
    }  # fmt: skip


def _around(one: Box | None, other: Box | None) -> Box | None:
    if one is None or other is None:
        return one or other
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _widened(before: Mapping[str, list[str]], values: Mapping[str, Any]) -> dict[str, list[str]]:
    known = dict(before)
    for name, value in values.items():
        if value is not None and len(known.get(name, [])) < _MAX_VALUES:
            known[name] = sorted({*known.get(name, []), str(value)})
    return known
