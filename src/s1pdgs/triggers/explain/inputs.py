"""Every candidate of an input, and why it was taken or refused: satellite, data take, configuration, then policy.

What is taken is asked of `inputs.resolve`, the same that plans jobs; this module only finds words for the others.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import ANY_SATELLITE, Held, candidates, near
from s1pdgs.catalogue.selection import Policy, policy_named
from s1pdgs.formats.tasktable import Alternative, Origin, TaskInput
from s1pdgs.jobs.spec import OPTIONS
from s1pdgs.model.interval import Interval
from s1pdgs.triggers.baseline import CAMPAIGN, SYSTEMATIC, Baseline
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.inputs import CONFIGURED, ERROR_MATRICES, Resolution, suits_polarisation, window_of
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.types import catalogue_types, level_0_class
from s1pdgs.triggers.units import Unit, inner

NEAREST = 10
"""Products of a type looked at before and after the wanted time, besides those that share time with it."""
_ZERO = timedelta(0)


@frozen
class Verdict:
    """A candidate, whether it was taken, and why."""

    product: str
    validity: Interval
    taken: bool
    reason: str


@frozen
class Asked:
    """One way to meet an input: type, policy, the time that it must serve, and the candidates, taken ones first."""

    type: str
    policy: str
    window: Interval
    verdicts: tuple[Verdict, ...]


@frozen
class InputExplained:
    """An input with all ways to meet it; `met_by` are products, or the type that an earlier task leaves."""

    input: str
    mandatory: bool
    met_by: tuple[str, ...]
    ways: tuple[Asked, ...]


def explain_inputs(
    connection: sa.Connection,
    route: Route,
    unit: Unit,
    resolution: Resolution,
    moment: datetime | None = None,
    *,
    baseline: Baseline = SYSTEMATIC,
) -> tuple[InputExplained, ...]:
    """The inputs of a route, met or not, with their candidates as of a moment (None is now) by a baseline.

    Bounded: those that share time with the unit, and the `NEAREST` on either side.
    """
    seen = _Seen(unit, moment, baseline)
    return tuple(_explained(connection, entry, resolution, seen) for entry in route.inputs())


@frozen
class _Seen:
    """For what inputs are looked for, when, and what may be seen."""

    unit: Unit
    moment: datetime | None
    baseline: Baseline


def _explained(connection: sa.Connection, entry: TaskInput, resolution: Resolution, seen: _Seen) -> InputExplained:
    choice = resolution.choices.get(entry)
    taken = () if choice is None else choice.products
    met_by = tuple(held.name for held in taken)
    if choice is not None and not taken:
        met_by = (f"{choice.alternative.file_type} of an earlier task",)
    ways = []
    for alternative in entry.alternatives:
        if alternative.origin is not Origin.CATALOGUE or alternative.file_type in seen.unit.bound:
            continue
        is_chosen = choice is not None and choice.alternative == alternative
        ways.append(_asked(connection, alternative, taken if is_chosen else (), seen))
        if is_chosen:
            break
    return InputExplained(entry.name, entry.mandatory, met_by, tuple(ways))


def _asked(connection: sa.Connection, alternative: Alternative, taken: Sequence[Held], seen: _Seen) -> Asked:
    unit = seen.unit
    window = window_of(alternative, unit)
    if level_0_class(alternative.file_type) is not None and unit.datatake is not None:
        window = inner(window)
    policy = policy_named(alternative.retrieval_mode)
    names = {held.name for held in taken}
    verdicts = [Verdict(held.name, held.validity, True, _why_taken(policy, held, window)) for held in taken]
    for held in _looked_at(connection, alternative, unit, window):
        if held.name not in names:
            reason = (
                _absent(held, seen.moment)
                or _foreign(held, alternative, unit)
                or _unseen(held, alternative, seen)
                or _unfit(policy, held.validity, window)
                or _outranked(policy, held, taken, window)
            )
            verdicts.append(Verdict(held.name, held.validity, False, reason))
    return Asked(alternative.file_type, alternative.retrieval_mode, window, tuple(verdicts))


def _why_taken(policy: Policy, held: Held, window: Interval) -> str:
    """Calibration and noise packets that do not cover serve their data take all the same (`inputs.resolve`)."""
    return "the policy's choice" if policy.eligible(held.validity, window) else "the nearest of its data take"


def _looked_at(connection: sa.Connection, alternative: Alternative, unit: Unit, window: Interval) -> list[Held]:
    """Newest first; of a StripMap type those of other swaths too."""
    kind = alternative.file_type
    types = {*catalogue_types(kind, unit.mode), *catalogue_types(kind, None)}
    bounded = policy_named(alternative.retrieval_mode).bounded
    found = candidates(connection, types, unit.satellite, window) if bounded else []
    found += near(connection, types, window.start, NEAREST)
    unique = {held.name: held for held in found}
    return sorted(unique.values(), key=lambda held: (held.generation_time, held.name), reverse=True)


def _absent(held: Held, moment: datetime | None) -> str | None:
    """Why the bytes of a product were not here."""
    if moment is not None and held.catalogued_at > moment:
        return f"came only at {clock_time(held.catalogued_at)}"
    if held.evicted_at is not None and (moment is None or held.evicted_at <= moment):
        return f"its files were removed at {clock_time(held.evicted_at)}"
    return None


def _foreign(held: Held, alternative: Alternative, unit: Unit) -> str | None:
    """What a product belongs to that the unit does not."""
    product, kind = held.product, alternative.file_type
    if product.satellite not in (unit.satellite, ANY_SATELLITE):
        return f"of {product.satellite}, not {unit.satellite}"
    if product.type not in catalogue_types(kind, unit.mode):
        return f"of mode {product.type[:2]}, not {unit.mode}"
    if level_0_class(kind) is not None and unit.datatake is not None and held.datatake != unit.datatake:
        told = "no data take" if held.datatake is None else f"data take {held.datatake:06X}"
        return f"of {told}, not {unit.datatake:06X}"
    configuration = product.attributes.get("instrumentConfigurationID")
    if kind in CONFIGURED and unit.configuration is not None and configuration != unit.configuration:
        return f"of instrument configuration {configuration}, not {unit.configuration}"
    if kind == ERROR_MATRICES and not suits_polarisation(held, unit):
        return "of the polarisation that was not sent"
    return None


def _unseen(held: Held, alternative: Alternative, seen: _Seen) -> str | None:
    """Why a product may not be chosen though it belongs to the unit's kind."""
    if not seen.baseline.visible([held]):
        attributes = held.product.attributes
        if OPTIONS in attributes:
            return f"made with {attributes[OPTIONS]}, for somebody"
        return f"made by campaign {attributes[CAMPAIGN]}"
    if level_0_class(alternative.file_type) is None and not seen.baseline.inputs([held]):
        return "not in the baseline of the campaign"
    return None


