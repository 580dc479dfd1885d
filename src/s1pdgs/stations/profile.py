"""What is configured of one outside source."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from attrs import field, frozen, validators


class Kind(StrEnum):
    """The interface that a source speaks."""

    CADIP = "cadip"
    AUXIP = "auxip"
    FOLDER = "folder"


class Integrity(StrEnum):
    """What to do when size or checksum differ from what a source announced: refuse, tell, or do not look.

    Some services announce fictitious ones (peers.md section 1.8).
    """

    STRICT = "strict"
    WARN = "warn"
    OFF = "off"


@frozen
class Credentials:
    """How to be let in: nothing, Basic (`username`, `password`), or OAuth 2 tokens from `token_url`.

    With a `username` the password grant is used, else the client credentials grant. `header` carries the token.
    """

    token_url: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    scope: str | None = None
    header: str = "Authorization"


@frozen
class Retry:
    """How often and how patiently one request is repeated."""

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


_positive = validators.gt(0.0)


def _without_slash(url: str) -> str:
    return url.rstrip("/")


@frozen
class Profile:
    """One outside source.

    `overlap_s` is how far behind the newest publication each poll looks again, so that a file which appears late under
    an old date is still seen. `start` is where the first poll begins (an overlap ago when None). `give_up_after_s` is
    how long a session may wait for its missing blocks, `partial_retransfer_after_s` how long a retransfer of some of
    them must be quiet to be taken for whole. `match` selects auxiliary files by a regular expression on
    their names. `trusted_hosts` may receive the credentials after a redirection. `publication_filter` and
    `asks_count` are switched off for stations that answer such queries wrongly.
    """

    name: str = field(validator=validators.matches_re(r"^[A-Za-z0-9][A-Za-z0-9_-]*$"))
    kind: Kind = field(converter=Kind)
    url: str = field(converter=_without_slash)
    station: str = "SIM_"
    satellites: tuple[str, ...] = field(default=("S1A", "S1B", "S1C", "S1D"), converter=tuple[str, ...])
    credentials: Credentials = Credentials()
    poll_s: float = field(default=20.0, validator=_positive)
    parallel_downloads: int = field(default=2, validator=validators.ge(1))
    page_size: int = field(default=200, validator=validators.ge(1))
    overlap_s: float = field(default=3600.0, validator=validators.ge(0.0))
    max_attempts: int = field(default=5, validator=validators.ge(1))
    expected_channels: int = field(default=2, validator=validators.ge(1))
    start: datetime | None = None
    give_up_after_s: float = field(default=43_200.0, validator=_positive)
    partial_retransfer_after_s: float = field(default=600.0, validator=_positive)
    follow_incomplete_s: float = field(default=7 * 86_400.0, validator=validators.ge(0.0))
    integrity: Integrity = field(default=Integrity.STRICT, converter=Integrity)
    match: str = ".*"
    trusted_hosts: tuple[str, ...] = field(default=(), converter=tuple[str, ...])
    ca_file: Path | None = None
    timeout_s: float = field(default=60.0, validator=_positive)
    retry: Retry = Retry()
    publication_filter: bool = True
    asks_count: bool = True
