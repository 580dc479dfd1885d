"""Targets of bytes that come down from the satellite, or are made of them: CADUs, frames, packets, components."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import baq, bypass, fdbaq
from s1pdgs.formats.isp.header import (
    HEADER_SIZE,
    gather_headers,
    index_packets,
    new_headers,
    pack_headers,
    packet_faults,
)
from s1pdgs.formats.isp.packets import build_packets, decode_lines, decode_packet
from s1pdgs.formats.isp.subcom import FRAME_WORDS, AncillaryData, decode_frames, encode_frame
from s1pdgs.formats.l0 import annot
from s1pdgs.formats.l0.index import new_index, read_index
from s1pdgs.formats.link.decode import ChannelDecoder
from s1pdgs.formats.link.detect import detect_link
from s1pdgs.formats.link.encode import encode_cadus
from s1pdgs.formats.link.parameters import MARKER, LinkParameters
from s1pdgs.formats.link.reed_solomon import correct_blocks
from tests.fuzz.target import Target, answer_or_refusal, file_of

_UNTOUCHED = np.complex64(12345.0 - 54321.0j)
_CODED = 2
_MARKER = MARKER.to_bytes(4, "big")


def cadu(data: bytes) -> None:
    """A channel, however it is cut into chunks: the same packets, every byte accounted for, extents inside."""
    if len(data) < 2:
        return
    link, stream = _link(data[0] & ~_CODED), data[2:]
    whole, whole_packets = _receive(link, stream, len(stream) or 1)
    cut, cut_packets = _receive(link, stream, 23 + 8 * data[1])
    sync = whole.sync
    assert sync.bytes_read == len(stream)
    assert sync.skipped_bytes + sync.cadus * link.cadu_bytes == len(stream)
    assert cut.sync == sync, (cut.sync, sync)
    assert cut.code == whole.code
    assert cut.accounts() == whole.accounts()
    assert cut_packets == whole_packets


def code(data: bytes) -> None:
    """Blocks with any errors: corrected to codewords or flagged and left alone, and then never touched again."""
    if len(data) < 1:
        return
    link = _link(data[0] | _CODED)
    count = (len(data) - 1) // link.block_bytes
    blocks = np.frombuffer(data, np.uint8)[1 : 1 + count * link.block_bytes].reshape(count, link.block_bytes).copy()
    received = blocks.copy()
    check = correct_blocks(blocks, link)
    changed = (blocks != received).sum(axis=1)
    sound = ~check.uncorrectable
    assert (changed[sound] == check.corrected_symbols[sound]).all()
    assert (check.corrected_symbols <= 16 * link.interleave_depth).all()
    again = correct_blocks(blocks[sound], link)
    assert not again.uncorrectable.any()
    assert not again.corrected_symbols.any()


def aos(data: bytes) -> None:
    """Frames with any header and pointer: no packet is longer or shorter than it says, none leaves its buffer."""
    if len(data) < 1:
        return
    link = LinkParameters(
        interleave_depth=1, coded=False, randomised=False, has_fhec=bool(data[0] & 1), has_ocf=bool(data[0] & 2)
    )
    size = link.frame_bytes
    frames = [data[1 + k : 1 + k + size] for k in range(0, len(data) - size, size)]
    decoder, packets = _receive(link, b"".join(_MARKER + frame for frame in frames), 4096)
    for vcid, account in decoder.accounts().items():
        assert account.packets == len(packets.get(vcid, ()))
        assert account.frames <= len(frames)


def packet(data: bytes) -> None:
    """Packets back to back with lying headers: found or refused at an offset, each decoded or refused."""
    octets = np.frombuffer(data, np.uint8)
    found = answer_or_refusal(lambda: index_packets(octets), "byte ")
    if found is not None:
        offsets, lengths = found
        assert int(lengths.sum()) == octets.size
        headers = gather_headers(octets, offsets)
        assert packet_faults(headers).size == offsets.size
        answer_or_refusal(lambda: pack_headers(headers), "header ")
        if answer_or_refusal(lambda: decode_lines(octets, offsets, lengths, headers)) is None:
            for offset, length in zip(offsets[:2].tolist(), lengths[:2].tolist(), strict=True):
                answer_or_refusal(lambda piece=data[offset : offset + length]: decode_packet(piece))
    else:
        answer_or_refusal(lambda: decode_packet(data))


def samples(data: bytes) -> None:
    """User data that are not what the header says: nothing is read or written beside its place."""
    if len(data) < 4:
        return
    kind, quads, lines = data[0] % 5, int.from_bytes(data[1:3], "big") % 1500, 1 + data[3] % 4
    octets = np.frombuffer(data, np.uint8)[4:]
    edges = np.linspace(0, octets.size, lines + 1).astype(np.int64)
    counts = [max(quads - (130 * line if data[3] & 64 else 0), 0) for line in range(lines)]
    out = np.full((lines, 2 * quads + 3), _UNTOUCHED)

    def decode() -> bool:
        if kind == 0:
            bypass.decode_lines(octets, edges[:-1], edges[1:], counts, out)
        elif kind == 1:
            fdbaq.decode_lines(octets, edges[:-1], edges[1:], counts, out)
        else:
            baq.decode_lines(octets, edges[:-1], edges[1:], counts, out, bits=kind + 1)
        return True

    decoded = answer_or_refusal(decode, "packet ")
    for line, count in enumerate(counts):
        assert (out[line, 2 * count :] == _UNTOUCHED).all(), "wrote beyond the line"
        assert decoded is None or np.isfinite(out[line, : 2 * count]).all()
    if kind == 1:
        codes = answer_or_refusal(lambda: fdbaq.decode_codes(octets.tobytes(), quads))
        if codes is not None:
            again = fdbaq.decode_codes(fdbaq.encode_codes(codes), quads)
            assert all(np.array_equal(one, other) for one, other in zip(codes, again, strict=True))


def detect(data: bytes) -> None:
    """A sample of any stream: its link is told, and then can be used, or it cannot be told."""
    found = detect_link(data)
    if found is not None:
        assert 0 < found.sound <= found.frames
        _receive(found.parameters, data, 4096)


def subcom(data: bytes) -> None:
    """Ancillary words of a run of packets, three octets each: index and word."""
    count = len(data) // 3
    records = np.frombuffer(data[: 3 * count], np.dtype([("index", "u1"), ("word", ">u2")]))
    for frame in decode_frames(records["index"], records["word"].astype(np.uint16)):
        assert len(frame.tile_temperature_codes) == 14
        assert frame.tile_temperatures_celsius.shape == (14, 3)
        assert isinstance(frame.tgu_temperature_celsius, float)
        assert 0.0 <= frame.position_time[1] < 1.0


def annotations(data: bytes) -> None:
    """An annotation component: read whole or refused by its size; its times are times."""
    path = file_of(data, "annot.dat")
    records = answer_or_refusal(lambda: annot.read_annotations(path), str(path))
    assert (records is None) == (len(data) % annot.ANNOTATION_SIZE != 0)
    if records is not None:
        assert (annot.sensing_times_us(records) >= annot.EPOCH_MICROS).all()
        assert (annot.packet_sizes(records) >= 7).all()
        assert (annot.vcids(records) < 64).all()
        assert annot.channels(records).size == annot.downlink_times_us(records).size


def index(data: bytes) -> None:
    """An index component."""
    records = answer_or_refusal(lambda: read_index(data, "index.dat"), "index.dat")
    assert records is None or records.nbytes == len(data)


def _link(flags: int) -> LinkParameters:
    """Small frames, so that inputs hold many of them."""
    return LinkParameters(
        interleave_depth=1 + (flags & 1),
        coded=bool(flags & _CODED),
        randomised=bool(flags & 4),
        dual_basis=bool(flags & 8),
        has_fecf=bool(flags & 16),
        has_fhec=bool(flags & 32),
        insert_zone_bytes=3 if flags & 64 else 0,
    )


def _receive(link: LinkParameters, stream: bytes, chunk: int) -> tuple[ChannelDecoder, dict[int, list[bytes]]]:
    decoder = ChannelDecoder(link, any_spacecraft=True)
    packets: dict[int, list[bytes]] = {}

    def take() -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.void]]]:
        for begin in range(0, len(stream), chunk):
            for vcid, batch in decoder.feed(stream[begin : begin + chunk]):
                yield vcid, batch.buffer, batch.packets
        for vcid, batch in decoder.finish():
            yield vcid, batch.buffer, batch.packets

    for vcid, buffer, table in take():
        for offset, length in zip(table["offset"].tolist(), table["length"].tolist(), strict=True):
            assert 0 <= offset <= offset + length <= buffer.size
            octets = buffer[offset : offset + length].tobytes()
            assert length == int.from_bytes(octets[4:6], "big") + 7
            packets.setdefault(vcid, []).append(octets)
    return decoder, packets


def _cadu_seeds() -> Iterator[bytes]:
    pieces = [bytes([0x0C, 0x1C, 0xC0, k, 0, n]) + bytes([k]) * (n + 1) for k, n in enumerate((1, 90, 250, 60))]
    for flags in (0, 4, 16, 33, 69):
        stream = encode_cadus({24: pieces * 2, 25: pieces}, _link(flags), 1).tobytes()
        yield bytes([flags, 33]) + stream
        yield bytes([flags, 0]) + stream[5:300] + stream


def _code_seeds() -> Iterator[bytes]:
    for flags in (2, 10, 3):
        link = _link(flags)
        stream = encode_cadus({24: [bytes([0x0C, 0x1C, 0xC0, 0, 0, 250]) + bytes(251)]}, link)
        blocks = stream.reshape(-1, link.cadu_bytes)[:1, len(_MARKER) :].copy()
        yield bytes([flags]) + blocks.tobytes()
        blocks[:, 3:30:2] ^= 0x5A
        yield bytes([flags]) + blocks.tobytes()


def _detect_seeds() -> Iterator[bytes]:
    pieces = [bytes([0x0C, 0x1C, 0xC0, k, 0, n]) + bytes([k]) * (n + 1) for k, n in enumerate((1, 90, 250, 60))]
    for flags in (0, 2, 6, 14, 16, 38):
        yield encode_cadus({24: pieces * 2}, _link(flags)).tobytes()


def _aos_seeds() -> Iterator[bytes]:
    link = LinkParameters(interleave_depth=1, coded=False, randomised=False)
    pieces = [bytes([0x0C, 0x1C, 0xC0, k, 0, n]) + bytes([k]) * (n + 1) for k, n in enumerate((1, 90, 250, 60))]
    cadus = encode_cadus({1: pieces * 2, 2: pieces}, link, 1).reshape(-1, link.cadu_bytes)
    yield b"\0" + cadus[:, 4:].tobytes()


def _packet_seeds() -> Iterator[bytes]:
    for mode, quads in ((0, 9), (3, 130), (5, 40), (12, 130), (12, 1), (14, 12)):
        values = np.random.default_rng(quads).normal(0, 9, (2, 4 * quads)).astype(np.float32).view(np.complex64)
        headers = new_headers(2)
        headers["baq_mode"] = mode
        headers["number_of_quads"] = quads
        packets, _ = build_packets(headers, *_encode(mode, values))
        yield packets.tobytes()


def _encode(mode: int, values: NDArray[np.complex64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if mode == 0:
        return bypass.encode_lines(values)
    return baq.encode_lines(values, mode) if mode < 12 else fdbaq.encode_lines(values, fdbaq.monotone_policy())


def _samples_seeds() -> Iterator[bytes]:
    for octets, kind in zip(_packet_seeds(), (0, 2, 4, 1, 1, 1), strict=True):
        offsets, lengths = index_packets(np.frombuffer(octets, np.uint8))
        quads = int(gather_headers(np.frombuffer(octets, np.uint8), offsets)["number_of_quads"][0])
        first = octets[HEADER_SIZE : int(lengths[0])]
        yield bytes([kind]) + quads.to_bytes(2, "big") + b"\0" + first


def _subcom_seeds() -> Iterator[bytes]:
    frame = AncillaryData((7e6, 0.0, 1.0), (0.0, 7e3, 1.0), 1 << 40, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1 << 41)
    words = encode_frame(frame)
    yield b"".join(bytes([k + 1]) + int(words[k]).to_bytes(2, "big") for k in range(FRAME_WORDS)) * 2


def _annotation_seeds() -> Iterator[bytes]:
    numbers = np.arange(3)
    yield annot.new_annotations(
        sensing_us=annot.EPOCH_MICROS + numbers,
        downlink_us=annot.EPOCH_MICROS + numbers * 1_000_000,
        packet_lengths=numbers + 100,
        frames=numbers,
        missing_frames=numbers,
        vcids=numbers,
        channels=np.ones(3, np.int64),
    ).tobytes()


def _index_seeds() -> Iterator[bytes]:
    yield new_index(annot.EPOCH_MICROS + np.arange(5), np.arange(5) * 100, 500, 2).tobytes()


TARGETS = (
    Target("cadu", cadu, _cadu_seeds, compiled=True),
    Target("detect", detect, _detect_seeds, compiled=True, plain=False),
    Target("code", code, _code_seeds, largest=1100, compiled=True),
    Target("aos", aos, _aos_seeds, compiled=True),
    Target("packet", packet, _packet_seeds, compiled=True),
    Target("samples", samples, _samples_seeds, largest=1 << 12, compiled=True),
    Target("subcom", subcom, _subcom_seeds, largest=1024),
    Target("annot", annotations, _annotation_seeds, largest=520),
    Target("index", index, _index_seeds, largest=360),
)
