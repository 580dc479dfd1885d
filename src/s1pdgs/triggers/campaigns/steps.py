"""How a campaign goes on: one page of products becomes orders, and some orders become jobs, in each step.

A step is one transaction, so one that is cut off at any point is done again from where the last one ended: the row
keeps the place that was reached, and a unit has one order. Jobs are placed while fewer than the limit are in the queue.
"""

from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.query import Held
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.model.time import from_micros, micros
from s1pdgs.storage.database import Database
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.baseline import SYSTEMATIC
from s1pdgs.triggers.campaigns.campaign import CampaignState
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.order_rows import end
from s1pdgs.triggers.orders import Planner, evaluate, queue_up
from s1pdgs.triggers.segments import UnitError
from s1pdgs.triggers.units import excluded, made_by
from s1pdgs.triggers.wanted.inheritance import Wish
from s1pdgs.triggers.wanted.sources import Place, page_of_type, parse_area, touches
from s1pdgs.triggers.wanted.way import is_of_mode

_PAGE = 50
_LOOKS = 20
"""Orders that one step looks at: some are excluded at once and leave room for others."""


def step(planner: Planner, database: Database) -> bool:
    """Let every running campaign go on a little; True when any did."""
    with database.read() as connection:
        numbers = [row.id for row in connection.execute(_running()) if _has_work(connection, row)]
    worked = False
    for number in numbers:
        with database.write() as connection:
            row = connection.execute(_running().where(t.campaign.c.id == number)).first()
            if row is not None:
                worked = go_on(planner, connection, row) or worked
    return worked


def _running() -> sa.Select[Any]:
    return sa.select(t.campaign).where(t.campaign.c.state == CampaignState.RUNNING).order_by(t.campaign.c.id)


def _has_work(connection: sa.Connection, row: sa.Row[Any]) -> bool:
    if row.collected_at is None:
        return True
    return bool(_next(connection, row.id, 1)) and room(connection, row) > 0


def go_on(planner: Planner, connection: sa.Connection, row: sa.Row[Any]) -> bool:
    """One step of a campaign, in the caller's transaction; True when it did anything."""
    worked = row.collected_at is None
    if worked:
        _collect(planner, connection, row)
    left = room(connection, row)
    for order in _next(connection, row.id, _LOOKS):
        if left <= 0:
            break
        state = evaluate(planner, connection, order)
        left -= state is OrderState.PLANNED
        worked = worked or state is not OrderState.WAITING
    return worked


def room(connection: sa.Connection, row: sa.Row[Any]) -> int:
    """How many more jobs a campaign may have in the queue; parked ones wait for an operator and do not count."""
    query = (
        sa.select(sa.func.count())
        .select_from(t.order.join(jobs.job, jobs.job.c.order_id == t.order.c.id))
        .where(
            t.order.c.campaign == row.id,
            t.order.c.state == OrderState.PLANNED,
            jobs.job.c.state.in_([JobState.READY, JobState.RUNNING]),
        )
    )
    return int(row.at_once) - (connection.scalar(query) or 0)


def _next(connection: sa.Connection, campaign: int, limit: int) -> list[int]:
    """Orders that wait for their turn, oldest first."""
    query = sa.select(t.order.c.id).where(t.order.c.campaign == campaign, t.order.c.state == OrderState.WAITING)
    return list(connection.scalars(query.order_by(t.order.c.id).limit(limit)))


def _collect(planner: Planner, connection: sa.Connection, row: sa.Row[Any]) -> None:
    """Turn the next page of products into orders that wait for their turn, and keep the place that was reached."""
    lane = planner.lane(connection, row.id)
    route = lane.route(row.way[0])
    assert route is not None  # noqa: S101  it was pinned with the way
    area = None if row.area is None else parse_area(row.area)
    kind, found = _page(connection, route, row)
    wish = Wish(row.type, tuple(row.way), row.parameters, row.priority)
    for held in found:
        if not _belongs(connection, route, row, held, area):
            continue
        try:
            order = queue_up(planner, connection, lane, held, route=route, wish=wish)
        except UnitError:
            continue
        newer = None if order is None else _newer(connection, held)
        if order is not None and newer is not None:
            end(connection, order, OrderState.DROPPED, f"{held.name} is superseded by {newer}")
    values: dict[str, Any] = {"collected_at": planner.outbox.clock.now()}
    if found:
        values = {"cursor": {"type": kind, "start": micros(found[-1].validity.start), "id": found[-1].id}}
    connection.execute(t.campaign.update().where(t.campaign.c.id == row.id).values(values))


def _page(connection: sa.Connection, route: Route, row: sa.Row[Any]) -> tuple[str, list[Held]]:
    """The next products of any type that the first chain takes; none when all were looked at."""
    known = connection.scalars(sa.select(catalogue.type_span.c.type).order_by(catalogue.type_span.c.type)).all()
    cursor = row.cursor or {"type": "", "start": 0, "id": 0}
    for kind in (kind for kind in known if kind >= cursor["type"] and route.takes_type(kind)):
        after = Place(from_micros(cursor["start"]), cursor["id"]) if kind == cursor["type"] else None
        found = page_of_type(connection, kind, Interval(row.start, row.stop), after, _PAGE)
        if found:
            return kind, found
    return "", []


def _belongs(connection: sa.Connection, route: Route, row: sa.Row[Any], held: Held, area: BaseGeometry | None) -> bool:
    """True for what the campaign processes: products of no campaign, of its satellite, mode and area."""
    return (
        bool(SYSTEMATIC.visible([held]))
        and row.satellite in (None, held.product.satellite)
        and route.chain.wants(held.product)
        and is_of_mode(row.type, held.product.type)
        and (area is None or touches(held.product.footprint, area))
        and not made_by(connection, held.name, excluded(route.chain))
    )


def _newer(connection: sa.Connection, held: Held) -> str | None:
    """The version that supersedes a product in the account of its data take."""
    if held.datatake is None:
        return None
    take, version = catalogue.datatake, catalogue.datatake_product
    query = (
        sa.select(version.c.superseded_by)
        .join(take, take.c.id == version.c.datatake_id)
        .where(
            take.c.datatake == held.datatake,
            take.c.satellite == held.product.satellite,
            version.c.product == held.name,
            version.c.superseded_by.is_not(None),
        )
    )
    return connection.scalar(query.limit(1))
