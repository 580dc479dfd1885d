"""How the echo of a point really moves through a TOPS burst, against the hyperbola that focusing assumes.

A burst sees the ground seconds before or after it is broadside. Over that time the orbit's R^2(t) has cubic and higher
terms, and emission and return are apart. Both are taken from the exact bistatic history of points across the burst.
"""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.geometry import RangeModel
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit, ground_point

Array = NDArray[np.float64]

_TIMES = 13
_RANGES = 5
_DEGREE = 5
_ITERATIONS = 8


@frozen(eq=False)
class HistoryResidual:
    """Phases in cycles that the hyperbola leaves, at `ranges_m` (k,): polynomials, (degree + 2, k), in the Doppler
    frequency from the burst's centre over `frequency_hz`, and, (degree + 1, k), in zero-Doppler time over `span_s`.
    """

    ranges_m: Array
    frequency_hz: float
    span_s: float
    in_frequency: Array
    in_time: Array

    def frequency_cycles(self, offset_hz: Array, slant_m: float) -> Array:
        """What the matched filter takes off at Doppler offsets; its slope places every point at its own time."""
        return self._at(self.in_frequency, offset_hz / self.frequency_hz, slant_m)

    def time_cycles(self, offset_s: Array, slant_m: float) -> Array:
        """What remains to be taken off the image at zero-Doppler times."""
        return self._at(self.in_time, offset_s / self.span_s, slant_m)

    def _at(self, coefficients: Array, x: Array, slant_m: float) -> Array:
        row = np.array([np.interp(slant_m, self.ranges_m, part) for part in coefficients])
        return np.asarray(np.polynomial.polynomial.polyval(x, row))


def history_residual(
    orbit: Orbit, model: RangeModel, rate_hz_s: Array, *, base_hz: float, half_span_s: float
) -> HistoryResidual:
    """Compare at the Doppler frequencies `base_hz` + k_t t under which points at t = -span..span are seen.

    `rate_hz_s` (samples,) is k_t over the ranges of the model, which hold at its time, the centre of the burst. The
    model's spectrum has the phase -4 pi R D(f) / lambda - 2 pi f (t - tau / 2) of transmit time (sar.md, section 6.1).
    """
    picks = np.unique(np.linspace(0, model.ranges_m.size - 1, _RANGES).astype(np.int64))
    offset = np.linspace(-half_span_s, half_span_s, _TIMES)
    frequency = float(np.max(rate_hz_s)) * half_span_s
    slopes, remains = [], []
    for pick in picks:
        slant, speed = float(model.ranges_m[pick]), float(model.effective_m_s[pick])
        doppler = base_hz + float(rate_hz_s[pick]) * offset
        points = ground_point(orbit, model.time_s + offset, slant, model.height_m)
        broadside = model.time_s + offset - slant / SPEED_OF_LIGHT_M_S
        transmit, delay = _seen_at(orbit, points, doppler, broadside, fm_rate_hz_s=float(model.fm_rate_hz_s[pick]))
        contraction = np.sqrt(1.0 - (0.5 * WAVELENGTH_M * doppler / speed) ** 2)
        modelled = broadside - slant * WAVELENGTH_M * doppler / (2.0 * speed**2 * contraction)
        difference = -RADAR_FREQUENCY_HZ * delay + 2.0 * slant * contraction / WAVELENGTH_M
        difference += doppler * (broadside - transmit)
        x = (doppler - base_hz) / frequency
        slope = np.polynomial.polynomial.polyfit(x, (modelled - transmit) * frequency, _DEGREE)
        filtered = np.polynomial.polynomial.polyint(slope)
        rest = difference - np.polynomial.polynomial.polyval(x, filtered)
        slopes.append(filtered)
        remains.append(np.polynomial.polynomial.polyfit(offset / half_span_s, rest, _DEGREE))
    in_frequency, in_time = np.array(slopes, np.float64).T, np.array(remains, np.float64).T
    return HistoryResidual(model.ranges_m[picks], frequency, half_span_s, in_frequency, in_time)


def _seen_at(
    orbit: Orbit, points: Array, doppler: Array, broadside_s: Array, *, fm_rate_hz_s: float
) -> tuple[Array, Array]:
    """Transmit times at which points (n, 3) return the Doppler frequencies (n,), and the two-way delays then.

    `broadside_s`: transmit times (n,) at which they are seen broadside. Newton's iteration with a constant slope.
    """
    transmit = broadside_s + doppler / fm_rate_hz_s
    for _ in range(_ITERATIONS):
        _, delay_rate = bistatic_delay(orbit, points, transmit)
        transmit = transmit + (doppler + RADAR_FREQUENCY_HZ * delay_rate) / fm_rate_hz_s
    return transmit, bistatic_delay(orbit, points, transmit)[0]


def bistatic_delay(orbit: Orbit, points_m: Array, transmit_s: Array) -> tuple[Array, Array]:
    """Two-way delays (n,) between emission at transmit times (n,) and return, and their rates of change."""
    sight = orbit.position(transmit_s) - points_m
    way = np.linalg.norm(sight, axis=-1)
    delay = 2.0 * way / SPEED_OF_LIGHT_M_S
    for _ in range(4):
        back = orbit.position(transmit_s + delay) - points_m
        home = np.linalg.norm(back, axis=-1)
        delay = (way + home) / SPEED_OF_LIGHT_M_S
    out = np.sum(sight * orbit.velocity(transmit_s), axis=-1) / (way * SPEED_OF_LIGHT_M_S)
    returned = np.sum(back * orbit.velocity(transmit_s + delay), axis=-1) / (home * SPEED_OF_LIGHT_M_S)
    return delay, (out + returned) / (1.0 - returned)
