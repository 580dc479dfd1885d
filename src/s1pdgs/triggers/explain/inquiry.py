"""Why an order is where it is, in words for operators."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import as_of, find
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.explain.inputs import InputExplained, explain_inputs
from s1pdgs.triggers.gates import check
from s1pdgs.triggers.inputs import resolve
from s1pdgs.triggers.needs import Need, clock_time
from s1pdgs.triggers.orders import Planner, UnknownOrder
from s1pdgs.triggers.rounds import job_of
from s1pdgs.triggers.segments import UnitError
from s1pdgs.triggers.units import Moment, gather
from s1pdgs.triggers.wanted.deadlines import due_of, told
from s1pdgs.triggers.wanted.inheritance import on_demand


@frozen
class Explanation:
    """The state of an order, what it means, what would help and what comes next."""

    order: int
    chain: str
    unit: str
    state: OrderState
    summary: str
    needs: tuple[Need, ...]
    next_step: str

    def __str__(self) -> str:
        lines = [f"order {self.order} ({self.chain} of {self.unit}): {self.summary}"]
        lines.extend(f"  open: {need}" for need in self.needs)
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        return "\n".join(lines)


@frozen
class Inquiry:
    """An order looked at closely: every input with its candidates as the catalogue was at a moment, what that made of
    the order, and what its deadlines do.
    """

    explanation: Explanation
    moment: datetime
    outcome: str
    needs: tuple[Need, ...] = ()
    inputs: tuple[InputExplained, ...] = ()
    deadlines: tuple[str, ...] = ()


def inquire(planner: Planner, connection: sa.Connection, order: int, at: datetime | None = None) -> Inquiry:
    """Look for the inputs of an order again, as of `at`: when it became a job, or else now, unless told.

    Nothing is changed. `UnknownOrder` when there is none.
    """
    explanation = explain(connection, order)
    row = connection.execute(sa.select(t.order).where(t.order.c.id == order)).one()
    job, now = job_of(connection, order), planner.outbox.clock.now()
    if at is None:
        at = now if job is None else job.created_at
    lane = planner.lane(connection, row.campaign)
    route, trigger = lane.route(row.chain), find(connection, row.trigger)
    if route is None or trigger is None:
        return Inquiry(
            explanation, at, f"chain {row.chain} is not configured any more; nothing can be told of its inputs"
        )
    route = route if row.wanted is None or lane.number else on_demand(route)
    if trigger.catalogued_at > at:
        came = clock_time(trigger.catalogued_at)
        return Inquiry(explanation, at, f"there was no order yet: {trigger.name} came at {came}")
    due = due_of(connection, order)
    created = min(row.opened_at or row.created_at, at)
    moment = Moment(created, at, lane.number > 0 or due.proceeds(at), lane.baseline)
    try:
        with as_of(connection, at):
            masks = check(connection, planner.masks, route.chain, trigger, moment)
            unit = gather(connection, route.chain, trigger, moment)
            resolution = resolve(connection, route, unit, moment)
            inputs = explain_inputs(connection, route, unit, resolution, at, baseline=lane.baseline)
    except UnitError as error:
        return Inquiry(explanation, at, str(error))
    needs = (*masks, *unit.needs, *resolution.needs)
    waits = "it waits" if job is None or at < job.created_at else "it would wait, unless an operator releases it"
    outcome = waits if needs else "it has all that it needs"
    is_open = explanation.state is OrderState.WAITING and at >= now and not lane.number
    deadlines = (*filter(None, [told(due, at)]), *_deadlines(row, route, needs)) if is_open else ()
    return Inquiry(explanation, at, outcome, needs, inputs, deadlines)


def _deadlines(row: sa.Row[Any], route: Route, needs: tuple[Need, ...]) -> tuple[str, ...]:
    """What happens when, as long as nothing comes."""
    gives_up = (row.opened_at or row.created_at) + timedelta(seconds=route.chain.give_up_after_s)
    lacking = [need.input for need in needs if need.until is None]
    ends = sorted({need.until for need in needs if need.until is not None and need.until < gives_up})
    ways = []
    for end in ends:
        without = ", ".join(need.input for need in needs if need.until == end)
        ways.append(f"at {clock_time(end)} it goes on without {without}")
    if not lacking and ends:
        ways[-1] += " and becomes a job"
    if lacking or not ends:
        ways.append(f"at {clock_time(gives_up)} it gives up: it expires, and nothing is made")
    return tuple(ways)


def explain(connection: sa.Connection, order: int) -> Explanation:
    """Explain an order; `UnknownOrder` when there is none."""
    row = connection.execute(sa.select(t.order).where(t.order.c.id == order)).first()
    if row is None:
        raise UnknownOrder(f"there is no order {order}")
    state = OrderState(row.state)
    if state is OrderState.WAITING:
        needs = open_needs(connection, order)
        summary = f"waiting since {clock_time(row.opened_at or row.created_at)}"
        if row.round > 1:
            summary = f"round {row.round}, {summary}"
        if not needs:
            summary = f"{summary}: {row.reason}"
        return Explanation(order, row.chain, row.unit, state, summary, needs, _next_check(row, needs))
    job = job_of(connection, order)
    if state is OrderState.PLANNED and job is not None:
        summary, step = of_job(job)
        if row.late:
            step = "; ".join(filter(None, [step, "data came meanwhile: another round begins when the job has ended"]))
        due = due_of(connection, order)
        if due.first is not None:
            step = "; ".join(filter(None, [step, f"{due} is {clock_time(due.first)}"]))
        return Explanation(order, row.chain, row.unit, state, summary, (), step)
    summary = f"{state}: {row.reason}" if row.reason else str(state)
    return Explanation(order, row.chain, row.unit, state, summary, (), "")


def open_needs(connection: sa.Connection, order: int) -> tuple[Need, ...]:
    """What an order waits for; types of one input are together."""
    need = t.order_need
    rows = connection.execute(sa.select(need).where(need.c.order_id == order).order_by(need.c.input, need.c.type)).all()
    kinds: dict[str, list[str]] = {}
    for row in rows:
        kinds.setdefault(row.input, []).append(row.type)
    firsts = {row.input: row for row in reversed(rows)}
    return tuple(
        Need(name, tuple(kinds[name]), Interval(row.start, row.stop), row.until, row.detail)
        for name, row in sorted(firsts.items())
    )


def _next_check(row: sa.Row[tuple[object, ...]], needs: tuple[Need, ...]) -> str:
    if row.check_at is None:
        return ""
    when = clock_time(row.check_at)
    if any(need.until == row.check_at for need in needs):
        return f"at {when} it goes on without what is optional and still missing"
    return f"at {when} it gives up"


def of_job(job: sa.Row[tuple[object, ...]]) -> tuple[str, str]:
    """What an order's job does, and what comes next."""
    name = f"job {job.id}"
    state = JobState(job.state)
    if state is JobState.RUNNING:
        return f"{name} runs, attempt {job.fence}" + (f": {job.progress}" if job.progress else ""), ""
    if state is JobState.PARKED:
        return f"{name} is parked: {job.reason}", "an operator retries or drops it"
    if state is JobState.READY and job.reason:
        return f"{name} failed: {job.reason}", f"attempt {job.fence + 1} after {clock_time(job.visible_at)}"
    if state is JobState.READY:
        return f"{name} waits for a free worker", ""
    return f"{name} is {state}", ""
