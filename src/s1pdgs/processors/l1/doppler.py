"""The Doppler centroid: predicted by the attitude, measured in the data, and as focusing uses it (DAD, section 5)."""

import math

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus import LineSource
from s1pdgs.processors.l1.geometry import DopplerModel, RawGrid
from s1pdgs.sar.attitude import Attitude, doppler_centroid_hz
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit

Array = NDArray[np.float64]
Polynomial = tuple[float, ...]

FINE_ESTIMATES = 20
INTERVAL_S = 3.0
MAX_RMS_HZ = 20.0
_PAIR_STEP = 16
_MIN_COHERENCE = 0.1
_MIN_BLOCKS = 8
_DEGREE = 2


@frozen
class DopplerEstimate:
    """The Doppler centroid around one time; polynomials in (two-way delay - `t0_s`), Hz.

    `fine_delay_s` and `fine_hz` are the estimates of range blocks, those of the geometry where the data say nothing.
    `rms_hz` is the scatter of the data about their polynomial, NaN where there is none; `measured` tells whether the
    data polynomial rests on data.
    """

    start_s: float
    stop_s: float
    t0_s: float
    geometry: Polynomial
    data: Polynomial
    fine_delay_s: tuple[float, ...]
    fine_hz: tuple[float, ...]
    rms_hz: float
    measured: bool

    @property
    def time_s(self) -> float:
        return 0.5 * (self.start_s + self.stop_s)

    @property
    def used(self) -> Polynomial:
        """The polynomial that focusing uses."""
        return self.data if self.reliable else self.geometry

    @property
    def reliable(self) -> bool:
        return self.measured and self.rms_hz <= MAX_RMS_HZ


def estimate_doppler(
    grid: RawGrid,
    orbit: Orbit,
    attitude: Attitude,
    source: LineSource | None = None,
    replica: NDArray[np.complex64] | None = None,
) -> list[DopplerEstimate]:
    """Estimates about every `INTERVAL_S`, each over all lines of its interval.

    Without a source, or where the data do not agree with a smooth centroid, the geometry stands alone. Pairs of lines
    spread over the interval are range-compressed and correlated at lag one, by range block; their ambiguity is that of
    the geometry.
    """
    duration_s = grid.lines * grid.pri_s
    count = max(round(duration_s / INTERVAL_S), 1)
    edges = np.linspace(0, grid.lines, count + 1).astype(np.int64)
    pulse = 0 if replica is None else replica.size
    block_s = (grid.samples - pulse) / (FINE_ESTIMATES * grid.sampling_hz)
    delays: Array = grid.first_delay_s + (np.arange(FINE_ESTIMATES, dtype=np.float64) + 0.5) * block_s
    estimates = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        start, stop = (grid.first_transmit_s + line * grid.pri_s + 0.5 * float(delays.mean()) for line in (first, last))
        geometry = _geometry(orbit, attitude, 0.5 * (start + stop), delays)
        measured = None
        if source is not None and replica is not None:
            measured = _correlate(grid, source, replica, first, last)
        estimates.append(_combine(grid, (start, stop), delays, geometry, measured))
    return estimates


def doppler_model(estimates: list[DopplerEstimate]) -> DopplerModel:
    """The centroid at any time and delay: polynomials interpolated in time between the estimates."""
    times = np.array([estimate.time_s for estimate in estimates])
    coefficients = np.array([estimate.used for estimate in estimates])
    t0_s = estimates[0].t0_s

    def model(time_s: float, delays_s: Array) -> Array:
        row = np.array([np.interp(time_s, times, column) for column in coefficients.T])
        return np.asarray(np.polynomial.polynomial.polyval(delays_s - t0_s, row))

    return model


def _geometry(orbit: Orbit, attitude: Attitude, time_s: float, delays: Array) -> Array:
    axes = attitude.body_axes(time_s - orbit.seconds(attitude.epoch))
    return doppler_centroid_hz(orbit, axes, time_s, 0.5 * SPEED_OF_LIGHT_M_S * delays)


def _correlate(
    grid: RawGrid, source: LineSource, replica: NDArray[np.complex64], first: int, last: int
) -> tuple[Array, Array]:
    """Lag-one frequencies in (-PRF / 2, PRF / 2] and coherences of the range blocks, each (FINE_ESTIMATES,)."""
    bins = scipy.fft.next_fast_len(grid.samples, real=False)
    matched = np.conj(scipy.fft.fft(replica, bins)).astype(np.complex64)
    used = grid.samples - replica.size
    edges = np.linspace(0, used, FINE_ESTIMATES + 1).astype(np.int64)
    product = np.zeros(FINE_ESTIMATES, np.complex128)
    power = np.zeros(FINE_ESTIMATES)
    pair = np.zeros((2, bins), np.complex64)
    for line in range(first, max(last - 1, first + 1), _PAIR_STEP):
        pair[...] = 0.0
        source(line, pair[: min(2, grid.lines - line), : grid.samples])
        compressed = scipy.fft.ifft(scipy.fft.fft(pair, axis=1) * matched, axis=1)[:, :used]
        product += np.add.reduceat(compressed[1] * np.conj(compressed[0]), edges[:-1])
        power += np.add.reduceat(0.5 * np.sum(np.abs(compressed) ** 2, axis=0), edges[:-1])
    frequency = np.angle(product) / (2.0 * math.pi * grid.pri_s)
    return frequency, np.abs(product) / np.maximum(power, np.finfo(np.float64).tiny)


def _combine(
    grid: RawGrid, span_s: tuple[float, float], delays: Array, geometry: Array, measured: tuple[Array, Array] | None
) -> DopplerEstimate:
    """Polynomials of the geometry and of the data, the latter by way of their difference."""
    t0 = grid.first_delay_s
    offset = delays - t0
    predicted = _polynomial(offset, geometry, None)
    fine, data, rms, known = geometry, predicted, math.nan, False
    if measured is not None:
        frequency, coherence = measured
        prf = 1.0 / grid.pri_s
        difference = frequency - geometry
        middle = float(np.angle(np.sum(coherence * np.exp(2j * np.pi * difference / prf)))) * prf / (2.0 * math.pi)
        difference = middle + np.mod(difference - middle + 0.5 * prf, prf) - 0.5 * prf
        good = coherence > _MIN_COHERENCE
        known = bool(np.count_nonzero(good) >= _MIN_BLOCKS)
        fine = np.where(good, geometry + difference, geometry)
        if known:
            fit = _polynomial(offset[good], difference[good], coherence[good])
            data = predicted + fit
            rms = float(np.sqrt(np.mean((np.polynomial.polynomial.polyval(offset[good], fit) - difference[good]) ** 2)))
    return DopplerEstimate(
        start_s=span_s[0],
        stop_s=span_s[1],
        t0_s=t0,
        geometry=tuple(predicted.tolist()),
        data=tuple(data.tolist()),
        fine_delay_s=tuple(delays.tolist()),
        fine_hz=tuple(fine.tolist()),
        rms_hz=rms,
        measured=known,
    )


def _polynomial(offset_s: Array, values: Array, weights: Array | None) -> Array:
    scale = 1e-4
    fit = np.polynomial.polynomial.polyfit(offset_s / scale, values, _DEGREE, w=weights)
    return np.asarray(fit / scale ** np.arange(_DEGREE + 1))
