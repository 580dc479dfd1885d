"""User data of type D: flexible dynamic block-adaptive quantisation (S1-IF-ASD-PL-0007, section 4.4).

Samples come in quads: IE, IO, QE, QO hold the in-phase and quadrature parts of even and odd samples, `nq` values each.
Each block of 128 quads has a bit rate code (BRC, 0..4), which picks the alphabet, and a threshold index (THIDX,
0..255), which measures the mean magnitude of the block's components.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp import blocks
from s1pdgs.formats.isp.blocks import BlockCodes
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.kernels import ANY_BRC, LARGEST_BRC

__all__ = [
    "BlockCodes",
    "constant_policy",
    "decode",
    "decode_codes",
    "decode_lines",
    "encode",
    "encode_codes",
    "encode_lines",
    "monotone_policy",
]


def constant_policy(brc: int) -> NDArray[np.uint8]:
    """The policy that gives every block the same BRC: uint8 (256,) indexed by THIDX."""
    return _checked_policy(np.full(256, brc, np.int64))


def monotone_policy(steps: tuple[int, int, int, int] = (16, 32, 64, 116)) -> NDArray[np.uint8]:
    """A policy that spends more bits on stronger blocks: BRC k+1 from THIDX `steps[k]` on, uint8 (256,).

    The instrument's own choice is not published (and is not a function of THIDX alone); any policy decodes alike.
    """
    return np.searchsorted(np.array(steps), np.arange(256), side="right").astype(np.uint8)


def encode(samples: NDArray[np.complex64], brc_of_thidx: NDArray[np.uint8]) -> bytes:
    """Encode one line: complex64 (2 nq,) and a policy uint8 (256,) -> user data, padded to 4 octets.

    Components beyond a block's top decision level saturate. Raises `PacketError` for an odd length or a bad policy.
    """
    buffer, _ = encode_lines(np.asarray(samples)[None], brc_of_thidx)
    return buffer.tobytes()


def encode_lines(
    samples: NDArray[np.complex64], brc_of_thidx: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode lines in parallel: complex64 (n, 2 nq) -> user data back to back, uint8, and n + 1 offsets int64."""
    return blocks.encode_lines(samples, ANY_BRC, _checked_policy(np.asarray(brc_of_thidx)))


def encode_codes(codes: BlockCodes) -> bytes:
    """The user data of one packet's codes, bit-exact; `PacketError` when they do not belong together."""
    return blocks.encode_codes(codes, ANY_BRC)


def decode(user_data: bytes, quads: int) -> NDArray[np.complex64]:
    """Decode one packet's user data to complex64 (2 quads,); `PacketError` when they are damaged or too short."""
    out = np.empty(2 * quads, np.complex64)
    decode_lines(np.frombuffer(user_data, np.uint8), [0], [len(user_data)], [quads], out[None])
    return out


def decode_codes(user_data: bytes, quads: int) -> BlockCodes:
    """The codes, BRC and THIDX of one packet's user data, before reconstruction."""
    return blocks.decode_codes(user_data, quads, ANY_BRC)


def decode_lines(
    data: NDArray[np.uint8], starts: ArrayLike, ends: ArrayLike, quads: ArrayLike, out: NDArray[np.complex64]
) -> None:
    """Decode, in parallel, the user data in octets `starts[i]:ends[i]` of `data` into `out[i, :2 quads[i]]`.

    `out` is C-ordered complex64 (n, >= 2 max(quads)); what lies beyond a line's samples is left alone. Raises
    `PacketError` naming the packet's index for an undefined BRC, user data that end too early or lie outside `data`.
    """
    blocks.decode_lines(data, starts, ends, quads, out, fixed_mode=ANY_BRC)


def _checked_policy(brc_of_thidx: NDArray[np.integer]) -> NDArray[np.uint8]:
    if brc_of_thidx.shape != (256,) or brc_of_thidx.min() < 0 or brc_of_thidx.max() > LARGEST_BRC:
        raise PacketError(f"a BRC policy is 256 values in 0..{LARGEST_BRC}, one per THIDX")
    return brc_of_thidx.astype(np.uint8)
