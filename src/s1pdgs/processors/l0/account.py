"""The account of a data take: which packets are here, which are missing, when and why."""

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.gaps import steps_between
from s1pdgs.formats.l0.report import Gap, GapCause
from s1pdgs.model.time import from_micros
from s1pdgs.processors.l0.scratch import chunks

MOST_GAPS = 1000
_FIRST_BRIDGE_US = 1_000_000

Counts = NDArray[np.int64]
_NONE: Counts = np.empty(0, np.int64)


@frozen(eq=False)
class Losses:
    """Where packets are missing among records in sensing order.

    After each of the packets `at` int64 (k,), `downlink` and `instrument` int64 (k,) packets were lost there.
    `suppressed_pris` sums the silent PRIs between all packets.
    """

    at: Counts
    downlink: Counts
    instrument: Counts
    suppressed_pris: int

    @property
    def missing(self) -> Counts:
        """Packets that are missing, whatever the cause."""
        return self.downlink + self.instrument


def losses_of(records: NDArray[np.void]) -> Losses:
    """The losses between records of one receive channel in sensing order."""
    at, downlink, instrument = [_NONE], [_NONE], [_NONE]
    suppressed_pris = 0
    for stretch in chunks(max(records.size - 1, 0)):
        part = records[stretch.start : stretch.stop + 1]
        steps = steps_between(part["sequence_count"], part["space_packet_count"], part["pri_count"])
        suppressed_pris += int(steps.suppressed.sum())
        where = np.flatnonzero(steps.missing)
        at.append(where + stretch.start)
        downlink.append(steps.downlink[where])
        instrument.append(steps.instrument[where])
    return Losses(np.concatenate(at), np.concatenate(downlink), np.concatenate(instrument), suppressed_pris)


def with_beginning(times_us: Counts, losses: Losses, first_packet: int, start_us: int) -> tuple[Counts, Losses]:
    """The same stream with what is missing before its first packet, which has the number `first_packet`.

    The packets 0 .. `first_packet` - 1 of the data take, sensed from `start_us` on, did not come down. They are told
    after an imaginary packet that is put before the times.
    """
    if first_packet == 0:
        return times_us, losses
    spacing_us = max((int(times_us[0]) - start_us) // first_packet, 1)
    at, downlink, instrument = (
        np.concatenate(([head], rest))
        for head, rest in ((0, losses.at + 1), (first_packet, losses.downlink), (0, losses.instrument))
    )
    times = np.concatenate(([min(start_us, int(times_us[0]) - 1) - spacing_us], times_us))
    return times, Losses(at, downlink, instrument, losses.suppressed_pris)


def gaps_of(times_us: Counts, losses: Losses) -> tuple[Gap, ...]:
    """The losses between packets sensed at `times_us` int64 (n,), in the order of time.

    Beyond `MOST_GAPS` of them, those that lie close together are told as one, from the first to the last and with the
    sum of their packets; how close grows from one second until few enough are left.
    """
    return tuple(sorted(_gaps(times_us, losses), key=lambda gap: (gap.start, gap.cause)))


def _gaps(times_us: Counts, losses: Losses) -> Iterator[Gap]:
    for cause, lost in ((GapCause.DOWNLINK, losses.downlink), (GapCause.INSTRUMENT, losses.instrument)):
        at, packets = losses.at[lost > 0], lost[lost > 0]
        starts, stops, packets = _bridged(times_us[at], times_us[at + 1], packets)
        for start, stop, count in zip(starts.tolist(), stops.tolist(), packets.tolist(), strict=True):
            yield Gap(from_micros(start), from_micros(stop), count, cause)


def _bridged(starts: Counts, stops: Counts, packets: Counts) -> tuple[Counts, Counts, Counts]:
    """Neighbouring gaps joined until at most half of `MOST_GAPS` are left."""
    bridge_us = _FIRST_BRIDGE_US
    while starts.size > MOST_GAPS // 2:
        firsts = np.flatnonzero(np.concatenate(([True], starts[1:] - stops[:-1] > bridge_us)))
        starts, stops = starts[firsts], stops[np.append(firsts[1:] - 1, stops.size - 1)]
        packets = np.add.reduceat(packets, firsts)
        bridge_us *= 2
    return starts, stops, packets


def missing_between(times_us: Counts, losses: Losses, begin_us: int, end_us: int) -> int:
    """How many of the missing packets were sensed from `begin_us` to `end_us`, both included.

    Those between two packets, sensed at `times_us` int64 (n,), are taken to be spread evenly there.
    """
    lost = losses.missing
    start = times_us[losses.at].astype(np.float64)
    spacing = np.maximum(times_us[losses.at + 1] - start, 1.0) / (lost + 1)
    first = np.maximum(np.ceil((begin_us - start) / spacing), 1)
    last = np.minimum(np.floor((end_us - start) / spacing), lost)
    return int(np.maximum(last - first + 1, 0).sum())
