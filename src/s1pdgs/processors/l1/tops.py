"""TOPS focusing: one burst of IW or EW from raw lines to beta nought on a grid that all bursts and swaths share.

A scaled-transform chain: unfold the Doppler spectrum of the steered beam, compress in range and correct the
migration as for StripMap, compress in azimuth, unfold time. The scaled transforms there run between grids of our own
choice, so they are made plain FFTs: with chirps taken off, the spectrum at Doppler f is a signal at time f / k_s, and
the image at time t a spectrum at k_t t. The lengths M3 : M2 of the first pair set the spacing of Doppler bins, and
those of the second, N2 : N4, are chosen such that lines fall on the azimuth grid for a k_t within 2e-4 of the true one
(any k_t near it is exact: it only places the aperture in the window). Symbols are those of `tops_plan`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus_plan import LineSource
from s1pdgs.processors.l1.kernels import as_floats, couple_range_azimuth
from s1pdgs.processors.l1.scratch import Scratch
from s1pdgs.processors.l1.tops_factors import (
    DopplerFactors,
    RangeFactors,
    TimeFactors,
    amplitude_gain,
    range_filter,
    spans,
)
from s1pdgs.processors.l1.tops_kernels import TABLE, match_rows, put_columns, regroup, take_columns
from s1pdgs.processors.l1.tops_plan import BurstPlan
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

_ROWS = 16
_NOISE_STEPS = 2000


def focus_burst(plan: BurstPlan, source: LineSource, scratch: Scratch | None = None) -> Spectrum:
    """Read and focus a burst: complex64 (lines, samples) of its image grid, in beta nought amplitude.

    Peak memory is about twice that of the raw burst. A `scratch` that is given for one burst after the other saves the
    making of this memory; the image lies in it, and the next burst overwrites it.
    """
    scratch = Scratch() if scratch is None else scratch
    raw = scratch.take("burst", plan.burst.raw.lines, plan.burst.raw.samples)
    source(0, raw)
    with ThreadPoolExecutor(plan.parameters.threads) as pool:
        spectrum = unfold_doppler(plan, raw, pool, scratch)
        del raw
        compress(plan, spectrum, pool, scratch)
        return unfold_time(plan, spectrum, pool, scratch)


def noise_gain(plan: BurstPlan) -> tuple[Array, Array]:
    """E|z|^2 of the image over E|z|^2 of white raw data: by sample (samples,), and its factor by line (lines,).

    The factor by line is the shape that descalloping gives the noise; 1 where the beam is not steered.
    """
    (_, across), (_, along) = noise_spectra(plan)
    element = plan.parameters.element_pattern(float(plan.burst_rate_hz_s.mean()) * plan.line_offsets_s)
    return float(across.mean()) * float(along.sum()) * amplitude_gain(plan) ** 2, np.asarray(element**-2.0)


def noise_spectra(plan: BurstPlan) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The power that range and azimuth filters give white noise: frequencies and powers of both.

    Range frequencies of the transform; Doppler offsets from the centre of the aperture, with the share of each step.
    """
    parameters, raw = plan.parameters, plan.burst.raw
    frequency = np.asarray(scipy.fft.fftfreq(plan.range_bins[0], 1.0 / raw.sampling_hz), np.float64)
    across = np.asarray(np.abs(range_filter(plan)) ** 2, np.float64)
    shrink = plan.steering_hz_s / float(plan.burst_rate_hz_s.mean())
    half = 0.5 * parameters.azimuth_window.bandwidth_hz
    offset = (np.arange(_NOISE_STEPS, dtype=np.float64) + 0.5) * (2.0 * half / _NOISE_STEPS) - half
    weight = parameters.azimuth_window(offset) / parameters.azimuth_pattern(offset * shrink)
    return (frequency, across), (offset, weight**2 * (2.0 * half / _NOISE_STEPS * raw.pri_s))


def _share(pool: ThreadPoolExecutor, work: Callable[[int, int], None], samples: int) -> None:
    list(pool.map(lambda span: work(*span), spans(samples)))


