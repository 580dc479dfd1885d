"""From the inputs of a task table to products of the catalogue: alternatives, policies, waiting times."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.choice import choose
from s1pdgs.catalogue.query import Held, of_datatake
from s1pdgs.catalogue.selection import policy_named, select
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.formats.tasktable import Alternative, Origin, TaskInput
from s1pdgs.model.interval import Interval
from s1pdgs.triggers.baseline import Baseline
from s1pdgs.triggers.chains import Chain, Route
from s1pdgs.triggers.needs import ANY_TIME, Need
from s1pdgs.triggers.types import catalogue_types, level_0_class
from s1pdgs.triggers.units import Moment, Unit, inner

CONFIGURED = frozenset({"AUX_PP1", "AUX_PP2", "AUX_CAL", "AUX_INS"})
"""Types that must have the instrument configuration of the data."""
ORBITS = frozenset({"AUX_POE", "AUX_RES", "AUX_PRE"})
"""Types that must serve the whole data take, so that its slices fit together."""

ERROR_MATRICES = "AUX_ECE"
"""The type that has a file for each polarisation that is sent."""


@frozen
class Choice:
    """How an input is met: by products, or (`products` empty) by what an earlier task leaves."""

    alternative: Alternative
    products: tuple[Held, ...]


@frozen
class Resolution:
    """Choices for the inputs that are met, needs for those that are waited for; other optional inputs are left out."""

    choices: Mapping[TaskInput, Choice]
    needs: tuple[Need, ...]


def resolve(connection: sa.Connection, route: Route, unit: Unit, moment: Moment) -> Resolution:
    """Look for every input of a route in the catalogue."""
    choices: dict[TaskInput, Choice] = {}
    needs: list[Need] = []
    for entry in route.inputs():
        choice = _choose(connection, entry, unit, moment.baseline)
        if choice is not None:
            choices[entry] = choice
            continue
        until = None if entry.mandatory else waits_until(route.chain, entry, unit, moment)
        if entry.mandatory or (until is not None and until > moment.now and not moment.released):
            needs.append(_need(entry, unit, until))
    return Resolution(choices, tuple(needs))


def waits_until(chain: Chain, entry: TaskInput, unit: Unit, moment: Moment) -> datetime | None:
    """When the wait for an optional input ends, None when the chain does not wait for it."""
    rule = chain.wait_for(entry, unit.timeliness)
    if rule is None:
        return None
    ends = [moment.created + timedelta(seconds=rule.after_order_s)]
    if rule.after_sensing_s is not None:
        ends.append(unit.whole.stop + timedelta(seconds=rule.after_sensing_s))
    return min(ends)


def _choose(connection: sa.Connection, entry: TaskInput, unit: Unit, baseline: Baseline) -> Choice | None:
    for alternative in entry.alternatives:
        if alternative.origin is Origin.TASK:
            return Choice(alternative, ())
        if alternative.origin is Origin.CATALOGUE:
            found = _products(connection, alternative, unit, baseline)
            if found:
                return Choice(alternative, tuple(found))
    return None


def _products(connection: sa.Connection, alternative: Alternative, unit: Unit, baseline: Baseline) -> list[Held]:
    kind = alternative.file_type
    if kind in unit.bound:
        return list(unit.bound[kind])
    types, window = catalogue_types(kind, unit.mode), window_of(alternative, unit)
    if level_0_class(kind) is not None and unit.datatake is not None:
        return _of_same_datatake(connection, alternative, unit, types, baseline)
    if kind == ERROR_MATRICES:
        types = _error_matrices(unit)
    return choose(
        connection,
        alternative.retrieval_mode,
        types,
        unit.satellite,
        window,
        configuration=unit.configuration if kind in CONFIGURED else None,
        admits=lambda held: bool(baseline.inputs([held])),
    )


def _of_same_datatake(
    connection: sa.Connection, alternative: Alternative, unit: Unit, types: list[str], baseline: Baseline
) -> list[Held]:
    """Annotation products must cover the unit; calibration and noise packets lie at the ends of the data take, so the
    nearest serve all of it.
    """
    assert unit.datatake is not None  # noqa: S101 - the caller has looked
    found = baseline.visible(of_datatake(connection, unit.satellite, unit.datatake, types))
    wanted = inner(window_of(alternative, unit))
    chosen = select(alternative.retrieval_mode, wanted, found)
    if not chosen and level_0_class(alternative.file_type) in {"C", "N"}:
        return select("ClosestStartValidity", wanted, found)
    return chosen


def window_of(alternative: Alternative, unit: Unit) -> Interval:
    """The time that an alternative must serve: T0 before and T1 after the unit, or its data take for orbits."""
    base = unit.whole if alternative.file_type in ORBITS else unit.interval
    return base.widened(timedelta(seconds=alternative.t0_s), timedelta(seconds=alternative.t1_s))


def suits_polarisation(held: Held, unit: Unit) -> bool:
    """True when an error matrix is of the polarisation that a unit was sent in, or the unit does not tell it."""
    return held.product.type in _error_matrices(unit)


def _error_matrices(unit: Unit) -> list[str]:
    """Types of the polarisations that a unit was sent in."""
    sent = {polarisation[-1] for product in unit.products if (polarisation := _polarisation(product)) is not None}
    return [f"AM{letter}_ERRMAT" for letter in sorted(sent)] or catalogue_types(ERROR_MATRICES, unit.mode)


def _polarisation(held: Held) -> str | None:
    """SH, SV, DH or DV of a Level-0 product, as its name tells; None for others."""
    try:
        told = ProductName.parse(held.name).polarisation
    except NamingError:
        return None
    return told if told in ("SH", "SV", "DH", "DV") else None


def _need(entry: TaskInput, unit: Unit, until: datetime | None) -> Need:
    wanted = [alternative for alternative in entry.alternatives if alternative.origin is Origin.CATALOGUE]
    windows = [window_of(alternative, unit) for alternative in wanted]
    window = Interval(min(w.start for w in windows), max(w.stop for w in windows))
    if not all(policy_named(alternative.retrieval_mode).bounded for alternative in wanted):
        window = ANY_TIME
    kinds = tuple(dict.fromkeys(alternative.file_type for alternative in wanted))
    return Need(entry.name, kinds, window, until, _detail(kinds, unit))


def _detail(kinds: tuple[str, ...], unit: Unit) -> str:
    if set(kinds) & CONFIGURED and unit.configuration is not None:
        return f"instrument configuration {unit.configuration}"
    if unit.datatake is not None and any(level_0_class(kind) for kind in kinds):
        return f"data take {unit.datatake:06X}"
    return ""
