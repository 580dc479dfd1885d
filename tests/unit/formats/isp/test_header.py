"""Headers unpack to codes and pack back; packets are found by their length fields or refused with their offset."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import (
    HEADER_DTYPE,
    HEADER_SIZE,
    PacketFault,
    gather_headers,
    index_packets,
    new_headers,
    pack_headers,
    packet_faults,
    unpack_headers,
    validate_packet,
    walk_packets,
)

WIDTHS = {
    "version": 3,
    "packet_type": 1,
    "secondary_header_flag": 1,
    "apid": 11,
    "sequence_flags": 2,
    "sequence_count": 14,
    "test_mode": 3,
    "rx_channel": 4,
    "error_flag": 1,
    "baq_mode": 5,
    "tx_pulse_length": 24,
    "rank": 5,
    "pri": 24,
    "swst": 24,
    "swl": 24,
    "ssb_flag": 1,
    "polarisation": 3,
    "temperature_compensation": 2,
    "elevation_beam": 4,
    "sas_test": 1,
    "cal_type": 3,
    "azimuth_beam": 10,
    "cal_mode": 2,
    "tx_pulse_number": 5,
    "signal_type": 4,
    "swap_flag": 1,
}
SPARE_BITS = {21: 0x80, 37: 0x60, 39: 0xFF, 49: 0xE0, 59: 0x03, 60: 0x0C, 62: 0x20, 63: 0x0E, 67: 0xFF}


@st.composite
def header_arrays(draw: st.DrawFn) -> NDArray[np.void]:
    headers = np.zeros(draw(st.integers(0, 3)), HEADER_DTYPE)
    for name in HEADER_DTYPE.names or ():
        bits = WIDTHS.get(name, 8 * HEADER_DTYPE[name].itemsize)
        for row in range(headers.size):
            headers[name][row] = draw(st.integers(0, (1 << bits) - 1))
    calibration = headers["ssb_flag"] == 1
    headers["elevation_beam"][calibration] = 0
    headers["sas_test"][~calibration] = 0
    headers["cal_type"][~calibration] = 0
    return headers


def packets(*user_data: bytes) -> NDArray[np.uint8]:
    headers = new_headers(len(user_data))
    headers["data_length"] = [HEADER_SIZE + len(data) - 7 for data in user_data]
    octets = b"".join(raw.tobytes() + data for raw, data in zip(pack_headers(headers), user_data, strict=True))
    return np.frombuffer(octets, np.uint8).copy()


@given(header_arrays())
def test_every_code_survives_packing(headers: NDArray[np.void]) -> None:
    unpacked = unpack_headers(pack_headers(headers))
    for name in HEADER_DTYPE.names or ():
        np.testing.assert_array_equal(unpacked[name], headers[name], err_msg=name)


@given(st.binary(min_size=HEADER_SIZE, max_size=HEADER_SIZE))
def test_every_defined_bit_survives_unpacking(octets: bytes) -> None:
    raw = np.frombuffer(octets, np.uint8).reshape(1, HEADER_SIZE)
    defined = np.full(HEADER_SIZE, 0xFF, np.uint8)
    for octet, spare in SPARE_BITS.items():
        defined[octet] ^= spare
    np.testing.assert_array_equal(pack_headers(unpack_headers(raw)), raw & defined)


def test_a_code_wider_than_its_field_is_refused() -> None:
    headers = new_headers(2)
    headers["rank"][1] = 32
    with pytest.raises(PacketError, match=r"header 1: rank is 32, more than the 5 bits"):
        pack_headers(headers)


def test_real_headers_pack_back_to_the_same_octets(echo, noise, tx_cal) -> None:
    for packet in (echo, noise, tx_cal):
        raw = np.frombuffer(packet.octets, np.uint8, HEADER_SIZE).reshape(1, HEADER_SIZE)
        assert pack_headers(unpack_headers(raw)).tobytes() == packet.octets[:HEADER_SIZE]


def test_a_real_echo_header_holds_the_known_codes(echo) -> None:
    header = validate_packet(echo.octets)
    known = {
        "sequence_count": 408,
        "coarse_time": 1276273467,
        "fine_time": 61863,
        "data_take_id": 87747936,
        "ecc_number": 13,
        "subcom_index": 25,
        "subcom_word": 0xBEA3,
        "space_packet_count": 408,
        "pri_count": 4427,
        "baq_mode": 12,
        "range_decimation": 4,
        "rx_gain": 12,
        "tx_ramp_rate": 34770,
        "tx_start_frequency": 12970,
        "tx_pulse_length": 1658,
        "rank": 10,
        "pri": 19499,
        "swst": 5271,
        "swl": 12178,
        "polarisation": 7,
        "temperature_compensation": 3,
        "elevation_beam": 2,
        "swath_number": 2,
        "number_of_quads": 10779,
    }
    assert {name: int(header[name]) for name in known} == known


def test_a_calibration_header_has_a_calibration_type_instead_of_an_elevation_beam(tx_cal) -> None:
    header = validate_packet(tx_cal.octets)
    names = ("ssb_flag", "sas_test", "cal_type", "elevation_beam", "azimuth_beam", "signal_type", "swath_number")
    assert [int(header[name]) for name in names] == [1, 1, 0, 0, 3, 8, 52]


def test_packets_are_found_back_to_back(echo, noise, tx_cal) -> None:
    data = np.frombuffer(noise.octets + tx_cal.octets + echo.octets, np.uint8)
    offsets, lengths = index_packets(data)
    assert offsets.tolist() == [0, 27104, 34764]
    assert lengths.tolist() == [27104, 7660, 15664]
    headers = gather_headers(data, offsets)
    assert headers["signal_type"].tolist() == [1, 8, 0]
    assert packet_faults(headers).tolist() == [0, 0, 0]


def test_a_memory_mapped_file_is_indexed_like_an_array(tmp_path) -> None:
    data = packets(b"", b"1234", b"")
    path = tmp_path / "packets.dat"
    path.write_bytes(data.tobytes())
    offsets, lengths = index_packets(np.memmap(path, np.uint8, mode="r"))
    assert offsets.tolist() == [0, 68, 140]
    assert lengths.tolist() == [68, 72, 68]


def test_more_packets_than_one_batch_holds_are_all_found() -> None:
    one = packets(b"")
    offsets, lengths = index_packets(np.tile(one, 70_000))
    np.testing.assert_array_equal(offsets, np.arange(70_000) * HEADER_SIZE)
    assert set(lengths.tolist()) == {HEADER_SIZE}


def test_no_data_hold_no_packets() -> None:
    offsets, lengths = index_packets(np.empty(0, np.uint8))
    assert offsets.size == lengths.size == 0
    assert gather_headers(np.empty(0, np.uint8), offsets).size == 0


@pytest.mark.parametrize(
    ("octet", "value", "message"),
    [
        (68, 0x0D, r"byte 68: not a SAR packet: the primary header starts with 0x0d1c"),
        (73, 0x42, r"byte 68: impossible packet data length 0x0042"),
        (73, 0x00, r"byte 68: impossible packet data length 0x0000"),
        (80, 0x36, r"byte 68: sync marker is 0x362ef853"),
    ],
)
def test_a_damaged_header_is_refused_with_its_offset(octet: int, value: int, message: str) -> None:
    data = packets(b"", b"1234")
    data[octet] = value
    with pytest.raises(PacketError, match=message):
        index_packets(data)


@pytest.mark.parametrize("left", [1, 5, 60, 68, 71])
def test_a_cut_last_packet_is_refused_with_its_offset(left: int) -> None:
    data = packets(b"", b"1234")
    with pytest.raises(PacketError, match=rf"byte 68: the last packet is cut.*{left} are left"):
        index_packets(data[: 68 + left])


@given(st.binary(max_size=300))
def test_garbage_is_refused(octets: bytes) -> None:
    data = np.frombuffer(octets, np.uint8)
    try:
        offsets, lengths = index_packets(data)
    except PacketError:
        return
    assert lengths.sum() == data.size
    assert (np.diff(offsets) == lengths[:-1]).all()


@given(st.integers(0, 211), st.integers(0, 255))
def test_one_damaged_octet_never_leads_outside_the_data(octet: int, value: int) -> None:
    data = packets(b"abcd", b"", b"efgh")
    data[octet] = value
    try:
        offsets, lengths = index_packets(data)
    except PacketError:
        return
    assert ((offsets >= 0) & (offsets + lengths <= data.size)).all()


def test_headers_outside_the_data_are_refused() -> None:
    data = packets(b"")
    for offset in (-1, 1):
        with pytest.raises(PacketError, match=f"byte {offset}: no room"):
            gather_headers(data, np.array([0, offset]))


@pytest.mark.parametrize(
    ("field", "code", "fault"),
    [
        ("apid", 0x41D, PacketFault.IDENTIFICATION),
        ("secondary_header_flag", 0, PacketFault.IDENTIFICATION),
        ("sequence_flags", 1, PacketFault.SEQUENCE_FLAGS),
        ("data_length", 62, PacketFault.LENGTH),
        ("data_length", 57, PacketFault.LENGTH),
        ("sync_marker", 0, PacketFault.SYNC),
        ("error_flag", 1, PacketFault.ERROR_FLAG),
        ("baq_mode", 6, PacketFault.BAQ_MODE),
        ("baq_block_length", 30, PacketFault.BAQ_BLOCK_LENGTH),
        ("number_of_quads", 0, PacketFault.NUMBER_OF_QUADS),
    ],
)
def test_each_fault_has_its_bit(field: str, code: int, fault: PacketFault) -> None:
    headers = new_headers(2)
    headers["data_length"] = 61
    headers["number_of_quads"] = 1
    headers[field][1] = code
    assert packet_faults(headers).tolist() == [0, fault]


@pytest.mark.parametrize("octets", [b"", bytes(10), bytes(68)])
def test_what_is_no_packet_is_not_validated(octets: bytes) -> None:
    with pytest.raises(PacketError):
        validate_packet(octets)


def test_a_packet_must_have_the_length_it_says() -> None:
    headers = new_headers(1)
    headers["data_length"] = 65
    headers["number_of_quads"] = 1
    octets = pack_headers(headers).tobytes()
    with pytest.raises(PacketError, match="says that it has 72 bytes, but 68 are given"):
        validate_packet(octets)
    assert validate_packet(octets + bytes(4))["data_length"] == 65


def test_a_walk_over_damaged_data_tells_how_far_it_came() -> None:
    headers = new_headers(3)
    headers["data_length"] = 61
    whole = pack_headers(headers).ravel()
    torn = np.concatenate((whole[:136], np.full(5, 255, np.uint8), whole[136:]))
    offsets, stop, fault = walk_packets(torn)
    assert (offsets.tolist(), stop) == ([0, 68], 136)
    assert fault is not None
    assert fault.startswith("byte 136: not a SAR packet")
    assert walk_packets(torn, 141)[0].tolist() == [141]
    assert walk_packets(whole)[1:] == (204, None)
