"""Orders: created by products, waiting as data, looked at again when news or their time comes, and turned into jobs.

An order is unique for its chain and unit, so a second event or a late segment never makes a second one; late data
opens another round of it (`rounds`). Its open needs are rows: a catalogued product finds the orders that want it in one
query. Orders of a campaign stand beside the systematic ones of the same units: their chains are pinned, they never wait
for data, and what they make causes orders of the same campaign only. Functions work in the caller's transaction.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import evolve, field, frozen

from s1pdgs.bus.events import (
    AnyEvent,
    JobDropped,
    JobFinished,
    JobParked,
    OrderReady,
    ProductCatalogued,
    ProductRestored,
)
from s1pdgs.bus.outbox import Outbox, Subscriber
from s1pdgs.catalogue.query import ANY_SATELLITE, Held, find
from s1pdgs.jobs import queue
from s1pdgs.jobs.spec import OPTIONS, JobSpec
from s1pdgs.model.job import OrderState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers import rounds
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.baseline import CAMPAIGN
from s1pdgs.triggers.campaigns.pins import Lane, Lanes, goes_on
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.gates import MaskShelf, OutsideGate, check
from s1pdgs.triggers.inputs import resolve
from s1pdgs.triggers.known_orders import heir_of, known_order, take_over
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.order_rows import end, facts, stay, wait
from s1pdgs.triggers.segments import UnitError
from s1pdgs.triggers.specs import build_spec
from s1pdgs.triggers.types import table_type
from s1pdgs.triggers.units import Moment, Unit, excluded, gather, made_by
from s1pdgs.triggers.wanted.deadlines import Due, due_of
from s1pdgs.triggers.wanted.inheritance import Wish, inherited, link, on_demand, pass_on

logger = logging.getLogger(__name__)

SUBSCRIBER = "triggers"
NEWS = frozenset({"ProductCatalogued", "ProductRestored", "JobFinished", "JobParked", "JobDropped"})
"""The types of events that change orders."""
ITS_TURN = "waits for its turn in the campaign"
_SWEEP_LIMIT = 200


class UnknownOrder(LookupError):  # noqa: N818
    """There is no order of this number."""


@frozen
class Planner:
    """What turns products into orders: the chains, where news goes, and the masks of their gates."""

    chains: Chains
    outbox: Outbox
    masks: MaskShelf = field(factory=MaskShelf)
    lanes: Lanes = field(factory=Lanes)

    def lane(self, connection: sa.Connection, campaign: int) -> Lane:
        """The chains and the baseline of systematic work (0) or of a campaign."""
        return self.lanes.of(connection, campaign) if campaign else Lane(self.chains)

    def subscriber(self) -> Subscriber:
        """The consumer of the news that orders depend on."""
        return Subscriber(SUBSCRIBER, NEWS, lambda connection, event: on_event(self, connection, event))


def on_event(planner: Planner, connection: sa.Connection, event: AnyEvent) -> None:
    """Let news take effect on orders."""
    if isinstance(event, ProductCatalogued):
        on_catalogued(planner, connection, event)
    elif isinstance(event, ProductRestored):
        on_restored(planner, connection, event)
    elif isinstance(event, JobFinished | JobParked | JobDropped):
        on_ended(planner, connection, event)


def on_catalogued(planner: Planner, connection: sa.Connection, event: ProductCatalogued) -> None:
    """Create the orders that a product causes and look again at those that wait for it."""
    held = find(connection, event.product)
    if held is None:
        return
    if CAMPAIGN in held.product.attributes:
        _go_on(planner, connection, held)
        return
    if OPTIONS in held.product.attributes:
        return
    concerned = [
        order
        for route in planner.chains.routes
        if _takes(connection, route, held) and not made_by(connection, held.name, excluded(route.chain))
        for order in _offer(planner, connection, route, held)
    ]
    for order in dict.fromkeys([*concerned, *waiting_for(connection, held)]):
        evaluate(planner, connection, order)


def on_restored(planner: Planner, connection: sa.Connection, event: ProductRestored) -> None:
    """Look again at the orders that wait for a product whose files are back; it causes none a second time."""
    held = find(connection, event.product)
    if held is not None and held.evicted_at is None:
        for order in waiting_for(connection, held):
            evaluate(planner, connection, order)


def _go_on(planner: Planner, connection: sa.Connection, held: Held) -> None:
    """Create the orders of the same campaign that its product causes; they wait for their turn (`campaigns.steps`)."""
    order = rounds.maker_of(connection, held.name)
    if order is None or order.campaign == 0 or not goes_on(connection, order.campaign):
        return
    lane = planner.lane(connection, order.campaign)
    for route in lane.chains.routes:
        wish = inherited(connection, held.name, route.name)
        if wish is not None and route.chain.wants(held.product):
            queue_up(planner, connection, lane, held, route=route, wish=wish)


def queue_up(
    planner: Planner, connection: sa.Connection, lane: Lane, held: Held, *, route: Route, wish: Wish
) -> int | None:
    """Create an order of a campaign, not looked at yet; None when its unit has one. Raises `UnitError`."""
    key, known = known_order(connection, route, held, lane.number)
    if known is not None:
        return None
    number = _create(planner, connection, route, held, key, wish=wish, campaign=lane.number)
    stay(connection, number, ITS_TURN)
    return number


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
        end(connection, order, OrderState.DROPPED, event.reason)


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
    """An operator lets an order go on with gaps and without optional inputs, where gates refuse it, and though it has
    ended without a job; True when it has a job then.
    """
    rounds.revive(connection, order, planner.outbox.clock.now())
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
    end(connection, order, OrderState.DROPPED, reason)
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
            pass_on(connection, product.name, route, known)
            if known.state == OrderState.WAITING or _opens_again(planner, connection, route, known, held):
                yield known.id
            return
    except UnitError as error:
        logger.warning("chain %s: no order for %s: %s", route.name, product.name, error)
        return
    take_over(connection, route, held)
    number = _create(planner, connection, route, held, key, wish=inherited(connection, product.name, route.name))
    pass_on(connection, product.name, route, number)
    heir = heir_of(connection, route, held)
    if heir is None:
        yield number
    else:
        end(connection, number, OrderState.DONE, f"it goes on with {heir}, another delivery of its pass")


def _create(
    planner: Planner,
    connection: sa.Connection,
    route: Route,
    held: Held,
    key: str,
    *,
    wish: Wish | None,
    campaign: int = 0,
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
            campaign=campaign,
        )
    )
    number: int = created.inserted_primary_key[0]  # type: ignore[index]
    return number


def place(
    planner: Planner, connection: sa.Connection, route: Route, held: Held, wish: Wish, *, identity: int | None = None
) -> int:
    """The order of a product's unit as somebody wants it, its number: a new one, one that waits and now has the wish,
    or another round of one that was planned or has ended. It belongs to the wish of this identity, when there is one.
    `UnitError` when the product makes no unit of the chain.
    """
    key, known = known_order(connection, route, held)
    if known is None:
        number = _create(planner, connection, route, held, key, wish=wish)
    else:
        number = known.id
        connection.execute(t.order.update().where(t.order.c.id == number).values(wanted=wish.to_json()))
        if known.state != OrderState.WAITING:
            rounds.again(connection, number, planner.outbox.clock.now())
    if identity is not None:
        row = connection.execute(sa.select(t.order).where(t.order.c.id == number)).one()
        own = known is None or known.state != OrderState.WAITING
        link(connection, identity, row, wish.way, own=own)
    evaluate(planner, connection, number)
    return number


def _opens_again(planner: Planner, connection: sa.Connection, route: Route, order: sa.Row[Any], held: Held) -> bool:
    """Sessions and slices are whole when they come; a data take grows."""
    is_growing = route.chain.unit == "datatake"
    return is_growing and rounds.take_up(connection, route.chain, order, held, planner.outbox.clock.now())


def evaluate(planner: Planner, connection: sa.Connection, order: int, *, released: bool = False) -> OrderState:
    """Look at a waiting order: it gets its job, goes on waiting with a reason, or expires. Its state then.

    One that an operator releases goes on with what there is, and asks no gates.
    """
    row = connection.execute(sa.select(t.order).where(t.order.c.id == order)).first()
    if row is None:
        raise UnknownOrder(f"there is no order {order}")
    if row.state != OrderState.WAITING:
        return OrderState(row.state)
    lane = planner.lane(connection, row.campaign)
    route, trigger = lane.route(row.chain), find(connection, row.trigger)
    if route is None or trigger is None:
        return stay(connection, order, f"chain {row.chain} is not configured any more; add it or drop the order")
    if released or (row.wanted is not None and not lane.number):
        route = on_demand(route)
    now, due = planner.outbox.clock.now(), due_of(connection, order)
    if due.expires(now):
        return end(connection, order, OrderState.EXPIRED, f"{due} passed")
    released = released or due.proceeds(now) or lane.number > 0
    moment = Moment(row.opened_at or row.created_at, now, released, lane.baseline)
    return _decide(planner, connection, row, _Case(lane, route, trigger, moment, due))


@frozen
class _Case:
    """What an order is judged by."""

    lane: Lane
    route: Route
    trigger: Held
    moment: Moment
    due: Due


def _decide(planner: Planner, connection: sa.Connection, row: sa.Row[Any], case: _Case) -> OrderState:
    route, moment, campaign = case.route, case.moment, case.lane.baseline.campaign
    try:
        masks = check(connection, planner.masks, route.chain, case.trigger, moment)
        unit = gather(connection, route.chain, case.trigger, moment)
    except UnitError as error:
        logger.info("chain %s: %s is not processed: %s", route.name, row.trigger, error)
        state = OrderState.REFUSED if isinstance(error, OutsideGate) else OrderState.EXPIRED
        return end(connection, row.id, state, str(error))
    if campaign is not None:
        unit = evolve(unit, timeliness=Timeliness.NTC, t0=moment.created)
    resolution = resolve(connection, route, unit, moment)
    needs = [*masks, *unit.needs, *resolution.needs]
    if not needs:
        spec = build_spec(route, unit, row.unit, resolution, campaign)
        return _plan(planner, connection, row, spec, unit, own=case.due.own)
    gives_up = moment.created + timedelta(seconds=route.chain.give_up_after_s)
    why = None
    if campaign is not None:
        why = "the baseline of the campaign lacks"
    elif case.due.own and case.due.proceeds(moment.now):
        why = f"{case.due} passed, and it lacks"
    elif moment.now >= gives_up:
        why = f"gave up waiting at {clock_time(gives_up)} for"
    if why is None:
        return wait(connection, row.id, unit, needs, gives_up)
    return end(connection, row.id, OrderState.EXPIRED, f"{why} {'; '.join(str(need) for need in needs)}")


def _plan(
    planner: Planner, connection: sa.Connection, order: sa.Row[Any], spec: JobSpec, unit: Unit, *, own: bool
) -> OrderState:
    """Give an order the job of its round, unless another process was quicker."""
    taken = (
        t.order.update()
        .where(t.order.c.id == order.id, t.order.c.state == OrderState.WAITING, t.order.c.round == order.round)
        .values(**facts(unit), state=OrderState.PLANNED, reason=None, check_at=None)
    )
    wish = Wish.from_json(order.wanted)
    if connection.execute(taken).rowcount == 1:
        connection.execute(t.order_need.delete().where(t.order_need.c.order_id == order.id))
        now, priority = planner.outbox.clock.now(), None if wish is None else wish.priority
        spec = spec if wish is None else wish.applied(spec, own=own)
        job = queue.enqueue(connection, spec, order.id, now, order.round, priority=priority)
        planner.outbox.emit(connection, OrderReady(order.id, job))
    return OrderState.PLANNED
