"""Packet streams: headers as on board, ancillary data, and what the packets hold."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import attrs
import numpy as np
import pytest

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.header import gather_headers, index_packets, packet_faults, validate_packet
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.formats.isp.subcom import decode_frames
from s1pdgs.model.time import gps_to_utc
from s1pdgs.sar.attitude import body_axes_from_quaternion
from s1pdgs.simulator.ancillary import ancillary_words
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.packets import packet_batches, stream_headers
from s1pdgs.simulator.scenario import Scenario, Scene


@pytest.fixture(scope="module")
def take(plan: Callable[[Scenario], DataTake]) -> DataTake:
    return plan(Scenario(duration_s=1.05, samples=600, targets=0, scene=Scene(distributed=False)))


@pytest.fixture(scope="module")
def stream(take: DataTake, channel: Channel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Octets, offsets, lengths and headers of a stream whose echoes are a ramp of 200 counts."""
    raw = np.full((take.lines, take.samples), 200.0 + 0.0j, np.complex64)
    batches = packet_batches(take, channel, raw, 3.0, np.random.SeedSequence(1))
    data = np.concatenate([octets for octets, _ in batches])
    offsets, lengths = index_packets(data)
    return data, offsets, lengths, gather_headers(data, offsets)


def test_headers_are_complete_and_equal_those_of_real_s3_packets(
    plan: Callable[[Scenario], DataTake], testdata
) -> None:
    take = plan(Scenario(samples=21558, radar=attrs.evolve(Scenario().radar, ecc_number=13)))
    headers = stream_headers(take, "VV")
    varying = {"coarse_time", "fine_time", "data_length", "data_take_id", "subcom_word", "swst", "baq_block_length"}
    varying.add("instrument_configuration_id")
    for file, index in (("000000-noise.dat", 0), ("000008-txcal.dat", 8), ("000408-echo.dat", 408)):
        real = validate_packet((testdata / "isp" / file).read_bytes())
        for name in real.dtype.names:
            if name not in varying:
                assert headers[index][name] == real[name], (file, name)


def test_packets_are_sound_and_counted(stream, take: DataTake) -> None:
    _, _, _, headers = stream
    assert not packet_faults(headers).any()
    assert headers.size == take.schedule.pri_count.size
    np.testing.assert_array_equal(headers["space_packet_count"], np.arange(headers.size))
    np.testing.assert_array_equal(headers["sequence_count"], np.arange(headers.size) % 16384)
    np.testing.assert_array_equal(headers["pri_count"], take.schedule.pri_count)
    kinds = {(int(h["signal_type"]), int(h["swath_number"])) for h in headers}
    assert {(0, 2), (1, 2), (8, 52), (8, 88), (9, 2), (9, 38), (15, 38)} <= kinds


def test_times_are_those_of_the_latch(stream, take: DataTake) -> None:
    _, _, _, headers = stream
    coarse, fraction = codes.packet_time(headers["coarse_time"], headers["fine_time"])
    for index in (0, 500, headers.size - 1):
        latch = take.orbit.utc(float(take.latch_s(take.schedule.pri_count[index])))
        assert abs(gps_to_utc(int(coarse[index]), float(fraction[index])) - latch) <= timedelta(microseconds=9)


def test_echoes_hold_the_scene_and_noise_alone_where_no_pulse_was_sent(stream, take: DataTake) -> None:
    data, offsets, lengths, headers = stream
    echoes = np.flatnonzero(headers["signal_type"] == SignalType.ECHO)
    lines = decode_lines(data, offsets[echoes], lengths[echoes], headers[echoes])
    empty = ~take.schedule.has_echo[echoes]
    assert empty.sum() == 2 * take.scenario.radar.rank
    noise = np.flatnonzero(headers["signal_type"] == SignalType.NOISE)
    quiet = decode_lines(data, offsets[noise], lengths[noise], headers[noise])
    assert np.mean(np.abs(quiet) ** 2) == pytest.approx(18.0, rel=0.05)
    assert np.mean(np.abs(lines[empty]) ** 2) == pytest.approx(18.0, rel=0.1)
    assert lines[~empty].real.mean() == pytest.approx(200.0, rel=0.05)


def test_calibration_pulses_alternate_and_begin_with_the_delay_in_the_instrument(
    stream, take: DataTake, channel: Channel
) -> None:
    data, offsets, lengths, headers = stream
    chosen = np.flatnonzero((headers["signal_type"] == SignalType.TX_CAL) & (headers["swath_number"] == 52))[:2]
    odd, even = decode_lines(data, offsets[chosen], lengths[chosen], headers[chosen])
    difference = (even - odd) / 2
    radar = take.scenario.radar

    def response(delay_s: float) -> float:
        late = radar.chirp.replica(radar.sampling_hz, delay_s)[: difference.size]
        return float(np.abs(np.vdot(late, difference[: late.size])) / np.sum(np.abs(late) ** 2))

    assert response(channel.delay_s) == pytest.approx(120.0, rel=0.01)
    near = [response(channel.delay_s + offset) for offset in (-2e-9, 2e-9)]
    assert max(near) < response(channel.delay_s)
    leak = np.abs(even + odd) / 2
    assert leak.mean() < 3.0


def test_ancillary_frames_tell_the_orbit_and_attitude_of_each_second(take: DataTake) -> None:
    latch = take.latch_s(take.schedule.pri_count)
    index, word = ancillary_words(take, latch)
    assert index[0] == 1
    frames = decode_frames(index, word)
    seconds = sorted({frame.position_time[0] for frame in frames})
    assert len(seconds) >= 2
    assert all(later - earlier == 1 for earlier, later in pairwise(seconds))
    assert np.count_nonzero(index == 0) >= 2
    for frame in frames[:: max(1, len(frames) // 4)]:
        moment = take.orbit.seconds(gps_to_utc(*frame.position_time))
        np.testing.assert_allclose(frame.position_m, take.orbit.position(moment), atol=0.02)
        axes = body_axes_from_quaternion(take.orbit.epoch, moment, np.array(frame.quaternion))
        np.testing.assert_allclose(axes, take.body_axes(moment), atol=3e-7)
        assert -1.2e-3 < frame.angular_rate_rad_s[1] < -0.7e-3
        assert 15.0 < frame.tgu_temperature_celsius < 45.0
