"""Raw echoes on a regular grid: line times, gaps, sampling windows, bias and statistics of one polarisation."""

import math
from datetime import datetime, timedelta

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import (
    SignalType,
    duration_s,
    number_of_samples,
    packet_time,
    sampling_frequency_hz,
    tx_ramp_rate_hz_per_s,
    tx_start_frequency_hz,
)
from s1pdgs.formats.isp.gaps import steps_between
from s1pdgs.model.time import gps_to_utc
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.geometry import RawGrid
from s1pdgs.processors.l1.packets import CONSTANT_FIELDS, ECHO_FIELDS, Packets, settle_headers
from s1pdgs.processors.l1.receiver import Receiver
from s1pdgs.processors.l1.rfi.mitigation import Mitigation
from s1pdgs.sar.chirp import Chirp
from s1pdgs.sar.orbit import Orbit
from s1pdgs.sar.timing import WINDOW_START_DELAY_S, first_sample_delay_s, transmit_time_s

_FIT_LINES = 20_000  # with fewer, the clock of the time code is known worse than that of the PRI
_OUTLIER_S = 1e-3
_STATISTICS_LINES = 400
_BIAS_SIGMAS = 3.0
_REFERENCE_HZ = 1.0 / duration_s(1)


@frozen
class SamplingWindow:
    """A run of lines with one sampling window: its first line and the codes of SWST and SWL."""

    first_line: int
    swst: int
    swl: int

    def same_as(self, other: "SamplingWindow") -> bool:
        """Whether the codes are those of another run."""
        return (self.swst, self.swl) == (other.swst, other.swl)


@frozen
class RawStatistics:
    """Moments of the raw samples; the quadrature departure in degrees; `samples` were looked at."""

    i_mean: float
    q_mean: float
    i_std: float
    q_std: float
    quadrature_departure_deg: float
    samples: int

    @property
    def gain_imbalance(self) -> float:
        return self.i_std / self.q_std if self.q_std else 1.0

    def significant(self, mean: float, deviation: float) -> bool:
        """Whether a mean is more than the scatter of a mean (DAD, raw data correction)."""
        return abs(mean) > _BIAS_SIGMAS * deviation / math.sqrt(max(self.samples, 1))


@frozen
class InstrumentLoss:
    """Runs of packets that never left the instrument (DAD, section 4.3.1), the packets in them, and the longest run."""

    gaps: int = 0
    packets: int = 0
    longest: int = 0

    @classmethod
    def between(cls, packets: Packets) -> "InstrumentLoss":
        """What was lost between the first and the last of neighbouring packets of one receive channel."""
        headers = packets.headers
        names = ("sequence_count", "space_packet_count", "pri_count")
        lost = steps_between(*(headers[name] for name in names)).instrument
        return cls(int(np.count_nonzero(lost)), int(lost.sum()), int(lost.max(initial=0)))

    def __add__(self, other: "InstrumentLoss") -> "InstrumentLoss":
        return InstrumentLoss(self.gaps + other.gaps, self.packets + other.packets, max(self.longest, other.longest))


