"""Traces of tasks in the form that Copernicus ground segments watch: one JSON object a line (coprs.md section 7.1).

A task is told twice, when it begins and when it ends. Keys of `input` and `output` are snake case with their type at
the end, `filename_string` for one value and `filename_strings` for several.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from attrs import field, frozen

from s1pdgs.model.time import format_iso

MISSION = "S1"
MAX_CONTENT_CHARS = 250_000
MAX_VALUE_CHARS = 2048
_MAX_CHAIN_CHARS = 64

Trace = Mapping[str, Any]
Emit = Callable[[Trace], None]
_lock = threading.Lock()


class Status(StrEnum):
    """How a task ended."""

    OK = "OK"
    NOK = "NOK"
    TIMEOUT = "TIMEOUT"


@frozen
class Span:
    """A task between its two traces. `parent` is the task that it is a part of."""

    name: str
    chain: str
    version: str
    satellite: str
    started: datetime
    input: Mapping[str, Any]
    parent: "Span | None" = None
    uid: str = field(factory=lambda: str(uuid4()))


@frozen
class End:
    """How a task ended: `code` 0 is good; `missing` are product types that it should have made."""

    status: Status
    content: str
    code: int = 0
    output: Mapping[str, Any] = field(factory=dict)
    missing: Sequence[str] = ()


def nothing(_trace: Trace) -> None:
    """Where no traces are wanted."""


def print_trace(trace: Trace) -> None:
    """Write a trace as a line on standard error."""
    line = json.dumps(trace, ensure_ascii=False)
    with _lock:
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def names(stem: str, values: Sequence[str]) -> dict[str, Any]:
    """Strings under their key; a single one stands alone, none at all has no key."""
    cut = [value[:MAX_VALUE_CHARS] for value in values]
    if not cut:
        return {}
    return {f"{stem}_string": cut[0]} if len(cut) == 1 else {f"{stem}_strings": cut}


def begun(span: Span, content: str) -> Trace:
    """The trace of a task that begins."""
    task = {**_task(span, "BEGIN"), "input": dict(span.input)}
    return _trace(span, span.started, "INFO", content, task)


def ended(span: Span, end: End, now: datetime) -> Trace:
    """The trace of a task that has ended."""
    task = {
        **_task(span, "END"),
        "status": str(end.status),
        "error_code": end.code,
        "duration_in_seconds": round((now - span.started).total_seconds(), 6),
        "input": dict(span.input),
        "output": dict(end.output),
        "quality": {},
        "missing_output": [_missing(kind) for kind in end.missing],
    }
    return _trace(span, now, "INFO" if end.status is Status.OK else "ERROR", end.content, task)


def _task(span: Span, event: str) -> dict[str, Any]:
    child = {} if span.parent is None else {"child_of_task": span.parent.uid}
    return {"uid": span.uid, "name": span.name, "event": event, "satellite": span.satellite, **child}


def _missing(kind: str) -> dict[str, Any]:
    return {
        "product_metadata_custom_object": {"product_type_string": kind},
        "end_to_end_product_boolean": True,
        "estimated_count_integer": 1,
    }


def _trace(span: Span, time: datetime, level: str, content: str, task: Mapping[str, Any]) -> Trace:
    header = {
        "type": "REPORT",
        "timestamp": format_iso(time),
        "level": level,
        "mission": MISSION,
        "rs_chain_name": span.chain[:_MAX_CHAIN_CHARS],
        "rs_chain_version": span.version,
        "workflow": "NOMINAL",
    }
    return {"header": header, "message": {"content": content[:MAX_CONTENT_CHARS]}, "task": dict(task)}
