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

    `duplicates` were better had from another copy; `differing` of these have another length or time than the copy that
    is kept. `inconsistent` are the indices of those whose counters or time contradict the rest.
    """

    kept: Indices | None
    duplicates: int
    differing: int
    inconsistent: Indices


def sensing_order(records: NDArray[np.void]) -> Ordering:
    """Order records (n,) by space packet count, one copy of each.

    Of several copies the best is kept: sound before faulty, then the one with the fewest frames missing before it, then
    the longest, then the first. Packets that contradict the longest sequence of consistent ones are left out.
    """
    order = _by_count(records)
    counts = records["space_packet_count"] if order is None else records["space_packet_count"][order]
    again = np.zeros(counts.size, np.bool_)
    again[1:] = counts[1:] == counts[:-1]
    duplicates, differing = int(np.count_nonzero(again)), 0
    if order is not None and duplicates:
        differing = _differing(records, order, again)
        order = order[~again]
    consistent = consistent_with_most(records, order)
    if consistent.all():
        return Ordering(order, duplicates, differing, np.empty(0, np.int64))
    order = np.arange(records.size) if order is None else order
    return Ordering(order[consistent], duplicates, differing, order[~consistent])


def consistent_with_most(records: NDArray[np.void], order: Indices | None = None) -> NDArray[np.bool_]:
    """Which of records, taken in an order by space packet count, belong to the longest consistent sequence.

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
    counts = records["space_packet_count"]
    if np.all(counts[1:] > counts[:-1]):
        return None
    return np.lexsort(
        (-records["length"].astype(np.int64), records["missing_frames"], records["faults"] != 0, counts)
    ).astype(np.int64)


def _differing(records: NDArray[np.void], order: Indices, again: NDArray[np.bool_]) -> int:
    """How many copies differ from the one that is kept, in the field in which most do."""
    position = np.arange(order.size)
    kept = order[np.maximum.accumulate(np.where(again, 0, position))[again]]
    copies = order[again]
    return max(
        int(np.count_nonzero(records[name][copies] != records[name][kept]))
        for name in ("length", "coarse_time", "fine_time")
    )


def _follows(count: Indices, pri: Indices, time: Indices) -> NDArray[np.bool_]:
    """Whether steps of space packet count, PRI count and time (2^-16 s) can be those of one packet to a later one."""
    elapsed_s = time / TICKS_HZ
    lowest_s, highest_s = (pri - _SLACK_PRIS) / _FASTEST_PRF_HZ, (pri + _SLACK_PRIS) * _LONGEST_PRI_S
    return np.asarray((count > 0) & (pri >= count) & (elapsed_s >= lowest_s) & (elapsed_s <= highest_s))


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