@frozen(eq=False)
class Echoes:
    """The echoes of one polarisation as lines: `line` (n,) of each packet; line 0 is the first echo.

    `first_latch` is the smoothed latch time of line 0, `pri_s` the smoothed interval; `header` the settled header of
    the echoes. `missing` lines are absent though an echo was due, `gaps` are their runs; `instrument` tells those that
    are no loss of the downlink. `calibration` lines were given to internal calibration. `errors` counts header
    differences by field. `stop` is the latch time of the last line where lines are no even run. `receiver` and
    `mitigation` take gain, drift and interference off the lines that are read.
    """

    packets: Packets
    line: NDArray[np.int64]
    lines: int
    first_latch: datetime
    first_latch_fraction_s: float
    pri_s: float
    windows: tuple[SamplingWindow, ...]
    missing: int
    gaps: int
    longest_gap: int
    calibration: int
    errors: dict[str, int]
    statistics: RawStatistics
    instrument: InstrumentLoss = InstrumentLoss()
    stop: datetime | None = None
    receiver: Receiver | None = None
    mitigation: Mitigation | None = None

    @property
    def header(self) -> np.void:
        return self.packets.headers[0]  # type: ignore[no-any-return]

    @property
    def rank(self) -> int:
        return int(self.header["rank"])

    @property
    def sampling_hz(self) -> float:
        return sampling_frequency_hz(int(self.header["range_decimation"]))

    @property
    def samples(self) -> int:
        """Samples of the common window of all lines."""
        first = min(window.swst for window in self.windows)
        decimation = int(self.header["range_decimation"])
        counts = [
            (window.swst - first) / _REFERENCE_HZ * self.sampling_hz + number_of_samples(window.swl, decimation)
            for window in self.windows
        ]
        return int(np.ceil(max(counts)))

    @property
    def chirp(self) -> Chirp:
        """The pulse that the headers tell."""
        header = self.header
        return Chirp(
            rate_hz_s=float(tx_ramp_rate_hz_per_s(int(header["tx_ramp_rate"]))),
            start_hz=float(tx_start_frequency_hz(int(header["tx_start_frequency"]), int(header["tx_ramp_rate"]))),
            length_s=float(duration_s(int(header["tx_pulse_length"]))),
        )

    @property
    def last_latch(self) -> datetime:
        if self.stop is not None:
            return self.stop
        return self.first_latch + timedelta(seconds=(self.lines - 1) * self.pri_s)

    def raw_grid(self, orbit: Orbit, instrument_delay_s: float) -> RawGrid:
        """The lines relative to an orbit's epoch, delays freed from those of the instrument."""
        nominal_pri_s = float(duration_s(int(self.header["pri"])))
        latch = orbit.seconds(self.first_latch) + self.first_latch_fraction_s
        swst = min(window.swst for window in self.windows)
        return RawGrid(
            lines=self.lines,
            samples=self.samples,
            first_transmit_s=float(transmit_time_s(latch, self.rank, nominal_pri_s)),
            pri_s=self.pri_s,
            first_delay_s=first_sample_delay_s(self.rank, nominal_pri_s, swst / _REFERENCE_HZ) - instrument_delay_s,
            sampling_hz=self.sampling_hz,
        )

    def read(self, first: int, out: NDArray[np.complex64]) -> None:
        """Fill complex64 (n, samples) with the lines from `first` on: without bias, corrected for the receiver, and
        freed from what is known of interference; absent and damaged lines zero.
        """
        self._read_received(first, out)
        if self.mitigation is not None:
            self.mitigation.clean(first, out, self._read_received)

    def _read_received(self, first: int, out: NDArray[np.complex64]) -> None:
        begin, end = np.searchsorted(self.line, [first, first + out.shape[0]])
        out[...] = 0.0
        if begin == end:
            return
        chosen = self.packets.select(np.arange(begin, end))
        rows = self.line[begin:end] - first
        origin = min(window.swst for window in self.windows)
        pg = self._pg(self.line[begin:end])
        for swst, quads in np.unique(chosen.headers[["swst", "number_of_quads"]]):
            same = (chosen.headers["swst"] == swst) & (chosen.headers["number_of_quads"] == quads)
            shift = float(int(swst) - origin) / _REFERENCE_HZ * self.sampling_hz
            place = None if shift else _whole_rows(out, rows[same], 2 * int(quads))
            data, bad = chosen.select(same).decode(place)
            data -= np.complex64(self.bias)
            data[bad] = 0.0
            if self.receiver is not None and pg is not None:
                self.receiver.correct(data, pg[same], self.opened_s(int(swst)), self.sampling_hz)
            if place is None:
                _place(out, rows[same], data, shift)

    def opened_s(self, swst: int) -> float:
        """When a window opens after the rising edge of the pulse of its PRI."""
        return float(duration_s(swst)) + WINDOW_START_DELAY_S

    def _pg(self, lines: NDArray[np.int64]) -> NDArray[np.complex128] | None:
        if self.receiver is None or self.receiver.idle:
            return None
        return self.receiver.calibration.along(self.first_latch, np.asarray(lines * self.pri_s, np.float64))

    @property
    def bias(self) -> complex:
        """The mean to take off, zero where it is not significant."""
        found = self.statistics
        i = found.i_mean if found.significant(found.i_mean, found.i_std) else 0.0
        q = found.q_mean if found.significant(found.q_mean, found.q_std) else 0.0
        return complex(i, q)


def gather_echoes(packets: Packets) -> Echoes:
    """Bring the echoes of one polarisation of a StripMap slice on a grid of lines.

    Raises `ProcessingError` when there are too few echoes or they belong to different acquisitions.
    """
    settled, errors = settle_headers(packets, CONSTANT_FIELDS)
    echoes, echo_errors = settle_headers(settled.of(SignalType.ECHO), ECHO_FIELDS)
    if echoes.count < 2:
        raise ProcessingError(f"{packets.source}: {echoes.count} echo packets; nothing to focus")
    count = echoes.headers["pri_count"].astype(np.int64)
    line = count - count[0]
    if np.any(np.diff(line) <= 0):
        raise ProcessingError(f"{packets.source}: PRI counts do not increase; is this one data take?")
    lines = int(line[-1]) + 1
    within = settled.headers["pri_count"].astype(np.int64) - count[0]
    inside = (within >= 0) & (within < lines)
    calibration = int(np.count_nonzero(inside & (settled.headers["signal_type"] != SignalType.ECHO)))
    loss = InstrumentLoss.between(settled.select(inside))
    return lay_lines(echoes, line, lines, calibration=calibration, errors=errors | echo_errors, instrument=loss)