def _unfit(policy: Policy, validity: Interval, wanted: Interval) -> str | None:
    """By how much a validity misses what a policy asks for; None when it is eligible."""
    if policy.eligible(validity, wanted):
        return None
    late, early = validity.start - wanted.start, wanted.stop - validity.stop
    if not validity.intersects(wanted):
        if validity.start >= wanted.stop:
            return f"begins {_length(validity.start - wanted.stop)} after the wanted time"
        return f"ends {_length(wanted.start - validity.stop)} before the wanted time"
    missing = [text for lack, text in ((late, "of its beginning"), (early, "of its end")) if lack > _ZERO]
    lengths = [lack for lack in (late, early) if lack > _ZERO]
    told = " and ".join(f"{_length(lack)} {text}" for lack, text in zip(lengths, missing, strict=True))
    share = 1 - sum(lengths, _ZERO) / wanted.duration if wanted.duration > _ZERO else 0.0
    return f"serves {max(share, 0.0):.1%} of the wanted time: lacks {told}" if told else "not eligible"


def _outranked(policy: Policy, held: Held, taken: Sequence[Held], wanted: Interval) -> str:
    """Which product was preferred to an eligible one."""
    if policy.distinct and (twin := next((other for other in taken if other.validity == held.validity), None)):
        return _superseded(held, twin)
    if not taken:
        return "fits"
    best = taken[0]
    if policy.rank(best.validity, wanted) == policy.rank(held.validity, wanted):
        return _superseded(held, best)
    return f"{best.name} ranks before it"


def _superseded(held: Held, by: Held) -> str:
    if by.generation_time > held.generation_time:
        return f"superseded by {by.name}, {_length(by.generation_time - held.generation_time)} newer"
    return f"as good as {by.name}, whose name comes first"


def _length(span: timedelta) -> str:
    """A length of time as people say it."""
    seconds = span.total_seconds()
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"
