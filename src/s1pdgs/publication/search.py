"""Published products: found one by one, counted, and read page by page."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely
import sqlalchemy as sa
from attrs import frozen
from shapely.geometry.base import BaseGeometry

from s1pdgs.catalogue.tables import product, type_span
from s1pdgs.model.globe import footprint_shape
from s1pdgs.publication.columns import ARCHIVE_SUFFIX, FIELDS, Columns
from s1pdgs.publication.dialects import Unordered, prepare_areas, prepare_patterns
from s1pdgs.publication.holdings import held
from s1pdgs.publication.limits import check_size
from s1pdgs.publication.paging import beyond, read_token, write_token
from s1pdgs.publication.places import conjuncts, earliest_end
from s1pdgs.publication.predicate import (
    KINDS,
    Constant,
    Every,
    Field,
    Kind,
    Membership,
    Predicate,
    Spatial,
    TextMatch,
    terms,
)
from s1pdgs.publication.sql import is_narrow, where
from s1pdgs.publication.tables import publication, published_type

MAX_SKIP = 10_000_000
MAX_ORDER_TERMS = 5
_NEVER = 2**62
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_PUBLISHING = {"PublicationDate", "ModificationDate"}


@frozen
class Published:
    """A published product: what the catalogue knows of it and the form in which it goes out, which goes at `evict_at`
    (None for never) and is offline since `evicted_at`; `is_orderable` tells whether it can be brought back.
    """

    id: int
    uuid: str
    name: str
    type: str
    satellite: str
    start: datetime
    stop: datetime
    generated: datetime
    t0: datetime
    timeliness: str | None
    ring: Sequence[Sequence[float]] | None
    area: bytes | None
    attributes: dict[str, list[Any]]
    evicted_at: datetime | None
    evict_at: datetime | None
    is_orderable: bool
    location: str
    size: int
    md5: str
    sha256: str
    quicklook: str | None
    published_at: datetime
    modified_at: datetime

    @property
    def shape(self) -> BaseGeometry | None:
        """The footprint on the globe."""
        if self.area is not None:
            return shapely.from_wkb(self.area)
        return None if self.ring is None else footprint_shape(self.ring)

    @property
    def archive_name(self) -> str:
        """The name under which the product goes out."""
        return self.name + ARCHIVE_SUFFIX

    @property
    def quicklook_name(self) -> str | None:
        """The name of the quicklook image."""
        return None if self.quicklook is None else self.quicklook.rsplit("/", 1)[-1]


@frozen
class Order:
    """A property to sort by."""

    field: str
    descending: bool = False


DEFAULT_ORDER = (Order("PublicationDate"),)


@frozen
class Page:
    """Some products in order; `after` is the token of the page that follows, None on the last one."""

    products: tuple[Published, ...]
    after: str | None


_COLUMNS = (
    product.c.id,
    product.c.uuid,
    product.c.name,
    product.c.type,
    product.c.satellite,
    product.c.start,
    product.c.stop,
    product.c.generated,
    product.c.t0,
    product.c.timeliness,
    product.c.footprint,
    product.c.attributes,
    product.c.evicted_at.label("files_evicted_at"),
    publication.c.evicted_at,
    publication.c.evict_at,
    publication.c.archived_at,
    publication.c.location,
    publication.c.size,
    publication.c.md5,
    publication.c.sha256,
    publication.c.quicklook,
    publication.c.published_at,
    publication.c.modified_at,
    publication.c.area,
)
_PUBLISHED = publication.c.published_at.is_not(None)  # as `state`, and the planner does not start from half the table
_JOIN = product.join(publication, publication.c.product_id == product.c.id)


def find(connection: sa.Connection, uuid: str) -> Published | None:
    """The published product of a public identifier."""
    return _one(connection, product.c.uuid == uuid)


def find_name(connection: sa.Connection, name: str) -> Published | None:
    """The published product of a catalogue name."""
    return _one(connection, product.c.name == name)


def find_many(connection: sa.Connection, uuids: Sequence[str], names: Sequence[str]) -> list[Published]:
    """The published products of some identifiers and catalogue names, in order of publication."""
    wanted = sa.or_(product.c.uuid.in_(uuids), product.c.name.in_(names))
    query = sa.select(*_COLUMNS).select_from(_JOIN).where(_PUBLISHED, wanted)
    return [_published(row) for row in connection.execute(query.order_by(publication.c.published_at, product.c.id))]


def count(connection: sa.Connection, predicate: Predicate) -> int:
    """How many published products a predicate holds for."""
    known = _counted(connection, predicate)
    if known is not None:
        return known
    query = sa.select(sa.func.count()).select_from(_JOIN).where(_PUBLISHED, condition(connection, predicate))
    return connection.scalar(query) or 0


def count_up_to(connection: sa.Connection, predicate: Predicate, most: int) -> int | None:
    """The same; None when they are more than `most` and are to be counted one by one."""
    known = _counted(connection, predicate)
    if known is not None:
        return known
    some = sa.select(product.c.id).select_from(_JOIN).where(_PUBLISHED, condition(connection, predicate))
    found = connection.scalar(sa.select(sa.func.count()).select_from(some.limit(most + 1).subquery())) or 0
    return None if found > most else found


def _counted(connection: sa.Connection, predicate: Predicate) -> int | None:
    """What is kept for all products and for types."""
    match predicate:
        case Constant(True) | Every(()):
            return held(connection)
        case Membership(Field("type"), options):
            return held(connection, [str(option.value) for option in options])
    return None


def search(
    connection: sa.Connection,
    predicate: Predicate,
    order: Sequence[Order] = DEFAULT_ORDER,
    *,
    limit: int = 100,
    skip: int = 0,
    after: str | None = None,
) -> Page:
    """A page of the published products that a predicate holds for.

    Equal products of the order follow their publication number. `after` is the token of the page before; it takes the
    place of `skip` and costs the same however deep the page lies. Which products they are is found out before anything
    else of them is read. Raises `QueryError` for a token that is not ours.
    """
    keys = [*_keys(order, predicate), publication.c.product_id]
    descending = [*(term.descending for term in order), order[0].descending]
    labels = [key.label(f"key_{index}") for index, key in enumerate(keys)]
    wanted = sa.select(*labels).select_from(_JOIN).where(_PUBLISHED, condition(connection, predicate))
    if after is not None:
        types = [str if KINDS[term.field] is Kind.STRING else int for term in order]
        wanted = wanted.where(beyond(keys, descending, read_token(after, [*types, int])))
    elif skip:
        wanted = wanted.offset(skip)
    found = wanted.order_by(*_directed(keys, descending)).limit(limit + 1).subquery("found")
    whole = _JOIN.join(found, found.c[labels[-1].name] == product.c.id)
    query = sa.select(*_COLUMNS, *found.c).select_from(whole)
    rows = connection.execute(query.order_by(*_directed(found.c, descending))).all()
    shown = rows[:limit]
    more = len(rows) > limit and shown
    return Page(tuple(map(_published, shown)), write_token(shown[-1][-len(keys) :]) if more else None)


def _directed(keys: Iterable[Any], descending: Sequence[bool]) -> list[Any]:
    return [key.desc() if down else key.asc() for key, down in zip(keys, descending, strict=True)]


def condition(connection: sa.Connection, predicate: Predicate, columns: Columns | None = None) -> Any:
    """The SQL condition of a predicate on a connection that was made ready for it; raises `QueryError`."""
    check_size(predicate)
    if any(isinstance(term, Spatial) for term in terms(predicate)):
        prepare_areas(connection)
    if any(isinstance(term, TextMatch) and term.how == "matches" for term in terms(predicate)):
        prepare_patterns(connection)
    found, ends = where(predicate, columns), earliest_end(predicate)
    if ends is None or columns is not None:
        return found
    return sa.and_(product.c.start >= _sensed_since(connection, predicate, ends), found)


def _sensed_since(connection: sa.Connection, predicate: Predicate, ends: datetime) -> datetime:
    """Since when what ends then may have been sensed: no product of its type is longer than the longest."""
    types: Any = sa.select(published_type.c.type)
    for part in conjuncts(predicate):
        if isinstance(part, Membership) and part.item == Field("type"):
            types = [str(option.value) for option in part.options]
    longest = connection.scalar(sa.select(sa.func.max(type_span.c.longest_us)).where(type_span.c.type.in_(types)))
    try:
        return ends - timedelta(microseconds=longest or 0)
    except OverflowError:
        return _EPOCH


def _one(connection: sa.Connection, condition: Any) -> Published | None:
    query = sa.select(*_COLUMNS).select_from(_JOIN).where(_PUBLISHED, condition)
    row = connection.execute(query).one_or_none()
    return None if row is None else _published(row)


def _published(row: Any) -> Published:
    return Published(
        id=row.id, uuid=row.uuid, name=row.name, type=row.type, satellite=row.satellite, start=row.start, stop=row.stop,
        generated=row.generated, t0=row.t0, timeliness=row.timeliness, ring=row.footprint, area=row.area,
        attributes=row.attributes, evicted_at=row.evicted_at, evict_at=row.evict_at,
        is_orderable=row.archived_at is not None or row.files_evicted_at is None,
        location=row.location, size=row.size, md5=row.md5, sha256=row.sha256,
        quicklook=row.quicklook, published_at=row.published_at, modified_at=row.modified_at,
    )  # fmt: skip


def _keys(order: Sequence[Order], predicate: Predicate) -> list[Any]:
    """What is sorted by. Products of one time or of one beginning of a name are published one after the other: to look
    for some of them from the first publication on would be to look at nearly all.
    """
    keys = [_key(term) for term in order]
    return [Unordered(keys[0]), *keys[1:]] if order[0].field in _PUBLISHING and is_narrow(predicate) else keys


def _key(term: Order) -> Any:
    """What is sorted by: never null, times as microseconds."""
    if term.field == "Name":
        return product.c.name
    if term.field == "EvictionDate":
        return sa.func.coalesce(sa.type_coerce(FIELDS[term.field], sa.BigInteger), _NEVER, type_=sa.BigInteger())
    match KINDS[term.field]:
        case Kind.TIME:
            return sa.type_coerce(FIELDS[term.field], sa.BigInteger)
        case Kind.BOOLEAN:
            return sa.case((FIELDS[term.field], 1), else_=0)
        case _:
            return FIELDS[term.field]
