"""What the instrument does in each pulse repetition interval (PRI) of a data take: AUX_INS timelines, PRI by PRI."""

from collections.abc import Iterator
from itertools import cycle

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.tables import TimelineEntry, timeline
from s1pdgs.simulator.errors import SimulatorError

PREAMBLE, IMAGING, POSTAMBLE = "Preamble", "Image Acquisition", "Postamble"
SIGNALS = {
    "Echo": SignalType.ECHO,
    "Noise": SignalType.NOISE,
    "TxCal": SignalType.TX_CAL,
    "RxCal": SignalType.RX_CAL,
    "EpdnCal": SignalType.EPDN_CAL,
    "TaCal": SignalType.TA_CAL,
    "ApdnCal": SignalType.APDN_CAL,
    "TxHCalIso": SignalType.TX_H_CAL_ISO,
}
SILENT = "Silent"


def build_schedule(ecc_number: int, imaging_pris: int, rank: int) -> "Schedule":
    """The PRIs of a data take whose image acquisition lasts at least one PRI: preamble, imaging cycle, postamble.

    The imaging cycle repeats and is cut after `imaging_pris`; calibration at the very end is left out. An echo returns
    `rank` PRIs after its pulse, so the first `rank` echo packets after anything else hold noise alone.
    """
    if imaging_pris <= 0:
        raise SimulatorError(f"a data take of {imaging_pris} imaging PRIs has no echoes; ask for a longer one")
    runs = [*_runs(timeline(ecc_number, PREAMBLE), interleaved=False)]
    first_line = sum(run.pri_count for run in runs)
    runs.extend(_imaging_runs(ecc_number, imaging_pris))
    runs.extend(_runs(timeline(ecc_number, POSTAMBLE), interleaved=False))
    counts = np.array([run.pri_count for run in runs])
    kinds = np.repeat([-1 if run.signal is None else int(run.signal) for run in runs], counts)
    ordinal = np.arange(kinds.size) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    pulsed = np.concatenate((np.zeros(rank, bool), kinds[:-rank] == SignalType.ECHO)) if rank else kinds == 0
    used = kinds >= 0
    return Schedule(
        pri_count=np.flatnonzero(used),
        signal=kinds[used].astype(np.uint8),
        ordinal=ordinal[used],
        full_bandwidth=np.repeat([run.full_bandwidth for run in runs], counts)[used],
        interleaved=np.repeat([run.interleaved for run in runs], counts)[used],
        has_echo=(pulsed & (kinds == SignalType.ECHO))[used],
        first_line_pri=first_line,
        lines=int(np.flatnonzero(kinds == SignalType.ECHO)[-1]) + 1 - first_line,
        total_pris=kinds.size,
    )


def _imaging_runs(ecc_number: int, imaging_pris: int) -> "list[_Run]":
    runs: list[_Run] = []
    left = imaging_pris
    for entry in cycle(timeline(ecc_number, IMAGING)):
        if left <= 0:
            break
        taken = min(entry.pri_count, left)
        runs.extend(_runs((entry,), interleaved=True, count=taken))
        left -= taken
    while runs[-1].signal != SignalType.ECHO:
        runs.pop()
    return runs


def _runs(entries: tuple[TimelineEntry, ...], *, interleaved: bool, count: int | None = None) -> "Iterator[_Run]":
    for entry in entries:
        signal = None if entry.signal == SILENT else SIGNALS[entry.signal]
        yield _Run(signal, entry.full_bandwidth, interleaved, entry.pri_count if count is None else count)


@frozen
class _Run:
    signal: SignalType | None
    full_bandwidth: bool
    interleaved: bool
    pri_count: int


@frozen(eq=False)
class Schedule:
    """The PRIs that give packets, in order; arrays of shape (packets,).

    `pri_count` counts from 0 at the start of the data take, silent intervals included. `ordinal` counts the pulses of
    one run from 1. `has_echo` says whether an echo packet holds the echo of an imaging pulse. Line 0 of the raw image
    is PRI `first_line_pri`; the image has `lines`, interleaved calibration counted.
    """

    pri_count: NDArray[np.int64]
    signal: NDArray[np.uint8]
    ordinal: NDArray[np.int64]
    full_bandwidth: NDArray[np.bool_]
    interleaved: NDArray[np.bool_]
    has_echo: NDArray[np.bool_]
    first_line_pri: int
    lines: int
    total_pris: int

    @property
    def line(self) -> NDArray[np.int64]:
        """The line of the raw image that each packet belongs to."""
        return self.pri_count - self.first_line_pri

    def echo_runs(self) -> list[tuple[int, int]]:
        """First line and line after the last of each unbroken run of lines with echoes."""
        lines = self.line[self.has_echo]
        breaks = np.flatnonzero(np.diff(lines) > 1) + 1
        return [(int(part[0]), int(part[-1]) + 1) for part in np.split(lines, breaks) if part.size]
