"""From an order to its wish: what has to be made, by when, and how urgent it is. In the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from s1pdgs.bus.courier import Courier
from s1pdgs.catalogue.query import Held, find
from s1pdgs.catalogue.tables import product
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.on_demand.fates import come_back, newest
from s1pdgs.publication.on_demand.tables import demand as table
from s1pdgs.publication.on_demand.workflows import PRODUCT_ORDER
from s1pdgs.publication.tables import publication
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.types import table_type
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import Asked
from s1pdgs.triggers.wanted.inheritance import OPEN, Wish
from s1pdgs.triggers.wanted.sources import WantedError
from s1pdgs.triggers.wanted.way import Step

MOST_UNITS = 100
"""Slices of which one order is made."""
_OF_LATE = 20


def change(connection: sa.Connection, row: sa.Row[Any], **values: Any) -> None:
    """Change the row of an order."""
    connection.execute(table.update().where(table.c.id == row.id).values(**values))


def begin(planner: Planner, connection: sa.Connection, row: sa.Row[Any], terms: Terms) -> None:
    """Wish for what an order wants, unless it exists or is made with other options just now. A product that it is to be
    made of, and that is offline, is brought back first. Raises `WantedError`.
    """
    try:
        _wish(planner, connection, row)
    except WantedError:
        source = None if row.reference is None else find(connection, row.reference)
        if source is None or source.evicted_at is None:
            raise
        now = planner.outbox.clock.now()
        wrong = come_back(connection, row, source, now, terms, files=True)
        if wrong is not None:
            raise WantedError(wrong) from None
        for name in _companions(connection, source):
            beside = find(connection, name)
            if beside is not None:
                come_back(connection, row, beside, now, terms, files=True)
        change(connection, row, message=f"waits for {source.name}, which is being brought back")


def _companions(connection: sa.Connection, source: Held) -> Sequence[str]:
    """The annotation, calibration and noise products beside a Level-0 slice that are offline too."""
    kind, c = source.product.type, product.c
    types = [kind[:-1] + role for role in "ACN"] if kind.endswith("_RAW__0S") else []
    query = sa.select(c.name).where(
        c.type.in_(types),
        c.satellite == source.product.satellite,
        c.datatake == source.product.attributes.get("datatakeID"),
        c.start <= source.validity.stop,
        c.stop >= source.validity.start,
        c.evicted_at.is_not(None),
    )
    return connection.scalars(query.order_by(c.id)).all()


def _wish(planner: Planner, connection: sa.Connection, row: sa.Row[Any]) -> None:
    if row.workflow == PRODUCT_ORDER.name:
        change(connection, row, products=[row.reference])
        return
    asked = Asked(  # type: ignore[call-arg]
        type=row.workflow,
        product=row.reference,
        start=row.start if row.reference is None else None,
        stop=row.stop if row.reference is None else None,
        parameters=row.parameters,
        apart=True,
        priority=_job_priority(row.priority),
    )
    steps = wanted_wish.place(planner, connection, asked, Courier(), dry_run=True).steps
    if len(steps) > MOST_UNITS:
        raise WantedError(f"{len(steps)} slices or sessions belong to it; {MOST_UNITS} make one order, tell less")
    existing = [step.held or _out_already(connection, row, step.order) for step in steps]
    if all(existing):
        change(connection, row, products=sorted({name for names in existing for name in names}))
        return
    under_way = _under_way(connection, steps)
    if any(parameters != row.parameters for parameters in [*map(_parameters, under_way), *_wished(connection, steps)]):
        units = ", ".join(step.unit for step in steps[:3])
        change(connection, row, message=f"waits for its turn: {units} is made with other options just now")
        return
    asked = asked.model_copy(update={"priority": max([asked.priority or 0, *map(_priority, under_way)])})
    placed = wanted_wish.place(planner, connection, asked, Courier())
    done_at = _estimate(connection, steps, planner.outbox.clock.now())
    change(connection, row, wish_id=placed.wish, message="", estimated_at=done_at)


def _out_already(connection: sa.Connection, row: sa.Row[Any], order: int | None) -> list[str]:
    """What an order of the house made, its files gone and its zip still online or in the archive."""
    is_kept = sa.or_(publication.c.evicted_at.is_(None), publication.c.archived_at.is_not(None))
    query = (
        sa.select(product.c.name, product.c.type)
        .join(publication, publication.c.product_id == product.c.id)
        .join(jobs.job_output, jobs.job_output.c.product == product.c.name)
        .join(jobs.job, jobs.job.c.id == jobs.job_output.c.job_id)
        .where(jobs.job.c.order_id == order, publication.c.state == "published", is_kept)
    )
    found = [] if order is None else connection.execute(query.distinct()).all()
    names = [each.name for each in found if table_type(each.type) == row.workflow]
    return [held.name for held in newest(connection, names, row.parameters)]


def _under_way(connection: sa.Connection, steps: Sequence[Step]) -> list[sa.Row[Any]]:
    """The orders of the house that some steps find under way; one whose job is parked goes on by an operator only."""
    numbers = [step.order for step in steps if step.order is not None]
    of_round = sa.and_(jobs.job.c.order_id == t.order.c.id, jobs.job.c.round == t.order.c.round)
    is_going = sa.or_(
        t.order.c.state == OrderState.WAITING,
        t.order.c.late,
        sa.and_(t.order.c.state == OrderState.PLANNED, jobs.job.c.state != JobState.PARKED),
    )
    query = sa.select(t.order).outerjoin(jobs.job, of_round).where(t.order.c.id.in_(numbers), is_going)
    return list(connection.execute(query.order_by(t.order.c.id)).all())


def _wished(connection: sa.Connection, steps: Sequence[Step]) -> list[Mapping[str, str] | None]:
    """The parameters of the open wishes for what some steps find: another round would count for them too."""
    numbers = [step.order for step in steps if step.order is not None]
    query = (
        sa.select(t.wish.c.asked)
        .join(t.wish_order, t.wish_order.c.wish_id == t.wish.c.id)
        .where(t.wish_order.c.order_id.in_(numbers), t.wish.c.state == OPEN)
    )
    wishes = connection.scalars(query)
    return [_alike(asked.get("parameters", {}), apart=asked.get("apart", False)) for asked in wishes]


def _parameters(order: sa.Row[Any]) -> Mapping[str, str] | None:
    wish = Wish.from_json(order.wanted)
    return {} if wish is None else _alike(wish.parameters, apart=wish.apart)


def _alike(parameters: Mapping[str, str], *, apart: bool) -> Mapping[str, str] | None:
    """The parameters of a wish as those of an order; None, which no order has, when they are an operator's for all."""
    return parameters if apart or not parameters else None


def _priority(order: sa.Row[Any]) -> int:
    wish = Wish.from_json(order.wanted)
    of_time = Timeliness(order.timeliness).priority
    return of_time if wish is None or wish.priority is None else wish.priority


def _job_priority(priority: int) -> int:
    """The priority of the jobs of an order: 1 is as NTC, 50 between FAST24 and NRT, 100 as PT."""
    least, most = Timeliness.NTC.priority, Timeliness.PT.priority
    return least + (priority - 1) * (most - least) // 99


def _estimate(connection: sa.Connection, steps: Sequence[Step], now: datetime) -> datetime | None:
    """When the jobs on the longest way will be done, at the median pace of the last ones of each chain; None when one
    of these has made none.
    """
    whole = timedelta()
    for chain in max((step.way for step in steps), key=len):
        done = sa.select(jobs.job.c.created_at, jobs.job.c.finished_at).where(
            jobs.job.c.chain == chain, jobs.job.c.state == JobState.DONE
        )
        last = connection.execute(done.order_by(jobs.job.c.id.desc()).limit(_OF_LATE)).all()
        if not last:
            return None
        whole += timedelta(seconds=median((job.finished_at - job.created_at).total_seconds() for job in last))
    return now + whole
