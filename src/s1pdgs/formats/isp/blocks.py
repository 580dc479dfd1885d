"""Checked access to the kernels of block-adaptive quantised user data; `fdbaq` and `baq` are its two faces."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp import decoding, kernels
from s1pdgs.formats.isp.errors import PacketError

_LINES_AT_ONCE = 512
_NO_POLICY = np.zeros(256, np.uint8)
_NO_POLICY.flags.writeable = False


class BlockCodes(NamedTuple):
    """One packet's quantised values.

    `codes`: uint8 (4, nq), channels IE, IO, QE, QO, each value `sign << 4 | magnitude` (sign 1 = negative).
    `modes`, `thidx`: uint8 (blocks,): kernel mode (for FDBAQ: the BRC) and threshold index of each block of 128 quads.
    """

    codes: NDArray[np.uint8]
    modes: NDArray[np.uint8]
    thidx: NDArray[np.uint8]


def encode_lines(
    samples: NDArray[np.complex64], fixed_mode: int, mode_of_thidx: NDArray[np.uint8] = _NO_POLICY
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode `samples` complex64 (n, 2 nq): all user data back to back, uint8, and n + 1 offsets into them."""
    if samples.ndim != 2 or samples.dtype != np.complex64 or samples.shape[1] % 2:
        raise PacketError(
            f"samples must be complex64 (lines, an even number), not {samples.dtype} of shape {samples.shape}"
        )
    tables = kernels.code_tables()
    policy = _read_only(mode_of_thidx)
    sizes = [np.zeros(1, np.int64)]
    pieces: list[NDArray[np.uint8]] = []
    for first in range(0, samples.shape[0], _LINES_AT_ONCE):
        lines = _read_only(np.ascontiguousarray(samples[first : first + _LINES_AT_ONCE]).view(np.float32))
        scratch = np.empty((lines.shape[0], kernels.capacity_bytes(lines.shape[1] // 4)), np.uint8)
        used = kernels.encode_lines(
            lines,
            fixed_mode,
            policy,
            tables.thresholds,
            tables.alphabet,
            tables.words,
            tables.lengths,
            scratch,
        )
        pieces += [row[:size].copy() for row, size in zip(scratch, used.tolist(), strict=True)]
        sizes.append(used)
    buffer = np.concatenate(pieces) if pieces else np.empty(0, np.uint8)
    return buffer, np.cumsum(np.concatenate(sizes))


def encode_codes(block_codes: BlockCodes, fixed_mode: int) -> bytes:
    """The user data of one packet's codes; `PacketError` when shapes disagree or a code is not in its alphabet."""
    codes = np.ascontiguousarray(block_codes.codes, np.uint8)
    modes = np.array(block_codes.modes, np.uint8)
    thidx = np.array(block_codes.thidx, np.uint8)
    blocks = block_count(codes.shape[1]) if codes.ndim == 2 else -1
    if codes.ndim != 2 or codes.shape[0] != 4 or modes.shape != (blocks,) or thidx.shape != (blocks,):
        raise PacketError(
            f"codes (4, nq) need one mode and THIDX per block of 128: got {codes.shape}, {modes.shape}, {thidx.shape}"
        )
    allowed = modes <= kernels.LARGEST_BRC if fixed_mode == kernels.ANY_BRC else modes == fixed_mode
    if not allowed.all():
        raise PacketError(f"block {np.argmin(allowed)}: BRC {modes[np.argmin(allowed)]} is not defined")
    tables = kernels.code_tables()
    alphabet = np.repeat(tables.alphabet[modes], kernels.BLOCK)[: codes.shape[1]]
    outside = np.argwhere(((codes & 15) >= alphabet) | (codes > 31))
    if outside.size:
        channel, quad = outside[0]
        raise PacketError(f"quad {quad}, channel {channel}: code {codes[channel, quad]} is not in the block's alphabet")
    out = np.empty(kernels.capacity_bytes(codes.shape[1]), np.uint8)
    size = kernels.encode_codes(codes, modes, thidx, fixed_mode, tables.words, tables.lengths, out)
    return out[:size].tobytes()


def decode_codes(user_data: bytes, quads: int, fixed_mode: int) -> BlockCodes:
    """The codes of one packet's user data; `PacketError` for an undefined BRC or user data too short for `quads`."""
    data = _read_only(np.frombuffer(user_data, np.uint8))
    scratch = np.zeros(decoding.scratch_octets(quads), np.uint8)
    fault = decoding.decode_codes(data, quads, fixed_mode, decoding.windows(), scratch)
    if fault:
        raise PacketError(_fault_text(fault, data.size, quads))
    modes, thidx = scratch[decoding.modes_offset(quads) :].reshape(2, block_count(quads))
    return BlockCodes(scratch[: 4 * quads].reshape(4, quads), modes, thidx)


def decode_lines(
    data: NDArray[np.uint8],
    starts: ArrayLike,
    ends: ArrayLike,
    quads: ArrayLike,
    out: NDArray[np.complex64],
    *,
    fixed_mode: int,
) -> None:
    """Decode the user data in octets `starts[i]:ends[i]` of `data` into `out[i, :2 quads[i]]`; the rest of a row stays.

    Raises `PacketError` naming the packet (its index here) whose user data lie outside `data`, end too early or hold an
    undefined BRC.
    """
    data = _read_only(np.asarray(data))
    first, last, counts = (np.array(values, np.int64) for values in (starts, ends, quads))
    check_extents(data, first, last, counts, out)
    widest = int(counts.max(initial=0))
    scratch = np.empty((numba.get_num_threads(), 2 * decoding.scratch_octets(widest)), np.uint8)
    values = kernels.code_tables().values
    faults = decoding.decode_lines(
        data, first, last, counts, fixed_mode, decoding.windows(), values, scratch, out.view(np.float32)
    )
    if faults.any():
        packet = int(np.flatnonzero(faults)[0])
        size = int(last[packet] - first[packet])
        raise PacketError(f"packet {packet}: {_fault_text(int(faults[packet]), size, int(counts[packet]))}")


def check_extents(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    quads: NDArray[np.int64],
    out: NDArray[np.complex64],
) -> None:
    """Refuse extents outside `data`, and an `out` that is not complex64 (n, >= 2 max(quads)) in C order."""
    if data.ndim != 1 or data.dtype != np.uint8:
        raise PacketError(f"packets must be one-dimensional uint8, not {data.dtype} of shape {data.shape}")
    if starts.ndim != 1 or starts.shape != ends.shape or starts.shape != quads.shape:
        raise PacketError(f"starts, ends and quads differ in shape: {starts.shape}, {ends.shape}, {quads.shape}")
    outside = np.flatnonzero((starts < 0) | (ends < starts) | (ends > data.size))
    if outside.size:
        packet = outside[0]
        raise PacketError(f"packet {packet}: bytes {starts[packet]}..{ends[packet]} lie outside the {data.size} given")
    widest = int(quads.max(initial=0))
    fits = out.ndim == 2 and out.shape[0] == starts.size and out.shape[1] >= 2 * widest
    if not fits or out.dtype != np.complex64 or not out.flags.c_contiguous or quads.min(initial=0) < 0:
        raise PacketError(
            f"out must be C-ordered complex64 ({starts.size}, >= {2 * widest}), not {out.dtype} of shape {out.shape}"
        )


def block_count(quads: int) -> int:
    """How many blocks of 128 hold `quads` quads."""
    return -(-quads // kernels.BLOCK)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(array).view(np.ndarray)
    view = view[...]
    view.flags.writeable = False  # one compiled signature for files, maps and arrays
    return view


def _fault_text(fault: int, size: int, quads: int) -> str:
    if fault <= decoding.BAD_BRC:
        return f"block {decoding.BAD_BRC - fault} has an undefined BRC (5, 6 or 7): the user data are damaged"
    return f"{size} bytes of user data end before {quads} quads are decoded"
