"""Requests to a station: credentials where they may go, redirections, repetition, bounded answers."""

import base64
import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx2
import stamina
from attrs import frozen

from s1pdgs.model.time import Clock
from s1pdgs.stations.errors import StationAnswerError, StationRefusal, StationUnreachable
from s1pdgs.stations.profile import Profile, Retry
from s1pdgs.stations.tokens import TokenSource

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_REDIRECTIONS = 5
_REDIRECTIONS = {301, 302, 303, 307, 308}
_BUSY = {408, 425, 429}


@frozen
class StationHttp:
    """The one way in which requests reach a station."""

    profile: Profile
    client: httpx2.Client
    tokens: TokenSource | None

    def get_json(self, url: str) -> Any:
        """The JSON answer of a request, repeated while the station is unreachable; raises `StationError`."""
        for attempt in self.attempts():
            with attempt, self.open(url) as response:
                return _json(url, response)
        raise AssertionError("stamina gives up by raising")

    def attempts(self) -> Iterable[Any]:
        """Repetition as the profile says, at the pace that the station asks for."""
        retry = self.profile.retry

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, StationUnreachable) or asks_for_more(error, retry):
                return False
            return True if error.retry_after_s is None else error.retry_after_s

        return stamina.retry_context(
            on=wait,
            attempts=retry.attempts,
            timeout=None,
            wait_initial=retry.first_wait_s,
            wait_max=retry.longest_wait_s,
            wait_jitter=retry.first_wait_s,
        )

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx2.Response]:
        """A streamed answer with a good status; raises `StationRefusal` or `StationUnreachable`."""
        try:
            response = self._send(url, dict(headers or {}))
            try:
                _check_status(url, response)
                yield response
            finally:
                response.close()
        except httpx2.RequestError as error:
            raise StationUnreachable(f"{url}: {type(error).__name__} {error}".rstrip()) from error
        except httpx2.InvalidURL as error:
            raise StationAnswerError(f"{url}: {error}") from error

    def _send(self, url: str, headers: dict[str, str]) -> httpx2.Response:
        """Send with credentials, following redirections ourselves: each host is judged before it gets them."""
        renewed = False
        target = httpx2.URL(url)
        for _ in range(MAX_REDIRECTIONS + 2):
            credentials = self._credentials(target)
            request = self.client.build_request("GET", target, headers=headers | credentials)
            response = self.client.send(request, stream=True, follow_redirects=False)
            if response.status_code in _REDIRECTIONS and "location" in response.headers:
                response.close()
                target = self._redirected(target, response.headers["location"])
            elif response.status_code == 401 and self.tokens is not None and credentials and not renewed:
                response.close()
                renewed = True
                self.tokens.forget(credentials[self.profile.credentials.header].removeprefix("Bearer "))
            else:
                return response
        raise StationAnswerError(f"{url} is redirected more than {MAX_REDIRECTIONS} times")

    def _redirected(self, origin: httpx2.URL, location: str) -> httpx2.URL:
        target = origin.join(location)
        if origin.scheme == "https" and target.scheme != "https":
            raise StationRefusal(f"{origin} redirects to {target}, which is not encrypted", 307)
        return target

    def _credentials(self, target: httpx2.URL) -> dict[str, str]:
        """The header that lets us in, for the station itself and the hosts trusted with it."""
        home = httpx2.URL(self.profile.url)
        at_home = (target.scheme, target.host, target.port) == (home.scheme, home.host, home.port)
        given = self.profile.credentials
        if not at_home and target.host not in self.profile.trusted_hosts:
            return {}
        if self.tokens is not None:
            return {given.header: f"Bearer {self.tokens.token()}"}
        if given.username is not None:
            pair = base64.b64encode(f"{given.username}:{given.password or ''}".encode()).decode()
            return {given.header: f"Basic {pair}"}
        return {}


@cache
def _trust() -> ssl.SSLContext:
    """What certificates are verified by; to read them takes as long as hundreds of requests."""
    return ssl.create_default_context()


def open_http(profile: Profile, clock: Clock, transport: httpx2.BaseTransport | None = None) -> StationHttp:
    """A connection pool for one station; certificates are verified, against `ca_file` when the profile names one."""
    client = httpx2.Client(
        verify=_trust() if profile.ca_file is None else ssl.create_default_context(cafile=str(profile.ca_file)),
        timeout=profile.timeout_s,
        limits=httpx2.Limits(max_connections=profile.parallel_downloads + 2),
        headers={"Accept-Encoding": "identity", "User-Agent": "s1pdgs"},
        transport=transport,
    )
    has_tokens = profile.credentials.token_url is not None
    return StationHttp(profile, client, TokenSource(client, profile.credentials, clock) if has_tokens else None)


def asks_for_more(error: StationUnreachable, retry: Retry) -> bool:
    """Whether a station asked for a longer wait than one request has patience for."""
    return error.retry_after_s is not None and error.retry_after_s > retry.longest_wait_s


def _check_status(url: str, response: httpx2.Response) -> None:
    status = response.status_code
    if status in {200, 206}:
        return
    detail = _detail(response)
    if status >= 500 or status in _BUSY:
        raise StationUnreachable(f"{url} answers {status}{detail}", status, _retry_after_s(response))
    raise StationRefusal(f"{url} answers {status}{detail}", status)


def _detail(response: httpx2.Response) -> str:
    """The beginning of an error's body, for the operator."""
    body = b""
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > 300:
                break
    except httpx2.HTTPError:
        return ""
    text = " ".join(body[:300].decode("utf-8", "replace").split())
    return f": {text}" if text else ""


def _retry_after_s(response: httpx2.Response) -> float | None:
    """The wait that a station asks for, in seconds or as a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


def _json(url: str, response: httpx2.Response) -> Any:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise StationAnswerError(f"{url}: the answer is larger than {MAX_ANSWER_BYTES} bytes; lower page_size")
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise StationAnswerError(f"{url}: the answer is not JSON") from None
