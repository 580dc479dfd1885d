"""What receiving does to echoes: thermal noise, and FDBAQ there and back."""

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import fdbaq
from s1pdgs.simulator.packets import BRC_STEPS

NOISE_COUNTS = 12.0
"""Deviation of real and imaginary part, as in `sar.md`, section 6.4."""
STRONGEST_COUNTS = 64.0
"""Of the echoes: more would be quantised without the dither of noise, as no ground is."""
_LINES = 256


def receive(raw: NDArray[np.complex64], seed: int) -> NDArray[np.complex64]:
    """Echoes (lines, samples) of any level as they are decoded from packets, at their own level again."""
    rng = np.random.default_rng(seed)
    scale = np.float32(STRONGEST_COUNTS / np.abs(raw).max())
    received = np.empty_like(raw)
    for first in range(0, len(raw), _LINES):
        lines = scale * raw[first : first + _LINES]
        lines += NOISE_COUNTS * rng.standard_normal((*lines.shape, 2), np.float32).view(np.complex64)[..., 0]
        data, bounds = fdbaq.encode_lines(lines, fdbaq.monotone_policy(BRC_STEPS))
        quads = np.full(len(lines), raw.shape[1] // 2)
        fdbaq.decode_lines(data, bounds[:-1], bounds[1:], quads, received[first : first + _LINES])
    return np.asarray(received / scale)
