"""Strips of a data take: one for the plan and one for each type of product, coloured by what became of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import frozen

from s1pdgs.model.interval import Interval
from s1pdgs.triggers.expectations.fates import Expectations, Expected, Place, State

WIDTH = 1000.0
_GAP = 1.0
_PLANNED = "planned"
_COMPANIONS = "A C N"


@frozen
class Cell:
    """A product, or the plan, on a strip of `WIDTH` units; `title` is for those who point at it."""

    x: float
    width: float
    state: str
    title: str


@frozen
class Strip:
    """The products of one type in order of their slices; `words` tell how many are made, and of the others what is."""

    label: str
    cells: tuple[Cell, ...]
    words: str


def strips(account: Expectations) -> tuple[Strip, ...]:
    """The plan first, then each type, the levels one after the other."""
    return tuple(_strips(account))


def _strips(account: Expectations) -> Iterator[Strip]:
    take = account.take
    if take.planned is not None:
        left, right = (_x(moment, take.whole) for moment in (take.planned.interval.start, take.planned.interval.stop))
        told = f"{take.planned.interval.start:%H:%M:%S} to {take.planned.interval.stop:%H:%M:%S}"
        yield Strip("plan", (Cell(left, round(right - left, 2), _PLANNED, told),), told)
    spans = _spans(account.places, take.whole)
    of_type: dict[str, list[Expected]] = {}
    for each in sorted(account.expected, key=lambda each: (each.level, _is_companion(each), each.slice)):
        of_type.setdefault(_COMPANIONS if _is_companion(each) else each.type, []).append(each)
    for label, found in of_type.items():
        yield Strip(label, tuple(_cells(label, found, spans)), _words(found))


def _is_companion(each: Expected) -> bool:
    """Annotation, calibration and noise products of Level-0 share a strip."""
    return each.level == 0 and each.type[-1] != "S"


def _words(found: Sequence[Expected]) -> str:
    states = Counter(each.state for each in found)
    made = states[State.MADE] + states[State.EVICTED]
    others = [f"{states[each]} {each}" for each in (State.PENDING, State.MISSING, State.REFUSED) if states[each]]
    return ", ".join([f"{made} of {len(found) - states[State.REFUSED]} made", *others])


def _cells(label: str, found: Sequence[Expected], spans: dict[int, tuple[float, float]]) -> Iterator[Cell]:
    for place, each in enumerate(found):
        left, right = spans.get(each.slice, (0.0, WIDTH))
        if label == _COMPANIONS:
            left, right = WIDTH * place / len(found), WIDTH * (place + 1) / len(found)
        where = f"slice {each.slice}, " if each.slice else ""
        told = each.made.name if each.made is not None else each.fate.why
        title = f"{where}{each.type}: {each.state}{f', {told}' if told else ''}"
        yield Cell(round(left, 2), round(max(right - left - _GAP, _GAP), 2), each.state, title)


def _spans(places: Sequence[Place], whole: Interval) -> dict[int, tuple[float, float]]:
    """Where slices lie: each from its start to that of the next one; those without a time share what is left."""
    timed = [place for place in places if place.interval is not None]
    starts = [_x(place.interval.start, whole) for place in timed if place.interval is not None]
    untimed = [place for place in places if place.interval is None]
    ends = [_x(place.interval.stop, whole) for place in timed if place.interval is not None]
    rest = (ends[-1] if untimed else WIDTH) if ends else 0.0
    found = {
        place.number: (left, right)
        for place, left, right in zip(timed, starts, [*starts[1:], rest][: len(starts)], strict=True)
    }
    step = (WIDTH - rest) / max(len(untimed), 1)
    return found | {place.number: (rest + step * n, rest + step * (n + 1)) for n, place in enumerate(untimed)}


def _x(moment: datetime, whole: Interval) -> float:
    length_s = whole.duration.total_seconds()
    share = (moment - whole.start).total_seconds() / length_s if length_s > 0 else 0.0
    return round(min(max(share, 0.0), 1.0) * WIDTH, 2)
