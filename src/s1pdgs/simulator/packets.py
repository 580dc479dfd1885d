"""The packet stream of one receive channel of a data take: headers, echoes, noise and calibration pulses."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import baq, bypass, codes, fdbaq
from s1pdgs.formats.isp.codes import BaqMode, SignalType
from s1pdgs.formats.isp.header import SEQUENCE_MODULO, new_headers
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.simulator.ancillary import ancillary_words, gps_time
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.distributed import Raw, fill_white_noise
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.scenario import RadarSettings

RX_CHANNELS = {"V": 0, "H": 1}
NOISE_BITS = 5
BRC_STEPS = (20, 80, 140, 220)
"""THIDX from which FDBAQ spends more bits; the instrument's own thresholds are not published."""

_BATCH = 256
_FULL_BANDWIDTH_HZ = 100e6
_FULL_BANDWIDTH_DECIMATION = 0
CALIBRATION_MARGIN_CODES = 100
CALIBRATION_BEAM = 3
TX_CAL_SWATH_OFFSET = 50
COMPENSATED = 3
CALIBRATION_NOISE = 1.5
# counts of the pulses, such that the replica TxCal RxCal TaCal / (EpdnCal ApdnCal) has 100
CALIBRATION_COUNTS = {
    SignalType.TX_CAL: 120.0,
    SignalType.RX_CAL: 110.0,
    SignalType.EPDN_CAL: 120.0,
    SignalType.TA_CAL: 100.0,
    SignalType.APDN_CAL: 110.0,
    SignalType.TX_H_CAL_ISO: 2.0,
}
ALTERNATING = (SignalType.TX_CAL, SignalType.RX_CAL, SignalType.EPDN_CAL, SignalType.TA_CAL)
"""Signals whose pulses change sign from one to the next, so that half of a difference is the signal (PCC-2)."""


