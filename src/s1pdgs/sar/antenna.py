"""Two-way antenna patterns as tables, and the angles at which the antenna sees a point (docs/joints.md, section 1)."""

from typing import Self

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import Array, Orbit


@frozen(eq=False)
class AntennaPattern:
    """A two-way *amplitude* pattern, 1 at its peak: `amplitude` (n,) at ascending angles from the boresight."""

    angle_rad: Array
    amplitude: Array

    @classmethod
    def of_elevation(cls, angle_deg: ArrayLike, values: NDArray[np.complex128]) -> Self:
        """From the complex elevation pattern of AUX_CAL, whose magnitude is a two-way power."""
        return cls._normalised(angle_deg, np.sqrt(np.abs(values)))

    @classmethod
    def of_azimuth(cls, angle_deg: ArrayLike, values_db: ArrayLike) -> Self:
        """From the azimuth pattern of AUX_CAL, in decibels."""
        return cls._normalised(angle_deg, 10.0 ** (np.asarray(values_db, dtype=np.float64) / 20.0))

    @classmethod
    def uniform(cls) -> Self:
        """An antenna that favours no direction."""
        return cls(np.array([-np.pi, np.pi]), np.ones(2))

    @classmethod
    def _normalised(cls, angle_deg: ArrayLike, amplitude: Array) -> Self:
        return cls(np.radians(np.asarray(angle_deg, dtype=np.float64)), amplitude / amplitude.max())

    def at(self, angle_rad: ArrayLike) -> Array:
        """Amplitude at angles from the boresight, interpolated linearly; beyond the table that of its end."""
        return np.asarray(np.interp(np.asarray(angle_rad, dtype=np.float64), self.angle_rad, self.amplitude))

    def at_doppler(self, offset_hz: ArrayLike, speed_m_s: float) -> Array:
        """Amplitude of an azimuth pattern at Doppler frequencies relative to the Doppler centroid."""
        return self.at(squint_of_doppler_rad(offset_hz, speed_m_s))


def elevation_angle_rad(orbit: Orbit, body_axes: Array, time_s: Array | float, point_m: Array) -> Array:
    """Angle (...,) of points (..., 3) from the boresight in the plane normal to body x, growing with range.

    Off-nadir angle minus roll. `body_axes` (..., 3, 3) as of `s1pdgs.sar.attitude`, at the seconds `time_s`.
    """
    side, boresight = (_component(orbit, body_axes, time_s, point_m, axis) for axis in (1, 2))
    return np.asarray(np.arctan2(side, boresight))


def squint_angle_rad(orbit: Orbit, body_axes: Array, time_s: Array | float, point_m: Array) -> Array:
    """Angle (...,) of points (..., 3) from the plane normal to body x, positive ahead (positive Doppler)."""
    return np.asarray(np.arcsin(_component(orbit, body_axes, time_s, point_m, 0)))


def squint_of_doppler_rad(offset_hz: ArrayLike, speed_m_s: float) -> Array:
    """Squint from the beam centre of a Doppler frequency relative to the centroid; speed is the Earth-fixed one."""
    return np.asarray(np.arcsin(np.asarray(offset_hz, dtype=np.float64) * WAVELENGTH_M / (2.0 * speed_m_s)))


def _component(orbit: Orbit, body_axes: Array, time_s: Array | float, point_m: Array, axis: int) -> Array:
    line = point_m - orbit.position(time_s)
    return np.asarray(np.sum(line * body_axes[..., axis, :], axis=-1) / np.linalg.norm(line, axis=-1))
