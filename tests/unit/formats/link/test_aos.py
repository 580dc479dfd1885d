import binascii

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.link.aos import (
    correct_headers,
    error_control_holds,
    header_error_control,
    pack_headers,
    unpack_headers,
    write_error_control,
)
from s1pdgs.formats.link.parameters import LinkParameters


def test_headers_come_back_as_written():
    parameters = LinkParameters(spacecraft_id=0xA7)
    frames = np.zeros((3, parameters.frame_bytes), dtype=np.uint8)
    pack_headers(frames, 37, np.array([0xFFFFFE, 0xFFFFFF, 0x1000000]), parameters)
    headers = unpack_headers(frames)
    assert headers.version.tolist() == [1, 1, 1]
    assert headers.spacecraft_id.tolist() == [0xA7] * 3
    assert headers.vcid.tolist() == [37] * 3
    assert headers.frame_count.tolist() == [0xFFFFFE, 0xFFFFFF, 0]
    assert not headers.replay.any()


def test_header_bytes_follow_the_standard():
    frames = np.zeros((1, 2000), dtype=np.uint8)
    pack_headers(frames, 0x19, np.array([0x010203]), LinkParameters(spacecraft_id=0x50))
    assert frames[0, :6].tobytes().hex() == "541901020300"


def test_frame_error_control_is_the_ccitt_crc_and_sees_one_flipped_bit():
    frames = np.random.default_rng(0).integers(0, 256, (4, 100), dtype=np.uint8)
    write_error_control(frames)
    assert int.from_bytes(frames[2, -2:].tobytes(), "big") == binascii.crc_hqx(frames[2, :-2].tobytes(), 0xFFFF)
    frames[1, 50] ^= 4
    assert error_control_holds(frames).tolist() == [True, False, True, True]


def test_header_error_control_separates_headers_that_differ_in_any_protected_nibble():
    frames = np.zeros((6, 8), dtype=np.uint8)
    for row, (place, bit) in enumerate([(0, 0x10), (0, 0x01), (1, 0x10), (1, 0x01), (5, 0x10), (5, 0x01)]):
        frames[row, place] = bit
    codes = {code.tobytes() for code in header_error_control(frames)}
    assert len(codes) == 6
    assert all(nibble for code in codes for byte in code for nibble in (byte >> 4, byte & 15))


@settings(max_examples=60)
@given(
    places=st.lists(st.integers(0, 9), min_size=1, max_size=2, unique=True),
    values=st.lists(st.integers(1, 15), min_size=2, max_size=2),
)
def test_header_error_control_repairs_two_half_bytes(places, values):
    parameters = LinkParameters(has_fhec=True)
    frames = np.zeros((2, 20), dtype=np.uint8)
    pack_headers(frames, 25, np.array([5, 6]), parameters)
    sent = frames.copy()
    for place, value in zip(places, values, strict=False):
        octet = [0, 1, 5, 6, 7][place // 2]
        frames[1, octet] ^= value << 4 if place % 2 == 0 else value
    assert correct_headers(frames).tolist() == [True, True]
    assert np.array_equal(frames, sent)


def test_a_header_beyond_repair_is_refused_and_left_alone():
    frames = np.zeros((1, 20), dtype=np.uint8)
    pack_headers(frames, 25, np.array([5]), LinkParameters(has_fhec=True))
    frames[0, [0, 1, 5]] ^= np.array([0x31, 0x0F, 0x77], dtype=np.uint8)
    received = frames.copy()
    assert correct_headers(frames).tolist() == [False]
    assert np.array_equal(frames, received)


def test_a_count_cycle_counts_only_where_the_frame_says_so():
    frames = np.zeros((2, 6), dtype=np.uint8)
    frames[:, 5] = [0x0B, 0x4B]
    assert unpack_headers(frames).count_cycle.tolist() == [0, 11]
