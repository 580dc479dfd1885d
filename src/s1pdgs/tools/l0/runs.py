"""The timeline as packets tell it: runs of one signal and swath, and the gaps between packets."""

from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.gaps import Steps, steps_between
from s1pdgs.tools.l0 import names

_SPLITTING_LOSS = 300
"""Lost packets that end a run: more may hide other runs (interleaved calibration takes 20 PRIs, a burst 1000)."""


@frozen
class Run:
    """Consecutive packets `first` .. `last` (indices, both included) of one signal and swath.

    `burst` numbers the runs of echoes of each swath from 1. `lost` packets are missing within; `cut_before` and
    `cut_after` tell that packets are missing at that end, or that the data begin or end there.
    """

    signal: int
    swath: str
    full_bandwidth: bool
    first: int
    last: int
    first_pri: int
    last_pri: int
    burst: int
    lost: int
    cut_before: bool
    cut_after: bool

    @property
    def packets(self) -> int:
        """How many packets it has."""
        return self.last - self.first + 1

    @property
    def pris(self) -> int:
        """How many PRIs it takes, lost packets included."""
        return self.last_pri - self.first_pri + 1


@frozen
class Gap:
    """Between packets `before` and `before + 1`: packets lost in the downlink and in the instrument, silent PRIs."""

    before: int
    downlink: int
    instrument: int
    suppressed: int


def steps_of(headers: NDArray[np.void]) -> Steps:
    """What lies between neighbouring packets of one receive channel, arrays (n - 1,)."""
    return steps_between(headers["sequence_count"], headers["space_packet_count"], headers["pri_count"])


def lost_at(steps: Steps) -> list[Gap]:
    """The gaps in which packets were lost, in order."""
    return [
        Gap(int(k), int(steps.downlink[k]), int(steps.instrument[k]), int(steps.suppressed[k]))
        for k in np.flatnonzero(steps.missing)
    ]


def find_runs(headers: NDArray[np.void], steps: Steps | None = None) -> list[Run]:
    """The runs of packets of one receive channel in sensing order."""
    count = headers.size
    if not count:
        return []
    steps = steps_of(headers) if steps is None else steps
    signal = headers["signal_type"]
    number = headers["swath_number"]
    broken = (signal[1:] != signal[:-1]) | (number[1:] != number[:-1])
    broken |= (steps.suppressed > 0) | (steps.missing >= _SPLITTING_LOSS)
    edges = np.concatenate(([0], np.flatnonzero(broken) + 1, [count]))
    bursts: dict[str, int] = {}
    runs = []
    for first, after in pairwise(edges.tolist()):
        last = after - 1
        swath = str(names.swaths()[number[first]])
        if signal[first] == SignalType.ECHO:
            bursts[swath] = bursts.get(swath, 0) + 1
        runs.append(
            Run(
                int(signal[first]),
                swath,
                bool(names.full_bandwidth()[number[first]]),
                first,
                last,
                int(headers["pri_count"][first]),
                int(headers["pri_count"][last]),
                bursts[swath] if signal[first] == SignalType.ECHO else 0,
                int(steps.missing[first:last].sum()),
                first == 0 or bool(steps.missing[first - 1]),
                last == count - 1 or bool(steps.missing[last]),
            )
        )
    return runs


def burst_numbers(headers: NDArray[np.void], steps: Steps | None = None) -> NDArray[np.int64]:
    """The burst of each packet, int64 (n,); 0 for packets that are no echoes."""
    numbers = np.zeros(headers.size, np.int64)
    for run in find_runs(headers, steps):
        numbers[run.first : run.last + 1] = run.burst
    return numbers
