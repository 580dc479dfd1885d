"""Orders: created by products, waiting as data, looked at again when news or their time comes, and turned into jobs.

An order is unique for its chain and unit, so a second event or a late segment never makes a second one; late data
opens another round of it (`rounds`). Its open needs are rows: a catalogued product finds the orders that want it in one
query. Functions work in the caller's transaction.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.bus.events import AnyEvent, JobDropped, JobFinished, JobParked, OrderReady, ProductCatalogued
from s1pdgs.bus.outbox import Outbox, Subscriber
from s1pdgs.catalogue.query import ANY_SATELLITE, Held, find
from s1pdgs.jobs import queue
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.model.job import OrderState
from s1pdgs.triggers import rounds
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.gates import MaskShelf, OutsideGate, check
from s1pdgs.triggers.inputs import resolve
from s1pdgs.triggers.needs import Need, clock_time
from s1pdgs.triggers.segments import EDGE, UnitError
from s1pdgs.triggers.specs import build_spec
from s1pdgs.triggers.types import table_type
from s1pdgs.triggers.units import Moment, Unit, excluded, gather, made_by, pass_until, unit_key
from s1pdgs.triggers.wishes import Wish, inherited, on_demand

logger = logging.getLogger(__name__)

SUBSCRIBER = "triggers"
_SWEEP_LIMIT = 200


class UnknownOrder(LookupError):  # noqa: N818
    """There is no order of this number."""


@frozen
class Planner:
    """What turns products into orders: the chains, where news goes, and the masks of their gates."""

    chains: Chains
    outbox: Outbox
    masks: MaskShelf = field(factory=MaskShelf)

    def subscriber(self) -> Subscriber:
        """The consumer of the news that orders depend on."""
        types = frozenset({"ProductCatalogued", "JobFinished", "JobParked", "JobDropped"})
        return Subscriber(SUBSCRIBER, types, lambda connection, event: on_event(self, connection, event))


def on_event(planner: Planner, connection: sa.Connection, event: AnyEvent) -> None:
    """Let news take effect on orders."""
    if isinstance(event, ProductCatalogued):
        on_catalogued(planner, connection, event)
    elif isinstance(event, JobFinished | JobParked | JobDropped):
        on_ended(planner, connection, event)


def on_catalogued(planner: Planner, connection: sa.Connection, event: ProductCatalogued) -> None:
    """Create the orders that a product causes and look again at those that wait for it."""
    held = find(connection, event.product)
    if held is None:
        return
    concerned = [
        order
        for route in planner.chains.routes
        if _takes(connection, route, held) and not made_by(connection, held.name, excluded(route.chain))
        for order in _offer(planner, connection, route, held)
    ]
    for order in dict.fromkeys([*concerned, *waiting_for(connection, held)]):
        evaluate(planner, connection, order)


def _takes(connection: sa.Connection, route: Route, held: Held) -> bool:
    """A chain that is switched off takes only products that were made on the way to what somebody wants of it."""
    if route.chain.enabled:
        return route.chain.wants(held.product)
    return on_demand(route).chain.wants(held.product) and inherited(connection, held.name, route.name) is not None


def on_ended(planner: Planner, connection: sa.Connection, event: JobFinished | JobParked | JobDropped) -> None:
    """The order of a finished job is done, that of a dropped one is dropped; data that came while a job ran opens
    another round when it has ended.
    """
    order = rounds.order_of(connection, event.job)
    if order is None:
        return
    if isinstance(event, JobFinished):
        connection.execute(
            t.order.update()
            .where(t.order.c.id == order, t.order.c.state == OrderState.PLANNED)
            .values(state=OrderState.DONE, reason=None)
        )
    if rounds.resume(connection, order, planner.outbox.clock.now()):
        evaluate(planner, connection, order)
    elif isinstance(event, JobDropped):
        _end(connection, order, OrderState.DROPPED, event.reason)


def sweep(planner: Planner, connection: sa.Connection, now: datetime) -> int:
    """Look at waiting orders whose time has come, and at late data whose job has ended; how many there were."""
    resumed = [order for order in rounds.with_late_data(connection) if rounds.resume(connection, order, now)]
    due = connection.scalars(
        sa.select(t.order.c.id)
        .where(t.order.c.state == OrderState.WAITING, t.order.c.check_at <= now)
        .order_by(t.order.c.check_at)
        .limit(_SWEEP_LIMIT)
    ).all()
    for order in dict.fromkeys([*resumed, *due]):
        evaluate(planner, connection, order)
    return len(due) + len(resumed)


def release(planner: Planner, connection: sa.Connection, order: int) -> bool:
    """An operator lets an order go on with gaps and without optional inputs; True when it has a job then."""
    return evaluate(planner, connection, order, released=True) is OrderState.PLANNED


def drop(connection: sa.Connection, order: int, reason: str, now: datetime) -> bool:
    """An operator gives an order up, with its job; False when it has ended already."""
    state = connection.scalar(sa.select(t.order.c.state).where(t.order.c.id == order))
    if state is None:
        raise UnknownOrder(f"there is no order {order}")
    if state not in (OrderState.WAITING, OrderState.PLANNED):
        return False
    job = rounds.job_of(connection, order)
    if job is not None and not queue.drop(connection, job.id, reason, now):
        return False
    _end(connection, order, OrderState.DROPPED, reason)
    return True


def waiting_for(connection: sa.Connection, held: Held) -> list[int]:
    """Orders with an open need that a product may meet."""
    product, need = held.product, t.order_need
    query = (
        sa.select(need.c.order_id)
        .join(t.order, t.order.c.id == need.c.order_id)
        .where(
            need.c.type == table_type(product.type),
            need.c.start <= product.validity.stop,
            need.c.stop >= product.validity.start,
            t.order.c.state == OrderState.WAITING,
        )
        .order_by(need.c.order_id)
        .distinct()
    )
    if product.satellite != ANY_SATELLITE:
        query = query.where(t.order.c.satellite == product.satellite)
    return list(connection.scalars(query))


def _offer(planner: Planner, connection: sa.Connection, route: Route, held: Held) -> Iterable[int]:
    """The order of a product's unit when it waits: created when there is none, opened again for late data."""
    product = held.product
    try:
        key, known = known_order(connection, route, held)
        if known is not None:
            if known.state == OrderState.WAITING or _opens_again(planner, connection, route, known, held):
                yield known.id
            return
    except UnitError as error:
        logger.warning("chain %s: no order for %s: %s", route.name, product.name, error)
        return
    _take_over(connection, route, held)
    yield _create(planner, connection, route, held, key, wish=inherited(connection, product.name, route.name))


