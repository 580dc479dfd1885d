"""Workflows and production orders over OData (ODPRIP, ESA-EOPG-EOPGC-IF-3).

Orders are read as `ProductionOrder` and as `ProductionOrders`, and are placed by POST to either, or by the action
`ProductionOrder/OData.CSC.Order`. Everybody who reaches the server may look; ordering asks for an operator.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen
from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from s1pdgs.access.guard import Guard, RefusedError
from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import format_iso
from s1pdgs.publication.errors import ConflictError, QueryError, UnknownProductError
from s1pdgs.publication.odata.entities import Edm, EntitySet, Navigation, Property, Shelf, find_one, shown
from s1pdgs.publication.odata.entity import entity
from s1pdgs.publication.odata.options import MANY_PRODUCTS, ONE_PRODUCT, Options
from s1pdgs.publication.odata.route import Addition, AddRoute, bare, reply
from s1pdgs.publication.odata.service import root
from s1pdgs.publication.on_demand.asked import ProductionOrder, read
from s1pdgs.publication.on_demand.documents import options_of, products_of
from s1pdgs.publication.on_demand.fates import Status
from s1pdgs.publication.on_demand.orders import Desk, Repeatable, cancel, find_order, place
from s1pdgs.publication.on_demand.tables import demand as table
from s1pdgs.publication.on_demand.workflows import Option, Workflow
from s1pdgs.publication.predicate import checked_text
from s1pdgs.publication.prip import PREFIX, Prip
from s1pdgs.publication.search import Order, Published
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Micros

_MOST_IDENTIFIER = 100


def _product(connection: sa.Connection, rows: Sequence[Any]) -> list[dict[str, Any] | None]:
    return [found[0] if len(found) == 1 else None for found in _products(connection, rows)]


def _products(connection: sa.Connection, rows: Sequence[Any]) -> list[list[dict[str, Any]]]:
    return [[entity(product, Options({})) for product in products_of(connection, row)] for row in rows]


def _content_date(row: Any) -> dict[str, str] | None:
    return None if row.start is None else {"Start": format_iso(row.start), "End": format_iso(row.stop)}


_GOES_AT = sa.func.coalesce(publication.c.evicted_at, publication.c.evict_at, type_=Micros())
ORDERS = EntitySet(
    name="ProductionOrder",
    source=table.outerjoin(product, product.c.uuid == table.c.product_id).outerjoin(
        publication, publication.c.product_id == product.c.id
    ),
    properties=(
        Property("Id", Edm.GUID, table.c.uuid),
        Property("Status", Edm.ENUM, table.c.status, members=tuple(Status)),
        Property("StatusMessage", Edm.STRING, table.c.message),
        Property("OrderOutputSize", Edm.INTEGER, table.c.size, nullable=True),
        Property("SubmissionDate", Edm.TIME, table.c.submitted_at),
        Property("EstimatedDate", Edm.TIME, table.c.estimated_at, nullable=True),
        Property("CompletedDate", Edm.TIME, table.c.ended_at, nullable=True),
        Property("EvictionDate", Edm.TIME, _GOES_AT, nullable=True),
        Property("Priority", Edm.INTEGER, table.c.priority),
        Property("InputProductReference/Reference", Edm.STRING, table.c.reference, nullable=True),
        Property("InputProductReference/ContentDate", Edm.JSON, show=_content_date),
        Property("WorkflowId", Edm.GUID, table.c.workflow_id),
        Property("WorkflowName", Edm.STRING, table.c.workflow),
        Property("WorkflowOptions", Edm.JSON, show=options_of),
        Property("NotificationEndpoint", Edm.STRING, show=lambda row: row.told["urls"].get(Status.COMPLETED)),
        Property("ProductId", Edm.GUID, table.c.product_id, nullable=True),
    ),
    extra=(table.c.start, table.c.stop, table.c.options, table.c.told, table.c.products, table.c.status),
    number=table.c.id,
    order=(Order("SubmissionDate"),),
    navigations=(Navigation("Product", _product, ONE_PRODUCT), Navigation("Products", _products, MANY_PRODUCTS)),
)

_ALL = frozenset(ORDERS.offer.selectable)
_TYPES: dict[type, sa.types.TypeEngine[Any]] = {int: sa.BigInteger(), str: sa.Text()}


def workflow_set(workflows: Sequence[Workflow]) -> EntitySet:
    """The workflows of the chains as an entity set: they are configuration, so their rows stand in the query itself."""
    known = {workflow.id: workflow for workflow in workflows}
    source = _rows_of(workflows).subquery("workflow")

    def of(show: Callable[[Workflow], Any]) -> Callable[[Any], Any]:
        return lambda row: show(known[row.uuid])

    return EntitySet(
        name="Workflows",
        source=source,
        properties=(
            Property("Id", Edm.GUID, source.c.uuid),
            Property("Name", Edm.STRING, source.c.name),
            Property("DisplayName", Edm.STRING, source.c.title),
            Property("Description", Edm.STRING, source.c.description),
            Property("WorkflowVersion", Edm.STRING, source.c.version),
            Property("InputProductType", Edm.STRING, source.c.inputs),
            Property("OutputProductType", Edm.STRING, source.c.outputs),
            Property("InputProductTypes", Edm.JSON, show=of(lambda workflow: list(workflow.inputs))),
            Property("OutputProductTypes", Edm.JSON, show=of(lambda workflow: list(workflow.outputs))),
            Property("WorkflowOptions", Edm.JSON, show=of(lambda workflow: [_option(one) for one in workflow.options])),
        ),
        extra=(source.c.uuid,),
        number=source.c.number,
        order=(Order("Name"),),
    )


def _rows_of(workflows: Sequence[Workflow]) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    rows: list[dict[str, int | str]] = [
        {
            "number": number,
            "uuid": workflow.id,
            "name": workflow.name,
            "title": f"{workflow.name} by {workflow.chain}",
            "description": workflow.description,
            "version": workflow.version,
            "inputs": ",".join(workflow.inputs),
            "outputs": ",".join(workflow.outputs),
        }
        for number, workflow in enumerate(workflows)
    ]
    nothing = dict.fromkeys(("uuid", "name", "title", "description", "version", "inputs", "outputs"), "")
    if not rows:
        return _literals({"number": 0, **nothing}).where(sa.false())
    return sa.union_all(*map(_literals, rows))


def _literals(row: Mapping[str, int | str]) -> sa.Select[Any]:
    return sa.select(*(sa.literal(value, _TYPES[type(value)]).label(name) for name, value in row.items()))


def _option(option: Option) -> dict[str, Any]:
    of = {"Name": option.name, "Description": f"parameter {option.name} of the processor", "Type": option.kind}
    return {**of, "Default": option.default, "Value": []}


@frozen
class OrderDoor:
    """The entity sets behind HTTP."""

    desk: Desk
    prip: Prip
    guard: Guard

    @property
    def addition(self) -> Addition:
        """What the OData service gains."""
        return Addition(("Workflows", "ProductionOrder", "ProductionOrders"), self.add)

    def add(self, add: AddRoute) -> None:
        """Put the routes on a service."""
        database, base_url = self.prip.database, self.prip.base_url
        Shelf(workflow_set(self.desk.workflows), database, base_url).add(add)
        add("/ProductionOrder/OData.CSC.Order", self.place, "POST")
        for orders in (ORDERS, evolve(ORDERS, name="ProductionOrders")):
            path = f"/{orders.name}"
            add(path, self.place, "POST")
            add(f"{path}({{key}})/OData.CSC.Cancel", self.cancel, "POST")
            add(f"{path}({{key}})/Product", self.product)
            add(f"{path}({{key}})/Product/$value", self.value)
            Shelf(orders, database, base_url).add(add)

    async def place(self, request: Request) -> Response:
        """Place an order: 201 with the order and its address."""
        self._admit(request)
        body = await request.body()
        order = read(ProductionOrder, body)
        return await run_in_threadpool(self._place, request, order, repeatable_of(request, body))

    def _place(self, request: Request, order: ProductionOrder, repeatable: Repeatable | None) -> Response:
        with self.prip.database.write() as connection:
            row = place(self.desk, connection, order.demand(self.desk.workflows), repeatable)
            told = _shown(connection, row.uuid)
        place_of_it = f"{root(request, self.prip.base_url, PREFIX)}/ProductionOrder({row.uuid})"
        headers = {"Location": place_of_it, "OData-EntityId": place_of_it}
        return reply(told, 201, headers | ({} if repeatable is None else {"Repeatability-Result": "accepted"}))

    def cancel(self, request: Request, key: str) -> Response:
        """Cancel an order; the order then."""
        self._admit(request)
        with self.prip.database.write() as connection:
            row = cancel(self.desk.planner, connection, find_order(connection, checked_text(bare(key))))
            return reply(_shown(connection, row.uuid))

    def product(self, key: str) -> Response:
        """The product that an order made."""
        with self.prip.database.read() as connection:
            found = self._result(connection, key)
        return reply({"@odata.context": "$metadata#Products/$entity", **entity(found, Options({}))})

    def value(self, request: Request, key: str) -> Response:
        """The zip of the product that an order made."""
        with self.prip.database.read() as connection:
            found = self._result(connection, key)
        return self.prip.value(request, found.uuid)

    def _result(self, connection: sa.Connection, key: str) -> Published:
        row = find_order(connection, checked_text(bare(key)))
        if row.status != Status.COMPLETED:
            raise UnknownProductError(f"ProductionOrder({row.uuid}) has no Product: it is {row.status}, {row.message}")
        found = products_of(connection, row)
        if len(found) != 1:
            raise ConflictError(f"{len(found)} products came of it: see ProductionOrder({row.uuid})/Products")
        return found[0]

    def _admit(self, request: Request) -> None:
        try:
            self.guard.admit_program(request)
        except RefusedError as error:
            raise HTTPException(403, str(error)) from None


def repeatable_of(request: Request, body: bytes) -> Repeatable | None:
    """What tells that a request is a repetition (OASIS Repeatable Requests 1.0); None when nothing does."""
    identifier = request.headers.get("repeatability-request-id")
    if identifier is None:
        return None
    if not 0 < len(identifier) <= _MOST_IDENTIFIER or not identifier.isprintable() or not identifier.isascii():
        raise QueryError(f"Repeatability-Request-ID is to have 1 to {_MOST_IDENTIFIER} printable ASCII characters")
    return Repeatable(identifier, request.url.path.encode() + b"\n" + body)


def _shown(connection: sa.Connection, uuid: str) -> dict[str, Any]:
    (told,) = shown(connection, ORDERS, [find_one(connection, ORDERS, uuid)], Options({}, select=_ALL))
    return {"@odata.context": "$metadata#ProductionOrder/$entity", **told}
