from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.link.cadu import CaduStream, find_cadus, marker_stride
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import LinkParameters

PARAMETERS = LinkParameters(interleave_depth=1)
SIZE = PARAMETERS.cadu_bytes


@pytest.fixture(scope="module")
def cadus() -> np.ndarray:
    return encode_cadus({}, PARAMETERS, fill_frames=12)


def _positions(data: np.ndarray) -> tuple[list[int], int]:
    positions, account = find_cadus(data, PARAMETERS)
    assert account.cadus * SIZE + account.skipped_bytes == data.size
    return positions.tolist(), account.skipped_bytes


def test_a_clean_stream_is_all_cadus(cadus):
    assert _positions(cadus) == ([SIZE * k for k in range(12)], 0)


def test_garbage_before_between_and_after_is_skipped_and_counted(cadus):
    rubbish = np.full(77, 0x1A, dtype=np.uint8)
    data = np.concatenate((rubbish, cadus[: 4 * SIZE], rubbish, cadus[4 * SIZE :], rubbish))
    positions, skipped = _positions(data)
    assert skipped == 3 * 77
    assert positions == [77 + SIZE * k for k in range(4)] + [154 + SIZE * k for k in range(4, 12)]


def test_a_destroyed_marker_does_not_lose_its_cadu(cadus):
    data = cadus.copy()
    data[5 * SIZE : 5 * SIZE + 4] = 0
    assert _positions(data) == ([SIZE * k for k in range(12)], 0)


def test_bytes_lost_inside_a_cadu_lose_that_cadu_only(cadus):
    data = np.delete(cadus, slice(3 * SIZE + 50, 3 * SIZE + 61))
    positions, skipped = _positions(data)
    assert positions == [SIZE * k for k in range(3)] + [SIZE * k - 11 for k in range(4, 12)]
    assert skipped == SIZE - 11


def test_bytes_inserted_inside_a_cadu_do_not_lose_the_next(cadus):
    data = np.insert(cadus, 3 * SIZE + 50, np.zeros(7, dtype=np.uint8))
    positions, _ = _positions(data)
    assert set(positions) >= {SIZE * k + 7 for k in range(4, 12)}


def test_a_truncated_last_cadu_is_counted_not_invented(cadus):
    positions, skipped = _positions(cadus[:-9])
    assert len(positions) == 11
    assert skipped == SIZE - 9


@settings(max_examples=60)
@given(
    cuts=st.lists(st.integers(0, 12 * SIZE), max_size=8),
    removed=st.tuples(st.integers(0, 12 * SIZE), st.integers(0, 400)),
    wrong=st.lists(st.integers(0, 12 * SIZE - 401), max_size=6),
)
def test_chunks_do_not_change_what_is_found(cuts, removed, wrong):
    data = encode_cadus({}, PARAMETERS, fill_frames=12)
    data = np.delete(data, slice(removed[0], removed[0] + removed[1]))
    data[[place % data.size for place in wrong]] ^= 0xFF
    whole, account = find_cadus(data, PARAMETERS)
    stream = CaduStream(PARAMETERS)
    edges = sorted({0, data.size, *(min(cut, data.size) for cut in cuts)})
    batches = [stream.feed(data[a:b].tobytes()) for a, b in pairwise(edges)]
    batches.append(stream.finish())
    assert np.concatenate([batch.positions for batch in batches]).tolist() == whole.tolist()
    assert stream.account == account


@settings(max_examples=50)
@given(data=st.binary(max_size=3000))
def test_random_bytes_are_accounted_for(data):
    stream = CaduStream(PARAMETERS)
    stream.feed(data)
    stream.finish()
    assert stream.account.cadus * SIZE + stream.account.skipped_bytes == len(data)


def test_the_stride_of_an_unknown_stream_is_seen(cadus):
    assert marker_stride(np.insert(cadus, 3 * SIZE + 50, np.zeros(7, dtype=np.uint8)).tobytes()) == SIZE
    assert marker_stride(b"\x1a\xcf\xfc\x1d" + bytes(100)) is None


@settings(max_examples=60)
@given(
    place=st.integers(0, 6 * SIZE),
    lost_bits=st.integers(1, 60),
    inserted=st.booleans(),
    inverted_from=st.integers(0, 11),
    chunk=st.integers(100, 5000),
)
def test_bits_lost_or_inserted_and_a_turned_polarity_cost_no_more_than_the_cadus_that_they_hit(
    place, lost_bits, inserted, inverted_from, chunk
):
    clean = encode_cadus({}, PARAMETERS, fill_frames=12).reshape(-1, SIZE)
    turned = clean.copy()
    turned[inverted_from:] ^= 0xFF
    bits = np.unpackbits(turned.reshape(-1))
    if inserted:
        bits = np.insert(bits, 8 * place, np.zeros(lost_bits, dtype=np.uint8))
    else:
        bits = np.delete(bits, slice(8 * place, 8 * place + lost_bits))
    data = np.packbits(bits).tobytes()
    stream = CaduStream(attrs.evolve(PARAMETERS, randomised=False))
    batches = [stream.feed(data[k : k + chunk]) for k in range(0, len(data), chunk)]
    batches.append(stream.finish())
    received = {block.tobytes() for batch in batches for block in batch.blocks}
    hit = {(place - 1) // SIZE, place // SIZE, (place + lost_bits // 8 + 1) // SIZE}
    untouched = {clean[k, 4:].tobytes() for k in range(12) if k not in hit}
    assert untouched <= received
    assert stream.account.cadus * SIZE + stream.account.skipped_bytes == len(data)


def test_turned_cadus_and_shifts_of_bits_are_counted(cadus):
    turned = cadus.copy()
    turned[4 * SIZE : 6 * SIZE] ^= 0xFF
    bits = np.delete(np.unpackbits(turned), slice(8 * 8 * SIZE + 100, 8 * 8 * SIZE + 103))
    _, account = find_cadus(np.packbits(bits), PARAMETERS)
    assert (account.cadus, account.inverted_cadus, account.bit_slips) == (11, 2, 1)


def test_what_a_station_appends_to_cadus_is_left_out():
    plain = attrs.evolve(PARAMETERS, cadu_trailer_bytes=0)
    trailed = attrs.evolve(PARAMETERS, cadu_trailer_bytes=9)
    data = encode_cadus({}, trailed, fill_frames=5)
    stream = CaduStream(trailed)
    blocks = stream.feed(data.tobytes()).blocks
    expected = CaduStream(plain).feed(encode_cadus({}, plain, fill_frames=6).tobytes()).blocks
    assert np.array_equal(blocks, expected[: len(blocks)])
    assert len(blocks) == 4
