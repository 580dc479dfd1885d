"""The height of the ground: its mean over the swath, by which focusing, radiometry and ground range go, and that of
single points, which the geolocation grid tells.

Means are taken about every whole second of UTC, so that neighbouring slices have the same where they have the same
swath (DAD, terrain height). Without an elevation model, and where it knows nothing, the ground is the ellipsoid.
"""

import math
from datetime import timedelta

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.elevation import Elevation
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Orbit, ground_point

Array = NDArray[np.float64]

_MARGIN_S = 10
_LINES, _RANGES = 5, 65
_ROUNDS, _POINT_ROUNDS = 4, 24


@frozen(eq=False)
class Terrain:
    """Mean heights in metres above the ellipsoid at times (n,), seconds after the orbit's epoch, and the model that
    they come from; `known` is the share of the swath that it knows.
    """

    time_s: Array
    mean_m: Array
    elevation: Elevation | None = None
    known: float = 1.0

    def mean(self, time_s: float) -> float:
        """The mean height over the swath at a time."""
        return float(np.interp(time_s, self.time_s, self.mean_m))

    def points(self, orbit: Orbit, time_s: float, slant_m: Array) -> Array:
        """Where slant ranges (n,) meet the ground at a zero-Doppler time: Earth-fixed (n, 3)."""
        height = np.full(slant_m.shape, self.mean(time_s))
        if self.elevation is not None:
            for _ in range(_POINT_ROUNDS):  # halves its steps, for steep slopes would make it swing
                height = 0.5 * (height + _heights(self.elevation, ground_point(orbit, time_s, slant_m, height)))
        return ground_point(orbit, time_s, slant_m, height)


ELLIPSOID = Terrain(np.zeros(1), np.zeros(1))


def terrain_of(
    elevation: Elevation, orbit: Orbit, span_s: tuple[float, float], reach_m: tuple[float, float]
) -> Terrain:
    """The terrain under a swath: from the first to the last time, of slant ranges from the nearest to the farthest."""
    first = _whole_second(orbit, span_s[0]) - _MARGIN_S
    times = first + np.arange(math.ceil(span_s[1] - first) + _MARGIN_S + 1, dtype=np.float64)
    slant = np.linspace(*reach_m, _RANGES)
    means: list[float] = []
    known = []
    for time in times:
        lines = time + (np.arange(_LINES) + 0.5) / _LINES - 0.5
        mean = means[-1] if means else 0.0
        for _ in range(_ROUNDS):
            heights = elevation.at(*ecef_to_geodetic(ground_point(orbit, lines[:, None], slant, mean))[:2])
            mean = float(np.nan_to_num(heights).mean())
        means.append(mean)
        known.append(float(np.isfinite(heights).mean()))
    return Terrain(times, np.array(means), elevation, float(np.mean(known)))


def _whole_second(orbit: Orbit, time_s: float) -> float:
    """The last whole second of UTC before a time."""
    moment = orbit.utc(time_s)
    return time_s - timedelta(microseconds=moment.microsecond).total_seconds()


def _heights(elevation: Elevation, points_m: Array) -> Array:
    latitude, longitude, _ = ecef_to_geodetic(points_m)
    return np.asarray(np.nan_to_num(elevation.at(latitude, longitude)))
