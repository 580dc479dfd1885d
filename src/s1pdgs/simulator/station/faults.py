"""Faults and quirks to order: what real stations do to their clients, on demand and counted."""

from collections.abc import Mapping

from attrs import field, frozen


@frozen
class FileFault:
    """What goes wrong with one file (by its name). Counts are of downloads: `2` means the first two of them.

    `corrupt`: a byte in the middle is flipped. `truncated`: the body is one byte short of what was announced.
    `dropped`: the connection breaks half-way. `unavailable`: answered by `status` with `retry_after_s`. `slow_s`:
    pause before each chunk. `late_s`: listed that much after its PublicationDate. `duplicate`: listed twice under two
    identifiers. `missing`: never listed.
    """

    corrupt: int = 0
    truncated: int = 0
    dropped: int = 0
    unavailable: int = 0
    status: int = 503
    retry_after_s: float = 0.0
    slow_s: float = 0.0
    late_s: float = 0.0
    duplicate: bool = False
    missing: bool = False


@frozen
class Quirks:
    """Ways in which real stations leave the ICD (peers.md sections 1.7 and 1.8)."""

    refuses_ge_le: bool = False
    sessions_without_dates: bool = False
    sizes_as_text: bool = False
    bare_lists: bool = False
    no_paging: bool = False
    no_next_link: bool = False
    no_quality: bool = False
    ignores_ranges: bool = False
    redirects_to: str | None = None


@frozen
class Faults:
    """Everything that goes wrong at a station.

    The key of a file is its name, for every delivery that has such a file, or `<delivery>/<name>` for the one whose
    label that is (`SGS/...`, `SGS_R1/...`). `unavailable_listings` answers the first listings with `listing_status`.
    Tokens live `token_lifetime_s` and are revoked early, without a word, after `token_uses` requests.
    """

    files: Mapping[str, FileFault] = field(factory=dict)
    quirks: Quirks = Quirks()
    unavailable_listings: int = 0
    listing_status: int = 503
    token_lifetime_s: float = 1200.0
    token_uses: int | None = None

    def of(self, name: str, label: str = "") -> FileFault:
        """What goes wrong with a file of the delivery of this label."""
        return self.files.get(f"{label}/{name}") or self.files.get(name) or FileFault()


@frozen
class Account:
    """Who may use the station."""

    client_id: str = "s1pdgs"
    client_secret: str = field(default="s1pdgs-secret", repr=False)
    username: str = "operator"
    password: str = field(default="operator-secret", repr=False)
