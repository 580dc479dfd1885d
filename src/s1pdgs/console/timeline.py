"""The page of data takes: a bar for each polarisation on which every gap shows, however short, and what caused it."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.datatakes import DataTakeAccount, account_numbered, newest
from s1pdgs.catalogue.telling import missing_s
from s1pdgs.formats.l0.report import Gap, GapCause, StreamAccount

WIDTH = 1000.0
_LEAST = 2.0
_MOST_GAPS = 500
SHOWN = 40


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
    """One polarisation: where on the data take its packets lie, and the gaps among them."""

    stream: StreamAccount
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


def data_takes(connection: sa.Connection, limit: int = SHOWN) -> list[DataTakeView]:
    """The data takes sensed last, newest first."""
    accounts = [account_numbered(connection, brief.number) for brief in newest(connection, limit)]
    return [_view(account) for account in accounts if account is not None]


def data_take(connection: sa.Connection, number: int) -> DataTakeView | None:
    """One data take by the number of its account."""
    account = account_numbered(connection, number)
    return None if account is None else _view(account)


def _view(account: DataTakeAccount) -> DataTakeView:
    report = account.report
    return DataTakeView(
        account=account,
        bars=tuple(_bar(stream, report.start, report.stop) for stream in report.streams),
        slices=tuple(_place(each.start, report.start, report.stop) for each in report.slices[1:]),
    )


def _bar(stream: StreamAccount, start: datetime, stop: datetime) -> Bar:
    longest = sorted(stream.gaps, key=lambda gap: gap.stop - gap.start, reverse=True)[:_MOST_GAPS]
    marks = _marks(sorted(longest, key=lambda gap: gap.start), start, stop)
    return Bar(stream, marks, len(stream.gaps) - len(longest), missing_s(stream))


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
