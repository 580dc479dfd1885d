"""Units of processing: what belongs together, whether it is complete, and its facts (coprs.md section 5).

A unit is found from the product that triggered it: a delivery of a session with the earlier ones of its pass, a data
take by all its segments, a slice with the annotation product of its data take.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.datatakes import grid_start_of
from s1pdgs.catalogue.query import Held, candidates, of_datatake
from s1pdgs.catalogue.selection import select
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness, most_urgent
from s1pdgs.triggers.baseline import SYSTEMATIC, Baseline
from s1pdgs.triggers.chains import Chain
from s1pdgs.triggers.needs import ANY_TIME, Need
from s1pdgs.triggers.segments import EDGE, SESSION, UnitError, blocks_of, by_polarisation, gap_of
from s1pdgs.triggers.types import table_type

POLARISATION_SETS = (("SH",), ("SV",), ("VV", "VH"), ("HH", "HV"))
_A_PASS = timedelta(minutes=30)
_MADE_BY = (
    sa.select(jobs.job.c.id)
    .join(jobs.job_output, jobs.job_output.c.job_id == jobs.job.c.id)
    .where(
        jobs.job_output.c.product == sa.bindparam("product"),
        jobs.job.c.chain.in_(sa.bindparam("chains", expanding=True)),
    )
    .limit(1)
)


@frozen
class Moment:
    """When an order is looked at: its creation, now, whether an operator wants it to go on with what there is, and what
    it may see.
    """

    created: datetime
    now: datetime
    released: bool = False
    baseline: Baseline = SYSTEMATIC


@frozen
class Unit:
    """What an order processes.

    `interval` is the time of the unit itself, `whole` that of its data take, which the job order tells and orbits must
    cover. `bound` are the products that belong to it, by task-table type; `needs` is what it still lacks. `grid_start`
    is where the slices of a data take began when it was assembled before.
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
    grid_start: datetime | None = None
    needs: tuple[Need, ...] = ()

    @property
    def products(self) -> list[Held]:
        """The products that belong to the unit."""
        return [held for group in self.bound.values() for held in group]


def unit_key(chain: Chain, product: Product) -> str:
    """The name of the unit that a product belongs to: all segments of a data take have the same one.

    A data take of RF characterisations has one unit for each start (`orders` lets those that start together share it).
    """
    if chain.unit != "datatake":
        return product.name
    key = f"{product.satellite}-{_datatake(product):06X}"
    if product.type.startswith("RF_"):
        return f"{key}-{product.validity.start:%Y%m%dT%H%M%S}"
    return key


def gather(connection: sa.Connection, chain: Chain, trigger: Held, moment: Moment) -> Unit:
    """The unit of a trigger as the catalogue knows it now; `UnitError` when the trigger cannot make one."""
    if chain.unit == "session":
        return _session(connection, chain, trigger)
    if chain.unit == "datatake":
        return _data_take(connection, chain, trigger, moment)
    return _slice(connection, chain, trigger, moment.baseline)


def _session(connection: sa.Connection, chain: Chain, trigger: Held) -> Unit:
    product = trigger.product
    deliveries = _deliveries(connection, trigger) if product.type == SESSION else [trigger]
    station = product.attributes.get("station")
    return Unit(
        satellite=product.satellite,
        interval=product.validity,
        whole=product.validity,
        bound={product.type: tuple(deliveries)},
        timeliness=product.timeliness or chain.timeliness,
        t0=max(held.product.t0 for held in deliveries),
        station=str(station) if station else None,
    )


def pass_until(connection: sa.Connection, last: Held) -> list[Held]:
    """The deliveries of a pass that the catalogue held until the last of them came, oldest first, that one included.

    They are of one satellite, and their receptions overlap or their session is the same.
    """
    earlier = [held for held in _of_pass(connection, last) if held.id < last.id]
    return [*sorted(earlier, key=lambda held: held.id), last]


def deliveries_after(connection: sa.Connection, first: Held) -> list[Held]:
    """The deliveries of a pass that the catalogue holds and that came after one of them, oldest first."""
    later = [held for held in _of_pass(connection, first) if held.id > first.id]
    return sorted(later, key=lambda held: held.id)


def _of_pass(connection: sa.Connection, one: Held) -> list[Held]:
    near = candidates(connection, [SESSION], one.product.satellite, one.validity.widened(_A_PASS, _A_PASS))
    return [held for held in near if _of_one_pass(held, one)]


def _deliveries(connection: sa.Connection, last: Held) -> list[Held]:
    """What brings anything of a pass: not a delivery all of whose blocks a later one has (before a late block came)."""
    kept: list[Held] = []
    for held in reversed(pass_until(connection, last)):
        blocks = blocks_of(held)
        if not any(blocks <= blocks_of(other) for other in kept):
            kept.append(held)
    return kept[::-1]


