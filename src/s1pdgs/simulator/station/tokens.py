"""The station's OAuth 2 token endpoint: password and client credentials grants, bearer tokens that expire."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock

from attrs import define, field

from s1pdgs.model.time import Clock
from s1pdgs.simulator.station.faults import Account, Faults


class BadGrant(ValueError):  # noqa: N818
    """The token request is not allowed; the message is the OAuth 2 error code."""


@define
class Tokens:
    """Tokens given out and how often each may still be used."""

    account: Account
    faults: Faults
    clock: Clock
    granted: int = 0
    _live: dict[str, tuple[datetime, int | None]] = field(factory=dict)
    _lock: Lock = field(factory=Lock)

    def grant(self, form: Mapping[str, str], authorization: str | None) -> dict[str, str | int]:
        """The reply to a token request; raises `BadGrant`."""
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        if not client_id and (pair := basic_pair(authorization)) is not None:
            client_id, client_secret = pair
        if not (_same(client_id, self.account.client_id) and _same(client_secret, self.account.client_secret)):
            raise BadGrant("invalid_client")
        kind = form.get("grant_type")
        if kind == "password":
            if not self._is_user(form.get("username", ""), form.get("password", "")):
                raise BadGrant("invalid_grant")
        elif kind != "client_credentials":
            raise BadGrant("unsupported_grant_type")
        token = secrets.token_urlsafe(24)
        with self._lock:
            self.granted += 1
            expires = self.clock.now() + timedelta(seconds=self.faults.token_lifetime_s)
            self._live[token] = (expires, self.faults.token_uses)
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(self.faults.token_lifetime_s)}

    def refusal(self, authorization: str | None) -> str | None:
        """Why a request may not pass; None when it may."""
        if authorization is None:
            return "Token is missing!"
        if (pair := basic_pair(authorization)) is not None:
            return None if self._is_user(*pair) else "Wrong user or password!"
        with self._lock:
            token = authorization.removeprefix("Bearer ")
            expires, uses = self._live.get(token, (None, None))
            if expires is None or uses == 0:
                return "Token is invalid!"
            if expires <= self.clock.now():
                return "Token is valid but is expired!"
            self._live[token] = (expires, None if uses is None else uses - 1)
        return None

    def _is_user(self, username: str, password: str) -> bool:
        return _same(username, self.account.username) and _same(password, self.account.password)


def basic_pair(authorization: str | None) -> tuple[str, str] | None:
    """User and password of a Basic header; None for anything else."""
    if authorization is None or not authorization.startswith("Basic "):
        return None
    try:
        user, _, password = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
