"""TOPS echoes by swath, burst and line: the timeline of the mode (AUX_INS) says what each PRI belongs to.

The imaging cycle of a mode always takes the same number of PRIs, so the PRI count modulo that number places a packet,
whatever is lost, silent or wrong around it. Where the cycle begins is what most echoes agree on.
"""

import numpy as np
import scipy.fft
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType, duration_s, swath
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import TimelineEntry, timeline
from s1pdgs.processors.l1.calibration_pulses import NoiseMeasurement, measure_noise_lines
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.packets import CONSTANT_FIELDS, ECHO_FIELDS, Packets, settle_headers
from s1pdgs.processors.l1.preprocess import Echoes, InstrumentLoss, lay_lines, raw_statistics
from s1pdgs.processors.l1.tops_plan import Burst
from s1pdgs.sar.orbit import Orbit
from s1pdgs.sar.timing import DELTA_TX_LATCH_S

_IMAGING, _ECHO = "Image Acquisition", "Echo"
_BURST_FIELDS = tuple(name for name in ECHO_FIELDS if name != "azimuth_beam")
_LEAST_AGREEMENT = 0.9
_LEAST_SHARE = 0.5
_CUT_LINES = 20


@frozen(eq=False)
class BurstEchoes:
    """One burst of `pris` PRIs. `number` counts the bursts of the swath since the cycle of the first echo.

    Line 0 of `echoes` is the first that can hold an echo of the burst, `rank` PRIs after its first pulse; the packets
    before that, `quiet`, hold noise and what is left of other pulses.
    """

    number: int
    pris: int
    echoes: Echoes
    quiet: Packets

    def acquisition(self, orbit: Orbit, instrument_delay_s: float) -> Burst:
        """The burst as focusing wants it; the beam turns by one step a PRI and is not steered in the middle one."""
        raw = self.echoes.raw_grid(orbit, instrument_delay_s)
        rank_s = self.echoes.rank * float(duration_s(int(self.echoes.header["pri"])))
        latch_s = raw.first_transmit_s + rank_s - DELTA_TX_LATCH_S
        middle_s = latch_s + (0.5 * (self.pris - 1) - self.echoes.rank) * raw.pri_s
        returned_s = raw.first_delay_s + 0.5 * raw.samples / raw.sampling_hz - rank_s
        return Burst(raw, middle_s + DELTA_TX_LATCH_S + 0.5 * returned_s)

    def noise(self) -> NoiseMeasurement | None:
        """The mean power of the quiet packets (DAD, noise of rank echoes); None where there are none."""
        return measure_noise_lines(self.quiet)


@frozen(eq=False)
class SwathEchoes:
    """The bursts of one swath in the order of time, those that a slice cuts left out.

    `cut` bursts reach over an end of the slice, `lost` ones miss most of their lines; `missing` lines are absent from
    the bursts that are kept. `errors` counts header differences by field.
    """

    name: str
    bursts: tuple[BurstEchoes, ...]
    cut: int
    lost: int
    errors: dict[str, int]

    def stacked(self) -> Echoes:
        """The lines of all bursts, of which there must be one, below each other: an acquisition not even in time."""
        parts = [burst.echoes for burst in self.bursts]
        first, last = parts[0], parts[-1]
        starts = np.cumsum([0, *(part.lines for part in parts)])
        packets = first.packets.joined([part.packets for part in parts[1:]])
        windows = [
            evolve(window, first_line=window.first_line + int(start))
            for part, start in zip(parts, starts, strict=False)
            for window in part.windows
        ]
        kept = [at for at, window in enumerate(windows) if at == 0 or not window.same_as(windows[at - 1])]
        return evolve(
            first,
            packets=packets,
            line=np.concatenate([part.line + start for part, start in zip(parts, starts, strict=False)]),
            lines=int(starts[-1]),
            windows=tuple(windows[at] for at in kept),
            missing=self.missing,
            gaps=sum(part.gaps for part in parts),
            longest_gap=max(part.longest_gap for part in parts),
            instrument=sum((part.instrument for part in parts), InstrumentLoss()),
            errors=self.errors,
            stop=last.last_latch,
        )

    @property
    def missing(self) -> int:
        return sum(burst.echoes.missing for burst in self.bursts)


def gather_swaths(packets: Packets) -> tuple[SwathEchoes, ...]:
    """The echoes of one polarisation of an IW or EW slice, swath by swath.

    Raises `ProcessingError` when there are no echoes, the mode has no bursts or the echoes do not follow its timeline.
    """
    settled, errors = settle_headers(packets, CONSTANT_FIELDS)
    echoes = settled.of(SignalType.ECHO)
    if not echoes.count:
        raise ProcessingError(f"{packets.source}: no echo packets; nothing to focus")
    cycle = _Cycle.of(packets.source, int(settled.headers["ecc_number"][0]))
    pri = echoes.headers["pri_count"].astype(np.int64)
    if np.any(np.diff(pri) <= 0):
        raise ProcessingError(f"{packets.source}: PRI counts do not increase; is this one data take?")
    place = cycle.place(packets.source, pri, echoes.headers["swath_number"])
    span = int(settled.headers["pri_count"].min()), int(settled.headers["pri_count"].max())
    return tuple(_swath(echoes, name, cycle, place, span=span, errors=errors) for name in cycle.swaths)