def packet_batches(
    take: DataTake, channel: Channel, raw: Raw, noise_deviation: float, seed: np.random.SeedSequence
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """All packets of one polarisation in order: octets back to back and n + 1 offsets, batch by batch.

    `raw` complex64 (lines, samples) are noise-free counts; noise is added to echoes as to noise packets.
    """
    headers = stream_headers(take, channel.polarisation)
    kinds = np.stack([take.schedule.signal, take.schedule.full_bandwidth, take.schedule.interleaved])
    changes = np.flatnonzero(np.any(np.diff(kinds, axis=1), axis=0)) + 1
    bounds = [0, *changes.tolist(), headers.size]
    parts = [
        slice(start, min(start + _BATCH, stop))
        for begin, stop in pairwise(bounds)
        for start in range(begin, stop, _BATCH)
    ]
    for part, source in zip(parts, seed.spawn(len(parts)), strict=True):
        data, limits = _user_data(
            take, channel, part, headers[part], raw=raw, noise_deviation=noise_deviation, seed=source
        )
        yield build_packets(headers[part], data, limits)


def stream_headers(take: DataTake, polarisation: str) -> NDArray[np.void]:
    """The headers (n,) of the stream of one polarisation, data lengths not set."""
    schedule, radar = take.schedule, take.scenario.radar
    count = schedule.pri_count.size
    latch = take.latch_s(schedule.pri_count)
    headers = new_headers(count)
    headers["sequence_count"] = np.arange(count) % SEQUENCE_MODULO
    headers["space_packet_count"] = np.arange(count)
    headers["pri_count"] = schedule.pri_count
    headers["coarse_time"], headers["fine_time"] = codes.packet_time_codes(*gps_time(take, latch))
    headers["subcom_index"], headers["subcom_word"] = ancillary_words(take, latch)
    for name, value in {
        "data_take_id": take.scenario.data_take_id,
        "ecc_number": radar.ecc_number,
        "rx_channel": RX_CHANNELS[polarisation[1]],
        "instrument_configuration_id": radar.instrument_configuration_id,
        "tx_ramp_rate": radar.tx_ramp_rate,
        "tx_start_frequency": radar.tx_start_frequency,
        "tx_pulse_length": radar.tx_pulse_length,
        "rank": radar.rank,
        "pri": radar.pri,
        "swst": take.swst,
        "polarisation": take.scenario.polarisation_code,
        "tx_pulse_number": radar.tx_pulse_number,
        "signal_type": schedule.signal,
        "swath_number": radar.swath_number,
        "range_decimation": radar.range_decimation,
    }.items():
        headers[name] = value
    _set_imaging_fields(headers, take)
    _set_calibration_fields(headers, take)
    return headers


def full_bandwidth_settings(radar: RadarSettings) -> RadarSettings:
    """The settings of full-bandwidth calibration: the pulse sweeps 100 MHz, nothing is decimated away."""
    length = float(codes.tx_pulse_length_s(radar.tx_pulse_length))
    ramp = int(codes.tx_ramp_rate_code(_FULL_BANDWIDTH_HZ / length))
    return RadarSettings(
        swath=radar.swath,
        tx_pulse_length=radar.tx_pulse_length,
        tx_ramp_rate=ramp,
        tx_start_frequency=int(codes.tx_start_frequency_code(-0.5 * _FULL_BANDWIDTH_HZ, ramp)),
        range_decimation=_FULL_BANDWIDTH_DECIMATION,
    )


def _set_imaging_fields(headers: NDArray[np.void], take: DataTake) -> None:
    radar, signal = take.scenario.radar, take.schedule.signal
    imaging = signal <= SignalType.NOISE
    headers["baq_mode"] = np.where(signal == SignalType.ECHO, BaqMode.FDBAQ0, headers["baq_mode"])
    headers["baq_mode"] = np.where(signal == SignalType.NOISE, NOISE_BITS, headers["baq_mode"])
    headers["temperature_compensation"] = np.where(signal == SignalType.ECHO, COMPENSATED, 0)
    headers["cal_mode"] = np.where(take.schedule.interleaved, 0, 1)
    for name, value in {
        "rx_gain": radar.rx_gain,
        "elevation_beam": radar.elevation_beam,
        "swl": take.scenario.swl,
        "number_of_quads": take.samples // 2,
    }.items():
        headers[name] = np.where(imaging, value, 0)


def _set_calibration_fields(headers: NDArray[np.void], take: DataTake) -> None:
    radar, schedule = take.scenario.radar, take.schedule
    calibration = schedule.signal > SignalType.NOISE
    full = calibration & schedule.full_bandwidth
    wide = full_bandwidth_settings(radar)
    swl = radar.tx_pulse_length + CALIBRATION_MARGIN_CODES
    for chosen, settings in ((calibration, radar), (full, wide)):
        headers["number_of_quads"][chosen] = codes.number_of_samples(swl, settings.range_decimation) // 2
        headers["range_decimation"][chosen] = settings.range_decimation
        headers["tx_ramp_rate"][chosen] = settings.tx_ramp_rate
        headers["tx_start_frequency"][chosen] = settings.tx_start_frequency
    headers["swl"][calibration] = swl
    headers["ssb_flag"][calibration] = 1
    headers["sas_test"][calibration] = 1
    headers["azimuth_beam"][calibration] = CALIBRATION_BEAM
    headers["cal_type"][calibration] = schedule.signal[calibration] - SignalType.TX_CAL
    headers["swath_number"][full] = radar.calibration_swath_number
    headers["swath_number"][schedule.signal == SignalType.TX_CAL] += TX_CAL_SWATH_OFFSET


def _user_data(
    take: DataTake,
    channel: Channel,
    part: slice,
    headers: NDArray[np.void],
    *,
    raw: Raw,
    noise_deviation: float,
    seed: np.random.SeedSequence,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    signal = SignalType(int(headers["signal_type"][0]))
    samples = np.empty((headers.size, 2 * int(headers["number_of_quads"][0])), np.complex64)
    fill_white_noise(samples, seed)
    if signal > SignalType.NOISE:
        samples *= np.float32(CALIBRATION_NOISE)
        samples += _calibration_pulses(take, channel, part, signal)[:, : samples.shape[1]]
        return bypass.encode_lines(samples)
    samples *= np.float32(noise_deviation)
    if signal == SignalType.NOISE:
        return baq.encode_lines(samples, NOISE_BITS)
    echo = take.schedule.has_echo[part]
    samples[echo] += raw[take.schedule.line[part][echo]]
    return fdbaq.encode_lines(samples, fdbaq.monotone_policy(BRC_STEPS))


def _calibration_pulses(take: DataTake, channel: Channel, part: slice, signal: SignalType) -> NDArray[np.complex64]:
    """Pulses (n, samples) that begin with the delay in the instrument, as the image's echoes do."""
    radar = take.scenario.radar
    if take.schedule.full_bandwidth[part.start]:
        radar = full_bandwidth_settings(radar)
    count = codes.number_of_samples(radar.tx_pulse_length + CALIBRATION_MARGIN_CODES, radar.range_decimation)
    pulse = np.zeros(count, np.complex128)
    replica = radar.chirp.replica(radar.sampling_hz, channel.delay_s)[:count]
    pulse[: replica.size] = replica * CALIBRATION_COUNTS[signal]
    sign = np.ones(part.stop - part.start)
    if signal in ALTERNATING:
        sign[take.schedule.ordinal[part] % 2 == 1] = -1.0
    return (sign[:, None] * pulse).astype(np.complex64)
