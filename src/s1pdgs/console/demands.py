"""What was ordered on demand: its list and the page of one order, and the buttons of products that order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from s1pdgs.catalogue.query import Held
from s1pdgs.console import pages
from s1pdgs.console.shelf import find_by_uuid
from s1pdgs.console.web import Console, NotHere, NotNow, Text, acted
from s1pdgs.publication.errors import ConflictError, EvictedError, QueryError, UnknownProductError
from s1pdgs.publication.lta import orders as restores
from s1pdgs.publication.on_demand.asked import PRIORITY, Demand
from s1pdgs.publication.on_demand.documents import options_of
from s1pdgs.publication.on_demand.fates import OPEN
from s1pdgs.publication.on_demand.orders import Desk, cancel, find_order, place
from s1pdgs.publication.on_demand.tables import demand as table
from s1pdgs.publication.on_demand.workflows import workflow_of

_PAGE = 100
Priority = Annotated[int, Form(ge=1, le=100)]
Texts = Annotated[list[str], Form(max_length=100)]


def demand_pages(desk: Desk) -> Callable[[APIRouter, Console], None]:
    """What puts the pages and the actions on the console's router."""

    def add(router: APIRouter, console: Console) -> None:
        _add_pages(router, console)
        _add_actions(router, console, desk)

    return add


@contextmanager
def _told() -> Iterator[None]:
    """Within the block what keeps from ordering is a page that says so."""
    try:
        yield
    except UnknownProductError as error:
        raise NotHere(str(error)) from None
    except (ConflictError, EvictedError, QueryError) as error:
        raise NotNow(f"nothing was ordered: {error}") from None


def _add_pages(router: APIRouter, console: Console) -> None:
    templates, clock = console.templates, console.clock

    @router.get("/demands")
    def demands_page() -> Response:
        newest = sa.select(table).order_by(table.c.submitted_at.desc(), table.c.id.desc()).limit(_PAGE)
        with console.database.read() as connection:
            rows = connection.execute(newest).all()
        return pages.page(templates, "demands.html", clock.now(), rows=rows)

    @router.get("/demands/{uuid}")
    def demand_page(uuid: str) -> Response:
        with _told(), console.database.read() as connection:
            row = find_order(connection, uuid)
        return pages.page(
            templates, "demand.html", clock.now(), row=row, options=options_of(row), is_open=row.status in OPEN,
            asks_for_key=console.guard.asks_for_key,
        )  # fmt: skip


def _add_actions(router: APIRouter, console: Console, desk: Desk) -> None:
    @router.post("/console/products/{uuid}/make")
    def make(  # noqa: PLR0917  the fields of a form
        request: Request,
        uuid: str,
        workflow: Text,
        option: Texts = [],  # noqa: B006  FastAPI copies it
        value: Texts = [],  # noqa: B006
        priority: Priority = PRIORITY,
        key: Text = "",
    ) -> Response:
        console.guard.admit(request, key)
        with _told(), console.database.write() as connection:
            held = _held(connection, uuid)
            wanted = workflow_of(desk.workflows, None, workflow)
            options = wanted.chosen(zip(option, value, strict=False))
            departures = wanted.departures(options)
            row = place(desk, connection, Demand(wanted, held.name, None, options, departures, priority))
        return acted(f"/demands/{row.uuid}", "ordered on demand", True, "", order=row.uuid, product=held.name)

    @router.post("/console/products/{uuid}/order")
    def order(request: Request, uuid: str, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with _told(), console.database.write() as connection:
            held = _held(connection, uuid)
            placed = restores.place(connection, desk.terms, held.name, restores.Asked(), console.clock.now())
        return acted(f"/console/products/{uuid}", "product ordered", True, "", order=placed, product=held.name)

    @router.post("/demands/{uuid}/cancel")
    def cancel_demand(request: Request, uuid: str, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with _told(), console.database.write() as connection:
            cancel(desk.planner, connection, find_order(connection, uuid))
        return acted(f"/demands/{uuid}", "order cancelled", True, "", order=uuid)


def _held(connection: sa.Connection, uuid: str) -> Held:
    held = find_by_uuid(connection, uuid)
    if held is None:
        raise NotHere("there is no such product in the catalogue")
    return held
