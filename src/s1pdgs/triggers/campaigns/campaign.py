"""Campaigns: a period is processed again by pinned chains and with auxiliary products of a baseline.

A campaign is a row with all that it needs: chains and task tables by content, so that later edits do not change it. Its
units are orders of its own (`steps` finds them and lets some at a time become jobs). Functions work in the
caller's transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.time import Clock
from s1pdgs.triggers import orders
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.wanted.sources import WantedError, parse_area
from s1pdgs.triggers.wanted.way import feeders_of, makers_of

PRIORITY = 5
"""Of the jobs of a campaign unless told; the most patient systematic ones have 10."""
PATIENT = 9
"""The highest priority of a campaign."""


class CampaignError(ValueError):
    """A campaign cannot be created; the message names the word and what would help."""


class UnknownCampaign(LookupError):  # noqa: N818
    """There is no campaign of this name."""


class CampaignState(StrEnum):
    """What an operator wants of a campaign."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What an operator may do with a campaign."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"

    def lack(self, name: str) -> str:
        """Why it did nothing, as a sentence."""
        return f"campaign {name} {_LACKS[self]}"


_LACKS = {Action.PAUSE: "does not run", Action.RESUME: "is not paused", Action.CANCEL: "was cancelled before"}


@frozen
class Plan:
    """What a campaign shall do: make a type of all that was sensed in a time, an area, by a satellite (None is all).

    `way` are the chains that each unit goes through. `as_of` or `only` is the auxiliary baseline.
    """

    name: str
    type: str
    time: Interval
    way: tuple[str, ...]
    pinned: Mapping[str, Any]
    area: str | None = None
    satellite: str | None = None
    as_of: datetime | None = None
    only: tuple[str, ...] | None = None
    parameters: Mapping[str, str] = field(factory=dict)
    priority: int = PRIORITY
    at_once: int = 1


@frozen
class Campaign:
    """A campaign as it stands."""

    number: int
    plan: Plan
    state: CampaignState
    created: datetime
    collected: datetime | None


def way_to(chains: Chains, kind: str, through: Sequence[str] = (), by: str | None = None) -> tuple[str, ...]:
    """The chains that a campaign goes through: those told (`through`), then the one that makes the type of the smallest
    unit, which has to be told (`by`) when several do. Raises `CampaignError`.
    """
    makers = [route for route in makers_of(chains, kind) if by in (None, route.name)]
    makers = [route for route in makers if route.chain.unit == makers[0].chain.unit]
    if len(makers) != 1:
        names = ", ".join(route.name for route in makers_of(chains, kind)) or "none"
        raise CampaignError(f"chain: {kind} is made by {names}; tell one of them")
    way = [*through, makers[0].name]
    for before, after in pairwise(way):
        feeders = [route.name for route in feeders_of(chains, _named(chains, after))]
        if before not in feeders:
            told = ", ".join(feeders) or "none"
            raise CampaignError(f"through: chain {before} makes nothing that {after} takes; chains that do: {told}")
    return tuple(way)


def _named(chains: Chains, name: str) -> Route:
    route = chains.named(name)
    if route is None:
        raise CampaignError(f"through: there is no chain {name}; chains are {', '.join(r.name for r in chains.routes)}")
    return route


def create(connection: sa.Connection, plan: Plan, clock: Clock) -> int:
    """Create a campaign, running; its number. Raises `CampaignError`."""
    if connection.scalar(sa.select(t.campaign.c.id).where(t.campaign.c.name == plan.name)) is not None:
        raise CampaignError(f"name: there is a campaign {plan.name} already")
    _check(plan, clock.now())
    inserted = connection.execute(
        t.campaign.insert().values(
            name=plan.name,
            type=plan.type,
            start=plan.time.start,
            stop=plan.time.stop,
            area=plan.area,
            satellite=plan.satellite,
            way=list(plan.way),
            pinned=dict(plan.pinned),
            aux_as_of=plan.as_of,
            aux=None if plan.only is None else list(plan.only),
            parameters=dict(plan.parameters),
            priority=plan.priority,
            at_once=plan.at_once,
            state=CampaignState.RUNNING,
            created_at=clock.now(),
        )
    )
    number: int = inserted.inserted_primary_key[0]  # type: ignore[index]
    return number


