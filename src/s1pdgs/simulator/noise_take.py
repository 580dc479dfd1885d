"""A data take of any mode with noise for echoes: true headers, counters and ancillary words, cheap user data."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numba
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import BaqMode, Polarisation, SignalType, TestMode
from s1pdgs.formats.isp.header import HEADER_SIZE, SEQUENCE_MODULO, new_headers, pack_headers
from s1pdgs.formats.isp.subcom import encode_frame
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import utc_to_gps
from s1pdgs.sar.attitude import Mispointing
from s1pdgs.sar.orbit import fit_orbit
from s1pdgs.simulator.ancillary import ancillary_data, word_index
from s1pdgs.simulator.commanding import SwathSettings
from s1pdgs.simulator.noise_pool import NoisePool, build_pool
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.packets import (
    CALIBRATION_BEAM,
    CALIBRATION_MARGIN_CODES,
    COMPENSATED,
    NOISE_BITS,
    RX_CHANNELS,
    TX_CAL_SWATH_OFFSET,
    full_bandwidth_settings,
)
from s1pdgs.simulator.program import Program
from s1pdgs.simulator.window import swap_flags

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Packets back to back, and their n + 1 offsets."""

POLARISATIONS = {"SH": "HH", "SV": "VV", "DH": "HHV", "DV": "VVH", "HV": "HVHV", "VH": "VHVH"}
"""Transmitted letters, then received ones: `HV` and `VH` transmit either in turn, cycle by cycle, and receive both."""

_BATCH_BYTES = 16 << 20
_FEWEST, _MOST = 256, 8192
_STRETCH_S = 120
_ADDRESS_RAD = 0.036 / 1023.0
_CENTRE_ADDRESS = 511.5
"""Azimuth beam addresses 0 to 1023 are taken to spread linearly over +-0.018 rad."""

_PULSE_COMBINATION, _PULSE_COMBINATION_AROUND, _RF_CHARACTERISATION = 0, 1, 3
_RFC_ECC = 15


