# ruff: noqa: PLR0917 - compiled functions take their arguments by position
"""Compiled decoding of block-adaptive quantised user data, types C and D (S1-IF-ASD-PL-0007, section 4.4).

A table look-up takes 11 bits of the stream and gives up to four values at once, with the bits of each. Finding where
the next code begins is a chain of dependent steps, so two packets are decoded side by side: while one waits for its
look-up, the other goes on. A block's end falls anywhere in a look-up: what was read beyond it is given back.
"""

from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.kernels import ANY_BRC, BLOCK, BRC_BITS, LARGEST_BRC, MAX_CODE_BITS, THIDX_BITS, code_tables
from s1pdgs.formats.isp.memory import load_8, load_32, load_64, load_64_big_endian, store_8, store_32, store_64

OVERRUN = -1
BAD_BRC = -2
"""Fault of a packet whose block b has an undefined BRC: `BAD_BRC - b`."""

WINDOW_BITS = 11
_AT_ONCE = 4
_MODES = 8
_ROW_OCTETS = 8 << WINDOW_BITS
_VALUES_OCTETS = 4 * 32
_SLACK = 32  # the last step of a block starts before its end, takes at most 16 values and stores 8 octets from the last

_WINDOW_SHIFT = np.uint64(64 - WINDOW_BITS)
_COUNT_SHIFT = np.uint64(56)
_BITS_MASK = np.uint64(63)
_ENDS_SHIFT = 40
_OCTET = np.uint64(8)
_EIGHT_OCTETS = np.uint64(3)

_Integer = Any  # Python and numpy integers; compiled as int64
_Octets = NDArray[np.uint8]
_Integers = NDArray[np.int64]


@cache
def windows() -> NDArray[np.uint64]:
    """What each (mode, next 11 bits) holds, uint64 (8, 2048).

    Bits 0-7: bits of all values; octets 1-4: the values; bits 40-43, 44-47, 48-51: where the first, second and third
    value end; octet 7: how many values.
    """
    size = 1 << WINDOW_BITS
    single = code_tables().lookup.astype(np.int64)
    window = np.arange(size)
    table = np.zeros((_MODES, size), np.int64)
    for mode in range(_MODES):
        used = np.zeros(size, np.int64)
        count = np.zeros(size, np.int64)
        whole = np.ones(size, np.bool_)
        for value in range(_AT_ONCE):
            entry = single[mode][(window << used & (size - 1)) >> (WINDOW_BITS - MAX_CODE_BITS)]
            length = entry >> 8
            whole = whole & (length > 0) & (used + length <= WINDOW_BITS)
            used += np.where(whole, length, 0)
            count += whole
            table[mode] |= np.where(whole, (entry & 31) << (8 + 8 * value), 0)
            if value < _AT_ONCE - 1:
                table[mode] |= np.where(whole, used << (_ENDS_SHIFT + 4 * value), 0)
        table[mode] |= used | count << 56
    result = table.astype(np.uint64)
    result.flags.writeable = False
    return result


