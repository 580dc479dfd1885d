"""What lies between neighbouring packets of one receive channel: packets lost, and PRIs that were silent.

The rule (Sentinel-1 Level-1 Detailed Algorithm Definition MPC-0307, section 4.3.1) compares the steps of three
counters: the packet sequence count q (14 bits, set when the packet leaves the instrument), the space packet count s and
the PRI count p, both 32 bits.

    q = s = p = 1     nothing is missing
    q = s = p = n     n - 1 packets were lost in the downlink
    q = 1, s = p = n  n - 1 packets were lost in the instrument: they never left it
    s = 1, p = n      n - 1 PRIs were silent: the timeline wants no packet

Here the rule holds for any mixture of them: s - 1 packets are missing, those of them that left the instrument follow
from q, and p - s PRIs were silent.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp.header import SEQUENCE_MODULO

Counts = NDArray[np.int64]


class Steps(NamedTuple):
    """From each packet to the next, int64 (n - 1,): packets lost in the downlink and in the instrument, silent PRIs."""

    downlink: Counts
    instrument: Counts
    suppressed: Counts

    @property
    def missing(self) -> Counts:
        """Packets that are missing, whatever the cause."""
        return self.downlink + self.instrument


def steps_between(sequence_count: ArrayLike, space_packet_count: ArrayLike, pri_count: ArrayLike) -> Steps:
    """The steps between packets of one receive channel in sensing order; the counts are integers (n,).

    The sequence count wraps every 16384 packets, so a longer gap is ambiguous: it is a downlink loss alone, else an
    instrument loss alone, where the counts allow it, and else as much downlink loss as they allow. Twins and counts
    that run backwards give no loss; they do not occur between packets in sensing order.
    """
    q, s, p = (np.diff(np.asarray(c, np.int64)) for c in (sequence_count, space_packet_count, pri_count))
    missing = np.maximum(s - 1, 0)
    residue = np.mod(q - 1, SEQUENCE_MODULO)
    most = residue + (missing - residue) // SEQUENCE_MODULO * SEQUENCE_MODULO
    downlink = np.where((residue == 0) & (missing % SEQUENCE_MODULO != 0), 0, np.maximum(most, 0))
    return Steps(downlink, missing - downlink, np.maximum(p - np.maximum(s, 1), 0))
