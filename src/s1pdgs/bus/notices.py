"""Notices to the world outside: a callback by HTTP POST for each, sent at least once (docs/joints.md section 6).

A notice is a row in the transaction of the fact that it tells, which a courier takes to its receiver. A failure is
repeated after a rest that doubles; a notice whose attempts are used up stays with the reason. Where the receiver asks
for a user and password (HTTP Basic), these rest in one row, which notices name (`keep_login`).
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.courier import Courier, Login, NoticeError, SilentError, deliver
from s1pdgs.bus.tables import login as login_table
from s1pdgs.bus.tables import notice as table
from s1pdgs.bus.tables import notice_attempt as attempt_table
from s1pdgs.model.time import Clock
from s1pdgs.storage.database import Database

_LEASE = timedelta(minutes=2)
_AT_ONCE = 500


class NoticeState(StrEnum):
    """`pending -> sent | dead | withdrawn`; an operator may send again what is dead."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


@frozen
class Attempt:
    """An attempt to send; `outcome` is None while it lasts, and when its process died."""

    number: int
    begun: datetime
    ended: datetime | None
    outcome: str | None


@frozen
class Notice:
    """A notice as people see it."""

    number: int
    url: str
    state: NoticeState
    attempts: int
    due_at: datetime
    sent_at: datetime | None
    reason: str | None

    def __str__(self) -> str:
        """What became of it, in words."""
        if self.state is NoticeState.SENT:
            return f"told {self.url} at {self.sent_at:%Y-%m-%dT%H:%M:%SZ}, attempt {self.attempts}"
        if self.state is NoticeState.DEAD:
            return f"gave up telling {self.url} after {self.attempts} attempts: {self.reason}"
        if self.state is NoticeState.WITHDRAWN:
            return f"was to tell {self.url}, and was withdrawn after {self.attempts} attempts"
        why = f": {self.reason}" if self.reason else ""
        return f"tells {self.url} after {self.due_at:%Y-%m-%dT%H:%M:%SZ}, attempt {self.attempts + 1}{why}"


def post(
    connection: sa.Connection,
    subject: str,
    url: str,
    payload: dict[str, Any],
    now: datetime,
    *,
    login: int | None = None,
    bare: bool = False,
) -> int:
    """Add a notice to the caller's transaction; its number.

    `login` is the number of the receiver's user and password. The body names number and subject beside the payload,
    unless it is `bare`: the payload alone, for receivers whose interface document fixes it.
    """
    values = {"subject": subject, "url": url, "payload": payload, "created_at": now, "due_at": now, "bare": bare}
    added = connection.execute(table.insert().values(**values, login_id=login, state=NoticeState.PENDING, attempts=0))
    number: int = added.inserted_primary_key[0]  # type: ignore[index]
    return number


def keep_login(connection: sa.Connection, login: Login, number: int | None = None) -> int:
    """Keep a receiver's user and password, in place of those of a number when one is given; their number."""
    values = {"username": login.username, "password": login.password}
    if number is None:
        added = connection.execute(login_table.insert().values(**values))
        return int(added.inserted_primary_key[0])  # type: ignore[index]
    connection.execute(login_table.update().where(login_table.c.id == number).values(**values))
    return number


def forget_login(connection: sa.Connection, number: int) -> None:
    """Delete user and password; notices that name them are not sent without."""
    forget_logins(connection, [number])


def forget_logins(connection: sa.Connection, numbers: Sequence[int | None]) -> None:
    """The same for several receivers, of which some have none."""
    connection.execute(login_table.delete().where(login_table.c.id.in_([one for one in numbers if one is not None])))


def attempts_at(connection: sa.Connection, number: int) -> list[Attempt]:
    """The attempts to send a notice, oldest first."""
    t = attempt_table.c
    query = sa.select(t.number, t.begun_at, t.ended_at, t.outcome).where(t.notice_id == number).order_by(t.id)
    return [Attempt(*row) for row in connection.execute(query)]


def forget_told_logins(
    connection: sa.Connection,
    receivers: sa.Table,
    subject: sa.ColumnElement[str],
    ended: sa.ColumnElement[bool],
    most: int,
) -> int:
    """Delete the logins of some receivers that have ended and were told all about their subject; how many. Dead notices
    keep theirs, for they may be sent again.
    """
    unsent = [NoticeState.PENDING, NoticeState.DEAD]
    untold = sa.exists().where(table.c.subject == subject, table.c.state.in_(unsent))
    done = sa.select(receivers.c.login_id).where(receivers.c.login_id.is_not(None), ended, ~untold)
    logins = connection.scalars(done.limit(most)).all()
    connection.execute(receivers.update().where(receivers.c.login_id.in_(logins)).values(login_id=None))
    forget_logins(connection, logins)
    return len(logins)


def withdraw(connection: sa.Connection, subject: str) -> int:
    """Send the pending notices about something no more; how many there were."""
    pending = table.update().where(table.c.subject == subject, table.c.state == NoticeState.PENDING)
    return connection.execute(pending.values(state=NoticeState.WITHDRAWN)).rowcount


