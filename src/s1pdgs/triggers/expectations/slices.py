"""What chains make of slices, and of what was made of those: one level of expected products after the other."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.takes import Take
from s1pdgs.formats.tasktable import Destination
from s1pdgs.model.product import AttributeValue
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.expectations import facts
from s1pdgs.triggers.expectations.facts import Ordered
from s1pdgs.triggers.expectations.fates import Cause, Expected, Fate, Made, State
from s1pdgs.triggers.expectations.level0 import Holdings, of_made, of_order
from s1pdgs.triggers.types import catalogue_types, table_type
from s1pdgs.triggers.units import excluded

_SOON = timedelta(minutes=10)
_PRODUCT = re.compile(r"^[A-Z0-9]{2}_[A-Z]{3}[A-Z_]_[0-2][SACN_]$")


@frozen
class Batch:
    """Some data takes with what is held of each, the chains that make slices, and the types whose products are told
    with their attributes.
    """

    connection: sa.Connection
    takes: Sequence[Take]
    held: Sequence[Holdings]
    slicing: Sequence[Route]
    with_attributes: frozenset[str]
    now: datetime


@frozen
class Slot:
    """An expected product as something that further chains take: the index of its data take, the chains before it, and
    the names of versions of it that were superseded.
    """

    take: int
    expected: Expected
    path: tuple[str, ...]
    older: tuple[str, ...] = ()


@frozen
class _Work:
    """What chains do with some products: their orders by chain and unit, the products that these made, the types that
    a chain makes of a prefix, and the products from elsewhere.
    """

    orders: Mapping[tuple[str, str], Ordered]
    made: Mapping[str, Made]
    makes: Mapping[tuple[str, str], Sequence[str]]
    foreign: frozenset[str]


def takes_type(route: Route, kind: str) -> bool:
    """True when products of a type trigger a chain, as far as the type tells. A type may lack its swath (`SM_`)."""
    return _takes(route.chain.types, kind)


@cache
def _takes(patterns: tuple[str, ...], kind: str) -> bool:
    return any(re.fullmatch(text, each) for text in patterns for each in catalogue_types(kind, None))


def further(batch: Batch, slots: Sequence[Slot]) -> list[list[Slot]]:
    """What the chains of slices make of each of some expected products."""
    wanted = [[route for route in batch.slicing if _wants(route, batch.takes[slot.take], slot)] for slot in slots]
    pairs = [(route, slot) for slot, routes in zip(slots, wanted, strict=True) for route in routes]
    work = _work(batch, pairs)
    return [
        [child for route in routes for child in _children(batch, work, route, slot)]
        for slot, routes in zip(slots, wanted, strict=True)
    ]


def _wants(route: Route, take: Take, slot: Slot) -> bool:
    chain, base = route.chain, slot.expected
    if not takes_type(route, base.type) or (chain.satellites and take.satellite not in chain.satellites):
        return False
    if route.name in slot.path or base.chain in excluded(chain):
        return False
    attributes = _attributes(base)
    return all(attributes.get(name, None if base.made else value) == value for name, value in chain.where.items())


def _attributes(base: Expected) -> Mapping[str, AttributeValue]:
    """Those of a product, or those that it will have for certain."""
    if base.made is not None:
        return base.made.attributes
    return {"sliceProductFlag": base.slice > 0, "productClass": base.type[-1]}


def _work(batch: Batch, pairs: Sequence[tuple[Route, Slot]]) -> _Work:
    chains = {route.name for route, _ in pairs}
    units = {name for _, slot in pairs for name in _names(slot)}
    orders = facts.orders_of(batch.connection, chains, units) if units else {}
    made_here = {name for ordered in orders.values() for name in ordered.outputs}
    concerned = {slot.take for _, slot in pairs}
    held = {made.name: made for number in concerned for made in batch.held[number].products}
    made = held | facts.named(batch.connection, made_here - set(held), batch.with_attributes)
    routes = {(route.name, slot.expected.type[:2]): route for route, slot in pairs}
    makes = {(name, prefix): made_types(route, prefix) for (name, prefix), route in routes.items()}
    kinds = {kind for found in makes.values() for kind in found}
    rest = [name for name, each in held.items() if each.type in kinds and name not in made_here]
    return _Work(orders, made, makes, frozenset(rest) - set(facts.makers_of(batch.connection, rest)))


def _names(slot: Slot) -> tuple[str, ...]:
    made = slot.expected.made
    return slot.older if made is None else (*slot.older, made.name)


def made_types(route: Route, prefix: str) -> list[str]:
    """The types that a chain must make of a product whose type has this prefix: those that its task table calls
    mandatory, or the measurements where it calls none so.
    """
    outputs = [output for task in route.table.tasks for output in task.outputs]
    kept = [each for each in outputs if each.destination is not Destination.TASK and _PRODUCT.match(each.type)]
    kinds = [each.type for each in kept if each.mandatory] or [each.type for each in kept if each.type[-1] == "S"]
    family = table_type(f"{prefix}_RAW__0S")[:2]
    own = [kind for kind in kinds if kind[:2] == family] or kinds
    return list(dict.fromkeys(f"{prefix}{kind[2:]}" if kind[:2] == family else kind for kind in own))


def _children(batch: Batch, work: _Work, route: Route, slot: Slot) -> list[Slot]:
    base, found = slot.expected, []
    name = base.type if base.made is None else base.made.name
    ordered = work.orders.get((route.name, name))
    for kind in work.makes[route.name, base.type[:2]]:
        made = _made(work, ordered, kind) or _from_elsewhere(batch, work, slot, kind)
        older = _of_older(work, route, slot, kind)
        child = Expected(
            chain=route.name,
            type=kind,
            of=name,
            slice=base.slice,
            fate=of_made(made) if made else _fate(batch, slot, kind, (route, ordered), older),
            made=made,
            order=None if ordered is None else ordered.row.id,
            job=None if ordered is None or ordered.job is None else ordered.job.id,
            steps=None if ordered is None else ordered.steps,
        )
        found.append(Slot(slot.take, child, (*slot.path, route.name), older))
    return found


def _made(work: _Work, ordered: Ordered | None, kind: str) -> Made | None:
    """The newest product of a type that an order made."""
    outputs = () if ordered is None else ordered.outputs
    found = [work.made[name] for name in outputs if name in work.made and work.made[name].type == kind]
    return max(found, key=lambda made: (made.generated, made.id), default=None)


def _from_elsewhere(batch: Batch, work: _Work, slot: Slot, kind: str) -> Made | None:
    """The newest product of a type that no job here made and that shows the middle of the input."""
    if slot.expected.made is None:
        return None
    middle = slot.expected.made.interval.centre
    found = (
        made
        for made in batch.held[slot.take].products
        if made.type == kind and made.name in work.foreign and made.interval.start <= middle <= made.interval.stop
    )
    return max(found, key=lambda made: (made.generated, made.id), default=None)


def _of_older(work: _Work, route: Route, slot: Slot, kind: str) -> tuple[str, ...]:
    """What was made of superseded versions of the input."""
    found = (_made(work, work.orders.get((route.name, name)), kind) for name in slot.older)
    return tuple(made.name for made in found if made is not None)


def _fate(batch: Batch, slot: Slot, kind: str, by: tuple[Route, Ordered | None], older: Sequence[str]) -> Fate:
    """What became of a product that is not here; `by` are the chain that makes it and its order."""
    base, (route, ordered) = slot.expected, by
    if base.made is None:
        why = base.fate.why if base.fate.inherited else f"{base.type} is {base.state}: {base.fate.why}"
        return Fate(base.state, why, base.fate.cause, inherited=True)
    if ordered is not None:
        return of_order(ordered)
    if batch.now - base.made.catalogued_at < _SOON:
        return Fate(State.PENDING, f"{route.name} has not looked at {base.made.name} yet")
    if older:
        why = f"{older[-1]} was made of an older version; {route.name} has no order for {base.made.name}"
        return Fate(State.MISSING, why, Cause.SUPERSEDED)
    why = f"{route.name} has no order for it: s1pdgs order make {kind} --for {base.made.name}"
    return Fate(State.MISSING, why, Cause.NO_ORDER)
