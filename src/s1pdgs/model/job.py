"""A job: one run of a processor for one order."""

from enum import StrEnum


class JobState(StrEnum):
    """`ready -> running -> done | parked`; a failed or lost attempt goes back to `ready` until attempts are used up."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    PARKED = "parked"
    DROPPED = "dropped"


class OrderState(StrEnum):
    """`waiting` for inputs, then `planned` (its job exists), `done`, or, with a reason, `expired`, `dropped` by
    an operator, or `refused` by a gate."""

    WAITING = "waiting"
    PLANNED = "planned"
    DONE = "done"
    EXPIRED = "expired"
    DROPPED = "dropped"
    REFUSED = "refused"
