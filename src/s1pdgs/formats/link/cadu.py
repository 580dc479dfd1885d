"""Finding CADUs in the bytes of a channel: attached sync markers at a fixed stride, with recovery after faults.

A marker may carry a few bit errors, or be destroyed altogether, as long as one of the next two is where it should be.
One that turns up early means that bits of the CADU before it were lost: that CADU is skipped. Markers may turn up at
any bit and inverted: blocks are aligned and turned back one by one. Every bit is accounted for: it belongs to a CADU or
is counted as skipped.
"""

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link.parameters import MARKER, MARKER_BYTES, LinkParameters
from s1pdgs.formats.link.randomiser import derandomise

MARKER_BIT_ERRORS = 3
_INVERTED_MARKER = MARKER ^ 0xFFFFFFFF
_FEWEST_MARKERS = 2


@attrs.frozen(eq=False)
class CaduBatch:
    """Code blocks uint8[n, block bytes], the bit of the stream (int64[n]) at which each one's CADU began, and whether
    that CADU came inverted (bool[n]).
    """

    blocks: NDArray[np.uint8]
    bits: NDArray[np.int64]
    inverted: NDArray[np.bool_]

    @property
    def positions(self) -> NDArray[np.int64]:
        """The bytes of the stream in which CADUs began."""
        return self.bits >> 3


@attrs.define
class SyncAccount:
    """What synchronisation met in one stream."""

    bytes_read: int = 0
    cadus: int = 0
    skipped_bits: int = 0
    damaged_markers: int = 0
    slips: int = 0
    """Places where a marker came early or lock was lost."""
    bit_slips: int = 0
    """Places after which CADUs began at another bit of a byte."""
    inverted_cadus: int = 0

    @property
    def skipped_bytes(self) -> int:
        """Bytes outside of CADUs."""
        return self.skipped_bits // 8


def find_cadus(data: NDArray[np.uint8], parameters: LinkParameters) -> tuple[NDArray[np.int64], SyncAccount]:
    """The positions of all CADUs in a whole stream held in memory, and the account of what lies between them."""
    stream = CaduStream(parameters)
    batches = [stream.feed(data.data), stream.finish()]
    return np.concatenate([batch.positions for batch in batches]), stream.account


def marker_bits(data: bytes | memoryview) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The bits at which exact markers begin, in order, and whether each is inverted."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    found = []
    bit = _next_marker(buffer, 0, 8 * buffer.size)
    while bit >= 0:
        found.append(bit)
        bit = _next_marker(buffer, bit + 8 * MARKER_BYTES, 8 * buffer.size)
    inverted = [_marker_distance(buffer, bit) > 16 for bit in found]
    return np.array(found, dtype=np.int64), np.array(inverted, dtype=np.bool_)


def marker_stride(data: bytes | memoryview) -> int | None:
    """The most frequent distance in whole bytes between neighbouring markers, None where there is none."""
    bits, _ = marker_bits(data)
    distances = np.diff(bits)
    distances = distances[distances % 8 == 0] // 8
    if bits.size < _FEWEST_MARKERS or not distances.size:
        return None
    values, counts = np.unique(distances, return_counts=True)
    return int(values[np.argmax(counts)])


