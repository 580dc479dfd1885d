"""Codes and physical values agree with the documented facts and with each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import range_decimations

CODE24 = st.integers(0, (1 << 24) - 1)
CODE16 = st.integers(0, (1 << 16) - 1)
DECIMATIONS = st.sampled_from(sorted(range_decimations()))


def test_known_prfs() -> None:
    np.testing.assert_allclose(
        1 / codes.pri_s(np.array([21859, 25857, 22777, 19499])), [1717.129, 1451.627, 1647.922, 1924.956], atol=5e-4
    )


def test_the_s3_chirp_is_symmetric_about_the_carrier() -> None:
    rate = codes.tx_ramp_rate_hz_per_s(34770)
    start = codes.tx_start_frequency_hz(12970, 34770)
    assert rate == pytest.approx(1.3449e12, rel=1e-4)
    assert start == pytest.approx(-rate * codes.tx_pulse_length_s(1658) / 2, rel=1e-3)


def test_the_echo_delay_adds_forty_counts() -> None:
    delay = codes.echo_start_delay_s(10, 19499, 5271)
    assert delay * codes.F_REF_HZ == pytest.approx(10 * 19499 + 5271 + 40, abs=1e-6)
    assert pytest.approx(1.065680e-6, abs=5e-13) == codes.ECHO_START_DELAY_S


@pytest.mark.parametrize(("swl", "decimation", "samples"), [(12178, 4, 21558), (1758, 4, 3034)])
def test_sampling_windows_of_real_packets(swl: int, decimation: int, samples: int) -> None:
    assert codes.number_of_samples(swl, decimation) == samples


@given(DECIMATIONS, st.integers(200, 20_000))
def test_the_shortest_window_for_a_number_of_samples(decimation: int, samples: int) -> None:
    swl = codes.swl_code_for_samples(samples, decimation)
    assert codes.number_of_samples(swl, decimation) >= samples
    assert codes.number_of_samples(swl - 1, decimation) < samples


@given(DECIMATIONS, st.integers(70, 30_000))
def test_a_longer_window_never_has_fewer_samples(decimation: int, swl: int) -> None:
    assert codes.number_of_samples(swl + 1, decimation) >= codes.number_of_samples(swl, decimation)


def test_sampling_frequencies() -> None:
    assert codes.sampling_frequency_hz(8) == pytest.approx(64345238.1257)
    assert codes.sampling_frequency_hz(11) == pytest.approx(54595959.6218)
    with pytest.raises(PacketError, match="code 2 is not defined"):
        codes.sampling_frequency_hz(2)


def test_a_window_shorter_than_the_filter_is_refused() -> None:
    with pytest.raises(PacketError, match="shorter than the decimation filter"):
        codes.number_of_samples(40, 4)


@given(CODE24)
def test_durations_keep_their_code(code: int) -> None:
    assert codes.duration_code(codes.duration_s(code)) == code


@given(CODE16)
def test_signed_codes_keep_their_value(code: int) -> None:
    value = codes.signed_magnitude(code)
    assert codes.signed_magnitude(codes.signed_magnitude_code(value)) == value
    assert value == 0 or codes.signed_magnitude_code(value) == code


@given(CODE16, CODE16)
def test_chirps_keep_their_codes(ramp: int, start: int) -> None:
    assert codes.signed_magnitude(codes.tx_ramp_rate_code(codes.tx_ramp_rate_hz_per_s(ramp))) == codes.signed_magnitude(
        ramp
    )
    again = codes.tx_start_frequency_code(codes.tx_start_frequency_hz(start, ramp), ramp)
    assert codes.signed_magnitude(again) == codes.signed_magnitude(start)


def test_receiver_gain() -> None:
    assert codes.rx_gain_db(12) == -6.0


@given(st.integers(0, (1 << 32) - 1), CODE16)
def test_packet_time_keeps_its_codes(coarse: int, fine: int) -> None:
    seconds, fraction = codes.packet_time(coarse, fine)
    assert codes.packet_time_codes(seconds, fraction) == (coarse, fine)
    assert fraction == (2 * fine + 1) / 131072


def test_packet_time_carries_fractions_beyond_a_second() -> None:
    assert codes.packet_time_codes(100, 2.5) == (102, 32768)
    assert codes.packet_time_codes(100, -0.25) == (99, 49152)
    assert codes.packet_time_codes(100, np.nextafter(1.0, 0)) == (100, 65535)


@pytest.mark.parametrize(
    ("code", "tx", "rx", "by_channel"), [(7, "V", "HV", ("VV", "VH")), (3, "H", "HV", ("HV", "HH")), (4, "V", "", None)]
)
def test_polarisations(code: int, tx: str, rx: str, by_channel: tuple[str, str] | None) -> None:
    assert (codes.Polarisation(code).tx, codes.Polarisation(code).rx) == (tx, rx)
    if by_channel:
        assert tuple(codes.channel_polarisation(code, channel) for channel in (0, 1)) == by_channel


def test_an_undefined_receive_channel_is_refused() -> None:
    with pytest.raises(PacketError, match="receive channel 2"):
        codes.channel_polarisation(7, 2)


@pytest.mark.parametrize(
    ("number", "name", "full_bandwidth", "tx_calibration"),
    [
        (2, "S3", False, False),
        (10, "IW1", False, False),
        (44, "IW2", True, False),
        (62, "IW3", False, True),
        (93, "IW1", True, True),
        (27, "EW3", True, False),
        (7, "EN", False, False),
        (8, "EN", True, False),
        (31, "WV2", False, False),
        (33, "WV2", True, False),
    ],
)
def test_swath_numbers(number: int, name: str, full_bandwidth: bool, tx_calibration: bool) -> None:
    found = codes.swath(number)
    assert (found.name, found.full_bandwidth, found.tx_calibration) == (name, full_bandwidth, tx_calibration)
    assert codes.swath_name(number) == name


def test_undefined_swath_and_mode_are_refused() -> None:
    with pytest.raises(PacketError, match="swath number 9 is not defined"):
        codes.swath(9)
    with pytest.raises(PacketError, match="ECC number 0"):
        codes.instrument_mode(0)


def test_modes() -> None:
    assert [codes.instrument_mode(ecc) for ecc in (8, 32, 9, 13, 15, 17)] == ["IW", "EW", "WV", "S3", "RF", "EN"]


def test_noise_characterisation_has_the_z_modes_and_contingency_numbers_have_none():
    modes = [codes.instrument_mode(ecc) for ecc in range(37, 47)]
    assert modes == ["Z1", "Z2", "Z3", "Z4", "Z5", "Z5", "Z6", "ZE", "ZI", "ZW"]
    for contingency in (0, 7, 16, 36, 47, 255):
        with pytest.raises(PacketError, match=f"ECC number {contingency} "):
            codes.instrument_mode(contingency)


def test_calibration_of_the_newer_satellites_has_other_signals():
    older = {code: codes.calibration_signal(code, "S1A") for code in range(16)}
    newer = {code: codes.calibration_signal(code, "S1D") for code in range(16)}
    common = {8: "TxCal", 9: "RxCal", 10: "EpdnCal"}
    assert {code: name for code, name in older.items() if name} == common | {
        11: "TaCal",
        12: "ApdnCal",
        15: "TxHCalIso",
    }
    assert {code: name for code, name in newer.items() if name} == common | {11: "TxCalIso"}
    assert [codes.has_tgu_temperature(satellite) for satellite in ("S1A", "S1B", "S1C", "S1D")] == [True, True] + [
        False
    ] * 2
