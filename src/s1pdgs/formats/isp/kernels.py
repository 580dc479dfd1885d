# ruff: noqa: PLR0917 - compiled functions take their arrays by position
"""Tables and encoding kernels of block-adaptive quantised user data, types C and D (S1-IF-ASD-PL-0007, section 4.4).

Both types are the same machine: sections IE, IO, QE, QO padded to 16 bits, blocks of 128 quads, an 8-bit threshold
index (THIDX) in front of each QE block and values of a sign bit and a magnitude code. Type D puts a 3-bit bit rate code
(BRC) in front of each IE block; type C uses one fixed-length code throughout. A `mode` is a row of the tables here:
0..4 are BRC 0..4, 5..7 are BAQ 3..5 bits. A value is one byte, `sign << 4 | magnitude`.
"""

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import tables

BLOCK = 128
BRC_BITS = 3
THIDX_BITS = 8
LARGEST_BRC = 4
MAX_CODE_BITS = 10
ANY_BRC = -1
_MODES = tables.BIT_RATE_CODES + tables.FIXED_RATE_MODES
_SYMBOLS = 2 * tables.MAGNITUDES

_Octets = NDArray[np.uint8]
_Floats = NDArray[np.float32]
_Integers = NDArray[np.int64]


class CodeTables(NamedTuple):
    """What the kernels look up.

    `words`, `lengths`: code of each (mode, value), sign included, uint16/uint8 (8, 32); length 0 = not in the alphabet.
    `lookup`: `length << 8 | value` of each (mode, next 10 bits), uint16 (8, 1024).
    `values`: reconstructed float32 of each (mode, THIDX, value) (8, 256, 32).
    `thresholds`: decision levels between magnitudes, float32 (8, 256, 16), infinite beyond the alphabet.
    `alphabet`: number of magnitudes of each mode, int64 (8,).
    """

    words: NDArray[np.uint16]
    lengths: NDArray[np.uint8]
    lookup: NDArray[np.uint16]
    values: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    alphabet: NDArray[np.int64]


@cache
def code_tables() -> CodeTables:
    """The tables of all eight modes, built once."""
    words, lengths = _signed_words()
    magnitudes = tables.reconstruction(_MODES)
    thresholds = np.full(magnitudes.shape, np.inf, np.float32)
    alphabet = tables.alphabet_sizes(_MODES)
    for mode, size in enumerate(alphabet):
        levels = magnitudes[mode, :, :size]
        thresholds[mode, :, : size - 1] = (levels[:, 1:] + levels[:, :-1]) / 2
    arrays = (
        words,
        lengths,
        _lookup(words, lengths),
        np.concatenate((magnitudes, -magnitudes), axis=2),
        thresholds,
        alphabet,
    )
    for array in arrays:
        array.flags.writeable = False
    return CodeTables(*arrays)


