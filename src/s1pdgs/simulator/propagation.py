"""A satellite's way under the Earth's zonal gravity, in inertial axes: steps of equal length, and what lies between."""

from typing import Self

import numpy as np
from attrs import frozen
from numba import njit

from s1pdgs.sar.orbit import Array

_GM_M3_S2 = 3.986004418e14
_EARTH_RADIUS_M = 6_378_137.0
_J2, _J3, _J4 = 1.08262668e-3, -2.53265649e-6, -1.61962159e-6
_STEP_S = 10.0
_OUTER, _MIDDLE, _INNER = 0.784513610477560, 0.235573213359357, -1.17767998417887
_WEIGHTS = (_OUTER, _MIDDLE, _INNER, 1.0 - 2.0 * (_OUTER + _MIDDLE + _INNER), _INNER, _MIDDLE, _OUTER)
"""Leapfrog steps of these parts of a step are together one of sixth order that neither gains nor loses energy (Yoshida,
Construction of higher order symplectic integrators, Phys. Lett. A 150, 1990, solution A).
"""


@frozen(eq=False)
class Ephemeris:
    """States (n, 6), positions in m and velocities in m/s, every 10 s from `start_s` on."""

    start_s: float
    states: Array

    @classmethod
    def around(cls, state: Array, first_s: float, last_s: float) -> Self:
        """The way from `first_s` <= 0 to `last_s` >= 0 at least, through a state at 0."""
        before, after = (int(np.ceil(abs(span_s) / _STEP_S)) for span_s in (first_s, last_s))
        states = np.empty((before + 1 + after, 6))
        states[before] = state
        _march(states[before::-1], -_STEP_S)
        _march(states[before:], _STEP_S)
        return cls(-before * _STEP_S, states)

    def at(self, time_s: Array) -> Array:
        """States (n, 6) at times (n,), which must lie within the way."""
        found = np.empty((time_s.size, 6))
        _between(self.states, (time_s - self.start_s) / _STEP_S, found)
        return found


@njit(cache=True, nogil=True)
def _acceleration(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Point mass and zonal harmonics J2 to J4 (Vallado, Fundamentals of Astrodynamics, section 8.7)."""
    square = x * x + y * y + z * z
    flat = z * z / square
    central = _GM_M3_S2 / (square * np.sqrt(square))
    ratio = _EARTH_RADIUS_M * _EARTH_RADIUS_M / square
    tilt = _J3 * ratio * _EARTH_RADIUS_M / square
    quartic = 1.875 * _J4 * ratio * ratio
    common = 1.0 + 1.5 * _J2 * ratio * (1.0 - 5.0 * flat) + 2.5 * tilt * z * (3.0 - 7.0 * flat)
    common -= quartic * (1.0 - 14.0 * flat + 21.0 * flat * flat)
    polar = z * (1.0 + 1.5 * _J2 * ratio * (3.0 - 5.0 * flat))
    polar += 2.5 * tilt * square * (6.0 * flat - 7.0 * flat * flat - 0.6)
    polar -= quartic * z * (5.0 - 70.0 / 3.0 * flat + 21.0 * flat * flat)
    return -central * x * common, -central * y * common, -central * polar


@njit(cache=True, nogil=True)
def _march(states: Array, step_s: float) -> None:
    """Fill states (n, 6) from the first one on."""
    x, y, z, vx, vy, vz = states[0]
    for number in range(1, len(states)):
        for weight in _WEIGHTS:
            part_s = weight * step_s
            x, y, z = x + 0.5 * part_s * vx, y + 0.5 * part_s * vy, z + 0.5 * part_s * vz
            ax, ay, az = _acceleration(x, y, z)
            vx, vy, vz = vx + part_s * ax, vy + part_s * ay, vz + part_s * az
            x, y, z = x + 0.5 * part_s * vx, y + 0.5 * part_s * vy, z + 0.5 * part_s * vz
        states[number] = x, y, z, vx, vy, vz


@njit(cache=True, nogil=True)
def _between(states: Array, places: Array, found: Array) -> None:
    """States at fractional places of the steps, by the polynomials of fifth degree through positions, velocities and
    accelerations of both ends: exact to nanometres.
    """
    for number, place in enumerate(places):
        first = min(max(int(np.floor(place)), 0), len(states) - 2)
        u = place - first
        begin, end = states[first], states[first + 1]
        pull_begin = _acceleration(begin[0], begin[1], begin[2])
        pull_end = _acceleration(end[0], end[1], end[2])
        for axis in range(3):
            run, pull = _STEP_S * begin[axis + 3], 0.5 * _STEP_S * _STEP_S * pull_begin[axis]
            way = end[axis] - begin[axis] - run - pull
            speed = _STEP_S * end[axis + 3] - run - 2.0 * pull
            force = _STEP_S * _STEP_S * pull_end[axis] - 2.0 * pull
            cubic = 10.0 * way - 4.0 * speed + 0.5 * force
            fourth = -15.0 * way + 7.0 * speed - force
            fifth = 6.0 * way - 3.0 * speed + 0.5 * force
            found[number, axis] = begin[axis] + u * (run + u * (pull + u * (cubic + u * (fourth + u * fifth))))
            slope = run + u * (2.0 * pull + u * (3.0 * cubic + u * (4.0 * fourth + u * 5.0 * fifth)))
            found[number, axis + 3] = slope / _STEP_S
