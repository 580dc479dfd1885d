"""TOPS focusing: one burst of IW or EW from raw lines to beta nought on a grid that all bursts and swaths share.

A scaled-transform chain: unfold the Doppler spectrum of the steered beam, compress in range and correct the
migration as for StripMap, compress in azimuth, unfold time. The scaled transforms there run between grids of our own
choice, so they are made plain FFTs: with chirps taken off, the spectrum at Doppler f is a signal at time f / k_s, and
the image at time t a spectrum at k_t t. The lengths M3 : M2 of the first pair set the spacing of Doppler bins, and
those of the second, N2 : N4, are chosen such that lines fall on the azimuth grid for a k_t within 2e-4 of the true one
(any k_t near it is exact: it only places the aperture in the window). Symbols are those of `tops_plan`.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus import LineSource
from s1pdgs.processors.l1.kernels import as_floats, couple_range_azimuth
from s1pdgs.processors.l1.tops_history import HistoryResidual, history_residual
from s1pdgs.processors.l1.tops_kernels import interpolation_table, match_rows, put_columns, regroup, take_columns
from s1pdgs.processors.l1.tops_plan import BurstPlan, time_lengths
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S, WAVELENGTH_M

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

_COLUMNS = 128
_ROWS = 32
_CLAMP = 0.05
_NOISE_STEPS = 2000


def focus_burst(plan: BurstPlan, source: LineSource) -> Spectrum:
    """Read and focus a burst: complex64 (lines, samples) of its image grid, in beta nought amplitude.

    Peak memory is about twice that of the raw burst.
    """
    raw = np.zeros((plan.burst.raw.lines, plan.burst.raw.samples), np.complex64)
    source(0, raw)
    with ThreadPoolExecutor(plan.parameters.threads) as pool:
        spectrum = unfold_doppler(plan, raw, pool)
        del raw
        compress(plan, spectrum, pool)
        return unfold_time(plan, spectrum, pool)


def noise_gain(plan: BurstPlan) -> tuple[Array, Array]:
    """E|z|^2 of the image over E|z|^2 of white raw data: by sample (samples,), and its factor by line (lines,).

    The factor by line is the shape that descalloping gives the noise; 1 where the beam is not steered.
    """
    (_, across), (_, along) = noise_spectra(plan)
    element = plan.parameters.element_pattern(float(plan.burst_rate_hz_s.mean()) * plan.line_offsets_s)
    return float(across.mean()) * float(along.sum()) * _gain(plan) ** 2, np.asarray(element**-2.0)


def noise_spectra(plan: BurstPlan) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The power that range and azimuth filters give white noise: frequencies and powers of both.

    Range frequencies of the transform; Doppler offsets from the centre of the aperture, with the share of each step.
    """
    parameters, raw = plan.parameters, plan.burst.raw
    frequency = np.asarray(scipy.fft.fftfreq(plan.range_bins[0], 1.0 / raw.sampling_hz), np.float64)
    across = np.asarray(np.abs(_range_filter(plan)) ** 2, np.float64)
    shrink = plan.steering_hz_s / float(plan.burst_rate_hz_s.mean())
    half = 0.5 * parameters.azimuth_window.bandwidth_hz
    offset = (np.arange(_NOISE_STEPS, dtype=np.float64) + 0.5) * (2.0 * half / _NOISE_STEPS) - half
    weight = parameters.azimuth_window(offset) / parameters.azimuth_pattern(offset * shrink)
    return (frequency, across), (offset, weight**2 * (2.0 * half / _NOISE_STEPS * raw.pri_s))


def _spans(samples: int) -> list[tuple[int, int]]:
    return [(start, min(start + _COLUMNS, samples)) for start in range(0, samples, _COLUMNS)]


def _share(pool: ThreadPoolExecutor, work: Callable[[int, int], None], samples: int) -> None:
    list(pool.map(lambda span: work(*span), _spans(samples)))


