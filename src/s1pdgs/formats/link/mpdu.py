"""Space packets out of the M_PDUs of one virtual channel (CCSDS 732.0-B, section 4.1.4.2)."""

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link.parameters import LinkParameters

NO_PACKET_START = 0x7FF
IDLE_ONLY = 0x7FE
IDLE_APID = 0x7FF
MAX_PACKET_BYTES = 6 + 65536
_MIN_PACKET_BYTES = 7
LONGEST_GAP = 1 << 20
"""Frame counts that go on by more (a minute of a whole downlink channel) or back are a new start, not a loss."""
_LONGEST_LAST_GAP = 1 << 16

RECEIVED_PACKET = np.dtype(
    [("offset", "i8"), ("length", "i8"), ("frames", "i8"), ("missing_frames", "i8"), ("stream_position", "i8")]
)
"""A reassembled packet: where it lies in the buffer, transfer frames that carried it, frames missing before it, and the
byte of the channel's stream at which the CADU with its first byte began."""


@attrs.frozen(eq=False)
class PacketBatch:
    """Packets of one virtual channel in order of reception; `buffer` may hold discarded bytes between them."""

    buffer: NDArray[np.uint8]
    packets: NDArray[np.void]


@attrs.frozen
class ChannelAccount:
    """What one virtual channel delivered so far."""

    frames: int
    missing_frames: int
    duplicate_frames: int
    counter_resets: int
    packets: int
    idle_packets: int
    discarded_packets: int
    discarded_bytes: int
    pointer_faults: int


# places in the state vector shared with the kernel; the first nine are the fields of ChannelAccount in order
_FRAMES, _MISSING, _DUPLICATES, _RESETS, _PACKETS, _IDLE, _DISCARDED, _DISCARDED_BYTES, _FAULTS = range(9)
_LAST_COUNT, _IN_SYNC, _PENDING_MISSING, _PARTIAL_BYTES, _FIRST_FRAME, _FIRST_POSITION, _HELD = range(9, 16)
# while a frame is held back, _HELD is its position plus 1


