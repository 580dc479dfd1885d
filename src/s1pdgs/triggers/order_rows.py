"""What becomes of an order, written into its row. Functions work in the caller's transaction."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from s1pdgs.model.job import OrderState
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.needs import Need
from s1pdgs.triggers.units import Unit


def wait(connection: sa.Connection, order: int, unit: Unit, needs: list[Need], gives_up: datetime) -> OrderState:
    """An order waits on, for these needs."""
    connection.execute(t.order_need.delete().where(t.order_need.c.order_id == order))
    rows = [
        {
            "order_id": order,
            "input": need.input,
            "type": kind,
            "start": need.window.start,
            "stop": need.window.stop,
            "mandatory": need.mandatory,
            "until": need.until,
            "detail": need.detail,
        }
        for need in needs
        for kind in need.types
    ]
    connection.execute(t.order_need.insert(), rows)
    ends = [need.until for need in needs if need.until is not None]
    connection.execute(
        t.order.update()
        .where(t.order.c.id == order)
        .values(
            **facts(unit),
            reason=f"waiting for {'; '.join(str(need) for need in needs)}",
            check_at=min([*ends, gives_up]),
        )
    )
    return OrderState.WAITING


def facts(unit: Unit) -> dict[str, Any]:
    """What an order's row tells of its unit."""
    return {
        "start": unit.whole.start,
        "stop": unit.whole.stop,
        "timeliness": unit.timeliness,
        "context": {
            "products": [held.name for held in unit.products],
            "datatake": unit.datatake,
            "slice": unit.slice_number,
            "slices": unit.total_slices,
        },
    }


def stay(connection: sa.Connection, order: int, reason: str) -> OrderState:
    """An order waits on, for a reason that no product ends."""
    connection.execute(t.order.update().where(t.order.c.id == order).values(reason=reason, check_at=None))
    return OrderState.WAITING


def end(connection: sa.Connection, order: int, state: OrderState, reason: str) -> OrderState:
    """An order is over."""
    connection.execute(t.order_need.delete().where(t.order_need.c.order_id == order))
    ended = {"state": state, "reason": reason, "check_at": None, "late": False}
    connection.execute(t.order.update().where(t.order.c.id == order).values(ended))
    return state
