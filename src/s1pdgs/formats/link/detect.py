"""What a downlink is, seen from its bytes: stride, polarity, randomiser, code, basis, depth, frame length.

Markers give the stride. A Reed-Solomon code passes by chance once in 2^256 codewords, so a few CADUs that pass tell
depth, basis, virtual fill and what the station appended. A frame sent without its parity is told by its header; its end
by its frame error control where it has one, else by the packets that go on from frame to frame.
"""

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from numba import njit
from numpy.typing import NDArray

from s1pdgs.formats.link import galois
from s1pdgs.formats.link.aos import AOS_VERSION, error_control_holds, header_error_control, unpack_headers
from s1pdgs.formats.link.cadu import blocks_at, marker_bits
from s1pdgs.formats.link.decode import check_blocks
from s1pdgs.formats.link.mpdu import PacketReassembler
from s1pdgs.formats.link.parameters import (
    CODEWORD_SYMBOLS,
    DATA_SYMBOLS,
    FILL_VCID,
    MARKER_BYTES,
    PARITY_SYMBOLS,
    LinkError,
    LinkParameters,
)
from s1pdgs.formats.link.randomiser import derandomise

_SAMPLES = 16
_FEWEST = 2
_FEWEST_UNCODED = 4
_SHORTEST_BLOCK = 32
_LONGEST_TRAILER = 128
_FRAMES_FOR_PACKETS = 96
_GOLDEN = 0.6180339887
_DEPTHS = range(1, 17)
_IDENTITY = np.arange(256, dtype=np.uint8)


@attrs.frozen
class DetectedLink:
    """What `frames` CADUs of a sample show; `sound` of them pass the code, or look like frames where there is none."""

    parameters: LinkParameters
    inverted: bool
    frames: int
    sound: int


def detect_link(sample: bytes | memoryview, known: LinkParameters | None = None) -> DetectedLink | None:
    """The link of a sample of a stream (some tens of CADUs), None where it cannot be told.

    Insert zone and operational control field cannot be seen; they are those of `known`.
    """
    known = known or LinkParameters()
    every, inverted = _payloads(sample)
    if len(every) < _FEWEST:
        return None
    # spread over the sample without a period, which damage may have
    raw = every[np.unique((np.arange(_SAMPLES) * _GOLDEN % 1.0 * len(every)).astype(np.int64))]
    plain = {False: raw, True: raw.copy()}
    derandomise(plain[True])
    best = max(
        _candidates(plain, known, every),
        key=lambda found: (
            found.sound >= _FEWEST,
            _plausible(plain, found.parameters),
            found.sound,
            # the code is cyclic: zeros appended to shortened codewords pass for part of them
            found.parameters.cadu_trailer_bytes,
        ),
        default=None,
    )
    if best is None or best.sound < _FEWEST:
        return None
    parameters = _with_error_controls(plain[best.parameters.randomised], best.parameters)
    return attrs.evolve(best, parameters=parameters, inverted=inverted)


def _payloads(sample: bytes | memoryview) -> tuple[NDArray[np.uint8], bool]:
    """What lies between neighbouring markers of the usual distance, uint8[n, stride - 4], turned back and aligned."""
    bits, inverted = marker_bits(sample)
    distances = np.diff(bits)
    whole = distances[(distances % 8 == 0) & (distances >= 8 * (MARKER_BYTES + _SHORTEST_BLOCK))]
    if not whole.size:
        return np.empty((0, 0), dtype=np.uint8), False
    values, counts = np.unique(whole, return_counts=True)
    stride = int(values[np.argmax(counts)])
    chosen = np.flatnonzero(distances == stride)
    length = stride // 8 - MARKER_BYTES
    layout = LinkParameters(coded=False, randomised=False, frame_length=length)
    blocks = blocks_at(np.frombuffer(sample, dtype=np.uint8), bits[chosen], inverted[chosen], layout)
    return blocks, bool(np.count_nonzero(inverted[chosen]) * 2 > chosen.size)


def _candidates(
    plain: dict[bool, NDArray[np.uint8]], known: LinkParameters, every: NDArray[np.uint8]
) -> Iterator[DetectedLink]:
    coded = False
    for found in _coded_candidates(plain, known):
        coded = True
        yield found
    if not coded:
        for randomised in (True, False):
            yield from _uncoded_candidates(plain[randomised], attrs.evolve(known, randomised=randomised), every)


def _coded_candidates(plain: dict[bool, NDArray[np.uint8]], known: LinkParameters) -> Iterator[DetectedLink]:
    """All depths, bases and trailers under which CADUs pass the code."""
    payload = plain[False].shape[1]
    for depth in _DEPTHS:
        for trailer in range(min(_LONGEST_TRAILER, payload) + 1):
            symbols, rest = divmod(payload - trailer, depth)
            if rest or not PARITY_SYMBOLS < symbols <= CODEWORD_SYMBOLS:
                continue
            for randomised, blocks in plain.items():
                for dual_basis in (True, False):
                    basis = galois.FROM_DUAL if dual_basis else _IDENTITY
                    passed = int(_passing(blocks, depth, symbols, basis, galois.ANTILOG, galois.LOG))
                    frame = (symbols - PARITY_SYMBOLS) * depth
                    layout = {
                        "coded": True,
                        "interleave_depth": depth,
                        "dual_basis": dual_basis,
                        "randomised": randomised,
                        "frame_length": None if frame == DATA_SYMBOLS * depth else frame,
                        "cadu_trailer_bytes": trailer,
                    }
                    if passed and (parameters := _possible(known, layout)) is not None:
                        yield DetectedLink(parameters, inverted=False, frames=len(blocks), sound=passed)