class PacketReassembler:
    """The packets of one virtual channel, fed batch by batch; a packet may span batches.

    A gap of the frame counter discards the packet under way (its length before the gap is counted, never its missing
    part), and the next packet says how many frames went missing before it. A single frame whose count lies outside of
    those of its neighbours bears a wrong count: it is in its place where there is room for just one, and nothing is
    missing because of it. Idle packets are counted and dropped.
    """

    def __init__(self, parameters: LinkParameters) -> None:
        self._parameters = parameters
        self._state = np.zeros(16, dtype=np.int64)
        self._state[_LAST_COUNT] = -1
        self._partial = np.empty(MAX_PACKET_BYTES + parameters.zone_bytes, dtype=np.uint8)
        self._held = np.empty(parameters.frame_bytes, dtype=np.uint8)

    def feed(self, frames: NDArray[np.uint8], selected: NDArray[np.int64], positions: NDArray[np.int64]) -> PacketBatch:
        """The packets completed by the rows `selected` of frames uint8[n, frame bytes].

        `positions` int64[n] says where in the channel's stream the CADU of each row began. The last frame is held back
        until the one after it is known.
        """
        return self._advance(frames, selected, positions, final=False)

    def finish(self) -> PacketBatch:
        """The packets that the last frame completes; one that is still under way is counted as discarded."""
        nothing = np.empty(0, dtype=np.int64)
        batch = self._advance(np.empty((0, self._held.size), dtype=np.uint8), nothing, nothing, final=True)
        left = int(self._state[_PARTIAL_BYTES])
        if left:
            self._state[_DISCARDED] += 1
            self._state[_DISCARDED_BYTES] += left
            self._state[_PARTIAL_BYTES] = self._state[_IN_SYNC] = 0
        return batch

    def account(self) -> ChannelAccount:
        """The counters so far, without the frame that is held back."""
        return ChannelAccount(*(int(value) for value in self._state[: _FAULTS + 1]))

    def _advance(
        self, frames: NDArray[np.uint8], selected: NDArray[np.int64], positions: NDArray[np.int64], *, final: bool
    ) -> PacketBatch:
        zone_bytes = self._parameters.zone_bytes
        capacity = int(self._state[_PARTIAL_BYTES]) + (selected.size + 1) * zone_bytes
        buffer = np.empty(capacity, dtype=np.uint8)
        packets = np.empty(capacity // _MIN_PACKET_BYTES + 1, dtype=RECEIVED_PACKET)
        table = packets.view(np.int64).reshape(-1, 5)
        count = _reassemble(
            frames,
            selected,
            positions,
            self._held,
            final,
            self._parameters.mpdu_offset,
            zone_bytes,
            self._state,
            self._partial,
            buffer,
            table,
        )
        return PacketBatch(buffer, packets[:count].copy())


@njit(cache=True, nogil=True)
def _discard(state, start, end):  # type: ignore[no-untyped-def]
    """Drop the packet under way; returns the place where the next one may be written."""
    if end > start:
        state[_DISCARDED] += 1
        state[_DISCARDED_BYTES] += end - start
    state[_IN_SYNC] = 0
    return start


@njit(cache=True, nogil=True)
def _frame_count(frame):  # type: ignore[no-untyped-def]
    return (np.int64(frame[2]) << 16) | (np.int64(frame[3]) << 8) | np.int64(frame[4])


@njit(cache=True, nogil=True)
def _follows(state, count, following):  # type: ignore[no-untyped-def]
    """Compare a frame count with the last one: 0 in order, 1 after a gap or a reset, 2 the same frame again.

    `following` is the count of the next frame, or -1 where it is not known.
    """
    last = state[_LAST_COUNT]
    state[_LAST_COUNT] = count
    if last < 0:
        return 1
    gap = (count - last - 1) & 0xFFFFFF
    if gap == 0:
        return 0
    if gap == 0xFFFFFF:
        state[_DUPLICATES] += 1
        return 2
    room = (following - last - 1) & 0xFFFFFF
    if following >= 0 and 0 < room < LONGEST_GAP and gap >= room:
        state[_LAST_COUNT] = (last + 1) & 0xFFFFFF
        return 0 if room == 1 else 1
    if gap >= (LONGEST_GAP if following >= 0 else _LONGEST_LAST_GAP):
        state[_RESETS] += 1
    else:
        state[_MISSING] += gap
        state[_PENDING_MISSING] += gap
    return 1


@njit(cache=True, nogil=True)
def _packet_end(buffer, start, end):  # type: ignore[no-untyped-def]
    """Where the packet at `start` ends according to its length field, or -1 while that field is not there."""
    if end - start < 6:
        return -1
    return start + 7 + (int(buffer[start + 4]) << 8) + int(buffer[start + 5])


@njit(cache=True, nogil=True)
def _boundary_holds(buffer, start, zone_start, zone_end, pointer):  # type: ignore[no-untyped-def]
    """Whether the packet under way ends where the first header pointer says that the next one begins."""
    stop = start if start == zone_start else _packet_end(buffer, start, zone_end)
    if pointer == NO_PACKET_START:
        return start < zone_start and (stop < 0 or stop >= zone_end)
    return stop == zone_start + pointer


@njit(cache=True, nogil=True)
def _emit(state, buffer, start, end, ordinal, position, table, count):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Tabulate all complete packets in buffer[start:end]; returns the start of the incomplete rest and the count."""
    while True:
        if start == end:
            break
        stop = _packet_end(buffer, start, end)
        if stop < 0 or stop > end:
            break
        if ((int(buffer[start]) & 7) << 8 | int(buffer[start + 1])) == IDLE_APID:
            state[_IDLE] += 1
        else:
            table[count, 0] = start
            table[count, 1] = stop - start
            table[count, 2] = ordinal - state[_FIRST_FRAME] + 1
            table[count, 3] = state[_PENDING_MISSING]
            table[count, 4] = state[_FIRST_POSITION]
            state[_PENDING_MISSING] = 0
            state[_PACKETS] += 1
            count += 1
        start = stop
        state[_FIRST_FRAME] = ordinal
        state[_FIRST_POSITION] = position
    return start, count


@njit(cache=True, nogil=True)
def _frame_at(frames, selected, positions, held, state, place):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """A frame, where it came from, and the count of the one after it or -1; place -1 is the frame held back."""
    following = np.int64(-1)
    if place + 1 < selected.size:
        following = _frame_count(frames[selected[place + 1]])
    if place < 0:
        return held, state[_HELD] - 1, following
    return frames[selected[place]], positions[selected[place]], following


@njit(cache=True, nogil=True)
def _hold(frames, selected, positions, held, final, state):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Keep the last frame until the next one is known, or the end."""
    if final:
        state[_HELD] = 0
    elif selected.size:
        held[:] = frames[selected[-1]][: held.size]
        state[_HELD] = positions[selected[-1]] + 1


@njit(cache=True, nogil=True)
def _reassemble(frames, selected, positions, held, final, mpdu, zone_bytes, state, partial, buffer, table):  # type: ignore[no-untyped-def] # noqa: PLR0917
    end = state[_PARTIAL_BYTES]
    buffer[:end] = partial[:end]
    start = 0
    count = 0
    waiting = 1 if state[_HELD] else 0
    for place in range(selected.size + waiting - (not final)):
        head, position, following = _frame_at(frames, selected, positions, held, state, place - waiting)
        ordinal = state[_FRAMES]
        state[_FRAMES] += 1
        order = _follows(state, _frame_count(head), following)
        if order == 2:
            continue
        if order == 1:
            end = _discard(state, start, end)
        pointer = ((int(head[mpdu]) & 7) << 8) | int(head[mpdu + 1])
        if pointer == IDLE_ONLY or (pointer >= zone_bytes and pointer != NO_PACKET_START):
            state[_FAULTS] += pointer != IDLE_ONLY
            end = _discard(state, start, end)
            continue
        if state[_IN_SYNC] == 0 and pointer == NO_PACKET_START:
            state[_DISCARDED_BYTES] += zone_bytes
            continue
        if start == end:
            state[_FIRST_FRAME] = ordinal
            state[_FIRST_POSITION] = position
        zone_start = end
        end += zone_bytes
        buffer[zone_start:end] = head[mpdu + 2 : mpdu + 2 + zone_bytes]
        if state[_IN_SYNC] == 0 or not _boundary_holds(buffer, start, zone_start, end, pointer):
            if state[_IN_SYNC] == 1:
                state[_FAULTS] += 1
                _discard(state, start, zone_start)
            if pointer == NO_PACKET_START:
                state[_DISCARDED_BYTES] += zone_bytes
                start = end
                continue
            state[_DISCARDED_BYTES] += pointer
            start = zone_start + pointer
            state[_FIRST_FRAME] = ordinal
            state[_FIRST_POSITION] = position
        state[_IN_SYNC] = 1
        start, count = _emit(state, buffer, start, end, ordinal, position, table, count)
    _hold(frames, selected, positions, held, final, state)
    state[_PARTIAL_BYTES] = end - start
    partial[: end - start] = buffer[start:end]
    return count
