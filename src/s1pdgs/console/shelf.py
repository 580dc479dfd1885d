"""What stands in the catalogue and in publication: rows of products, and one product with where it comes from."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import Held, find
from s1pdgs.catalogue.tables import product, product_file
from s1pdgs.jobs.listing import inputs_of, makers_of, outputs_of, users_of
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication.publisher import QUICKLOOK
from s1pdgs.publication.tables import publication

PUBLISHED, PENDING, FAILED = "published", "pending", "failed"
_RECENT = 50
_MANY = 50


@frozen
class ProductRow:
    """A product as a line of the list; `state` is that of its publication, None for what stays inside.

    `evicted_at` and `evict_at` are those of its zip, of what was not published those of its files.
    """

    uuid: str
    name: str
    type: str
    size: int
    start: datetime
    stop: datetime
    t0: datetime
    timeliness: str | None
    ring: Sequence[Sequence[float]] | None
    catalogued_at: datetime
    evicted_at: datetime | None
    evict_at: datetime | None
    state: str | None
    published_at: datetime | None
    reason: str | None
    has_quicklook: bool

    @property
    def sensing(self) -> timedelta:
        return self.stop - self.start

    @property
    def delay(self) -> timedelta | None:
        """From t0 to publication."""
        return None if self.published_at is None else self.published_at - self.t0

    def is_late(self, now: datetime) -> bool:
        """Whether it went out, or still waits to go out, after it was due."""
        if self.timeliness is None or self.state is None:
            return False
        return (self.published_at or now) - self.t0 > Timeliness(self.timeliness).due_after


@frozen
class Outgoing:
    """What stands in publication: counts, the newest, and the delays t0 -> publication of the last ones."""

    published: int
    pending: int
    failed: int
    newest: ProductRow | None
    median_delay_s: float | None
    longest_delay_s: float | None
    measured: int


@frozen
class Origin:
    """A job in the ancestry of a product, and what it read or made."""

    job: int
    products: tuple[str, ...]


@frozen
class ProductView:
    """A product with everything that its page shows."""

    held: Held
    row: ProductRow
    makers: tuple[Origin, ...]
    users: tuple[Origin, ...]


_COLUMNS = (
    product.c.id,
    product.c.uuid,
    product.c.name,
    product.c.type,
    product.c.size,
    product.c.start,
    product.c.stop,
    product.c.t0,
    product.c.timeliness,
    product.c.footprint,
    product.c.catalogued_at,
    sa.case((publication.c.published_at.is_not(None), publication.c.evicted_at), else_=product.c.evicted_at).label(
        "evicted_at"
    ),
    sa.case((publication.c.published_at.is_not(None), publication.c.evict_at), else_=product.c.evict_at).label(
        "evict_at"
    ),
    publication.c.state,
    publication.c.published_at,
    publication.c.reason,
)
_JOIN = product.outerjoin(publication, publication.c.product_id == product.c.id)


def count_types(connection: sa.Connection) -> list[tuple[str, int]]:
    """How many products of each type are held, by type."""
    query = sa.select(product.c.type, sa.func.count()).group_by(product.c.type).order_by(product.c.type)
    return [(row[0], row[1]) for row in connection.execute(query)]


def newest_products(
    connection: sa.Connection, limit: int, *, show: str = "all", kind: str | None = None
) -> list[ProductRow]:
    """Products catalogued last: all, those `published` (or on their way out), or those that stay `internal`."""
    query = sa.select(*_COLUMNS).select_from(_JOIN).order_by(product.c.id.desc()).limit(limit)
    if show == "published":
        query = query.where(publication.c.product_id.is_not(None))
    elif show == "internal":
        query = query.where(publication.c.product_id.is_(None))
    if kind is not None:
        query = query.where(product.c.type == kind)
    return _rows(connection, query)


def outgoing(connection: sa.Connection) -> Outgoing:
    """What stands in publication."""
    by_state = sa.select(publication.c.state, sa.func.count()).group_by(publication.c.state)
    counts = {row[0]: row[1] for row in connection.execute(by_state)}
    last = (
        sa.select(*_COLUMNS)
        .select_from(product.join(publication, publication.c.product_id == product.c.id))
        .where(publication.c.state == PUBLISHED)
        .order_by(publication.c.published_at.desc(), publication.c.product_id.desc())
    )
    recent = _rows(connection, last.limit(_RECENT))
    delays_s = [row.delay.total_seconds() for row in recent if row.delay is not None]
    return Outgoing(
        published=counts.get(PUBLISHED, 0),
        pending=counts.get(PENDING, 0),
        failed=counts.get(FAILED, 0),
        newest=recent[0] if recent else None,
        median_delay_s=median(delays_s) if delays_s else None,
        longest_delay_s=max(delays_s, default=None),
        measured=len(delays_s),
    )


def late_publications(connection: sa.Connection, now: datetime) -> int:
    """How many products still wait to go out after they were due."""
    overdue = [
        sa.and_(product.c.timeliness == category, product.c.t0 < now - category.due_after) for category in Timeliness
    ]
    query = (
        sa.select(sa.func.count())
        .select_from(product.join(publication, publication.c.product_id == product.c.id))
        .where(publication.c.state.in_([PENDING, FAILED]), sa.or_(*overdue))
    )
    return connection.scalar(query) or 0


def find_by_uuid(connection: sa.Connection, uuid: str) -> Held | None:
    """The product of a public identifier."""
    name = connection.scalar(sa.select(product.c.name).where(product.c.uuid == uuid))
    return None if name is None else find(connection, name)


def quicklook_key(connection: sa.Connection, held: Held) -> str:
    """The object of a product's quicklook: the published one stays when files and zip go."""
    published = sa.select(publication.c.quicklook).where(publication.c.product_id == held.id)
    key: str | None = connection.scalar(published)
    return key or f"{held.product.location}/{QUICKLOOK}"


def view_product(connection: sa.Connection, uuid: str) -> ProductView | None:
    """The product of a public identifier with its origin and its use."""
    found = _rows(connection, sa.select(*_COLUMNS).select_from(_JOIN).where(product.c.uuid == uuid))
    held = find(connection, found[0].name) if found else None
    if held is None:
        return None
    makers = [Origin(job, tuple(inputs_of(connection, job))) for job in makers_of(connection, held.name, _MANY)]
    users = [Origin(job, tuple(outputs_of(connection, job))) for job in users_of(connection, held.name, _MANY)]
    return ProductView(held, found[0], tuple(makers), tuple(users))


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[ProductRow]:
    rows = connection.execute(query).all()
    pictured = _with_quicklook(connection, [row.id for row in rows])
    return [
        ProductRow(
            uuid=row.uuid,
            name=row.name,
            type=row.type,
            size=row.size,
            start=row.start,
            stop=row.stop,
            t0=row.t0,
            timeliness=row.timeliness,
            ring=row.footprint,
            catalogued_at=row.catalogued_at,
            evicted_at=row.evicted_at,
            evict_at=row.evict_at,
            state=row.state,
            published_at=row.published_at,
            reason=row.reason,
            has_quicklook=row.id in pictured and (row.published_at is not None or row.evicted_at is None),
        )
        for row in rows
    ]


def _with_quicklook(connection: sa.Connection, identifiers: list[int]) -> set[int]:
    query = sa.select(product_file.c.product_id).where(
        product_file.c.product_id.in_(identifiers), product_file.c.path == QUICKLOOK
    )
    return set(connection.scalars(query))