def owed(subject: sa.ColumnElement[str]) -> sa.Exists:
    """Whether a notice about something is still to be sent."""
    return sa.exists().where(table.c.subject == subject, table.c.state == NoticeState.PENDING)


def forget_about(connection: sa.Connection, subjects: Sequence[str]) -> None:
    """Delete all notices about some subjects, with their attempts."""
    connection.execute(table.delete().where(table.c.subject.in_(subjects)))


def forget(connection: sa.Connection, numbers: sa.Select[tuple[int | None]]) -> None:
    """Delete notices of some numbers, with their attempts."""
    connection.execute(table.delete().where(table.c.id.in_(numbers)))


def prune(database: Database, before: datetime) -> int:
    """Delete the notices, with their attempts, that were last sent or withdrawn before some time; how many."""
    old = sa.select(table.c.id).where(
        table.c.state.in_((NoticeState.SENT, NoticeState.WITHDRAWN)), table.c.due_at < before
    )
    with database.read() as connection:
        if connection.execute(old.limit(1)).first() is None:
            return 0
    pruned = 0
    while True:
        with database.write() as connection:
            gone = connection.execute(table.delete().where(table.c.id.in_(old.limit(_AT_ONCE)))).rowcount
        pruned += gone
        if gone < _AT_ONCE:
            return pruned


def notices_of(connection: sa.Connection, subject: str) -> list[Notice]:
    """The notices about something, oldest first."""
    rows = connection.execute(sa.select(table).where(table.c.subject == subject).order_by(table.c.id)).all()
    return [
        Notice(row.id, row.url, NoticeState(row.state), row.attempts, row.due_at, row.sent_at, row.reason)
        for row in rows
    ]


def send_again(connection: sa.Connection, subject: str, now: datetime) -> int:
    """Give the dead notices about something a fresh set of attempts; how many there were."""
    dead = table.update().where(table.c.subject == subject, table.c.state == NoticeState.DEAD)
    return connection.execute(dead.values(state=NoticeState.PENDING, attempts=0, due_at=now)).rowcount


def send_due(database: Database, courier: Courier, clock: Clock) -> bool:
    """Send the oldest notice that is due; False when there is none.

    It is taken first, so that another process does not send it at the same time; a process that dies in between leaves
    it to be sent once more. While an address is silent, others that are due there wait as well, lest they hold up those
    to other addresses.
    """
    due = sa.select(table).where(table.c.state == NoticeState.PENDING, table.c.due_at <= clock.now())
    first = due.order_by(table.c.due_at, table.c.attempts, table.c.id).limit(1)
    with database.read() as connection:
        if connection.execute(first).first() is None:
            return False
    with database.write() as connection:
        row = connection.execute(first).first()
        if row is None:
            return False
        login, attempt = _take(connection, row, clock.now())
    try:
        outcome = _send(courier, row, login)
    except NoticeError as error:
        outcome, is_silent = str(error), isinstance(error, SilentError)
        values = _failed(courier, row.attempts + 1, outcome, clock.now())
    else:
        is_silent = False
        values = {"state": NoticeState.SENT, "sent_at": clock.now(), "reason": None}
    ended = attempt_table.update().where(attempt_table.c.id == attempt)
    still = _of(row.id).where(table.c.attempts == row.attempts + 1, table.c.state == NoticeState.PENDING)
    with database.write() as connection:
        connection.execute(still.values(**values))
        connection.execute(ended.values(ended_at=clock.now(), outcome=outcome))
        if is_silent:
            there = table.update().where(table.c.url == row.url, table.c.state == NoticeState.PENDING)
            rest = clock.now() + courier.rest(row.attempts + 1)
            connection.execute(there.where(table.c.due_at <= clock.now()).values(due_at=rest))
    return True


def _send(courier: Courier, row: sa.Row[Any], login: Login | None) -> str:
    """What the receiver answered; `NoticeError` when it did not take the notice."""
    if row.login_id is not None and login is None:
        raise NoticeError("the user and password that the receiver asks for are here no longer")
    payload = row.payload if row.bare else {"notice": row.id, "subject": row.subject, **row.payload}
    return deliver(courier, row.url, row.id, json.dumps(payload).encode(), login)


def _take(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> tuple[Login | None, int]:
    """Keep others from sending a notice for a while; the receiver's login, and the number of this attempt's row."""
    connection.execute(_of(row.id).values(attempts=row.attempts + 1, due_at=now + _LEASE))
    begun = attempt_table.insert().values(notice_id=row.id, number=row.attempts + 1, begun_at=now)
    attempt: int = connection.execute(begun).inserted_primary_key[0]  # type: ignore[index]
    kept = sa.select(login_table.c.username, login_table.c.password).where(login_table.c.id == row.login_id)
    login = connection.execute(kept).first()
    return None if login is None else Login(*login), attempt


def _of(number: int) -> sa.Update:
    return table.update().where(table.c.id == number)


def _failed(courier: Courier, attempts: int, reason: str, now: datetime) -> dict[str, Any]:
    if attempts >= courier.max_attempts:
        return {"state": NoticeState.DEAD, "reason": reason}
    return {"reason": reason, "due_at": now + courier.rest(attempts)}
