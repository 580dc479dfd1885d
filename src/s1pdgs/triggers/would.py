"""A dry run: what chains would trigger on the catalogue as it is. Nothing is changed.

Each unit is gathered and its inputs are looked for as for a real order that was created when its trigger came, so waits
that are over by now are over.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.query import Held
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.triggers.baseline import SYSTEMATIC
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.gates import check
from s1pdgs.triggers.inputs import Resolution, resolve
from s1pdgs.triggers.known_orders import known_order
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.rounds import job_of
from s1pdgs.triggers.segments import UnitError
from s1pdgs.triggers.units import Moment, Unit, excluded, gather, made_by
from s1pdgs.triggers.wanted.sources import Place, page_of_type

_PAGE = 200


class Fate(StrEnum):
    """What would become of a unit."""

    JOB = "job"
    WAITS = "waits"
    REFUSED = "refused"


@frozen
class Trial:
    """A unit that a chain would process. `note` tells what it would wait for or why it is refused; `known` tells of the
    order that a chain of this name has for it already, and how its job's inputs differ.
    """

    chain: str
    unit: str
    trigger: str
    fate: Fate
    note: str
    known: str


def trials(planner: Planner, connection: sa.Connection, route: Route, time: Interval | None = None) -> Iterator[Trial]:
    """The units of a route among the held products that begin within a time (None is any), in order of type and start.

    Units come one by one, and pages of products are read as they are needed.
    """
    seen: set[str] = set()
    kinds = connection.scalars(sa.select(catalogue.type_span.c.type).order_by(catalogue.type_span.c.type)).all()
    for kind in kinds:
        if not route.takes_type(kind):
            continue
        for held in _of_type(connection, kind, time):
            if not route.chain.wants(held.product) or made_by(connection, held.name, excluded(route.chain)):
                continue
            try:
                unit, known = known_order(connection, route, held)
            except UnitError as error:
                yield Trial(route.name, held.name, held.name, Fate.REFUSED, str(error), "")
                continue
            if unit not in seen:
                seen.add(unit)
                yield _trial(planner, connection, route, held, (unit, known))


def _of_type(connection: sa.Connection, kind: str, time: Interval | None) -> Iterator[Held]:
    """Products of a type whose files are here, by start, page by page."""
    after: Place | None = None
    while page := page_of_type(connection, kind, time, after, _PAGE):
        yield from SYSTEMATIC.visible(page)
        after = Place(page[-1].validity.start, page[-1].id)


def _trial(
    planner: Planner, connection: sa.Connection, route: Route, held: Held, ordered: tuple[str, sa.Row[Any] | None]
) -> Trial:
    unit, known = ordered
    told = "" if known is None else f"order {known.id} is {known.state}"
    moment = Moment(held.catalogued_at, planner.outbox.clock.now())
    try:
        masks = check(connection, planner.masks, route.chain, held, moment)
        gathered = gather(connection, route.chain, held, moment)
    except UnitError as error:
        return Trial(route.name, unit, held.name, Fate.REFUSED, str(error), told)
    resolution = resolve(connection, route, gathered, moment)
    needs = [*masks, *gathered.needs, *resolution.needs]
    if needs:
        return Trial(route.name, unit, held.name, Fate.WAITS, "; ".join(str(need) for need in needs), told)
    if known is not None and known.state in (OrderState.PLANNED, OrderState.DONE):
        told += _difference(connection, known.id, gathered, resolution)
    return Trial(route.name, unit, held.name, Fate.JOB, "", told)


def _difference(connection: sa.Connection, order: int, unit: Unit, resolution: Resolution) -> str:
    """How the inputs would differ from those of the order's job."""
    job = job_of(connection, order)
    if job is None:
        return ""
    had = set(connection.scalars(sa.select(jobs.job_input.c.product).where(jobs.job_input.c.job_id == job.id)))
    chosen = {held.name for choice in resolution.choices.values() for held in choice.products}
    chosen |= {held.name for held in unit.products}
    told = [f"+ {name}" for name in sorted(chosen - had)] + [f"- {name}" for name in sorted(had - chosen)]
    return f"; inputs differ: {', '.join(told)}" if told else "; the same inputs"
