"""Reed-Solomon (255,223), interleaved, with virtual fill (CCSDS 131.0-B, section 4): encoding, a check, correction.

The check re-encodes the data symbols eight at a time: the remainder of the division by g(x) is kept in four 64-bit
words and eight tables hold what each symbol adds to it, already in the basis of the code, so both bases cost the same.
Only codewords whose parity differs are decoded.
"""

from functools import cache

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link import galois
from s1pdgs.formats.link.parameters import CODEWORD_SYMBOLS, PARITY_SYMBOLS, LinkError, LinkParameters

CORRECTABLE_SYMBOLS = PARITY_SYMBOLS // 2
_GROUP = 8
_IDENTITY = np.arange(256, dtype=np.uint8)


@attrs.frozen(eq=False)
class CodeCheck:
    """What the code said about each block: symbols corrected (int32[n]) and whether it stays wrong (bool[n])."""

    corrected_symbols: NDArray[np.int32]
    uncorrectable: NDArray[np.bool_]


def encode_blocks(frames: NDArray[np.uint8], parameters: LinkParameters) -> NDArray[np.uint8]:
    """Append the interleaved parity to transfer frames uint8[n, frame bytes]; returns uint8[n, block bytes]."""
    if frames.ndim != 2 or frames.shape[1] != parameters.frame_bytes:
        raise LinkError(f"frames of shape {frames.shape} do not have {parameters.frame_bytes} bytes each")
    depth = parameters.interleave_depth
    blocks = np.empty((frames.shape[0], parameters.frame_bytes + PARITY_SYMBOLS * depth), dtype=np.uint8)
    blocks[:, : parameters.frame_bytes] = frames
    _encode(blocks, depth, parameters.virtual_fill, _division_tables(parameters.dual_basis))
    return blocks


def correct_blocks(blocks: NDArray[np.uint8], parameters: LinkParameters) -> CodeCheck:
    """Check code blocks uint8[n, block bytes] and correct in place what up to 16 wrong symbols a codeword allow.

    Codewords beyond the code's capacity are left as they were and their block is flagged.
    """
    depth, fill = parameters.interleave_depth, parameters.virtual_fill
    length = CODEWORD_SYMBOLS - fill
    if blocks.ndim != 2 or blocks.shape[1] != length * depth:
        raise LinkError(f"blocks of shape {blocks.shape} do not hold {depth} codewords of {length} symbols")
    corrected = np.zeros(blocks.shape[0], dtype=np.int32)
    uncorrectable = np.zeros(blocks.shape[0], dtype=np.bool_)
    bases = (galois.FROM_DUAL, galois.TO_DUAL) if parameters.dual_basis else (_IDENTITY, _IDENTITY)
    _correct(
        blocks,
        depth,
        fill,
        _division_tables(parameters.dual_basis),
        *bases,
        galois.ANTILOG,
        galois.LOG,
        corrected,
        uncorrectable,
    )
    return CodeCheck(corrected, uncorrectable)


@cache
def _division_tables(dual_basis: bool) -> NDArray[np.uint64]:
    """Tables uint64[8, 256, 4]: remainder words left by symbol b fed j places into a group of eight, little-endian."""
    inward = galois.FROM_DUAL if dual_basis else _IDENTITY
    outward = galois.TO_DUAL if dual_basis else _IDENTITY
    generator = galois.generator_polynomial()[1:]
    step = np.zeros((256, PARITY_SYMBOLS), dtype=np.uint8)
    for symbol in range(256):
        products = [galois.multiply(int(inward[symbol]), int(coefficient)) for coefficient in generator]
        step[symbol] = outward[products]
    tables = np.zeros((_GROUP, 256, PARITY_SYMBOLS), dtype=np.uint8)
    remainder = step.copy()
    for place in range(_GROUP - 1, -1, -1):
        tables[place] = remainder
        following = np.zeros_like(remainder)
        following[:, :-1] = remainder[:, 1:]
        remainder = following ^ step[remainder[:, 0]]
    return tables.view("<u8").astype(np.uint64)


@njit(cache=True, nogil=True)
def _remainder(words, tables, out):  # type: ignore[no-untyped-def]
    """Divide the 224 symbols in `words` (the codeword behind one zero symbol) by g(x)."""
    mask = np.uint64(255)
    w0 = w1 = w2 = w3 = np.uint64(0)
    for k in range(28):
        feed = words[k] ^ w0
        b = feed & mask
        w0 = w1 ^ tables[0, b, 0]
        w1 = w2 ^ tables[0, b, 1]
        w2 = w3 ^ tables[0, b, 2]
        w3 = tables[0, b, 3]
        for j in range(1, 8):
            b = (feed >> np.uint64(8 * j)) & mask
            w0 ^= tables[j, b, 0]
            w1 ^= tables[j, b, 1]
            w2 ^= tables[j, b, 2]
            w3 ^= tables[j, b, 3]
    out[0] = w0
    out[1] = w1
    out[2] = w2
    out[3] = w3


