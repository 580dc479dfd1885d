"""Compiled inner loops of StripMap focusing.

Complex data enter as float32 views of shape (rows, 2 n) with real and imaginary parts interleaved, so that the filters
vectorise; phases are evaluated in float64 once per run of `RUN` samples and extended within it in float32.
All loops release the GIL: callers spread rows over threads.
"""

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

RUN = 64
TAPS = 8
FRACTIONS = 512


def interpolation_table() -> NDArray[np.float32]:
    """Windowed sinc kernels, shape (FRACTIONS + 1, TAPS): row q interpolates q / FRACTIONS after tap TAPS / 2 - 1."""
    fraction = np.arange(FRACTIONS + 1)[:, None] / FRACTIONS
    offset = np.arange(TAPS)[None, :] - (TAPS // 2 - 1) - fraction
    inside = np.clip(1.0 - (offset / (TAPS / 2)) ** 2, 0.0, 1.0)
    kernel = np.sinc(offset) * np.i0(3.0 * np.sqrt(inside)) / np.i0(3.0)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), dtype=np.float32)


@numba.njit(cache=True, nogil=True, fastmath=True)
def couple_range_azimuth(  # noqa: PLR0917 - numba takes positions only
    rows: NDArray[np.float32],
    doppler_hz: NDArray[np.float64],
    range_filter: NDArray[np.float32],
    frequency_step_hz: float,
    occupied: int,
    carrier_hz: float,
    delay_s: float,
    coupling: float,
) -> None:  # pragma: no cover - compiled
    """Compress in range and remove the range migration and coupling of one reference range, in place.

    `rows`: spectra over range, float32 (n, 2 bins) in FFT order, one row per azimuth frequency `doppler_hz`;
    `range_filter`: complex compression filter, float32 (2 bins,). Bins from `occupied` on both sides are zeroed.
    `delay_s` is 2 R / c of the reference range, `coupling` c / (2 V_r). The phase is that of the two-dimensional
    spectrum, 2 pi delay (sqrt((f0 + f)^2 - (c fa / 2 V_r)^2) - f0 D - f) (Cumming and Wong, equation 5.24).
    """
    bins = rows.shape[1] // 2
    table = np.empty(2 * RUN, np.float32)
    for row in range(rows.shape[0]):
        squint = (coupling * doppler_hz[row]) ** 2
        centre = math.sqrt(carrier_hz * carrier_hz - squint)
        slope = 2.0 * math.pi * delay_s * frequency_step_hz * (carrier_hz / centre - 1.0)
        for k in range(RUN):
            table[2 * k] = math.cos(slope * (k - RUN // 2))
            table[2 * k + 1] = math.sin(slope * (k - RUN // 2))
        for side in range(2):
            first = 0 if side == 0 else bins - occupied
            for start in range(first, first + occupied, RUN):
                stop = min(start + RUN, first + occupied)
                middle = start + RUN // 2
                offset = (middle if side == 0 else middle - bins) * frequency_step_hz
                shifted = carrier_hz + offset
                cycles = delay_s * (math.sqrt(shifted * shifted - squint) - centre - offset)
                phase = 2.0 * math.pi * (cycles - math.floor(cycles))
                re, im = np.float32(math.cos(phase)), np.float32(math.sin(phase))
                for k in range(stop - start):
                    j = 2 * (start + k)
                    pr = re * table[2 * k] - im * table[2 * k + 1]
                    pi = re * table[2 * k + 1] + im * table[2 * k]
                    hr = pr * range_filter[j] - pi * range_filter[j + 1]
                    hi = pr * range_filter[j + 1] + pi * range_filter[j]
                    xr, xi = rows[row, j], rows[row, j + 1]
                    rows[row, j] = xr * hr - xi * hi
                    rows[row, j + 1] = xr * hi + xi * hr
        for j in range(2 * occupied, 2 * (bins - occupied)):
            rows[row, j] = np.float32(0.0)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _interpolate(
    row: NDArray[np.float32], left: int, taps: NDArray[np.float32], out: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Filter a run of a row whose first tap lies on bin `left`; beyond its ends the row repeats itself."""
    bins = row.size // 2
    if left >= 0 and left + out.size // 2 + TAPS <= bins:
        for j in range(out.size):
            total = np.float32(0.0)
            for t in range(TAPS):
                total += taps[t] * row[2 * (left + t) + j]
            out[j] = total
        return
    for j in range(out.size):
        total = np.float32(0.0)
        for t in range(TAPS):
            total += taps[t] * row[2 * ((left + t + j // 2) % bins) + j % 2]
        out[j] = total


@numba.njit(cache=True, nogil=True, fastmath=True)
def compress_azimuth(  # noqa: PLR0917 - numba takes positions only
    rows: NDArray[np.float32],
    doppler_hz: NDArray[np.float64],
    geometry: NDArray[np.float64],
    reference: tuple[float, float, float, float, float],
    weight: NDArray[np.float64],
    weight_grid: tuple[float, float],
    gain: NDArray[np.float32],
    kernel: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Correct the residual range migration and apply the azimuth matched filter, in place.

    `rows`: range-Doppler data, float32 (n, 2 bins); the first `samples` bins are replaced by the filtered samples and
    the rest is left as it was. `geometry`: (4, samples): slant range, V_r, Doppler centroid, time shift (s) of each
    sample. `reference`: range, V_r (of the bulk correction), range spacing, wavelength, shift between input and
    output samples. `weight` tabulates the spectral window over (Doppler - centroid) from weight_grid[0] in steps of
    weight_grid[1], zero outside. `gain`: amplitude per output sample, float32 (samples,).
    """
    samples = geometry.shape[1]
    reference_m, reference_m_s, spacing_m, wavelength_m, lead = reference
    line = np.empty(2 * samples, np.float32)
    for row in range(rows.shape[0]):
        half = 0.5 * wavelength_m * doppler_hz[row]
        bulk = reference_m / math.sqrt(1.0 - (half / reference_m_s) ** 2) - reference_m
        for start in range(0, samples, RUN):
            stop = min(start + RUN, samples)
            middle = (start + stop) // 2
            position = (doppler_hz[row] - geometry[2, middle] - weight_grid[0]) / weight_grid[1]
            entry = int(position)
            if position < 0.0 or entry >= weight.size - 1:
                for j in range(2 * start, 2 * stop):
                    line[j] = np.float32(0.0)
                continue
            level = weight[entry] + (position - entry) * (weight[entry + 1] - weight[entry])
            contraction = math.sqrt(1.0 - (half / geometry[1, middle]) ** 2)
            shift = lead + (geometry[0, middle] * (1.0 / contraction - 1.0) - bulk) / spacing_m
            whole = math.floor(shift)
            fraction = int((shift - whole) * FRACTIONS + 0.5)
            left = start + whole - (TAPS // 2 - 1)
            first, last = start, stop - 1
            inner = math.sqrt(1.0 - (half / geometry[1, first]) ** 2)
            outer = math.sqrt(1.0 - (half / geometry[1, last]) ** 2)
            begin = 2.0 * geometry[0, first] / wavelength_m * (inner - 1.0) + doppler_hz[row] * geometry[3, first]
            end = 2.0 * geometry[0, last] / wavelength_m * (outer - 1.0) + doppler_hz[row] * geometry[3, last]
            count = stop - start
            slope = np.float32(2.0 * math.pi * (end - begin) / max(count - 1, 1))
            phase = 2.0 * math.pi * (begin - math.floor(begin)) + 0.5 * slope * (count - 1)
            re, im = np.float32(level * math.cos(phase)), np.float32(level * math.sin(phase))
            _interpolate(rows[row], left, kernel[fraction], line[2 * start : 2 * stop])
            _turn(line[2 * start : 2 * stop], slope, (re, im), gain[start:stop])
        for j in range(2 * samples):
            rows[row, j] = line[j]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _turn(
    line: NDArray[np.float32], slope: np.float32, middle: tuple[np.float32, np.float32], gain: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Multiply complex samples, float32 (2 n,), by gains and a phasor: `middle` half way, turning by `slope` a sample.

    Angles are those of half a run, for which short series do.
    """
    count = gain.size
    centre = np.float32(0.5) * np.float32(count - 1)
    for k in range(count):
        angle = slope * (np.float32(k) - centre)
        square = angle * angle
        cosine = np.float32(1.0) - square * (np.float32(0.5) - square * np.float32(1.0 / 24.0))
        sine = angle * (np.float32(1.0) - square * (np.float32(1.0 / 6.0) - square * np.float32(1.0 / 120.0)))
        pr = (middle[0] * cosine - middle[1] * sine) * gain[k]
        pi = (middle[0] * sine + middle[1] * cosine) * gain[k]
        xr, xi = line[2 * k], line[2 * k + 1]
        line[2 * k] = xr * pr - xi * pi
        line[2 * k + 1] = xr * pi + xi * pr


def as_floats(rows: NDArray[Any]) -> NDArray[np.float32]:
    """The float32 view, shape (n, 2 m), of contiguous complex64 rows of shape (n, m)."""
    return rows.view(np.float32)
