"""What a wanted product can be made of: a product and what was made of it, a data take, or an area and a time.

Sources come in groups that a plan serves one by one: the data takes of an area.
"""

from collections.abc import Iterable
from datetime import datetime

import shapely
import sqlalchemy as sa
from attrs import frozen
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.query import Held, find, named
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import micros

MOST = 2000
"""Products that one wish may be made of."""
_MAX_WKT = 100_000
_BATCH = 500


class WantedError(ValueError):
    """What is wanted cannot be made; the message names it and what would help."""


def of_product(connection: sa.Connection, name: str) -> list[Held]:
    """A product, and all that was made of it here whose files are here."""
    start = find(connection, name)
    if start is None:
        raise WantedError(f"the catalogue has no product {name}; `s1pdgs products` lists what it has")
    reached, new = {name}, {name}
    while new:
        new = _made_of(connection, new) - reached
        reached |= new
        _not_too_many(len(reached), f"products were made of {name}; name a later product or a data take")
    return _here(named(connection, reached), name)


def of_datatake(connection: sa.Connection, datatake: int, satellite: str | None) -> list[Held]:
    """The products of a data take; of all satellites that have one of this number unless told."""
    product = catalogue.product.c
    query = sa.select(product.name).where(product.datatake == datatake).limit(MOST + 1)
    if satellite is not None:
        query = query.where(product.satellite == satellite)
    names = connection.scalars(query).all()
    what = f"data take {datatake:06X}" + (f" of {satellite}" if satellite else "")
    _not_too_many(len(names), f"products belong to {what}; name one of them")
    return _here(named(connection, names), what)


def in_area(
    connection: sa.Connection, types: Iterable[str], time: Interval, area: BaseGeometry | None, satellite: str | None
) -> list[list[Held]]:
    """Products of some types that were sensed within a time and whose footprints touch an area (None is anywhere), by
    data take.
    """
    product = catalogue.product.c
    names: list[str] = []
    for kind in sorted(set(types)):
        span = catalogue.type_span.c
        longest = connection.scalar(sa.select(span.longest_us).where(span.type == kind)) or 0
        query = sa.select(product.name).where(
            product.type == kind,
            product.start <= time.stop,
            sa.type_coerce(product.start, sa.BigInteger) >= micros(time.start) - longest,
            product.stop >= time.start,
            product.datatake.is_not(None),
            product.evicted_at.is_(None),
        )
        if satellite is not None:
            query = query.where(product.satellite == satellite)
        names.extend(connection.scalars(query.limit(MOST + 1)))
        _not_too_many(len(names), "products were sensed then; tell a shorter time or a satellite")
    groups: dict[tuple[str, int | None], list[Held]] = {}
    for held in named(connection, names):
        if area is None or touches(held.product.footprint, area):
            groups.setdefault((held.product.satellite, held.datatake), []).append(held)
    return list(groups.values())


@frozen
class Place:
    """Where a page of products ends: the start of its last one, and its number."""

    start: datetime
    number: int


def page_of_type(
    connection: sa.Connection, kind: str, time: Interval | None, after: Place | None, limit: int
) -> list[Held]:
    """Products of a type whose files are here and that begin within a time (None is any), by start: the first ones, or
    those after a place.
    """
    product, start = catalogue.product.c, sa.type_coerce(catalogue.product.c.start, sa.BigInteger)
    query = sa.select(product.name).where(product.type == kind, product.evicted_at.is_(None))
    if time is not None:
        query = query.where(start >= micros(time.start), start <= micros(time.stop))
    if after is not None:
        behind = sa.and_(start == micros(after.start), product.id > after.number)
        query = query.where(start >= micros(after.start), sa.or_(start > micros(after.start), behind))
    found = named(connection, connection.scalars(query.order_by(product.start, product.id).limit(limit)))
    return sorted(found, key=lambda held: (held.validity.start, held.id))


def parse_area(wkt: str) -> BaseGeometry:
    """An area in well-known text, longitudes and latitudes in degrees; `WantedError`."""
    try:
        shape = shapely.from_wkt(wkt) if len(wkt) <= _MAX_WKT else None
    except shapely.errors.ShapelyError as error:
        raise WantedError(f"area {wkt[:80]!r} is not well-known text: {error}") from None
    if shape is None or shape.is_empty:
        raise WantedError(f"area {wkt[:80]!r} is empty, or longer than the {_MAX_WKT} characters accepted")
    west, south, east, north = shape.bounds
    if not (west >= -360.0 and east <= 360.0 and south >= -90.0 and north <= 90.0):
        raise WantedError(f"area {wkt[:80]!r} is not in longitudes and latitudes in degrees")
    return shapely.make_valid(shape)


def touches(footprint: Footprint | None, area: BaseGeometry) -> bool:
    """True when a footprint shares a point with an area, on either side of the dateline. None touches nothing."""
    if footprint is None:
        return False
    ring = [footprint.ring[0]]
    for lon, lat in footprint.ring[1:]:
        ring.append((lon - 360.0 * round((lon - ring[-1][0]) / 360.0), lat))
    shape = shapely.Polygon(ring) if len(set(ring)) > 2 else shapely.LineString(ring)
    return any(shape.intersects(translate(area, turn)) for turn in (-720.0, -360.0, 0.0, 360.0, 720.0))


def _made_of(connection: sa.Connection, names: set[str]) -> set[str]:
    made: set[str] = set()
    ordered = sorted(names)
    for begin in range(0, len(ordered), _BATCH):
        query = (
            sa.select(jobs.job_output.c.product)
            .join(jobs.job_input, jobs.job_input.c.job_id == jobs.job_output.c.job_id)
            .where(jobs.job_input.c.product.in_(ordered[begin : begin + _BATCH]))
            .distinct()
            .limit(MOST + 1)
        )
        made |= set(connection.scalars(query))
    return made


def _here(found: list[Held], what: str) -> list[Held]:
    here = [held for held in found if held.evicted_at is None]
    if not here:
        kinds = {held.product.type for held in found}
        remedy = "`s1pdgs session again`" if kinds == {"SESSION"} else "`s1pdgs product restore NAME --files`"
        gone = f": its files were removed; {remedy} brings them back" if found else ""
        raise WantedError(f"nothing of {what} is here{gone}")
    return here


def _not_too_many(number: int, what: str) -> None:
    if number > MOST:
        raise WantedError(f"more than {MOST} {what}")