def _create(
    planner: Planner, connection: sa.Connection, route: Route, held: Held, key: str, *, wish: Wish | None
) -> int:
    product = held.product
    created = connection.execute(
        t.order.insert().values(
            chain=route.name,
            unit=key,
            trigger=product.name,
            satellite=product.satellite,
            start=product.validity.start,
            stop=product.validity.stop,
            timeliness=product.timeliness or route.chain.timeliness,
            context={},
            state=OrderState.WAITING,
            created_at=planner.outbox.clock.now(),
            wanted=None if wish is None else wish.to_json(),
        )
    )
    number: int = created.inserted_primary_key[0]  # type: ignore[index]
    return number


def place(planner: Planner, connection: sa.Connection, route: Route, held: Held, wish: Wish) -> int:
    """The order of a product's unit as somebody wants it, its number: a new one, one that waits and now has the wish,
    or another round of one that was planned or has ended. `UnitError` when the product makes no unit of the chain.
    """
    key, known = known_order(connection, route, held)
    if known is None:
        number = _create(planner, connection, route, held, key, wish=wish)
    else:
        number = known.id
        connection.execute(t.order.update().where(t.order.c.id == number).values(wanted=wish.to_json()))
        if known.state != OrderState.WAITING:
            rounds.again(connection, number, planner.outbox.clock.now())
    evaluate(planner, connection, number)
    return number


def known_order(connection: sa.Connection, route: Route, held: Held) -> tuple[str, sa.Row[Any] | None]:
    """The name of the unit that a product makes of a chain, and its order when there is one. Raises `UnitError`."""
    return _known(connection, route, held, unit_key(route.chain, held.product))


def _opens_again(planner: Planner, connection: sa.Connection, route: Route, order: sa.Row[Any], held: Held) -> bool:
    """Sessions and slices are whole when they come; a data take grows."""
    is_growing = route.chain.unit == "datatake"
    return is_growing and rounds.take_up(connection, route.chain, order, held, planner.outbox.clock.now())


def _known(connection: sa.Connection, route: Route, held: Held, key: str) -> tuple[str, sa.Row[Any] | None]:
    """What the unit of a product is called, and its order.

    RF characterisations of two polarisations start some packets apart, maybe in two seconds: they are one unit
    (RS-705). Segments of another mode under the identifier of a data take (a wrong header) are a unit beside it.
    """
    order, product = t.order.c, held.product
    of_chain = sa.select(t.order).where(order.chain == route.name)
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


