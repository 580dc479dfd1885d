"""Why an order is where it is, in words for operators."""

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.model.interval import Interval
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.needs import Need, clock_time
from s1pdgs.triggers.orders import UnknownOrder
from s1pdgs.triggers.rounds import job_of


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
        summary, step = _of_job(job)
        if row.late:
            step = "; ".join(filter(None, [step, "data came meanwhile: another round begins when the job has ended"]))
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


def _of_job(job: sa.Row[tuple[object, ...]]) -> tuple[str, str]:
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
