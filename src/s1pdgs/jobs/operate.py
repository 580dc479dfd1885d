"""What operators do to jobs: each act that changes one is kept in its history, with who did it and why.

An act on a job that is not in a state for it changes nothing and tells so: acts may be repeated.
Functions work in the caller's transaction.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from attrs import asdict, evolve, field, fields_dict, frozen

from s1pdgs.bus.events import JobDropped
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.listing import Selection, numbers_of
from s1pdgs.jobs.queue import UnknownJob
from s1pdgs.jobs.spec import JobSpec, Limits, SpecError, from_json, to_json
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database

PRIORITIES = range(101)
_MOST_ATTEMPTS = 1000
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_AT_ONCE = 20

STATES_FOR: Mapping[str, tuple[JobState, ...]] = {
    "retry": (JobState.PARKED,),
    "replan": (JobState.PARKED, JobState.READY),
    "edit": (JobState.PARKED, JobState.READY),
    "park": (JobState.READY, JobState.RUNNING),
    "cancel": (JobState.RUNNING,),
    "drop": (JobState.PARKED, JobState.READY, JobState.RUNNING),
}
"""In which states each act does something."""


Act = Callable[[sa.Connection, int], bool]
"""Does something to a job; False, with nothing changed, when it is not in a state for it."""


class EditError(ValueError):
    """An edit that cannot be made; the message names the field and the remedy."""


@frozen
class Edit:
    """What an edit changes. `attempts` is how many failures the job may have from now on; `limits` are by the names of
    `jobs.spec.Limits`, None takes one off; `parameters` are those of the job order.
    """

    priority: int | None = None
    attempts: int | None = None
    limits: Mapping[str, float | None] = field(factory=dict)
    parameters: Mapping[str, str] = field(factory=dict)


def retry(connection: sa.Connection, outbox: Outbox, job: int, actor: str, reason: str | None = None) -> bool:
    """Let a parked job run again with new attempts."""
    if not queue.retry(connection, job, outbox.clock.now()):
        return False
    note(connection, outbox, job, actor, "retry", reason=reason)
    return True


def park(connection: sa.Connection, outbox: Outbox, job: int, actor: str, reason: str | None = None) -> bool:
    """Set a ready or running job aside; an attempt that runs is stopped."""
    if not queue.park(connection, outbox, job, reason or f"parked by {actor}"):
        return False
    note(connection, outbox, job, actor, "park", reason=reason)
    return True


def cancel(connection: sa.Connection, outbox: Outbox, job: int, actor: str, reason: str | None = None) -> bool:
    """Stop an attempt that runs and park its job; a job that does not run is left as it is."""
    if state_of(connection, job) != JobState.RUNNING:
        return False
    if not queue.park(connection, outbox, job, reason or f"cancelled by {actor}"):
        return False
    note(connection, outbox, job, actor, "cancel", reason=reason)
    return True


def give_up(connection: sa.Connection, outbox: Outbox, job: int, actor: str, reason: str | None = None) -> bool:
    """Stop an attempt that runs and drop its job; a job that does not run is left as it is."""
    return state_of(connection, job) == JobState.RUNNING and drop(connection, outbox, job, actor, reason)


def drop(connection: sa.Connection, outbox: Outbox, job: int, actor: str, reason: str | None = None) -> bool:
    """Give a job up that has not ended; an attempt that runs is stopped."""
    why = reason or f"dropped by {actor}"
    if not queue.drop(connection, job, why, outbox.clock.now()):
        return False
    outbox.emit(connection, JobDropped(job, why))
    note(connection, outbox, job, actor, "drop", reason=reason)
    return True


ACTS: Mapping[str, Callable[[sa.Connection, Outbox, int, str, str | None], bool]] = {
    "retry": retry,
    "park": park,
    "cancel": cancel,
    "drop": drop,
}
"""By name; planning anew belongs to the orders: see `triggers.replan`."""


def edit(connection: sa.Connection, outbox: Outbox, job: int, actor: str, wanted: Edit) -> dict[str, list[Any]] | None:
    """Change a ready or parked job; by name, each value before and after. None when it runs or has ended.

    Raises `EditError`, with nothing changed.
    """
    row = connection.execute(sa.select(t.job).where(t.job.c.id == job)).first()
    if row is None:
        raise UnknownJob(f"there is no job {job}")
    before = from_json(row.spec)
    after = _edited(before, wanted)
    if row.state not in STATES_FOR["edit"]:
        return None
    failures = queue.failures_of(connection, job)
    values: dict[str, Any] = {
        "spec": to_json(after),
        "priority": row.priority if wanted.priority is None else wanted.priority,
        "max_attempts": row.max_attempts if wanted.attempts is None else failures + wanted.attempts,
    }
    changes = _changed(_spec_facts(before), _spec_facts(after)) | _changed(
        {"priority": row.priority, "attempts": row.max_attempts - failures},
        {"priority": values["priority"], "attempts": values["max_attempts"] - failures},
    )
    if not changes:
        return {}
    changed = t.job.update().where(t.job.c.id == job, t.job.c.fence == row.fence, t.job.c.state == row.state)
    if connection.execute(changed.values(values)).rowcount != 1:
        return None
    note(connection, outbox, job, actor, "edit", changes=changes)
    return changes


def note(
    connection: sa.Connection,
    outbox: Outbox,
    job: int,
    actor: str,
    action: str,
    *,
    reason: str | None = None,
    changes: dict[str, list[Any]] | None = None,
) -> None:
    """Keep an act in the history of a job."""
    row = {"job_id": job, "at": outbox.clock.now(), "actor": actor, "action": action}
    connection.execute(t.action.insert().values(**row, reason=reason, changes=changes))


def state_of(connection: sa.Connection, job: int) -> JobState:
    """The state of a job; `UnknownJob` when there is none."""
    state = connection.scalar(sa.select(t.job.c.state).where(t.job.c.id == job))
    if state is None:
        raise UnknownJob(f"there is no job {job}")
    return JobState(state)


def why_not(connection: sa.Connection, job: int, action: str) -> str:
    """Why an act changed nothing, for people."""
    state, wanted = state_of(connection, job), " or ".join(STATES_FOR[action])
    if state not in STATES_FOR[action]:
        return f"job {job} is {state}; {action} is for jobs that are {wanted}"
    if action == "replan":
        return f"job {job} is of an earlier round of its order; act on its newest job"
    return f"job {job} changed at this very moment; try again"


def act_on_all(database: Database, selection: Selection, action: str, act: Act) -> list[int]:
    """Do the same to all jobs of a selection that are in a state for it; those that it changed, newest first.

    Each twenty are one transaction: what a process that dies leaves undone, the same call does.
    """
    states = [state for state in selection.states or JobState if state in STATES_FOR[action]]
    rest, acted = evolve(selection, states=tuple(states)), list[int]()
    while states:
        with database.write() as connection:
            numbers = numbers_of(connection, rest, _AT_ONCE)
            acted += [number for number in numbers if _acts(connection, act, number)]
        if len(numbers) < _AT_ONCE:
            break
        rest = evolve(rest, before=numbers[-1])
    return acted


def _acts(connection: sa.Connection, act: Act, job: int) -> bool:
    """Acts on one of many; a job whose spec cannot be read is passed over: it can only be dropped or planned anew."""
    try:
        return act(connection, job)
    except SpecError:
        return False


def setting_of(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`."""
    name, sign, value = text.partition("=")
    if not (name.strip() and sign):
        raise EditError(f"{text!r} is not like NAME=VALUE")
    return name.strip(), value


