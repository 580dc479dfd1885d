"""FDBAQ decodes real packets to their reference, writes them back bit by bit, and refuses what it cannot read."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from s1pdgs.formats.isp import fdbaq
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.fdbaq import BlockCodes
from s1pdgs.formats.isp.tables import BIT_RATE_CODES, alphabet_sizes

QUADS = 10779


def gaussian(lines: int, samples: int, sigma: float) -> NDArray[np.complex64]:
    parts = np.random.default_rng(7).normal(0, sigma, (lines, samples, 2))
    return parts.astype(np.float32).view(np.complex64)[..., 0]


@st.composite
def block_codes(draw: st.DrawFn) -> BlockCodes:
    quads = draw(st.integers(1, 400))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    blocks = -(-quads // 128)
    brc = random.integers(0, 5, blocks).astype(np.uint8)
    sizes = np.repeat(alphabet_sizes(BIT_RATE_CODES)[brc], 128)[:quads]
    codes = random.integers(0, sizes, (4, quads)) | random.integers(0, 2, (4, quads)) << 4
    return BlockCodes(codes.astype(np.uint8), brc, random.integers(0, 256, blocks).astype(np.uint8))


def test_a_real_echo_decodes_to_its_reference(echo) -> None:
    samples = fdbaq.decode(echo.user_data, QUADS)
    np.testing.assert_allclose(samples, echo.samples, rtol=1e-6)


def test_a_real_echo_is_written_back_octet_by_octet(echo) -> None:
    codes = fdbaq.decode_codes(echo.user_data, QUADS)
    assert set(codes.modes.tolist()) == {0, 1, 2}
    assert fdbaq.encode_codes(codes) == echo.user_data


def test_the_encoder_finds_the_threshold_indices_of_a_real_echo(echo) -> None:
    sent = fdbaq.decode_codes(echo.user_data, QUADS)
    again = fdbaq.decode_codes(fdbaq.encode(echo.samples, fdbaq.constant_policy(4)), QUADS)
    assert np.abs(again.thidx.astype(int) - sent.thidx).max() <= 1


@settings(max_examples=50)
@given(block_codes())
def test_every_code_survives(codes: BlockCodes) -> None:
    quads = codes.codes.shape[1]
    user_data = fdbaq.encode_codes(codes)
    assert len(user_data) % 4 == 0
    for sent, found in zip(codes, fdbaq.decode_codes(user_data, quads), strict=True):
        np.testing.assert_array_equal(found, sent)


@pytest.mark.parametrize(("brc", "snr_db"), [(0, 13.4), (1, 15.0), (2, 17.4), (3, 20.1), (4, 23.7)])
@pytest.mark.parametrize("sigma", [20.0, 100.0])
def test_gaussian_echoes_keep_the_documented_quality(brc: int, snr_db: float, sigma: float) -> None:
    samples = gaussian(1, 20_000, sigma)[0]
    decoded = fdbaq.decode(fdbaq.encode(samples, fdbaq.constant_policy(brc)), 10_000)
    noise = np.mean(np.abs(decoded - samples) ** 2)
    assert 10 * np.log10(np.mean(np.abs(samples) ** 2) / noise) == pytest.approx(snr_db, abs=0.2)


def test_the_policy_chooses_the_rate_of_each_block() -> None:
    samples = gaussian(1, 512, 1.0)[0]
    samples[256:] *= 60
    codes = fdbaq.decode_codes(fdbaq.encode(samples, fdbaq.monotone_policy((2, 30, 60, 90))), 256)
    assert codes.modes.tolist() == [0, 3] or codes.modes.tolist() == [0, 4]


def test_the_monotone_policy_uses_every_rate() -> None:
    policy = fdbaq.monotone_policy()
    assert (np.diff(policy.astype(int)) >= 0).all()
    assert set(policy.tolist()) == {0, 1, 2, 3, 4}


def test_weak_integers_survive_exactly() -> None:
    levels = np.array([-2, -1, 0, 1, 2], np.float32)
    random = np.random.default_rng(3)
    samples = (random.choice(levels, 512) + 1j * random.choice(levels, 512)).astype(np.complex64)
    np.testing.assert_array_equal(fdbaq.decode(fdbaq.encode(samples, fdbaq.constant_policy(4)), 256), samples)


def test_silence_and_saturation() -> None:
    silence = np.zeros(300, np.complex64)
    np.testing.assert_array_equal(fdbaq.decode(fdbaq.encode(silence, fdbaq.constant_policy(2)), 150), silence)
    loud = np.full(300, np.inf + 0j, np.complex64)
    codes = fdbaq.decode_codes(fdbaq.encode(loud, fdbaq.constant_policy(2)), 150)
    assert codes.thidx.tolist() == [255, 255]
    assert (codes.codes[:2] == 6).all()


def test_lines_are_encoded_and_decoded_together_as_one_by_one() -> None:
    samples = gaussian(5, 600, 12.0)
    policy = fdbaq.monotone_policy()
    data, bounds = fdbaq.encode_lines(samples, policy)
    assert [data[a:b].tobytes() for a, b in pairwise(bounds)] == [fdbaq.encode(line, policy) for line in samples]
    out = np.full((5, 700), 99, np.complex64)
    fdbaq.decode_lines(data, bounds[:-1], bounds[1:], np.full(5, 300), out)
    for k in range(5):
        np.testing.assert_array_equal(out[k, :600], fdbaq.decode(data[bounds[k] : bounds[k + 1]].tobytes(), 300))
    assert (out[:, 600:] == 99).all()


def test_more_lines_than_one_batch_holds() -> None:
    samples = gaussian(1030, 10, 9.0)
    data, bounds = fdbaq.encode_lines(samples, fdbaq.constant_policy(0))
    assert bounds[-1] == data.size
    assert data[bounds[1029] :].tobytes() == fdbaq.encode(samples[1029], fdbaq.constant_policy(0))


def test_no_lines_give_no_data() -> None:
    data, bounds = fdbaq.encode_lines(np.empty((0, 10), np.complex64), fdbaq.constant_policy(0))
    assert data.size == 0
    assert bounds.tolist() == [0]


def test_an_undefined_bit_rate_code_names_the_packet(echo) -> None:
    data = np.frombuffer(echo.user_data + b"\xa0" + echo.user_data[1:], np.uint8)
    size = len(echo.user_data)
    out = np.empty((2, 2 * QUADS), np.complex64)
    with pytest.raises(PacketError, match=r"packet 1: block 0 has an undefined BRC"):
        fdbaq.decode_lines(data, [0, size], [size, 2 * size], [QUADS, QUADS], out)


@pytest.mark.parametrize("size", [0, 1, 100, 15592])
def test_short_user_data_are_refused(echo, size: int) -> None:
    with pytest.raises(PacketError, match=f"packet 0: {size} bytes of user data end before {QUADS} quads"):
        fdbaq.decode(echo.user_data[:size], QUADS)


@settings(max_examples=100)
@given(st.binary(max_size=400), st.integers(0, 600))
def test_garbage_is_decoded_or_refused(user_data: bytes, quads: int) -> None:
    try:
        samples = fdbaq.decode(user_data, quads)
    except PacketError:
        return
    assert np.isfinite(samples).all()
    again = fdbaq.encode_codes(fdbaq.decode_codes(user_data, quads))
    np.testing.assert_array_equal(fdbaq.decode(again, quads), samples)


def test_extents_outside_the_data_are_refused() -> None:
    data = np.zeros(100, np.uint8)
    out = np.empty((1, 20), np.complex64)
    for start, end in ((-4, 50), (60, 50), (0, 101)):
        with pytest.raises(PacketError, match=r"packet 0: bytes .* lie outside the 100 given"):
            fdbaq.decode_lines(data, [start], [end], [10], out)


@pytest.mark.parametrize(
    "out",
    [
        np.empty((1, 18), np.complex64),
        np.empty((2, 20), np.complex64),
        np.empty((1, 20)),
        np.empty((1, 40), "c8")[:, ::2],
    ],
)
def test_an_unfit_output_is_refused(out) -> None:
    with pytest.raises(PacketError, match="out must be C-ordered complex64"):
        fdbaq.decode_lines(np.zeros(100, np.uint8), [0], [100], [10], out)


def test_codes_outside_their_alphabet_are_refused() -> None:
    codes = np.zeros((4, 130), np.uint8)
    codes[2, 129] = 5
    blocks = np.array([4, 1], np.uint8)
    with pytest.raises(PacketError, match="quad 129, channel 2: code 5"):
        fdbaq.encode_codes(BlockCodes(codes, blocks, blocks))
    with pytest.raises(PacketError, match="block 1: BRC 5"):
        fdbaq.encode_codes(BlockCodes(codes, np.array([4, 5]), blocks))
    with pytest.raises(PacketError, match="one mode and THIDX per block"):
        fdbaq.encode_codes(BlockCodes(codes, blocks[:1], blocks[:1]))


def test_unfit_input_is_refused() -> None:
    with pytest.raises(PacketError, match="BRC policy"):
        fdbaq.constant_policy(5)
    with pytest.raises(PacketError, match="BRC policy"):
        fdbaq.encode(np.zeros(4, np.complex64), np.zeros(5, np.uint8))
    with pytest.raises(PacketError, match="an even number"):
        fdbaq.encode(np.zeros(3, np.complex64), fdbaq.constant_policy(0))
