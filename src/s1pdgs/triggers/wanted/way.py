"""Result-driven orders: from the type that is wanted back to the chain that makes it, and to what is held.

When nothing that the chain takes is held, a chain that makes such things comes before it, and so on. Only the first
chain of such a way is ordered: what it makes causes the next order by itself, which inherits the wish.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.query import Held, named, of_datatake
from s1pdgs.formats.tasktable import Destination
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.spec import OPTIONS, told_options
from s1pdgs.model.job import OrderState
from s1pdgs.triggers.baseline import SYSTEMATIC
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.explain.inquiry import explain
from s1pdgs.triggers.known_orders import known_order
from s1pdgs.triggers.orders import Planner, place
from s1pdgs.triggers.segments import SESSION, UnitError
from s1pdgs.triggers.types import catalogue_types, table_type
from s1pdgs.triggers.units import excluded, made_by
from s1pdgs.triggers.wanted.inheritance import Wish, on_demand
from s1pdgs.triggers.wanted.sources import WantedError

_OF_A_MODE = re.compile(r"^[A-Z0-9]{2}_(RAW|SLC|GRD|OCN|ETA)")
_LATEST_FIRST = {"slice": 0, "datatake": 1, "session": 2}


class Action(StrEnum):
    """What is done for a unit."""

    NEW = "new"
    """It gets an order."""
    AGAIN = "again"
    """Its order opens for another round."""
    JOINED = "joined"
    """Its order waits, and takes the parameters and the priority."""
    ONGOING = "ongoing"
    """Its order waits or its job runs already: nothing is done."""
    EXISTS = "exists"
    """What is wanted of it is held: nothing is done."""


@frozen
class Step:
    """An order that a wish asks for, or why none is needed. `way` are the chains from it to the wanted type, `held` are
    the wanted products that exist.
    """

    way: tuple[str, ...]
    unit: str
    trigger: Held = field(eq=False)
    action: Action
    order: int | None
    note: str
    held: tuple[str, ...] = ()

    @property
    def is_placed(self) -> bool:
        return self.action in (Action.NEW, Action.AGAIN, Action.JOINED)


@frozen
class Wanted:
    """What somebody wants: a type, by its name in the catalogue or in task tables, though it exists when `again`.

    `parameters` are for the chain that makes it, `priority` is for all jobs on the way (None: by timeliness). What is
    made with other parameters stands `apart` where that is asked: beside what all get, which is no substitute for it.
    """

    type: str
    again: bool = False
    parameters: Mapping[str, str] = field(factory=dict)
    priority: int | None = None
    apart: bool = False


@frozen
class _Search:
    """Where a way to what is wanted is looked for."""

    connection: sa.Connection
    chains: Chains
    wanted: Wanted
    group: Sequence[Held]


def plan(connection: sa.Connection, chains: Chains, wanted: Wanted, groups: Iterable[Sequence[Held]]) -> list[Step]:
    """What has to be ordered to get a type of some sources, nothing is changed; `WantedError` when no chain leads from
    them to it, or when the last one has no such parameter.
    """
    kind, makers = wanted.type, makers_of(chains, wanted.type)
    if not makers:
        known = sorted({output for route in chains.routes for output in outputs_of(route)})
        raise WantedError(f"no chain makes {kind}; they make {', '.join(known)}")
    found: list[Step] = []
    for group in groups:
        search = _Search(connection, chains, wanted, group)
        visited: set[str] = set()
        for route in makers:
            steps = _toward(search, route, (), visited)
            if steps:
                found.extend(steps)
                break
    if not found:
        takes = " or ".join(f"{route.name} ({_asks_for(route)})" for route in makers)
        raise WantedError(f"nothing held of it leads to {kind}, which is made by {takes}")
    for chain in {step.way[-1] for step in found}:
        _check_parameters(chains, chain, wanted.parameters)
    return found


def carry_out(
    planner: Planner, connection: sa.Connection, wanted: Wanted, steps: Iterable[Step], identity: int | None = None
) -> dict[Step, int]:
    """Place the orders that a plan asks for, as parts of the wish of this identity; their numbers."""
    placed: dict[Step, int] = {}
    for step in (step for step in steps if step.is_placed):
        route = planner.chains.named(step.way[0])
        if route is None:
            raise WantedError(f"chain {step.way[0]} is not configured any more")
        wish = Wish(wanted.type, step.way, wanted.parameters, wanted.priority, wanted.apart)
        placed[step] = place(planner, connection, on_demand(route), step.trigger, wish, identity=identity)
    return placed


def _check_parameters(chains: Chains, chain: str, parameters: Mapping[str, str]) -> None:
    route = chains.named(chain)
    known = set() if route is None else route.parameters()
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise WantedError(f"chain {chain} has no parameter {unknown[0]}; it has {', '.join(sorted(known)) or 'none'}")


def makers_of(chains: Chains, kind: str) -> list[Route]:
    """The routes that make a type: those of the smallest unit first, so that a Level-0 type is a slice."""
    wanted = table_type(kind)
    return _latest_first(route for route in chains.routes if wanted in outputs_of(route))


def feeders_of(chains: Chains, route: Route) -> list[Route]:
    """The routes that make what another one takes, as far as types tell."""
    return _latest_first(
        other
        for other in chains.routes
        if other.name not in excluded(route.chain)
        and any(route.takes_type(kind) for output in outputs_of(other) for kind in catalogue_types(output, None))
    )


def way_types(connection: sa.Connection, chains: Chains, kind: str) -> list[str]:
    """The types of the catalogue that any chain on a way to a type takes."""
    routes: dict[str, Route] = {}
    found = makers_of(chains, kind)
    while found:
        routes |= {route.name: route for route in found}
        found = [before for route in found for before in feeders_of(chains, route) if before.name not in routes]
    held = connection.scalars(sa.select(catalogue.type_span.c.type)).all()
    return [each for each in held if any(route.takes_type(each) for route in routes.values())]


def outputs_of(route: Route) -> list[str]:
    """The task-table types that a route leaves in the catalogue."""
    outputs = (output for task in route.table.tasks for output in task.outputs)
    return list(dict.fromkeys(output.type for output in outputs if output.destination is not Destination.TASK))


def _latest_first(routes: Iterable[Route]) -> list[Route]:
    return sorted(routes, key=lambda route: _LATEST_FIRST[route.chain.unit])


def _asks_for(route: Route) -> str:
    where = ", ".join(f"{name} {value}" for name, value in route.chain.where.items())
    return f"of {' or '.join(route.chain.types)}" + (f" with {where}" if where else "")


def _toward(search: _Search, route: Route, after: tuple[str, ...], visited: set[str]) -> list[Step]:
    """The steps from what is held to a route, those of the shortest way."""
    if route.name in visited:
        return []
    visited.add(route.name)
    way = (route.name, *after)
    steps: dict[str, Step] = {}
    for held in search.group:
        if _triggers(search, route, held):
            try:
                step = _step(search, route, held, way)
            except UnitError:
                continue
            steps[step.unit] = step
    if steps:
        return list(steps.values())
    for before in feeders_of(search.chains, route):
        found = _toward(search, before, way, visited)
        if found:
            return found
    return []


def _triggers(search: _Search, route: Route, held: Held) -> bool:
    return (
        on_demand(route).chain.wants(held.product)
        and SYSTEMATIC.visible([held]) == [held]
        and is_of_mode(search.wanted.type, held.product.type)
        and not made_by(search.connection, held.name, excluded(route.chain))
    )


def is_of_mode(kind: str, source: str) -> bool:
    """A product becomes products of its own mode and swath only; a session may hold all."""
    if source == SESSION or not _OF_A_MODE.match(kind):
        return True
    return kind[:2] in (source[:2], table_type(source)[:2])


def _step(search: _Search, route: Route, held: Held, way: tuple[str, ...]) -> Step:
    again = search.wanted.again
    unit, known = known_order(search.connection, route, held)
    number = None if known is None else known.id
    if len(way) == 1 and not again:
        existing = _existing(search, route, held, number)
        if existing:
            return Step(way, unit, held, Action.EXISTS, number, f"{existing[0]} is held", tuple(existing))
    if known is None:
        return Step(way, unit, held, Action.NEW, None, "")
    told = explain(search.connection, known.id).summary
    asks = bool(search.wanted.parameters) or search.wanted.priority is not None
    if known.state == OrderState.WAITING:
        return Step(way, unit, held, Action.JOINED if asks else Action.ONGOING, number, told)
    if known.state == OrderState.PLANNED and not again:
        return Step(way, unit, held, Action.ONGOING, number, f"{told}, not as asked here" if asks else told)
    return Step(way, unit, held, Action.AGAIN, number, f"its order was {known.state}")


def _existing(search: _Search, route: Route, held: Held, order: int | None) -> list[str]:
    """Held products of the wanted type that the unit's order made, or that show the middle of its slice; where they are
    to stand apart those of the wanted parameters.
    """
    types = catalogue_types(table_type(search.wanted.type), held.product.type[:2])
    if search.wanted.type in types or table_type(search.wanted.type) != search.wanted.type:
        types = [search.wanted.type]
    found: list[Held] = []
    if order is not None:
        made = (
            sa.select(jobs.job_output.c.product)
            .join(jobs.job, jobs.job.c.id == jobs.job_output.c.job_id)
            .where(jobs.job.c.order_id == order)
        )
        products = named(search.connection, search.connection.scalars(made))
        found = [each for each in products if each.product.type in types and each.gone_at is None]
    if not found and route.chain.unit == "slice" and held.datatake is not None:
        middle = held.validity.centre
        beside = SYSTEMATIC.visible(of_datatake(search.connection, held.product.satellite, held.datatake, types))
        found = [each for each in beside if each.validity.start <= middle <= each.validity.stop]
    options = told_options(search.wanted.parameters) if search.wanted.apart else ""
    return [each.name for each in found if each.product.attributes.get(OPTIONS, "") == options]
