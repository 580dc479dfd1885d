"""Orders on demand: placed, brought up to date as their wishes go, cancelled; whoever ordered is told of each status.

An order is a wish (`triggers.wanted`) with an identity for the outside. What exists as it is wanted is not made again:
the order is completed with it. While the same unit is made with other options the order stays queued without a wish, so
that neither changes what the other gets. An order is completed when its products can be downloaded.

Functions work in the caller's transaction.
"""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import evolve, field, frozen

from s1pdgs.bus import notices
from s1pdgs.bus.courier import Courier, NoticeError, check_url
from s1pdgs.catalogue.query import Held, find
from s1pdgs.model.time import Clock
from s1pdgs.publication.errors import ConflictError, QueryError, UnknownProductError
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.on_demand.asked import Demand
from s1pdgs.publication.on_demand.documents import notice_of
from s1pdgs.publication.on_demand.fates import OPEN, Fate, Status, fate_of
from s1pdgs.publication.on_demand.making import begin, change
from s1pdgs.publication.on_demand.tables import demand as table
from s1pdgs.publication.on_demand.workflows import PRODUCT_ORDER, Workflow
from s1pdgs.publication.predicate import checked_text
from s1pdgs.publication.search import find_name
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.sources import WantedError

_AT_ONCE = 50
_SUBJECT = "demand-"
_ENDINGS = ("", ".SAFE", ".zip", ".SAFE.zip")


@frozen
class Desk:
    """Where orders are taken: what may be ordered and what carries it out, where notices may go, and how products that
    are offline come back.
    """

    planner: Planner
    workflows: tuple[Workflow, ...]
    courier: Courier = field(factory=Courier)
    terms: Terms = field(factory=Terms)

    @property
    def clock(self) -> Clock:
        return self.planner.outbox.clock


@frozen
class Repeatable:
    """What tells that a request is a repetition: its identifier, and its content."""

    identifier: str
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def place(desk: Desk, connection: sa.Connection, wanted: Demand, repeatable: Repeatable | None = None) -> sa.Row[Any]:
    """Place an order, its row; the row of the first request for one that is repeated.

    Raises `QueryError`, `UnknownProductError` for a product that is not known, and `ConflictError` for an identifier of
    another request; nothing is placed then.
    """
    if repeatable is not None:
        known = connection.execute(sa.select(table).where(table.c.request_id == repeatable.identifier)).first()
        if known is not None and known.request_digest == repeatable.digest:
            return known
        if known is not None:
            raise ConflictError(f"Repeatability-Request-ID {repeatable.identifier} belongs to another request")
    _check_addresses(desk.courier, wanted.listener.urls)
    source = None if wanted.reference is None else _source(connection, wanted)
    if source is None and wanted.time is None:
        raise QueryError("a product, a time or both are wanted to make it of")
    number = _insert(connection, wanted, None if source is None else source.name, desk.clock.now(), repeatable)
    try:
        begin(desk.planner, connection, _row(connection, number), desk.terms)
    except WantedError as error:
        raise QueryError(str(error)) from None
    return _look(connection, _row(connection, number), desk.clock.now(), desk.terms)


def cancel(planner: Planner, connection: sa.Connection, row: sa.Row[Any]) -> sa.Row[Any]:
    """Give an order up with what only it caused; `ConflictError` when it has ended."""
    if row.status not in OPEN:
        raise ConflictError(
            f"order {row.uuid} is {row.status}; only one that is queued or in progress can be cancelled"
        )
    if row.wish_id is not None:
        wanted_wish.cancel(planner, connection, row.wish_id)
    fate = Fate(Status.CANCELLED, "cancelled by the one who ordered")
    return _become(connection, row, fate, planner.outbox.clock.now())


def advance(planner: Planner, connection: sa.Connection, terms: Terms) -> int:
    """Bring some open orders up to date, those first that were not looked at for longest; how many changed status."""
    now, changed = planner.outbox.clock.now(), 0
    query = sa.select(table).where(table.c.status.in_(OPEN)).order_by(table.c.looked_at, table.c.id).limit(_AT_ONCE)
    for row in connection.execute(query).all():
        if row.wish_id is None and not row.products:
            try:
                begin(planner, connection, row, terms)
            except WantedError as error:
                _become(connection, row, Fate(Status.FAILED, str(error)), now)
                changed += 1
                continue
        changed += _look(connection, _row(connection, row.id), now, terms).status != row.status
    has_ended = table.c.status.not_in(OPEN)
    notices.forget_told_logins(connection, table, _SUBJECT + table.c.uuid, has_ended, _AT_ONCE)
    return changed