@njit(cache=True, nogil=True)
def _correct(blocks, depth, fill, tables, inward, outward, antilog, log, corrected, uncorrectable):  # type: ignore[no-untyped-def] # noqa: PLR0917
    symbols = np.zeros(256, dtype=np.uint8)
    words = symbols.view(np.uint64)
    parity = np.zeros(4, dtype=np.uint64)
    remainder = parity.view(np.uint8)
    places = np.zeros(32, dtype=np.int64)
    values = np.zeros(32, dtype=np.int64)
    for block in range(blocks.shape[0]):
        for codeword in range(depth):
            for k in range(255 - fill):
                symbols[k + 1 + fill] = blocks[block, k * depth + codeword]
            _remainder(words, tables, parity)
            for k in range(4):
                parity[k] ^= words[28 + k]
            if not (parity[0] | parity[1] | parity[2] | parity[3]):
                continue
            for k in range(32):
                remainder[k] = inward[remainder[k]]
            found = _errors(remainder, fill, antilog, log, places, values)
            if found < 0:
                uncorrectable[block] = True
                continue
            corrected[block] += found
            for k in range(found):
                blocks[block, (places[k] - fill) * depth + codeword] ^= outward[values[k]]


@njit(cache=True, nogil=True)
def _encode(blocks, depth, fill, tables):  # type: ignore[no-untyped-def]
    symbols = np.zeros(256, dtype=np.uint8)
    words = symbols.view(np.uint64)
    parity = np.zeros(4, dtype=np.uint64)
    parity_symbols = parity.view(np.uint8)
    for block in range(blocks.shape[0]):
        for codeword in range(depth):
            for k in range(223 - fill):
                symbols[k + 1 + fill] = blocks[block, k * depth + codeword]
            _remainder(words, tables, parity)
            for k in range(32):
                blocks[block, (223 - fill + k) * depth + codeword] = parity_symbols[k]


@njit(cache=True, nogil=True)
def _multiply(left, right, antilog, log):  # type: ignore[no-untyped-def]
    if left == 0 or right == 0:
        return 0
    return int(antilog[log[left] + log[right]])


@njit(cache=True, nogil=True)
def _evaluate(polynomial, degree, exponent, antilog, log):  # type: ignore[no-untyped-def]
    """The value at alpha^exponent of a polynomial stored lowest power first."""
    total = 0
    for k in range(degree + 1):
        if polynomial[k]:
            total ^= int(antilog[(log[polynomial[k]] + k * exponent) % 255])
    return total


@njit(cache=True, nogil=True)
def _syndromes(remainder, antilog, log, out):  # type: ignore[no-untyped-def]
    """Values of the received polynomial at the 32 roots: those of its remainder, whose highest power comes first."""
    for j in range(32):
        root = (11 * (112 + j)) % 255
        total = 0
        for k in range(32):
            if total:
                total = int(antilog[log[total] + root])
            total ^= int(remainder[k])
        out[j] = total


@njit(cache=True, nogil=True)
def _locator(syndromes, antilog, log, locator):  # type: ignore[no-untyped-def]
    """The error locator polynomial (Berlekamp-Massey) into `locator`, lowest power first; returns its length L."""
    previous = np.zeros(33, dtype=np.int64)
    saved = np.zeros(33, dtype=np.int64)
    locator[0] = previous[0] = 1
    length, shift, last = 0, 1, 1
    for n in range(32):
        discrepancy = syndromes[n]
        for k in range(1, length + 1):
            discrepancy ^= _multiply(locator[k], syndromes[n - k], antilog, log)
        if discrepancy == 0:
            shift += 1
            continue
        factor = int(antilog[(log[discrepancy] - log[last]) % 255])
        saved[:] = locator
        for k in range(33 - shift):
            locator[k + shift] ^= _multiply(factor, previous[k], antilog, log)
        if 2 * length <= n:
            length, last, shift = n + 1 - length, discrepancy, 1
            previous[:] = saved
        else:
            shift += 1
    return length


@njit(cache=True, nogil=True)
def _errors(remainder, fill, antilog, log, places, values):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Places (from 0) and values of the wrong symbols of a codeword; how many, or -1 where the code cannot tell."""
    syndromes = np.zeros(32, dtype=np.int64)
    _syndromes(remainder, antilog, log, syndromes)
    locator = np.zeros(33, dtype=np.int64)
    errors = _locator(syndromes, antilog, log, locator)
    if errors > 16:
        return -1
    evaluator = np.zeros(32, dtype=np.int64)
    for n in range(errors):
        for k in range(n + 1):
            evaluator[n] ^= _multiply(locator[k], syndromes[n - k], antilog, log)
    found = 0
    for power in range(255 - fill):
        inverse = (-11 * power) % 255
        if _evaluate(locator, errors, inverse, antilog, log) != 0:
            continue
        slope = 0
        for k in range(1, errors + 1, 2):
            if locator[k]:
                slope ^= int(antilog[(log[locator[k]] + (k - 1) * inverse) % 255])
        value = _evaluate(evaluator, errors - 1, inverse, antilog, log)
        if slope == 0 or value == 0:
            return -1
        # Forney: magnitude = X^(1 - b) Omega(1/X) / Lambda'(1/X) with b = 112, X = alpha^(11 power)
        places[found] = 254 - power
        values[found] = antilog[(log[value] - log[slope] + 111 * inverse) % 255]
        found += 1
    if found != errors or not _explains(syndromes, places, values, found, antilog, log):
        return -1
    return found


@njit(cache=True, nogil=True)
def _explains(syndromes, places, values, count, antilog, log):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """Whether errors of these values at these places have the syndromes."""
    for j in range(32):
        total = syndromes[j]
        for k in range(count):
            total ^= int(antilog[(log[values[k]] + 11 * (112 + j) * (254 - places[k])) % 255])
        if total:
            return False
    return True
