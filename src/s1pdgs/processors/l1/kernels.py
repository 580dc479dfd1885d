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

from s1pdgs.processors.l1.migration import FRACTIONS, RUN, circular_filter, shift_and_cycles, sinc_table

TAPS = 8
TABLE = sinc_table(TAPS, 3.0)
_interpolate = circular_filter(TAPS)


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
def compress_azimuth(  # noqa: PLR0917 - numba takes positions only
    rows: NDArray[np.float32],
    doppler_hz: NDArray[np.float64],
    geometry: NDArray[np.float64],
    reference: tuple[float, float, float, float, float],
    centroid_hz: NDArray[np.float64],
    weight: NDArray[np.float64],
    weight_grid: tuple[float, float],
    gain: NDArray[np.float32],
    kernel: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Correct the residual range migration and apply the azimuth matched filter, in place.

    `rows`: range-Doppler data, float32 (n, 2 bins); the first `samples` bins are replaced by the filtered samples and
    the rest is left as it was. `geometry` (3, samples) and `reference` are those of `shift_and_cycles`. `weight`
    tabulates the spectral window over (Doppler - centroid) on a grid, zero outside. `gain`: amplitude per output
    sample, float32 (samples,).
    """
    samples = geometry.shape[1]
    line = np.empty(2 * samples, np.float32)
    for row in range(rows.shape[0]):
        for start in range(0, samples, RUN):
            stop = min(start + RUN, samples)
            middle, count = (start + stop) // 2, stop - start
            level = _level(weight, weight_grid, doppler_hz[row] - centroid_hz[middle])
            part = line[2 * start : 2 * stop]
            if level == 0.0:
                part[:] = np.float32(0.0)
                continue
            shift, _ = shift_and_cycles(geometry[:, middle], doppler_hz[row], reference)
            _, begin = shift_and_cycles(geometry[:, start], doppler_hz[row], reference)
            _, end = shift_and_cycles(geometry[:, stop - 1], doppler_hz[row], reference)
            whole = math.floor(shift)
            _interpolate(
                rows[row], start + whole - (TAPS // 2 - 1), kernel[int((shift - whole) * FRACTIONS + 0.5)], part
            )
            slope = np.float32(2.0 * math.pi * (end - begin) / max(count - 1, 1))
            phase = 2.0 * math.pi * (begin - math.floor(begin)) + 0.5 * slope * (count - 1)
            _turn(
                part,
                slope,
                (np.float32(level * math.cos(phase)), np.float32(level * math.sin(phase))),
                gain[start:stop],
            )
        rows[row, : 2 * samples] = line


@numba.njit(cache=True, nogil=True, fastmath=True)
def _level(
    table: NDArray[np.float64], grid: tuple[float, float], offset_hz: float
) -> float:  # pragma: no cover - compiled
    """A table of values from grid[0] in steps of grid[1], interpolated; zero outside."""
    position = (offset_hz - grid[0]) / grid[1]
    entry = int(position)
    if position < 0.0 or entry >= table.size - 1:
        return 0.0
    return float(table[entry] + (position - entry) * (table[entry + 1] - table[entry]))


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
