"""Telemetry packets: what is built is read back, and what is not telemetry is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp import telemetry
from s1pdgs.formats.isp.errors import PacketError

packets = st.tuples(
    st.integers(0, 0x7FE).filter(lambda apid: apid != 0x41C),
    st.integers(0, 40000),
    st.integers(0, 2**32 - 1),
    st.integers(0, 65535),
    st.binary(min_size=1, max_size=300),
)


@given(st.lists(packets, min_size=1, max_size=8))
def test_headers_come_back_from_packets_that_lie_back_to_back(made: list[tuple[int, int, int, int, bytes]]) -> None:
    bodies = [telemetry.build_packet(*packet) for packet in made]
    lengths = np.array([len(body) for body in bodies])
    headers = telemetry.gather_headers(np.frombuffer(b"".join(bodies), np.uint8), np.cumsum(lengths) - lengths)
    assert telemetry.apids(headers).tolist() == [packet[0] for packet in made]
    assert telemetry.sequence_counts(headers).tolist() == [packet[1] % 16384 for packet in made]
    assert telemetry.packet_lengths(headers).tolist() == lengths.tolist()
    whole, fraction = telemetry.times(headers)
    assert whole.tolist() == [packet[2] for packet in made]
    assert np.floor(fraction * 65536).tolist() == [packet[3] for packet in made]
    assert [body[telemetry.HEADER_SIZE :] for body in bodies] == [packet[4] for packet in made]


def test_a_packet_is_laid_out_as_documented() -> None:
    packet = telemetry.build_packet(0x310, 5, 0x12345678, 0x9ABC, b"\xff\x00")
    assert packet.hex() == "0b10c0050007123456789abcff00"


@pytest.mark.parametrize("apid", [0x41C, 0x7FF, 0x800, -1])
def test_apids_of_radar_and_idle_packets_are_refused(apid: int) -> None:
    with pytest.raises(PacketError, match="is not one of telemetry"):
        telemetry.build_packet(apid, 0, 0, 0, b"x")


@pytest.mark.parametrize("size", [0, telemetry.MAX_USER_DATA + 1])
def test_user_data_must_fit(size: int) -> None:
    with pytest.raises(PacketError, match="octets of user data"):
        telemetry.build_packet(1, 0, 0, 0, bytes(size))


def test_the_longest_packet_fits_its_length_field() -> None:
    assert len(telemetry.build_packet(1, 0, 0, 0, bytes(telemetry.MAX_USER_DATA))) == 65542


def test_data_without_room_or_time_are_named() -> None:
    packet = np.frombuffer(telemetry.build_packet(1, 0, 0, 0, b"x"), np.uint8)
    with pytest.raises(PacketError, match="byte 1: no room"):
        telemetry.gather_headers(packet, np.array([1]))
    bare = packet.copy()
    bare[0] &= 0xF7
    with pytest.raises(PacketError, match="byte 0: the packet has no secondary header"):
        telemetry.gather_headers(bare, np.array([0]))
