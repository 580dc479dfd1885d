"""The order that a unit has, by a product of it; and the orders of what a new product replaces."""

from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.query import Held, find, of_datatake
from s1pdgs.model.job import OrderState
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.order_rows import end
from s1pdgs.triggers.segments import EDGE
from s1pdgs.triggers.units import deliveries_after, pass_until, unit_key


def known_order(
    connection: sa.Connection, route: Route, held: Held, campaign: int = 0
) -> tuple[str, sa.Row[Any] | None]:
    """The name of the unit that a product makes of a chain, and its order when there is one. Raises `UnitError`."""
    return _known(connection, route, held, unit_key(route.chain, held.product), campaign)


def _known(
    connection: sa.Connection, route: Route, held: Held, key: str, campaign: int
) -> tuple[str, sa.Row[Any] | None]:
    """What the unit of a product is called, and its order.

    RF characterisations of two polarisations start some packets apart, maybe in two seconds: they are one unit
    (RS-705). Segments of another mode under the identifier of a data take (a wrong header) are a unit beside it.
    """
    order, product = t.order.c, held.product
    of_chain = sa.select(t.order).where(order.chain == route.name, order.campaign == campaign)
    found = connection.execute(of_chain.where(order.unit == key)).first()
    if route.chain.unit != "datatake":
        return key, found
    if found is not None:
        trigger = find(connection, found.trigger)
        if trigger is None or trigger.product.type == product.type:
            return key, found
        key = f"{key}-{product.type[:2]}"
        return key, connection.execute(of_chain.where(order.unit == key)).first()
    if product.type.startswith("RF_"):
        beside = of_chain.where(
            order.unit.startswith(key.rpartition("-")[0], autoescape=True),
            order.start.between(product.validity.start - EDGE, product.validity.start + EDGE),
        )
        found = connection.execute(beside.order_by(order.id)).first()
    return key, found


def take_over(connection: sa.Connection, route: Route, held: Held) -> None:
    """End the orders that still wait for what a product replaces: they go on as its own."""
    replaced, what = _replaced(connection, route, held)
    waiting = sa.select(t.order.c.id).where(
        t.order.c.chain == route.name,
        t.order.c.unit.in_(replaced),
        t.order.c.state == OrderState.WAITING,
        t.order.c.campaign == 0,
    )
    for order in connection.scalars(waiting).all():
        end(connection, order, OrderState.DONE, f"it goes on with {held.name}, {what}")


def _replaced(connection: sa.Connection, route: Route, held: Held) -> tuple[list[str], str]:
    """The earlier deliveries of a session's pass, or the older versions of a slice."""
    product = held.product
    if route.chain.unit == "session":
        earlier = pass_until(connection, held)[:-1]
        return [other.name for other in earlier], "another delivery of its pass"
    number = product.attributes.get("sliceNumber")
    if route.chain.unit != "slice" or held.datatake is None or number is None:
        return [], ""
    versions = of_datatake(connection, product.satellite, held.datatake, [product.type])
    older = [
        other.name
        for other in versions
        if other.product.attributes.get("sliceNumber") == number and other.generation_time < held.generation_time
    ]
    return older, "a newer version of its slice"


def heir_of(connection: sa.Connection, route: Route, held: Held) -> str | None:
    """The last delivery of a session's pass that came later and is here already: it is processed with all of them."""
    if route.chain.unit != "session":
        return None
    later = [other.name for other in deliveries_after(connection, held) if route.chain.wants(other.product)]
    return later[-1] if later else None
