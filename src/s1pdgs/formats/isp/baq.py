"""User data of type C: block-adaptive quantisation with 3, 4 or 5 bits per value (S1-IF-ASD-PL-0007, section 4.3)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp import blocks
from s1pdgs.formats.isp.blocks import BlockCodes
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.kernels import LARGEST_BRC

__all__ = ["BlockCodes", "decode", "decode_codes", "decode_lines", "encode", "encode_codes", "encode_lines"]


def encode(samples: NDArray[np.complex64], bits: int) -> bytes:
    """Encode one line, complex64 (2 nq,), with 3, 4 or 5 bits per value -> user data, padded to 4 octets."""
    return encode_lines(np.asarray(samples)[None], bits)[0].tobytes()


def encode_lines(samples: NDArray[np.complex64], bits: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode lines in parallel: complex64 (n, 2 nq) -> user data back to back, uint8, and n + 1 offsets int64."""
    return blocks.encode_lines(samples, _mode(bits))


def encode_codes(codes: BlockCodes, bits: int) -> bytes:
    """The user data of one packet's codes, bit-exact (`modes` as `decode_codes` gives them)."""
    return blocks.encode_codes(codes, _mode(bits))


def decode(user_data: bytes, quads: int, bits: int) -> NDArray[np.complex64]:
    """Decode one packet's user data to complex64 (2 quads,); `PacketError` when they are too short."""
    out = np.empty(2 * quads, np.complex64)
    decode_lines(np.frombuffer(user_data, np.uint8), [0], [len(user_data)], [quads], out[None], bits=bits)
    return out


def decode_codes(user_data: bytes, quads: int, bits: int) -> BlockCodes:
    """The codes and THIDX of one packet's user data, before reconstruction."""
    return blocks.decode_codes(user_data, quads, _mode(bits))


def decode_lines(
    data: NDArray[np.uint8],
    starts: ArrayLike,
    ends: ArrayLike,
    quads: ArrayLike,
    out: NDArray[np.complex64],
    *,
    bits: int,
) -> None:
    """Decode, in parallel, the user data in octets `starts[i]:ends[i]` of `data` into `out[i, :2 quads[i]]`.

    `out` is C-ordered complex64 (n, >= 2 max(quads)); what lies beyond a line's samples is left alone. Raises
    `PacketError` naming the packet's index for user data that end too early or lie outside `data`.
    """
    blocks.decode_lines(data, starts, ends, quads, out, fixed_mode=_mode(bits))


def _mode(bits: int) -> int:
    if bits not in (3, 4, 5):
        raise PacketError(f"block-adaptive quantisation has 3, 4 or 5 bits per value, not {bits}")
    return LARGEST_BRC + bits - 2
