"""A wish as rows and lines for people and as JSON for machines."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.model.time import format_iso
from s1pdgs.triggers.explain.inquiry import explain
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.wanted.status import Outcome, WishStatus
from s1pdgs.triggers.wanted.wish import Placed


def rows_of(connection: sa.Connection, placed: Placed) -> list[dict[str, Any]]:
    """What was done for a wish, or would be, step by step."""
    return [
        {
            "wish": placed.wish,
            "action": str(step.action),
            "order": placed.orders.get(step, step.order),
            "chain": " > ".join(step.way),
            "unit": step.unit,
            "note": explain(connection, placed.orders[step]).summary if step in placed.orders else step.note,
        }
        for step in placed.steps
    ]


def as_row(told: WishStatus, now: datetime) -> dict[str, Any]:
    """A wish in brief."""
    ended = sum(part.outcome is not Outcome.OPEN for part in told.parts)
    return {
        "wish": told.number,
        "type": told.type,
        "outcome": f"{told.outcome}, late" if told.outcome is Outcome.OPEN and told.is_late(now) else str(told.outcome),
        "orders": f"{ended}/{len(told.parts)}",
        "products": len(told.products),
        "created": format_iso(told.created),
        "due": None if told.deadline is None else format_iso(told.deadline),
    }


def as_lines(told: WishStatus, now: datetime) -> Iterator[str]:
    """A wish in words."""
    brief = as_row(told, now)
    yield f"wish {told.number} for {told.type}: {brief['outcome']}, {brief['orders']} orders ended"
    if told.deadline is not None:
        ways = {"proceed": "orders go on with what is there", "expire": "orders expire"}
        yield f"  deadline {clock_time(told.deadline)}: {ways[told.at_deadline]}"
    for part in told.parts:
        yield f"  order {part.order} ({part.chain} of {part.unit}): {part.outcome}; {part.told}"
    yield from (f"  product {name}" for name in told.products)
    yield from (f"  {notice}" for notice in told.notices)