def unfold_doppler(plan: BurstPlan, raw: Spectrum, pool: ThreadPoolExecutor, scratch: Scratch) -> Spectrum:
    """Spectra in absolute Doppler of the raw samples: complex64 (rows, samples), the chirp f^2 / k_s still on them."""
    grid, (forward, backward) = plan.burst.raw, plan.bins
    factors = DopplerFactors.of(plan)
    scale = np.full(plan.rows, factors.scale, np.complex64)
    columns = _row_length(max(grid.samples, plan.image.samples))
    unfolded = scratch.take("spectrum", plan.rows, columns)

    def unfold(start: int, stop: int) -> None:
        lines = scratch.take("lines", stop - start, forward)
        take_columns(raw, start, factors.deramp, 0, lines)
        lines = scipy.fft.fft(lines, axis=1, overwrite_x=True)
        first = factors.first_bin(start, stop)
        wide = scratch.take("wide", stop - start, backward)
        regroup(lines, factors.dispersion_from(first), first, wide, first)
        wide = scipy.fft.ifft(wide, axis=1, overwrite_x=True)
        put_columns(wide, scale, -(plan.rows // 2), unfolded, start)

    _share(pool, unfold, grid.samples)
    return unfolded


def _row_length(columns: int) -> int:
    """At least so many: rows start 64 octets off multiples of a page, so that columns do not share cache sets."""
    return (-(-columns * 8 // 4096) * 4096 + 64) // 8


def compress(plan: BurstPlan, spectrum: Spectrum, pool: ThreadPoolExecutor, scratch: Scratch) -> None:
    """Range compression, migration on the common grid and the azimuth filter, in place."""
    raw, image, (bins, wide_bins) = plan.burst.raw, plan.image, plan.range_bins
    factors = RangeFactors.of(plan)
    compression, occupied = factors.compression.view(np.float32), factors.occupied
    step, delay, coupling = factors.step_hz, factors.delay_s, factors.coupling
    doppler = plan.base_hz + plan.offsets_hz

    def compress_rows(start: int) -> None:
        part = doppler[start : start + _ROWS]
        rows = scratch.take("rows", len(part), bins)
        rows[:, : raw.samples], rows[:, raw.samples :] = spectrum[start : start + _ROWS, : raw.samples], 0.0
        rows = scipy.fft.fft(rows, axis=1, overwrite_x=True)
        couple_range_azimuth(as_floats(rows), part, compression, step, occupied, RADAR_FREQUENCY_HZ, delay, coupling)
        if wide_bins != bins:
            wide = scratch.take("wide", len(part), wide_bins)
            wide[:, :occupied], wide[:, -occupied:] = rows[:, :occupied], rows[:, -occupied:]
            wide[:, occupied:-occupied] = 0.0
            rows = wide
        rows = scipy.fft.ifft(rows, axis=1, overwrite_x=True)
        out = spectrum[start : start + len(rows), : image.samples]
        match_rows(as_floats(rows), part, factors.geometry, factors.reference, factors.gain, TABLE, as_floats(out))

    list(pool.map(compress_rows, range(0, plan.rows, _ROWS)))


def unfold_time(plan: BurstPlan, spectrum: Spectrum, pool: ThreadPoolExecutor, scratch: Scratch) -> Spectrum:
    """Window the apertures, weigh the antenna off and bring every column to its lines, where the raw burst lay."""
    image, factors = plan.image, TimeFactors.of(plan)
    lines = scratch.take("burst", image.lines, image.samples)

    def unfold(start: int, stop: int) -> None:
        span = factors.span(start, stop)
        block = scratch.take("block", stop - start, span.lengths[0])
        take_columns(spectrum, start, span.matched, -(plan.rows // 2), block)
        block = scipy.fft.ifft(block, axis=1, overwrite_x=True)
        narrow = scratch.take("narrow", stop - start, span.lengths[1])
        half = span.window.size // 2
        regroup(block, span.window, -half, narrow, -half)
        narrow = scipy.fft.fft(narrow, axis=1, overwrite_x=True)
        put_columns(narrow, span.reramp, plan.first_line - plan.centre_line, lines, start)

    _share(pool, unfold, image.samples)
    return lines
