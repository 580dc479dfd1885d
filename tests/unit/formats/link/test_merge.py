from collections import defaultdict
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.link.decode import ChannelDecoder, Demultiplexer, FrameDecoder
from s1pdgs.formats.link.encode import CaduEncoder
from s1pdgs.formats.link.merge import (
    IndexedStream,
    index_frames,
    join_indexes,
    merge_streams,
    read_lines,
)
from s1pdgs.formats.link.parameters import LinkError, LinkParameters

LINK = LinkParameters(interleave_depth=1)
PACKETS = 60


def _packet(number: int, size: int) -> bytes:
    random = np.random.default_rng(number)
    return b"\x0c\x1c\xc0\x00" + (size + 3).to_bytes(2, "big") + number.to_bytes(4, "big") + random.bytes(size)


def _cadus(link: LinkParameters, first_count: int = 0, resets: tuple[int, ...] = (), vcids=(7, 9)) -> np.ndarray:
    """CADUs uint8[n, bytes] of packets on two virtual channels; the frame counters start again before some packets."""
    edges = [0, *resets, PACKETS]
    encoder = CaduEncoder(link, dict.fromkeys(vcids, first_count))
    parts = []
    for begin, stop in pairwise(edges):
        sent = {vcid: [_packet(1000 * vcid + k, 30 + 37 * k % 900) for k in range(begin, stop)] for vcid in vcids}
        parts += [encoder.encode(sent, fill_frames=2), encoder.finish()]
        encoder = CaduEncoder(link)
    return np.concatenate(parts).reshape(-1, link.cadu_bytes)


def _stream(data: bytes, link: LinkParameters = LINK, delivery: int = 1, channel: int = 1) -> IndexedStream:
    decoder = FrameDecoder(link, any_spacecraft=True)
    chunks = [data[k : k + 7000] for k in range(0, len(data), 7000)]
    indexes = [index_frames(decoder.feed(chunk), decoder.cadus, link) for chunk in chunks]
    indexes.append(index_frames(decoder.finish(), decoder.cadus, link))
    whole = np.frombuffer(data, dtype=np.uint8)
    return IndexedStream(delivery, channel, link, join_indexes(indexes), lambda begin, end: whole[begin:end])


def _merged(streams: list[IndexedStream]) -> tuple[dict[int, list[bytes]], list]:
    lines = merge_streams(streams)
    demultiplexers = [Demultiplexer(streams[line.main].parameters) for line in lines]
    packets = defaultdict(list)
    for number, frames in read_lines(lines, streams):
        for vcid, batch in demultiplexers[number].feed(frames):
            packets[vcid] += _bytes_of(batch)
    for demultiplexer in demultiplexers:
        for vcid, batch in demultiplexer.finish():
            packets[vcid] += _bytes_of(batch)
    return packets, lines


def _received(data: bytes, link: LinkParameters = LINK) -> dict[int, list[bytes]]:
    decoder = ChannelDecoder(link)
    packets = defaultdict(list)
    for part in (decoder.feed(data), decoder.finish()):
        for vcid, batch in part:
            packets[vcid] += _bytes_of(batch)
    return packets


def _bytes_of(batch) -> list[bytes]:
    spans = zip(batch.packets["offset"].tolist(), batch.packets["length"].tolist(), strict=True)
    return [batch.buffer[first : first + length].tobytes() for first, length in spans]


SOUND, CORRECTABLE, DAMAGED, ABSENT = range(4)


def _spoiled(cadus: np.ndarray, fates: list[int]) -> bytes:
    copy = cadus.copy()
    for number, fate in enumerate(fates):
        if fate == CORRECTABLE:
            copy[number, 40:52] ^= 0x5A
        elif fate == DAMAGED:
            copy[number, 4:90] ^= 0x33
    return copy[np.array(fates) != ABSENT].tobytes()


