"""Several deliveries of one downlink merged frame by frame: each frame once, in the order of sending, by its best copy.

Each stream is read once to index its sound frames (virtual channel, count, digest of the content, place in the stream).
Frames of one virtual channel in different deliveries are the same where count and content are, which fixes how the
count of one stream runs against the other's through wrap-arounds, resets and losses. The union of all frames in that
order is a line; its frames are read again from the streams that hold their best copies. Channels of the same delivery
are never merged with each other: they were sent as different frames.
"""

from collections.abc import Callable, Iterator, Sequence

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link.aos import FRAME_COUNT_MODULUS
from s1pdgs.formats.link.cadu import CaduBatch, blocks_at
from s1pdgs.formats.link.decode import UNUSABLE_VCID, FrameBatch, check_blocks
from s1pdgs.formats.link.mpdu import LONGEST_GAP
from s1pdgs.formats.link.parameters import FILL_VCID, LinkError, LinkParameters

POSITION_BITS = 48
"""A position of a merged frame is stream × 2^48 + byte of that stream."""
_STEP_BYTES = 4 * 1024 * 1024
_STEP_FRAMES = 4096
_SPAN_BITS = 8 * 65536
_MOST_MOVES = 64
_DISTRUSTED = 0xFFFF


@attrs.frozen(eq=False)
class FrameIndex:
    """The sound data frames of a stream in order of arrival: int arrays [n], and whether each came inverted."""

    vcids: NDArray[np.uint8]
    labels: NDArray[np.uint32]
    digests: NDArray[np.uint32]
    corrected: NDArray[np.uint16]
    bits: NDArray[np.int64]
    inverted: NDArray[np.bool_]


@attrs.frozen(eq=False)
class IndexedStream:
    """One channel of one delivery; `read(begin, end)` gives its bytes, fewer at its end."""

    delivery: int
    channel: int
    parameters: LinkParameters
    index: FrameIndex
    read: Callable[[int, int], NDArray[np.uint8]]


@attrs.frozen(eq=False)
class Line:
    """The frames of one virtual channel in order of sending: stream and row of each one's best copy (int arrays [n]).

    `main` is the stream with most of them and `recovered` how many it lacked; `conflicts` counts frames that differ
    between streams under the same count. `counts` (int64[n]) are the frame counts as they should be.
    """

    vcid: int
    streams: NDArray[np.int16]
    rows: NDArray[np.int64]
    counts: NDArray[np.int64]
    main: int
    recovered: int
    conflicts: int


def index_frames(batch: FrameBatch, cadus: CaduBatch, parameters: LinkParameters) -> FrameIndex:
    """What merging needs to know of the frames that came from some CADUs."""
    rows = np.flatnonzero((batch.vcids != UNUSABLE_VCID) & (batch.vcids != FILL_VCID))
    return FrameIndex(
        vcids=batch.vcids[rows].astype(np.uint8),
        labels=batch.labels[rows].astype(np.uint32),
        digests=_digests(batch.frames, rows, parameters.frame_bytes - parameters.trailer_bytes),
        corrected=np.minimum(batch.corrected_symbols[rows], 0xFFFF).astype(np.uint16),
        bits=cadus.bits[rows],
        inverted=cadus.inverted[rows],
    )


def join_indexes(parts: Sequence[FrameIndex]) -> FrameIndex:
    """Indexes of consecutive parts of a stream as one; at least one part."""
    return FrameIndex(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in attrs.fields(FrameIndex)))


def merge_streams(streams: Sequence[IndexedStream]) -> list[Line]:
    """The lines of all virtual channels, by VCID; `LinkError` when the streams carry frames of different lengths."""
    layouts = {(s.parameters.frame_bytes, s.parameters.zone_offset, s.parameters.zone_bytes) for s in streams}
    if len(layouts) > 1:
        raise LinkError(
            f"deliveries carry frames of {' and '.join(str(frame) for frame, _, _ in sorted(layouts))} bytes or of "
            "different layout, so they are not of the same downlink; process them one by one"
        )
    vcids = np.unique(np.concatenate([np.unique(stream.index.vcids) for stream in streams]))
    return [line for vcid in vcids.tolist() for line in _lines(vcid, streams)]


def read_lines(lines: Sequence[Line], streams: Sequence[IndexedStream]) -> Iterator[tuple[int, FrameBatch]]:
    """The frames of lines, all lines going on together: the number of the line and its next frames."""
    progress = [_progress(line, streams[line.main].index) for line in lines]
    done = [0] * len(lines)
    last = max((int(each[-1]) for each in progress if each.size), default=-1)
    for begin in range(0, last + 1, 8 * _STEP_BYTES):
        for number, line in enumerate(lines):
            stop = int(np.searchsorted(progress[number], begin + 8 * _STEP_BYTES))
            for first in range(done[number], stop, _STEP_FRAMES):
                yield number, _frames(line, first, min(first + _STEP_FRAMES, stop), streams)
            done[number] = stop


