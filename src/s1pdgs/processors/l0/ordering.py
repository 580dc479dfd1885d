"""Packets of one receive channel put in sensing order: the best copy of each, and none whose counters are wrong."""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import F_REF_HZ
from s1pdgs.processors.l0.scratch import chunks

TICKS_HZ = 65536
_FASTEST_PRF_HZ = 4000
_LONGEST_PRI_S = (1 << 24) / F_REF_HZ
_SLACK_PRIS = 2
_REACH = 64

Indices = NDArray[np.int64]


@frozen(eq=False)
class Ordering:
    """Which records make a sound sequence, by index and in sensing order: `kept` (None: all, as they are).

    `duplicates` counts those that were better had from another copy. `inconsistent` are the indices of those that
    contradict the rest: by a counter, by their time, or by another length than the copy that is kept.
    """

    kept: Indices | None
    duplicates: int
    inconsistent: Indices


def sensing_order(records: NDArray[np.void]) -> Ordering:
    """Order records (n,) by space packet count, one copy of each.

    Packets that contradict the longest sequence of consistent ones are left out. Of several copies, which have all
    counters and the time in common, the best is kept: sound before faulty, then the one with the fewest frames missing
    before it, then the longest, then the first.
    """
    order = _by_count(records)
    consistent = consistent_with_most(records, order)
    if order is None and consistent.all():
        return Ordering(None, 0, np.empty(0, np.int64))
    order = np.arange(records.size) if order is None else order
    inconsistent, order = order[~consistent], order[consistent]
    counts = records["space_packet_count"][order]
    again = np.zeros(counts.size, np.bool_)
    again[1:] = counts[1:] == counts[:-1]
    position = np.arange(order.size)
    best = order[np.maximum.accumulate(np.where(again, 0, position))[again]]
    copies = order[again]
    differing = records["length"][copies] != records["length"][best]
    inconsistent = np.sort(np.concatenate((inconsistent, copies[differing])))
    return Ordering(order[~again], int(np.count_nonzero(~differing)), inconsistent)


def consistent_with_most(records: NDArray[np.void], order: Indices | None = None) -> NDArray[np.bool_]:
    """Which of records, taken in an order by space packet count and time, belong to the longest consistent sequence.

    From one packet to the next the PRI count rises at least as much as the space packet count, and time by no less than
    the shortest and no more than the longest PRI for each: a packet with a wrong counter or time breaks that on both
    sides. Stretches without a break are joined by the chain that leaves the fewest packets out. Where not even half of
    the packets agree there is no rule to break, and all are kept.
    """
    size = records.size if order is None else order.size
    joined = np.ones(max(size - 1, 0), np.bool_)
    for stretch in chunks(joined.size):
        part = slice(stretch.start, stretch.stop + 1)
        joined[stretch] = _follows(*np.diff(_counters(records[part] if order is None else records[order[part]])))
    if joined.all():
        return np.ones(size, np.bool_)
    breaks = np.flatnonzero(~joined) + 1
    firsts, lasts = np.concatenate(([0], breaks)), np.concatenate((breaks, [size])) - 1
    ends = (_counters(records[each if order is None else order[each]]) for each in (firsts, lasts))
    consistent = np.zeros(size, np.bool_)
    for run in _longest_chain(lasts - firsts + 1, *ends):
        consistent[firsts[run] : lasts[run] + 1] = True
    return consistent if 2 * np.count_nonzero(consistent) >= size else np.ones(size, np.bool_)


def _counters(records: NDArray[np.void]) -> Indices:
    """Space packet count, PRI count and time (2^-16 s) of records (n,): int64 (3, n)."""
    count, pri, coarse, fine = (
        records[name].astype(np.int64) for name in ("space_packet_count", "pri_count", "coarse_time", "fine_time")
    )
    return np.stack([count, pri, coarse * TICKS_HZ + fine])


def _by_count(records: NDArray[np.void]) -> Indices | None:
    """By count, then time, then from the best copy to the worst; None where they are so already."""
    counts = records["space_packet_count"]
    if np.all(counts[1:] > counts[:-1]):
        return None
    longest = -records["length"].astype(np.int64)
    copies = (longest, records["missing_frames"], records["faults"] != 0)
    return np.lexsort((*copies, records["fine_time"], records["coarse_time"], counts)).astype(np.int64)


def _follows(count: Indices, pri: Indices, time: Indices) -> NDArray[np.bool_]:
    """Whether steps of space packet count, PRI count and time (2^-16 s) lead from a packet to a later one or a copy."""
    elapsed_s = time / TICKS_HZ
    lowest_s, highest_s = (pri - _SLACK_PRIS) / _FASTEST_PRF_HZ, (pri + _SLACK_PRIS) * _LONGEST_PRI_S
    onward = (count > 0) & (pri >= count) & (elapsed_s >= lowest_s) & (elapsed_s <= highest_s)
    return np.asarray(onward | ((count == 0) & (pri == 0) & (time == 0)))


def _longest_chain(sizes: Indices, firsts: Indices, lasts: Indices) -> list[int]:
    """The runs whose chain keeps most packets; each is joined to one of the `_REACH` runs before it or to none.

    `firsts` and `lasts` (3, runs) are the counters of the first and the last packet of each run.
    """
    kept = sizes.tolist()
    before = [-1] * len(kept)
    for run in range(1, len(kept)):
        earlier = np.arange(max(run - _REACH, 0), run)
        possible = earlier[_follows(*(firsts[:, run, None] - lasts[:, earlier]))].tolist()
        best = max(possible, key=lambda each: (kept[each], each), default=None)
        if best is not None:
            kept[run] += kept[best]
            before[run] = best
    run = max(range(len(kept)), key=lambda each: (kept[each], -each))
    chain = []
    while run >= 0:
        chain.append(run)
        run = before[run]
    return chain[::-1]
