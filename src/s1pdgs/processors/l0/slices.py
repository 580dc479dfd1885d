"""The grid of slices over a data take (DAD, section 8.1; slice lengths and overlaps of the operational L0ASP)."""

from datetime import datetime, timedelta

from attrs import frozen

from s1pdgs.model.interval import Interval

SLICE_LENGTH_AND_OVERLAP_S = {"SM": (25.0, 7.7), "IW": (25.0, 7.4), "EW": (60.0, 8.2)}
"""Modes that are sliced; all others make one product of the whole data take."""


@frozen
class Slice:
    """One slice: its number from 1, and the sensing times of its packets, both ends included."""

    number: int
    interval: Interval


def number_of_slices(duration_s: float, length_s: float, overlap_s: float) -> int:
    """How many slices a data take gives: a tail shorter than the overlap is merged into the slice before it."""
    whole, fraction = divmod((duration_s - overlap_s) / length_s, 1.0)
    count = int(whole) if fraction * length_s < overlap_s else int(whole) + 1
    return max(count, 1)


def slice_grid(start: datetime, stop: datetime, length_s: float, overlap_s: float) -> list[Slice]:
    """The slices of a data take from `start` to `stop`; the last one ends with it."""
    count = number_of_slices((stop - start).total_seconds(), length_s, overlap_s)
    slices = []
    for number in range(1, count + 1):
        begin = start + timedelta(seconds=(number - 1) * length_s)
        end = stop if number == count else begin + timedelta(seconds=length_s + overlap_s)
        slices.append(Slice(number, Interval(begin, min(end, stop))))
    return slices