def _check(plan: Plan, now: datetime) -> None:
    if plan.as_of is not None and plan.only is not None:
        raise CampaignError("aux: tell a list or a date, not both")
    if plan.as_of is not None and plan.as_of > now:
        raise CampaignError("aux_as_of: this date is still to come")
    if not 0 <= plan.priority <= PATIENT:
        raise CampaignError(f"priority: 0 to {PATIENT}, below all systematic work")
    if plan.at_once < 1:
        raise CampaignError("limit: at least one job at once")
    if plan.area is not None:
        try:
            parse_area(plan.area)
        except WantedError as error:
            raise CampaignError(f"area: {error}") from None


def find(connection: sa.Connection, name: str) -> Campaign:
    """The campaign of a name; `UnknownCampaign`."""
    row = connection.execute(sa.select(t.campaign).where(t.campaign.c.name == name)).first()
    if row is None:
        raise UnknownCampaign(f"there is no campaign {name}; `s1pdgs campaign list` names all")
    return from_row(row)


def newest(connection: sa.Connection, limit: int) -> list[Campaign]:
    """The campaigns created last, newest first."""
    return [
        from_row(row) for row in connection.execute(sa.select(t.campaign).order_by(t.campaign.c.id.desc()).limit(limit))
    ]


def from_row(row: sa.Row[Any]) -> Campaign:
    """The campaign of a row."""
    plan = Plan(
        name=row.name,
        type=row.type,
        time=Interval(row.start, row.stop),
        way=tuple(row.way),
        pinned=row.pinned,
        area=row.area,
        satellite=row.satellite,
        as_of=row.aux_as_of,
        only=None if row.aux is None else tuple(row.aux),
        parameters=row.parameters,
        priority=row.priority,
        at_once=row.at_once,
    )
    return Campaign(row.id, plan, CampaignState(row.state), row.created_at, row.collected_at)


def act(planner: Planner, connection: sa.Connection, name: str, action: Action) -> bool:
    """Pause, resume or cancel a campaign; False when it is not in a state for it."""
    match action:
        case Action.PAUSE:
            return pause(connection, name)
        case Action.RESUME:
            return resume(connection, name)
        case Action.CANCEL:
            return cancel(planner, connection, name)


def pause(connection: sa.Connection, name: str) -> bool:
    """Let no further unit become a job; those in the queue are done. False when it does not run."""
    return _change(connection, name, CampaignState.RUNNING, CampaignState.PAUSED)


def resume(connection: sa.Connection, name: str) -> bool:
    """Go on after a pause; False when it is not paused."""
    return _change(connection, name, CampaignState.PAUSED, CampaignState.RUNNING)


def throttle(connection: sa.Connection, name: str, at_once: int) -> None:
    """Change how many jobs are in the queue at once."""
    if at_once < 1:
        raise CampaignError("limit: at least one job at once; pause stops a campaign")
    number = find(connection, name).number
    connection.execute(t.campaign.update().where(t.campaign.c.id == number).values(at_once=at_once))


def cancel(planner: Planner, connection: sa.Connection, name: str) -> bool:
    """Give a campaign up with all its open orders; what it made stays. False when it was cancelled before."""
    campaign = find(connection, name)
    if campaign.state is CampaignState.CANCELLED:
        return False
    values = t.campaign.update().where(t.campaign.c.id == campaign.number)
    connection.execute(values.values(state=CampaignState.CANCELLED))
    reason, now = f"campaign {name} was cancelled", planner.outbox.clock.now()
    waiting = t.order.update().where(t.order.c.campaign == campaign.number, t.order.c.state == OrderState.WAITING)
    connection.execute(waiting.values(state=OrderState.DROPPED, reason=reason, check_at=None))
    planned = sa.select(t.order.c.id).where(
        t.order.c.campaign == campaign.number, t.order.c.state == OrderState.PLANNED
    )
    for order in connection.scalars(planned.order_by(t.order.c.id)).all():
        orders.drop(connection, order, reason, now)
    return True


def _change(connection: sa.Connection, name: str, before: CampaignState, after: CampaignState) -> bool:
    number = find(connection, name).number
    changed = t.campaign.update().where(t.campaign.c.id == number, t.campaign.c.state == before)
    return connection.execute(changed.values(state=after)).rowcount == 1