@attrs.frozen(eq=False)
class _Sequence:
    """Frames with their place in the order of sending: `extended` counts them beyond wrap-arounds and resets.

    `corrected` ranks copies: symbols corrected, or `_DISTRUSTED` where the frame bore a wrong count.
    """

    extended: NDArray[np.int64]
    keys: NDArray[np.uint64]
    corrected: NDArray[np.uint16]
    streams: NDArray[np.int16]
    rows: NDArray[np.int64]


@attrs.define(eq=False)
class _Growing:
    """A line that streams are being merged into."""

    frames: _Sequence
    sizes: dict[int, int]
    conflicts: int = 0


def _lines(vcid: int, streams: Sequence[IndexedStream]) -> Iterator[Line]:
    found = [(number, _sequence(number, stream.index, vcid)) for number, stream in enumerate(streams)]
    present = [entry for entry in found if entry[1].rows.size]
    starts = {number: _new_starts(sequence) for number, sequence in present}
    # the first stream is the ruler for the others: one that has no new start of the counter, unless these are true ones
    steady = sorted(present, key=lambda entry: (starts[entry[0]], -entry[1].rows.size, entry[0]))
    growing = _grown(steady, streams)
    if len(set(starts.values())) > 1:
        restless = sorted(present, key=lambda entry: (-starts[entry[0]], -entry[1].rows.size, entry[0]))
        other = _grown(restless, streams)
        if sum(line.conflicts for line in other) < sum(line.conflicts for line in growing):
            growing = other
    for line in growing:
        frames = _each_once(line.frames)
        main = max(line.sizes, key=lambda number: (line.sizes[number], -number))
        recovered = max(frames.rows.size - line.sizes[main], 0)
        counts = frames.extended % FRAME_COUNT_MODULUS
        yield Line(vcid, frames.streams, frames.rows, counts, main, recovered, line.conflicts)


def _grown(sequences: Sequence[tuple[int, "_Sequence"]], streams: Sequence[IndexedStream]) -> list[_Growing]:
    growing: list[_Growing] = []
    for number, sequence in sequences:
        _add(growing, number, sequence, streams)
    return _joined(growing, streams)


def _joined(growing: Sequence[_Growing], streams: Sequence[IndexedStream]) -> list[_Growing]:
    """Lines that belong together as one: those that share frames, which a later stream may be the first to show, and
    then those that are the same channel's other part, or fit beside.
    """
    by_frames = _absorbed(growing, streams, lambda longer, line: _matched(longer.frames, line.frames))
    return _absorbed(by_frames, streams, lambda longer, line: _fitting(longer, line, streams))


def _absorbed(
    lines: Sequence[_Growing],
    streams: Sequence[IndexedStream],
    placed: Callable[[_Growing, _Growing], tuple[NDArray[np.int64], int]],
) -> list[_Growing]:
    """Lines, the longest first, each taken into the one before it where it is `placed` best: its extended counts there
    and how well they fit (0: not at all). Lines that hold streams of the same delivery stay apart.
    """
    kept: list[_Growing] = []
    for line in sorted(lines, key=lambda line: -line.frames.rows.size):
        deliveries = {streams[member].delivery for member in line.sizes}
        others = [one for one in kept if deliveries.isdisjoint(streams[member].delivery for member in one.sizes)]
        places = [(one, *placed(one, line)) for one in others]
        best, extended, fit = max(places, key=lambda place: place[2], default=(line, line.frames.extended, 0))
        if not fit:
            kept.append(line)
            continue
        best.frames, conflicts = _union([best.frames, attrs.evolve(line.frames, extended=extended)])
        best.conflicts += line.conflicts + conflicts
        best.sizes |= line.sizes
    return kept


def _fitting(longer: _Growing, line: _Growing, streams: Sequence[IndexedStream]) -> tuple[NDArray[np.int64], int]:
    """A line beside a longer one, which fits better when they are of the same channel."""
    extended = _beside(longer.frames, line.frames)
    if extended is None:
        return line.frames.extended, 0
    channels = ({streams[member].channel for member in each.sizes} for each in (longer, line))
    return extended, 1 if set.isdisjoint(*channels) else 2


def _new_starts(sequence: _Sequence) -> int:
    return int(np.count_nonzero(np.diff(sequence.extended) >= FRAME_COUNT_MODULUS))


