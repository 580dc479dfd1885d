"""Published products: found one by one, counted, and read page by page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.tables import product
from s1pdgs.publication.dialects import Unordered, prepare_areas, prepare_patterns
from s1pdgs.publication.holdings import held
from s1pdgs.publication.limits import check_size
from s1pdgs.publication.paging import beyond, read_token, write_token
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
from s1pdgs.publication.sql import ARCHIVE_SUFFIX, FIELDS, Columns, is_narrow, where
from s1pdgs.publication.tables import publication

MAX_SKIP = 10_000_000
MAX_ORDER_TERMS = 5
_NEVER = 2**62
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
    place of `skip` and costs the same however deep the page lies. Raises `QueryError` for a token that is not ours.
    """
    keys = _keys(order, predicate)
    labels = [key.label(f"key_{index}") for index, key in enumerate(keys)]
    number = publication.c.product_id
    descending = [term.descending for term in order]
    query = sa.select(*_COLUMNS, *labels).select_from(_JOIN).where(_PUBLISHED, condition(connection, predicate))
    if after is None:
        query = query.offset(skip) if skip else query
    else:
        types = [str if KINDS[term.field] is Kind.STRING else int for term in order]
        bound = read_token(after, [*types, int])
        query = query.where(beyond([*keys, number], [*descending, descending[0]], bound))
    directions = [key.desc() if down else key.asc() for key, down in zip(keys, descending, strict=True)]
    query = query.order_by(*directions, number.desc() if descending[0] else number.asc())
    rows = connection.execute(query.limit(limit + 1)).all()
    shown = rows[:limit]
    more = len(rows) > limit and shown
    return Page(
        tuple(_published(row) for row in shown), write_token([*shown[-1][-len(keys) :], shown[-1].id]) if more else None
    )


def condition(connection: sa.Connection, predicate: Predicate, columns: Columns | None = None) -> Any:
    """The SQL condition of a predicate on a connection that was made ready for it; raises `QueryError`."""
    check_size(predicate)
    if any(isinstance(term, Spatial) for term in terms(predicate)):
        prepare_areas(connection)
    if any(isinstance(term, TextMatch) and term.how == "matches" for term in terms(predicate)):
        prepare_patterns(connection)
    return where(predicate, columns)


def _one(connection: sa.Connection, condition: Any) -> Published | None:
    query = sa.select(*_COLUMNS).select_from(_JOIN).where(_PUBLISHED, condition)
    row = connection.execute(query).one_or_none()
    return None if row is None else _published(row)


def _published(row: Any) -> Published:
    return Published(
        id=row.id, uuid=row.uuid, name=row.name, type=row.type, satellite=row.satellite, start=row.start, stop=row.stop,
        generated=row.generated, t0=row.t0, timeliness=row.timeliness, ring=row.footprint, attributes=row.attributes,
        evicted_at=row.evicted_at, evict_at=row.evict_at,
        is_orderable=row.archived_at is not None or row.files_evicted_at is None,
        location=row.location, size=row.size, md5=row.md5, sha256=row.sha256,
        quicklook=row.quicklook, published_at=row.published_at,
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
