"""The account of a data take: which packets are here, which are missing, when and why."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.gaps import Steps
from s1pdgs.formats.l0.report import Gap, GapCause
from s1pdgs.model.time import from_micros

MOST_GAPS = 1000
_FIRST_BRIDGE_US = 1_000_000

Times = NDArray[np.int64]


def gaps_of(times_us: Times, steps: Steps) -> tuple[Gap, ...]:
    """The losses between packets sensed at `times_us` int64 (n,), in the order of time.

    Beyond `MOST_GAPS` of them, those that lie close together are told as one, from the first to the last and with the
    sum of their packets; how close grows from one second until few enough are left.
    """
    gaps = sorted(_gaps(times_us, steps.downlink, steps.instrument), key=lambda gap: (gap.start, gap.cause))
    return tuple(gaps)


def _gaps(times_us: Times, downlink: Times, instrument: Times) -> Iterator[Gap]:
    for cause, lost in ((GapCause.DOWNLINK, downlink), (GapCause.INSTRUMENT, instrument)):
        where = np.flatnonzero(lost)
        starts, stops, packets = _bridged(times_us[where], times_us[where + 1], lost[where])
        for start, stop, count in zip(starts.tolist(), stops.tolist(), packets.tolist(), strict=True):
            yield Gap(from_micros(start), from_micros(stop), count, cause)


def _bridged(starts: Times, stops: Times, packets: Times) -> tuple[Times, Times, Times]:
    """Neighbouring gaps joined until at most half of `MOST_GAPS` are left."""
    bridge_us = _FIRST_BRIDGE_US
    while starts.size > MOST_GAPS // 2:
        firsts = np.flatnonzero(np.concatenate(([True], starts[1:] - stops[:-1] > bridge_us)))
        starts, stops = starts[firsts], stops[np.append(firsts[1:] - 1, stops.size - 1)]
        packets = np.add.reduceat(packets, firsts)
        bridge_us *= 2
    return starts, stops, packets


def missing_between(times_us: Times, missing: Times, begin_us: int, end_us: int) -> int:
    """How many of the missing packets were sensed from `begin_us` to `end_us`, both included.

    `missing` int64 (n - 1,) counts those between packets sensed at `times_us` int64 (n,); they are taken to be spread
    evenly there.
    """
    where = np.flatnonzero(missing)
    lost = missing[where]
    start = times_us[where].astype(np.float64)
    spacing = np.maximum(times_us[where + 1] - start, 1.0) / (lost + 1)
    first = np.maximum(np.ceil((begin_us - start) / spacing), 1)
    last = np.minimum(np.floor((end_us - start) / spacing), lost)
    return int(np.maximum(last - first + 1, 0).sum())
