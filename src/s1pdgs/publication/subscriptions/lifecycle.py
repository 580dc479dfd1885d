"""Subscriptions are made, changed, paused, resumed, cancelled and deleted, and all of it is kept.

Functions work in the caller's transaction and may be repeated: what is so already changes nothing.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus import notices
from s1pdgs.bus import tables as bus
from s1pdgs.bus.notices import NoticeState
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import Order, search
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.asked import Asked, holds
from s1pdgs.publication.subscriptions.model import (
    ACTIVE,
    By,
    Happening,
    Limits,
    NotificationState,
    NotNow,
    Status,
    SubscriptionError,
    Type,
    row_of,
    subject_of,
)

_ACTION = {Status.RUNNING: "resume", Status.PAUSED: "pause", Status.CANCELLED: "cancel"}


def subscribe(connection: sa.Connection, limits: Limits, asked: Asked, by: By) -> str:
    """Make a subscription to what happens from now on; its identifier. Raises `SubscriptionError`, `NotNow`."""
    if asked.status is Status.CANCELLED:
        raise SubscriptionError("Status: a subscription begins running or paused")
    _check_room(connection, limits, by.who, asked.status, more=1)
    _try(connection, asked)
    last = connection.scalar(sa.select(sa.func.max(bus.event.c.id))) or 0
    login = None if asked.login is None else notices.keep_login(connection, asked.login)
    identifier = str(uuid.uuid4())
    row = {"uuid": identifier, "owner": by.who, "type": asked.type, "login_id": login, "since_event": last}
    connection.execute(t.subscription.insert().values(**row, **_columns(asked), submitted_at=by.at))
    told = {name: [None, value] for name, value in _told(asked).items() if value is not None}
    _keep(connection, identifier, by, "create", told)
    return identifier


def asked_of_row(row: sa.Row[Any]) -> Asked:
    """A subscription as it was asked for, but for the login."""
    events = tuple(Happening(name) for name in row.events)
    return Asked(Type(row.type), row.filter, events, Status(row.status), row.stage_order, row.priority, row.endpoint)


def change(connection: sa.Connection, limits: Limits, identifier: str, wanted: Asked, by: By) -> bool:
    """Let a subscription be as wanted; False when it is so. A login that is None leaves the one there, unless the
    endpoint changes: nobody is sent what another was trusted with.

    Raises `UnknownSubscription`, `SubscriptionError`, `NotNow` for one that was cancelled.
    """
    row = row_of(connection, identifier)
    before = asked_of_row(row)
    old, new = _told(before), _told(evolve(wanted, status=before.status))
    changes = {name: [old[name], value] for name, value in new.items() if old[name] != value}
    if wanted.login is not None:
        changes["NotificationEpPassword"] = ["***", "***"]
    if changes:
        _check_alive(row)
        _try(connection, wanted)
        login = row.login_id
        if wanted.endpoint != before.endpoint:
            _hold_back(connection, row)
            _forget_login(connection, row)
            login = None
        if wanted.login is not None:
            login = notices.keep_login(connection, wanted.login, login)
        connection.execute(_of(row).values(**_columns(evolve(wanted, status=before.status)), login_id=login))
        _keep(connection, row.uuid, by, "change", changes)
    return set_status(connection, limits, identifier, wanted.status, by) or bool(changes)


def set_status(connection: sa.Connection, limits: Limits, identifier: str, status: Status, by: By) -> bool:
    """Pause, resume or cancel a subscription; False when it is so. Raises `UnknownSubscription`, `NotNow`.

    A paused one collects: what it has not told waits. A cancelled one forgets its queue and the endpoint's login.
    """
    row = row_of(connection, identifier)
    if row.status == status:
        return False
    _check_alive(row)
    if status is Status.RUNNING:
        _check_room(connection, limits, row.owner, status, more=0)
    else:
        _hold_back(connection, row)
    values: dict[str, Any] = {"status": status, "reason": None}
    if status is Status.CANCELLED:
        values |= {"ended_at": by.at, "queued": 0, "login_id": None}
        _drop_all(connection, row, by.at)
    connection.execute(_of(row).values(**values))
    _keep(connection, row.uuid, by, _ACTION[status], {"Status": [row.status, str(status)]})
    return True


def remove(connection: sa.Connection, identifier: str, by: By) -> None:
    """Delete a subscription with its notifications; what was done to it stays. Raises `UnknownSubscription`."""
    row = row_of(connection, identifier)
    _hold_back(connection, row)
    _forget_login(connection, row)
    notices.forget(connection, sa.select(t.notification.c.notice_id).where(_own(row)))
    connection.execute(t.subscription.delete().where(t.subscription.c.id == row.id))
    _keep(connection, row.uuid, by, "delete", None)


def again(connection: sa.Connection, identifier: str, by: By) -> int:
    """Queue once more what the endpoint never took, before what is newer; how many. Raises as `set_status`."""
    row = row_of(connection, identifier)
    _check_alive(row)
    dead = t.notification.update().where(_own(row), t.notification.c.state == NotificationState.DEAD)
    fresh = {"state": NotificationState.QUEUED, "notice_id": None, "ended_at": None}
    queued = connection.execute(dead.values(**fresh)).rowcount
    if queued:
        _hold_back(connection, row)
        connection.execute(_of(row).values(queued=t.subscription.c.queued + queued))
        _keep(connection, row.uuid, by, "again", {"CurrentQueueLength": [row.queued, row.queued + queued]})
    return queued


def _check_alive(row: sa.Row[Any]) -> None:
    if row.status == Status.CANCELLED:
        raise NotNow(f"subscription {row.uuid} was cancelled; make another one")


def _check_room(connection: sa.Connection, limits: Limits, owner: str, status: Status, more: int) -> None:
    own = sa.select(sa.func.count()).where(t.subscription.c.owner == owner)
    held = connection.scalar(own.where(t.subscription.c.status.in_(ACTIVE))) or 0
    if held + more > limits.all:
        raise NotNow(f"you have {held} subscriptions, and at most {limits.all} are accepted; cancel or delete one")
    running = connection.scalar(own.where(t.subscription.c.status == Status.RUNNING)) or 0
    if status is Status.RUNNING and running >= limits.running:
        raise NotNow(f"{running} of your subscriptions run, and at most {limits.running} may; pause or cancel one")


def _try(connection: sa.Connection, asked: Asked) -> None:
    """Ask the filter of the product published last: what only the database finds wrong is told now, not with news."""
    newest = search(connection, ALWAYS, (Order("PublicationDate", descending=True),), limit=1).products
    try:
        holds(connection, newest[0].uuid if newest else "", asked.filter)
    except (QueryError, sa.exc.DBAPIError) as error:
        raise SubscriptionError(f"FilterParam cannot be asked: {getattr(error, 'orig', None) or error}") from None


def _columns(asked: Asked) -> dict[str, Any]:
    return {
        "filter": asked.filter, "events": [str(event) for event in asked.events], "stage_order": asked.stage_order,
        "priority": asked.priority, "endpoint": asked.endpoint, "status": asked.status,
    }  # fmt: skip


def _told(asked: Asked) -> Mapping[str, Any]:
    """The properties as they are shown: without the login."""
    return {
        "FilterParam": asked.filter, "SubscriptionEvent": [str(event) for event in asked.events],
        "StageOrder": asked.stage_order, "Priority": asked.priority, "NotificationEndpoint": asked.endpoint,
        "Status": str(asked.status),
    }  # fmt: skip


def _hold_back(connection: sa.Connection, row: sa.Row[Any]) -> None:
    """Take back what the courier has and has not delivered."""
    pending = sa.select(bus.notice.c.id).where(
        bus.notice.c.subject == subject_of(row.uuid), bus.notice.c.state == NoticeState.PENDING
    )
    carried = t.notification.update().where(
        _own(row), t.notification.c.state == NotificationState.QUEUED, t.notification.c.notice_id.in_(pending)
    )
    connection.execute(carried.values(notice_id=None))
    notices.withdraw(connection, subject_of(row.uuid))


def _drop_all(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> None:
    queued = t.notification.update().where(_own(row), t.notification.c.state == NotificationState.QUEUED)
    connection.execute(queued.values(state=NotificationState.DROPPED, ended_at=now))
    _forget_login(connection, row)


def _forget_login(connection: sa.Connection, row: sa.Row[Any]) -> None:
    if row.login_id is not None:
        notices.forget_login(connection, row.login_id)


def _own(row: sa.Row[Any]) -> sa.ColumnElement[bool]:
    own: sa.ColumnElement[bool] = t.notification.c.subscription_id == row.id
    return own


def _of(row: sa.Row[Any]) -> sa.Update:
    return t.subscription.update().where(t.subscription.c.id == row.id)


def _keep(connection: sa.Connection, identifier: str, by: By, action: str, changes: Mapping[str, Any] | None) -> None:
    values = {"subscription": identifier, "at": by.at, "actor": by.who, "action": action, "changes": changes}
    connection.execute(t.subscription_action.insert().values(**values))