def unfold_doppler(plan: BurstPlan, raw: Spectrum, pool: ThreadPoolExecutor) -> Spectrum:
    """Spectra in absolute Doppler of the raw samples: complex64 (rows, samples), the chirp f^2 / k_s still on them."""
    grid, steering, parameters = plan.burst.raw, plan.steering_hz_s, plan.parameters
    forward, backward = plan.bins
    time = grid.first_transmit_s + np.arange(grid.lines) * grid.pri_s - _transmit_origin_s(plan)
    deramp = _phasor(-0.5 * steering * time**2 - plan.base_hz * time)
    step = 1.0 / (forward * grid.pri_s)
    index = np.arange(-forward, forward + 1)
    dispersion = _phasor(-0.5 * (index * step) ** 2 / steering - index * step * time[0])
    scale = np.full(plan.rows, backward / forward / math.sqrt(steering), np.complex64)
    delays = grid.first_delay_s + np.arange(grid.samples) / grid.sampling_hz
    spread = parameters.doppler(plan.burst.steering_zero_s, delays) - plan.base_hz
    spread = spread + 0.5 * steering * (delays - _middle_delay_s(plan))
    width = max(grid.samples, plan.image.samples)
    unfolded = _padded(plan.rows, width)

    def unfold(start: int, stop: int) -> None:
        lines = np.empty((stop - start, forward), np.complex64)
        take_columns(raw, start, deramp, 0, lines)
        lines = scipy.fft.fft(lines, axis=1, overwrite_x=True)
        first = round(float(spread[start:stop].mean()) / step) - forward // 2
        wide = np.empty((stop - start, backward), np.complex64)
        regroup(lines, dispersion[first + forward : first + 2 * forward], first, wide)
        wide = scipy.fft.ifft(wide, axis=1, overwrite_x=True)
        put_columns(wide, scale, -(plan.rows // 2), unfolded, start)

    _share(pool, unfold, grid.samples)
    return unfolded


def _transmit_origin_s(plan: BurstPlan) -> float:
    """When the pulse left whose echo from mid range saw the beam unsteered."""
    return plan.burst.steering_zero_s - 0.5 * _middle_delay_s(plan)


def _middle_delay_s(plan: BurstPlan) -> float:
    return plan.image.first_delay_s + 0.5 * plan.image.samples / plan.image.sampling_hz


def _padded(rows: int, columns: int) -> Spectrum:
    """Rows that start 64 octets off multiples of a page, so that columns do not share cache sets."""
    stride = -(-columns * 8 // 4096) * 4096 + 64
    return np.empty((rows, stride // 8), np.complex64)


def _range_filter(plan: BurstPlan) -> Spectrum:
    """The inverse of the pulse's spectrum in the processing bandwidth, windowed, and the shift to the common grid."""
    parameters, raw, image = plan.parameters, plan.burst.raw, plan.image
    bins = plan.range_bins[0]
    spectrum = scipy.fft.fft(parameters.replica.astype(np.complex128), bins)
    power = np.abs(spectrum) ** 2
    frequency = scipy.fft.fftfreq(bins, 1.0 / raw.sampling_hz)
    inverse = np.conj(spectrum) / np.maximum(power, _CLAMP * np.median(power[power > 0.1 * power.max()]))
    lead = (image.first_delay_s - raw.first_delay_s) * image.sampling_hz
    shift = (lead - math.floor(lead)) / image.sampling_hz
    # the azimuth integral gives - pi / 4, unfolding Doppler and time + pi / 4 and - pi / 4
    phase = np.exp(2j * np.pi * frequency * shift + 0.25j * np.pi)
    return np.asarray(inverse * parameters.range_window(frequency) * phase, np.complex64)


def compress(plan: BurstPlan, spectrum: Spectrum, pool: ThreadPoolExecutor) -> None:
    """Range compression, migration on the common grid and the azimuth filter, in place."""
    raw, image, model = plan.burst.raw, plan.image, plan.model
    bins, wide_bins = plan.range_bins
    half = 0.5 * plan.parameters.range_window.bandwidth_hz
    occupied = min(math.floor(half / raw.sampling_hz * bins) + 1, bins // 2)
    middle = image.samples // 2
    slant, speed = float(model.ranges_m[middle]), float(model.effective_m_s[middle])
    delay, coupling = 2.0 * slant / SPEED_OF_LIGHT_M_S, SPEED_OF_LIGHT_M_S / (2.0 * speed)
    shift_s = plan.centre_s - _transmit_origin_s(plan) - 0.5 * image.delays_s
    geometry = np.stack([model.ranges_m, model.effective_m_s, shift_s])
    lead = math.floor((image.first_delay_s - raw.first_delay_s) * image.sampling_hz)
    reference = (slant, speed, image.range_spacing_m, WAVELENGTH_M, float(lead))
    gain, kernel = (_gain(plan) * (wide_bins / bins)).astype(np.float32), interpolation_table()
    range_filter, step = _range_filter(plan).view(np.float32), raw.sampling_hz / bins
    doppler = plan.base_hz + plan.offsets_hz

    def compress_rows(start: int) -> None:
        rows = scipy.fft.fft(spectrum[start : start + _ROWS, : raw.samples], bins, axis=1)
        part = doppler[start : start + len(rows)]
        couple_range_azimuth(as_floats(rows), part, range_filter, step, occupied, RADAR_FREQUENCY_HZ, delay, coupling)
        if wide_bins != bins:
            wide = np.zeros((len(rows), wide_bins), np.complex64)
            wide[:, :occupied], wide[:, -occupied:] = rows[:, :occupied], rows[:, -occupied:]
            rows = wide
        rows = scipy.fft.ifft(rows, axis=1, overwrite_x=True)
        out = spectrum[start : start + len(rows), : image.samples]
        match_rows(as_floats(rows), part, geometry, reference, gain, kernel, as_floats(out))

    list(pool.map(compress_rows, range(0, plan.rows, _ROWS)))


def _gain(plan: BurstPlan) -> Array:
    """The real factor per sample from unit-spectrum data to the amplitude of beta nought (docs/joints.md, 1)."""
    parameters, model, raw = plan.parameters, plan.model, plan.burst.raw
    spacing = SPEED_OF_LIGHT_M_S / (2.0 * raw.sampling_hz)
    energy = parameters.range_window.mean_square(raw.sampling_hz) * parameters.azimuth_window.mean_square(1.0)
    spreading = (REFERENCE_RANGE_M / model.ranges_m) ** 2
    pattern = parameters.elevation_pattern(model.time_s, model.ranges_m)
    scale = parameters.raw_gain * pattern * spreading * np.sqrt(energy * spacing * model.ground_m_s)
    return np.asarray(np.sqrt(np.abs(model.fm_rate_hz_s)) / scale)


def unfold_time(plan: BurstPlan, spectrum: Spectrum, pool: ThreadPoolExecutor) -> Spectrum:
    """Window the apertures, weigh the antenna off and bring every column to its lines."""
    image, model = plan.image, plan.model
    rates = plan.burst_rate_hz_s
    half_span = 0.5 * image.lines * image.line_interval_s + abs(image.mid_line_s - plan.centre_s)
    residual = history_residual(plan.orbit, model, rates, base_hz=plan.base_hz, half_span_s=half_span)
    centroid = plan.parameters.doppler(plan.burst.steering_zero_s, image.delays_s)
    lines = np.empty((image.lines, image.samples), np.complex64)

    def unfold(start: int, stop: int) -> None:
        middle = (start + stop) // 2
        column = _Column.of(plan, residual, rate=float(rates[middle]), index=middle, centroid=float(centroid[middle]))
        block = np.empty((stop - start, column.lengths[0]), np.complex64)
        take_columns(spectrum, start, column.matched, -(plan.rows // 2), block)
        block = scipy.fft.ifft(block, axis=1, overwrite_x=True)
        narrow = np.empty((stop - start, column.lengths[1]), np.complex64)
        regroup(block, column.window, -(column.window.size // 2), narrow)
        narrow = scipy.fft.fft(narrow, axis=1, overwrite_x=True)
        put_columns(narrow, column.reramp, plan.first_line - plan.centre_line, lines, start)

    _share(pool, unfold, image.samples)
    return lines


@frozen(eq=False)
class _Column:
    """The factors of a block of columns: over Doppler bins, over time within the aperture, over lines."""

    lengths: tuple[int, int]
    matched: Spectrum
    window: Spectrum
    reramp: Spectrum

    @classmethod
    def of(cls, plan: BurstPlan, residual: HistoryResidual, *, rate: float, index: int, centroid: float) -> "_Column":
        parameters, image, steering = plan.parameters, plan.image, plan.steering_hz_s
        step, offsets = plan.doppler_step_hz, plan.offsets_hz
        slant = float(plan.model.ranges_m[index])
        lengths = time_lengths(plan.rows, image.lines, rate * image.line_interval_s / step)
        rate = lengths[0] * step / (lengths[1] * image.line_interval_s)
        spread = centroid - plan.base_hz
        element = parameters.element_pattern(offsets - spread)
        matched = _phasor(
            0.5 * offsets**2 * (1.0 / rate - 1.0 / steering) - residual.frequency_cycles(offsets, slant)
        ) / np.asarray(element, np.float32)
        sampled = 1.0 / (lengths[0] * step)
        fm_rate = abs(float(plan.model.fm_rate_hz_s[index]))
        centre = plan.burst.steering_zero_s - plan.centre_s + plan.base_hz / fm_rate - spread / steering
        half = math.ceil((0.5 * parameters.azimuth_window.bandwidth_hz / rate + abs(centre)) / sampled)
        time = np.arange(-half, half + 1, dtype=np.float64) * sampled
        doppler = -rate * (time - centre)
        weight = parameters.azimuth_window(doppler) / parameters.azimuth_pattern(doppler * steering / rate)
        window = _phasor(0.5 * rate * time**2) * np.asarray(math.sqrt(rate) * weight, np.float32)
        at = plan.line_offsets_s
        reramp = _phasor(0.5 * rate * at**2 + plan.base_hz * at - residual.time_cycles(at, slant))
        return cls(lengths, np.asarray(matched, np.complex64), window, reramp)


def _phasor(cycles: NDArray[np.floating[Any]]) -> Spectrum:
    angle = 2.0 * np.pi * (cycles - np.rint(cycles))
    return np.asarray(np.exp(1j * angle), np.complex64)
