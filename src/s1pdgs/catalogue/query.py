"""What the catalogue holds: by name, by type and time, and as candidates for an input."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen

from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import attributes_from_json
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.model.time import micros
from s1pdgs.model.timeliness import Timeliness

ANY_SATELLITE = "S1_"
_AS_OF = "s1pdgs_as_of"

# Statements that are asked for every product are made once: to make one costs more than the database takes to answer.
_NAMED = sa.select(t.product).where(t.product.c.name == sa.bindparam("name"))
_FILES = (
    sa.select(t.product_file)
    .where(t.product_file.c.product_id.in_(sa.bindparam("products", expanding=True)))
    .order_by(t.product_file.c.product_id, t.product_file.c.path)
)
_LONGEST = (
    sa.select(t.type_span.c.type, t.type_span.c.longest_us)
    .where(t.type_span.c.type.in_(sa.bindparam("types", expanding=True)))
    .order_by(t.type_span.c.type)
)


@frozen
class Held:
    """A product with what the catalogue added to it: since when its files are gone, and since when its zip is too;
    and when files that had gone came in again.
    """

    id: int
    uuid: str
    product: Product
    datatake: int | None
    catalogued_at: datetime
    evicted_at: datetime | None
    gone_at: datetime | None = None
    returned_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.product.name

    @property
    def validity(self) -> Interval:
        return self.product.validity

    @property
    def generation_time(self) -> datetime:
        return self.product.generation_time


@contextmanager
def as_of(connection: sa.Connection, moment: datetime | None) -> Iterator[None]:
    """Within the block `candidates` and `of_datatake` see the catalogue as it was at a moment; None is now."""
    connection.execution_options(**{_AS_OF: moment})
    try:
        yield
    finally:
        connection.execution_options(**{_AS_OF: None})


def find(connection: sa.Connection, name: str) -> Held | None:
    """The product of a name."""
    return next(iter(with_files(connection, load_without_files(connection, _NAMED, {"name": name}))), None)


def candidates(
    connection: sa.Connection, types: Iterable[str], satellite: str, window: Interval | None = None
) -> list[Held]:
    """Products of some types, of a satellite or of the whole mission, whose bytes are here and, with a window, that
    share time with it (ends that touch included).

    The search is bounded by the longest validity of each type, so it reads an index range only.
    """
    found: list[Held] = []
    for kind, length_us in longest(connection, types).items():
        query = sa.select(t.product).where(
            t.product.c.type == kind,
            t.product.c.satellite.in_([satellite, ANY_SATELLITE]),
            *here(looked_at(connection)),
        )
        if window is not None:
            query = query.where(
                t.product.c.start <= window.stop,
                t.product.c.stop >= window.start,
                sa.type_coerce(t.product.c.start, sa.BigInteger) >= micros(window.start) - length_us,
                sa.type_coerce(t.product.c.stop, sa.BigInteger) <= micros(window.stop) + length_us,
            )
        found.extend(load(connection, query))
    return found


def longest(connection: sa.Connection, types: Iterable[str]) -> dict[str, int]:
    """The longest validity (microseconds) of each of some types that the catalogue has, in order of their names."""
    return {row.type: row.longest_us for row in connection.execute(_LONGEST, {"types": sorted(set(types))})}


def of_datatake(connection: sa.Connection, satellite: str, datatake: int, types: Iterable[str]) -> list[Held]:
    """Products of some types that belong to a datatake, in order of start and name."""
    moment = looked_at(connection)
    values = {"datatake": datatake, "types": sorted(types), "moment": moment}
    found = load_without_files(connection, _of_datatake(now=moment is None), values)
    ours = [held for held in found if held.product.satellite == satellite]
    return with_files(connection, sorted(ours, key=lambda held: (held.validity.start, held.name)))


@cache
def _of_datatake(*, now: bool) -> sa.Select[Any]:
    """Neither satellite nor order are asked for: SQLite would rather read all of a type and satellite in that order."""
    product = t.product.c
    return sa.select(t.product).where(
        product.datatake == sa.bindparam("datatake"),
        product.type.in_(sa.bindparam("types", expanding=True)),
        *here(None if now else sa.bindparam("moment", type_=product.catalogued_at.type)),
    )


def newest(connection: sa.Connection, limit: int, types: Sequence[str] = ()) -> list[Held]:
    """The products catalogued last, newest first."""
    query = sa.select(t.product).order_by(t.product.c.id.desc()).limit(limit)
    if types:
        query = query.where(t.product.c.type.in_(types))
    return load(connection, query)


def named(connection: sa.Connection, names: Iterable[str]) -> list[Held]:
    """The products of some names, in order of start and name; unknown names are left out."""
    wanted, found = sorted(set(names)), []
    for begin in range(0, len(wanted), 500):
        found.extend(load(connection, sa.select(t.product).where(t.product.c.name.in_(wanted[begin : begin + 500]))))
    return sorted(found, key=lambda held: (held.validity.start, held.name))


def near(connection: sa.Connection, types: Iterable[str], moment: datetime, count: int) -> list[Held]:
    """Products of some types, of any satellite and whether their bytes are here or not, that begin next to a moment:
    for each type at most `count` before and as many after it.
    """
    found: list[Held] = []
    start = t.product.c.start
    for kind in sorted(set(types)):
        of_type = sa.select(t.product).where(t.product.c.type == kind).limit(count)
        found.extend(load(connection, of_type.where(start <= moment).order_by(start.desc(), t.product.c.id.desc())))
        found.extend(load(connection, of_type.where(start > moment).order_by(start, t.product.c.id)))
    return found


def here(moment: datetime | sa.BindParameter[datetime] | None) -> tuple[sa.ColumnElement[bool], ...]:
    """What makes a product one whose bytes are here, or were at a moment."""
    evicted = t.product.c.evicted_at
    if moment is None:
        return (evicted.is_(None),)
    return t.product.c.catalogued_at <= moment, sa.or_(evicted.is_(None), evicted > moment)


def looked_at(connection: sa.Connection) -> datetime | None:
    """The moment of `as_of`, None for now."""
    moment: datetime | None = connection.get_execution_options().get(_AS_OF)
    return moment


def load(connection: sa.Connection, query: sa.Select[Any]) -> list[Held]:
    """The products that a query of rows of `product` finds, with their files."""
    return with_files(connection, load_without_files(connection, query))


def load_without_files(
    connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any] | None = None
) -> list[Held]:
    """The products that a query of rows of `product` finds, told everything but their files."""
    return [from_row(row) for row in connection.execute(query, values)]


def with_files(connection: sa.Connection, products: Sequence[Held]) -> list[Held]:
    """Products with their files, in order of paths."""
    files = _files(connection, [held.id for held in products])
    return [evolve(held, product=evolve(held.product, files=files.get(held.id, ()))) for held in products]


def _files(connection: sa.Connection, identifiers: list[int]) -> dict[int, tuple[StoredFile, ...]]:
    grouped: dict[int, tuple[StoredFile, ...]] = {}
    for begin in range(0, len(identifiers), 500):
        for row in connection.execute(_FILES, {"products": identifiers[begin : begin + 500]}):
            stored = StoredFile(row.path, row.size, row.md5, row.sha256)
            grouped[row.product_id] = (*grouped.get(row.product_id, ()), stored)
    return grouped


def from_row(row: sa.Row[Any]) -> Held:
    """The product of a row, without its files."""
    product = Product(
        name=row.name,
        type=row.type,
        satellite=row.satellite,
        validity=Interval(row.start, row.stop),
        generation_time=row.generated,
        location=row.location,
        files=(),
        t0=row.t0,
        timeliness=None if row.timeliness is None else Timeliness(row.timeliness),
        footprint=None if row.footprint is None else Footprint(tuple((x, y) for x, y in row.footprint)),
        attributes=attributes_from_json(row.attributes),
    )
    return Held(
        row.id, row.uuid, product, row.datatake, row.catalogued_at, row.evicted_at, row.gone_at, row.returned_at
    )


def covered(parts: Iterable[Interval], whole: Interval, tolerance: timedelta = timedelta(0)) -> bool:
    """True when the parts leave no gap longer than the tolerance in the whole."""
    reached = whole.start
    for part in sorted(parts):
        if part.start > reached + tolerance:
            return False
        reached = max(reached, part.stop)
    return reached + tolerance >= whole.stop
