"""The report of a campaign: each unit with its job, inputs, processor, products and failures, and how its inputs differ
from those of the systematic run. Units are read and told page by page.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.spec import from_json
from s1pdgs.model.job import JobState
from s1pdgs.model.time import format_iso
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.campaigns.campaign import Campaign
from s1pdgs.triggers.campaigns.progress import Fate, Progress, fate_of, to_json, with_jobs

_PAGE = 100
_EMPTY: dict[str, Any] = {"inputs": [], "auxiliary": [], "products": []}


def units_of(connection: sa.Connection, campaign: Campaign, after: int = 0) -> Iterator[dict[str, Any]]:
    """The units of a campaign as JSON values, by order number, those behind a number."""
    columns = (
        t.order.c.id, t.order.c.chain, t.order.c.unit, t.order.c.state, t.order.c.reason,
        jobs.job.c.id.label("job"), jobs.job.c.state.label("job_state"), jobs.job.c.fence, jobs.job.c.spec,
        jobs.job.c.started_at, jobs.job.c.finished_at, jobs.job.c.reason.label("job_reason"),
    )  # fmt: skip
    query = sa.select(*columns).select_from(with_jobs()).where(t.order.c.campaign == campaign.number)
    while True:
        rows = connection.execute(query.where(t.order.c.id > after).order_by(t.order.c.id).limit(_PAGE)).all()
        if not rows:
            return
        yield from (_unit(connection, row) for row in rows)
        after = rows[-1].id


def _unit(connection: sa.Connection, row: Any) -> dict[str, Any]:
    fate = fate_of(row.state, row.job_state)
    told: dict[str, Any] = {"order": row.id, "chain": row.chain, "unit": row.unit, "became": str(fate)}
    told["note"] = row.job_reason if fate is Fate.FAILED and row.job_reason else row.reason
    if row.job is None:
        return {**told, "job": None, "attempts": 0, "processor": None, **_EMPTY, "systematic": None}
    order = from_json(row.spec).order
    inputs = _inputs_of(connection, row.job)
    return {
        **told,
        "job": row.job,
        "attempts": row.fence,
        "started": None if row.started_at is None else format_iso(row.started_at),
        "finished": None if row.finished_at is None else format_iso(row.finished_at),
        "processor": f"{order.processor_name} {order.version}",
        "inputs": inputs,
        "auxiliary": _auxiliary_among(connection, inputs),
        "products": _products_of(connection, row.job),
        "systematic": _systematic(connection, row, set(inputs)),
    }


def _systematic(connection: sa.Connection, row: Any, inputs: set[str]) -> dict[str, Any] | None:
    """The last job of the systematic order of a unit, and which inputs are more or fewer here; None without one."""
    query = (
        sa.select(jobs.job.c.id, jobs.job.c.order_id)
        .join(t.order, t.order.c.id == jobs.job.c.order_id)
        .where(
            t.order.c.chain == row.chain,
            t.order.c.unit == row.unit,
            t.order.c.campaign == 0,
            jobs.job.c.state == JobState.DONE,
        )
        .order_by(jobs.job.c.round.desc())
    )
    job = connection.execute(query.limit(1)).first()
    if job is None:
        return None
    had = set(_inputs_of(connection, job.id))
    return {
        "order": job.order_id,
        "job": job.id,
        "products": _products_of(connection, job.id),
        "more": sorted(inputs - had),
        "fewer": sorted(had - inputs),
    }


def _inputs_of(connection: sa.Connection, job: int) -> list[str]:
    query = sa.select(jobs.job_input.c.product).where(jobs.job_input.c.job_id == job)
    return list(connection.scalars(query.order_by(jobs.job_input.c.product)))


def _auxiliary_among(connection: sa.Connection, inputs: list[str]) -> list[str]:
    """The inputs that belong to no data take."""
    name, datatake = catalogue.product.c.name, catalogue.product.c.datatake
    return list(connection.scalars(sa.select(name).where(name.in_(inputs), datatake.is_(None)).order_by(name)))


def _products_of(connection: sa.Connection, job: int) -> list[str]:
    query = sa.select(jobs.job_output.c.product).where(jobs.job_output.c.job_id == job)
    return list(connection.scalars(query.order_by(jobs.job_output.c.product)))


def as_json(connection: sa.Connection, campaign: Campaign, told: Progress) -> Iterator[str]:
    """The report as one JSON object, in pieces: the campaign, its progress, and `list` with its units."""
    head = json.dumps(to_json(campaign, told), indent=1)
    yield head.removesuffix("\n}") + ',\n "list": ['
    for number, unit in enumerate(units_of(connection, campaign)):
        yield ("," if number else "") + "\n  " + json.dumps(unit)
    yield "\n ]\n}\n"


def as_text(connection: sa.Connection, campaign: Campaign, told: Progress) -> Iterator[str]:
    """The report for people, line by line."""
    yield from summary(campaign, told)
    for unit in units_of(connection, campaign):
        job = "" if unit["job"] is None else f", job {unit['job']}, {unit['processor']}, attempt {unit['attempts']}"
        yield f"order {unit['order']} ({unit['chain']} of {unit['unit']}): {unit['became']}{job}"
        if unit["note"]:
            yield f"  {unit['note']}"
        yield from (f"  made {name}" for name in unit["products"])
        yield from (f"  with {name}" for name in unit["auxiliary"])
        yield from _differences(unit["systematic"])


def _differences(systematic: dict[str, Any] | None) -> Iterator[str]:
    if systematic is None:
        return
    if not systematic["more"] and not systematic["fewer"]:
        yield f"  the same inputs as the systematic job {systematic['job']}"
    yield from (f"  not in the systematic job {systematic['job']}: {name}" for name in systematic["more"])
    yield from (f"  only in the systematic job {systematic['job']}: {name}" for name in systematic["fewer"])


def summary(campaign: Campaign, told: Progress) -> Iterator[str]:
    """What a campaign is and how far, line by line."""
    facts = to_json(campaign, told)
    baseline = "all auxiliary products of the catalogue"
    if campaign.plan.as_of is not None:
        baseline = f"auxiliary products catalogued until {facts['aux_as_of']}"
    elif campaign.plan.only is not None:
        baseline = f"{len(campaign.plan.only)} auxiliary products by name"
    counts = ", ".join(f"{told.counts[fate]} {fate}" for fate in Fate)
    yield f"campaign {facts['campaign']}: {facts['state']}"
    yield f"  {facts['type']} of {facts['start']} to {facts['stop']}" + (
        f", {campaign.plan.satellite}" if campaign.plan.satellite else ""
    )
    yield f"  by {' > '.join(campaign.plan.way)}, pinned as {facts['pinned_sha256'][:12]}"
    yield f"  with {baseline}"
    yield f"  priority {facts['priority']}, {facts['limit']} at once"
    yield f"  {told.total} units: {counts}"
    if told.per_hour is not None:
        yield f"  {told.per_hour:.1f} units an hour" + (f", done at {facts['done_at']}" if told.done_at else "")
    yield from (f"  excluded {number}: {reason}" for reason, number in told.excluded)
