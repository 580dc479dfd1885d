"""Packets to CADUs and back, whole, damaged and torn."""

from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.encode import CaduEncoder, encode_cadus
from s1pdgs.formats.link.parameters import LinkError, LinkParameters

SMALL = LinkParameters(interleave_depth=1)


def _packet(serial: int, length: int) -> bytes:
    body = np.random.default_rng(serial).integers(0, 256, length - 6, dtype=np.uint8).tobytes()
    return b"\x0c\x1c" + (0xC000 | serial % 0x4000).to_bytes(2, "big") + (length - 7).to_bytes(2, "big") + body


def _receive(data: bytes, parameters: LinkParameters, chunk: int = 1000):
    decoder = ChannelDecoder(parameters)
    received: dict[int, list[tuple[bytes, int, int]]] = {}
    parts = [decoder.feed(data[k : k + chunk]) for k in range(0, len(data), chunk)]
    for part in [*parts, decoder.finish()]:
        for vcid, batch in part:
            for offset, length, frames, missing, _ in batch.packets.tolist():
                packet = batch.buffer[offset : offset + length].tobytes()
                received.setdefault(vcid, []).append((packet, frames, missing))
    return received, decoder


LENGTHS = st.lists(st.integers(7, 900), min_size=1, max_size=25)
LINKS = st.builds(
    LinkParameters,
    interleave_depth=st.integers(1, 5),
    dual_basis=st.booleans(),
    coded=st.booleans(),
    randomised=st.booleans(),
    insert_zone_bytes=st.integers(0, 5),
    has_fhec=st.booleans(),
    has_ocf=st.booleans(),
    has_fecf=st.booleans(),
)


@settings(max_examples=40)
@given(first=LENGTHS, second=LENGTHS, link=LINKS, fill=st.integers(0, 4), chunk=st.integers(50, 5000))
def test_every_packet_comes_back_byte_for_byte(first, second, link, fill, chunk):
    sent = {24: [_packet(k, n) for k, n in enumerate(first)], 3: [_packet(k, n) for k, n in enumerate(second)]}
    received, decoder = _receive(encode_cadus(sent, link, fill_frames=fill).tobytes(), link, chunk)
    assert {vcid: [packet for packet, _, _ in packets] for vcid, packets in received.items()} == sent
    assert decoder.code.fill_frames == fill
    assert decoder.sync.skipped_bytes == 0
    for account in decoder.accounts().values():
        assert (account.missing_frames, account.discarded_bytes, account.pointer_faults) == (0, 0, 0)


def test_packets_know_how_many_frames_carried_them():
    zone = SMALL.zone_bytes
    sent = [_packet(0, zone), _packet(1, zone + 1), _packet(2, 3 * zone - 1), _packet(3, 20)]
    received, _ = _receive(encode_cadus({7: sent}, SMALL).tobytes(), SMALL)
    assert [frames for _, frames, _ in received[7]] == [1, 2, 3, 1]


def test_the_largest_packet_passes():
    sent = [_packet(0, 65542), _packet(1, 7)]
    received, _ = _receive(encode_cadus({7: sent}, SMALL).tobytes(), SMALL, 4096)
    assert [packet for packet, _, _ in received[7]] == sent


@settings(max_examples=40)
@given(lengths=LENGTHS, lost=st.sets(st.integers(0, 200), max_size=6))
def test_lost_frames_cost_the_packets_they_touch_and_nothing_else(lengths, lost):
    sent = [_packet(k, n) for k, n in enumerate(lengths)]
    cadus = encode_cadus({9: sent}, SMALL).reshape(-1, SMALL.cadu_bytes)
    count = len(cadus)
    kept = [k for k in range(count) if k not in lost]
    received, decoder = _receive(cadus[kept].tobytes(), SMALL)
    packets = [packet for packet, _, _ in received.get(9, [])]
    ends = np.cumsum(lengths)
    touched = [
        any(k in lost for k in range((end - length) // SMALL.zone_bytes, (end - 1) // SMALL.zone_bytes + 1))
        for end, length in zip(ends.tolist(), lengths, strict=True)
    ]
    assert packets == [packet for packet, gone in zip(sent, touched, strict=True) if not gone]
    account = decoder.accounts().get(9)
    seen_missing = len([k for k in lost if kept and kept[0] < k < kept[-1]])
    assert (account.missing_frames if account else 0) == seen_missing
    assert sum(missing for _, _, missing in received.get(9, [])) <= seen_missing


@settings(max_examples=30)
@given(lengths=LENGTHS, hits=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 254)), max_size=12))
def test_errors_within_the_code_are_invisible_to_packets(lengths, hits):
    sent = [_packet(k, n) for k, n in enumerate(lengths)]
    cadus = encode_cadus({9: sent}, SMALL).reshape(-1, SMALL.cadu_bytes)
    for frame, place in set(hits):
        cadus[frame % len(cadus), 4 + place] ^= 0x5A
    received, decoder = _receive(cadus.tobytes(), SMALL)
    assert [packet for packet, _, _ in received[9]] == sent
    assert decoder.code.uncorrectable_frames == 0