def _take_over(connection: sa.Connection, route: Route, held: Held) -> None:
    """Earlier deliveries of the same pass that still wait go into the order of the newest one."""
    if route.chain.unit != "session":
        return
    earlier = [other.name for other in pass_until(connection, held) if other.name != held.name]
    waiting = sa.select(t.order.c.id).where(
        t.order.c.chain == route.name, t.order.c.unit.in_(earlier), t.order.c.state == OrderState.WAITING
    )
    for order in connection.scalars(waiting).all():
        _end(connection, order, OrderState.DONE, f"it goes on with {held.name}, another delivery of its pass")


def evaluate(planner: Planner, connection: sa.Connection, order: int, *, released: bool = False) -> OrderState:
    """Look at a waiting order: it gets its job, goes on waiting with a reason, or expires. Its state then."""
    row = connection.execute(sa.select(t.order).where(t.order.c.id == order)).first()
    if row is None:
        raise UnknownOrder(f"there is no order {order}")
    if row.state != OrderState.WAITING:
        return OrderState(row.state)
    route, trigger = planner.chains.named(row.chain), find(connection, row.trigger)
    if route is None or trigger is None:
        return _stay(connection, order, f"chain {row.chain} is not configured any more; add it or drop the order")
    if row.wanted is not None:
        route = on_demand(route)
    moment = Moment(row.opened_at or row.created_at, planner.outbox.clock.now(), released)
    try:
        masks = check(connection, planner.masks, route.chain, trigger, moment)
        unit = gather(connection, route.chain, trigger, moment)
    except UnitError as error:
        logger.info("chain %s: %s is not processed: %s", route.name, trigger.name, error)
        state = OrderState.DROPPED if isinstance(error, OutsideGate) else OrderState.EXPIRED
        return _end(connection, order, state, str(error))
    resolution = resolve(connection, route, unit, moment)
    needs = [*masks, *unit.needs, *resolution.needs]
    if not needs:
        return _plan(planner, connection, row, build_spec(route, unit, row.unit, resolution), unit)
    gives_up = moment.created + timedelta(seconds=route.chain.give_up_after_s)
    if moment.now >= gives_up:
        lacking = "; ".join(str(need) for need in needs)
        return _end(connection, order, OrderState.EXPIRED, f"gave up waiting at {clock_time(gives_up)} for {lacking}")
    return _wait(connection, order, unit, needs, gives_up)


def _wait(connection: sa.Connection, order: int, unit: Unit, needs: list[Need], gives_up: datetime) -> OrderState:
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
            **_facts(unit),
            reason=f"waiting for {'; '.join(str(need) for need in needs)}",
            check_at=min([*ends, gives_up]),
        )
    )
    return OrderState.WAITING


def _plan(planner: Planner, connection: sa.Connection, order: sa.Row[Any], spec: JobSpec, unit: Unit) -> OrderState:
    """Give an order the job of its round, unless another process was quicker."""
    taken = (
        t.order.update()
        .where(t.order.c.id == order.id, t.order.c.state == OrderState.WAITING, t.order.c.round == order.round)
        .values(**_facts(unit), state=OrderState.PLANNED, reason=None, check_at=None)
    )
    wish = Wish.from_json(order.wanted)
    if connection.execute(taken).rowcount == 1:
        connection.execute(t.order_need.delete().where(t.order_need.c.order_id == order.id))
        now, priority = planner.outbox.clock.now(), None if wish is None else wish.priority
        spec = spec if wish is None else wish.applied(spec)
        job = queue.enqueue(connection, spec, order.id, now, order.round, priority=priority)
        planner.outbox.emit(connection, OrderReady(order.id, job))
    return OrderState.PLANNED


def _facts(unit: Unit) -> dict[str, Any]:
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


def _stay(connection: sa.Connection, order: int, reason: str) -> OrderState:
    connection.execute(t.order.update().where(t.order.c.id == order).values(reason=reason, check_at=None))
    return OrderState.WAITING


def _end(connection: sa.Connection, order: int, state: OrderState, reason: str) -> OrderState:
    connection.execute(t.order_need.delete().where(t.order_need.c.order_id == order))
    ended = {"state": state, "reason": reason, "check_at": None, "late": False}
    connection.execute(t.order.update().where(t.order.c.id == order).values(ended))
    return state
