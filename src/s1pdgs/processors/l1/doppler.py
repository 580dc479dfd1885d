"""The Doppler centroid: predicted by the attitude, measured in the data, and as focusing uses it (DAD, section 5)."""

import math
from itertools import pairwise

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.pp1 import ProductParameters
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.focus_factors import absolute_doppler
from s1pdgs.processors.l1.focus_plan import LineSource
from s1pdgs.processors.l1.geometry import DopplerModel, RangeModel, RawGrid, range_model
from s1pdgs.processors.l1.tops_plan import Burst
from s1pdgs.sar.attitude import Attitude, doppler_centroid_hz
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit

Array = NDArray[np.float64]
Polynomial = tuple[float, ...]

DATA, GEOMETRY, PREDEFINED = "Data Analysis", "Orbit and Attitude", "Pre-defined"
FINE_ESTIMATES = 20
INTERVAL_S = 3.0
_COLUMNS = 32
_CHUNK_LINES = 256
_BURST_LINES, _BURST_STRIDE, _BURST_COLUMNS = 64, 128, 96
"""Lines of a burst that are read at a time, and from one time to the next: half of them tell enough."""
_MIN_LINES = 400
_MIN_COHERENCE = 0.1
_MIN_BLOCKS = 8
_DEGREE = 2


@frozen
class CentroidPolicy:
    """Which centroid focusing takes (`dcMethod` of AUX_PP1): `DATA` where they scatter by no more than `limit_hz` about
    their polynomial, else `GEOMETRY`; or `PREDEFINED`, a polynomial in (two-way delay - first delay of the swath), Hz.
    """

    method: str = DATA
    limit_hz: float = 20.0
    predefined: Polynomial = ()

    @classmethod
    def of(cls, product: ProductParameters) -> "CentroidPolicy":
        """What AUX_PP1 says of a product. Raises `ProcessingError` for what cannot be followed."""
        found, methods = product.doppler, (DATA, GEOMETRY, PREDEFINED)
        if found is None:
            return cls()
        if found.method not in methods:
            raise ProcessingError(
                f"AUX_PP1 {product.product_id}: dcMethod {found.method!r} is not known; one of {', '.join(methods)} is "
                "wanted"
            )
        if found.method == PREDEFINED and not found.predefined:
            raise ProcessingError(
                f"AUX_PP1 {product.product_id}: dcMethod {PREDEFINED} wants dcPredefinedCoefficients, which are none"
            )
        return cls(found.method, found.rms_threshold_hz, found.predefined)


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
    policy: CentroidPolicy = CentroidPolicy()

    @property
    def time_s(self) -> float:
        return 0.5 * (self.start_s + self.stop_s)

    @property
    def used(self) -> Polynomial:
        """The polynomial that focusing uses."""
        return {DATA: self.data, GEOMETRY: self.geometry, PREDEFINED: self.policy.predefined}[self.method]

    @property
    def method(self) -> str:
        """What that rests on: as the policy says, but on the geometry where data are not to be trusted."""
        return GEOMETRY if self.policy.method == DATA and not self.reliable else self.policy.method

    @property
    def reliable(self) -> bool:
        """Whether the data are to be trusted."""
        return self.measured and self.rms_hz <= self.policy.limit_hz


def estimate_doppler(
    grid: RawGrid,
    orbit: Orbit,
    attitude: Attitude,
    source: LineSource | None = None,
    pulse_samples: int = 0,
) -> list[DopplerEstimate]:
    """Estimates about every `INTERVAL_S`, each over all lines of its interval.

    Without a source, where an interval is shorter than two apertures, or where the data do not agree with a smooth
    centroid, the geometry stands alone. The ambiguity is always that of the geometry.
    """
    duration_s = grid.lines * grid.pri_s
    count = max(round(duration_s / INTERVAL_S), 1)
    edges = np.linspace(0, grid.lines, count + 1).astype(np.int64)
    delays = _block_delays(grid, pulse_samples)
    estimates = []
    for first, last in pairwise(edges.tolist()):
        start, stop = _span(grid, delays, first, last)
        middle_s = 0.5 * (start + stop)
        geometry = _geometry(orbit, attitude, middle_s, delays)
        measured = None
        if source is not None:
            model = range_model(orbit, middle_s, 0.5 * SPEED_OF_LIGHT_M_S * delays)
            columns = _read_columns(grid, source, delays + 0.5 * pulse_samples / grid.sampling_hz, (first, last))
            measured = _correlate(grid, columns, model, geometry)
        estimates.append(_combine(grid, (start, stop), delays, geometry, measured))
    return estimates


def estimate_burst_doppler(
    burst: Burst,
    orbit: Orbit,
    attitude: Attitude,
    source: LineSource,
    *,
    pulse_samples: int,
    steering_rad_s: float,
) -> DopplerEstimate:
    """The estimate of one TOPS burst: that of the echoes once the turning of the beam is taken off them.

    Falls back to the geometry as `estimate_doppler` does, which also gives the ambiguity.
    """
    grid = burst.raw
    delays = _block_delays(grid, pulse_samples)
    start, stop = _span(grid, delays, 0, grid.lines)
    middle_s = 0.5 * (start + stop)
    steering = 2.0 * float(np.linalg.norm(orbit.velocity(middle_s))) * steering_rad_s / WAVELENGTH_M
    measured = _correlate_burst(burst, source, delays, pulse_samples, steering_hz_s=steering)
    return _combine(grid, (start, stop), delays, _geometry(orbit, attitude, middle_s, delays), measured)


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


