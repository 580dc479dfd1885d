"""Other radio sources in the lines of a receive channel: tones and pulses."""

from pathlib import Path
from typing import Protocol

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import fdbaq
from s1pdgs.formats.isp.codes import F_REF_HZ, SignalType, packet_time, sampling_frequency_hz
from s1pdgs.formats.isp.header import gather_headers, index_packets
from s1pdgs.formats.isp.packets import build_packets, decode_lines
from s1pdgs.simulator.packets import BRC_STEPS

Lines = NDArray[np.complex64]


class Interferer(Protocol):
    """Adds what it sends to lines (n, samples) whose windows open at times (n,), seconds of any origin."""

    def add(self, lines: Lines, time_s: NDArray[np.float64], sampling_hz: float) -> None: ...


@frozen
class Tone:
    """A carrier at a frequency from the radar's, of an amplitude in raw counts, that never pauses."""

    frequency_hz: float
    amplitude: float

    def add(self, lines: Lines, time_s: NDArray[np.float64], sampling_hz: float) -> None:
        turns = self.frequency_hz * (time_s[:, None] + np.arange(lines.shape[1]) / sampling_hz)
        lines += np.asarray(self.amplitude * np.exp(2j * np.pi * (turns - np.rint(turns))), np.complex64)


@frozen
class Pulses:
    """Pulses that sweep over a bandwidth about the radar's frequency, sent at even intervals."""

    interval_s: float
    length_s: float
    bandwidth_hz: float
    amplitude: float

    def add(self, lines: Lines, time_s: NDArray[np.float64], sampling_hz: float) -> None:
        since_s = np.mod(time_s[:, None] + np.arange(lines.shape[1]) / sampling_hz, self.interval_s)
        middle_s = since_s - 0.5 * self.length_s
        pulse = self.amplitude * np.exp(1j * np.pi * self.bandwidth_hz / self.length_s * middle_s**2)
        lines += np.asarray(np.where(since_s < self.length_s, pulse, 0.0), np.complex64)


def interfere(path: Path, *interferers: Interferer) -> None:
    """Add interferers to all echoes of a measurement component, which are compressed again (FDBAQ)."""
    data = np.fromfile(path, np.uint8)
    offsets, lengths = index_packets(data)
    headers = gather_headers(data, offsets)
    packets = [data[begin : begin + length] for begin, length in zip(offsets, lengths, strict=True)]
    echoes = headers["signal_type"] == SignalType.ECHO
    kinds = headers[["range_decimation", "swst", "number_of_quads"]]
    for kind in np.unique(kinds[echoes]):
        chosen = np.flatnonzero(echoes & (kinds == kind))
        lines = decode_lines(data, offsets[chosen], lengths[chosen], headers[chosen])
        seconds, fraction = packet_time(headers["coarse_time"][chosen], headers["fine_time"][chosen])
        opened_s = (seconds - seconds[0]) + fraction + int(kind["swst"]) / F_REF_HZ
        for one in interferers:
            one.add(lines, opened_s, sampling_frequency_hz(int(kind["range_decimation"])))
        user_data, bounds = fdbaq.encode_lines(lines, fdbaq.monotone_policy(BRC_STEPS))
        built, starts = build_packets(headers[chosen], user_data, bounds)
        for at, begin, end in zip(chosen, starts[:-1], starts[1:], strict=True):
            packets[at] = built[begin:end]
    path.write_bytes(np.concatenate(packets).tobytes())
