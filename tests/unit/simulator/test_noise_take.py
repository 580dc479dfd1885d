"""Noise-like data takes of any mode: true headers and counters, and user data that decode."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import Polarisation, SignalType, TestMode
from s1pdgs.formats.isp.header import gather_headers, index_packets, packet_faults
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.formats.isp.subcom import decode_frames
from s1pdgs.model.time import gps_to_utc
from s1pdgs.simulator.noise_take import NoiseTake
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.planned import noise_take

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    return Trajectory.spanning(START - timedelta(hours=1), START + timedelta(hours=1))


def planned(trajectory: Trajectory, satellite: str = "S1A", **take: object) -> NoiseTake:
    values = {"samples": 64, "duration_s": 1.0} | take
    plan = Plan(satellite=satellite, start=START, takes=(TakePlan(**values),))
    return noise_take(plan, plan.takes[0], 0x1234, trajectory)


def received(take: NoiseTake, polarisation: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    data = np.concatenate([octets for octets, _ in take.batches(polarisation)])
    offsets, lengths = index_packets(data)
    return data, offsets, lengths, gather_headers(data, offsets)


MODES = ("S1", "S2", "S3", "S4", "S5N", "S5S", "S6", "IW", "EW", "WV", "EN", "N1", "N5S", "RF", "13", "31", "ZI", "ZE")


@pytest.mark.parametrize("mode", MODES)
def test_packets_of_every_mode_are_sound_counted_and_decode(trajectory: Trajectory, mode: str) -> None:
    take = planned(trajectory, mode=mode, polarisation="SV", duration_s=0.3)
    data, offsets, lengths, headers = received(take, "VV")
    number = np.arange(take.packet_count)
    assert headers.size == take.packet_count
    assert not packet_faults(headers).any()
    np.testing.assert_array_equal(headers["space_packet_count"], number)
    np.testing.assert_array_equal(headers["sequence_count"], number % 16384)
    run = take.program.run_of(number)
    np.testing.assert_array_equal(
        headers["pri_count"], take.program.first_pri[run] + number - take.program.first_packet[run]
    )
    assert set(headers["data_take_id"]) == {0x1234}
    assert set(headers["ecc_number"]) == {take.program.ecc_number}
    names = {settings.swath for settings in take.program.swaths}
    for packet in np.unique(np.linspace(0, take.packet_count - 1, 60).astype(int)):
        header = headers[packet]
        meaning = codes.swath(int(header["swath_number"]))
        assert names & {meaning.name, meaning.notch_name}
        assert meaning.tx_calibration == (header["signal_type"] == SignalType.TX_CAL)
        samples = decode_lines(data, offsets[[packet]], lengths[[packet]], headers[[packet]])
        assert samples.shape[1] == codes.number_of_samples(int(header["swl"]), int(header["range_decimation"]))
        assert 0.5 < np.mean(np.abs(samples) ** 2) < 3e4


def test_packet_times_and_ancillary_data_follow_the_orbit(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="IW", polarisation="SV", duration_s=6.0)
    _, _, _, headers = received(take, "VV")
    coarse, fraction = codes.packet_time(headers["coarse_time"], headers["fine_time"])
    seconds = take.program.codes_at(np.arange(headers.size)) / codes.F_REF_HZ
    for packet in (0, 3000, headers.size - 1):
        latch = take.start + timedelta(seconds=float(seconds[packet]))
        assert abs(gps_to_utc(int(coarse[packet]), float(fraction[packet])) - latch) <= timedelta(microseconds=9)
    frames = decode_frames(headers["subcom_index"], headers["subcom_word"])
    assert len({frame.position_time for frame in frames}) >= 7
    for frame in frames[::20]:
        moment = gps_to_utc(*frame.position_time)
        np.testing.assert_allclose(frame.position_m, trajectory.vector_at(moment).position_m, atol=0.02)
    assert take.sensing.stop - take.sensing.start == timedelta(seconds=float(seconds[-1] - seconds[0]))


def test_long_data_takes_keep_to_the_orbit(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="WV", polarisation="SV", duration_s=400.0)
    index = np.arange(1, 65)
    for second in (0, 119, 120, 300, len(take.frames) - 1):
        frame = decode_frames(index.astype(np.uint8), take.frames[second])[0]
        moment = gps_to_utc(*frame.position_time)
        assert frame.position_time[0] == take.first_second + second
        np.testing.assert_allclose(frame.position_m, trajectory.vector_at(moment).position_m, atol=0.02)


def test_bursts_are_steered_from_aft_to_fore(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="IW", polarisation="SV", duration_s=1.0)
    _, _, _, headers = received(take, "VV")
    for swath in ("IW1", "IW2"):
        first, count = take.program.bursts(swath)[0]
        beams = headers["azimuth_beam"][first : first + count].astype(int)
        assert (np.diff(beams) >= 0).all()
        assert beams[0] < 400
        assert beams[-1] > 620
        assert abs(beams[0] + beams[-1] - 1023) <= 1
    still = planned(trajectory, mode="S3", polarisation="SV", duration_s=0.1)
    _, _, _, headers = received(still, "VV")
    assert set(headers["azimuth_beam"][headers["signal_type"] == SignalType.ECHO]) == {0}


def test_echo_packets_before_the_first_echo_hold_noise_alone(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="IW", polarisation="SV")
    data, offsets, lengths, headers = received(take, "VV")
    first, count = take.program.bursts("IW1")[0]
    echoes = np.arange(first, first + count)
    power = np.mean(np.abs(decode_lines(data, offsets[echoes], lengths[echoes], headers[echoes])) ** 2, axis=1)
    rank = int(headers["rank"][first])
    assert power[:rank].max() < 60.0 < power[rank:].min()


def test_calibration_pulses_change_their_sign(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="S3", polarisation="SV", duration_s=0.1)
    data, offsets, lengths, headers = received(take, "VV")
    run = int(np.flatnonzero(take.program.signal == SignalType.TX_CAL)[0])
    pulses = take.program.first_packet[run] + np.arange(2)
    odd, even = decode_lines(data, offsets[pulses], lengths[pulses], headers[pulses])
    assert np.abs(even + odd).mean() < 0.1 * np.abs(even - odd).mean()


@pytest.mark.parametrize(
    ("polarisation", "channels", "fields"),
    [
        ("SV", ("VV",), {Polarisation.VV}),
        ("SH", ("HH",), {Polarisation.HH}),
        ("DV", ("VV", "VH"), {Polarisation.V_HV}),
        ("DH", ("HH", "HV"), {Polarisation.H_HV}),
    ],
)
def test_receive_channels_and_polarisation_field(
    trajectory: Trajectory, polarisation: str, channels: tuple[str, ...], fields: set[int]
) -> None:
    take = planned(trajectory, mode="S3", polarisation=polarisation, duration_s=0.1)
    assert take.receive_polarisations == channels
    for channel in channels:
        _, _, _, headers = received(take, channel)
        assert set(headers["rx_channel"]) == {"VH".index(channel[1])}
        assert set(headers["polarisation"]) == fields
        assert {codes.channel_polarisation(int(h["polarisation"]), int(h["rx_channel"])) for h in headers[:9]} == {
            channel
        }


def test_rf_characterisation_may_transmit_both_polarisations_in_turn(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="RF", polarisation="VH", duration_s=3.0)
    assert take.receive_polarisations == ("VV", "VH")
    _, _, _, headers = received(take, "VH")
    run = take.program.run_of(np.arange(headers.size))
    cycle = take.program.cycle[run]
    assert take.program.cycle.max() >= 2
    assert set(headers["polarisation"][cycle == 1]) == {Polarisation.V_HV}
    assert set(headers["polarisation"][cycle == 2]) == {Polarisation.H_HV}
    assert set(headers["cal_mode"][cycle > 0]) == {3}


def test_newer_satellites_name_calibration_otherwise_and_tell_no_tgu_temperature(trajectory: Trajectory) -> None:
    take = planned(trajectory, "S1C", mode="S3", polarisation="SV", duration_s=0.1)
    _, _, _, headers = received(take, "VV")
    names = {codes.calibration_signal(int(code), "S1C") for code in set(headers["signal_type"]) if code > 1}
    assert names == {"TxCal", "RxCal", "EpdnCal", "TxCalIso"}
    assert set(headers["cal_type"][headers["signal_type"] == 11]) == {3}
    frame = decode_frames(headers["subcom_index"], headers["subcom_word"])[0]
    assert (frame.tgu_temperature_code, frame.temperature_update_mask) == (0, 0x3FFF)


def test_bypass_packets_are_not_quantised(trajectory: Trajectory) -> None:
    take = planned(trajectory, mode="S3", polarisation="SV", duration_s=0.1, test_mode=int(TestMode.BYPASS))
    data, offsets, lengths, headers = received(take, "VV")
    assert set(headers["test_mode"]) == {TestMode.BYPASS}
    echo = np.flatnonzero(headers["signal_type"] == SignalType.ECHO)[[50]]
    samples = decode_lines(data, offsets[echo], lengths[echo], headers[echo])
    np.testing.assert_array_equal(samples, np.rint(samples.real) + 1j * np.rint(samples.imag))
    assert np.mean(np.abs(samples) ** 2) > 100.0


def test_the_same_plan_gives_the_same_packets_and_another_seed_others(trajectory: Trajectory) -> None:
    one, again = (planned(trajectory, mode="S3", polarisation="SV", duration_s=0.05) for _ in range(2))
    first = received(one, "VV")[0]
    np.testing.assert_array_equal(first, received(one, "VV")[0])
    np.testing.assert_array_equal(first, received(again, "VV")[0])
    plan = Plan(start=START, seed=2, takes=(TakePlan(mode="S3", polarisation="SV", duration_s=0.05, samples=64),))
    other = noise_take(plan, plan.takes[0], 0x1234, trajectory)
    assert received(other, "VV")[0].tobytes() != first.tobytes()
