"""Notices to the world outside: a callback by HTTP POST for each, sent at least once (docs/joints.md section 6).

A notice is a row in the transaction of the fact that it tells. It goes out as JSON, with `X-S1pdgs-Notice`, by which a
receiver knows one that came twice, and, where a secret is configured, `X-S1pdgs-Signature: sha256=<HMAC of the body>`.
A failure is repeated after a rest that doubles; a notice whose attempts are used up stays with the reason. Where the
receiver asks for a user and password (HTTP Basic), these rest in one row, which notices name (`keep_login`).

Where it may go: this host, and the hosts that the settings list. The addresses of a host are looked up once, checked
and used, so that a name which begins to resolve elsewhere reaches nothing; redirects are not followed.
"""

import asyncio
import hmac
import json
import socket
import ssl
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import httpx2
import sqlalchemy as sa
from attrs import field, frozen

from s1pdgs.bus.tables import login as login_table
from s1pdgs.bus.tables import notice as table
from s1pdgs.bus.tables import notice_attempt as attempt_table
from s1pdgs.model.time import Clock
from s1pdgs.storage.database import Database

_LEASE = timedelta(minutes=2)
_TIMEOUT_S = 20.0
_LONGEST = timedelta(hours=1)
_MOST_URL = 2000
_MOST_LOGIN = 200
_AT_ONCE = 500


class NoticeState(StrEnum):
    """`pending -> sent | dead | withdrawn`; an operator may send again what is dead."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


class NoticeError(ValueError):
    """A notice may not go to an address, or did not reach it; the message says why and what would help."""


class SilentError(NoticeError):
    """Nobody answered at an address."""


@frozen
class Courier:
    """Where notices may go and how: `hosts` are patterns like `*.example.org`, `private` admits listed hosts whose
    addresses are of a private network, `secret` signs.
    """

    hosts: tuple[str, ...] = ()
    private: bool = False
    secret: bytes | None = field(default=None, repr=False)
    max_attempts: int = 10
    backoff: timedelta = timedelta(seconds=10)

    def rest(self, failures: int) -> timedelta:
        """The rest after this many failures."""
        return min(self.backoff * float(1 << min(failures - 1, 20)), _LONGEST)


@frozen
class Login:
    """User and password that a receiver asks for; `NoticeError` for such as HTTP Basic (RFC 7617) cannot carry."""

    username: str
    password: str = field(repr=False)

    def __attrs_post_init__(self) -> None:
        for name, text in (("user", self.username), ("password", self.password)):
            if len(text) > _MOST_LOGIN or not text.isprintable():
                raise NoticeError(f"the {name} holds control characters or is longer than {_MOST_LOGIN}")
        if ":" in self.username:
            raise NoticeError("the user holds a colon, which HTTP Basic cannot carry")

    @property
    def header(self) -> str:
        """What `Authorization` says."""
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


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


def check_url(courier: Courier, url: str) -> None:
    """Raise `NoticeError` for a URL that no notice may go to, as far as the URL itself tells."""
    _host_of(courier, url)


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


def _send(courier: Courier, row: sa.Row[Any], login: Login | None) -> str:
    """What the receiver answered; `NoticeError` when it did not take the notice."""
    host = _host_of(courier, row.url)
    if row.login_id is not None and login is None:
        raise NoticeError(f"the user and password that {host} asks for are here no longer")
    url = httpx2.URL(row.url)
    addresses = _addresses_of(courier, host, url.port or (443 if url.scheme == "https" else 80))
    body = json.dumps(row.payload if row.bare else {"notice": row.id, "subject": row.subject, **row.payload}).encode()
    headers = {"Host": url.netloc.decode(), "Content-Type": "application/json", "X-S1pdgs-Notice": str(row.id)}
    if courier.secret is not None:
        headers["X-S1pdgs-Signature"] = signature(courier.secret, body)
    if login is not None:
        headers["Authorization"] = login.header
    request = httpx2.Request("POST", url, content=body, headers=headers, extensions={"sni_hostname": host})
    urls = [url.copy_with(host=str(address)) for address in addresses]
    status = asyncio.run(_status_of(host, urls, request))
    if 300 <= status < 400:
        raise NoticeError(f"{host} answered {status}; redirects are not followed, tell the address itself")
    if not 200 <= status < 300:
        raise NoticeError(f"{host} answered {status}")
    return f"{host} answered {status}"


async def _status_of(host: str, urls: list[httpx2.URL], request: httpx2.Request) -> int:
    """What the first address that takes connections answers, all in all within `_TIMEOUT_S`: one that answers byte by
    byte holds nobody up.
    """
    failure: Exception | None = None
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            httpx2.AsyncClient(timeout=None, follow_redirects=False, trust_env=False, verify=_tls()) as client,
        ):
            for url in urls:
                request.url = url
                try:
                    answer = await client.send(request, stream=True)
                except httpx2.ConnectError as error:
                    failure = error
                    continue
                await answer.aclose()
                return answer.status_code
    except TimeoutError as error:
        raise SilentError(f"{host} did not answer within {_TIMEOUT_S:g} s") from error
    except (httpx2.HTTPError, OSError) as error:
        raise SilentError(f"{host} did not answer: {type(error).__name__} {error}") from error
    raise SilentError(f"{host} was not reached: {failure}")


@cache
def _tls() -> ssl.SSLContext:
    """What certificates are verified by; to read them costs more than to send a notice."""
    return httpx2.create_ssl_context(trust_env=False)


def signature(secret: bytes, body: bytes) -> str:
    """What `X-S1pdgs-Signature` says of a body."""
    return f"sha256={hmac.new(secret, body, 'sha256').hexdigest()}"


def _host_of(courier: Courier, text: str) -> str:
    """The host of an acceptable URL."""
    try:
        url = httpx2.URL(text) if len(text) <= _MOST_URL else None
    except httpx2.InvalidURL:
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise NoticeError(f"{text[:100]!r} is no URL to tell; write it like https://host/path")
    if url.userinfo:
        raise NoticeError("a URL to tell holds no user or password; the signature shows who sends")
    host = url.host.lower()
    if not _is_this_host(host) and not any(fnmatchcase(host, pattern.lower()) for pattern in courier.hosts):
        raise NoticeError(f"notices to {host} are not allowed; add it to hosts in the [notices] settings")
    return host


def _is_this_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _addresses_of(courier: Courier, host: str, port: int) -> list[IPv4Address | IPv6Address]:
    """The addresses of a host; all of them must be of the kind that is allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SilentError(f"{host} is not known: {error}") from error
    addresses = list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    wrong = [address for address in addresses if not is_allowed(courier, host, address)]
    if wrong:
        raise NoticeError(f"{host} has the address {wrong[0]}, which notices may not go to (settings [notices])")
    return addresses


def is_allowed(courier: Courier, host: str, address: IPv4Address | IPv6Address) -> bool:
    """Loopback for this host; for a listed one an address that all reach, or a private one where these are admitted."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if _is_this_host(host):
        return address.is_loopback
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (courier.private and address.is_private)