def _sequence(number: int, index: FrameIndex, vcid: int) -> _Sequence:
    rows = np.flatnonzero(index.vcids == vcid)
    keys = (index.labels[rows].astype(np.uint64) << np.uint64(32)) | index.digests[rows]
    first = np.sort(np.unique(keys, return_index=True)[1])
    rows, keys = rows[first], keys[first]
    counts, wrong = _plausible_counts(index.labels[rows].astype(np.int64) % FRAME_COUNT_MODULUS)
    return _Sequence(
        extended=_extended(counts),
        keys=keys,
        corrected=np.where(wrong, _DISTRUSTED, np.minimum(index.corrected[rows], _DISTRUSTED - 1)).astype(np.uint16),
        streams=np.full(rows.size, number, dtype=np.int16),
        rows=rows,
    )


def _plausible_counts(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Counts, and which of them were wrong: single frames whose count lies outside of those of their neighbours follow
    the one before.
    """
    counts = counts.copy()
    wrong = np.zeros(counts.size, dtype=np.bool_)
    before = counts[:-2]
    room = (counts[2:] - before - 1) % FRAME_COUNT_MODULUS
    step = (counts[1:-1] - before - 1) % FRAME_COUNT_MODULUS
    wrong[1:-1] = (room > 0) & (room < LONGEST_GAP) & (step >= room)
    wrong[1:] &= ~wrong[:-1]
    places = np.flatnonzero(wrong)
    counts[places] = (counts[places - 1] + 1) % FRAME_COUNT_MODULUS
    return counts, wrong


def _extended(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts without wrap-arounds; where they start anew they go on two moduli later, so that none fall together."""
    steps = np.diff(counts) % FRAME_COUNT_MODULUS
    back = steps > LONGEST_GAP
    extended = counts.copy()
    extended[1:] = counts[:1] + np.cumsum(steps + back * FRAME_COUNT_MODULUS)
    return extended


def _add(growing: list[_Growing], number: int, sequence: _Sequence, streams: Sequence[IndexedStream]) -> None:
    """Merge a stream into the line that holds most of the same frames; else it is a line of its own."""
    delivery = streams[number].delivery
    others = [line for line in growing if all(streams[member].delivery != delivery for member in line.sizes)]
    placed = [(line, *_matched(line.frames, sequence)) for line in others]
    line, extended, matches = max(placed, key=lambda entry: entry[2], default=(None, sequence.extended, 0))
    own = attrs.evolve(sequence, extended=extended)
    if line is None or not matches:
        line = _Growing(*_union([own])[:1], {})
        growing.append(line)
    else:
        line.frames, conflicts = _union([line.frames, own])
        line.conflicts += conflicts
    line.sizes[number] = int(np.unique(own.extended).size)


def _matched(line: _Sequence, sequence: _Sequence) -> tuple[NDArray[np.int64], int]:
    """The extended counts of a sequence on the scale of a line, and how many frames are in both.

    Each run of consecutive frames follows the frames that it shares with the line; a run that shares none follows the
    run before it, or the first one after it that does.
    """
    order = np.argsort(line.keys, kind="stable")
    places = np.minimum(np.searchsorted(line.keys, sequence.keys, sorter=order), order.size - 1)
    shared = np.flatnonzero(line.keys[order[places]] == sequence.keys)
    if not shared.size:
        return sequence.extended, 0
    run_of = np.concatenate(([0], np.cumsum(np.diff(sequence.extended) != 1)))
    runs, firsts = np.unique(run_of[shared], return_index=True)
    offsets = line.extended[order[places[shared[firsts]]]] - sequence.extended[shared[firsts]]
    following = np.maximum(np.searchsorted(runs, run_of, side="right") - 1, 0)
    extended = sequence.extended + offsets[following]
    return _apart(line, sequence, extended, np.isin(run_of, runs)), int(shared.size)


def _apart(
    line: _Sequence, sequence: _Sequence, extended: NDArray[np.int64], anchored: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Runs that share no frame with the line but fall on others of its frames came after a reset of the counter, which
    their own stream could not see: they are moved on, up to the next run that does share frames.
    """
    extended = extended.copy()
    for _ in range(_MOST_MOVES):
        places = np.minimum(np.searchsorted(line.extended, extended), line.extended.size - 1)
        clash = (line.extended[places] == extended) & (line.keys[places] != sequence.keys) & ~anchored
        if not clash.any():
            break
        first = int(np.argmax(clash))
        begin = int(np.searchsorted(extended[: first + 1] - np.arange(first + 1), extended[first] - first))
        ahead = np.flatnonzero(anchored[first:])
        extended[begin : first + int(ahead[0]) if ahead.size else None] += 2 * FRAME_COUNT_MODULUS
    return extended


def _beside(line: _Sequence, sequence: _Sequence) -> NDArray[np.int64] | None:
    """The extended counts of a sequence that shares no frame with a line but fits into it or to one of its ends."""
    gaps = (line.extended[-1] + 1 - sequence.extended[0], line.extended[0] - 1 - sequence.extended[-1])
    moduli = [(gap, round(int(gap) / FRAME_COUNT_MODULUS) * FRAME_COUNT_MODULUS) for gap in gaps]
    for _, offset in sorted(moduli, key=lambda entry: abs(int(entry[0]) - entry[1])):
        extended = sequence.extended + offset
        if not np.isin(extended, line.extended).any():
            return extended
    return None


def _each_once(line: _Sequence) -> _Sequence:
    """A line without frames that a stream brought at another place as well: blocks of files in the wrong order."""
    first = np.sort(np.unique(line.keys, return_index=True)[1])
    return _Sequence(*(getattr(line, field.name)[first] for field in attrs.fields(_Sequence)))


def _union(parts: Sequence[_Sequence]) -> tuple[_Sequence, int]:
    """All frames in order, each by its best copy (fewest corrections, then first stream); how many of them conflict."""
    both = _Sequence(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in attrs.fields(_Sequence)))
    order = np.lexsort((both.streams, both.corrected, both.extended))
    extended, keys = both.extended[order], both.keys[order]
    again = np.concatenate(([False], extended[1:] == extended[:-1]))
    conflicts = int(np.count_nonzero(again[1:] & (keys[1:] != keys[:-1])))
    order = order[~again]
    return _Sequence(*(getattr(both, f.name)[order] for f in attrs.fields(_Sequence))), conflicts


def _progress(line: Line, index: FrameIndex) -> NDArray[np.int64]:
    """How far into its main stream (in bits) each frame of a line lies; never decreasing."""
    return np.maximum.accumulate(np.where(line.streams == line.main, index.bits[line.rows % index.bits.size], 0))


def _frames(line: Line, first: int, stop: int, streams: Sequence[IndexedStream]) -> FrameBatch:
    numbers, rows = line.streams[first:stop], line.rows[first:stop]
    frames = np.empty((rows.size, streams[line.main].parameters.frame_bytes), dtype=np.uint8)
    labels, bits = np.empty(rows.size, dtype=np.int64), np.empty(rows.size, dtype=np.int64)
    corrected = np.empty(rows.size, dtype=np.int32)
    for number in np.unique(numbers).tolist():
        chosen = np.flatnonzero(numbers == number)
        index, own = streams[number].index, rows[chosen]
        frames[chosen] = _read_frames(streams[number], own)
        labels[chosen], bits[chosen], corrected[chosen] = index.labels[own], index.bits[own], index.corrected[own]
    counts = line.counts[first:stop]
    frames[:, 2], frames[:, 3], frames[:, 4] = counts >> 16, (counts >> 8) & 0xFF, counts & 0xFF
    positions = (numbers.astype(np.int64) << POSITION_BITS) | (bits >> 3)
    return FrameBatch(frames, np.full(rows.size, line.vcid, dtype=np.int64), labels, corrected, positions)


def _read_frames(stream: IndexedStream, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The (corrected) frames uint8[n, frame bytes] of some rows of a stream, neighbours read at once."""
    parameters, index = stream.parameters, stream.index
    frames = np.empty((rows.size, parameters.frame_bytes), dtype=np.uint8)
    order = np.argsort(index.bits[rows])
    edges = np.flatnonzero(np.diff(index.bits[rows[order]]) > _SPAN_BITS) + 1
    for part in np.split(order, edges):
        bits = index.bits[rows[part]]
        begin, end = int(bits[0]) >> 3, (int(bits[-1]) >> 3) + parameters.cadu_bytes + 1
        blocks = blocks_at(stream.read(begin, end), bits - 8 * begin, index.inverted[rows[part]], parameters)
        repair = np.flatnonzero((index.corrected[rows[part]] > 0) | parameters.has_fhec)
        repaired = blocks[repair]
        check_blocks(repaired, parameters)
        blocks[repair] = repaired
        frames[part] = blocks[:, : parameters.frame_bytes]
    return frames


@njit(cache=True, nogil=True)
def _digests(frames, rows, length):  # type: ignore[no-untyped-def]
    """A 32-bit digest of the first `length` bytes of some frames: eight interleaved FNV-1a lanes, folded."""
    out = np.empty(rows.size, dtype=np.uint32)
    prime = np.uint32(16777619)
    lanes = np.empty(8, dtype=np.uint32)
    for k in range(rows.size):
        frame = frames[rows[k]]
        lanes[:] = np.uint32(2166136261)
        whole = length - length % 8
        for i in range(0, whole, 8):
            for j in range(8):
                lanes[j] = (lanes[j] ^ np.uint32(frame[i + j])) * prime
        for i in range(whole, length):
            lanes[i - whole] = (lanes[i - whole] ^ np.uint32(frame[i])) * prime
        digest = lanes[0]
        for j in range(1, 8):
            digest = (digest * prime) ^ lanes[j]
        out[k] = digest
    return out
