"""When a sample was emitted, travelled and returned (docs/joints.md, section 1)."""

import numpy as np
from numpy.typing import NDArray

from s1pdgs.sar.constants import REFERENCE_FREQUENCY_HZ

DELTA_TX_LATCH_S = 1.438_696e-6
"""From the latch of the packet time to the rising edge of the pulse of that PRI (AUX_INS, deltaTXLatch)."""
WINDOW_START_DELAY_S = 320.0 / (8.0 * REFERENCE_FREQUENCY_HZ)
"""From the commanded start of the sampling window to the first sample (S1-IF-ASD-PL-0007)."""


def transmit_time_s(latch_time_s: NDArray[np.float64] | float, rank: int, pri_s: float) -> NDArray[np.float64] | float:
    """Emission time of the pulse whose echo is in the packet latched at `latch_time_s`."""
    return latch_time_s + DELTA_TX_LATCH_S - rank * pri_s


def first_sample_delay_s(rank: int, pri_s: float, swst_s: float) -> float:
    """Two-way delay of the first sample, from the rising edge of its pulse."""
    return rank * pri_s + swst_s + WINDOW_START_DELAY_S
