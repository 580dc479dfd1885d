"""A job that waits or is parked gives way to a new one, whose inputs its order chooses from what is held now."""

import sqlalchemy as sa

from s1pdgs.jobs import queue
from s1pdgs.jobs.operate import note, state_of
from s1pdgs.triggers import rounds
from s1pdgs.triggers.orders import Planner, evaluate


def replan(planner: Planner, connection: sa.Connection, job: int, actor: str, reason: str | None = None) -> int | None:
    """Open another round of a job's order, its number; None when the job runs, has ended, or is of an earlier round.

    The order has a new job then, or waits for what it lacks. `UnknownJob` when there is no such job.
    """
    state_of(connection, job)
    order, now = rounds.order_of(connection, job), planner.outbox.clock.now()
    if order is None or not queue.withdraw(connection, job, "planned again: the next round chooses its inputs", now):
        return None
    note(connection, planner.outbox, job, actor, "replan", reason=reason)
    rounds.again(connection, order, now)
    evaluate(planner, connection, order)
    return order
