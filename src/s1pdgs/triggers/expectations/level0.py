"""What is expected of a data take at Level-0: its slices, or its one product, and the products beside them.

Slices stand on the grid that the report tells; before there is one, on as many places as the length of the data take
makes. What is planned and did not come adds places after the last one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.takes import Standing, Take
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.expectations.facts import Maker, Ordered, Report
from s1pdgs.triggers.expectations.fates import Cause, Expected, Fate, Made, Place, State
from s1pdgs.triggers.explain.inquiry import of_job
from s1pdgs.triggers.needs import clock_time
from s1pdgs.triggers.types import level_0_class, table_type
from s1pdgs.triggers.wanted.way import outputs_of

GRIDS = {"SM": (25.0, 7.7), "IW": (25.0, 7.4), "EW": (60.0, 8.2)}
"""Lengths and overlaps (s) of the slices of modes that are sliced, where no report tells them (DAD, section 8.1)."""
_TOGETHER = timedelta(minutes=1)
_RECEIVED_POLARISATIONS = {"SV": {"VV"}, "SH": {"HH"}, "DV": {"VV", "VH"}, "DH": {"HH", "HV"}}
_LIVE = (JobState.READY, JobState.RUNNING)
_GIVEN_UP = {OrderState.EXPIRED: Cause.EXPIRED, OrderState.DROPPED: Cause.DROPPED}


@frozen
class Holdings:
    """What is held of a data take: all its products, its segments, its measurements by type, and its report."""

    products: Sequence[Made]
    segments: tuple[Made, ...]
    current: tuple[Made, ...]
    report: Report | None

    def newest(self, kind: str, slice_number: int, polarisation: str | None = None) -> Made | None:
        """The version that counts of a Level-0 product: of a slice, or (0) of the whole data take; RF characterisations
        have one for each polarisation.
        """
        fits = (
            made
            for made in self.current
            if made.type == kind
            and self.place_of(made) == slice_number
            and polarisation in {None, *_polarisation(made)}
        )
        return max(fits, key=lambda made: (made.generated, made.id), default=None)

    def polarisations(self, mode: str) -> list[str | None]:
        """Those that have products of their own: of RF the ones that were received."""
        received = {each for made in self.segments for each in _polarisation(made)} if mode == "RF" else set()
        return [*sorted(received)] or [None]

    def place_of(self, made: Made) -> int:
        """The number of a slice, by the report or else by the product; 0 for what is of the whole data take."""
        told = None if self.report is None else self.report.versions.get(made.name)
        if told is not None:
            return told
        return _number(made, "sliceNumber") if made.attributes.get("sliceProductFlag") is True else 0


@cache
def class_of(kind: str) -> str | None:
    """S, A, C or N of a Level-0 type of the catalogue, None for others."""
    return level_0_class(table_type(kind))


def holdings(
    take: Take, products: Sequence[Made], report: Report | None, makers: Mapping[str, Maker], assemblers: set[str]
) -> Holdings:
    """Sort the products of a data take; `assemblers` are the chains that make slices of segments."""
    own = [made for made in products if _belongs(take, made) and makers.get(made.name, Maker("", 0)).campaign == 0]
    segments, current = [], []
    for made in own:
        product_class = class_of(made.type)
        told = report is not None and made.name in report.versions
        assembled = told or (made.name in makers and makers[made.name].chain in assemblers)
        if product_class == "S" and made.attributes.get("sliceProductFlag") is not True and not assembled:
            segments.append(made)
        elif product_class and (report is None or made.name not in report.superseded):
            current.append(made)
    return Holdings(own, tuple(segments), tuple(current), report)


def _belongs(take: Take, made: Made) -> bool:
    """Products of another mode may have the same identifier; RF characterisations are told apart by time."""
    if made.type[:2] not in {take.prefix, take.mode}:
        return False
    return take.mode != "RF" or take.interval.widened(_TOGETHER, _TOGETHER).intersects(made.interval)


def places(take: Take, held: Holdings) -> tuple[Place, ...]:
    """The grid of slices of a data take; one place numbered 0 where it is not sliced."""
    grid = GRIDS.get(take.mode)
    if grid is None:
        return (Place(0, take.whole),)
    if held.report is not None:
        known = held.report.places
    else:
        slices = [made for made in held.current if made.attributes.get("sliceProductFlag") is True]
        total = max((_number(made, "totalSlices") for made in slices), default=0)
        times = {_number(made, "sliceNumber"): made.interval for made in slices}
        known = tuple(Place(number, times.get(number)) for number in range(1, max([total, *times]) + 1))
    if not known:
        count = slices_in(take.whole.duration.total_seconds(), *grid)
        return tuple(Place(number, None) for number in range(1, count + 1))
    return (*known, *_beyond(take, known, grid[0]))


def _beyond(take: Take, known: tuple[Place, ...], length_s: float) -> tuple[Place, ...]:
    """Places for what is planned after the last second that came, when that is half a slice or more."""
    ends = [place.interval.stop for place in known if place.interval is not None]
    if take.planned is None or not ends:
        return ()
    lacking_s = (take.planned.interval.stop - max(ends)).total_seconds()
    last = max(place.number for place in known)
    return tuple(
        Place(last + number, None, is_beyond=True) for number in range(1, max(round(lacking_s / length_s), 0) + 1)
    )


def slices_in(duration_s: float, length_s: float, overlap_s: float) -> int:
    """How many slices a data take gives: a tail shorter than the overlap is no slice (coprs.md section 4.2)."""
    whole, fraction = divmod((duration_s - overlap_s) / length_s, 1.0)
    return max(int(whole) + (fraction * length_s >= overlap_s), 1)


def _number(made: Made, attribute: str) -> int:
    value = made.attributes.get(attribute)
    return value if isinstance(value, int) else 0


def level_0(
    take: Take,
    held: Holdings,
    grid: Sequence[Place],
    routes: Sequence[tuple[Route, Ordered | None]],
    absent: Fate | None,
) -> list[Expected]:
    """The Level-0 products that are expected of a data take, measurements first.

    `routes` are the chains that assemble it with their orders; without one, what is held of the grid counts. `absent`
    is the fate of a data take of which nothing came.
    """
    found: list[Expected] = []
    for route, ordered in routes:
        kinds = _outputs(route, take.prefix)
        fate = absent or (of_order(ordered) if ordered is not None else _NO_ORDER)
        number = None if ordered is None else ordered.row.id
        job = None if ordered is None or ordered.job is None else ordered.job.id
        steps = None if ordered is None else ordered.steps
        for kind, place, polarisation in _wanted(take, held, grid, kinds):
            made = held.newest(kind, place.number, polarisation)
            its = _fate_at(place, made, fate, kind)
            found.append(Expected(route.name, kind, take.name, place.number, its, made, number, job, steps))
    if not routes:
        kind = f"{take.prefix}_RAW__0S"
        for place in grid:
            made = held.newest(kind, place.number)
            found.append(
                Expected("", kind, take.name, place.number, _fate_at(place, made, absent or _NO_ORDER, kind), made)
            )
    return found


def _wanted(
    take: Take, held: Holdings, grid: Sequence[Place], kinds: Sequence[str]
) -> Iterator[tuple[str, Place, str | None]]:
    """Each Level-0 product that is to be made: its type, its place, and of RF its polarisation."""
    for kind in kinds:
        for place in grid if class_of(kind) == "S" else (Place(0, take.whole),):
            for polarisation in held.polarisations(take.mode):
                yield kind, place, polarisation


_NO_ORDER = Fate(State.MISSING, "no chain has an order for its segments", Cause.NO_ORDER)


def _outputs(route: Route, prefix: str) -> list[str]:
    """The Level-0 types that an assembling chain makes of a mode, measurements first."""
    family = table_type(f"{prefix}_RAW__0S")[:2]
    kinds = [kind for kind in outputs_of(route) if kind[:2] == family and level_0_class(kind)]
    wanted = [kind for kind in kinds if family != "RF" or level_0_class(kind) == "S"]
    return [f"{prefix}{kind[2:]}" for kind in sorted(wanted, key=lambda kind: (level_0_class(kind) != "S", kind))]


def _fate_at(place: Place, made: Made | None, fate: Fate, kind: str) -> Fate:
    """What became of a Level-0 product, `fate` being that of the order."""
    if made is not None:
        return of_made(made)
    if fate.cause not in {Cause.NOT_MADE, Cause.NO_ORDER}:
        return fate
    return _lacking(place, fate, kind)


def _lacking(place: Place, fate: Fate, kind: str) -> Fate:
    """Why a Level-0 product is missing though its order is over, or though there is none."""
    if place.product is not None:
        why = f"{place.product} is not in the catalogue: see its job and the quarantine"
        return Fate(State.MISSING, why, Cause.NOT_MADE)
    if place.is_reported:
        return Fate(State.MISSING, "no packet of it is here", Cause.GAP)
    if place.is_beyond:
        return Fate(State.MISSING, "it is planned, and no packet of it is here", Cause.GAP)
    what = {"C": "calibration", "N": "noise"}.get(class_of(kind) or "")
    if what is None or fate.cause is Cause.NO_ORDER:
        return fate
    return Fate(State.MISSING, f"{fate.why}; no {what} packet is here", Cause.NOT_MADE)


def of_made(made: Made) -> Fate:
    """The fate of a product that was made."""
    if made.evicted_at is None:
        return Fate(State.MADE)
    return Fate(State.EVICTED, f"it was evicted at {clock_time(made.evicted_at)}")


def of_order(ordered: Ordered) -> Fate:
    """What became of a product that its order did not make, or not yet, in the words that explain the order."""
    row = ordered.row
    what, state = f"order {row.id} ({row.chain})", OrderState(row.state)
    if state is OrderState.WAITING:
        return Fate(State.PENDING, f"{what}: {row.reason or 'waiting'}")
    if state is OrderState.REFUSED:
        return Fate(State.REFUSED, f"{what}: {row.reason}")
    if state in _GIVEN_UP:
        return Fate(State.MISSING, f"{what}: {row.reason}", _GIVEN_UP[state])
    return _of_job(what, ordered.job)


def _of_job(what: str, job: sa.Row[Any] | None) -> Fate:
    if job is None or job.state in _LIVE:
        told = "its job is being placed" if job is None else of_job(job)[0]
        return Fate(State.PENDING, f"{what}: {told}")
    if job.state == JobState.DONE:
        return Fate(State.MISSING, f"{what}: job {job.id} ended without it", Cause.NOT_MADE)
    if job.state == JobState.PARKED:
        return Fate(State.MISSING, f"{what}: {of_job(job)[0]}", Cause.PARKED)
    return Fate(State.MISSING, f"{what}: job {job.id} was dropped: {job.reason}", Cause.DROPPED)


def absent(take: Take, standing: Standing, patience: timedelta) -> Fate | None:
    """The fate of all products of a data take of which nothing came, by its standing; None when something did."""
    start, until = clock_time(take.interval.start), clock_time(take.interval.stop + patience)
    match standing:
        case Standing.PLANNED:
            return Fate(State.PENDING, f"planned for {start}")
        case Standing.AWAITED:
            return Fate(
                State.PENDING, f"planned for {start}, nothing of it is here; its data is waited for until {until}"
            )
        case Standing.MISSING:
            why = f"planned for {start}, and nothing of it came until {until}"
            return Fate(State.MISSING, why, Cause.NEVER_ACQUIRED)
    return None


def notes(take: Take, held: Holdings) -> tuple[str, ...]:
    """How what came differs from what was planned."""
    told = []
    if take.planned is None and take.in_plan:
        told.append("no plan has it")
    if take.planned is not None and take.is_received:
        wanted = _RECEIVED_POLARISATIONS.get(take.planned.polarisation or "", set())
        lacking = wanted - {polarisation for made in held.segments for polarisation in _polarisation(made)}
        if held.segments and lacking:
            told.append(f"{' and '.join(sorted(lacking))} was planned and is not here")
        late, early = take.interval.start - take.planned.interval.start, take.planned.interval.stop - take.interval.stop
        told.extend(
            f"what is here {verb} {gap.total_seconds():.0f} s {word} the plan"
            for gap, verb, word in ((late, "begins", "after"), (early, "ends", "before"))
            if gap > _TOGETHER / 6
        )
    return tuple(told)


def _polarisation(segment: Made) -> set[str]:
    try:
        return {ProductName.parse(segment.name).polarisation}
    except NamingError:
        return set()
