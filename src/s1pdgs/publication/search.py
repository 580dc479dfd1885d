"""Published products: found one by one, counted, and read page by page."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely
import sqlalchemy as sa
from attrs import frozen
from shapely.geometry.base import BaseGeometry
from sqlalchemy.sql import visitors

from s1pdgs.catalogue.tables import product, type_span
from s1pdgs.model.globe import footprint_shape
from s1pdgs.publication.columns import ARCHIVE_SUFFIX, FIELDS, Columns
from s1pdgs.publication.dialects import Unordered, prepare_areas, prepare_patterns
from s1pdgs.publication.holdings import held
from s1pdgs.publication.limits import check_size
from s1pdgs.publication.paging import beyond, read_token, write_token
from s1pdgs.publication.places import EVER, conjuncts, earliest_end, is_near_in_time, lies
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
_NULL = -(2**62)
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_PUBLISHING = {"PublicationDate", "ModificationDate"}


@frozen
class Published:
    """A published product: what the catalogue knows of it and the form in which it goes out, which goes at `evict_at`
    (None for never) and is offline since `evicted_at`. The fields are `_COLUMNS`.
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
    attributes: dict[str, list[Any]]
    files_evicted_at: datetime | None
    evicted_at: datetime | None
    evict_at: datetime | None
    archived_at: datetime | None
    location: str
    size: int
    md5: str
    sha256: str
    quicklook: str | None
    published_at: datetime
    modified_at: datetime
    area: bytes | None

    @property
    def is_orderable(self) -> bool:
        """Whether it can be brought back: from the archive, or from its files."""
        return self.archived_at is not None or self.files_evicted_at is None

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
    """Some products in order; `after` is the token of the page that follows, None on the last one. `matched` is how
    many there are on all pages, when that was asked for.
    """

    products: tuple[Published, ...]
    after: str | None
    matched: int | None = None


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
_PUBLISHED = product.c.published_at.is_not(None)
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
    return [_published(row) for row in connection.execute(query.order_by(product.c.published_at, product.c.id))]


def count(connection: sa.Connection, predicate: Predicate) -> int:
    """How many published products a predicate holds for."""
    known = _counted(connection, predicate)
    return _count(connection, condition(connection, predicate)) if known is None else known


def _count(connection: sa.Connection, wanted: Any, most: int | None = None) -> int:
    """How many products a condition holds for; no more than one more than `most` are counted."""
    query = sa.select(product.c.id).select_from(_source(wanted)).where(_PUBLISHED, wanted)
    if most is None:
        return connection.scalar(query.with_only_columns(sa.func.count())) or 0
    return connection.scalar(sa.select(sa.func.count()).select_from(query.limit(most + 1).subquery())) or 0


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
    count_to: int | None = 0,
) -> Page:
    """A page of the published products that a predicate holds for.

    Equal products of the order follow their publication number. `after` is the token of the page before; it takes the
    place of `skip` and costs the same however deep the page lies. Which products they are is found out before anything
    else of them is read. With `count_to` the page tells how many match when they are no more than so many, or without
    a bound for None; 0 leaves it out. Raises `QueryError` for a token that is not ours.
    """
    late = _tested_late(connection, predicate)
    wanted = condition(connection, predicate) if late is None else condition(connection, late.others) & late.near
    keys = _keys(order, predicate)
    descending = [*(term.descending for term in order), order[0].descending]
    labels = [key.label(f"key_{index}") for index, key in enumerate(keys)]
    query = sa.select(*labels).select_from(_source(wanted, *keys)).where(_PUBLISHED, wanted)
    if after is not None:
        types = [str if KINDS[term.field] is Kind.STRING else int for term in order]
        query = query.where(beyond(keys, descending, read_token(after, [*types, int])))
    query = query.order_by(*_directed(keys, descending))
    if late is not None:
        query = _passing(query, late.test, descending)
    found = query.offset(skip if after is None and skip else None).limit(limit + 1).subquery("found")
    whole = _JOIN.join(found, found.c[labels[-1].name] == product.c.id)
    rows = connection.execute(
        sa.select(*_COLUMNS, *found.c).select_from(whole).order_by(*_directed(found.c, descending))
    ).all()
    shown = tuple(map(_published, rows[:limit]))
    token = write_token(rows[limit - 1][-len(keys) :]) if len(rows) > limit > 0 else None
    if count_to == 0:
        return Page(shown, token)
    if after is None and not skip and len(rows) <= limit:
        return Page(shown, token, len(shown))
    return Page(shown, token, _matched(connection, predicate, count_to))


@frozen
class _Late:
    """A search by area and time whose exact test comes last: `near` tells the few that it is asked of."""

    near: Any
    test: Any
    others: Predicate


def _tested_late(connection: sa.Connection, predicate: Predicate) -> _Late | None:
    """How PostGIS finds a page sooner: those near in order, tested until the page is full. None where it is not so."""
    if connection.dialect.name == "sqlite":
        return None
    parts = tuple(conjuncts(predicate))
    window = EVER.narrowed(parts)
    for place, part in enumerate(parts):
        if isinstance(part, Spatial) and part.relation != "disjoint":
            near = is_near_in_time(part, window)
            if near is not None:
                check_size(predicate)
                prepare_areas(connection)
                return _Late(near, lies(part), Every(parts[:place] + parts[place + 1 :]))
    return None


def _passing(query: sa.Select[Any], test: Any, descending: Sequence[bool]) -> sa.Select[Any]:
    """The rows of keys, in their order, whose product passes a test of its publication."""
    near = query.offset(0).subquery("near")  # by itself, so that the test comes behind it
    *_, number = near.c
    whole = publication.join(near, publication.c.product_id == number)
    tested = sa.select(*near.c).select_from(whole).where(publication.c.area.is_not(None), test)
    return tested.order_by(*_directed(near.c, descending))


def _matched(connection: sa.Connection, predicate: Predicate, most: int | None) -> int | None:
    known = _counted(connection, predicate)
    if known is not None:
        return known
    found = _count(connection, condition(connection, predicate), most)
    return None if most is not None and found > most else found


def _source(*parts: Any) -> Any:
    """What conditions and keys are about: products alone where nothing is said of how they went out."""
    named = (node for part in parts for node in visitors.iterate(part))
    return _JOIN if any(getattr(node, "table", None) is publication for node in named) else product


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
    """A row that begins with `_COLUMNS`."""
    return Published(*row[: len(_COLUMNS)])


def _keys(order: Sequence[Order], predicate: Predicate) -> list[Any]:
    """What is sorted by. Products of one time or of one beginning of a name are published one after the other: to look
    for some of them from the first publication on would be to look at nearly all.
    """
    first, *others = [_key(term) for term in order]
    number = publication.c.product_id if order[0].field == "ModificationDate" else product.c.id  # as its index has it
    narrow = order[0].field in _PUBLISHING and is_narrow(predicate)
    return [Unordered(first) if narrow else first, *others, number]


def _key(term: Order) -> Any:
    """What is sorted by: never null, times as microseconds; nulls come first (OData 4.01 part 2, section 5.1.5)."""
    if term.field == "Name":
        return product.c.name
    if term.field == "EvictionDate":
        return sa.func.coalesce(sa.type_coerce(FIELDS[term.field], sa.BigInteger), _NULL, type_=sa.BigInteger())
    match KINDS[term.field]:
        case Kind.TIME:
            return sa.type_coerce(FIELDS[term.field], sa.BigInteger)
        case Kind.BOOLEAN:
            return sa.case((FIELDS[term.field], 1), else_=0)
        case _:
            return FIELDS[term.field]
