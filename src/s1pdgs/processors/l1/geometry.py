"""Where the samples of a StripMap acquisition lie in time and on the Earth."""

from collections.abc import Callable

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.earth import ellipsoid_normal
from s1pdgs.sar.orbit import Orbit, effective_velocity, ground_point

Array = NDArray[np.float64]
DopplerModel = Callable[[float, Array], Array]
"""Doppler centroid in Hz at a time (s after the orbit epoch) and two-way delays (s)."""

_KNOTS = 7


@frozen
class RawGrid:
    """Raw echoes on a regular grid: line n was emitted at `first_transmit_s` + n `pri_s` seconds after the orbit's
    epoch; sample i returned `first_delay_s` + i / `sampling_hz` seconds after its emission (instrument delays off).
    """

    lines: int
    samples: int
    first_transmit_s: float
    pri_s: float
    first_delay_s: float
    sampling_hz: float


@frozen
class ImageGrid:
    """A zero-Doppler image: line times in seconds after the orbit's epoch, two-way delays in seconds."""

    lines: int
    samples: int
    first_line_s: float
    line_interval_s: float
    first_delay_s: float
    sampling_hz: float

    @property
    def delays_s(self) -> Array:
        """Two-way delay of each sample."""
        return self.first_delay_s + np.arange(self.samples) / self.sampling_hz

    @property
    def ranges_m(self) -> Array:
        """Slant range of each sample."""
        return self.delays_s * (SPEED_OF_LIGHT_M_S / 2.0)

    @property
    def range_spacing_m(self) -> float:
        """Slant range between samples."""
        return SPEED_OF_LIGHT_M_S / (2.0 * self.sampling_hz)

    @property
    def mid_line_s(self) -> float:
        """Zero-Doppler time of the middle of the image."""
        return self.first_line_s + 0.5 * (self.lines - 1) * self.line_interval_s

    @property
    def last_line_s(self) -> float:
        """Zero-Doppler time of the last line."""
        return self.first_line_s + (self.lines - 1) * self.line_interval_s

    def part(self, first: int, lines: int) -> "ImageGrid":
        """The grid of a run of lines."""
        return evolve(self, first_line_s=self.first_line_s + first * self.line_interval_s, lines=lines)


@frozen(eq=False)
class RangeModel:
    """What varies along range at one time; arrays of shape (samples,).

    `effective_m_s` is V_r of R^2 = R0^2 + V_r^2 t^2, `ground_m_s` the speed of the zero-Doppler point on the ground,
    `incidence_rad` against the normal of the ellipsoid; all for ground at `height_m` above it.
    """

    time_s: float
    ranges_m: Array
    effective_m_s: Array
    ground_m_s: Array
    incidence_rad: Array
    satellite_m_s: float
    height_m: float = 0.0

    @property
    def fm_rate_hz_s(self) -> Array:
        """Azimuth FM rate at zero Doppler, negative."""
        return -2.0 * self.effective_m_s**2 / (WAVELENGTH_M * self.ranges_m)


def range_model(orbit: Orbit, time_s: float, ranges_m: Array, height_m: float = 0.0) -> RangeModel:
    """The geometry along range at a zero-Doppler time, exact at a few ranges and interpolated by polynomials.

    Raises `OrbitError` where a range misses the ellipsoid.
    """
    knots = np.linspace(ranges_m[0], ranges_m[-1], _KNOTS)
    points = ground_point(orbit, time_s, knots, height_m)
    effective = np.array([effective_velocity(orbit, point, time_s) for point in points])
    step = 0.05
    ahead = ground_point(orbit, time_s + step, knots, height_m)
    behind = ground_point(orbit, time_s - step, knots, height_m)
    ground = np.linalg.norm(ahead - behind, axis=-1) / (2.0 * step)
    incidence = incidence_angle(orbit, time_s, points)
    return RangeModel(
        time_s=time_s,
        ranges_m=ranges_m,
        effective_m_s=_spread(knots, effective, ranges_m, 2),
        ground_m_s=_spread(knots, ground, ranges_m, 4),
        incidence_rad=_spread(knots, incidence, ranges_m, 5),
        satellite_m_s=float(np.linalg.norm(orbit.velocity(time_s))),
        height_m=height_m,
    )


def incidence_angle(orbit: Orbit, time_s: Array | float, points_m: Array) -> Array:
    """Angles in radians between the lines of sight and the ellipsoid normals at ground points of shape (..., 3)."""
    line = orbit.position(time_s) - points_m
    line = line / np.linalg.norm(line, axis=-1, keepdims=True)
    return np.asarray(np.arccos(np.sum(line * ellipsoid_normal(points_m), axis=-1)))


def no_doppler(time_s: float, delays_s: Array) -> Array:  # noqa: ARG001 - a DopplerModel
    """The Doppler centroid of an antenna that points at zero Doppler."""
    return np.zeros_like(delays_s)


def _spread(knots: Array, values: Array, ranges_m: Array, degree: int) -> Array:
    centre, scale = knots.mean(), 0.5 * (knots[-1] - knots[0]) or 1.0
    fit = np.polynomial.polynomial.polyfit((knots - centre) / scale, values, degree)
    return np.asarray(np.polynomial.polynomial.polyval((ranges_m - centre) / scale, fit))
