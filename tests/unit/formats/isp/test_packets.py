"""Whole packets are built, found and decoded again, whatever their kind; mixtures and damage are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp import baq, bypass, fdbaq
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import HEADER_SIZE, gather_headers, index_packets, new_headers, validate_packet
from s1pdgs.formats.isp.packets import MAX_USER_DATA_BYTES, build_packet, build_packets, decode_lines, decode_packet


def test_real_packets_decode_to_their_references(echo, noise, tx_cal) -> None:
    for packet in (echo, noise, tx_cal):
        np.testing.assert_allclose(decode_packet(packet.octets), packet.samples, rtol=1e-6)


def test_real_packets_are_built_again_octet_by_octet(echo, noise, tx_cal) -> None:
    rewritten = (
        fdbaq.encode_codes(fdbaq.decode_codes(echo.user_data, 10779)),
        baq.encode_codes(baq.decode_codes(noise.user_data, 10779, 5), 5),
        bypass.encode_codes(bypass.decode_codes(tx_cal.user_data, 1517)),
    )
    for packet, user_data in zip((echo, noise, tx_cal), rewritten, strict=True):
        header = validate_packet(packet.octets)
        header["data_length"] = 0
        assert build_packet(header, user_data) == packet.octets


@pytest.mark.parametrize("mode", [0, 3, 4, 5, 12, 13, 14])
def test_simulated_packets_come_back(mode: int) -> None:
    random = np.random.default_rng(5)
    samples = random.integers(-1, 2, (3, 300, 2)).astype(np.float32).view(np.complex64)[..., 0]
    headers = new_headers(3)
    headers["baq_mode"] = mode
    headers["number_of_quads"] = 150
    if mode == 0:
        encoded = bypass.encode_lines(samples)
    elif mode < 12:
        encoded = baq.encode_lines(samples, mode)
    else:
        encoded = fdbaq.encode_lines(samples, fdbaq.monotone_policy())
    data, bounds = build_packets(headers, *encoded)
    offsets, lengths = index_packets(data)
    np.testing.assert_array_equal(offsets, bounds[:-1])
    np.testing.assert_array_equal(decode_lines(data, offsets, lengths, gather_headers(data, offsets)), samples)


def test_user_data_are_padded_to_whole_words() -> None:
    packet = build_packet(new_headers(1)[0], b"12345")
    assert packet[HEADER_SIZE:] == b"12345\0\0\0"
    assert int.from_bytes(packet[4:6], "big") == len(packet) - 7


def test_the_largest_packet_and_one_more_octet() -> None:
    header = new_headers(1)[0]
    assert len(build_packet(header, bytes(MAX_USER_DATA_BYTES))) == 65540
    with pytest.raises(PacketError, match=r"packet 0: 65473 bytes of user data are more than"):
        build_packet(header, bytes(MAX_USER_DATA_BYTES + 1))


def test_the_receive_module_bypass_overrides_the_baq_mode(tx_cal) -> None:
    header = validate_packet(tx_cal.octets)
    header["test_mode"] = 7
    header["baq_mode"] = 12
    np.testing.assert_array_equal(decode_packet(build_packet(header, tx_cal.user_data)), tx_cal.samples)


@pytest.mark.parametrize("field", ["signal_type", "baq_mode", "test_mode", "number_of_quads"])
def test_packets_of_different_kinds_are_not_decoded_together(field: str) -> None:
    headers = new_headers(2)
    headers["number_of_quads"] = 4
    headers[field][1] = 5
    data, bounds = build_packets(headers, np.zeros(128, np.uint8), np.array([0, 64, 128]))
    with pytest.raises(PacketError, match=f"packet 1: {field} is 5"):
        decode_lines(data, bounds[:-1], np.diff(bounds), headers)


def test_an_undefined_baq_mode_is_refused() -> None:
    headers = new_headers(1)
    headers["baq_mode"] = 7
    headers["number_of_quads"] = 1
    packet = np.frombuffer(build_packet(headers[0], bytes(8)), np.uint8)
    with pytest.raises(PacketError, match="BAQ mode 7"):
        decode_lines(packet, np.array([0]), np.array([packet.size]), headers)
    with pytest.raises(PacketError, match="BAQ_MODE"):
        decode_packet(packet.tobytes())


def test_no_packets_give_no_lines() -> None:
    nothing = np.empty(0, np.int64)
    assert decode_lines(np.empty(0, np.uint8), nothing, nothing, new_headers(0)).shape == (0, 0)


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from([0, 3, 5, 12]))
def test_damaged_packets_are_decoded_or_refused(seed: int, damages: int, mode: int) -> None:
    random = np.random.default_rng(seed)
    header = new_headers(1)[0]
    header["baq_mode"] = mode
    header["number_of_quads"] = 130
    packet = np.frombuffer(build_packet(header, random.bytes(600)), np.uint8).copy()
    packet[random.integers(0, packet.size, damages)] = random.integers(0, 256, damages)
    try:
        samples = decode_packet(packet.tobytes())
    except PacketError:
        return
    assert np.isfinite(samples).all()
