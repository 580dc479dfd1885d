"""Why a product may not go yet, by name of what needs it. All at once for a page of products, in the transaction that
would let them go.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue.lifecycle import held_among
from s1pdgs.catalogue.query import ANY_SATELLITE
from s1pdgs.catalogue.retention import Form
from s1pdgs.catalogue.tables import product
from s1pdgs.jobs.tables import job, job_input
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.publication.dialects import Unindexed
from s1pdgs.publication.lta.copying import Archive
from s1pdgs.publication.lta.tables import OPEN, restore
from s1pdgs.publication.tables import publication
from s1pdgs.triggers.tables import order, order_product

_NEEDING = [str(state) for state in (JobState.READY, JobState.RUNNING, JobState.PARKED)]


def needs(connection: sa.Connection, archive: Archive | None, form: Form, numbers: Sequence[int]) -> dict[int, str]:
    """Those of some products whose form is needed, with one reason each. Unknown numbers are left out."""
    rows = connection.execute(_ROWS.where(product.c.id.in_(list(numbers)))).all()
    held = {number: f"it is under legal hold: {why}" for number, why in held_among(connection, numbers).items()}
    in_work = {} if form is Form.ZIP else _in_work(connection, rows)
    return in_work | _last_copies(rows, archive, form) | _being_restored(connection, numbers) | held


_ROWS: sa.Select[Any] = sa.select(
    product.c.id,
    product.c.name,
    product.c.type,
    product.c.satellite,
    product.c.start,
    product.c.stop,
    product.c.evicted_at,
    publication.c.state,
    publication.c.archived_at,
    publication.c.evicted_at.label("zip_evicted_at"),
).select_from(product.outerjoin(publication, publication.c.product_id == product.c.id))


def _being_restored(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, str]:
    query = sa.select(restore.c.product_id).where(restore.c.product_id.in_(list(numbers)), OPEN)
    return dict.fromkeys(connection.scalars(query), "it is being restored")


def _last_copies(rows: Sequence[sa.Row[Any]], archive: Archive | None, form: Form) -> dict[int, str]:
    """What is to be archived stays until the archive has it: its zip always, its files when they are all there is."""
    if archive is None:
        return {}
    return {
        row.id: "the archive has no copy of it yet"
        for row in rows
        if row.state == "published"
        and row.archived_at is None
        and archive.wants(row.type)
        and (form is Form.ZIP or row.zip_evicted_at is not None)
    }


def _in_work(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, str]:
    """Files that jobs, orders that wait for more, or publication are still to read."""
    going_out = {row.id: f"its publication is {row.state}" for row in rows if row.state in ("pending", "failed")}
    return _waited_for(connection, rows) | _read_by_jobs(connection, rows) | going_out


def _read_by_jobs(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, str]:
    numbers = {row.name: row.id for row in rows}
    query = (
        sa.select(job_input.c.product, job.c.id, job.c.state)
        .join(job, job.c.id == job_input.c.job_id)
        .where(job_input.c.product.in_(list(numbers)), Unindexed(job.c.state).in_(_NEEDING))
        .order_by(job.c.id.desc())
    )
    return {numbers[found.product]: f"job {found.id} ({found.state}) reads it" for found in connection.execute(query)}


def _waited_for(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> dict[int, str]:
    """An order that waits has chosen nothing yet: it may take what belongs to its unit, caused it or shares its time.

    Of very many that wait one is found for each product, along indexes.
    """
    names = {row.name: row.id for row in rows}
    named = sa.select(order_product.c.product, sa.func.min(order_product.c.order_id)).group_by(order_product.c.product)
    found = {names[name]: one for name, one in connection.execute(named.where(order_product.c.product.in_(names)))}
    longest = connection.scalar(_LONGEST)
    if longest is not None:
        beside = _BESIDE.where(product.c.id.in_(names.values()))
        found = {row.id: row.order for row in connection.execute(beside, {"longest": longest}) if row.order} | found
    return {number: f"order {one} waits for more to process it" for number, one in found.items()}


def _us(moment: sa.Column[Any]) -> sa.ColumnElement[int]:
    return sa.type_coerce(moment, sa.BigInteger)


_WAITS = order.c.state == OrderState.WAITING
_LONGEST = sa.select(order.c.length_us).where(_WAITS).order_by(order.c.length_us.desc()).limit(1)
_BESIDE: sa.Select[Any] = sa.select(
    product.c.id,
    sa.select(order.c.id)
    .where(
        _WAITS,
        _us(order.c.start) >= _us(product.c.start) - sa.bindparam("longest", type_=sa.BigInteger),
        order.c.start <= product.c.stop,
        order.c.stop >= product.c.start,
        sa.or_(product.c.satellite == ANY_SATELLITE, order.c.satellite == product.c.satellite),
    )
    .order_by(order.c.start)
    .limit(1)
    .scalar_subquery()
    .label("order"),
)
"""Products with one order each that waits and shares its time; none is longer than the longest."""
