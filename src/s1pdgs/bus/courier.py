"""How a notice gets to its receiver: a POST of JSON, with `X-S1pdgs-Notice`, by which a receiver knows one that came
twice, and, where a secret is configured, `X-S1pdgs-Signature: sha256=<HMAC of the body>`.

Where it may go: this host, and the hosts that the settings list. The addresses of a host are looked up once, checked
and used, so that a name which begins to resolve elsewhere reaches nothing; redirects are not followed.
"""

import asyncio
import hmac
import socket
import ssl
from base64 import b64encode
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx2
from attrs import field, frozen

_TIMEOUT_S = 20.0
_LONGEST = timedelta(hours=1)
_MOST_URL = 2000
_MOST_LOGIN = 200


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


def check_url(courier: Courier, url: str) -> None:
    """Raise `NoticeError` for a URL that no notice may go to, as far as the URL itself tells."""
    _host_of(courier, url)


def deliver(courier: Courier, text: str, number: int, body: bytes, login: Login | None = None) -> str:
    """Take a notice to a URL; what the receiver answered. Raises `NoticeError` when it did not take it."""
    host = _host_of(courier, text)
    url = httpx2.URL(text)
    addresses = _addresses_of(courier, host, url.port or (443 if url.scheme == "https" else 80))
    headers = {"Host": url.netloc.decode(), "Content-Type": "application/json", "X-S1pdgs-Notice": str(number)}
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
