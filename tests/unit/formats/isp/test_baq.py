"""BAQ with 3, 4 and 5 bits: real noise decodes exactly and is written back; codes survive; short data are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp import baq
from s1pdgs.formats.isp.baq import BlockCodes
from s1pdgs.formats.isp.errors import PacketError

QUADS = 10779


def test_real_noise_decodes_to_its_reference(noise) -> None:
    np.testing.assert_array_equal(baq.decode(noise.user_data, QUADS, 5), noise.samples)


def test_real_noise_is_written_back_octet_by_octet(noise) -> None:
    assert baq.encode_codes(baq.decode_codes(noise.user_data, QUADS, 5), 5) == noise.user_data


@settings(max_examples=50)
@given(st.sampled_from([3, 4, 5]), st.integers(1, 400), st.integers(0, 2**32))
def test_every_code_survives(bits: int, quads: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    blocks = -(-quads // 128)
    codes = random.integers(0, 1 << (bits - 1), (4, quads)) | random.integers(0, 2, (4, quads)) << 4
    thidx = random.integers(0, 256, blocks).astype(np.uint8)
    sent = BlockCodes(codes.astype(np.uint8), np.full(blocks, bits + 2, np.uint8), thidx)
    user_data = baq.encode_codes(sent, bits)
    for found, expected in zip(baq.decode_codes(user_data, quads, bits), sent, strict=True):
        np.testing.assert_array_equal(found, expected)
    section = -(-quads * bits // 16) * 2
    with_thresholds = -(-(quads * bits + 8 * blocks) // 16) * 2
    assert len(user_data) == -(-(3 * section + with_thresholds) // 4) * 4


@pytest.mark.parametrize(("bits", "snr_db"), [(3, 14.0), (4, 19.5), (5, 25.0)])
def test_more_bits_keep_more_of_gaussian_noise(bits: int, snr_db: float) -> None:
    parts = np.random.default_rng(1).normal(0, 30, (20_000, 2)).astype(np.float32)
    samples = parts.view(np.complex64)[:, 0]
    error = baq.decode(baq.encode(samples, bits), 10_000, bits) - samples
    assert 10 * np.log10(np.mean(np.abs(samples) ** 2) / np.mean(np.abs(error) ** 2)) > snr_db


def test_lines_decode_as_one_by_one(noise) -> None:
    size = len(noise.user_data)
    out = np.empty((2, 2 * QUADS), np.complex64)
    data = np.frombuffer(2 * noise.user_data, np.uint8)
    baq.decode_lines(data, [0, size], [size, 2 * size], [QUADS, QUADS], out, bits=5)
    np.testing.assert_array_equal(out, np.stack([noise.samples] * 2))


@given(st.binary(max_size=100), st.integers(0, 300), st.sampled_from([3, 4, 5]))
def test_garbage_is_decoded_or_refused(user_data: bytes, quads: int, bits: int) -> None:
    try:
        samples = baq.decode(user_data, quads, bits)
    except PacketError:
        return
    assert np.isfinite(samples).all()


def test_other_numbers_of_bits_are_refused() -> None:
    with pytest.raises(PacketError, match="3, 4 or 5 bits per value, not 6"):
        baq.encode(np.zeros(2, np.complex64), 6)
