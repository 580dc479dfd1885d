"""How times, sizes and shapes are shown: short, in UTC, and of one width in a column."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from s1pdgs.model.time import FAR_FUTURE

NONE = "–"
_UNITS = ("B", "kB", "MB", "GB", "TB")


def utc(moment: datetime | None) -> str:
    """`YYYY-MM-DD hh:mm:ss`; the far future is told in words."""
    if moment is None:
        return NONE
    return "no end" if moment == FAR_FUTURE else moment.strftime("%Y-%m-%d %H:%M:%S")


def exact(moment: datetime) -> str:
    """`YYYY-MM-DD hh:mm:ss.mmm`, for times that lie close together."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def iso(moment: datetime) -> str:
    """A time for machines, to the millisecond: what browsers read."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def size(count: int | None) -> str:
    """Bytes in decimal units with three significant digits."""
    if count is None:
        return NONE
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000.0, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else (1 if value >= 9.995 else 2)
    return f"{value:.{digits}f} {_UNITS[unit]}"


def span(duration: timedelta | float | None) -> str:
    """`h:mm:ss`, with days in front where there are any; a negative span keeps its sign."""
    if duration is None:
        return NONE
    seconds = round(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{sign}{days} d {clock}" if days else f"{sign}{clock}"


def sensing(duration: timedelta) -> str:
    """A sensing time: seconds with tenths while it is short."""
    seconds = duration.total_seconds()
    return f"{seconds:.1f} s" if seconds < 600 else span(duration)


def percent(progress: str | None) -> int | None:
    """The share done that a progress line begins with (`42% slices written`)."""
    head, mark, _ = (progress or "").partition("%")
    return min(int(head), 100) if mark and head.isascii() and head.isdigit() and len(head) <= 3 else None


def map_rings(ring: Sequence[Sequence[float]] | None) -> list[list[tuple[float, float]]]:
    """A footprint as rings of (latitude, longitude) in degrees to draw on a flat map.

    Longitudes run on over the dateline without a jump; a ring that leaves the map on one side is drawn a second time
    on the other.
    """
    if not ring:
        return []
    unrolled: list[tuple[float, float]] = []
    turns = 0.0
    for place, (longitude, latitude) in enumerate(ring):
        if place:
            step = longitude - ring[place - 1][0]
            turns += 360.0 if step < -180.0 else (-360.0 if step > 180.0 else 0.0)
        unrolled.append((float(latitude), float(longitude) + turns))
    rings = [unrolled]
    for shift, leaves in ((-360.0, max(p[1] for p in unrolled) > 180.0), (360.0, min(p[1] for p in unrolled) < -180.0)):
        if leaves:
            rings.append([(latitude, longitude + shift) for latitude, longitude in unrolled])
    return rings


def map_json(ring: Sequence[Sequence[float]] | None) -> str:
    """`map_rings` as JSON with five decimals (about a metre); empty without a footprint."""
    rings = [[(round(lat, 5), round(lon, 5)) for lat, lon in each] for each in map_rings(ring)]
    return json.dumps(rings, separators=(",", ":")) if rings else ""