def scratch_octets(quads: int) -> int:
    """What `decode_pair` needs for each packet: codes (4, nq), slack, modes and THIDX of the blocks."""
    return 4 * quads + _SLACK + 2 * (-(-quads // BLOCK))


def modes_offset(quads: int) -> int:
    """Where the modes of the blocks begin in a packet's scratch; the THIDX follow."""
    return 4 * quads + _SLACK


@numba.njit(cache=True, nogil=True)
def _bits_at(data: _Integer, size: _Integer, position: _Integer) -> Any:
    """The next 57 or more bits from bit `position` on, left-aligned in 64; zeros follow the end of the data."""
    octet = position >> 3
    if octet + 8 <= size:
        word = load_64_big_endian(data + octet)
    else:
        word = np.uint64(0)
        for k in range(8):
            word = word << _OCTET
            if octet + k < size:
                word |= load_8(data + octet + k)
    return word << np.uint64(position & 7)


@numba.njit(cache=True, nogil=True)
def _step(table: _Integer, bits: Any, place: _Integer) -> Any:
    """Look the first bits up and store their values at `place`: the entry, the remaining bits and the next place."""
    entry = load_64(table + np.int64((bits >> _WINDOW_SHIFT) << _EIGHT_OCTETS))
    store_64(place, entry >> _OCTET)
    return entry, bits << (entry & _BITS_MASK), place + np.int64(entry >> _COUNT_SHIFT)


@numba.njit(cache=True, nogil=True)
def _settle(stop: _Integer, position: _Integer, places: Any, entries: Any) -> _Integer:
    """The position behind the value that belongs just before `stop`, in the last four steps from `position` on."""
    kept = stop - places[0]
    entry = entries[0]
    before = np.int64(0)
    total = np.int64(0)
    for step in range(1, 4):
        total += np.int64(entries[step - 1] & _BITS_MASK)
        if stop > places[step]:
            kept = stop - places[step]
            entry = entries[step]
            before = total
    if kept >= _AT_ONCE:
        return position + before + np.int64(entry & _BITS_MASK)
    return position + before + np.int64(entry >> np.uint64(_ENDS_SHIFT - 4 + 4 * kept) & np.uint64(15))


@numba.njit(cache=True, nogil=True)
def _read_block(data: _Integer, size: _Integer, tables: Any, positions: Any, places: Any, values: _Integer) -> Any:
    """Read `values` values of one block of two packets to their places; the two positions behind them.

    A packet that is through repeats its last four steps, without effect, until the other is through too.
    """
    table_a, table_b = tables
    position_a, position_b = positions
    a, b = places
    stop_a, stop_b = a + values, b + values
    from_a, from_b = positions
    a0 = a1 = a2 = a3 = a
    b0 = b1 = b2 = b3 = b
    first_a = second_a = third_a = fourth_a = np.uint64(0)
    first_b = second_b = third_b = fourth_b = np.uint64(0)
    while (a < stop_a) | (b < stop_b):
        if a < stop_a:
            a0 = a
            from_a = position_a
        if b < stop_b:
            b0 = b
            from_b = position_b
        bits_a = _bits_at(data, size, from_a)
        bits_b = _bits_at(data, size, from_b)
        first_a, bits_a, a1 = _step(table_a, bits_a, a0)
        first_b, bits_b, b1 = _step(table_b, bits_b, b0)
        second_a, bits_a, a2 = _step(table_a, bits_a, a1)
        second_b, bits_b, b2 = _step(table_b, bits_b, b1)
        third_a, bits_a, a3 = _step(table_a, bits_a, a2)
        third_b, bits_b, b3 = _step(table_b, bits_b, b2)
        fourth_a, bits_a, a = _step(table_a, bits_a, a3)
        fourth_b, bits_b, b = _step(table_b, bits_b, b3)
        used_a = (first_a & _BITS_MASK) + (second_a & _BITS_MASK) + (third_a & _BITS_MASK) + (fourth_a & _BITS_MASK)
        used_b = (first_b & _BITS_MASK) + (second_b & _BITS_MASK) + (third_b & _BITS_MASK) + (fourth_b & _BITS_MASK)
        position_a = from_a + np.int64(used_a)
        position_b = from_b + np.int64(used_b)
    return (
        _settle(stop_a, from_a, (a0, a1, a2, a3), (first_a, second_a, third_a, fourth_a)),
        _settle(stop_b, from_b, (b0, b1, b2, b3), (first_b, second_b, third_b, fourth_b)),
    )


@numba.njit(cache=True, nogil=True)
def _read_mode(
    data: _Integer,
    size: _Integer,
    position: _Integer,
    limit: _Integer,
    fixed_mode: _Integer,
    place: _Integer,
    block: _Integer,
) -> Any:
    """Read the mode of a block of the first section and store it: the position behind it and the fault, 0 if none."""
    if fixed_mode != ANY_BRC:
        store_8(place, np.uint64(fixed_mode))
        return position, 0
    mode = _bits_at(data, size, position) >> np.uint64(64 - BRC_BITS)
    position += BRC_BITS
    if mode <= np.uint64(LARGEST_BRC):
        store_8(place, mode)
        return position, 0
    store_8(place, np.uint64(0))
    return position, OVERRUN if position > limit else BAD_BRC - block


@numba.njit(cache=True, nogil=True)
def _decode_pair(
    data: _Integer,
    size: _Integer,
    starts: Any,
    ends: Any,
    quads: _Integer,
    fixed_mode: _Integer,
    table: _Integer,
    scratches: Any,
) -> Any:
    """Read the codes of two packets into their scratches; the faults.

    Reads octets 0..size - 1 of `data` only. Writes at most 24 octets beyond the values of a section, which lie in the
    next section, not yet written, or in the slack behind the last.
    """
    position_a, position_b = np.int64(8 * starts[0]), np.int64(8 * starts[1])
    limit_a, limit_b = 8 * ends[0], 8 * ends[1]
    fault_a, fault_b = 0, 0
    blocks = (quads + BLOCK - 1) // BLOCK
    modes_a, modes_b = scratches[0] + 4 * quads + _SLACK, scratches[1] + 4 * quads + _SLACK
    for channel in range(4):
        for block in range(blocks):
            if channel == 0:
                position_a, fault = _read_mode(data, size, position_a, limit_a, fixed_mode, modes_a + block, block)
                fault_a = fault_a or fault
                position_b, fault = _read_mode(data, size, position_b, limit_b, fixed_mode, modes_b + block, block)
                fault_b = fault_b or fault
            elif channel == 2:
                shift = np.uint64(64 - THIDX_BITS)
                store_8(modes_a + blocks + block, _bits_at(data, size, position_a) >> shift)
                store_8(modes_b + blocks + block, _bits_at(data, size, position_b) >> shift)
                position_a += THIDX_BITS
                position_b += THIDX_BITS
            first = channel * quads + block * BLOCK
            position_a, position_b = _read_block(
                data,
                size,
                (
                    table + np.int64(load_8(modes_a + block)) * _ROW_OCTETS,
                    table + np.int64(load_8(modes_b + block)) * _ROW_OCTETS,
                ),
                (position_a, position_b),
                (scratches[0] + first, scratches[1] + first),
                min(quads - block * BLOCK, BLOCK),
            )
        position_a = (position_a + 15) & ~15
        position_b = (position_b + 15) & ~15
    return (
        fault_a if fault_a or position_a <= limit_a else OVERRUN,
        fault_b if fault_b or position_b <= limit_b else OVERRUN,
    )


@numba.njit(cache=True, nogil=True)
def _reconstruct(scratch: _Integer, quads: _Integer, values: _Integer, out: _Integer) -> None:
    """Fill `out` with float32 (4 nq,) = I and Q of each sample in turn."""
    blocks = (quads + BLOCK - 1) // BLOCK
    modes = scratch + 4 * quads + _SLACK
    for block in range(blocks):
        row = (
            values + (np.int64(load_8(modes + block)) << 8 | np.int64(load_8(modes + blocks + block))) * _VALUES_OCTETS
        )
        for i in range(block * BLOCK, min(quads, block * BLOCK + BLOCK)):
            code = scratch + i
            place = out + 16 * i
            store_32(place, load_32(row + 4 * np.int64(load_8(code))))
            store_32(place + 4, load_32(row + 4 * np.int64(load_8(code + 2 * quads))))
            store_32(place + 8, load_32(row + 4 * np.int64(load_8(code + quads))))
            store_32(place + 12, load_32(row + 4 * np.int64(load_8(code + 3 * quads))))


@numba.njit(cache=True, nogil=True)
def decode_codes(
    data: _Octets, quads: _Integer, fixed_mode: _Integer, table: NDArray[np.uint64], scratch: _Octets
) -> _Integer:
    """Read one packet's codes, all of `data`, into `scratch` (`scratch_octets`); the fault, 0 if none."""
    place = np.int64(scratch.ctypes.data)
    ends = (data.size, data.size)
    fault, _ = _decode_pair(
        np.int64(data.ctypes.data),
        data.size,
        (0, 0),
        ends,
        quads,
        fixed_mode,
        np.int64(table.ctypes.data),
        (place, place),
    )
    return fault


@numba.njit(cache=True, nogil=True, parallel=True)
def decode_lines(
    data: _Octets,
    starts: _Integers,
    ends: _Integers,
    quads: _Integers,
    fixed_mode: _Integer,
    table: NDArray[np.uint64],
    values: NDArray[np.float32],
    scratch: NDArray[np.uint8],
    out: NDArray[np.float32],
) -> _Integers:
    """Decode packets in parallel into rows of `out` float32 (n, >= 4 max(quads)); the fault of each, 0 if none.

    `scratch` uint8 (threads, 2 scratch_octets(max(quads))). Extents and shapes are the caller's to prove
    (`blocks.check_extents`).
    """
    faults = np.zeros(starts.size, np.int64)
    from_data, size = np.int64(data.ctypes.data), data.size
    from_table, from_values = np.int64(table.ctypes.data), np.int64(values.ctypes.data)
    from_scratch, scratch_row = np.int64(scratch.ctypes.data), scratch.shape[1]
    from_out, out_row = np.int64(out.ctypes.data), 4 * out.shape[1]
    for pair in numba.prange((starts.size + 1) // 2):
        a = 2 * pair
        scratch_a = from_scratch + numba.get_thread_id() * scratch_row  # type: ignore[attr-defined]
        scratch_b = scratch_a + scratch_row // 2
        # packets of different lengths cannot run side by side: each is its own companion
        b = a + 1 if a + 1 < starts.size and quads[a] == quads[a + 1] else a
        if b == a:
            scratch_b = scratch_a
        faults[a], faults[b] = _decode_pair(
            from_data,
            size,
            (starts[a], starts[b]),
            (ends[a], ends[b]),
            quads[a],
            fixed_mode,
            from_table,
            (scratch_a, scratch_b),
        )
        if faults[a] == 0:
            _reconstruct(scratch_a, quads[a], from_values, from_out + a * out_row)
        if b != a and faults[b] == 0:
            _reconstruct(scratch_b, quads[b], from_values, from_out + b * out_row)
        if b == a and a + 1 < starts.size:
            b = a + 1
            faults[b], _ = _decode_pair(
                from_data,
                size,
                (starts[b], starts[b]),
                (ends[b], ends[b]),
                quads[b],
                fixed_mode,
                from_table,
                (scratch_a, scratch_a),
            )
            if faults[b] == 0:
                _reconstruct(scratch_a, quads[b], from_values, from_out + b * out_row)
    return faults