class CaduStream:
    """The CADUs of one channel, fed chunk by chunk; chunks may end anywhere, memory is bounded by the chunk."""

    def __init__(self, parameters: LinkParameters) -> None:
        self.account = SyncAccount()
        self._parameters = parameters
        self._carried = np.empty(0, dtype=np.uint8)
        self._state = np.zeros(4, dtype=np.int64)

    def feed(self, chunk: bytes | bytearray | memoryview) -> CaduBatch:
        """The (derandomised) blocks of all CADUs that are certain once `chunk` has arrived."""
        return self._advance(np.frombuffer(chunk, dtype=np.uint8), final=False)

    def finish(self) -> CaduBatch:
        """The blocks that waited for bytes which will not come; a truncated CADU at the end is counted as skipped."""
        return self._advance(np.empty(0, dtype=np.uint8), final=True)

    def _advance(self, chunk: NDArray[np.uint8], *, final: bool) -> CaduBatch:
        parameters, account = self._parameters, self.account
        origin = account.bytes_read - self._carried.size
        account.bytes_read += chunk.size
        buffer = np.concatenate((self._carried, chunk)) if self._carried.size else chunk
        bits = np.empty(buffer.size // parameters.cadu_bytes + 1, dtype=np.int64)
        inverted = np.empty(bits.size, dtype=np.bool_)
        counts = np.zeros(4, dtype=np.int64)
        found = int(_scan(buffer, 8 * parameters.cadu_bytes, final, self._state, bits, inverted, counts))
        bits, inverted = bits[:found], inverted[:found]
        account.cadus += found
        account.inverted_cadus += int(np.count_nonzero(inverted))
        account.skipped_bits += int(counts[0])
        account.damaged_markers += int(counts[1])
        account.slips += int(counts[2])
        account.bit_slips += int(counts[3])
        self._carried = buffer[self._state[_BIT] // 8 :].copy()
        self._state[_BIT] %= 8
        blocks = blocks_at(buffer, bits, inverted, parameters)
        return CaduBatch(blocks, bits + 8 * origin, inverted)


def blocks_at(
    buffer: NDArray[np.uint8], bits: NDArray[np.int64], inverted: NDArray[np.bool_], parameters: LinkParameters
) -> NDArray[np.uint8]:
    """The (derandomised) blocks uint8[n, block bytes] of CADUs that begin at bits int64[n] of a buffer."""
    blocks = np.empty((bits.size, parameters.block_bytes), dtype=np.uint8)
    _gather(buffer, bits + 8 * MARKER_BYTES, inverted, blocks)
    if parameters.randomised:
        derandomise(blocks)
    return blocks


@njit(cache=True, nogil=True)
def _gather(buffer, bits, inverted, blocks):  # type: ignore[no-untyped-def]
    """Copy the blocks that begin at `bits`, aligned to bytes and turned back."""
    size = blocks.shape[1]
    for k in range(bits.size):
        first, shift = bits[k] >> 3, bits[k] & 7
        if shift == 0:
            blocks[k, :] = buffer[first : first + size]
        else:
            for i in range(size):
                pair = (int(buffer[first + i]) << 8) | int(buffer[first + i + 1])
                blocks[k, i] = (pair >> (8 - shift)) & 0xFF
        if inverted[k]:
            for i in range(size):
                blocks[k, i] ^= 0xFF


@njit(cache=True, nogil=True)
def _marker_distance(buffer, bit):  # type: ignore[no-untyped-def]
    """Wrong bits of a marker at `bit` (an inverted one has all 32 wrong); 16, like none, when it is not all there."""
    if bit + 32 > 8 * buffer.size:
        return 16
    first, shift = bit >> 3, bit & 7
    word = 0
    for k in range(4):
        word = (word << 8) | int(buffer[first + k])
    if shift:
        word = (((word << 8) | int(buffer[first + 4])) >> (8 - shift)) & 0xFFFFFFFF
    word ^= MARKER
    distance = 0
    while word:
        word &= word - 1
        distance += 1
    return distance


@njit(cache=True, nogil=True)
def _is_marker(distance):  # type: ignore[no-untyped-def]
    return distance <= MARKER_BIT_ERRORS or distance >= 32 - MARKER_BIT_ERRORS


@njit(cache=True, nogil=True)
def _next_marker(buffer, begin, end):  # type: ignore[no-untyped-def]
    """The first bit in [begin, end) at which an exact marker begins, inverted or not, or -1."""
    end = min(end, 8 * buffer.size - 31)
    if begin >= end:
        return -1
    first = begin >> 3
    word = 0
    for k in range(first, first + 4):
        word = (word << 8) | int(buffer[k])
    for byte in range(first, (end + 7) >> 3):
        word = (word & 0xFFFFFFFF) << 8
        if byte + 4 < buffer.size:
            word |= int(buffer[byte + 4])
        for shift in range(8):
            found = (word >> (8 - shift)) & 0xFFFFFFFF
            if found in (MARKER, _INVERTED_MARKER):
                bit = 8 * byte + shift
                if begin <= bit < end:
                    return bit
    return -1


@njit(cache=True, nogil=True)
def _early_marker(buffer, bit, stride, final):  # type: ignore[no-untyped-def]
    """A marker inside the CADU at `bit` that is confirmed one stride later, or -1."""
    candidate = _next_marker(buffer, bit + 1, bit + stride)
    while candidate >= 0:
        following = candidate + stride
        if _is_marker(_marker_distance(buffer, following)) or (final and following == 8 * buffer.size):
            return candidate
        candidate = _next_marker(buffer, candidate + 1, bit + stride)
    return -1


# places in the state vector of the scan: bit of the buffer to go on at, lock, polarity, phase of the last CADU plus 1
_BIT, _LOCKED, _INVERTED, _PHASE = range(4)


@njit(cache=True, nogil=True)
def _scan(buffer, stride, final, state, bits, inverted, counts):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Collect the bits at which CADUs begin; returns how many.

    `counts` gains skipped bits, damaged markers, slips and bit slips.
    """
    size = 8 * buffer.size
    bit = state[_BIT]
    locked = state[_LOCKED]
    found = 0
    while bit + stride <= size:
        distance = _marker_distance(buffer, bit)
        if not locked and distance % 32 != 0:
            following = _next_marker(buffer, bit, size)
            if following < 0:
                following = size if final else size - 31
                counts[0] += following - bit
                bit = following
                break
            counts[0] += following - bit
            bit = following
            continue
        if not _is_marker(_marker_distance(buffer, bit + stride)):
            if not final and bit + 2 * stride + 32 > size:
                break
            early = _early_marker(buffer, bit, stride, final)
            if early >= 0:
                counts[0] += early - bit
                counts[2] += 1
                bit = early
                continue
            if not (_is_marker(distance) or _is_marker(_marker_distance(buffer, bit + 2 * stride))):
                locked = 0
                counts[2] += 1
                continue
        counts[1] += distance % 32 != 0
        if _is_marker(distance):
            state[_INVERTED] = distance > 16
        phase = (bit & 7) + 1
        counts[3] += state[_PHASE] != 0 and state[_PHASE] != phase
        state[_PHASE] = phase
        bits[found] = bit
        inverted[found] = state[_INVERTED] != 0
        found += 1
        bit += stride
        locked = 1
    if final:
        counts[0] += size - bit
        bit = size
    state[_BIT] = bit
    state[_LOCKED] = locked
    return found
