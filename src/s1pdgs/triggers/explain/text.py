"""An inquiry into an order as lines for people and as JSON for machines."""

from collections.abc import Iterator
from typing import Any

from s1pdgs.model.interval import Interval
from s1pdgs.model.time import format_iso
from s1pdgs.triggers.explain.inputs import Asked, InputExplained, Verdict
from s1pdgs.triggers.explain.inquiry import Inquiry
from s1pdgs.triggers.needs import Need, clock_time

SHOWN = 8
"""Refused candidates of one way to meet an input that are told to people; machines get all."""


def as_lines(inquiry: Inquiry, *, in_past: bool = False) -> list[str]:
    """The inquiry in words; `in_past` tells that a moment was asked for."""
    lines = str(inquiry.explanation).splitlines()
    lines.append(f"as of {clock_time(inquiry.moment)}: {inquiry.outcome}")
    if in_past:
        lines.extend(f"  lacks {need}" for need in inquiry.needs)
    lines.extend(line for entry in inquiry.inputs for line in _input_lines(entry))
    lines.extend(f"deadline: {text}" for text in inquiry.deadlines)
    return lines


def _input_lines(entry: InputExplained) -> Iterator[str]:
    kind = "mandatory" if entry.mandatory else "optional"
    yield f"  input {entry.input} ({kind}): {', '.join(entry.met_by) or 'not met'}"
    for asked in entry.ways:
        window = f"{clock_time(asked.window.start)} to {clock_time(asked.window.stop)}"
        yield f"    {asked.type} by {asked.policy} for {window}"
        yield from _verdict_lines(asked)


def _verdict_lines(asked: Asked) -> Iterator[str]:
    if not asked.verdicts:
        yield "      the catalogue holds none of this type"
    refused = [verdict for verdict in asked.verdicts if not verdict.taken]
    for verdict in asked.verdicts:
        if verdict.taken:
            yield f"      taken    {verdict.product}: {verdict.reason}"
    for verdict in refused[:SHOWN]:
        yield f"      refused  {verdict.product}: {verdict.reason}"
    if len(refused) > SHOWN:
        yield f"      and {len(refused) - SHOWN} more refused (--json tells all)"


def to_json(inquiry: Inquiry) -> dict[str, Any]:
    """The inquiry as JSON values; times are ISO 8601."""
    told = inquiry.explanation
    return {
        "order": told.order,
        "chain": told.chain,
        "unit": told.unit,
        "state": told.state,
        "summary": told.summary,
        "next": told.next_step,
        "open": [_need(need) for need in told.needs],
        "as_of": format_iso(inquiry.moment),
        "outcome": inquiry.outcome,
        "lacks": [_need(need) for need in inquiry.needs],
        "inputs": [_input(entry) for entry in inquiry.inputs],
        "deadlines": list(inquiry.deadlines),
    }


def _need(need: Need) -> dict[str, Any]:
    until = None if need.until is None else format_iso(need.until)
    return {"input": need.input, "types": need.types, **_span(need.window), "until": until, "detail": need.detail}


def _input(entry: InputExplained) -> dict[str, Any]:
    return {
        "input": entry.input,
        "mandatory": entry.mandatory,
        "met_by": entry.met_by,
        "ways": [
            {
                "type": asked.type,
                "policy": asked.policy,
                **_span(asked.window),
                "candidates": [_verdict(verdict) for verdict in asked.verdicts],
            }
            for asked in entry.ways
        ],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "product": verdict.product, **_span(verdict.validity), "taken": verdict.taken, "reason": verdict.reason
    }  # fmt: skip


def _span(span: Interval) -> dict[str, str]:
    return {"start": format_iso(span.start), "stop": format_iso(span.stop)}