def subject_of(row: sa.Row[Any]) -> str:
    """What notices of an order are about."""
    return f"{_SUBJECT}{row.uuid}"


def find_order(connection: sa.Connection, key: str) -> sa.Row[Any]:
    """The row of a public identifier; `UnknownProductError`."""
    row = connection.execute(sa.select(table).where(table.c.uuid == key.lower())).one_or_none()
    if row is None:
        raise UnknownProductError(f"there is no order {key[:100]!r}")
    return row


def _check_addresses(courier: Courier, urls: Mapping[str, str]) -> None:
    for url in set(urls.values()):
        try:
            check_url(courier, url)
        except NoticeError as error:
            raise QueryError(str(error)) from None


def _source(connection: sa.Connection, wanted: Demand) -> Held:
    """The product that an order refers to, by its name with or without its endings."""
    told = checked_text(wanted.reference or "")
    stem = told.removesuffix(".zip").removesuffix(".SAFE")
    found = next(filter(None, (find(connection, stem + ending) for ending in _ENDINGS)), None)
    if found is None:
        raise UnknownProductError(f"there is no product {told!r} here to make it of")
    if wanted.workflow is PRODUCT_ORDER:
        if find_name(connection, found.name) is None:
            raise UnknownProductError(f"{told!r} is not published")
        return found
    kind, workflow = found.product.type, wanted.workflow
    if kind not in workflow.inputs:
        takes = ", ".join(workflow.inputs)
        raise QueryError(f"{told} is a {kind}; workflow {workflow.name} takes {takes}")
    if wanted.time is not None and not wanted.time.intersects(found.validity):
        raise QueryError(f"{told} was not sensed at the time that is told")
    return found


def _insert(
    connection: sa.Connection, wanted: Demand, source: str | None, now: datetime, repeatable: Repeatable | None
) -> int:
    login = wanted.listener.login
    inserted = connection.execute(
        table.insert().values(
            uuid=str(uuid.uuid4()),
            workflow=wanted.workflow.name,
            workflow_id=wanted.workflow.id,
            reference=source,
            start=None if wanted.time is None else wanted.time.start,
            stop=None if wanted.time is None else wanted.time.stop,
            options=dict(wanted.options),
            parameters=dict(wanted.parameters),
            priority=wanted.priority,
            status=Status.QUEUED,
            message="",
            products=[],
            submitted_at=now,
            looked_at=now,
            told=wanted.listener.to_json(),
            login_id=None if login is None else notices.keep_login(connection, login),
            request_id=None if repeatable is None else repeatable.identifier,
            request_digest=None if repeatable is None else repeatable.digest,
        )
    )
    number: int = inserted.inserted_primary_key[0]  # type: ignore[index]
    return number


def _row(connection: sa.Connection, number: int) -> sa.Row[Any]:
    return connection.execute(sa.select(table).where(table.c.id == number)).one()


def _look(connection: sa.Connection, row: sa.Row[Any], now: datetime, terms: Terms) -> sa.Row[Any]:
    """Bring an order up to date."""
    return _become(connection, row, fate_of(connection, row, now, terms), now)


def _become(connection: sa.Connection, row: sa.Row[Any], fate: Fate, now: datetime) -> sa.Row[Any]:
    """Give an order its fate, and tell a new status; the new row."""
    fate = evolve(fate, products=fate.products or tuple(row.products))
    is_open = fate.status in OPEN
    values: dict[str, Any] = {
        "status": fate.status,
        "message": fate.message,
        "products": list(fate.products),
        "product_id": fate.product_id,
        "size": fate.size,
        "looked_at": now,
        "started_at": row.started_at or (None if fate.status in (Status.QUEUED, Status.CANCELLED) else now),
        "ended_at": None if is_open else now,
        "estimated_at": row.estimated_at if is_open else None,
    }
    change(connection, row, **values)
    new = _row(connection, row.id)
    urls = row.told["urls"]
    if new.status != row.status and new.status in urls:
        url, payload = urls[new.status], notice_of(connection, new)
        notices.post(connection, subject_of(row), url, payload, now, login=row.login_id, bare=True)
    return new