def _block_delays(grid: RawGrid, pulse_samples: int) -> Array:
    """The middles of the range blocks."""
    block_s = (grid.samples - pulse_samples) / (FINE_ESTIMATES * grid.sampling_hz)
    return np.asarray(grid.first_delay_s + (np.arange(FINE_ESTIMATES, dtype=np.float64) + 0.5) * block_s)


def _span(grid: RawGrid, delays: Array, first: int, last: int) -> tuple[float, float]:
    """Zero-Doppler times of lines at mid range."""
    start, stop = (grid.first_transmit_s + line * grid.pri_s + 0.5 * float(delays.mean()) for line in (first, last))
    return start, stop


def _samples_around(grid: RawGrid, delays: Array, columns: int) -> NDArray[np.int64]:
    """Samples (blocks, columns) around delays."""
    centres = np.rint((delays - grid.first_delay_s) * grid.sampling_hz).astype(np.int64)
    firsts = np.clip(centres - columns // 2, 0, grid.samples - columns)
    return np.asarray(firsts[:, None] + np.arange(columns))


def _read_columns(grid: RawGrid, source: LineSource, delays: Array, span: tuple[int, int]) -> NDArray[np.complex64]:
    """Some raw samples around each delay of all lines of a span: complex64 (lines, blocks, _COLUMNS)."""
    samples = _samples_around(grid, delays, _COLUMNS)
    columns = np.empty((span[1] - span[0], *samples.shape), np.complex64)
    lines = np.empty((_CHUNK_LINES, grid.samples), np.complex64)
    for start in range(0, columns.shape[0], _CHUNK_LINES):
        part = lines[: min(_CHUNK_LINES, columns.shape[0] - start)]
        source(span[0] + start, part)
        columns[start : start + len(part)] = part[:, samples]
    return columns


def _correlate(
    grid: RawGrid, columns: NDArray[np.complex64], model: RangeModel, geometry: Array
) -> tuple[Array, Array] | None:
    """Lag-one frequencies in (-PRF / 2, PRF / 2] and coherences of the range blocks, each (blocks,).

    The columns are compressed in azimuth over the whole PRF first, and only lines whose aperture lies in the interval
    count: in the raw lines, bright ground beyond either end would be seen ahead or behind only and pull the centroid.
    Focusing may be coarse for that (one FM rate per block, no range compression, no migration). None where the
    interval is too short.
    """
    lines = columns.shape[0]
    prf = 1.0 / grid.pri_s
    bins = scipy.fft.next_fast_len(lines, real=False)
    frequency = np.zeros(geometry.size)
    coherence = np.zeros(geometry.size)
    for block in range(geometry.size):
        doppler = absolute_doppler(bins, grid.pri_s, float(geometry[block]))
        rate = float(model.fm_rate_hz_s[block])
        lead = max(math.ceil((0.5 * prf + geometry[block]) / -rate * prf), 0)
        trail = max(math.ceil((0.5 * prf - geometry[block]) / -rate * prf), 0)
        if lines - lead - trail < _MIN_LINES:
            return None
        wavelength = WAVELENGTH_M / (2.0 * float(model.effective_m_s[block]))
        contraction = np.sqrt(1.0 - (wavelength * doppler) ** 2) - 1.0
        cycles = 2.0 * float(model.ranges_m[block]) / WAVELENGTH_M * contraction
        matched = np.exp(2j * np.pi * (cycles - np.rint(cycles))).astype(np.complex64)
        focused = scipy.fft.ifft(scipy.fft.fft(columns[:, block], bins, axis=0) * matched[:, None], axis=0)
        used = focused[lead : lines - trail]
        product = complex(np.sum(used[1:] * np.conj(used[:-1]), dtype=np.complex128))
        power = float(np.sum(np.abs(used) ** 2, dtype=np.float64))
        frequency[block] = np.angle(product) * prf / (2.0 * math.pi)
        coherence[block] = abs(product) / power if power else 0.0
    return frequency, coherence


def _correlate_burst(
    burst: Burst, source: LineSource, delays: Array, pulse_samples: int, *, steering_hz_s: float
) -> tuple[Array, Array]:
    """As `_correlate`, of raw echoes; every piece of ground passes the whole beam, so nothing is compressed first."""
    grid = burst.raw
    columns = min(_BURST_COLUMNS, grid.samples)
    samples = _samples_around(grid, delays + 0.5 * pulse_samples / grid.sampling_hz, columns)
    product, power = np.zeros(delays.size, np.complex128), np.zeros(delays.size)
    lines = np.empty((_BURST_LINES, grid.samples), np.complex64)
    for first in range(0, grid.lines - _BURST_LINES + 1, _BURST_STRIDE):
        source(first, lines)
        echoes = lines[:, samples]
        transmit = grid.first_transmit_s + (first + np.arange(_BURST_LINES)) * grid.pri_s
        seen = transmit[:, None] + 0.5 * delays - burst.steering_zero_s
        turning = np.exp(-2j * np.pi * steering_hz_s * grid.pri_s * 0.5 * (seen[1:] + seen[:-1]))
        product += np.sum(np.sum(echoes[1:] * np.conj(echoes[:-1]), axis=2) * turning, axis=0)
        power += np.sum(np.abs(echoes[1:]) ** 2 + np.abs(echoes[:-1]) ** 2, axis=(0, 2), dtype=np.float64) / 2.0
    coherence = np.divide(np.abs(product), power, out=np.zeros_like(power), where=power > 0.0)
    return np.angle(product) / (2.0 * math.pi * grid.pri_s), coherence


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