def _of_one_pass(one: Held, other: Held) -> bool:
    names = [str(held.product.attributes.get("sessionId", held.name)) for held in (one, other)]
    return names[0] == names[1] or one.validity.intersects(other.validity)


def _slice(connection: sa.Connection, chain: Chain, trigger: Held, baseline: Baseline) -> Unit:
    product = trigger.product
    mode, datatake = product.type[:2], _datatake(product)
    annotations = baseline.visible(of_datatake(connection, product.satellite, datatake, [f"{mode}_RAW__0A"]))
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
    segments = _segments(connection, chain, trigger, moment.baseline)
    groups = by_polarisation(connection, segments)
    current = [held for group in groups.values() for held in group]
    whole = Interval(min(held.validity.start for held in current), max(held.validity.stop for held in current))
    product = trigger.product
    timeliness = most_urgent([held.product.timeliness or chain.timeliness for held in current])
    waits = timeliness not in chain.assembly.at_once and not moment.released
    return Unit(
        satellite=product.satellite,
        interval=whole,
        whole=whole,
        bound={table_type(product.type): tuple(current)},
        timeliness=timeliness,
        t0=max(held.product.t0 for held in current),
        mode=product.type[:2],
        datatake=_datatake(product),
        configuration=_whole_number(product, "instrumentConfigurationID"),
        grid_start=_grid_start(connection, product),
        needs=tuple(_lacking(chain, trigger, groups, whole, moment)) if waits else (),
    )


def _grid_start(connection: sa.Connection, segment: Product) -> datetime | None:
    """Where the grid of slices begins that an earlier assembly fixed: by its report, else by the slices held."""
    told = grid_start_of(connection, segment.satellite, _datatake(segment))
    if told is not None:
        return told
    held = of_datatake(connection, segment.satellite, _datatake(segment), [segment.type])
    starts = [
        start
        for each in held
        if each.product.attributes.get("sliceProductFlag") is True
        and isinstance(start := each.product.attributes.get("segmentStartTime"), datetime)
    ]
    return min(starts, default=None)


def _segments(connection: sa.Connection, chain: Chain, trigger: Held, baseline: Baseline) -> list[Held]:
    """All segments of the trigger's data take; of RF characterisations those that start together (RS-705)."""
    product = trigger.product
    found = baseline.visible(of_datatake(connection, product.satellite, _datatake(product), [product.type]))
    ours = [held for held in found if chain.wants(held.product) and not made_by(connection, held.name, excluded(chain))]
    if product.type.startswith("RF_"):
        ours = [held for held in ours if abs(held.validity.start - product.validity.start) <= EDGE]
    return ours or [trigger]


def excluded(chain: Chain) -> list[str]:
    """Chains whose products never trigger this one."""
    return [chain.name, *chain.except_made_by]


def made_by(connection: sa.Connection, product: str, chains: Sequence[str]) -> bool:
    """True when a job of one of these chains made a product."""
    return connection.scalar(_MADE_BY, {"product": product, "chains": chains}) is not None


@frozen
class _Lack:
    what: str
    until: datetime


def _lacking(chain: Chain, trigger: Held, groups: dict[str, list[Held]], whole: Interval, moment: Moment) -> list[Need]:
    """What a data take still lacks and has time to wait for (coprs.md section 5.2)."""
    rules = chain.assembly
    until = max(
        whole.stop + timedelta(seconds=rules.after_sensing_s), moment.created + timedelta(seconds=rules.after_order_s)
    )
    lacks = [_Lack(gap, until) for polarisation, group in groups.items() if (gap := gap_of(polarisation, group))]
    if not any(set(groups) == set(wanted) for wanted in POLARISATION_SETS):
        lacks.extend(_lacking_partner(chain, trigger, groups, until))
    name = f"data take {_datatake(trigger.product):06X}"
    kind = table_type(trigger.product.type)
    return [
        Need(f"segments {number}", (kind,), ANY_TIME, lack.until, f"{lack.what} of {name}")
        for number, lack in enumerate(lacks, start=1)
        if lack.until > moment.now
    ]


def _lacking_partner(chain: Chain, trigger: Held, groups: dict[str, list[Held]], until: datetime) -> list[_Lack]:
    """The polarisation that makes a set of a lone one, unless its packets say that nothing else was received. Wave mode
    has one only.
    """
    have = set(groups)
    acquired = {
        str(held.product.attributes.get("acquiredPolarisations")) for group in groups.values() for held in group
    }
    if trigger.product.type.startswith("WV_") or (len(have) == 1 and acquired <= have):
        return []
    partners = [set(wanted) - have for wanted in POLARISATION_SETS if have and have < set(wanted)]
    if not partners:
        return [_Lack(f"a set of polarisations ({' and '.join(sorted(have))} are no set)", until)]
    last = max(held.catalogued_at for group in groups.values() for held in group)
    return [_Lack(f"polarisation {min(partners[0])}", last + timedelta(seconds=chain.assembly.partner_wait_s))]


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
