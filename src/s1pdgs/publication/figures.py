"""Completeness and timeliness of a time, counted from what was expected of its data takes (coprs.md section 7.3).

Completeness is the share of the expected products that were made. Timeliness is from t0, when the last input was at its
source, to the publication of a product; of what was late, the step that took longest is told. Products that are not
published by configuration have no timeliness.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import nlargest
from math import ceil

import sqlalchemy as sa
from attrs import define, field, frozen

from s1pdgs.catalogue.takes import Standing
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication.tables import publication
from s1pdgs.triggers.expectations.facts import batches
from s1pdgs.triggers.expectations.fates import Cause, Expectations, Expected, State

_TAKES = 100
_MOST_LATE = 20


class Step(StrEnum):
    """Where the time from t0 to publication went."""

    BEFORE = "before its order"
    INPUTS = "waiting for inputs"
    WORKER = "waiting for a worker"
    PROCESSING = "processing"
    PUBLICATION = "publication"


@frozen
class Delivery:
    """How a product was delivered: `published_at` None while it is not. `longest` is told of what is late."""

    product: str
    timeliness: Timeliness
    t0: datetime
    due: datetime
    published_at: datetime | None
    is_late: bool
    longest: Step | None = None


@frozen
class Group:
    """What is counted together."""

    satellite: str
    mode: str
    level: int


@frozen
class Completeness:
    """Expected products: those made (of them removed later), pending and missing; `refused` by a gate do not count."""

    group: Group
    made: int = 0
    pending: int = 0
    missing: Mapping[Cause, int] = field(factory=dict)
    refused: int = 0
    evicted: int = 0

    @property
    def expected(self) -> int:
        return self.made + self.pending + sum(self.missing.values())

    @property
    def share(self) -> float | None:
        """The share that was made, None when nothing is expected."""
        return self.made / self.expected if self.expected else None


@frozen
class Punctuality:
    """The deliveries of a timeliness: published in time and late, and not published though due. Percentiles are of the
    seconds from t0 to publication, None when nothing was published.
    """

    group: Group
    timeliness: Timeliness
    in_time: int
    late: int
    overdue: int
    not_due: int
    percentiles_s: Mapping[int, float]
    longest: Mapping[Step, int]


@frozen
class Figures:
    """All figures of some data takes; `latest` are the deliveries that were late by most."""

    standings: Mapping[Standing, int]
    completeness: tuple[Completeness, ...]
    punctuality: tuple[Punctuality, ...]
    latest: tuple[Delivery, ...]


@define
class _Tally:
    """The deliveries of a timeliness as they are counted: the seconds that each took, and no more of it."""

    took_s: "array[float]" = field(factory=lambda: array("d"))
    late: int = 0
    overdue: int = 0
    not_due: int = 0
    longest: Counter[Step] = field(factory=Counter)

    def add(self, delivery: Delivery) -> None:
        if delivery.published_at is not None:
            self.took_s.append((delivery.published_at - delivery.t0).total_seconds())
            self.late += delivery.is_late
        else:
            self.overdue += delivery.is_late
            self.not_due += not delivery.is_late
        if delivery.longest is not None:
            self.longest[delivery.longest] += 1

    def told(self, group: Group, kind: Timeliness) -> Punctuality:
        ordered = sorted(self.took_s)
        return Punctuality(
            group=group,
            timeliness=kind,
            in_time=len(ordered) - self.late,
            late=self.late,
            overdue=self.overdue,
            not_due=self.not_due,
            percentiles_s={percent: percentile(ordered, percent) for percent in (50, 90, 99)} if ordered else {},
            longest=self.longest,
        )


def figures(connection: sa.Connection, accounts: Iterable[Expectations], now: datetime) -> Figures:
    """Count the accounts of data takes, which are read one after the other."""
    standings: Counter[Standing] = Counter()
    states: dict[Group, Counter[State]] = {}
    causes: dict[Group, Counter[Cause]] = {}
    tallies: dict[tuple[Group, Timeliness], _Tally] = {}
    latest: list[Delivery] = []
    for batch in batches(accounts, _TAKES):
        told = deliveries(connection, (each for account in batch for each in account.expected), now)
        for account in batch:
            standings[account.standing] += 1
            for each in account.expected:
                group = Group(account.take.satellite, account.take.mode, each.level)
                states.setdefault(group, Counter())[each.state] += 1
                if each.fate.cause is not None:
                    causes.setdefault(group, Counter())[each.fate.cause] += 1
                if each.made is not None and each.made.name in told:
                    delivery = told[each.made.name]
                    tallies.setdefault((group, delivery.timeliness), _Tally()).add(delivery)
        late = [*latest, *(each for each in told.values() if each.is_late)]
        latest = nlargest(_MOST_LATE, late, key=lambda each: (each.published_at or now) - each.due)
    return Figures(
        standings=dict(standings),
        completeness=tuple(_completeness(group, states[group], causes.get(group, {})) for group in _sorted(states)),
        punctuality=tuple(
            tallies[group, kind].told(group, kind)
            for group in _sorted(states)
            for kind in Timeliness
            if (group, kind) in tallies
        ),
        latest=tuple(latest),
    )


def _sorted(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (group.satellite, group.mode, group.level))


def _completeness(group: Group, states: Mapping[State, int], causes: Mapping[Cause, int]) -> Completeness:
    return Completeness(
        group=group,
        made=states.get(State.MADE, 0) + states.get(State.EVICTED, 0),
        pending=states.get(State.PENDING, 0),
        missing=dict(causes),
        refused=states.get(State.REFUSED, 0),
        evicted=states.get(State.EVICTED, 0),
    )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest of some ordered values that so many percent of them do not exceed."""
    return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)]


def deliveries(connection: sa.Connection, expected: Iterable[Expected], now: datetime) -> dict[str, Delivery]:
    """How products were delivered, by name; those that are not published, or have no timeliness, are left out."""
    made = {each.made.id: each for each in expected if each.made is not None and each.made.timeliness is not None}
    found: dict[str, Delivery] = {}
    for batch in batches(made):
        query = sa.select(publication.c.product_id, publication.c.published_at)
        for row in connection.execute(query.where(publication.c.product_id.in_(batch))):
            delivery = _delivery(made[row.product_id], row.published_at, now)
            found[delivery.product] = delivery
    return found


def _delivery(expected: Expected, published: datetime | None, now: datetime) -> Delivery:
    made = expected.made
    assert made is not None  # noqa: S101  asked for what was made only
    assert made.timeliness is not None  # noqa: S101
    due = made.t0 + made.timeliness.due_after
    is_late = (published or now) > due
    longest = _longest(expected, made.t0, made.catalogued_at, published or now) if is_late else None
    return Delivery(made.name, made.timeliness, made.t0, due, published, is_late, longest)


def _longest(expected: Expected, t0: datetime, made_at: datetime, until: datetime) -> Step:
    """The step that took longest; what is not known of a step belongs to the one before it."""
    steps = expected.steps
    begins = [
        (Step.BEFORE, t0),
        (Step.INPUTS, None if steps is None else steps.ordered),
        (Step.WORKER, None if steps is None else steps.planned),
        (Step.PROCESSING, None if steps is None else steps.started),
        (Step.PUBLICATION, made_at),
    ]
    known = [(step, max(begin, t0)) for step, begin in begins if begin is not None]
    ends = [*(begin for _, begin in known[1:]), until]
    took = {step: end - begin for (step, begin), end in zip(known, ends, strict=True)}
    return max(took, key=lambda step: took.get(step, timedelta(0)))