def test_errors_beyond_the_code_become_counted_missing_frames():
    sent = [_packet(k, 300) for k in range(30)]
    cadus = encode_cadus({9: sent}, SMALL).reshape(-1, SMALL.cadu_bytes)
    cadus[10, 4:60] ^= 0xA5
    received, decoder = _receive(cadus.tobytes(), SMALL)
    assert decoder.code.uncorrectable_frames == 1
    assert decoder.accounts()[9].missing_frames == 1
    packets = [packet for packet, _, _ in received[9]]
    assert set(packets) < set(sent)
    assert len(packets) >= 28
    assert [missing for _, _, missing in received[9] if missing] == [1]


def test_a_frame_received_twice_counts_once():
    sent = [_packet(k, 300) for k in range(10)]
    cadus = encode_cadus({9: sent}, SMALL).reshape(-1, SMALL.cadu_bytes)
    received, decoder = _receive(np.insert(cadus, 4, cadus[4], axis=0).tobytes(), SMALL)
    assert [packet for packet, _, _ in received[9]] == sent
    assert decoder.accounts()[9].duplicate_frames == 1


def test_the_frame_counter_may_wrap():
    encoder = CaduEncoder(SMALL, {9: 0xFFFFFE})
    sent = [_packet(k, 300) for k in range(10)]
    data = np.concatenate((encoder.encode({9: sent[:5]}), encoder.encode({9: sent[5:]}), encoder.finish()))
    received, decoder = _receive(data.tobytes(), SMALL)
    assert [packet for packet, _, _ in received[9]] == sent
    assert decoder.accounts()[9].missing_frames == 0


def test_frames_of_another_spacecraft_are_counted_and_not_used():
    data = encode_cadus({9: [_packet(0, 300)]}, attrs.evolve(SMALL, spacecraft_id=1)).tobytes()
    received, decoder = _receive(data, SMALL)
    assert received == {}
    assert decoder.code.foreign_frames == 2


@settings(max_examples=40)
@given(
    lengths=LENGTHS,
    cut=st.integers(0, 8000),
    removed=st.tuples(st.integers(0, 8000), st.integers(0, 600)),
    inserted=st.tuples(st.integers(0, 8000), st.binary(max_size=40)),
)
def test_torn_streams_never_invent_packets(lengths, cut, removed, inserted):
    sent = [_packet(k, n) for k, n in enumerate(lengths)]
    data = encode_cadus({9: sent}, SMALL).tobytes()
    data = data[: removed[0]] + data[sum(removed) :]
    data = data[: inserted[0]] + inserted[1] + data[inserted[0] :]
    data = data[: len(data) - cut] if cut < len(data) else data
    received, decoder = _receive(data, SMALL)
    packets = [packet for packet, _, _ in received.get(9, [])]
    assert set(packets) <= set(sent)
    assert packets == sorted(packets, key=sent.index)
    assert decoder.sync.cadus * SMALL.cadu_bytes + decoder.sync.skipped_bytes == len(data)


def test_the_fill_channel_cannot_carry_packets():
    with pytest.raises(LinkError, match="63"):
        encode_cadus({63: [_packet(0, 20)]}, SMALL)


@settings(max_examples=60)
@given(
    wrong=st.dictionaries(st.integers(1, 30), st.integers(0, 0xFFFFFF), min_size=1, max_size=4),
    chunk=st.integers(1, 40),
)
def test_single_frames_with_a_wrong_count_keep_their_place_and_nothing_is_missing(wrong, chunk):
    places = sorted(wrong)
    assume(all(b - a > 2 for a, b in pairwise(places)))
    sent = [_packet(k, 100 + 13 * k % 400) for k in range(40)]
    link = attrs.evolve(SMALL, coded=False, randomised=False)
    cadus = encode_cadus({9: sent}, link).reshape(-1, link.cadu_bytes)
    assert len(cadus) > 32
    for place, count in wrong.items():
        assume((count - place + 1) % (1 << 24) > 2)
        cadus[place, 6:9] = list(count.to_bytes(3, "big"))
    received, decoder = _receive(cadus.tobytes(), link, chunk * link.cadu_bytes)
    account = decoder.accounts()[9]
    assert account.missing_frames == 0
    packets = [packet for packet, _, _ in received[9]]
    assert packets == sent


def test_a_block_that_came_twice_changes_nothing_but_duplicates():
    sent = [_packet(k, 300) for k in range(20)]
    cadus = encode_cadus({9: sent}, SMALL).reshape(-1, SMALL.cadu_bytes)
    received, decoder = _receive(np.concatenate((cadus[:12], cadus[5:])).tobytes(), SMALL)
    assert {packet for packet, _, _ in received[9]} == set(sent)
    assert decoder.accounts()[9].counter_resets == 1
