"""Compiled inner loops of TOPS focusing: moves between lines and columns, and the filter of range-Doppler rows.

Transforms along azimuth run over the last axis of small blocks of columns, (columns, length) in FFT order; every move
multiplies by a factor on its way, so that no separate pass over the data is needed. All loops release the GIL.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

from s1pdgs.processors.l1.migration import FRACTIONS, RUN, circular_filter, shift_and_cycles, sinc_table

TAPS = 16
TABLE = sinc_table(TAPS, 3.5)
"""For signals that fill up to 0.9 of the band."""
_interpolate = circular_filter(TAPS)
_TILE = 16
_STEP = 16

Block = NDArray[np.complex64]


@numba.njit(cache=True, nogil=True, fastmath=True)
def take_columns(  # noqa: PLR0917 - numba takes positions only
    source: Block, column: int, factor: Block, first: int, out: Block, begin: int = 0
) -> None:  # pragma: no cover - compiled
    """Fill (columns, length): out[k, (i + first) mod length] = source[(i + begin) mod its rows, column + k] factor[i].

    Zero elsewhere.
    """
    count, length, given = factor.size, out.shape[1], source.shape[0]
    start, from_row = first % length, begin % given
    for k in range(out.shape[0]):
        for gap in range(count, length):
            out[k, (start + gap) % length] = 0.0
    for tile in range(0, count, _TILE):
        stop = min(tile + _TILE, count)
        for k in range(out.shape[0]):
            for i in range(tile, stop):
                row, place = from_row + i, start + i
                if row >= given:
                    row -= given
                if place >= length:
                    place -= length
                out[k, place] = source[row, column + k] * factor[i]


@numba.njit(cache=True, nogil=True, fastmath=True)
def regroup(source: Block, factor: Block, first: int, out: Block, begin: int) -> None:  # pragma: no cover - compiled
    """Move n entries of a circular grid to one of another length, times factors (n,).

    out[k, (first + i) mod length] = source[k, (begin + i) mod its length] factor[i], zero elsewhere.
    """
    count, length, given = factor.size, out.shape[1], source.shape[1]
    read, write = begin % given, first % length
    for k in range(out.shape[0]):
        done = 0
        while done < count:
            run = min(count - done, given - read, length - write)
            for i in range(run):
                out[k, write + i] = source[k, read + i] * factor[done + i]
            done += run
            read = (read + run) % given
            write = (write + run) % length
        read, write = begin % given, first % length
        for gap in range(count, length):
            out[k, (write + gap) % length] = 0.0


@numba.njit(cache=True, nogil=True, fastmath=True)
def put_columns(
    source: Block, factor: Block, first: int, out: Block, column: int
) -> None:  # pragma: no cover - compiled
    """The way back: out[r, column + k] = source[k, (r + first) mod length] factor[r] for all rows r of the factor."""
    rows, length = factor.size, source.shape[1]
    start = first % length
    for tile in range(0, rows, _TILE):
        stop = min(tile + _TILE, rows)
        for row in range(tile, stop):
            place = start + row
            if place >= length:
                place -= length
            value = factor[row]
            for k in range(source.shape[0]):
                out[row, column + k] = source[k, place] * value


@numba.njit(cache=True, nogil=True, fastmath=True)
def match_rows(  # noqa: PLR0917 - numba takes positions only
    rows: NDArray[np.float32],
    doppler_hz: NDArray[np.float64],
    geometry: NDArray[np.float64],
    reference: tuple[float, float, float, float, float],
    gain: NDArray[np.float32],
    kernel: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Correct the residual range migration and apply the azimuth matched filter.

    `rows`: range-Doppler data, float32 (n, 2 bins), circular in range, at Doppler frequencies (n,); `out` float32
    (n, 2 samples). `geometry` (3, samples) and `reference` are those of `shift_and_cycles`. `gain`: amplitude per
    output sample. Shift and phase are exact at the ends of runs of `RUN` samples and linear in between, the shift in
    steps of `_STEP` samples.
    """
    samples = geometry.shape[1]
    phasors, line = np.empty(2 * RUN, np.float32), np.empty(2 * _STEP, np.float32)
    for row in range(rows.shape[0]):
        for start in range(0, samples, RUN):
            stop = min(start + RUN, samples)
            shift, cycles = shift_and_cycles(geometry[:, start], doppler_hz[row], reference)
            shift_end, cycles_end = shift_and_cycles(geometry[:, stop - 1], doppler_hz[row], reference)
            scale = 1.0 / max(stop - start - 1, 1)
            slope = (shift_end - shift) * scale
            _turn(cycles, (cycles_end - cycles) * scale, phasors)
            for first in range(start, stop, _STEP):
                count = min(_STEP, stop - first)
                position = shift + slope * (first - start + 0.5 * (count - 1))
                whole = math.floor(position)
                taps = kernel[int((position - whole) * FRACTIONS + 0.5)]
                _interpolate(rows[row], first + whole - (TAPS // 2 - 1), taps, line[: 2 * count])
                for k in range(count):
                    at = 2 * (first - start + k)
                    re, im = phasors[at] * gain[first + k], phasors[at + 1] * gain[first + k]
                    out[row, 2 * (first + k)] = line[2 * k] * re - line[2 * k + 1] * im
                    out[row, 2 * (first + k) + 1] = line[2 * k] * im + line[2 * k + 1] * re


@numba.njit(cache=True, nogil=True, fastmath=True)
def _turn(cycles: float, slope: float, out: NDArray[np.float32]) -> None:  # pragma: no cover - compiled
    """Fill `out`, float32 (2 RUN,), with e^(2 pi j (cycles + k slope)), doubling what is there."""
    angle, turn = 2.0 * math.pi * (cycles - math.floor(cycles)), 2.0 * math.pi * (slope - math.floor(slope))
    out[0], out[1] = math.cos(angle), math.sin(angle)
    cosine, sine = math.cos(turn), math.sin(turn)
    filled = 1
    while filled < RUN:
        re, im = np.float32(cosine), np.float32(sine)
        for k in range(filled):
            out[2 * (filled + k)] = out[2 * k] * re - out[2 * k + 1] * im
            out[2 * (filled + k) + 1] = out[2 * k] * im + out[2 * k + 1] * re
        cosine, sine = cosine * cosine - sine * sine, 2.0 * cosine * sine
        filled *= 2
