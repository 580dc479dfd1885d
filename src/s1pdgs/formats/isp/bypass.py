"""User data of types A and B: 10-bit sign-magnitude values without quantisation (S1-IF-ASD-PL-0007, section 4.2).

Four values of a channel fill five octets; each of the sections IE, IO, QE, QO is padded to 16 bits.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp import blocks
from s1pdgs.formats.isp.errors import PacketError

LARGEST_MAGNITUDE = 511
_SIGN = 512


def user_data_bytes(quads: int) -> int:
    """The length of the user data of a packet with `quads` quads."""
    return 8 * -(-10 * quads // 16)


def encode(samples: NDArray[np.complex64]) -> bytes:
    """Encode one line, complex64 (2 nq,) -> user data; components are rounded and saturate at +-511."""
    return encode_lines(np.asarray(samples)[None])[0].tobytes()


def encode_lines(samples: NDArray[np.complex64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Encode lines: complex64 (n, 2 nq) -> user data back to back, uint8, and n + 1 offsets int64."""
    if samples.ndim != 2 or samples.shape[1] % 2:
        raise PacketError(f"samples must be (lines, an even number), not of shape {samples.shape}")
    even, odd = samples[:, 0::2], samples[:, 1::2]
    values = np.stack((even.real, odd.real, even.imag, odd.imag), axis=1)
    magnitudes = np.minimum(np.rint(np.abs(values)), LARGEST_MAGNITUDE).astype(np.uint16)
    packed = _pack(magnitudes | np.where(values < 0, _SIGN, 0).astype(np.uint16))
    lines = packed.reshape(samples.shape[0], user_data_bytes(samples.shape[1] // 2))
    return lines.ravel(), np.arange(lines.shape[0] + 1, dtype=np.int64) * lines.shape[1]


def encode_codes(codes: NDArray[np.uint16]) -> bytes:
    """The user data of one packet's codes, uint16 (4, nq), `sign << 9 | magnitude`."""
    if codes.ndim != 2 or codes.shape[0] != 4 or np.any(codes > (_SIGN | LARGEST_MAGNITUDE)):
        raise PacketError(f"codes must be 10-bit values of shape (4, nq), not of shape {codes.shape}")
    return _pack(np.asarray(codes, np.uint16)).tobytes()


def decode(user_data: bytes, quads: int) -> NDArray[np.complex64]:
    """Decode one packet's user data to complex64 (2 quads,); `PacketError` when they are too short."""
    out = np.empty(2 * quads, np.complex64)
    decode_lines(np.frombuffer(user_data, np.uint8), [0], [len(user_data)], [quads], out[None])
    return out


def decode_codes(user_data: bytes, quads: int) -> NDArray[np.uint16]:
    """The codes, uint16 (4, quads), of one packet's user data; `PacketError` when they are too short."""
    size = user_data_bytes(quads)
    if len(user_data) < size:
        raise PacketError(f"{len(user_data)} bytes of user data end before {quads} quads are decoded")
    return _unpack(np.frombuffer(user_data, np.uint8, size).reshape(4, size // 4), quads)


def decode_lines(
    data: NDArray[np.uint8], starts: ArrayLike, ends: ArrayLike, quads: ArrayLike, out: NDArray[np.complex64]
) -> None:
    """Decode the user data in octets `starts[i]:ends[i]` of `data` into `out[i, :2 quads[i]]`.

    `out` is C-ordered complex64 (n, >= 2 max(quads)); what lies beyond a line's samples is left alone. Raises
    `PacketError` naming the packet's index for user data that end too early or lie outside `data`.
    """
    first, last, counts = (np.array(values, np.int64) for values in (starts, ends, quads))
    data = np.asarray(data)
    blocks.check_extents(data, first, last, counts, out)
    for packet, (start, end, count) in enumerate(zip(first.tolist(), last.tolist(), counts.tolist(), strict=True)):
        size = user_data_bytes(count)
        if end - start < size:
            raise PacketError(f"packet {packet}: {end - start} bytes of user data end before {count} quads are decoded")
        codes = _unpack(data[start : start + size].reshape(4, size // 4), count)
        values = (codes & LARGEST_MAGNITUDE).astype(np.float32)
        np.negative(values, where=codes >= _SIGN, out=values)
        line = out[packet, : 2 * count].view(np.float32).reshape(count, 4)
        line[:] = values[[0, 2, 1, 3]].T


def _pack(codes: NDArray[np.uint16]) -> NDArray[np.uint8]:
    quads = codes.shape[-1]
    padded = np.zeros((*codes.shape[:-1], -(-quads // 4), 4), np.uint16)
    padded.reshape(*codes.shape[:-1], -1)[..., :quads] = codes
    a, b, c, d = (padded[..., k] for k in range(4))
    octets = np.stack((a >> 2, a << 6 | b >> 4, b << 4 | c >> 6, c << 2 | d >> 8, d), axis=-1)
    flat = (octets & 255).astype(np.uint8).reshape(*codes.shape[:-1], -1)
    section = np.zeros((*codes.shape[:-1], user_data_bytes(quads) // 4), np.uint8)
    used = min(section.shape[-1], flat.shape[-1])
    section[..., :used] = flat[..., :used]
    return section


def _unpack(sections: NDArray[np.uint8], quads: int) -> NDArray[np.uint16]:
    groups = -(-quads // 4)
    padded = np.zeros((4, groups * 5), np.uint16)
    used = min(padded.shape[1], sections.shape[1])
    padded[:, :used] = sections[:, :used]
    a, b, c, d, e = (padded.reshape(4, groups, 5)[..., k] for k in range(5))
    codes = np.stack((a << 2 | b >> 6, (b & 63) << 4 | c >> 4, (c & 15) << 6 | d >> 2, (d & 3) << 8 | e), axis=-1)
    return codes.reshape(4, groups * 4)[:, :quads]