@settings(max_examples=40)
@given(data=st.data(), copies=st.integers(2, 4), first_count=st.sampled_from([0, 0xFFFFFF - 20]), seed=st.integers(0))
def test_merging_damaged_copies_gives_the_packets_of_the_union_of_their_sound_frames(data, copies, first_count, seed):
    resets = data.draw(st.sampled_from([(), (30,)]))
    cadus = _cadus(LINK, first_count, resets)
    random = np.random.default_rng(seed)
    # a reset amid half of the frames cannot always be told from a gap
    harm = data.draw(st.sampled_from([0.02, 0.2] if resets else [0.02, 0.2, 0.5]))
    odds = [1 - harm, harm / 3, harm / 3, harm / 3]
    fates = random.choice(4, size=(copies, len(cadus)), p=odds)
    for copy in range(copies):
        if data.draw(st.booleans()):
            begin, stop = sorted(random.integers(0, len(cadus), 2).tolist())
            fates[copy, :begin] = fates[copy, stop:] = ABSENT
    channels = random.integers(1, 3, copies).tolist()
    streams = [
        _stream(_spoiled(cadus, list(fates[copy])), delivery=copy + 1, channel=channels[copy]) for copy in range(copies)
    ]
    if sum(stream.index.vcids.size for stream in streams) == 0:
        return
    union = cadus[(fates <= CORRECTABLE).any(axis=0)].tobytes()
    packets, _ = _merged(streams)
    expected = _received(union)
    assert {vcid: sorted(found) for vcid, found in packets.items() if found} == {
        vcid: sorted(found) for vcid, found in expected.items() if found
    }


def test_a_later_delivery_shows_that_two_parts_belong_together():
    cadus = _cadus(LINK, resets=(30,))
    start = [SOUND if k < 60 else ABSENT for k in range(len(cadus))]
    end = [SOUND if 190 <= k < 225 else ABSENT for k in range(len(cadus))]
    whole = [SOUND if k % 7 else DAMAGED for k in range(len(cadus))]
    streams = [_stream(_spoiled(cadus, fates), delivery=n) for n, fates in enumerate([start, end, whole], 1)]
    packets, lines = _merged(streams)
    assert [line.vcid for line in lines] == [7, 9]
    union = [min(fates) for fates in zip(start, end, whole, strict=True)]
    expected = _received(_spoiled(cadus, union))
    assert {vcid: sorted(found) for vcid, found in packets.items()} == {v: sorted(f) for v, f in expected.items()}


def test_the_least_corrected_copy_of_a_frame_is_taken():
    cadus = _cadus(LINK, vcids=(7,))
    worse = [CORRECTABLE] * len(cadus)
    better = [SOUND if number % 2 else CORRECTABLE for number in range(len(cadus))]
    streams = [_stream(_spoiled(cadus, worse)), _stream(_spoiled(cadus, better), delivery=2)]
    (line,) = merge_streams(streams)
    corrected = [int(streams[s].index.corrected[r]) for s, r in zip(line.streams, line.rows, strict=True)]
    data_frames = [number for number, vcid in enumerate(_vcids(cadus)) if vcid == 7]
    assert [count > 0 for count in corrected] == [better[number] == CORRECTABLE for number in data_frames]
    assert (line.recovered, line.conflicts) == (0, 0)


def _vcids(cadus: np.ndarray) -> list[int]:
    decoder = FrameDecoder(LINK)
    return [*decoder.feed(cadus.tobytes()).vcids.tolist(), *decoder.finish().vcids.tolist()]


def test_frames_that_one_delivery_lacked_are_counted_as_recovered():
    cadus = _cadus(LINK, vcids=(7,))
    kept = np.array(_vcids(cadus)) == 7
    first = [DAMAGED if 10 <= k < 15 and kept[k] else SOUND for k in range(len(cadus))]
    second = [SOUND if 8 <= k < 20 else ABSENT for k in range(len(cadus))]
    packets, (line,) = _merged([_stream(_spoiled(cadus, first)), _stream(_spoiled(cadus, second), delivery=2)])
    assert line.recovered == int(np.count_nonzero(kept[10:15]))
    assert packets[7] == _received(cadus.tobytes())[7]


