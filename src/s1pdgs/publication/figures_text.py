"""Figures of completeness and timeliness in words and as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from s1pdgs.model.interval import Interval
from s1pdgs.model.time import format_iso
from s1pdgs.publication.figures import Completeness, Delivery, Figures, Group, Punctuality
from s1pdgs.triggers.expectations.fates import Cause
from s1pdgs.triggers.expectations.text import causes_text

_COMPLETENESS = (18, 9, 7, 9, 9, 9)
_PUNCTUALITY = (18, 7, 9, 6, 9, 10, 10, 10)


def as_json(figures: Figures, time: Interval) -> dict[str, Any]:
    """The figures as JSON values; times in seconds, shares from 0 to 1."""
    return {
        "start": format_iso(time.start),
        "stop": format_iso(time.stop),
        "datatakes": {str(standing): number for standing, number in figures.standings.items()},
        "total": _counts(total(figures)),
        "completeness": [{**_group(each.group), **_counts(each)} for each in figures.completeness],
        "timeliness": [_punctuality(each) for each in figures.punctuality],
        "latest": [_delivery(each) for each in figures.latest],
    }


def total(figures: Figures) -> Completeness:
    """All groups together; its group says nothing."""
    causes: Counter[Cause] = Counter()
    for each in figures.completeness:
        causes.update(each.missing)
    return Completeness(
        group=Group("", "", 0),
        made=sum(each.made for each in figures.completeness),
        pending=sum(each.pending for each in figures.completeness),
        missing=causes,
        refused=sum(each.refused for each in figures.completeness),
        evicted=sum(each.evicted for each in figures.completeness),
    )


def _group(group: Group) -> dict[str, Any]:
    return {"satellite": group.satellite, "mode": group.mode, "level": group.level}


def _counts(each: Completeness) -> dict[str, Any]:
    return {
        "expected": each.expected,
        "made": each.made,
        "pending": each.pending,
        "missing": sum(each.missing.values()),
        "missing_by_cause": {str(cause): number for cause, number in each.missing.items()},
        "refused": each.refused,
        "evicted": each.evicted,
        "share": None if each.share is None else round(each.share, 6),
    }


def _punctuality(each: Punctuality) -> dict[str, Any]:
    return {
        **_group(each.group),
        "timeliness": str(each.timeliness),
        "due_s": each.timeliness.due_after.total_seconds(),
        "in_time": each.in_time,
        "late": each.late,
        "overdue": each.overdue,
        "not_due": each.not_due,
        **{f"p{percent}_s": value for percent, value in each.percentiles_s.items()},
        "late_by_step": {str(step): number for step, number in each.longest.items()},
    }


def _delivery(each: Delivery) -> dict[str, Any]:
    return {
        "product": each.product,
        "timeliness": str(each.timeliness),
        "t0": format_iso(each.t0),
        "due": format_iso(each.due),
        "published": None if each.published_at is None else format_iso(each.published_at),
        "longest": str(each.longest),
    }


def as_lines(figures: Figures, time: Interval, now: datetime) -> Iterator[str]:
    """The figures for people, in tables."""
    standings = ", ".join(f"{count} {standing}" for standing, count in sorted(figures.standings.items()))
    number = f"{sum(figures.standings.values())} data takes" + (f" ({standings})" if standings else "")
    yield f"{_minute(time.start)} to {_minute(time.stop)} UTC: {number}"
    if not figures.completeness:
        return
    whole = total(figures)
    yield f"products: {_words(whole)}"
    yield ""
    yield _line(_COMPLETENESS, ("COMPLETENESS", "expected", "made", "pending", "missing", "share"), "why")
    for each in figures.completeness:
        yield _completeness_line(each)
    if figures.punctuality:
        yield ""
        yield _line(
            _PUNCTUALITY, ("TIMELINESS", "due", "in time", "late", "overdue", "median", "90 %", "99 %"), "why late"
        )
        for entry in figures.punctuality:
            yield _punctuality_line(entry)
    if figures.latest:
        yield ""
        yield "latest:"
        yield from (f"  {delivery_text(each, now)}: {each.product}" for each in figures.latest)


def _words(each: Completeness) -> str:
    told = [f"{each.made} of {each.expected} made ({_percent(each.share)})", f"{each.pending} pending"]
    missing = Counter(each.missing)
    told.append(f"{missing.total()} missing" + (f" ({causes_text(missing)})" if missing else ""))
    if each.refused:
        told.append(f"{each.refused} not wanted by a gate")
    if each.evicted:
        told.append(f"{each.evicted} removed since")
    return ", ".join(told)


def _completeness_line(each: Completeness) -> str:
    missing = Counter(each.missing)
    counts = (each.expected, each.made, each.pending, missing.total())
    return _line(_COMPLETENESS, (_name(each.group), *counts, _percent(each.share)), causes_text(missing))


def _punctuality_line(each: Punctuality) -> str:
    spans = (_span(each.percentiles_s, percent) for percent in (50, 90, 99))
    due = f"{each.timeliness.due_after.total_seconds() / 3600:g} h"
    cells = (f"{_name(each.group)} {each.timeliness}", due, each.in_time, each.late, each.overdue, *spans)
    why = ", ".join(f"{step} {number}" for step, number in Counter(each.longest).most_common())
    return _line(_PUNCTUALITY, cells, why)


def _line(widths: Sequence[int], cells: Sequence[object], last: str) -> str:
    """Cells below each other, the first to the left, and what is as long as it is at the end."""
    first, *others = zip(cells, widths, strict=True)
    told = "".join(f"{cell!s:>{width}}" for cell, width in others)
    return f"{first[0]!s:<{first[1]}}{told}  {last}".rstrip()


def _name(group: Group) -> str:
    return f"{group.satellite} {group.mode} L{group.level}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _span(percentiles: Mapping[int, float], percent: int) -> str:
    return duration(percentiles[percent]) if percent in percentiles else "-"


def duration(seconds: float) -> str:
    """`h:mm:ss`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def delivery_text(each: Delivery, now: datetime) -> str:
    """How a product was delivered, in words."""
    by = duration(abs(((each.published_at or now) - each.due).total_seconds()))
    if each.published_at is None:
        return f"{each.timeliness} overdue by {by}" if each.is_late else f"{each.timeliness} due in {by}"
    took = duration((each.published_at - each.t0).total_seconds())
    return f"{each.timeliness} {'late by ' + by if each.is_late else 'in time'}, published after {took}"


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
