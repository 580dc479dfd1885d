"""When the files and the zip of each product go, written into its rows: as it comes, and again when the rules change.

After a change of the rules nothing that was there goes before some time has passed, so that a wrong pattern can be
corrected. What was ordered stays for its time at least, and what is under legal hold for ever.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import AnyEvent, ProductCatalogued, ProductPublished, ProductRestored
from s1pdgs.bus.outbox import Subscriber
from s1pdgs.catalogue.lifecycle import held_among
from s1pdgs.catalogue.retention import Due, Retention
from s1pdgs.catalogue.tables import product
from s1pdgs.publication.lta.copying import Archive, request_copies
from s1pdgs.publication.lta.tables import retention_walk
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database

SUBSCRIBER = "retention"
_PAGE = 500
_WALK = 1


@frozen
class Policy:
    """What decides when something goes: the rules, how long after their change nothing does, and the archive."""

    retention: Retention
    notice: timedelta = timedelta(days=3)
    archive: Archive | None = None

    @property
    def fingerprint(self) -> str:
        """Tells whether products have to be looked at again."""
        kept = "" if self.archive is None else " ".join(pattern.pattern for pattern in self.archive.types)
        return f"{self.retention.fingerprint} {kept}".strip()


@frozen
class Plan:
    """What the rules say of the two forms of a product, and when they go with regard to orders and changes of the
    rules; None for never.
    """

    files: Due | None
    zip: Due | None
    files_at: datetime | None
    zip_at: datetime | None


def subscriber(policy: Policy) -> Subscriber:
    """The consumer of news of products that dates them, and asks for copies of what is archived."""

    def handle(connection: sa.Connection, event: AnyEvent) -> None:
        assert isinstance(event, ProductCatalogued | ProductPublished | ProductRestored)  # noqa: S101  those of `types`
        number = connection.scalar(sa.select(product.c.id).where(product.c.name == event.product))
        if number is not None:
            date(connection, policy, [number])
            request_copies(connection, policy.archive, [number])

    types = frozenset(kind.__name__ for kind in (ProductCatalogued, ProductPublished, ProductRestored))
    return Subscriber(SUBSCRIBER, types, handle)


def date(connection: sa.Connection, policy: Policy, numbers: Sequence[int]) -> int:
    """Write when some products go; how many rows changed."""
    rows = connection.execute(_DATED.where(product.c.id.in_(list(numbers)))).all()
    held, begun_at = held_among(connection, numbers), _begun_at(connection)
    files, zips = [], []
    for row in rows:
        plan = None if row.id in held else _plan(policy, row, begun_at)
        files_at, zip_at = (None, None) if plan is None else (plan.files_at, plan.zip_at)
        if row.evicted_at is None and files_at != row.evict_at:
            files.append({"number": row.id, "at": files_at})
        if row.published_at is not None and row.zip_evicted_at is None and zip_at != row.zip_evict_at:
            zips.append({"number": row.id, "at": zip_at})
    if files:
        connection.execute(_DATE_FILES, files)
    if zips:
        connection.execute(_DATE_ZIP, zips)
    return len(files) + len(zips)


def plan_of(connection: sa.Connection, policy: Policy, number: int) -> Plan:
    """When a product goes, legal holds aside."""
    row = connection.execute(_DATED.where(product.c.id == number)).one()
    return _plan(policy, row, _begun_at(connection))


def walk(database: Database, policy: Policy, now: datetime) -> bool:
    """Date the next of all products by rules that are new; False when all are dated."""
    with database.write() as connection:
        reached = _reached(connection, policy, now)
        if reached is None:
            return False
        query = sa.select(product.c.id).where(product.c.id > reached).order_by(product.c.id).limit(_PAGE)
        numbers = list(connection.scalars(query))
        date(connection, policy, numbers)
        request_copies(connection, policy.archive, numbers)
        done = {"reached": numbers[-1]} if numbers else {"ended_at": now}
        connection.execute(retention_walk.update().where(retention_walk.c.id == _WALK).values(**done))
    return bool(numbers)


def _reached(connection: sa.Connection, policy: Policy, now: datetime) -> int | None:
    """The product up to which all are dated by these rules; None when all are."""
    row = connection.execute(sa.select(retention_walk).where(retention_walk.c.id == _WALK)).one_or_none()
    if row is not None and row.rules == policy.fingerprint:
        return None if row.ended_at is not None else int(row.reached)
    fresh = {"rules": policy.fingerprint, "begun_at": now, "reached": 0, "ended_at": None}
    if row is None:
        connection.execute(retention_walk.insert().values(id=_WALK, **fresh))
    else:
        connection.execute(retention_walk.update().where(retention_walk.c.id == _WALK).values(**fresh))
    return 0


def _begun_at(connection: sa.Connection) -> datetime | None:
    begun: datetime | None = connection.scalar(sa.select(retention_walk.c.begun_at).where(retention_walk.c.id == _WALK))
    return begun


def _plan(policy: Policy, row: sa.Row[Any], begun_at: datetime | None) -> Plan:
    retention = policy.retention
    came_at = row.returned_at or row.catalogued_at
    files = retention.files_due(row.type, row.name, came_at, row.published_at)
    packed = None if row.published_at is None else retention.zip_due(row.type, row.name, row.published_at)

    def at(due: Due | None, came: datetime) -> datetime | None:
        if due is None:
            return None
        bounds = [due.at] if row.restored_until is None else [due.at, row.restored_until]
        if begun_at is not None and came < begun_at:
            bounds.append(begun_at + policy.notice)
        return max(bounds)

    return Plan(files, packed, at(files, came_at), at(packed, row.published_at or came_at))


_DATED: sa.Select[Any] = sa.select(
    product.c.id,
    product.c.type,
    product.c.name,
    product.c.catalogued_at,
    product.c.returned_at,
    product.c.evicted_at,
    product.c.evict_at,
    publication.c.published_at,
    publication.c.restored_until,
    publication.c.evicted_at.label("zip_evicted_at"),
    publication.c.evict_at.label("zip_evict_at"),
).select_from(product.outerjoin(publication, publication.c.product_id == product.c.id))
_AT = sa.bindparam("at", type_=product.c.evict_at.type)
_DATE_FILES = product.update().where(product.c.id == sa.bindparam("number")).values(evict_at=_AT)
_DATE_ZIP = publication.update().where(publication.c.product_id == sa.bindparam("number")).values(evict_at=_AT)
