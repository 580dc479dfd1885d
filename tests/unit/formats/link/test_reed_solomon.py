import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.link import galois
from s1pdgs.formats.link.parameters import LinkError, LinkParameters
from s1pdgs.formats.link.reed_solomon import correct_blocks, encode_blocks

PUBLISHED_EXPONENTS = [0, 249, 59, 66, 4, 43, 126, 251, 97, 30, 3, 213, 50, 66, 170, 5, 24]


def _blocks(parameters: LinkParameters, count: int, seed: int = 0) -> np.ndarray:
    frames = np.random.default_rng(seed).integers(0, 256, (count, parameters.frame_bytes), dtype=np.uint8)
    return encode_blocks(frames, parameters)


def _damage(blocks: np.ndarray, codeword: int, places: list[int], depth: int) -> None:
    for place in places:
        blocks[0, place * depth + codeword] ^= 1 + place % 255


def test_generator_polynomial_is_the_published_palindrome():
    exponents = [int(galois.LOG[c]) for c in galois.generator_polynomial()]
    assert exponents == PUBLISHED_EXPONENTS + PUBLISHED_EXPONENTS[-2::-1]


def test_dual_basis_maps_as_published():
    assert (galois.TO_DUAL[0x01], galois.TO_DUAL[0x80]) == (0x7B, 0x8D)
    assert np.array_equal(galois.FROM_DUAL[galois.TO_DUAL], np.arange(256))


@pytest.mark.parametrize("dual_basis", [True, False])
def test_encoded_words_vanish_at_all_roots(dual_basis):
    parameters = LinkParameters(interleave_depth=2, dual_basis=dual_basis)
    block = _blocks(parameters, 1)[0]
    for codeword in range(2):
        symbols = block[codeword::2]
        polynomial = galois.FROM_DUAL[symbols] if dual_basis else symbols
        for j in range(112, 144):
            root = int(galois.ANTILOG[11 * j % 255])
            value = 0
            for symbol in polynomial:
                value = galois.multiply(value, root) ^ int(symbol)
            assert value == 0


@settings(max_examples=30)
@given(
    depth=st.integers(1, 8),
    dual_basis=st.booleans(),
    places=st.lists(st.integers(0, 254), max_size=16, unique=True),
    seed=st.integers(0, 1000),
)
def test_up_to_sixteen_wrong_symbols_a_codeword_are_corrected_exactly(depth, dual_basis, places, seed):
    parameters = LinkParameters(interleave_depth=depth, dual_basis=dual_basis)
    sent = _blocks(parameters, 2, seed)
    received = sent.copy()
    _damage(received, depth - 1, places, depth)
    check = correct_blocks(received, parameters)
    assert np.array_equal(received, sent)
    assert check.corrected_symbols.tolist() == [len(places), 0]
    assert not check.uncorrectable.any()


@settings(max_examples=30)
@given(places=st.lists(st.integers(0, 254), min_size=17, max_size=60, unique=True))
def test_more_wrong_symbols_are_flagged_and_left_alone(places):
    parameters = LinkParameters(interleave_depth=4)
    received = _blocks(parameters, 2)
    _damage(received, 1, places, 4)
    before = received.copy()
    check = correct_blocks(received, parameters)
    assert check.uncorrectable.tolist() == [True, False]
    assert np.array_equal(received, before)


def test_blocks_of_another_depth_are_refused():
    with pytest.raises(LinkError, match="8 codewords"):
        correct_blocks(np.zeros((1, 1275), dtype=np.uint8), LinkParameters())


@settings(max_examples=30)
@given(
    fill=st.integers(1, 190),
    dual_basis=st.booleans(),
    places=st.lists(st.integers(0, 64), max_size=16, unique=True),
    depth=st.integers(1, 5),
)
def test_a_shortened_code_corrects_as_much(fill, dual_basis, places, depth):
    parameters = LinkParameters(interleave_depth=depth, dual_basis=dual_basis, frame_length=(223 - fill) * depth)
    sent = _blocks(parameters, 2)
    assert sent.shape[1] == (255 - fill) * depth
    received = sent.copy()
    places = sorted({place % (255 - fill) for place in places})
    _damage(received, 0, places, depth)
    check = correct_blocks(received, parameters)
    assert np.array_equal(received, sent)
    assert check.corrected_symbols.tolist() == [len(places), 0]


def test_virtual_fill_is_zeros_ahead_of_the_data():
    short = LinkParameters(interleave_depth=1, frame_length=200)
    frames = np.random.default_rng(3).integers(0, 256, (1, 200), dtype=np.uint8)
    whole = np.concatenate((np.zeros((1, 23), dtype=np.uint8), frames), axis=1)
    assert np.array_equal(
        encode_blocks(frames, short)[0], encode_blocks(whole, LinkParameters(interleave_depth=1))[0, 23:]
    )


@pytest.mark.parametrize(("depth", "length"), [(4, 801), (4, 900)])
def test_a_frame_that_does_not_fit_the_code_is_refused(depth, length):
    with pytest.raises(LinkError, match=f"{length} bytes.*depth {depth}"):
        LinkParameters(interleave_depth=depth, frame_length=length)
