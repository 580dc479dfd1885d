"""Packets decoded side by side give what each gives alone, value by value as a reader of single bits finds them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp import baq, decoding, fdbaq
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import BIT_RATE_CODES, alphabet_sizes, document


def read_bit_by_bit(user_data: bytes, quads: int) -> list[list[int]]:
    """The values `sign << 4 | magnitude` of the four sections, by the code words of the document."""
    bits = "".join(f"{octet:08b}" for octet in user_data)
    words = [{word: code for code, word in enumerate(document()["huffman"][name])} for name in BIT_RATE_CODES]
    position, rates, sections = 0, [], []
    for section in range(4):
        values = []
        for quad in range(quads):
            block, first = divmod(quad, 128)
            if section == 0 and first == 0:
                rates.append(int(bits[position : position + 3], 2))
                position += 3
            if section == 2 and first == 0:
                position += 8
            sign, length = int(bits[position]), 1
            while bits[position + 1 : position + 1 + length] not in words[rates[block]]:
                length += 1
            values.append(sign << 4 | words[rates[block]][bits[position + 1 : position + 1 + length]])
            position += 1 + length
        position += -position % 16
        sections.append(values)
    return sections


def user_data_of(quads: int, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    blocks = -(-quads // 128)
    brc = random.integers(0, 5, blocks).astype(np.uint8)
    sizes = np.repeat(alphabet_sizes(BIT_RATE_CODES)[brc], 128)[:quads]
    codes = random.integers(0, sizes, (4, quads)) | random.integers(0, 2, (4, quads)) << 4
    return fdbaq.encode_codes(
        fdbaq.BlockCodes(codes.astype(np.uint8), brc, random.integers(0, 256, blocks).astype(np.uint8))
    )


@settings(max_examples=30)
@given(st.integers(1, 300), st.integers(0, 2**32))
def test_values_are_those_of_the_single_bits(quads: int, seed: int) -> None:
    user_data = user_data_of(quads, seed)
    assert fdbaq.decode_codes(user_data, quads).codes.tolist() == read_bit_by_bit(user_data, quads)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from([1, 127, 128, 129, 200, 300]), st.integers(0, 2**32)), min_size=1, max_size=9)
)
def test_neighbours_of_any_length_do_not_disturb_each_other(packets: list[tuple[int, int]]) -> None:
    pieces = [user_data_of(quads, seed) for quads, seed in packets]
    ends = np.cumsum([len(piece) for piece in pieces])
    out = np.full((len(pieces), 700), 99, np.complex64)
    quads = [quads for quads, _ in packets]
    fdbaq.decode_lines(np.frombuffer(b"".join(pieces), np.uint8), np.concatenate(([0], ends[:-1])), ends, quads, out)
    for row, piece, count in zip(out, pieces, quads, strict=True):
        np.testing.assert_array_equal(row[: 2 * count], fdbaq.decode(piece, count))
        assert (row[2 * count :] == 99).all()


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_the_damaged_packet_of_a_pair_is_the_one_named(damaged: int) -> None:
    pieces = [bytearray(user_data_of(300, seed)) for seed in range(3)]
    pieces[damaged][0] |= 0xE0
    ends = np.cumsum([len(piece) for piece in pieces])
    out = np.zeros((3, 600), np.complex64)
    with pytest.raises(PacketError, match=f"packet {damaged}: block 0 has an undefined BRC"):
        fdbaq.decode_lines(
            np.frombuffer(b"".join(pieces), np.uint8), np.concatenate(([0], ends[:-1])), ends, [300] * 3, out
        )


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_fixed_rates_go_the_same_way(bits: int) -> None:
    samples = np.random.default_rng(bits).normal(0, 9, (3, 520)).astype(np.float32).view(np.complex64)
    data, bounds = baq.encode_lines(samples, bits)
    out = np.empty((3, 260), np.complex64)
    baq.decode_lines(data, bounds[:-1], bounds[1:], [130] * 3, out, bits=bits)
    for k in range(3):
        np.testing.assert_array_equal(out[k], baq.decode(data[bounds[k] : bounds[k + 1]].tobytes(), 130, bits))


def test_every_window_advances() -> None:
    """No stream, however damaged, keeps the decoder in place."""
    table = decoding.windows()
    assert ((table & np.uint64(63)) > 0).all()
    assert ((table >> np.uint64(56)) > 0).all()