def _uncoded_candidates(
    blocks: NDArray[np.uint8], known: LinkParameters, every: NDArray[np.uint8]
) -> Iterator[DetectedLink]:
    """Frames without parity: their length by the error control field, else by the packets in them."""
    headers = unpack_headers(blocks)
    spacecraft = np.bincount(headers.spacecraft_id[headers.version == AOS_VERSION], minlength=1)
    alike = int(spacecraft.max())
    if alike < max(_FEWEST_UNCODED, 0.75 * len(blocks)):
        return
    payload = blocks.shape[1]
    header = np.count_nonzero((header_error_control(blocks) == blocks[:, 6:8]).all(axis=1))
    known = attrs.evolve(known, has_fhec=bool(header >= _enough(len(blocks))))
    fecf = False
    # upwards: behind a frame that holds its own check, zeros hold theirs
    for length in range(max(payload - _LONGEST_TRAILER, _SHORTEST_BLOCK), payload + 1):
        if np.count_nonzero(error_control_holds(blocks[:, :length])) >= _enough(len(blocks)):
            trailer, fecf = payload - length, True
            break
    else:
        trailer = _trailer_by_packets(every[:_FRAMES_FOR_PACKETS].copy(), known)
    frame = payload - trailer
    layout = {
        "coded": False,
        "has_fecf": fecf,
        "frame_length": None if frame == DATA_SYMBOLS * known.interleave_depth else frame,
        "cadu_trailer_bytes": trailer,
    }
    parameters = _possible(known, layout)
    if parameters is not None:
        yield DetectedLink(parameters, inverted=False, frames=len(blocks), sound=alike)


def _trailer_by_packets(blocks: NDArray[np.uint8], known: LinkParameters) -> int:
    """How many bytes are appended to frames without a code: with which most packets end where others are said to begin.

    As known where fewer than two packets, or none more than with nothing appended, tell so.
    """
    if known.randomised:
        derandomise(blocks)
    vcids = unpack_headers(blocks).vcid
    positions = np.arange(len(blocks), dtype=np.int64)
    best, trailer = 0, known.cadu_trailer_bytes
    for appended in range(_LONGEST_TRAILER):
        layout = {"coded": False, "frame_length": blocks.shape[1] - appended, "cadu_trailer_bytes": appended}
        parameters = _possible(known, layout)
        if parameters is None:
            break
        score = 0
        for vcid in np.unique(vcids[vcids != FILL_VCID]).tolist():
            channel = PacketReassembler(parameters)
            channel.feed(blocks, np.flatnonzero(vcids == vcid), positions)
            score += channel.account().packets - 2 * channel.account().pointer_faults
        if score > best and score >= _FEWEST:
            best, trailer = score, appended
    return trailer


def _enough(frames: int) -> int:
    """How many of some frames, any of which may be damaged, must hold a 16-bit check to say that they carry it."""
    return max(_FEWEST, frames // 4)


def _possible(known: LinkParameters, layout: dict[str, Any]) -> LinkParameters | None:
    try:
        return attrs.evolve(known, **layout)
    except LinkError:
        return None


def _plausible(plain: dict[bool, NDArray[np.uint8]], parameters: LinkParameters) -> int:
    """How many frames name the AOS version and the same spacecraft: blocks left scrambled pass the code, too."""
    headers = unpack_headers(plain[parameters.randomised])
    return int(np.bincount(headers.spacecraft_id[headers.version == AOS_VERSION], minlength=1).max())


def _with_error_controls(blocks: NDArray[np.uint8], parameters: LinkParameters) -> LinkParameters:
    """Whether the sound frames carry header and frame error control."""
    layout = attrs.evolve(parameters, has_fhec=False, has_fecf=False)
    received = np.ascontiguousarray(blocks[:, : parameters.block_bytes])
    check = check_blocks(received, layout)
    frames = received[~check.uncorrectable, : parameters.frame_bytes]
    needed = len(frames) if parameters.coded else _enough(len(frames))
    header = np.count_nonzero((header_error_control(frames) == frames[:, 6:8]).all(axis=1))
    whole = np.count_nonzero(error_control_holds(frames))
    return attrs.evolve(parameters, has_fhec=bool(header >= needed), has_fecf=bool(whole >= needed))


@njit(cache=True, nogil=True)
def _passing(blocks, depth, symbols, basis, antilog, log):  # type: ignore[no-untyped-def] # noqa: PLR0917
    """How many blocks have all their codewords vanish at all roots of the generator."""
    passed = 0
    for block in range(blocks.shape[0]):
        sound = True
        for codeword in range(depth):
            for j in range(32):
                root = (11 * (112 + j)) % 255
                total = 0
                for k in range(symbols):
                    if total:
                        total = int(antilog[log[total] + root])
                    total ^= int(basis[blocks[block, k * depth + codeword]])
                if total:
                    sound = False
                    break
            if not sound:
                break
        passed += sound
    return passed
