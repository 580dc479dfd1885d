"""What focusing of every mode shares once the bulk of the migration is off: what is left of it at a range, and the
compiled filter that takes it off.
"""

import math
from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

RUN = 64
"""Samples in range between which shift and phase are evaluated exactly."""
FRACTIONS = 512

Table = NDArray[np.float32]


def sinc_table(taps: int, shape: float, fractions: int = FRACTIONS) -> Table:
    """Kaiser-windowed sinc kernels, (fractions + 1, taps): row q interpolates q / fractions after tap taps / 2 - 1.

    The higher the shape of the window, the less of the band is kept and the smaller the error in it.
    """
    fraction = np.arange(fractions + 1)[:, None] / fractions
    offset = np.arange(taps)[None, :] - (taps // 2 - 1) - fraction
    inside = np.clip(1.0 - (offset / (taps / 2)) ** 2, 0.0, 1.0)
    kernel = np.sinc(offset) * np.i0(shape * np.sqrt(inside)) / np.i0(shape)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), dtype=np.float32)


def circular_filter(taps: int) -> Callable[..., None]:
    """A compiled filter of so many taps, known to the compiler: it unrolls them."""

    @numba.njit(cache=True, nogil=True, fastmath=True)
    def interpolate(
        row: NDArray[np.float32], left: int, kernel: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:  # pragma: no cover - compiled
        """Filter a part of a row, float32 (2 bins,), whose first tap lies on bin `left`; beyond its ends the row
        repeats itself.
        """
        bins = row.size // 2
        if left >= 0 and left + out.size // 2 + taps <= bins:
            for j in range(out.size):
                total = np.float32(0.0)
                for t in range(taps):
                    total += kernel[t] * row[2 * (left + t) + j]
                out[j] = total
            return
        for j in range(out.size):
            total = np.float32(0.0)
            for t in range(taps):
                total += kernel[t] * row[2 * ((left + t + j // 2) % bins) + j % 2]
            out[j] = total

    return interpolate


@numba.njit(cache=True, nogil=True, fastmath=True)
def shift_and_cycles(
    place: NDArray[np.float64], doppler_hz: float, reference: tuple[float, float, float, float, float]
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Migration in samples beyond that of the reference, and the phase of the matched filter in cycles.

    `place`: slant range, V_r and time shift (s) of a sample. `reference`: range and V_r of the bulk correction, range
    spacing, wavelength, shift between input and output samples.
    """
    reference_m, reference_m_s, spacing_m, wavelength_m, lead = reference
    half = 0.5 * wavelength_m * doppler_hz
    contraction = math.sqrt(1.0 - (half / place[1]) ** 2)
    bulk = reference_m * (1.0 / math.sqrt(1.0 - (half / reference_m_s) ** 2) - 1.0)
    shift = lead + (place[0] * (1.0 / contraction - 1.0) - bulk) / spacing_m
    return shift, 2.0 * place[0] / wavelength_m * (contraction - 1.0) + doppler_hz * place[2]
