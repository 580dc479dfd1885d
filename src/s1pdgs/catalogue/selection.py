"""Which products serve an input: the selection policies of ESA's Generic IPF interface, as pure functions.

Each policy keeps some candidates and orders them totally: by its own key, then generation time descending, then name.
Policies that choose one product return the first. (coprs.md section 2.5, peers.md section 2.3.)
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from attrs import frozen

from s1pdgs.model.interval import Interval


class Candidate(Protocol):
    """What a policy looks at."""

    @property
    def name(self) -> str: ...
    @property
    def validity(self) -> Interval: ...
    @property
    def generation_time(self) -> datetime: ...


LEAST_OVERLAP = 0.85
"""Of the wanted time, for `LargestOverlap85`."""
C = TypeVar("C", bound=Candidate)
Test = Callable[[Interval, Interval], bool]
Key = Callable[[Interval, Interval], object]


class UnknownPolicy(ValueError):  # noqa: N818
    """A task table asks for a policy that does not exist."""


@frozen
class Policy:
    """Which validities are eligible, how they rank against the wanted span, and whether one or all are taken.

    `bounded` tells that only products that share time with the span can be eligible.
    """

    eligible: Test
    rank: Key
    single: bool = True
    bounded: bool = True
    distinct: bool = False


def _covers(validity: Interval, wanted: Interval) -> bool:
    return validity.covers(wanted)


def _intersects(validity: Interval, wanted: Interval) -> bool:
    return validity.intersects(wanted)


def _any(_validity: Interval, _wanted: Interval) -> bool:
    return True


def _overlap(validity: Interval, wanted: Interval) -> timedelta:
    return min(validity.stop, wanted.stop) - max(validity.start, wanted.start)


def _overlaps_85_percent(validity: Interval, wanted: Interval) -> bool:
    return validity.intersects(wanted) and _overlap(validity, wanted) >= LEAST_OVERLAP * wanted.duration


def _same(_validity: Interval, _wanted: Interval) -> object:
    return 0


def _closest(moment: datetime, wanted: Interval) -> object:
    """Twice the distance to the centre of the span; at equal distance the earlier one ranks first."""
    doubled = (moment - wanted.start) + (moment - wanted.stop)
    return abs(doubled), doubled >= timedelta(0)


def _centre_distance(validity: Interval, wanted: Interval) -> object:
    """Twice the distance between the centres."""
    return abs((validity.start - wanted.start) + (validity.stop - wanted.stop))


POLICIES: dict[str, Policy] = {
    "ValCover": Policy(_covers, lambda v, _: v.start, single=False),
    "LatestValCover": Policy(_covers, _same),
    "LatestValCoverClosest": Policy(_covers, lambda v, w: w.start - v.start),
    "LatestValCoverNewestValidity": Policy(_covers, lambda v, w: (w.start - v.start, w.stop - v.stop)),
    "BestCenteredCover": Policy(_covers, _centre_distance),
    "ValIntersect": Policy(_intersects, lambda v, _: v.start, single=False),
    "ValIntersectWithoutDuplicates": Policy(_intersects, lambda v, _: v.start, single=False, distinct=True),
    "LatestValIntersect": Policy(_intersects, _same),
    "LatestValidity": Policy(_intersects, lambda v, w: w.stop - v.start),
    "LatestValidityClosest": Policy(_intersects, lambda v, w: _closest(v.start, w)),
    "LargestOverlap": Policy(_intersects, lambda v, w: -_overlap(v, w)),
    "LargestOverlap85": Policy(_overlaps_85_percent, lambda v, w: -_overlap(v, w)),
    "ClosestStartValidity": Policy(_any, lambda v, w: _closest(v.start, w), bounded=False),
    "ClosestStopValidity": Policy(_any, lambda v, w: _closest(v.stop, w), bounded=False),
    "LatestStartValidity": Policy(_any, lambda v, w: w.start - v.start, bounded=False),
    "LatestStopValidity": Policy(_any, lambda v, w: w.stop - v.stop, bounded=False),
    "LastCreated": Policy(_any, _same, bounded=False),
}


def policy_named(name: str) -> Policy:
    """The policy of a task table's Retrieval_Mode; `UnknownPolicy` lists those that exist."""
    try:
        return POLICIES[name.strip()]
    except KeyError:
        raise UnknownPolicy(f"unknown retrieval mode {name!r}; known: {', '.join(sorted(POLICIES))}") from None


def select(policy: str, wanted: Interval, candidates: Iterable[C]) -> list[C]:
    """The candidates that a policy takes for a span of time, best first; none when no candidate is eligible."""
    rule = policy_named(policy)
    newest_first = sorted(candidates, key=lambda c: c.name)
    newest_first.sort(key=lambda c: c.generation_time, reverse=True)
    eligible = [c for c in newest_first if rule.eligible(c.validity, wanted)]
    if rule.distinct:
        eligible = _one_per_validity(eligible)
    ranked = sorted(eligible, key=lambda c: rule.rank(c.validity, wanted))  # type: ignore[arg-type, return-value]
    return ranked[:1] if rule.single else ranked


def _one_per_validity(newest_first: Sequence[C]) -> list[C]:
    seen: set[Interval] = set()
    return [c for c in newest_first if not (c.validity in seen or seen.add(c.validity))]  # type: ignore[func-returns-value]
