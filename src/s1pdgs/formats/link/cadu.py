"""Finding CADUs in the bytes of a channel: attached sync markers at a fixed stride, with recovery after faults.

A marker may carry a few bit errors, or be destroyed altogether, as long as the next one is where it should be. A marker
that turns up early means that bytes of the CADU before it were lost: that CADU is skipped. Every byte is accounted for:
it belongs to a CADU or is counted as skipped.
"""

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link.parameters import MARKER, MARKER_BYTES, LinkParameters
from s1pdgs.formats.link.randomiser import derandomise

MARKER_BIT_ERRORS = 3
_MARKER_OCTETS = MARKER.to_bytes(MARKER_BYTES, "big")


@attrs.frozen(eq=False)
class CaduBatch:
    """Code blocks uint8[n, block bytes] and the byte of the stream (int64[n]) at which each one's CADU began."""

    blocks: NDArray[np.uint8]
    positions: NDArray[np.int64]


@attrs.define
class SyncAccount:
    """What synchronisation met in one stream."""

    bytes_read: int = 0
    cadus: int = 0
    skipped_bytes: int = 0
    damaged_markers: int = 0
    slips: int = 0


def find_cadus(data: NDArray[np.uint8], parameters: LinkParameters) -> tuple[NDArray[np.int64], SyncAccount]:
    """The positions of all CADUs in a whole stream held in memory, and the account of what lies between them."""
    account = SyncAccount()
    positions, _, _ = _find(data, parameters, account, final=True, locked=False)
    account.bytes_read = data.size
    return positions, account


def marker_stride(data: bytes) -> int | None:
    """The most frequent distance in bytes between neighbouring markers, None where there are fewer than two."""
    positions = []
    position = data.find(_MARKER_OCTETS)
    while position >= 0:
        positions.append(position)
        position = data.find(_MARKER_OCTETS, position + MARKER_BYTES)
    if len(positions) < 2:
        return None
    distances, counts = np.unique(np.diff(positions), return_counts=True)
    return int(distances[np.argmax(counts)])


class CaduStream:
    """The CADUs of one channel, fed chunk by chunk; chunks may end anywhere, memory is bounded by the chunk."""

    def __init__(self, parameters: LinkParameters) -> None:
        self.account = SyncAccount()
        self._parameters = parameters
        self._carried = np.empty(0, dtype=np.uint8)
        self._locked = False

    def feed(self, chunk: bytes | bytearray | memoryview) -> CaduBatch:
        """The (derandomised) blocks of all CADUs that are certain once `chunk` has arrived."""
        return self._advance(np.frombuffer(chunk, dtype=np.uint8), final=False)

    def finish(self) -> CaduBatch:
        """The blocks that waited for bytes which will not come; a truncated CADU at the end is counted as skipped."""
        return self._advance(np.empty(0, dtype=np.uint8), final=True)

    def _advance(self, chunk: NDArray[np.uint8], *, final: bool) -> CaduBatch:
        origin = self.account.bytes_read - self._carried.size
        self.account.bytes_read += chunk.size
        buffer = np.concatenate((self._carried, chunk)) if self._carried.size else chunk
        positions, consumed, self._locked = _find(
            buffer, self._parameters, self.account, final=final, locked=self._locked
        )
        self._carried = buffer[consumed:].copy()
        blocks = np.empty((positions.size, self._parameters.block_bytes), dtype=np.uint8)
        _gather(buffer, positions + MARKER_BYTES, blocks)
        if self._parameters.randomised:
            derandomise(blocks)
        return CaduBatch(blocks, positions + origin)


def _find(
    buffer: NDArray[np.uint8], parameters: LinkParameters, account: SyncAccount, *, final: bool, locked: bool
) -> tuple[NDArray[np.int64], int, bool]:
    positions = np.empty(buffer.size // parameters.cadu_bytes + 1, dtype=np.int64)
    counts = np.zeros(3, dtype=np.int64)
    found, consumed, locked = _scan(buffer, parameters.cadu_bytes, final, locked, positions, counts)
    account.cadus += int(found)
    account.skipped_bytes += int(counts[0])
    account.damaged_markers += int(counts[1])
    account.slips += int(counts[2])
    return positions[:found], int(consumed), bool(locked)


@njit(cache=True, nogil=True)
def _gather(buffer, starts, blocks):  # type: ignore[no-untyped-def]
    size = blocks.shape[1]
    for k in range(starts.size):
        blocks[k, :] = buffer[starts[k] : starts[k] + size]


@njit(cache=True, nogil=True)
def _marker_distance(buffer, position):  # type: ignore[no-untyped-def]
    """Bits in which the four bytes at `position` differ from the marker; 32 when they are not all there."""
    if position + 4 > buffer.size:
        return 32
    word = 0
    for k in range(4):
        word = (word << 8) | int(buffer[position + k])
    word ^= MARKER
    distance = 0
    while word:
        word &= word - 1
        distance += 1
    return distance


@njit(cache=True, nogil=True)
def _next_marker(buffer, begin, end):  # type: ignore[no-untyped-def]
    """The first exact marker that starts in [begin, end), or -1."""
    for position in range(begin, min(end, buffer.size - 3)):
        if buffer[position] == 0x1A and _marker_distance(buffer, position) == 0:
            return position
    return -1


@njit(cache=True, nogil=True)
def _early_marker(buffer, position, stride, final):  # type: ignore[no-untyped-def]
    """A marker inside the CADU at `position` that is confirmed one stride later, or -1."""
    candidate = _next_marker(buffer, position + 1, position + stride)
    while candidate >= 0:
        following = candidate + stride
        if _marker_distance(buffer, following) <= MARKER_BIT_ERRORS or (final and following == buffer.size):
            return candidate
        candidate = _next_marker(buffer, candidate + 1, position + stride)
    return -1


@njit(cache=True, nogil=True)
def _scan(buffer, stride, final, locked, positions, counts):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Collect CADU positions; returns how many, the bytes consumed and whether the stream is in lock.

    `counts` gains skipped bytes, damaged markers and slips.
    """
    size = buffer.size
    position = 0
    found = 0
    while position + stride <= size:
        distance = _marker_distance(buffer, position)
        if not (distance == 0 or locked):
            following = _next_marker(buffer, position, size)
            if following < 0:
                following = size if final else size - 3
                counts[0] += following - position
                position = following
                break
            counts[0] += following - position
            position = following
            continue
        if _marker_distance(buffer, position + stride) > MARKER_BIT_ERRORS:
            if not final and position + 2 * stride + 4 > size:
                break
            early = _early_marker(buffer, position, stride, final)
            if early >= 0:
                counts[0] += early - position
                counts[2] += 1
                position = early
                continue
            if distance > MARKER_BIT_ERRORS:
                locked = False
                continue
        counts[1] += distance > 0
        positions[found] = position
        found += 1
        position += stride
        locked = True
    if final:
        counts[0] += size - position
        position = size
    return found, position, locked
