"""The orbit as a smooth curve through state vectors, and the zero-Doppler geometry that rests on it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.sar.constants import WGS84_SEMI_MAJOR_M, WGS84_SEMI_MINOR_M

Array = NDArray[np.float64]
_TIME_SCALE_S = 100.0


class OrbitError(ValueError):
    """The state vectors do not determine the orbit over the asked time."""


@frozen(eq=False)
class StateVector:
    """Position in metres and velocity in m/s, Earth-fixed, at a UTC time."""

    time: datetime
    position_m: Array
    velocity_m_s: Array


@frozen(eq=False)
class Orbit:
    """A polynomial in time fitted to positions and velocities of state vectors around an epoch.

    Times are float64 seconds after `epoch`; `start_s`..`stop_s` is the span of the vectors that were fitted.
    """

    epoch: datetime
    coefficients: Array
    start_s: float
    stop_s: float
    residual_m: float

    def position(self, time_s: Array | float) -> Array:
        """Earth-fixed positions in metres, shape (..., 3)."""
        return _evaluate(self.coefficients, np.asarray(time_s, dtype=np.float64) / _TIME_SCALE_S)

    def velocity(self, time_s: Array | float) -> Array:
        """Earth-fixed velocities in m/s, shape (..., 3)."""
        return self._derivative(time_s, 1)

    def acceleration(self, time_s: Array | float) -> Array:
        """Earth-fixed accelerations in m/s^2, shape (..., 3)."""
        return self._derivative(time_s, 2)

    def seconds(self, moment: datetime) -> float:
        """Seconds of a UTC time after the epoch."""
        return (moment - self.epoch).total_seconds()

    def utc(self, time_s: float) -> datetime:
        """UTC, to microseconds, of seconds after the epoch."""
        return self.epoch + timedelta(seconds=float(time_s))

    def _derivative(self, time_s: Array | float, order: int) -> Array:
        coefficients = self.coefficients
        for _ in range(order):
            powers = np.arange(1, len(coefficients))
            coefficients = coefficients[1:] * powers[:, None] / _TIME_SCALE_S
        return _evaluate(coefficients, np.asarray(time_s, dtype=np.float64) / _TIME_SCALE_S)


def fit_orbit(vectors: Sequence[StateVector], start: datetime, stop: datetime, margin_s: float = 40.0) -> Orbit:
    """Fit the orbit for the span from `start` to `stop`, which the vectors must cover.

    The polynomial degree grows with the number of vectors, up to 9 for the usual 10 s spacing; vectors outside the
    span and its margin are left out. Raises `OrbitError` when the vectors do not cover the span.
    """
    ordered = sorted(vectors, key=lambda vector: vector.time)
    if len(ordered) < 4:
        raise OrbitError(f"{len(ordered)} state vectors do not determine an orbit; at least 4 are needed")
    if ordered[0].time > start or ordered[-1].time < stop:
        raise OrbitError(
            f"state vectors from {ordered[0].time.isoformat()} to {ordered[-1].time.isoformat()} "
            f"do not cover {start.isoformat()} to {stop.isoformat()}"
        )
    epoch = start + (stop - start) / 2
    used = _around(ordered, start - timedelta(seconds=margin_s), stop + timedelta(seconds=margin_s))
    time = np.array([(vector.time - epoch).total_seconds() for vector in used])
    position = np.stack([vector.position_m for vector in used])
    velocity = np.stack([vector.velocity_m_s for vector in used])
    coefficients = _fit(time / _TIME_SCALE_S, position, velocity * _TIME_SCALE_S, degree=min(9, 2 * len(used) - 3))
    residual = float(np.abs(_evaluate(coefficients, time / _TIME_SCALE_S) - position).max())
    return Orbit(epoch, coefficients, float(time[0]), float(time[-1]), residual)


def _around(ordered: list[StateVector], start: datetime, stop: datetime) -> list[StateVector]:
    """The vectors within a span, widened to at least five on each side of its centre where there are so many."""
    centre = start + (stop - start) / 2
    middle = sum(vector.time < centre for vector in ordered)
    first = min(sum(vector.time < start for vector in ordered), max(middle - 5, 0))
    last = max(sum(vector.time <= stop for vector in ordered), min(middle + 5, len(ordered)))
    return ordered[first:last]


def _fit(time: Array, position: Array, velocity: Array, degree: int) -> Array:
    powers = np.vander(time, degree + 1, increasing=True)
    slopes = np.zeros_like(powers)
    slopes[:, 1:] = powers[:, :-1] * np.arange(1, degree + 1)
    scale = float(np.abs(position).max())
    solution, *_ = np.linalg.lstsq(np.vstack([powers, slopes]), np.vstack([position, velocity]) / scale, rcond=None)
    return np.asarray(solution * scale)


def _evaluate(coefficients: Array, time: Array) -> Array:
    result = np.zeros((*time.shape, coefficients.shape[1]))
    for row in coefficients[::-1]:
        result = result * time[..., None] + row
    return result


def zero_doppler_time(orbit: Orbit, target_m: Array, guess_s: float = 0.0) -> tuple[Array, Array]:
    """Seconds after the epoch at which targets of shape (..., 3) are broadside, and their slant ranges then in metres.

    Newton's iteration on (target - position) . velocity = 0 (Cumming and Wong, section 4.2).
    """
    target = np.asarray(target_m, dtype=np.float64)
    time = np.full(target.shape[:-1], guess_s)
    for _ in range(8):
        line = target - orbit.position(time)
        velocity = orbit.velocity(time)
        value = np.sum(line * velocity, axis=-1)
        slope = np.sum(line * orbit.acceleration(time), axis=-1) - np.sum(velocity * velocity, axis=-1)
        time = time - value / slope
    return time, np.linalg.norm(target - orbit.position(time), axis=-1)


def ground_point(
    orbit: Orbit, time_s: Array | float, slant_range_m: Array | float, height_m: Array | float = 0.0
) -> Array:
    """Points, shape (..., 3), at zero-Doppler times and slant ranges, right-looking, on the ellipsoid at heights.

    Newton's iteration on the look angle in the plane normal to the velocity. Raises `OrbitError` where a range does
    not reach the ellipsoid.
    """
    time, slant = np.broadcast_arrays(np.asarray(time_s, dtype=np.float64), np.asarray(slant_range_m, dtype=np.float64))
    position, velocity = orbit.position(time), orbit.velocity(time)
    along = velocity / np.linalg.norm(velocity, axis=-1, keepdims=True)
    down = -position / np.linalg.norm(position, axis=-1, keepdims=True)
    down = down - np.sum(down * along, axis=-1, keepdims=True) * along
    down /= np.linalg.norm(down, axis=-1, keepdims=True)
    right = np.cross(along, -down)
    axes = np.array([WGS84_SEMI_MAJOR_M, WGS84_SEMI_MAJOR_M, WGS84_SEMI_MINOR_M]) + np.asarray(height_m)[..., None]
    angle = _look_angle(np.linalg.norm(position, axis=-1), slant)
    for _ in range(12):
        point = position + slant[..., None] * (np.cos(angle)[..., None] * down + np.sin(angle)[..., None] * right)
        tangent = slant[..., None] * (-np.sin(angle)[..., None] * down + np.cos(angle)[..., None] * right)
        value = np.sum((point / axes) ** 2, axis=-1) - 1.0
        angle = angle - value / (2.0 * np.sum(point * tangent / axes**2, axis=-1))
    point = position + slant[..., None] * (np.cos(angle)[..., None] * down + np.sin(angle)[..., None] * right)
    if not np.all(np.abs(np.sum((point / axes) ** 2, axis=-1) - 1.0) < 1e-9):
        raise OrbitError("a slant range does not reach the ellipsoid; check the sampling window and the orbit")
    return np.asarray(point)


def _look_angle(radius_m: Array, slant_m: Array) -> Array:
    """Off-nadir angle in radians to a sphere of mean Earth radius, the start of the iteration."""
    earth = 6_371_000.0
    cosine = (radius_m**2 + slant_m**2 - earth**2) / (2.0 * radius_m * slant_m)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


def effective_velocity(orbit: Orbit, target_m: Array, time_s: float, half_span_s: float = 0.5) -> float:
    """V_r in m/s of R(t)^2 = R0^2 + V_r^2 t^2, fitted over a span around the zero-Doppler time of one target."""
    offset = np.linspace(-half_span_s, half_span_s, 41)
    square = np.sum((orbit.position(time_s + offset) - target_m) ** 2, axis=-1)
    origin = float(np.sum((orbit.position(time_s) - target_m) ** 2))
    return float(np.sqrt(np.polynomial.polynomial.polyfit(offset**2, square - origin, 1)[1]))
