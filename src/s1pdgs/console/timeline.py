"""The packets of a data take: a bar for each polarisation on which every gap shows, however short, and its cause."""

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen

from s1pdgs.catalogue.datatakes import DataTakeAccount
from s1pdgs.catalogue.telling import missing_s
from s1pdgs.formats.l0.report import Gap, GapCause, StreamAccount
from s1pdgs.model.interval import Interval

WIDTH = 1000.0
_LEAST = 2.0
_MOST_GAPS = 500


@frozen
class Mark:
    """A gap on a bar of `WIDTH` units; `packets` and times are for those who point at it."""

    x: float
    width: float
    cause: GapCause
    packets: int
    start: datetime
    stop: datetime


@frozen
class Bar:
    """One polarisation: where its packets lie (`x`, `width`), and the gaps among them."""

    stream: StreamAccount
    x: float
    width: float
    marks: tuple[Mark, ...]
    hidden: int
    missing_s: float

    @property
    def lost(self) -> int:
        """Packets."""
        return self.stream.lost_in_downlink + self.stream.lost_in_instrument


@frozen
class DataTakeView:
    """A data take with its bars, and where its slices begin on them."""

    account: DataTakeAccount
    bars: tuple[Bar, ...]
    slices: tuple[float, ...]


def view(account: DataTakeAccount, whole: Interval) -> DataTakeView:
    """What a report tells of a data take, as bars over a time."""
    report = account.report
    told = Interval(report.start, report.stop)
    return DataTakeView(
        account=account,
        bars=tuple(_bar(stream, told, whole) for stream in report.streams),
        slices=tuple(_place(each.start, whole.start, whole.stop) for each in report.slices[1:]),
    )


def _bar(stream: StreamAccount, told: Interval, whole: Interval) -> Bar:
    longest = sorted(stream.gaps, key=lambda gap: gap.stop - gap.start, reverse=True)[:_MOST_GAPS]
    marks = _marks(sorted(longest, key=lambda gap: gap.start), whole.start, whole.stop)
    left, right = (_place(moment, whole.start, whole.stop) for moment in (told.start, told.stop))
    hidden = len(stream.gaps) - len(longest)
    return Bar(stream, left, max(round(right - left, 2), _LEAST), marks, hidden, missing_s(stream))


def _marks(gaps: Sequence[Gap], start: datetime, stop: datetime) -> tuple[Mark, ...]:
    """Each gap as wide as it is long, but never so narrow that it cannot be seen."""
    marks = []
    for gap in gaps:
        left, right = _place(gap.start, start, stop), _place(gap.stop, start, stop)
        width = max(right - left, _LEAST)
        left = min(left, WIDTH - width)
        marks.append(Mark(round(left, 2), round(width, 2), gap.cause, gap.packets, gap.start, gap.stop))
    return tuple(marks)


def _place(moment: datetime, start: datetime, stop: datetime) -> float:
    whole = (stop - start).total_seconds()
    share = (moment - start).total_seconds() / whole if whole > 0 else 0.0
    return round(min(max(share, 0.0), 1.0) * WIDTH, 2)
