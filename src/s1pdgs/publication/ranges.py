"""Parts of an object, as clients ask for them: `Range: bytes=…` (RFC 9110, section 14)."""

import re
from itertools import pairwise

MAX_RANGES = 16
_RANGES = re.compile(r"bytes=,*(\d{0,19}-\d{0,19}(?:,+\d{0,19}-\d{0,19})*),*", re.IGNORECASE)


class UnsatisfiableRange(Exception):  # noqa: N818
    """Ranges that all begin behind the end of the object, or that nobody needs: too many, or over each other."""

    def __init__(self, size: int, reason: str) -> None:
        super().__init__(reason)
        self.size = size


def asked_spans(header: str, size: int) -> list[tuple[int, int]]:
    """The bytes asked for, each from and up to; none for all of them (also for what is no range of bytes).

    Raises `UnsatisfiableRange` (416).
    """
    matched = _RANGES.fullmatch(re.sub(r"[ \t]+", "", header))
    if matched is None:
        return []
    asked = [part.partition("-")[::2] for part in matched[1].split(",") if part]
    if any(not first + last or (first and last and int(last) < int(first)) for first, last in asked):
        return []
    if len(asked) > MAX_RANGES:
        raise UnsatisfiableRange(size, f"{len(asked)} ranges were asked for; this service gives {MAX_RANGES} at a time")
    spans = [_span(first, last, size) for first, last in asked]
    there = [(start, stop) for start, stop in spans if start < stop]
    if not there:
        raise UnsatisfiableRange(size, f"the range begins behind the end of {size} bytes")
    if any(later[0] < earlier[1] for earlier, later in pairwise(sorted(there))):
        raise UnsatisfiableRange(size, "ranges that overlap were asked for; ask for each byte once")
    return there


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