@frozen(eq=False)
class _Place:
    """Of each packet (n,): entry of the cycle, PRI within it, number of the cycle. `phase`: PRI count of cycle 0."""

    entry: NDArray[np.int64]
    line: NDArray[np.int64]
    cycle: NDArray[np.int64]
    phase: int


@frozen(eq=False)
class _Cycle:
    """The imaging cycle of a mode: its entries, the PRI at which each begins, and its length in PRIs."""

    entries: tuple[TimelineEntry, ...]
    starts: NDArray[np.int64]
    length: int

    @classmethod
    def of(cls, source: str, ecc_number: int) -> "_Cycle":
        try:
            entries = timeline(ecc_number, _IMAGING)
        except PacketError as error:
            raise ProcessingError(f"{source}: {error}") from None
        ends = np.cumsum([entry.pri_count for entry in entries])
        return cls(entries, np.concatenate([[0], ends[:-1]]).astype(np.int64), int(ends[-1]))

    @property
    def swaths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.swath for entry in self.entries if entry.signal == _ECHO))

    def bursts_of(self, name: str) -> list[int]:
        """The entries that are bursts of a swath."""
        return [at for at, entry in enumerate(self.entries) if entry.signal == _ECHO and entry.swath == name]

    def place(self, source: str, pri: NDArray[np.int64], swath_number: NDArray[np.integer]) -> _Place:
        phase = self._phase(source, pri, swath_number)
        within = (pri - phase) % self.length
        entry = np.searchsorted(self.starts, within, side="right") - 1
        return _Place(entry, within - self.starts[entry], (pri - phase) // self.length, phase)

    def _phase(self, source: str, pri: NDArray[np.int64], swath_number: NDArray[np.integer]) -> int:
        """The PRI count, not after the first echo's, at which most echoes lie in bursts of their swaths.

        Agreement with every beginning at once, by circular correlation.
        """
        total = np.zeros(self.length)
        numbers, inverse = np.unique(swath_number, return_inverse=True)
        for index, number in enumerate(numbers):
            expected = np.zeros(self.length)
            for at in self.bursts_of(_name(int(number))):
                expected[self.starts[at] : self.starts[at] + self.entries[at].pri_count] = 1.0
            seen = np.bincount(pri[inverse == index] % self.length, minlength=self.length).astype(np.float64)
            spectrum = scipy.fft.rfft(seen) * np.conj(scipy.fft.rfft(expected))
            total += scipy.fft.irfft(spectrum, self.length)
        agreement = np.rint(total)
        if agreement.max() < _LEAST_AGREEMENT * pri.size:
            raise ProcessingError(
                f"{source}: {int(agreement.max())} of {pri.size} echoes follow the timeline of "
                f"{', '.join(self.swaths)}; is this a TOPS slice of one data take?"
            )
        best = np.flatnonzero(agreement == agreement.max())
        return int(np.max(pri[0] - (pri[0] - best) % self.length))


def of_swath(packets: Packets, name: str) -> NDArray[np.bool_]:
    """Which packets (n,) are of a swath, whatever their kind."""
    numbers, inverse = np.unique(packets.headers["swath_number"], return_inverse=True)
    return np.asarray(np.array([_name(int(number)) == name for number in numbers], np.bool_)[inverse])


def _name(swath_number: int) -> str:
    try:
        return swath(swath_number).name
    except PacketError:
        return ""


def _swath(
    echoes: Packets, name: str, cycle: _Cycle, place: _Place, *, span: tuple[int, int], errors: dict[str, int]
) -> SwathEchoes:
    entries = cycle.bursts_of(name)
    chosen = np.flatnonzero(np.isin(place.entry, entries))
    own, found = settle_headers(echoes.select(chosen), _BURST_FIELDS)
    number = place.cycle[chosen] * len(entries) + np.searchsorted(entries, place.entry[chosen])
    statistics = raw_statistics(own) if own.count else None
    bursts, cut, lost = [], 0, 0
    for value in range(number.min(initial=1), number.max(initial=0) + 1):
        turn, order = divmod(value, len(entries))
        pris = cycle.entries[entries[order]].pri_count
        begin = place.phase + turn * cycle.length + int(cycle.starts[entries[order]])
        packets, line = own.select(number == value), place.line[chosen][number == value]
        rank = int(own.headers["rank"][0])
        count = int(np.count_nonzero(line >= rank))
        if begin < span[0] - _CUT_LINES or begin + pris - 1 > span[1] + _CUT_LINES:
            cut += 1
        elif count < _LEAST_SHARE * (pris - rank):
            lost += 1
        else:
            laid = lay_lines(
                packets.select(line >= rank),
                line[line >= rank] - rank,
                pris - rank,
                errors={},
                instrument=InstrumentLoss.between(packets),
                statistics=statistics,
            )
            bursts.append(BurstEchoes(value, pris, laid, packets.select(line < rank)))
    return SwathEchoes(name, tuple(bursts), cut, lost, errors | found)
