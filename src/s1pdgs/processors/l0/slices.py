"""The grid of slices over a data take (DAD, section 8.1; slice lengths and overlaps of the operational L0ASP)."""

from datetime import datetime, timedelta
from itertools import chain, cycle

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import F_REF_HZ, swath
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import timeline
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import from_micros
from s1pdgs.processors.l0.records import sensing_times_us, usual

SLICE_LENGTH_AND_OVERLAP_S = {"SM": (25.0, 7.7), "IW": (25.0, 7.4), "EW": (60.0, 8.2)}
"""Modes that are sliced; all others make one product of the whole data take."""

LONGEST_DATA_TAKE = timedelta(hours=6)
"""More than any."""


@frozen
class Slice:
    """One slice: its number from 1, and the sensing times of its packets, both ends included."""

    number: int
    interval: Interval


def number_of_slices(duration_s: float, length_s: float, overlap_s: float, *, ended: bool = True) -> int:
    """How many slices a data take gives: a tail shorter than the overlap is merged into the slice before it.

    Of a data take that has not `ended`, whose rest may still come, nothing is merged: its last slice is any that has
    packets of its own.
    """
    whole, fraction = divmod((duration_s - overlap_s) / length_s, 1.0)
    tail_s = fraction * length_s
    merged = tail_s < overlap_s if ended else tail_s <= 0.0
    return max(int(whole) if merged else int(whole) + 1, 1)


def slice_grid(
    start: datetime, stop: datetime, length_s: float, overlap_s: float, *, ended: bool = True
) -> list[Slice]:
    """The slices of a data take from `start` to `stop`; the last one stops with it."""
    count = number_of_slices((stop - start).total_seconds(), length_s, overlap_s, ended=ended)
    slices = []
    for number in range(1, count + 1):
        begin = start + timedelta(seconds=(number - 1) * length_s)
        end = stop if number == count else begin + timedelta(seconds=length_s + overlap_s)
        slices.append(Slice(number, Interval(begin, min(end, stop))))
    return slices


def data_take_start(records: NDArray[np.void]) -> datetime:
    """Sensing time of the first packet of the data take of records in sensing order, whether it is here or not.

    The PRI count runs from 0 at the start of the timeline (verified on a real packet: the first one has the count of
    the silent PRIs before it), so the timeline of the measurement mode tells which PRIs went by before the first packet
    that is here, and the packets that are here tell how long the PRIs of each swath are. Where no timeline is known, or
    the counts contradict it, as many PRIs of the usual length as packets are taken to be missing.
    """
    first = from_micros(int(sensing_times_us(records[:1])[0]))
    packets, pri_count = int(records["space_packet_count"][0]), int(records["pri_count"][0])
    if packets == 0:
        return first
    elapsed = _elapsed_on_timeline(records, packets, pri_count)
    if elapsed is None:
        elapsed = packets * usual(records["pri"])
    return first - timedelta(seconds=elapsed / F_REF_HZ)


def _elapsed_on_timeline(records: NDArray[np.void], packets: int, pri_count: int) -> int | None:
    """Periods of the reference clock from the first packet of the timeline to a PRI; None where that cannot be told."""
    ecc_number = usual(records["ecc_number"])
    try:
        entries = chain(timeline(ecc_number, "Preamble"), cycle(timeline(ecc_number, "Image Acquisition")))
    except PacketError:
        return None
    lengths, typical = _pri_by_swath(records), usual(records["pri"])
    position = passed = sent = 0
    for entry in entries:
        if position >= pri_count:
            break
        step = min(entry.pri_count, pri_count - position)
        position += step
        if entry.signal != "Silent":
            sent += step
        if sent:
            passed += step * lengths.get(entry.swath, typical)
    return passed if sent >= packets else None


def _pri_by_swath(records: NDArray[np.void]) -> dict[str, int]:
    """The usual PRI code of each swath that the records hold, by both of its names; images before calibration."""
    lengths: dict[str, int] = {}
    for number in reversed(np.unique(records["swath_number"]).tolist()):
        try:
            names = swath(number)
        except PacketError:
            continue
        code = usual(records["pri"][records["swath_number"] == number])
        lengths |= {name: code for name in (names.name, names.notch_name) if name is not None}
    return lengths