def capacity_bytes(quads: int) -> int:
    """An upper bound of the user data of a packet with `quads` quads, with room for whole-word writes."""
    blocks = -(-quads // BLOCK)
    return 4 * ((quads * MAX_CODE_BITS + blocks * THIDX_BITS) // 8 + 2) + 16


def _signed_words() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    prefix, prefix_lengths = tables.prefix_codes()
    words = np.zeros((len(_MODES), _SYMBOLS), np.uint16)
    lengths = np.zeros(words.shape, np.uint8)
    for mode, size in enumerate(tables.alphabet_sizes(_MODES)):
        for magnitude in range(size):
            if mode <= LARGEST_BRC:
                bits, length = int(prefix[mode, magnitude]), int(prefix_lengths[mode, magnitude])
            else:
                bits, length = magnitude, mode - LARGEST_BRC + 1
            for sign in (0, 1):
                words[mode, sign << 4 | magnitude] = sign << length | bits
                lengths[mode, sign << 4 | magnitude] = length + 1
    return words, lengths


def _lookup(words: NDArray[np.uint16], lengths: NDArray[np.uint8]) -> NDArray[np.uint16]:
    lookup = np.zeros((len(_MODES), 1 << MAX_CODE_BITS), np.uint16)
    for mode, value in zip(*np.nonzero(lengths), strict=True):
        length = int(lengths[mode, value])
        free = MAX_CODE_BITS - length
        first = int(words[mode, value]) << free
        lookup[mode, first : first + (1 << free)] = length << 8 | value
    return lookup


@numba.njit(cache=True, nogil=True)
def encode_codes(
    codes: _Octets,
    modes: _Octets,
    thidx: _Octets,
    fixed_mode: int,
    words: NDArray[np.uint16],
    lengths: _Octets,
    out: _Octets,
) -> int:
    """Write one packet's codes to `out`; the number of octets, a multiple of 4."""
    quads = codes.shape[1]
    octet = 0
    for channel in range(4):
        bits = np.uint64(0)
        pending = np.uint64(0)
        for block in range(modes.size):
            if channel == 0 and fixed_mode == ANY_BRC:
                bits = bits << np.uint64(BRC_BITS) | np.uint64(modes[block])
                pending += np.uint64(BRC_BITS)
            elif channel == 2:
                bits = bits << np.uint64(THIDX_BITS) | np.uint64(thidx[block])
                pending += np.uint64(THIDX_BITS)
            word = words[modes[block]]
            length = lengths[modes[block]]
            for i in range(block * BLOCK, min(quads, block * BLOCK + BLOCK)):
                code = codes[channel, i] & 31
                bits = bits << np.uint64(length[code]) | np.uint64(word[code])
                pending += np.uint64(length[code])
                if pending >= 32:
                    pending -= np.uint64(32)
                    _store_word(out, octet, bits >> pending)
                    octet += 4
        _store_word(out, octet, bits << (np.uint64(32) - pending))
        octet += 2 * int((pending + np.uint64(15)) >> np.uint64(4))
    if octet % 4:
        out[octet] = 0
        out[octet + 1] = 0
        octet += 2
    return octet


@numba.njit(cache=True, nogil=True, inline="always")
def _store_word(out: _Octets, octet: int, word: Any) -> None:
    out[octet] = np.uint8(word >> np.uint64(24) & np.uint64(255))
    out[octet + 1] = np.uint8(word >> np.uint64(16) & np.uint64(255))
    out[octet + 2] = np.uint8(word >> np.uint64(8) & np.uint64(255))
    out[octet + 3] = np.uint8(word & np.uint64(255))


@numba.njit(cache=True, nogil=True)
def threshold_index(mean: float) -> int:
    """THIDX of a block whose components have this mean magnitude; 255 beyond the scale and for NaN."""
    if mean < 49.875:
        return int(np.floor(2.0 * mean + 0.5))
    if mean < 205.0:
        return 100 + int(np.floor(mean - 49.75))
    return 255


@numba.njit(cache=True, nogil=True)
def quantise(
    samples: _Floats,
    fixed_mode: int,
    mode_of_thidx: _Octets,
    thresholds: _Floats,
    alphabet: _Integers,
    codes: _Octets,
    modes: _Octets,
    thidx: _Octets,
) -> None:
    """Choose THIDX, mode and codes of each block of `samples` float32 (4 nq,) = I and Q of each sample in turn."""
    quads = codes.shape[1]
    magnitude = np.empty(BLOCK, np.float32)
    count = np.empty(BLOCK, np.uint8)
    for block in range(modes.size):
        first = block * BLOCK
        size = min(quads - first, BLOCK)
        total = 0.0
        for i in range(4 * first, 4 * (first + size)):
            total += abs(samples[i])
        index = threshold_index(total / (4.0 * size))
        mode = mode_of_thidx[index] if fixed_mode == ANY_BRC else fixed_mode
        thidx[block] = index
        modes[block] = mode
        for channel in range(4):
            component = (channel & 1) * 2 + (channel >> 1)
            for i in range(size):
                value = samples[4 * (first + i) + component]
                magnitude[i] = abs(value)
                count[i] = 16 if value < 0 else 0
            for level in range(alphabet[mode] - 1):
                threshold = thresholds[mode, index, level]
                for i in range(size):
                    count[i] += np.uint8(magnitude[i] > threshold)
            for i in range(size):
                codes[channel, first + i] = count[i]


@numba.njit(cache=True, nogil=True, parallel=True)
def encode_lines(
    samples: _Floats,
    fixed_mode: int,
    mode_of_thidx: _Octets,
    thresholds: _Floats,
    alphabet: _Integers,
    words: NDArray[np.uint16],
    lengths: _Octets,
    out: _Octets,
) -> _Integers:
    """Encode rows of `samples` float32 (n, 4 nq) in parallel into rows of `out`; the octets used in each."""
    sizes = np.zeros(samples.shape[0], np.int64)
    quads = samples.shape[1] // 4
    for line in numba.prange(samples.shape[0]):
        codes = np.empty((4, quads), np.uint8)
        modes = np.empty((quads + BLOCK - 1) // BLOCK, np.uint8)
        thidx = np.empty(modes.size, np.uint8)
        quantise(samples[line], fixed_mode, mode_of_thidx, thresholds, alphabet, codes, modes, thidx)
        sizes[line] = encode_codes(codes, modes, thidx, fixed_mode, words, lengths, out[line])
    return sizes
