"""All that is known of one job, as JSON values and as lines for people."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import asdict

from s1pdgs.jobs import tables as t
from s1pdgs.jobs.listing import Action, Attempt, actions_of, attempts_of, find_job, inputs_of, outputs_of
from s1pdgs.jobs.queue import spec_of
from s1pdgs.model.job import JobState
from s1pdgs.model.time import format_iso


def details_of(connection: sa.Connection, number: int, now: datetime) -> dict[str, Any]:
    """A job with its limits, parameters, products, attempts and history; `UnknownJob` when there is none."""
    job, spec = find_job(connection, number), spec_of(connection, number)
    due = connection.scalar(sa.select(t.job.c.visible_at).where(t.job.c.id == number))
    return {
        "job": number,
        "chain": job.chain,
        "unit": job.unit,
        "order": job.order,
        "round": job.round,
        "state": job.state,
        "reason": job.reason,
        "progress": job.progress if job.state == JobState.RUNNING else None,
        "priority": job.priority,
        "timeliness": job.timeliness,
        "t0": format_iso(job.t0),
        "created": format_iso(job.created),
        "due": _iso(due) if job.state == JobState.READY else None,
        "started": _iso(job.started),
        "finished": _iso(job.finished),
        "duration_s": job.duration_s(now),
        "owner": job.owner,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "limits": asdict(spec.limits),
        "parameters": dict(spec.order.parameters),
        "inputs": inputs_of(connection, number),
        "outputs": outputs_of(connection, number),
        "attempts": [
            _json(entry, "started", "ended") | {"used": entry.used} for entry in attempts_of(connection, number)
        ],
        "history": [_json(entry, "at") for entry in actions_of(connection, number)],
    }


def as_lines(told: dict[str, Any]) -> list[str]:
    """What `details_of` tells, for people."""
    head = f"job {told['job']} is {told['state']}" + (f": {told['reason']}" if told["reason"] else "")
    facts = ("chain", "unit", "progress", "priority", "timeliness", "t0", "created", "due", "started", "finished")
    lines = [head, f"  order: {told['order']}, round {told['round']}"]
    lines += [f"  {name}: {told[name]}" for name in facts if told[name] is not None]
    lines += [f"  runs on: {told['owner']}"] if told["owner"] else []
    lines.append(f"  attempt: {told['attempt']}, parked after {told['max_attempts']} failures")
    limits = ", ".join(f"{name} {value:g}" for name, value in told["limits"].items() if value is not None)
    lines.append(f"  limits: {limits}")
    lines += [f"  parameter: {name}={value}" for name, value in told["parameters"].items()]
    lines += [f"  input: {name}" for name in told["inputs"]]
    lines += [f"  output: {name}" for name in told["outputs"]]
    lines += [f"  attempt {entry['number']}: {_attempt_line(entry)}" for entry in told["attempts"]]
    return lines + [f"  {entry['at']}: {_action_line(entry)}" for entry in told["history"]]


def change_lines(changes: dict[str, list[Any]]) -> list[str]:
    """The changes of an edit, one a line."""
    return [f"{name}: {_value(before)} -> {_value(after)}" for name, (before, after) in changes.items()]


def _attempt_line(entry: dict[str, Any]) -> str:
    told = f"{entry['outcome'] or 'runs'} on {entry['owner']} from {entry['started']}"
    told += f" to {entry['ended']}" if entry["ended"] else ""
    told += f", exit code {entry['exit_code']}" if entry["exit_code"] is not None else ""
    told += f", used {entry['used']}" if entry["used"] else ""
    return told + (f": {entry['reason']}" if entry["reason"] else "")


def _action_line(entry: dict[str, Any]) -> str:
    told = f"{entry['action']} by {entry['actor']}"
    told += f": {entry['reason']}" if entry["reason"] else ""
    return told + (f": {'; '.join(change_lines(entry['changes']))}" if entry["changes"] else "")


def _value(value: Any) -> str:
    return "none" if value is None else str(value)


def _json(entry: Attempt | Action, *times: str) -> dict[str, Any]:
    return asdict(entry) | {name: _iso(getattr(entry, name)) for name in times}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else format_iso(moment)
