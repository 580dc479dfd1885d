"""The account of a data take in words and as JSON: planned, received, and every product with what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from s1pdgs.catalogue.takes import Take
from s1pdgs.model.time import format_iso
from s1pdgs.triggers.expectations.fates import Cause, Expectations, Expected, State
from s1pdgs.triggers.needs import clock_time

Remark = Callable[[Expected], str]
"""What else is known of a product that was made: how it was delivered."""


def as_row(account: Expectations) -> dict[str, Any]:
    """A data take in brief as JSON values; packets are told of those that a report tells of."""
    take, states = account.take, account.counts()
    slices = [each for each in account.expected if each.level == 0 and each.slice]
    told = take.account
    made = states[State.MADE] + states[State.EVICTED]
    return {
        "datatake": None if take.datatake is None else f"{take.datatake:06X}",
        "satellite": take.satellite,
        "mode": take.mode,
        "state": str(account.standing),
        "start": format_iso(take.interval.start),
        "stop": format_iso(take.interval.stop),
        "planned": planned_word(take),
        "packets": None if told is None else told.packets,
        "lost_in_downlink": None if told is None else told.lost_in_downlink,
        "lost_in_instrument": None if told is None else told.lost_in_instrument,
        "slices": f"{sum(each.made is not None for each in slices)}/{len(slices)}",
        "made": f"{made}/{len(account.expected) - states[State.REFUSED]}",
        "pending": states[State.PENDING],
        "missing": states[State.MISSING],
    }


def planned_word(take: Take) -> str | None:
    """Whether it was planned: None where no plan is about its time."""
    return "yes" if take.planned else ("no" if take.in_plan else None)


def as_json(account: Expectations, remark: Remark) -> dict[str, Any]:
    """The whole account as JSON values."""
    planned = account.take.planned
    return {
        **as_row(account),
        "plan": None
        if planned is None
        else {
            "name": planned.plan,
            "start": format_iso(planned.interval.start),
            "stop": format_iso(planned.interval.stop),
            "polarisation": planned.polarisation,
            "orbit": planned.orbit,
        },
        "notes": list(account.notes),
        "segments": [made.name for made in account.segments],
        "expected": [_expected(each, remark) for each in account.expected],
    }


def _expected(each: Expected, remark: Remark) -> dict[str, Any]:
    made = each.made
    return {
        "type": each.type,
        "level": each.level,
        "slice": each.slice,
        "chain": each.chain,
        "of": each.of,
        "state": str(each.state),
        "cause": None if each.fate.cause is None else str(each.fate.cause),
        "why": each.fate.why or None,
        "product": None if made is None else made.name,
        "made": None if made is None else format_iso(made.catalogued_at),
        "timeliness": None if made is None else made.timeliness,
        "delivery": remark(each) or None,
        "order": each.order,
        "job": each.job,
    }


def as_lines(account: Expectations, remark: Remark) -> Iterator[str]:
    """The account for people: the plan, then a tree of what is expected."""
    take = account.take
    length_s = take.interval.duration.total_seconds()
    yield (
        f"{take.satellite} data take {take.name[4:]} ({take.mode}), {clock_time(take.interval.start)} to "
        f"{clock_time(take.interval.stop)}, {length_s:.0f} s: {account.standing}"
    )
    yield _plan_line(take)
    yield from (f"note: {note}" for note in account.notes)
    yield f"products: {summary(account)}"
    if account.segments:
        yield f"segments: {len(account.segments)}"
        yield from (f"  {made.name}" for made in account.segments)
    times = {place.number: place.interval for place in account.places}
    place = -1
    for each in account.expected:
        if each.slice != place:
            place = each.slice
            time = times.get(place)
            when = "" if time is None or not place else f", {clock_time(time.start)} to {clock_time(time.stop)}"
            yield f"slice {place}{when}" if place else "whole data take"
        yield _product_line(each, remark)


def _plan_line(take: Take) -> str:
    planned = take.planned
    if planned is None:
        return "planned: no plan has it" if take.in_plan else "planned: no plan is about its time"
    more = ", ".join(
        filter(None, [planned.polarisation, "" if planned.orbit is None else f"orbit {planned.orbit}"])
    )  # fmt: skip
    span = f"{clock_time(planned.interval.start)} to {clock_time(planned.interval.stop)}"
    return f"planned: {span}{f', {more}' if more else ''}, by {planned.plan}"


def summary(account: Expectations) -> str:
    """How many products are in which state."""
    states = account.counts()
    made = states[State.MADE] + states[State.EVICTED]
    causes = Counter(each.fate.cause for each in account.expected if each.fate.cause is not None)
    told = [f"{made} of {len(account.expected) - states[State.REFUSED]} made"]
    if states[State.EVICTED]:
        told.append(f"{states[State.EVICTED]} of them removed since")
    if states[State.PENDING]:
        told.append(f"{states[State.PENDING]} pending")
    if states[State.MISSING]:
        told.append(f"{states[State.MISSING]} missing ({causes_text(causes)})")
    if states[State.REFUSED]:
        told.append(f"{states[State.REFUSED]} not wanted by a gate")
    return ", ".join(told)


def causes_text(causes: Counter[Cause]) -> str:
    """Causes with their numbers, the most frequent first."""
    return ", ".join(f"{cause} {number}" for cause, number in causes.most_common())


def _product_line(each: Expected, remark: Remark) -> str:
    told = each.fate.why
    if each.made is not None:
        told = ", ".join(filter(None, [each.made.name, remark(each), each.fate.why]))
    return f"{'  ' * (each.level + 1)}{each.type:<11} {each.state:<8} {told}"
