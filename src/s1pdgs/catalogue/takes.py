"""The data takes that are known: planned, received, or told by a report; one value for each, whatever is known of it.

A planned data take and what was received of it meet by their identifier, or, where the plan tells none, by mode and
time. RF characterisations share identifiers: they meet by time as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from attrs import evolve, frozen

from s1pdgs.catalogue import plans
from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.datatakes import ListedDataTake, listed
from s1pdgs.catalogue.plans import Planned
from s1pdgs.model.interval import Interval

_FAMILIES = {"S": "SM", "N": "AN", "Z": "ZS"}
_MEASUREMENT = "%\\_RAW\\_\\_0S"
_BATCH = 500
_ROWS_OF_A_TAKE = 64
_TOGETHER = timedelta(minutes=1)


class Standing(StrEnum):
    """Where a data take is, from the plan to its account."""

    PLANNED = "planned"
    """It is to come."""
    AWAITED = "awaited"
    """It was sensed by now, and nothing of it is here yet."""
    MISSING = "missing"
    """Nothing of it came within the time that data is waited for."""
    RECEIVED = "received"
    """Some of it is here; no report tells what is missing."""
    COMPLETE = "complete"
    PARTIAL = "partial"
    GAPS = "gaps"


@frozen
class Take:
    """A data take. `prefix` begins the types of its products (`S3`, `IW`; `SM` while the swath is not known).

    `interval` is what was received, else what is planned. `in_plan` tells whether a plan is about its time.
    """

    satellite: str
    datatake: int | None
    mode: str
    prefix: str
    interval: Interval
    planned: Planned | None
    account: ListedDataTake | None
    is_received: bool
    in_plan: bool

    @property
    def name(self) -> str:
        """Such as `S1A-053C1A`; with its time where the plan tells no identifier."""
        known = f"{self.interval.start:%Y%m%dT%H%M%S}" if self.datatake is None else f"{self.datatake:06X}"
        return f"{self.satellite}-{known}"

    @property
    def whole(self) -> Interval:
        """What is planned and what was received together."""
        if self.planned is None:
            return self.interval
        planned = self.planned.interval
        return Interval(min(self.interval.start, planned.start), max(self.interval.stop, planned.stop))

    def standing(self, now: datetime, patience: timedelta) -> Standing:
        """Where it is; its data is waited for so long after sensing."""
        if self.account is not None:
            return Standing(self.account.state)
        if self.is_received:
            return Standing.RECEIVED
        if self.interval.stop > now:
            return Standing.PLANNED
        return Standing.AWAITED if self.interval.stop + patience > now else Standing.MISSING


@frozen
class _Received:
    """What the catalogue holds of the measurements of a data take, by the prefix of their types."""

    satellite: str
    datatake: int
    prefix: str
    interval: Interval

    @property
    def key(self) -> tuple[str, int, str]:
        return self.satellite, self.datatake, _mode(self.prefix)


def newest(connection: sa.Connection, time: Interval, limit: int) -> list[Take]:
    """The data takes that begin within a time, newest first."""
    planned = plans.begun_within(connection, time, limit)
    begun = [
        *((each.interval.start, each.datatake) for each in planned if each.datatake is not None),
        *_accounted(connection, time, limit),
        *_measured(connection, time, limit),
    ]
    latest: dict[int, datetime] = {}
    for start, datatake in begun:
        latest[datatake] = max(start, latest.get(datatake, start))
    chosen = sorted(latest, key=lambda datatake: latest[datatake], reverse=True)[:limit]
    nameless = [each for each in planned if each.datatake is None]
    found = [take for take in _known(connection, chosen, nameless) if time.start <= take.interval.start <= time.stop]
    return sorted(found, key=lambda take: (take.interval.start, take.name, take.mode), reverse=True)[:limit]


def identified(connection: sa.Connection, datatake: int, satellite: str | None = None) -> list[Take]:
    """The data takes of an identifier, of all satellites unless told, in order of time."""
    found = [take for take in _known(connection, [datatake], []) if satellite in (None, take.satellite)]
    return sorted(found, key=lambda take: (take.interval.start, take.satellite, take.mode))


def _accounted(connection: sa.Connection, time: Interval, limit: int) -> list[tuple[datetime, int]]:
    take = t.datatake.c
    query = sa.select(take.start, take.datatake).where(take.start.between(time.start, time.stop))
    return [(row.start, row.datatake) for row in connection.execute(query.order_by(take.start.desc()).limit(limit))]


def _measured(connection: sa.Connection, time: Interval, limit: int) -> list[tuple[datetime, int]]:
    product = t.product.c
    found: list[tuple[datetime, int]] = []
    for kind in _measurements(connection):
        query = sa.select(product.start, product.datatake).where(
            product.type == kind, product.start.between(time.start, time.stop), product.datatake.is_not(None)
        )
        rows = connection.execute(query.order_by(product.start.desc()).limit(limit * _ROWS_OF_A_TAKE))
        found.extend((row.start, row.datatake) for row in rows)
    return found


def _measurements(connection: sa.Connection) -> Sequence[str]:
    kind = t.type_span.c.type
    return connection.scalars(sa.select(kind).where(kind.like(_MEASUREMENT, escape="\\"))).all()


def _known(connection: sa.Connection, datatakes: Sequence[int], nameless: Iterable[Planned]) -> list[Take]:
    """All that is known of some data takes, and planned ones without an identifier."""
    accounts = listed(connection, datatakes)
    received = {each.key: each for each in _received(connection, datatakes)}
    waiting: dict[tuple[str, int | None], list[Planned]] = {}
    for planned in (*plans.identified(connection, datatakes), *nameless):
        if planned.replaced_by is None:
            waiting.setdefault((planned.satellite, planned.datatake), []).append(planned)
    takes = [_take(_told(account, received), waiting, account) for account in accounts]
    told = {(account.satellite, account.datatake, account.mode) for account in accounts}
    takes.extend(_take(each, waiting) for key, each in received.items() if key not in told)
    takes.extend(_never_received(each) for left in waiting.values() for each in left)
    times = _planned_times(connection, takes)
    return [_within_plans(take, times) for take in takes]


def _told(account: ListedDataTake, received: Mapping[tuple[str, int, str], _Received]) -> _Received:
    """What a report tells of a data take; the prefix is that of its products, where any are held."""
    own = received.get((account.satellite, account.datatake, account.mode))
    prefix = account.mode if own is None else own.prefix
    return _Received(account.satellite, account.datatake, prefix, Interval(account.start, account.stop))


def _take(
    received: _Received, waiting: Mapping[tuple[str, int | None], list[Planned]], account: ListedDataTake | None = None
) -> Take:
    """A received data take; what was planned of it is taken from those that wait for theirs."""
    mode = _mode(received.prefix) if account is None else account.mode
    planned = None
    for datatake in (received.datatake, None):
        left = waiting.get((received.satellite, datatake), [])
        planned = planned or next((each for each in left if _meets(each, received, mode)), None)
        if planned in left:
            left.remove(planned)
    return Take(
        satellite=received.satellite,
        datatake=received.datatake,
        mode=mode,
        prefix=received.prefix,
        interval=received.interval,
        planned=planned,
        account=account,
        is_received=True,
        in_plan=False,
    )


def _never_received(planned: Planned) -> Take:
    return Take(
        satellite=planned.satellite,
        datatake=planned.datatake,
        mode=planned.mode,
        prefix=planned.swath or planned.mode,
        interval=planned.interval,
        planned=planned,
        account=None,
        is_received=False,
        in_plan=True,
    )


def _meets(planned: Planned, received: _Received, mode: str) -> bool:
    """Whether a planned data take of the satellite, of the same identifier or of none, is the received one."""
    if planned.mode != mode:
        return False
    by_time = planned.datatake is None or mode == "RF"
    return not by_time or planned.interval.widened(_TOGETHER, _TOGETHER).intersects(received.interval)


def _mode(prefix: str) -> str:
    return _FAMILIES.get(prefix[0], prefix) if prefix[1:].isdigit() else prefix


def _received(connection: sa.Connection, datatakes: Sequence[int]) -> list[_Received]:
    product, kinds = t.product.c, _measurements(connection)
    found: list[_Received] = []
    for begin in range(0, len(datatakes), _BATCH):
        query = (
            sa.select(
                product.satellite,
                product.datatake,
                product.type,
                sa.func.min(product.start).label("start"),
                sa.func.max(product.stop).label("stop"),
            )
            .where(product.datatake.in_(datatakes[begin : begin + _BATCH]), product.type.in_(kinds))
            .group_by(product.satellite, product.datatake, product.type)
            .order_by(product.satellite, product.datatake, product.type)
        )
        found.extend(
            _Received(row.satellite, row.datatake, row.type[:2], Interval(row.start, row.stop))
            for row in connection.execute(query)
        )
    return found


def _planned_times(connection: sa.Connection, takes: Sequence[Take]) -> dict[str, list[Interval]]:
    spans: dict[str, Interval] = {}
    for take in takes:
        known = spans.get(take.satellite, take.interval)
        begin, end = min(known.start, take.interval.start), max(known.stop, take.interval.stop)
        spans[take.satellite] = Interval(begin, end)
    return {satellite: plans.planned_times(connection, satellite, span) for satellite, span in spans.items()}


def _within_plans(take: Take, times: dict[str, list[Interval]]) -> Take:
    begin = take.interval.start
    return evolve(take, in_plan=any(time.start <= begin <= time.stop for time in times[take.satellite]))
