"""Whole packets: header and user data together (S1-IF-ASD-PL-0007)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp import baq, bypass, fdbaq
from s1pdgs.formats.isp.codes import BaqMode, TestMode
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import HEADER_SIZE, MAX_DATA_LENGTH, pack_headers, validate_packet

MAX_USER_DATA_BYTES = MAX_DATA_LENGTH + 7 - HEADER_SIZE
_KIND = ("signal_type", "baq_mode", "test_mode", "number_of_quads")


def build_packet(header: Any, user_data: bytes) -> bytes:
    """One packet from a header (an element of `HEADER_DTYPE`) and its user data.

    Sets the packet data length and pads the user data with zeros to 4 octets. Raises `PacketError` when the user data
    are too long for a packet or a header code does not fit its field.
    """
    data, _ = build_packets(
        np.array([header], dtype=header.dtype), np.frombuffer(user_data, np.uint8), np.array([0, len(user_data)])
    )
    return data.tobytes()


def build_packets(
    headers: NDArray[np.void], user_data: NDArray[np.uint8], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Packets back to back, uint8, and their n + 1 offsets, from headers (n,) and `user_data[bounds[i]:bounds[i + 1]]`.

    The batch form of `build_packet`: takes what the `encode_lines` functions give.
    """
    sizes = np.diff(bounds)
    if headers.shape != sizes.shape:
        raise PacketError(f"{headers.size} headers need as many user data fields, not {sizes.size}")
    padded = (sizes + 3) // 4 * 4
    if np.any(padded > MAX_USER_DATA_BYTES):
        packet = int(np.argmax(padded))
        raise PacketError(
            f"packet {packet}: {sizes[packet]} bytes of user data are more than the {MAX_USER_DATA_BYTES} of a packet"
        )
    complete = headers.copy()
    complete["data_length"] = HEADER_SIZE + padded - 7
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(HEADER_SIZE + padded)))
    raw = pack_headers(complete)
    data = np.zeros(int(offsets[-1]), np.uint8)
    for packet, (offset, start, end) in enumerate(
        zip(offsets[:-1].tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ):
        data[offset : offset + HEADER_SIZE] = raw[packet]
        data[offset + HEADER_SIZE : offset + HEADER_SIZE + end - start] = user_data[start:end]
    return data, offsets


def decode_packet(packet: bytes) -> NDArray[np.complex64]:
    """The samples of one whole packet, complex64 (2 nq,); `PacketError` when it is damaged or its mode undefined."""
    header = validate_packet(packet)
    headers = np.array([header], dtype=header.dtype)
    data = np.frombuffer(packet, np.uint8)
    return decode_lines(data, np.zeros(1, np.int64), np.array([data.size]), headers).ravel()


def decode_lines(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.int64],
    headers: NDArray[np.void],
    out: NDArray[np.complex64] | None = None,
) -> NDArray[np.complex64]:
    """Decode packets of one kind: offsets and lengths (n,) in `data`, headers (n,) -> complex64 (n, 2 nq).

    Raises `PacketError` when the packets differ in signal type, BAQ mode, test mode or number of quads, and naming the
    packet's index when its user data are damaged. `out` may bring the array to fill, C-ordered.
    """
    quads = _common_quads(headers)
    if out is None:
        out = np.empty((headers.size, 2 * quads), np.complex64)
    if not headers.size:
        return out
    starts = np.asarray(offsets, np.int64) + HEADER_SIZE
    ends = np.asarray(offsets, np.int64) + np.asarray(lengths, np.int64)
    counts = np.full(headers.size, quads)
    mode = _baq_mode(int(headers["baq_mode"][0]), int(headers["test_mode"][0]))
    if mode == BaqMode.BYPASS:
        bypass.decode_lines(data, starts, ends, counts, out)
    elif mode in (BaqMode.BAQ3, BaqMode.BAQ4, BaqMode.BAQ5):
        baq.decode_lines(data, starts, ends, counts, out, bits=int(mode))
    else:
        fdbaq.decode_lines(data, starts, ends, counts, out)
    return out


def _common_quads(headers: NDArray[np.void]) -> int:
    if not headers.size:
        return 0
    for name in _KIND:
        differs = np.flatnonzero(headers[name] != headers[name][0])
        if differs.size:
            packet = differs[0]
            raise PacketError(
                f"packet {packet}: {name} is {headers[name][packet]}, but {headers[name][0]} in the first packet; "
                "decode packets of one kind together"
            )
    return int(headers["number_of_quads"][0])


def _baq_mode(baq_mode: int, test_mode: int) -> BaqMode:
    if test_mode == TestMode.BYPASS:
        return BaqMode.BYPASS
    try:
        return BaqMode(baq_mode)
    except ValueError:
        raise PacketError(f"BAQ mode {baq_mode} is not defined") from None