def test_channels_that_another_station_numbers_otherwise_are_matched_by_their_frames():
    one, two = _cadus(LINK, vcids=(7,)), _cadus(LINK, vcids=(9,))
    half = [SOUND if k % 3 else DAMAGED for k in range(len(one))]
    other = [SOUND if k % 3 != 1 else DAMAGED for k in range(len(one))]
    streams = [
        _stream(_spoiled(one, half), delivery=1, channel=1),
        _stream(_spoiled(two, half[: len(two)]), delivery=1, channel=2),
        _stream(_spoiled(two, other[: len(two)]), delivery=2, channel=1),
        _stream(_spoiled(one, other), delivery=2, channel=2),
    ]
    packets, lines = _merged(streams)
    assert len(lines) == 2
    assert packets[7] == _received(one.tobytes())[7]
    assert packets[9] == _received(two.tobytes())[9]


def test_a_virtual_channel_on_both_channels_of_a_delivery_stays_apart():
    first, second = _cadus(LINK, vcids=(7,)), _cadus(LINK, vcids=(7,), first_count=50)
    packets, lines = _merged([_stream(first.tobytes(), channel=1), _stream(second.tobytes(), channel=2)])
    assert len(lines) == 2
    assert len(packets[7]) == 2 * PACKETS


def test_a_station_that_strips_the_parity_and_appends_bytes_is_merged_with_one_that_does_not():
    stripped = attrs.evolve(LINK, coded=False, frame_length=LINK.frame_bytes, cadu_trailer_bytes=10)
    raw, bare = _cadus(LINK), _cadus(stripped)
    fates = [ABSENT if k % 2 else SOUND for k in range(len(raw))]
    others = [SOUND if k % 2 else ABSENT for k in range(len(raw))]
    streams = [_stream(_spoiled(raw, fates)), _stream(_spoiled(bare, others), link=stripped, delivery=2)]
    packets, _ = _merged(streams)
    assert packets == _received(raw.tobytes())


def test_deliveries_of_other_frame_lengths_are_refused():
    longer = attrs.evolve(LINK, interleave_depth=2)
    streams = [_stream(_cadus(LINK).tobytes()), _stream(_cadus(longer).tobytes(), link=longer, delivery=2)]
    with pytest.raises(LinkError, match="frames of 223 and 446 bytes"):
        merge_streams(streams)


def test_a_frame_that_was_corrected_wrongly_loses_against_the_sound_one():
    cadus = _cadus(LINK, vcids=(7,))
    forged = _cadus(LINK, vcids=(7,))
    forged[6] = _cadus(attrs.evolve(LINK, spacecraft_id=0x51), vcids=(7,))[6]
    forged[6, 40:44] ^= 1
    packets, (line,) = _merged([_stream(forged.tobytes()), _stream(cadus.tobytes(), delivery=2)])
    assert line.conflicts == 1
    assert packets[7] == _received(cadus.tobytes())[7]


def test_frames_that_a_delivery_brings_twice_in_the_wrong_order_or_miscounted_are_each_there_once():
    cadus = _cadus(LINK, vcids=(7,))
    swapped = np.concatenate((cadus[:20], cadus[40:60], cadus[20:60], cadus[60:])).tobytes()
    packets, (line,) = _merged([_stream(swapped), _stream(cadus[:90].tobytes(), delivery=2)])
    assert packets[7] == _received(cadus.tobytes())[7]
    assert line.conflicts == 0


def test_a_wrong_count_in_one_delivery_does_not_tear_the_others():
    bare = attrs.evolve(LINK, coded=False, randomised=False, frame_length=LINK.frame_bytes)
    cadus = _cadus(bare, vcids=(7,))
    wrong = cadus.copy()
    for row in (10, 33):
        wrong[row, 6:9] = (0x12, 0x34, row)
    streams = [_stream(wrong.tobytes(), link=bare), _stream(cadus.tobytes(), link=bare, delivery=2)]
    packets, lines = _merged(streams)
    assert len(lines) == 1
    assert packets[7] == _received(cadus.tobytes(), bare)[7]
