"""Slant range and ground range of an image: polynomials about every second (DAD, SRGR)."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.geometry import ImageGrid
from s1pdgs.processors.l1.terrain import ELLIPSOID, Terrain
from s1pdgs.sar.orbit import Orbit, ground_point

Array = NDArray[np.float64]

DEGREE = 8
_KNOTS = 129
_INTERVAL_S = 1.0


@frozen(eq=False)
class GroundRange:
    """Polynomials at times (n,), seconds after the orbit's epoch; both ranges in metres.

    `to_ground` (n, 9): ground range over (slant range - `slant0_m`); `to_slant` (n, 9): slant range over ground range,
    which counts from the first sample of the image.
    """

    time_s: Array
    slant0_m: float
    to_ground: Array
    to_slant: Array
    extent_m: float

    def slant_polynomials(self, times_s: Array) -> Array:
        """Coefficients of slant range (m) over ground range in *kilometres* at times, interpolated: (len, 9)."""
        scaled = self.to_slant * 1e3 ** np.arange(self.to_slant.shape[1])
        return np.stack([np.interp(times_s, self.time_s, column) for column in scaled.T], axis=1)

    def slant_m(self, time_s: float, ground_m: Array) -> Array:
        """Slant ranges of ground ranges at a time."""
        row = self.slant_polynomials(np.array([time_s]))[0]
        return np.asarray(np.polynomial.polynomial.polyval(ground_m * 1e-3, row))


def ground_range(orbit: Orbit, image: ImageGrid, terrain: Terrain = ELLIPSOID) -> GroundRange:
    """Accumulate the arcs between zero-Doppler points at the mean height of the ground and fit both directions.

    The extent is the ground range that every line of the image reaches.
    """
    count = max(round((image.last_line_s - image.first_line_s) / _INTERVAL_S), 1) + 1
    times = np.linspace(image.first_line_s, image.last_line_s, count)
    slant = np.linspace(image.ranges_m[0], image.ranges_m[-1], _KNOTS)
    forth, back, extents = [], [], []
    for time in times:
        points = ground_point(orbit, float(time), slant, terrain.mean(float(time)))
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=-1))])
        forth.append(_fit(slant - slant[0], arc))
        back.append(_fit(arc, slant))
        extents.append(arc[-1])
    return GroundRange(times, float(slant[0]), np.array(forth), np.array(back), float(min(extents)))


def _fit(x: Array, y: Array) -> Array:
    scale = float(x[-1])
    fit = np.polynomial.polynomial.polyfit(x / scale, y, DEGREE)
    return np.asarray(fit / scale ** np.arange(DEGREE + 1))
