"""Which products each chain makes of each data take and slice, and what became of them: made, pending, missing and why.

Chains tell what is expected: one that assembles data takes makes Level-0 products of each; one of slices makes the
mandatory outputs of its task table of every product that it would take, whether that was made or not. So a Level-2
product whose Level-1 input is missing is missing for the same reason. Orders of campaigns, and chains that are switched
off, make nothing that is expected.

All queries are of many data takes at once: their number grows with the levels of the chains, not with the data takes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from s1pdgs.catalogue import takes
from s1pdgs.catalogue.tables import type_span
from s1pdgs.catalogue.takes import Standing, Take
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE, UNIX_EPOCH
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.expectations import facts
from s1pdgs.triggers.expectations.facts import Ordered
from s1pdgs.triggers.expectations.fates import Expectations, Expected
from s1pdgs.triggers.expectations.level0 import Holdings, absent, holdings, level_0, notes, places
from s1pdgs.triggers.expectations.slices import Batch, Slot, further, takes_type

SEARCHED = 2000
MOST = 20_000
"""Those of two satellites in three months."""
_BATCH = 100
_USUAL_PATIENCE_S = 36 * 3600.0


class TooManyError(ValueError):
    """A question is about more data takes than are read for one answer."""


def patience(chains: Chains) -> timedelta:
    """How long after sensing the data of a data take is waited for."""
    assembling = [route.chain.assembly.after_sensing_s for route in chains.routes if route.chain.unit == "datatake"]
    return timedelta(seconds=max(assembling, default=_USUAL_PATIENCE_S))


def expectations(
    connection: sa.Connection, chains: Chains, asked: Sequence[Take], now: datetime
) -> Iterator[Expectations]:
    """What is expected of data takes, in their order; a batch is read at a time."""
    for begin in range(0, len(asked), _BATCH):
        yield from _of_batch(connection, chains, asked[begin : begin + _BATCH], now)


def newest(
    connection: sa.Connection,
    chains: Chains,
    now: datetime,
    limit: int,
    *,
    since: datetime | None = None,
    standing: Standing | None = None,
) -> list[Expectations]:
    """The accounts of the data takes that begin since a moment, newest first; those to come are told when asked for by
    their standing. A standing is looked for among the newest `SEARCHED`.
    """
    begin = since or UNIX_EPOCH
    time = Interval(begin, FAR_FUTURE if standing is Standing.PLANNED else max(now, begin))
    found = takes.newest(connection, time, limit if standing is None else max(limit, SEARCHED))
    waits = patience(chains)
    chosen = [take for take in found if standing in (None, take.standing(now, waits))]
    return list(expectations(connection, chains, chosen[:limit], now))


def identified(
    connection: sa.Connection, chains: Chains, now: datetime, datatake: int, satellite: str | None = None
) -> list[Expectations]:
    """The accounts of a data take by its mission identifier, of all satellites unless told; RF has several."""
    return list(expectations(connection, chains, takes.identified(connection, datatake, satellite), now))


def within(connection: sa.Connection, chains: Chains, now: datetime, time: Interval) -> Iterator[Expectations]:
    """The accounts of all data takes that begin within a time, newest first; `TooManyError` for very many."""
    found = takes.newest(connection, time, MOST + 1)
    if len(found) > MOST:
        raise TooManyError(f"more than {MOST} data takes begin from {time.start} to {time.stop}; tell a shorter time")
    return expectations(connection, chains, found, now)


def period(
    connection: sa.Connection, now: datetime, length: timedelta, start: datetime | None, stop: datetime | None
) -> tuple[datetime, datetime]:
    """The time that an account is about: `length` until `stop`, or from `start` until now. When neither is told it
    ends now or, where no data take began in that time, with the newest one.
    """
    if start is None and stop is None:
        recent = takes.newest(connection, Interval(UNIX_EPOCH, now), 1)
        if recent and recent[0].interval.start < now - length:
            stop = recent[0].interval.stop
    stop = stop or now
    return start or stop - length, stop


def _of_batch(
    connection: sa.Connection, chains: Chains, asked: Sequence[Take], now: datetime
) -> Iterator[Expectations]:
    enabled = [route for route in chains.routes if route.chain.enabled]
    assembling = [route for route in enabled if route.chain.unit == "datatake"]
    slicing = [route for route in enabled if route.chain.unit == "slice"]
    kinds = connection.scalars(sa.select(type_span.c.type)).all()
    taken = frozenset(kind for kind in kinds if "_RAW__0" in kind or any(takes_type(each, kind) for each in slicing))
    held = _holdings(connection, asked, assembling, taken)
    batch = Batch(connection, asked, held, slicing, taken, now)
    waits = patience(chains)
    slots = _level_0(batch, assembling, waits)
    children: dict[int, list[int]] = {}
    frontier = list(range(len(slots)))
    while frontier:
        made_of = further(batch, [slots[index] for index in frontier])
        reached = len(slots)
        for index, found in zip(frontier, made_of, strict=True):
            children[index] = list(range(len(slots), len(slots) + len(found)))
            slots.extend(found)
        frontier = list(range(reached, len(slots)))
    roots = _by_take(slots, [index for index, slot in enumerate(slots) if not slot.path])
    for number, take in enumerate(asked):
        yield Expectations(
            take=take,
            standing=take.standing(now, waits),
            segments=held[number].segments,
            places=places(take, held[number]),
            expected=tuple(slots[index].expected for index in _in_order(roots.get(number, []), children)),
            notes=notes(take, held[number]),
        )


def _by_take(slots: Sequence[Slot], indices: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index in indices:
        found.setdefault(slots[index].take, []).append(index)
    return found


def _in_order(roots: Sequence[int], children: Mapping[int, list[int]]) -> Iterator[int]:
    """Each product before those that are made of it."""
    for index in roots:
        yield index
        yield from _in_order(children.get(index, []), children)


def _holdings(
    connection: sa.Connection, asked: Sequence[Take], assembling: Sequence[Route], taken: frozenset[str]
) -> list[Holdings]:
    identifiers = [take.datatake for take in asked if take.datatake is not None and take.is_received]
    products = facts.products_of(connection, identifiers, taken)
    reports = facts.reports_of(connection, [take.account.number for take in asked if take.account is not None])
    level_0_names = [made.name for group in products.values() for made in group if "_RAW__0" in made.type]
    makers = facts.makers_of(connection, level_0_names)
    assemblers = {route.name for route in assembling}
    return [
        holdings(
            take,
            products.get((take.satellite, -1 if take.datatake is None else take.datatake), ()),
            None if take.account is None else reports.get(take.account.number),
            makers,
            assemblers,
        )
        for take in asked
    ]


def _level_0(batch: Batch, assembling: Sequence[Route], waits: timedelta) -> list[Slot]:
    routes = [[each for each in assembling if _would_assemble(each, take)] for take in batch.takes]
    units = {key for take in batch.takes for key in _units(take)}
    names = {route.name for each in routes for route in each}
    ordered = facts.orders_of(batch.connection, names, units) if names and units else {}
    slots: list[Slot] = []
    for number, (take, held) in enumerate(zip(batch.takes, batch.held, strict=True)):
        own = [(route, _order_of(take, route, ordered)) for route in routes[number]]
        fate = absent(take, take.standing(batch.now, waits), waits)
        found = level_0(take, held, places(take, held), own, fate)
        slots.extend(Slot(number, expected, (), _older(held, expected)) for expected in found)
    return slots


def _would_assemble(route: Route, take: Take) -> bool:
    of_satellite = not route.chain.satellites or take.satellite in route.chain.satellites
    return of_satellite and takes_type(route, f"{take.prefix}_RAW__0S")


def _units(take: Take) -> list[str]:
    """What the order of a data take may be called: see `units.unit_key`, and `orders` for a mode beside another."""
    if take.datatake is None:
        return []
    if take.mode != "RF":
        return [take.name, f"{take.name}-{take.prefix}"]
    starts = (take.interval.start + timedelta(seconds=step) for step in (-1, 0, 1))
    return [f"{take.name}-{start:%Y%m%dT%H%M%S}" for start in starts]


def _order_of(take: Take, route: Route, ordered: Mapping[tuple[str, str], Ordered]) -> Ordered | None:
    """The order of a data take: of two with its identifier, the one that segments of its mode caused."""
    found = [each for unit in _units(take) if (each := ordered.get((route.name, unit))) is not None]
    of_mode = (each for each in found if each.row.trigger[4:6] in {take.prefix, take.mode})
    return next(of_mode, None)


def _older(held: Holdings, expected: Expected) -> tuple[str, ...]:
    """Versions of a slice that another one took the place of."""
    if held.report is None or expected.slice == 0:
        return ()
    superseded = held.report.superseded
    return tuple(
        made.name
        for made in held.products
        if made.type == expected.type and made.name in superseded and held.place_of(made) == expected.slice
    )
