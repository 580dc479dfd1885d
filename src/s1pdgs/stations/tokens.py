"""OAuth 2 tokens: one is fetched, used until it ends, and replaced when a station no longer takes it."""

from datetime import datetime, timedelta
from threading import Lock

import httpx2
from attrs import define, field

from s1pdgs.model.time import Clock
from s1pdgs.stations.errors import StationAnswerError, StationRefusal, StationUnreachable
from s1pdgs.stations.profile import Credentials

ASSUMED_LIFETIME_S = 300.0
LONGEST_LIFETIME_S = 86_400.0
_MARGIN_S = 10.0


@define
class TokenSource:
    """The bearer token of one account, shared by all threads."""

    client: httpx2.Client
    credentials: Credentials
    clock: Clock
    _token: str | None = None
    _ends: datetime | None = None
    _lock: Lock = field(factory=Lock)

    def token(self) -> str:
        """The token to use now. Raises `StationRefusal`, `StationUnreachable` or `StationAnswerError`."""
        with self._lock:
            if self._token is None or self._ends is None or self.clock.now() >= self._ends:
                self._token, lifetime_s = self._fetch()
                margin_s = min(_MARGIN_S, lifetime_s / 10)
                self._ends = self.clock.now() + timedelta(seconds=lifetime_s - margin_s)
            return self._token

    def forget(self, token: str) -> None:
        """Do not use a token again that a station refused."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _fetch(self) -> tuple[str, float]:
        url = str(self.credentials.token_url)
        try:
            reply = self.client.post(url, data=self._form(), follow_redirects=False)
        except httpx2.HTTPError as error:
            raise StationUnreachable(f"token endpoint {url} does not answer: {error}") from error
        if reply.status_code >= 500 or reply.status_code == 429:
            raise StationUnreachable(f"token endpoint {url} answers {reply.status_code}")
        if reply.status_code != 200:
            raise StationRefusal(
                f"token endpoint {url} answers {reply.status_code}; check the configured client and user",
                reply.status_code,
            )
        try:
            answer = reply.json()
            token = answer["access_token"]
        except (ValueError, KeyError, TypeError):
            token = None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise StationAnswerError(f"token endpoint {url} answers without an access_token that a header can hold")
        return token, _lifetime_s(answer.get("expires_in"))

    def _form(self) -> dict[str, str]:
        given = self.credentials
        form = {
            "grant_type": "client_credentials" if given.username is None else "password",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
            "username": given.username,
            "password": given.password,
            "scope": given.scope,
        }
        return {name: value for name, value in form.items() if value is not None}


def _lifetime_s(told: object) -> float:
    """How long a token lives in seconds, at most a day; as assumed where that is not told."""
    try:
        lifetime_s = float(str(told))
    except ValueError:
        return ASSUMED_LIFETIME_S
    return min(lifetime_s, LONGEST_LIFETIME_S) if lifetime_s > 0 else ASSUMED_LIFETIME_S
