"""10-bit samples: a real calibration packet decodes exactly and is written back; values round, saturate and survive."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.isp import bypass
from s1pdgs.formats.isp.errors import PacketError

QUADS = 1517


def test_real_calibration_decodes_to_its_reference(tx_cal) -> None:
    np.testing.assert_array_equal(bypass.decode(tx_cal.user_data, QUADS), tx_cal.samples)


def test_real_calibration_is_written_back_octet_by_octet(tx_cal) -> None:
    assert bypass.encode_codes(bypass.decode_codes(tx_cal.user_data, QUADS)) == tx_cal.user_data


@given(st.integers(1, 50), st.integers(0, 2**32))
def test_every_code_survives(quads: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 1024, (4, quads)).astype(np.uint16)
    user_data = bypass.encode_codes(codes)
    assert len(user_data) == bypass.user_data_bytes(quads)
    np.testing.assert_array_equal(bypass.decode_codes(user_data, quads), codes)


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 2**32))
def test_integers_up_to_511_survive(quads: int, lines: int, seed: int) -> None:
    parts = np.random.default_rng(seed).integers(-511, 512, (lines, 2 * quads, 2)).astype(np.float32)
    samples = parts.view(np.complex64)[..., 0]
    data, bounds = bypass.encode_lines(samples)
    out = np.empty((lines, 2 * quads), np.complex64)
    bypass.decode_lines(data, bounds[:-1], bounds[1:], np.full(lines, quads), out)
    np.testing.assert_array_equal(out, samples)


def test_values_round_and_saturate() -> None:
    samples = np.array([1.4 - 2.6j, complex(-900, np.inf)], np.complex64)
    assert bypass.decode(bypass.encode(samples), 1).tolist() == [1 - 3j, -511 + 511j]


@given(st.binary(max_size=60), st.integers(0, 20))
def test_garbage_is_decoded_or_refused(user_data: bytes, quads: int) -> None:
    if len(user_data) < bypass.user_data_bytes(quads):
        with pytest.raises(PacketError, match=r"packet 0: .* end before"):
            bypass.decode(user_data, quads)
        with pytest.raises(PacketError, match="end before"):
            bypass.decode_codes(user_data, quads)
    else:
        assert (np.abs(bypass.decode(user_data, quads).view(np.float32)) <= 511).all()


def test_codes_of_more_than_ten_bits_are_refused() -> None:
    with pytest.raises(PacketError, match="10-bit values"):
        bypass.encode_codes(np.full((4, 1), 1024, np.uint16))