def limit_of(text: str) -> tuple[str, float | None]:
    """Name and value of `NAME=NUMBER` or `NAME=none`."""
    name, value = setting_of(text)
    try:
        return name, None if value.strip() == "none" else float(value)
    except ValueError:
        raise EditError(f"limit {name}: {value!r} is no number; give one, or 'none' to take it off") from None


def _edited(spec: JobSpec, wanted: Edit) -> JobSpec:
    if wanted.priority is not None and wanted.priority not in PRIORITIES:
        raise EditError(f"priority {wanted.priority} is not within 0 to {PRIORITIES[-1]}; higher runs first")
    attempts = spec.max_attempts if wanted.attempts is None else wanted.attempts
    if not 1 <= attempts <= _MOST_ATTEMPTS:
        raise EditError(f"attempts {attempts} is not within 1 to {_MOST_ATTEMPTS}")
    limits = evolve(spec.limits, **{name: _limit(name, value) for name, value in wanted.limits.items()})
    for name, value in wanted.parameters.items():
        if not name.strip() or _UNWRITABLE.search(name + value):
            raise EditError(f"parameter {name!r} or its value cannot be written in a job order: give plain text")
    parameters = tuple((dict(spec.order.parameters) | dict(wanted.parameters)).items())
    return evolve(spec, order=evolve(spec.order, parameters=parameters), limits=limits, max_attempts=attempts)


def _limit(name: str, value: float | None) -> Any:
    known = fields_dict(Limits)
    if name not in known:
        raise EditError(f"there is no limit {name!r}; limits are {', '.join(known)}")
    default = known[name].default
    if value is None:
        if default is not None:
            raise EditError(f"limit {name} cannot be taken off; raise it")
        return None
    if not (math.isfinite(value) and value > 0):
        raise EditError(f"limit {name} is {value:g}; it must be above zero")
    return value if isinstance(default, float) else math.ceil(value)


def _spec_facts(spec: JobSpec) -> dict[str, Any]:
    """What an edit may change of a spec, by the names under which a history tells it."""
    limits = {f"limit {name}": value for name, value in asdict(spec.limits).items()}
    return limits | {f"parameter {name}": value for name, value in spec.order.parameters}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
