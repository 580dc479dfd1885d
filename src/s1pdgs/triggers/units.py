"""Units of processing: what belongs together, whether it is complete, and its facts (coprs.md section 5).

A unit is found from the product that triggered it: a session by itself, a data take by all its segments, a slice with
the annotation product of its data take.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.query import Held, covered, of_datatake
from s1pdgs.catalogue.selection import select
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness, most_urgent
from s1pdgs.triggers.chains import Chain
from s1pdgs.triggers.needs import ANY_TIME, Need
from s1pdgs.triggers.types import table_type

POLARISATION_SETS = (("SH",), ("SV",), ("VV", "VH"), ("HH", "HV"))
EDGE = timedelta(seconds=1)
"""Sensing times of the products of one data take begin and end some packets apart."""


class UnitError(ValueError):
    """A product cannot be the trigger of its chain; the message names it and what it lacks."""


@frozen
class Moment:
    """When an order is looked at: its creation, now, and whether an operator wants it to go on with what there is."""

    created: datetime
    now: datetime
    released: bool = False


@frozen
class Unit:
    """What an order processes.

    `interval` is the time of the unit itself, `whole` that of its data take, which the job order tells and orbits must
    cover. `bound` are the products that belong to it, by task-table type; `needs` is what it still lacks.
    """

    satellite: str
    interval: Interval
    whole: Interval
    bound: Mapping[str, tuple[Held, ...]]
    timeliness: Timeliness
    t0: datetime
    mode: str | None = None
    datatake: int | None = None
    configuration: int | None = None
    slice_number: int = 1
    total_slices: int = 1
    station: str | None = None
    needs: tuple[Need, ...] = ()

    @property
    def products(self) -> list[Held]:
        """The products that belong to the unit."""
        return [held for group in self.bound.values() for held in group]


def unit_key(chain: Chain, product: Product) -> str:
    """The name of the unit that a product belongs to: all segments of a data take have the same one."""
    if chain.unit != "datatake":
        return product.name
    key = f"{product.satellite}-{_datatake(product):06X}"
    if product.type.startswith("RF_"):
        return f"{key}-{product.validity.start:%Y%m%dT%H%M%S}"
    return key


def gather(connection: sa.Connection, chain: Chain, trigger: Held, moment: Moment) -> Unit:
    """The unit of a trigger as the catalogue knows it now; `UnitError` when the trigger cannot make one."""
    if chain.unit == "session":
        return _session(chain, trigger)
    if chain.unit == "datatake":
        return _data_take(connection, chain, trigger, moment)
    return _slice(connection, chain, trigger)


def _session(chain: Chain, trigger: Held) -> Unit:
    product = trigger.product
    station = product.attributes.get("station")
    return Unit(
        satellite=product.satellite,
        interval=product.validity,
        whole=product.validity,
        bound={product.type: (trigger,)},
        timeliness=product.timeliness or chain.timeliness,
        t0=product.t0,
        station=str(station) if station else None,
    )


def _slice(connection: sa.Connection, chain: Chain, trigger: Held) -> Unit:
    product = trigger.product
    mode, datatake = product.type[:2], _datatake(product)
    annotations = of_datatake(connection, product.satellite, datatake, [f"{mode}_RAW__0A"])
    covering = select("LatestValCover", inner(product.validity), annotations)
    whole = covering[0].validity if covering else product.validity
    return Unit(
        satellite=product.satellite,
        interval=product.validity,
        whole=Interval(min(whole.start, product.validity.start), max(whole.stop, product.validity.stop)),
        bound={table_type(product.type): (trigger,)},
        timeliness=product.timeliness or chain.timeliness,
        t0=product.t0,
        mode=mode,
        datatake=datatake,
        configuration=_whole_number(product, "instrumentConfigurationID"),
        slice_number=_whole_number(product, "sliceNumber") or 1,
        total_slices=_whole_number(product, "totalSlices") or _count_slices(chain, whole),
    )


def _count_slices(chain: Chain, whole: Interval) -> int:
    """The number of slices of a data take: a tail shorter than the overlap is no slice (coprs.md section 4.2)."""
    if chain.slice_length_s <= 0:
        return 1
    number = (whole.duration.total_seconds() - chain.slice_overlap_s) / chain.slice_length_s
    tail_s = (number - int(number)) * chain.slice_length_s
    return max(int(number) if tail_s < chain.slice_overlap_s else int(number) + 1, 1)


def _data_take(connection: sa.Connection, chain: Chain, trigger: Held, moment: Moment) -> Unit:
    segments = _segments(connection, chain, trigger)
    groups = _by_polarisation(segments)
    current = [held for group in groups.values() for held in group]
    whole = Interval(min(held.validity.start for held in current), max(held.validity.stop for held in current))
    product = trigger.product
    return Unit(
        satellite=product.satellite,
        interval=whole,
        whole=whole,
        bound={table_type(product.type): tuple(current)},
        timeliness=most_urgent([held.product.timeliness or chain.timeliness for held in current]),
        t0=max(held.product.t0 for held in current),
        mode=product.type[:2],
        datatake=_datatake(product),
        configuration=_whole_number(product, "instrumentConfigurationID"),
        needs=tuple(_lacking(chain, trigger, groups, whole, moment)),
    )


def _segments(connection: sa.Connection, chain: Chain, trigger: Held) -> list[Held]:
    """All segments of the trigger's data take; RF characterisations of the same start only."""
    product = trigger.product
    found = of_datatake(connection, product.satellite, _datatake(product), [product.type])
    ours = [held for held in found if chain.wants(held.product) and not made_by(connection, held.name, excluded(chain))]
    if product.type.startswith("RF_"):
        ours = [held for held in ours if unit_key(chain, held.product) == unit_key(chain, product)]
    return ours or [trigger]