@frozen(eq=False, kw_only=True)
class NoiseTake:
    """A planned data take; `start` is the latch of PRI 0 (UTC), `frames` (seconds, 64) the ancillary words of each
    GPS second from `first_second` on, `window_starts` (runs,) the SWST codes.
    """

    program: Program
    satellite: str
    data_take_id: int
    polarisation: str
    start: datetime
    frames: NDArray[np.uint16]
    first_second: int
    window_starts: NDArray[np.int64]
    instrument_configuration_id: int = 6
    test_mode: TestMode = TestMode.NORMAL
    seed: int = 1

    @property
    def receive_polarisations(self) -> tuple[str, ...]:
        """What each receive channel holds, the one of the transmitted polarisation first: `VV`, `VH`."""
        letters = POLARISATIONS[self.polarisation]
        received = letters[1:] if len(letters) < 4 else letters[2:]
        return tuple(letters[0] + receive for receive in received)

    @property
    def packet_count(self) -> int:
        """Packets of each receive channel."""
        return self.program.packet_count

    @property
    def sensing(self) -> Interval:
        """From the latch of the first packet to that of the last one."""
        seconds = self.program.codes_at(np.array([0, self.packet_count - 1])) / codes.F_REF_HZ
        first, last = (self.start + timedelta(seconds=float(value)) for value in seconds)
        return Interval(first, last)

    @property
    def occupied(self) -> Interval:
        """From the latch of PRI 0 on."""
        return Interval(self.start, self.sensing.stop)

    def batches(self, polarisation: str) -> Iterator[Batch]:
        """All packets of one receive channel, in order; the same whenever it is asked."""
        maker = PacketMaker.of(self, polarisation)
        size = int(np.clip(_BATCH_BYTES / maker.pool.mean_bytes, _FEWEST, _MOST))
        for first in range(0, self.packet_count, size):
            yield maker.batch(np.arange(first, min(first + size, self.packet_count)))

    def gps_time(self, packet: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Whole GPS seconds and fractions at which packets are latched."""
        whole, fraction = utc_to_gps(self.start)
        total = self.program.codes_at(packet) / codes.F_REF_HZ + fraction
        carry = np.floor(total)
        return whole + carry.astype(np.int64), total - carry


def ancillary_frames(
    trajectory: Trajectory, satellite: str, span: Interval, mispointing: Mispointing, seed: int
) -> tuple[NDArray[np.uint16], int]:
    """The ancillary words of every GPS second of a span of UTC time, (seconds, 64), and the first second."""
    first, last = utc_to_gps(span.start)[0], utc_to_gps(span.stop)[0] + 1
    frames = []
    for stretch in range(first, last + 1, _STRETCH_S):
        begin = span.start + timedelta(seconds=stretch - first - 20)
        vectors = trajectory.vectors_between(begin, begin + timedelta(seconds=_STRETCH_S + 40))
        orbit = fit_orbit(vectors, begin, vectors[-1].time)
        frames += [
            encode_frame(ancillary_data(orbit, second, mispointing, seed, has_tgu=codes.has_tgu_temperature(satellite)))
            for second in range(stretch, min(stretch + _STRETCH_S, last + 1))
        ]
    return np.stack(frames), first


@frozen(eq=False)
class _SecondStarts:
    """The first packet of each GPS second that has packets."""

    second: NDArray[np.int64]
    packet: NDArray[np.int64]

    @classmethod
    def of(cls, take: NoiseTake) -> "_SecondStarts":
        seconds, packets = [], []
        last = -1
        for first in range(0, take.packet_count, 1 << 16):
            packet = np.arange(first, min(first + (1 << 16), take.packet_count))
            second, _ = take.gps_time(packet)
            begins = np.flatnonzero(np.diff(second, prepend=last))
            seconds.append(second[begins])
            packets.append(packet[begins])
            last = int(second[-1])
        return cls(np.concatenate(seconds), np.concatenate(packets))


@frozen(eq=False)
class PacketMaker:
    """What makes the packets of one receive channel of a data take."""

    take: NoiseTake
    table: NDArray[np.void]
    seconds: _SecondStarts
    pool: NoisePool

    @classmethod
    def of(cls, take: NoiseTake, polarisation: str) -> "PacketMaker":
        bypass = take.test_mode == TestMode.BYPASS
        pool = build_pool(take.program, polarisation, take.seed, bypass_echoes=bypass)
        return cls(take, _run_headers(take, polarisation), _SecondStarts.of(take), pool)

    def headers(self, packet: NDArray[np.int64]) -> NDArray[np.void]:
        """The headers of packets (n,) by their count, data lengths not set."""
        take, program = self.take, self.take.program
        run = program.run_of(packet)
        ordinal = packet - program.first_packet[run]
        headers = self.table[run]
        headers["sequence_count"] = packet % SEQUENCE_MODULO
        headers["space_packet_count"] = packet
        headers["pri_count"] = program.first_pri[run] + ordinal
        headers["coarse_time"], headers["fine_time"] = codes.packet_time_codes(*take.gps_time(packet))
        started = np.searchsorted(self.seconds.packet, packet, side="right") - 1
        index = word_index(packet - self.seconds.packet[started], started > 0)
        words = take.frames[self.seconds.second[started] - take.first_second, index - 1]
        headers["subcom_index"], headers["subcom_word"] = index, np.where(index == 0, 0, words)
        steering = np.array([settings.steering_rad_s for settings in program.swaths])[program.swath[run]]
        steered = (steering != 0.0) & (program.signal[run] == SignalType.ECHO)
        angle = steering * (ordinal - 0.5 * (program.packets[run] - 1)) * program.pri[run] / codes.F_REF_HZ
        headers["azimuth_beam"] = np.where(
            steered, np.rint(_CENTRE_ADDRESS + angle / _ADDRESS_RAD), headers["azimuth_beam"]
        )
        return headers

    def batch(self, packet: NDArray[np.int64]) -> Batch:
        """Packets (n,) with user data from the stock."""
        run = self.take.program.run_of(packet)
        choice = self.pool.choose(packet, run, packet - self.take.program.first_packet[run])
        headers, sizes = self.headers(packet), self.pool.sizes[choice]
        headers["data_length"] = HEADER_SIZE + sizes - 7
        bounds = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes + HEADER_SIZE)))
        octets = np.empty(int(bounds[-1]), np.uint8)
        _join(pack_headers(headers), self.pool.octets, self.pool.starts[choice], bounds, octets)
        return octets, bounds


def _run_headers(take: NoiseTake, polarisation: str) -> NDArray[np.void]:
    """The headers that all packets of a run share, one a run."""
    program = take.program
    headers = new_headers(program.swath.size)
    headers["data_take_id"] = take.data_take_id
    headers["ecc_number"] = program.ecc_number
    headers["test_mode"] = take.test_mode
    headers["rx_channel"] = RX_CHANNELS[polarisation[1]]
    headers["instrument_configuration_id"] = take.instrument_configuration_id
    headers["polarisation"] = _polarisation_codes(take)
    headers["signal_type"] = program.signal
    headers["swst"] = take.window_starts
    headers["swap_flag"] = swap_flags(program, take.window_starts)
    for number, settings in enumerate(program.swaths):
        chosen = program.swath == number
        for name in ("tx_ramp_rate", "tx_start_frequency", "tx_pulse_length", "rank", "pri", "swath_number"):
            headers[name][chosen] = getattr(settings, name)
        headers["range_decimation"][chosen] = settings.range_decimation
        headers["tx_pulse_number"][chosen] = settings.tx_pulse_number
        _set_image(headers, chosen & (program.signal <= SignalType.NOISE), settings, take.test_mode)
        calibration = chosen & (program.signal > SignalType.NOISE)
        _set_calibration(headers, calibration, settings, program.full_bandwidth)
    headers["cal_mode"] = np.where(program.cycle > 0, _PULSE_COMBINATION, _PULSE_COMBINATION_AROUND)
    if program.ecc_number == _RFC_ECC:
        headers["cal_mode"][program.cycle > 0] = _RF_CHARACTERISATION
    return headers


def _polarisation_codes(take: NoiseTake) -> NDArray[np.uint8]:
    letters = POLARISATIONS[take.polarisation]
    both = len(letters) > 2
    code = {
        letter: Polarisation[f"{letter}_HV" if both else f"{letter}{letters[1]}"]
        for letter in "HV"
        if letter in letters
    }
    if len(letters) < 4:
        return np.full(take.program.swath.size, code[letters[0]], np.uint8)
    second = (take.program.cycle > 0) & (take.program.cycle % 2 == 0)
    return np.where(second, code[letters[1]], code[letters[0]]).astype(np.uint8)


def _set_image(
    headers: NDArray[np.void], chosen: NDArray[np.bool_], settings: SwathSettings, test_mode: TestMode
) -> None:
    echo = chosen & (headers["signal_type"] == SignalType.ECHO)
    headers["baq_mode"][chosen] = NOISE_BITS
    headers["baq_mode"][echo] = BaqMode.BYPASS if test_mode == TestMode.BYPASS else BaqMode.FDBAQ0
    headers["temperature_compensation"][echo] = COMPENSATED
    headers["rx_gain"][chosen] = settings.rx_gain
    headers["elevation_beam"][chosen] = settings.elevation_beam
    headers["swl"][chosen] = settings.swl
    headers["number_of_quads"][chosen] = settings.samples // 2


def _set_calibration(
    headers: NDArray[np.void], chosen: NDArray[np.bool_], settings: SwathSettings, full_bandwidth: NDArray[np.bool_]
) -> None:
    wide = full_bandwidth_settings(settings)
    full = chosen & full_bandwidth
    swl = settings.tx_pulse_length + CALIBRATION_MARGIN_CODES
    for part, radar in ((chosen, settings), (full, wide)):
        headers["number_of_quads"][part] = codes.number_of_samples(swl, radar.range_decimation) // 2
        headers["range_decimation"][part] = radar.range_decimation
        headers["tx_ramp_rate"][part] = radar.tx_ramp_rate
        headers["tx_start_frequency"][part] = radar.tx_start_frequency
    headers["swl"][chosen] = swl
    headers["ssb_flag"][chosen] = 1
    headers["sas_test"][chosen] = 1
    headers["azimuth_beam"][chosen] = CALIBRATION_BEAM
    headers["cal_type"][chosen] = headers["signal_type"][chosen] - SignalType.TX_CAL
    headers["swath_number"][full] = settings.calibration_swath_number
    headers["swath_number"][chosen & (headers["signal_type"] == SignalType.TX_CAL)] += TX_CAL_SWATH_OFFSET


@numba.njit(cache=True, nogil=True)
def _join(headers, pool, starts, bounds, out):  # type: ignore[no-untyped-def]
    """Header and user data of each packet into its place in `out`."""
    width = headers.shape[1]
    for packet in range(headers.shape[0]):
        place = bounds[packet]
        out[place : place + width] = headers[packet]
        rest = bounds[packet + 1] - place - width
        out[place + width : bounds[packet + 1]] = pool[starts[packet] : starts[packet] + rest]
