"""AOS transfer frame headers (CCSDS 732.0-B, section 4.1.2), for arrays of frames."""

from functools import cache
from itertools import combinations

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link.parameters import LinkParameters

AOS_VERSION = 1
FRAME_COUNT_MODULUS = 1 << 24
_FHEC_OFFSET = 6
_CYCLE_USED = 0x40


@attrs.frozen(eq=False)
class FrameHeaders:
    """The primary headers of n frames, one array each; `frame_count` is the 24-bit virtual channel frame count.

    `count_cycle` extends the frame count by four bits; it is 0 where the frame says that it is not used.
    """

    version: NDArray[np.int64]
    spacecraft_id: NDArray[np.int64]
    vcid: NDArray[np.int64]
    frame_count: NDArray[np.int64]
    replay: NDArray[np.bool_]
    count_cycle: NDArray[np.int64]


def unpack_headers(frames: NDArray[np.uint8]) -> FrameHeaders:
    """Read the primary headers of frames uint8[n, at least 6]."""
    octets = frames[:, :6].astype(np.int64)
    first, second, signalling = octets[:, 0], octets[:, 1], octets[:, 5]
    count = (octets[:, 2] << 16) | (octets[:, 3] << 8) | octets[:, 4]
    return FrameHeaders(
        version=first >> 6,
        spacecraft_id=((first & 0x3F) << 2) | (second >> 6),
        vcid=second & 0x3F,
        frame_count=count,
        replay=(signalling & 0x80) != 0,
        count_cycle=np.where(signalling & _CYCLE_USED, signalling & 0x0F, 0),
    )


def pack_headers(
    frames: NDArray[np.uint8], vcid: int, frame_counts: NDArray[np.int64], parameters: LinkParameters
) -> None:
    """Write the primary headers (and the header error control, where used) of frames uint8[n, frame bytes]."""
    frames[:, 0] = (AOS_VERSION << 6) | (parameters.spacecraft_id >> 2)
    frames[:, 1] = ((parameters.spacecraft_id & 3) << 6) | vcid
    counts = frame_counts % FRAME_COUNT_MODULUS
    frames[:, 2] = counts >> 16
    frames[:, 3] = (counts >> 8) & 0xFF
    frames[:, 4] = counts & 0xFF
    frames[:, 5] = 0
    if parameters.has_fhec:
        frames[:, _FHEC_OFFSET : _FHEC_OFFSET + 2] = header_error_control(frames)


def header_error_control(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The two bytes uint8[n, 2] of the shortened RS(10,6) code over GF(16) that protect id and signalling (4.1.2.6)."""
    nibbles = _nibbles(frames[:, [0, 1, 5]])
    products = _gf16_products()
    remainder = np.zeros((frames.shape[0], 4), dtype=np.uint8)
    for symbol in range(6):
        feedback = nibbles[:, symbol] ^ remainder[:, 0]
        remainder = np.roll(remainder, -1, axis=1)
        remainder[:, 3] = 0
        remainder ^= products[feedback]
    return ((remainder[:, 0::2] << 4) | remainder[:, 1::2]).astype(np.uint8)


def correct_headers(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Check id and signalling of frames by their header error control; correct up to two wrong half-bytes in place.

    Returns bool[n]: whether the header holds (after correction).
    """
    check = frames[:, _FHEC_OFFSET : _FHEC_OFFSET + 2]
    difference = header_error_control(frames) ^ check
    syndromes = (difference[:, 0].astype(np.int64) << 8) | difference[:, 1]
    holds: NDArray[np.bool_] = syndromes == 0
    patterns = _header_error_patterns() if not holds.all() else {}
    for frame in np.flatnonzero(~holds):
        pattern = patterns.get(int(syndromes[frame]))
        if pattern is not None:
            frames[frame, [0, 1, 5, _FHEC_OFFSET, _FHEC_OFFSET + 1]] ^= np.frombuffer(pattern, dtype=np.uint8)
            holds[frame] = True
    return holds


def write_error_control(frames: NDArray[np.uint8]) -> None:
    """Put the frame error control field (CRC-16, 4.1.6) into the last two bytes of each frame."""
    crc = _crc16(frames[:, :-2], _crc_table())
    frames[:, -2] = crc >> 8
    frames[:, -1] = crc & 0xFF


def error_control_holds(frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the frame error control field of each frame agrees with the frame."""
    expected = frames[:, -2].astype(np.uint16) << 8 | frames[:, -1]
    holds: NDArray[np.bool_] = _crc16(frames[:, :-2], _crc_table()) == expected
    return holds


def _nibbles(octets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    nibbles = np.empty((octets.shape[0], 2 * octets.shape[1]), dtype=np.uint8)
    nibbles[:, 0::2] = octets >> 4
    nibbles[:, 1::2] = octets & 0x0F
    return nibbles


@cache
def _header_error_patterns() -> dict[int, bytes]:
    """The syndromes of one or two wrong half-bytes in id, signalling and check, and the five bytes that undo them."""
    single: list[tuple[int, int, bytes]] = []
    for place in range(10):
        for value in range(1, 16):
            octets = bytearray(5)
            octets[place // 2] = value << 4 if place % 2 == 0 else value
            frame = np.zeros((1, 8), dtype=np.uint8)
            frame[0, [0, 1, 5, 6, 7]] = octets
            difference = header_error_control(frame)[0] ^ frame[0, 6:8]
            single.append((place, int(difference[0]) << 8 | int(difference[1]), bytes(octets)))
    patterns = {syndrome: octets for _, syndrome, octets in single}
    for (first, left, one), (second, right, other) in combinations(single, 2):
        if first != second:
            patterns[left ^ right] = bytes(a ^ b for a, b in zip(one, other, strict=True))
    return patterns


@cache
def _gf16_products() -> NDArray[np.uint8]:
    """Row b: b times the lower coefficients of (x+a^6)(x+a^7)(x+a^8)(x+a^9), field polynomial x^4 + x + 1."""
    powers = [1]
    for _ in range(14):
        doubled = powers[-1] << 1
        powers.append(doubled ^ 0x13 if doubled & 0x10 else doubled)

    def product(left: int, right: int) -> int:
        return powers[(powers.index(left) + powers.index(right)) % 15] if left and right else 0

    generator = [1]
    for exponent in (6, 7, 8, 9):
        scaled = [0, *(product(coefficient, powers[exponent]) for coefficient in generator)]
        generator = [a ^ b for a, b in zip([*generator, 0], scaled, strict=True)]
    return np.array([[product(b, c) for c in generator[1:]] for b in range(16)], dtype=np.uint8)


@cache
def _crc_table() -> NDArray[np.uint16]:
    table = np.zeros(256, dtype=np.uint16)
    for byte in range(256):
        register = byte << 8
        for _ in range(8):
            register = (register << 1) ^ 0x1021 if register & 0x8000 else register << 1
        table[byte] = register & 0xFFFF
    return table


@njit(cache=True, nogil=True)
def _crc16(frames, table):  # type: ignore[no-untyped-def]
    out = np.empty(frames.shape[0], dtype=np.uint16)
    for frame in range(frames.shape[0]):
        register = 0xFFFF
        for k in range(frames.shape[1]):
            register = ((register << 8) & 0xFFFF) ^ int(table[(register >> 8) ^ int(frames[frame, k])])
        out[frame] = register
    return out
