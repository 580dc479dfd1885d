"""Time: UTC with microseconds everywhere; GPS time is converted at the border."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Protocol

GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FAR_FUTURE = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

# UTC dates at which GPS - UTC becomes 0, 1, 2 ... seconds (IERS Bulletin C; the last holds until a new bulletin).
LEAP_SECONDS: tuple[tuple[datetime, int], ...] = tuple(
    (datetime(year, month, 1, tzinfo=UTC), offset)
    for offset, (year, month) in enumerate(
        [
            (1980, 1), (1981, 7), (1982, 7), (1983, 7), (1985, 7), (1988, 1), (1990, 1), (1991, 1), (1992, 7),
            (1993, 7), (1994, 7), (1996, 1), (1997, 7), (1999, 1), (2006, 1), (2009, 1), (2012, 7), (2015, 7),
            (2017, 1),
        ]
    )
)  # fmt: skip


class Clock(Protocol):
    """Tells the time, so that tests and replays can tell another."""

    def now(self) -> datetime:
        """The current UTC time."""


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (moment - UNIX_EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    """The inverse of `micros`."""
    return UNIX_EPOCH + timedelta(microseconds=value)


def gps_minus_utc_s(utc: datetime) -> int:
    """GPS - UTC in whole seconds at a UTC time."""
    position = bisect_right(LEAP_SECONDS, utc, key=lambda entry: entry[0])
    return LEAP_SECONDS[max(position - 1, 0)][1]


def gps_to_utc(gps_seconds: int, fraction_s: float = 0.0) -> datetime:
    """UTC of a GPS time given as whole seconds since 1980-01-06 and a fraction, rounded to microseconds."""
    apparent = GPS_EPOCH + timedelta(seconds=gps_seconds)
    utc = apparent - timedelta(seconds=gps_minus_utc_s(apparent))
    utc = apparent - timedelta(seconds=gps_minus_utc_s(utc))
    return utc + timedelta(microseconds=round(fraction_s * 1e6))


def utc_to_gps(utc: datetime) -> tuple[int, float]:
    """GPS time of a UTC time: whole seconds since 1980-01-06 and the fraction of a second."""
    elapsed = utc - GPS_EPOCH + timedelta(seconds=gps_minus_utc_s(utc))
    return elapsed.days * 86_400 + elapsed.seconds, elapsed.microseconds * 1e-6


def parse_utc(text: str) -> datetime:
    """An ISO 8601 time, with or without `Z` or an offset (none means UTC), optionally behind `UTC=`.

    Raises `ValueError` for anything else, and for years before 1000, which formats with four digits cannot write.
    """
    value = text.strip().removeprefix("UTC=")
    if value.startswith("9999"):
        return FAR_FUTURE
    moment = _with_four_digits(datetime.fromisoformat(value), text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_compact(text: str) -> datetime:
    """A time of a file name, `YYYYMMDDThhmmss`; `99999999T999999` is the far future. Raises `ValueError`."""
    if text.startswith("9999"):
        return FAR_FUTURE
    return _with_four_digits(datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC), text)


def format_compact(moment: datetime) -> str:
    """`YYYYMMDDThhmmss`, truncated to seconds as product names are."""
    return moment.strftime("%Y%m%dT%H%M%S")


def format_iso(moment: datetime) -> str:
    """`YYYY-MM-DDThh:mm:ss.ffffffZ`."""
    return f"{moment.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"  # a fifth of the time of strftime


def _with_four_digits(moment: datetime, text: str) -> datetime:
    if moment.year < 1000:
        raise ValueError(f"{text!r} is before the year 1000")
    return moment