def excluded(chain: Chain) -> list[str]:
    """Chains whose products never trigger this one."""
    return [chain.name, *chain.except_made_by]


def made_by(connection: sa.Connection, product: str, chains: Sequence[str]) -> bool:
    """True when a job of one of these chains made a product."""
    query = (
        sa.select(jobs.job.c.id)
        .join(jobs.job_output, jobs.job_output.c.job_id == jobs.job.c.id)
        .where(jobs.job_output.c.product == product, jobs.job.c.chain.in_(chains))
        .limit(1)
    )
    return connection.scalar(query) is not None


def _by_polarisation(segments: Sequence[Held]) -> dict[str, list[Held]]:
    """Segments by polarisation in order of time; a newer one with the same start replaces the older one."""
    newest: dict[tuple[str, datetime], Held] = {}
    for held in sorted(segments, key=lambda held: (held.generation_time, held.name)):
        newest[_polarisation(held), held.validity.start] = held
    groups: dict[str, list[Held]] = {}
    for (polarisation, _), held in sorted(newest.items()):
        groups.setdefault(polarisation, []).append(held)
    return groups


def _polarisation(held: Held) -> str:
    try:
        return ProductName.parse(held.name).polarisation
    except NamingError as error:
        raise UnitError(str(error)) from None


@frozen
class _Lack:
    what: str
    until: datetime


def _lacking(chain: Chain, trigger: Held, groups: dict[str, list[Held]], whole: Interval, moment: Moment) -> list[Need]:
    """What a data take still lacks and has time to wait for (coprs.md section 5.2)."""
    if moment.released:
        return []
    rules = chain.assembly
    until = max(
        whole.stop + timedelta(seconds=rules.after_sensing_s), moment.created + timedelta(seconds=rules.after_order_s)
    )
    lacks = [_Lack(gap, until) for polarisation, group in groups.items() if (gap := gap_of(polarisation, group))]
    if not any(set(groups) == set(wanted) for wanted in POLARISATION_SETS):
        lacks.extend(_lacking_partner(chain, groups, until))
    name = f"data take {_datatake(trigger.product):06X}"
    kind = table_type(trigger.product.type)
    return [
        Need(f"segments {number}", (kind,), ANY_TIME, lack.until, f"{lack.what} of {name}")
        for number, lack in enumerate(lacks, start=1)
        if lack.until > moment.now
    ]


def _lacking_partner(chain: Chain, groups: dict[str, list[Held]], until: datetime) -> list[_Lack]:
    """The polarisation that makes a set of a lone one; our segments of single polarisation are alone for ever."""
    have = set(groups)
    partners = [set(wanted) - have for wanted in POLARISATION_SETS if have and have < set(wanted)]
    if not partners:
        return [_Lack(f"a set of polarisations ({' and '.join(sorted(have))} are no set)", until)]
    last = max(held.catalogued_at for group in groups.values() for held in group)
    return [_Lack(f"polarisation {min(partners[0])}", last + timedelta(seconds=chain.assembly.partner_wait_s))]


def gap_of(polarisation: str, segments: Sequence[Held]) -> str | None:
    """What the segments of one polarisation lack to span their data take, None when they do."""
    if not any(_consolidation(held) & {"FULL"} for held in segments):
        if not _consolidation(segments[0]) & {"START", "BEGIN"}:
            return f"the beginning of {polarisation}"
        if not _consolidation(segments[-1]) & {"END"}:
            return f"the end of {polarisation}"
    spans = [held.validity for held in segments]
    if not covered(spans, Interval(spans[0].start, max(span.stop for span in spans)), EDGE):
        return f"the middle of {polarisation}"
    return None


def _consolidation(held: Held) -> set[str]:
    names = ("productConsolidation", "productSensingConsolidation")
    return {str(held.product.attributes.get(name, "")).upper() for name in names}


def inner(interval: Interval) -> Interval:
    """An interval without its edges, so that products of the same data take cover it."""
    if interval.duration <= 2 * EDGE:
        return Interval(interval.centre, interval.centre)
    return Interval(interval.start + EDGE, interval.stop - EDGE)


def _datatake(product: Product) -> int:
    identifier = _whole_number(product, "datatakeID")
    if identifier is None:
        raise UnitError(f"{product.name} has no attribute datatakeID; only Level-0 products of a data take fit here")
    return identifier


def _whole_number(product: Product, attribute: str) -> int | None:
    value = product.attributes.get(attribute)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
