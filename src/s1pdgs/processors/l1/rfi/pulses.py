"""Interference in time: samples of a line that stand out of what the lines around it hold at their range."""

import math

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter1d

from s1pdgs.formats.aux.pp1 import RfiTimeDomain

_SURPRISE = 45.0
"""Least improbability of a run of samples, in nats: of exponentially distributed powers a million slices have none."""
_TINY = 1e-30


def find_pulses(lines: NDArray[np.complex64], parameters: RfiTimeDomain) -> NDArray[np.int64]:
    """Runs (k, 3) of samples with interference in lines (n, samples): line, first sample and the one after the last.

    The level about a sample is the mean power of boxes along range, whose median over a few lines is averaged over
    more. Samples above the percentile of the exponential distribution of that level make runs, short ones are left
    out, short gaps closed; runs that chance could bring about are left out.
    """
    box = max(parameters.box_range, 1)
    cells = -(-lines.shape[1] // box)
    power = np.zeros((len(lines), cells * box), np.float32)
    np.square(np.abs(lines), out=power[:, : lines.shape[1]])
    sizes = np.full(cells, box, np.float32)
    sizes[-1] -= cells * box - lines.shape[1]
    level = power.reshape(len(lines), cells, box).sum(axis=2) / sizes
    level = median_filter(level, (max(parameters.median_filter_lines, 1), 1), mode="mirror")
    level = uniform_filter1d(level, max(parameters.box_azimuth, 1), axis=0, mode="mirror")
    factor = -math.log(max(1.0 - parameters.percentile, 1e-9))
    shape = (factor, parameters.opening_length, parameters.closing_length, _SURPRISE)
    runs = _runs(power[:, : lines.shape[1]], np.asarray(level, np.float32), box, shape)
    return np.asarray(runs, np.int64).reshape(-1, 3)


@numba.njit(cache=True, nogil=True)
def _runs(power, level, box, shape):  # type: ignore[no-untyped-def]
    """Runs of samples above `factor` times the level: opened, closed, and judged by their mean power."""
    factor, opening, closing, surprise = shape
    samples = power.shape[1]
    found = np.empty((256, 3), np.int64)
    count = 0
    for line in range(power.shape[0]):
        begin = end = -1  # of the run that is being closed
        first = -1  # of the samples above the level
        for sample in range(samples + closing + 1):
            above = False
            if sample < samples:
                local = level[line, sample // box]
                above = local > 0.0 and power[line, sample] > factor * local
            if above and first < 0:
                first = sample
            if not above and first >= 0:
                if sample - first >= opening:
                    if begin < 0:
                        begin = first
                    end = sample
                first = -1
            if begin >= 0 and first < 0 and sample - end >= closing:
                total = 0.0
                for at in range(begin, end):
                    total += power[line, at] / max(level[line, at // box], _TINY)
                ratio = total / (end - begin)
                if (end - begin) * (ratio - 1.0 - math.log(ratio)) > surprise:
                    if count == found.shape[0]:
                        larger = np.empty((2 * count, 3), np.int64)
                        larger[:count] = found
                        found = larger
                    found[count, 0] = line
                    found[count, 1] = max(begin - opening, 0)
                    found[count, 2] = min(end + opening, samples)
                    count += 1
                begin = end = -1
    return found[:count]
