"""The segments of a data take: which of them count, and what they lack together (coprs.md section 5.2)."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from s1pdgs.catalogue.query import Held, covered, find
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval

EDGE = timedelta(seconds=1)
"""Sensing times of the products of one data take begin and end some packets apart."""
SESSION = "SESSION"


class UnitError(ValueError):
    """A product cannot be the trigger of its chain; the message names it and what it lacks."""


def by_polarisation(connection: sa.Connection, segments: Sequence[Held]) -> dict[str, list[Held]]:
    """The segments that add packets, by polarisation in order of time.

    A newer segment replaces an older one only if it surely holds all of its packets (`_covers`); otherwise both stay.
    """
    kept: dict[str, list[Held]] = {}
    for held in sorted(segments, key=lambda held: (held.generation_time, held.name), reverse=True):
        newer = kept.setdefault(_polarisation(held), [])
        if not any(_covers(connection, other, held) for other in newer):
            newer.append(held)
    ordered = {name: sorted(group, key=lambda held: (held.validity.start, held.name)) for name, group in kept.items()}
    return dict(sorted(ordered.items()))


def _polarisation(held: Held) -> str:
    try:
        return ProductName.parse(held.name).polarisation
    except NamingError as error:
        raise UnitError(str(error)) from None


def _covers(connection: sa.Connection, newer: Held, older: Held) -> bool:
    """Within the time of the older one, the newer one lacks nothing, or was made from all that the older one was."""
    if not newer.validity.covers(older.validity):
        return False
    told = newer.product.attributes
    if (told.get("missingPackets"), told.get("corruptedPackets")) == (0, 0):
        return True
    sources = _received_in(connection, older)
    return bool(sources) and sources <= _received_in(connection, newer)


def _received_in(connection: sa.Connection, segment: Held) -> set[str]:
    """The objects of the session blocks that a segment was made from; none when no job here made it."""
    made = sa.select(jobs.job_output.c.job_id).where(jobs.job_output.c.product == segment.name)
    read = sa.select(jobs.job_input.c.product).where(jobs.job_input.c.job_id.in_(made)).distinct()
    inputs = [find(connection, name) for name in connection.scalars(read).all()]
    return {block for held in inputs if held is not None for block in blocks_of(held)}


def blocks_of(session: Held) -> set[str]:
    """The object keys of the data blocks of a SESSION product; none of any other."""
    product = session.product
    if product.type != SESSION:
        return set()
    names = [file.path for file in product.files if file.path.endswith((".raw", ".aisp"))]
    return {f"{product.location}/{name}" for name in names}


def gap_of(polarisation: str, segments: Sequence[Held]) -> str | None:
    """What the segments of one polarisation lack to span their data take, None when they do."""
    told = set().union(*(_consolidation(held) for held in segments))
    if "FULL" not in told:
        if not told & {"START", "BEGIN"}:
            return f"the beginning of {polarisation}"
        if "END" not in told:
            return f"the end of {polarisation}"
    spans = [held.validity for held in segments]
    whole = Interval(min(span.start for span in spans), max(span.stop for span in spans))
    return None if covered(spans, whole, EDGE) else f"the middle of {polarisation}"


def _consolidation(held: Held) -> set[str]:
    names = ("productConsolidation", "productSensingConsolidation")
    return {str(held.product.attributes.get(name, "")).upper() for name in names}
