"""Orders of what is offline, as OData: `POST Products(<id>)/OData.CSC.Order` and the entity set `Orders` (peers.md,
section 3.6; ESA-EOPG-EOPGC-IF-2).

Everybody who reaches the service may look; ordering and cancelling asks for an operator. Replies hold no login.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from s1pdgs.access.guard import Guard, RefusedError
from s1pdgs.bus.courier import Courier, Login, NoticeError, check_url
from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import Clock
from s1pdgs.publication.errors import QueryError, UnknownProductError
from s1pdgs.publication.lta.orders import DEFAULT_PRIORITY, Asked, OrderStatus, Terms, cancel, place
from s1pdgs.publication.lta.tables import lta_order
from s1pdgs.publication.odata.entities import PREFIX, Edm, EntitySet, Navigation, Property, Shelf, find_one, shown
from s1pdgs.publication.odata.entity import entity
from s1pdgs.publication.odata.options import ONE_PRODUCT, Options
from s1pdgs.publication.odata.route import Addition, AddRoute, bare, reply
from s1pdgs.publication.odata.service import root
from s1pdgs.publication.predicate import checked_text, nearest
from s1pdgs.publication.search import Order, find, find_many
from s1pdgs.storage.database import Database


class _Body(BaseModel):
    """What comes with an order."""

    model_config = ConfigDict(extra="forbid", strict=True)

    Priority: int = Field(DEFAULT_PRIORITY, ge=1, le=100)
    NotificationEndpoint: str | None = None
    NotificationEpUsername: str | None = None
    NotificationEpPassword: str | None = None


def _products(connection: sa.Connection, rows: Sequence[Any]) -> list[dict[str, Any] | None]:
    found = {one.uuid: one for one in find_many(connection, [row.product_uuid for row in rows], [])}
    return [entity(found[row.product_uuid], Options({})) for row in rows]


ORDERS = EntitySet(
    name="Orders",
    source=lta_order.join(product, product.c.id == lta_order.c.product_id),
    properties=(
        Property("Id", Edm.GUID, lta_order.c.uuid),
        Property("Status", Edm.ENUM, lta_order.c.status, members=tuple(OrderStatus)),
        Property("StatusMessage", Edm.STRING, lta_order.c.message, nullable=True),
        Property("OrderSize", Edm.INTEGER, lta_order.c.size),
        Property("SubmissionDate", Edm.TIME, lta_order.c.submitted_at),
        Property("EstimatedDate", Edm.TIME, lta_order.c.estimated_at, nullable=True),
        Property("CompletedDate", Edm.TIME, lta_order.c.completed_at, nullable=True),
        Property("EvictionDate", Edm.TIME, lta_order.c.evict_at, nullable=True),
        Property("Priority", Edm.INTEGER, lta_order.c.priority),
        Property("NotificationEndpoint", Edm.STRING, lta_order.c.notify, nullable=True),
        Property("ProductId", Edm.GUID, product.c.uuid),
        Property("ProductName", Edm.STRING, product.c.name + ".zip"),
    ),
    number=lta_order.c.id,
    order=(Order("SubmissionDate"),),
    navigations=(Navigation("Product", _products, ONE_PRODUCT),),
    extra=(product.c.uuid.label("product_uuid"),),
)


@frozen
class OrderDesk:
    """The service over a database; `courier` tells which endpoints may be told.

    `base_url` is how users reach it (`https://host`); None takes the address that a request came to.
    """

    database: Database
    terms: Terms
    guard: Guard
    courier: Courier
    clock: Clock
    base_url: str | None = None

    @property
    def addition(self) -> Addition:
        """What the OData service gains."""
        return Addition((ORDERS.name,), self.add)

    def add(self, add: AddRoute) -> None:
        """Put the routes on a service."""
        Shelf(ORDERS, self.database, self.base_url).add(add)
        add("/Products({key})/OData.CSC.Order", self.order, "POST")
        add(f"/{ORDERS.name}({{key}})/OData.CSC.Cancel", self.cancel, "POST")

    async def order(self, request: Request, key: str) -> Response:
        """Order a product: 201 with the order and its address."""
        self._admit(request)
        asked = asked_of(await request.body(), self.courier)
        return await run_in_threadpool(self._order, request, checked_text(bare(key).lower()), asked)

    def _order(self, request: Request, key: str, asked: Asked) -> Response:
        with self.database.write() as connection:
            found = find(connection, key)
            if found is None:
                raise UnknownProductError(f"there is no published product with Id {key[:100]!r}")
            uuid = place(connection, self.terms, found.name, asked, self.clock.now())
            body = _entity(connection, uuid)
        return reply(body, 201, {"Location": f"{root(request, self.base_url, PREFIX)}/{ORDERS.name}({uuid})"})

    def cancel(self, request: Request, key: str) -> Response:
        """Cancel an order that has not ended; the order then."""
        self._admit(request)
        uuid = checked_text(bare(key).lower())
        with self.database.write() as connection:
            cancel(connection, uuid, self.clock.now())
            return reply(_entity(connection, uuid))

    def _admit(self, request: Request) -> None:
        try:
            self.guard.admit_program(request)
        except RefusedError as error:
            raise HTTPException(403, str(error)) from None


def asked_of(text: bytes, courier: Courier) -> Asked:
    """What a body asks for, which may be empty; raises `QueryError`."""
    try:
        values = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise QueryError(f"the body is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise QueryError("the body is no JSON object of the properties of an order")
    try:
        body = _Body.model_validate({name: value for name, value in values.items() if not name.startswith("@")})
    except ValidationError as error:
        raise QueryError(_explained(error)) from None
    return Asked(body.Priority, notify=_endpoint(body, courier), login=_login(body))


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"an order has no property {name[:60]!r}; {nearest(name, list(_Body.model_fields))}"
    return f"{name}: {first['msg']}"


def _endpoint(body: _Body, courier: Courier) -> str | None:
    if body.NotificationEndpoint is None:
        return None
    try:
        check_url(courier, checked_text(body.NotificationEndpoint))
    except NoticeError as error:
        raise QueryError(f"NotificationEndpoint: {error}") from None
    return body.NotificationEndpoint


def _login(body: _Body) -> Login | None:
    username, password = body.NotificationEpUsername, body.NotificationEpPassword
    if username is None and password is None:
        return None
    if username is None or password is None or body.NotificationEndpoint is None:
        raise QueryError("NotificationEpUsername and NotificationEpPassword come together, with a NotificationEndpoint")
    try:
        return Login(checked_text(username), checked_text(password))
    except NoticeError as error:
        raise QueryError(f"NotificationEpUsername and NotificationEpPassword: {error}") from None


def _entity(connection: sa.Connection, uuid: str) -> dict[str, Any]:
    options = Options({}, select=frozenset(ORDERS.offer.selectable))
    (found,) = shown(connection, ORDERS, [find_one(connection, ORDERS, uuid)], options)
    return {"@odata.context": f"$metadata#{ORDERS.name}/$entity", **found}