def lay_lines(
    echoes: Packets,
    line: NDArray[np.int64],
    lines: int,
    *,
    calibration: int = 0,
    errors: dict[str, int],
    instrument: InstrumentLoss,
    statistics: RawStatistics | None = None,
) -> Echoes:
    """Echoes of one setting on their lines (n,), increasing, of `lines`; `calibration` of these were given away.

    Without `statistics` they are taken of these echoes.
    """
    absent = np.diff(line, prepend=-1, append=lines) - 1
    missing = max(lines - echoes.count - calibration, 0)
    latch, fraction_s, pri_s = _line_times(echoes, line)
    return Echoes(
        packets=echoes,
        line=line,
        lines=lines,
        first_latch=latch,
        first_latch_fraction_s=fraction_s,
        pri_s=pri_s,
        windows=_windows(echoes, line),
        missing=missing,
        gaps=int(np.count_nonzero(absent)) if missing else 0,
        longest_gap=int(absent.max(initial=0)) if missing else 0,
        calibration=calibration,
        errors=errors,
        statistics=raw_statistics(echoes) if statistics is None else statistics,
        instrument=instrument,
    )


def _line_times(echoes: Packets, line: NDArray[np.int64]) -> tuple[datetime, float, float]:
    """Latch time of line 0, to microseconds and the rest in seconds, and the interval of lines, by a straight line.

    The time code counts 2^-16 s, a tenth of a metre on the ground; the fit brings it below a millimetre. Few lines
    keep the commanded interval.
    """
    seconds, fraction = packet_time(echoes.headers["coarse_time"], echoes.headers["fine_time"])
    origin = int(seconds[0])
    nominal_s = float(duration_s(int(echoes.headers["pri"][0])))
    residual = (seconds - origin) + fraction - nominal_s * line
    good = np.abs(residual - np.median(residual)) < _OUTLIER_S
    slope = 0.0
    if np.count_nonzero(good) >= _FIT_LINES:
        slope, offset = (float(value) for value in np.polyfit(line[good], residual[good], 1))
    else:
        offset = float(residual[good].mean())
    whole_us = int(np.floor(offset * 1e6))
    latch = gps_to_utc(origin) + timedelta(microseconds=whole_us)
    return latch, offset - whole_us * 1e-6, nominal_s + slope


def _windows(echoes: Packets, line: NDArray[np.int64]) -> tuple[SamplingWindow, ...]:
    codes = np.stack([echoes.headers["swst"], echoes.headers["swl"]], axis=1).astype(np.int64)
    changes = np.flatnonzero(np.any(np.diff(codes, axis=0) != 0, axis=1)) + 1
    starts = np.concatenate([[0], changes])
    return tuple(SamplingWindow(int(line[at]), int(codes[at, 0]), int(codes[at, 1])) for at in starts)


def raw_statistics(echoes: Packets) -> RawStatistics:
    """Moments over lines spread evenly over the echoes."""
    quads = echoes.headers["number_of_quads"]
    usual = np.flatnonzero(quads == np.median(quads).astype(quads.dtype))
    chosen = usual[:: max(usual.size // _STATISTICS_LINES, 1)]
    data, bad = echoes.select(chosen).decode()
    data = np.delete(data, bad, axis=0)
    if not data.size:
        return RawStatistics(0.0, 0.0, 0.0, 0.0, 0.0, 0)
    mean = complex(data.mean(dtype=np.complex128))
    i, q = data.real - np.float32(mean.real), data.imag - np.float32(mean.imag)
    i_std, q_std = (float(np.sqrt(np.mean(part**2, dtype=np.float64))) for part in (i, q))
    cross = float(np.mean(i * q, dtype=np.float64))
    departure = np.degrees(np.arcsin(np.clip(cross / (i_std * q_std), -1.0, 1.0))) if i_std * q_std else 0.0
    return RawStatistics(mean.real, mean.imag, i_std, q_std, float(departure), int(data.size))


def _whole_rows(out: NDArray[np.complex64], rows: NDArray[np.int64], samples: int) -> NDArray[np.complex64] | None:
    """The rows as they lie in memory, for decoders to fill; None where they are apart or of another length."""
    apart = rows[-1] - rows[0] + 1 != rows.size or not out.flags.c_contiguous
    return None if apart or out.shape[1] != samples else out[rows[0] : rows[-1] + 1]


def _place(out: NDArray[np.complex64], rows: NDArray[np.int64], data: NDArray[np.complex64], shift: float) -> None:
    """Put lines into the common window, `shift` samples after its start; a broken shift is applied by its phase."""
    whole = int(np.floor(shift + 1e-3))
    part = shift - whole
    if abs(part) > 1e-3:
        frequency = scipy.fft.fftfreq(data.shape[1])
        ramp = np.exp(-2j * np.pi * frequency * part).astype(np.complex64)
        data = scipy.fft.ifft(scipy.fft.fft(data, axis=1) * ramp, axis=1)
    width = min(data.shape[1], out.shape[1] - whole)
    out[rows, whole : whole + width] = data[:, :width]
