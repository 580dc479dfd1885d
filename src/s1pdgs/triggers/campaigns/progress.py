"""How far a campaign is: its units by what became of them, how fast it goes, and when it will be done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.jobs import tables as jobs
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.model.time import format_iso
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.campaigns.campaign import Campaign, CampaignState
from s1pdgs.triggers.campaigns.pins import digest_of

_RECENT = 50
_REASONS = 5


class Fate(StrEnum):
    """What became of a unit."""

    DONE = "done"
    RUNNING = "running"
    PENDING = "pending"
    FAILED = "failed"
    EXCLUDED = "excluded"


@frozen
class Progress:
    """`excluded` are the most frequent reasons with their counts. `per_hour` is by the last jobs, None before two."""

    counts: Mapping[Fate, int]
    excluded: tuple[tuple[str, int], ...]
    per_hour: float | None
    done_at: datetime | None
    stands: str

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def fate_of(order_state: str, job_state: str | None) -> Fate:
    """What became of a unit, by the states of its order and of the job of its round (None without one)."""
    match OrderState(order_state):
        case OrderState.DONE:
            return Fate.DONE
        case OrderState.WAITING:
            return Fate.PENDING
        case OrderState.PLANNED:
            return Fate.FAILED if job_state in (JobState.PARKED, JobState.DROPPED) else Fate.RUNNING
        case _:
            return Fate.EXCLUDED if job_state is None else Fate.FAILED


def progress(connection: sa.Connection, campaign: Campaign, now: datetime) -> Progress:
    """How far a campaign is at a moment."""
    counts = dict.fromkeys(Fate, 0)
    query = (
        sa.select(t.order.c.state, jobs.job.c.state.label("job"), sa.func.count().label("number"))
        .select_from(with_jobs())
        .where(t.order.c.campaign == campaign.number)
        .group_by(t.order.c.state, jobs.job.c.state)
    )
    for row in connection.execute(query):
        counts[fate_of(row.state, row.job)] += row.number
    rate = _rate(connection, campaign)
    left = counts[Fate.PENDING] + counts[Fate.RUNNING]
    knows = campaign.collected is not None and campaign.state is CampaignState.RUNNING
    done_at = now + timedelta(hours=left / rate) if knows and left and rate else None
    return Progress(counts, _excluded(connection, campaign), rate, done_at, _stands(campaign, left))


def with_jobs() -> sa.FromClause:
    """Orders with the job of their present round, when they have one."""
    of_round = sa.and_(jobs.job.c.order_id == t.order.c.id, jobs.job.c.round == t.order.c.round)
    return t.order.outerjoin(jobs.job, of_round)


def _stands(campaign: Campaign, left: int) -> str:
    if campaign.state is not CampaignState.RUNNING:
        return str(campaign.state)
    if campaign.collected is None:
        return "collecting"
    return "running" if left else "done"


def _rate(connection: sa.Connection, campaign: Campaign) -> float | None:
    """Jobs done in an hour, by the times at which the last ones ended."""
    query = (
        sa.select(jobs.job.c.finished_at)
        .select_from(with_jobs())
        .where(t.order.c.campaign == campaign.number, t.order.c.state == OrderState.DONE)
        .where(jobs.job.c.finished_at.is_not(None))
        .order_by(jobs.job.c.finished_at.desc())
        .limit(_RECENT)
    )
    ends = list(connection.scalars(query))
    if len(ends) < 2 or ends[0] == ends[-1]:
        return None
    return float((len(ends) - 1) / ((ends[0] - ends[-1]) / timedelta(hours=1)))


def _excluded(connection: sa.Connection, campaign: Campaign) -> tuple[tuple[str, int], ...]:
    number = sa.func.count().label("number")
    query = (
        sa.select(t.order.c.reason, number)
        .select_from(with_jobs())
        .where(
            t.order.c.campaign == campaign.number,
            t.order.c.state.in_([OrderState.DROPPED, OrderState.EXPIRED, OrderState.REFUSED]),
            jobs.job.c.id.is_(None),
        )
        .group_by(t.order.c.reason)
        .order_by(number.desc(), t.order.c.reason)
        .limit(_REASONS)
    )
    return tuple((row.reason or "", row.number) for row in connection.execute(query))


def facts_of(campaign: Campaign) -> dict[str, Any]:
    """What a campaign is, as JSON values."""
    plan = campaign.plan
    return {
        "campaign": plan.name,
        "type": plan.type,
        "start": format_iso(plan.time.start),
        "stop": format_iso(plan.time.stop),
        "area": plan.area,
        "satellite": plan.satellite,
        "chains": list(plan.way),
        "processors": {
            chain["name"]: chain["task_table"] for chain in plan.pinned["chains"] if chain["name"] in plan.way
        },
        "pinned_sha256": digest_of(plan.pinned),
        "aux_as_of": None if plan.as_of is None else format_iso(plan.as_of),
        "aux": None if plan.only is None else list(plan.only),
        "parameters": dict(plan.parameters),
        "priority": plan.priority,
        "limit": plan.at_once,
        "created": format_iso(campaign.created),
    }


def as_row(campaign: Campaign, told: Progress) -> dict[str, Any]:
    """A campaign in brief."""
    counts = {str(fate): told.counts[fate] for fate in Fate}
    end = None if told.done_at is None else format_iso(told.done_at)
    return {"name": campaign.plan.name, "type": campaign.plan.type, "state": told.stands, **counts, "done_at": end}


def to_json(campaign: Campaign, told: Progress) -> dict[str, Any]:
    """A campaign and its progress as JSON values."""
    return {
        **facts_of(campaign),
        "state": told.stands,
        "units": told.total,
        **{str(fate): told.counts[fate] for fate in Fate},
        "reasons": [{"reason": reason, "units": number} for reason, number in told.excluded],
        "per_hour": None if told.per_hour is None else round(told.per_hour, 2),
        "done_at": None if told.done_at is None else format_iso(told.done_at),
    }
