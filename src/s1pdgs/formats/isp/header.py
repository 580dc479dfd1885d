"""The 68 octets in front of every packet's user data: primary and secondary header (S1-IF-ASD-PL-0007, section 3).

A header is one element of a numpy structured array of dtype `HEADER_DTYPE`: the integer code of each field, never a
physical value (`codes` turns codes into values). Calibration packets (`ssb_flag` 1) carry `sas_test` and `cal_type`
where imaging packets carry `elevation_beam`; the fields that do not apply are 0.
"""

from enum import IntFlag
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.errors import PacketError

HEADER_SIZE = 68
SYNC_MARKER = 0x352EF853
APID = 65 << 4 | 12
IDENTIFICATION = 1 << 11 | APID
BAQ_BLOCK_LENGTH_CODE = 31
MIN_DATA_LENGTH = HEADER_SIZE - 7
MAX_DATA_LENGTH = 65533
SEQUENCE_MODULO = 1 << 14


class _Field(NamedTuple):
    name: str
    stored: str
    octet: int
    wire: str
    shift: int
    bits: int


# 24-bit fields are read as the low part of the 32-bit word that starts one octet earlier.
_FIELDS = (
    _Field("version", "u1", 0, "u1", 5, 3),
    _Field("packet_type", "u1", 0, "u1", 4, 1),
    _Field("secondary_header_flag", "u1", 0, "u1", 3, 1),
    _Field("apid", "u2", 0, ">u2", 0, 11),
    _Field("sequence_flags", "u1", 2, "u1", 6, 2),
    _Field("sequence_count", "u2", 2, ">u2", 0, 14),
    _Field("data_length", "u2", 4, ">u2", 0, 16),
    _Field("coarse_time", "u4", 6, ">u4", 0, 32),
    _Field("fine_time", "u2", 10, ">u2", 0, 16),
    _Field("sync_marker", "u4", 12, ">u4", 0, 32),
    _Field("data_take_id", "u4", 16, ">u4", 0, 32),
    _Field("ecc_number", "u1", 20, "u1", 0, 8),
    _Field("test_mode", "u1", 21, "u1", 4, 3),
    _Field("rx_channel", "u1", 21, "u1", 0, 4),
    _Field("instrument_configuration_id", "u4", 22, ">u4", 0, 32),
    _Field("subcom_index", "u1", 26, "u1", 0, 8),
    _Field("subcom_word", "u2", 27, ">u2", 0, 16),
    _Field("space_packet_count", "u4", 29, ">u4", 0, 32),
    _Field("pri_count", "u4", 33, ">u4", 0, 32),
    _Field("error_flag", "u1", 37, "u1", 7, 1),
    _Field("baq_mode", "u1", 37, "u1", 0, 5),
    _Field("baq_block_length", "u1", 38, "u1", 0, 8),
    _Field("range_decimation", "u1", 40, "u1", 0, 8),
    _Field("rx_gain", "u1", 41, "u1", 0, 8),
    _Field("tx_ramp_rate", "u2", 42, ">u2", 0, 16),
    _Field("tx_start_frequency", "u2", 44, ">u2", 0, 16),
    _Field("tx_pulse_length", "u4", 45, ">u4", 0, 24),
    _Field("rank", "u1", 49, "u1", 0, 5),
    _Field("pri", "u4", 49, ">u4", 0, 24),
    _Field("swst", "u4", 52, ">u4", 0, 24),
    _Field("swl", "u4", 55, ">u4", 0, 24),
    _Field("ssb_flag", "u1", 59, "u1", 7, 1),
    _Field("polarisation", "u1", 59, "u1", 4, 3),
    _Field("temperature_compensation", "u1", 59, "u1", 2, 2),
    _Field("elevation_beam", "u1", 60, "u1", 4, 4),
    _Field("sas_test", "u1", 60, "u1", 7, 1),
    _Field("cal_type", "u1", 60, "u1", 4, 3),
    _Field("azimuth_beam", "u2", 60, ">u2", 0, 10),
    _Field("cal_mode", "u1", 62, "u1", 6, 2),
    _Field("tx_pulse_number", "u1", 62, "u1", 0, 5),
    _Field("signal_type", "u1", 63, "u1", 4, 4),
    _Field("swap_flag", "u1", 63, "u1", 0, 1),
    _Field("swath_number", "u1", 64, "u1", 0, 8),
    _Field("number_of_quads", "u2", 65, ">u2", 0, 16),
)
HEADER_DTYPE = np.dtype([(field.name, field.stored) for field in _FIELDS], align=True)
_WIRE_DTYPE = np.dtype(
    {
        "names": [field.name for field in _FIELDS],
        "formats": [field.wire for field in _FIELDS],
        "offsets": [field.octet for field in _FIELDS],
        "itemsize": HEADER_SIZE,
    }
)
_CALIBRATION_FIELDS = ("sas_test", "cal_type")
_CHUNK = 4096


class PacketFault(IntFlag):
    """Why a packet should not be used; the bits of `packet_faults`."""

    IDENTIFICATION = 1
    SEQUENCE_FLAGS = 2
    LENGTH = 4
    SYNC = 8
    ERROR_FLAG = 16
    BAQ_MODE = 32
    BAQ_BLOCK_LENGTH = 64
    NUMBER_OF_QUADS = 128


def new_headers(count: int) -> NDArray[np.void]:
    """`count` headers with the constant fields set (identification, sync, BAQ block length) and all others 0."""
    headers = np.zeros(count, HEADER_DTYPE)
    headers["secondary_header_flag"] = 1
    headers["apid"] = APID
    headers["sequence_flags"] = 3
    headers["sync_marker"] = SYNC_MARKER
    headers["baq_block_length"] = BAQ_BLOCK_LENGTH_CODE
    return headers


def unpack_headers(raw: NDArray[np.uint8]) -> NDArray[np.void]:
    """Decode headers: `raw` uint8 (n, 68) -> structured (n,) of `HEADER_DTYPE`.

    Raises `PacketError` when `raw` has another shape or dtype. Contents are not judged here: see `packet_faults`.
    """
    if raw.ndim != 2 or raw.shape[1] != HEADER_SIZE or raw.dtype != np.uint8:
        raise PacketError(f"headers must be uint8 of shape (n, {HEADER_SIZE}), not {raw.dtype} of shape {raw.shape}")
    headers = np.empty(raw.shape[0], HEADER_DTYPE)
    for start in range(0, raw.shape[0], _CHUNK):
        _unpack_chunk(raw[start : start + _CHUNK], headers[start : start + _CHUNK])
    return headers


def pack_headers(headers: NDArray[np.void]) -> NDArray[np.uint8]:
    """Encode headers: structured (n,) -> uint8 (n, 68), spare bits 0; the inverse of `unpack_headers`.

    Raises `PacketError` naming the field and the element when a code does not fit its field.
    """
    raw = np.zeros((headers.shape[0], HEADER_SIZE), np.uint8)
    wire = raw.view(_WIRE_DTYPE)[:, 0]
    calibration = headers["ssb_flag"] != 0
    for field in _FIELDS:
        codes = headers[field.name]
        if field.bits < 8 * codes.dtype.itemsize:
            _check_width(field, codes)
        if field.name in _CALIBRATION_FIELDS:
            codes = np.where(calibration, codes, 0)
        elif field.name == "elevation_beam":
            codes = np.where(calibration, 0, codes)
        wire[field.name] |= codes.astype(field.wire) << field.shift
    return raw


def gather_headers(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.void]:
    """The headers of the packets that start at `offsets` in `data` (uint8, memory-mapped or not): structured (n,).

    Raises `PacketError` naming the first offset that leaves no room for a header.
    """
    offsets = np.asarray(offsets, np.int64)
    outside = np.flatnonzero((offsets < 0) | (offsets > data.size - HEADER_SIZE))
    if outside.size:
        raise PacketError(f"byte {offsets[outside[0]]}: no room for a packet header in {data.size} bytes of data")
    headers = np.empty(offsets.size, HEADER_DTYPE)
    if not offsets.size:
        return headers
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(data), HEADER_SIZE)
    for start in range(0, offsets.size, _CHUNK):
        _unpack_chunk(windows[offsets[start : start + _CHUNK]], headers[start : start + _CHUNK])
    return headers


def index_packets(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where back-to-back packets lie in `data` (uint8, memory-mapped or not): offsets and whole lengths in octets.

    Raises `PacketError` naming the offset of the first packet with a foreign primary header, an impossible length, a
    wrong sync marker, or that is cut by the end of the data.
    """
    starts, end, fault = walk_packets(data)
    if fault is not None:
        raise PacketError(fault)
    return starts, np.diff(starts, append=end)


def walk_packets(data: NDArray[np.uint8], start: int = 0) -> tuple[NDArray[np.int64], int, str | None]:
    """As `index_packets` from octet `start` on, as far as it goes: the offsets of the packets, the octet behind the
    last of them, and what is wrong there (None at the end of the data).
    """
    octets = np.asarray(data).view()
    if octets.ndim != 1 or octets.dtype != np.uint8:
        raise PacketError(f"packets must be one-dimensional uint8, not {octets.dtype} of shape {octets.shape}")
    octets = np.ascontiguousarray(octets)
    octets.flags.writeable = False  # one compiled signature for files, maps and arrays
    capacity = min(octets.size // HEADER_SIZE, 1 << 16)
    pieces: list[NDArray[np.int64]] = []
    position, fault = start, 0
    while position < octets.size and not fault:
        offsets = np.empty(max(capacity, 1), np.int64)
        count, position, fault = _walk(octets, position, offsets)
        pieces.append(offsets[:count])
    starts = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
    return starts, position, _describe(octets, position, fault) if fault else None


def packet_faults(headers: NDArray[np.void]) -> NDArray[np.uint8]:
    """Judge headers: structured (n,) -> uint8 (n,) of `PacketFault` bits, 0 for a sound packet."""
    faults = np.zeros(headers.shape[0], np.uint8)
    identified = (headers["version"] == 0) & (headers["packet_type"] == 0) & (headers["apid"] == APID)
    length = headers["data_length"].astype(np.int32)
    checks = (
        (PacketFault.IDENTIFICATION, ~identified | (headers["secondary_header_flag"] != 1)),
        (PacketFault.SEQUENCE_FLAGS, headers["sequence_flags"] != 3),
        (PacketFault.LENGTH, (length < MIN_DATA_LENGTH) | (length > MAX_DATA_LENGTH) | ((length + 7) % 4 != 0)),
        (PacketFault.SYNC, headers["sync_marker"] != SYNC_MARKER),
        (PacketFault.ERROR_FLAG, headers["error_flag"] != 0),
        (PacketFault.BAQ_MODE, ~np.isin(headers["baq_mode"], (0, 3, 4, 5, 12, 13, 14))),
        (PacketFault.BAQ_BLOCK_LENGTH, headers["baq_block_length"] != BAQ_BLOCK_LENGTH_CODE),
        (PacketFault.NUMBER_OF_QUADS, headers["number_of_quads"] == 0),
    )
    for fault, found in checks:
        faults |= found * np.uint8(fault)
    return faults


def validate_packet(packet: bytes) -> Any:
    """Check one whole packet and return its header, one element of `HEADER_DTYPE`.

    Raises `PacketError` naming every fault, or the length that the packet should have.
    """
    if len(packet) < HEADER_SIZE:
        raise PacketError(f"{len(packet)} bytes are fewer than the {HEADER_SIZE} of a packet header")
    raw = np.frombuffer(packet, np.uint8, HEADER_SIZE).reshape(1, HEADER_SIZE)
    headers = unpack_headers(raw)
    faults = PacketFault(int(packet_faults(headers)[0]))
    if faults:
        raise PacketError(f"packet with faults {faults.name}: discard it")
    length = int(headers["data_length"][0]) + 7
    if length != len(packet):
        raise PacketError(f"the packet says that it has {length} bytes, but {len(packet)} are given")
    return headers[0]


def _unpack_chunk(raw: NDArray[np.uint8], headers: NDArray[np.void]) -> None:
    wire = np.ascontiguousarray(raw).view(_WIRE_DTYPE)[:, 0]
    for field in _FIELDS:
        codes = wire[field.name]
        if field.bits < 8 * codes.dtype.itemsize:
            codes = (codes >> field.shift) & ((1 << field.bits) - 1)
        headers[field.name] = codes
    calibration = headers["ssb_flag"]
    headers["elevation_beam"] *= 1 - calibration
    for name in _CALIBRATION_FIELDS:
        headers[name] *= calibration


def _check_width(field: _Field, codes: NDArray[Any]) -> None:
    too_wide = np.flatnonzero(codes >> field.bits)
    if too_wide.size:
        raise PacketError(
            f"header {too_wide[0]}: {field.name} is {codes[too_wide[0]]}, more than the {field.bits} bits of the field"
        )


def _describe(octets: NDArray[np.uint8], offset: int, fault: int) -> str:
    available = octets.size - offset
    where = f"byte {offset}: "
    if fault == _TRUNCATED:
        length = int.from_bytes(octets[offset + 4 : offset + 6].tobytes(), "big") + 7 if available >= 6 else HEADER_SIZE
        return f"{where}the last packet is cut: it needs {length} bytes and {available} are left"
    if fault == _FOREIGN:
        found = octets[offset : offset + 2].tobytes().hex()
        return f"{where}not a SAR packet: the primary header starts with 0x{found}, not 0x{IDENTIFICATION:04x}"
    if fault == _LENGTH:
        found = octets[offset + 4 : offset + 6].tobytes().hex()
        return f"{where}impossible packet data length 0x{found}"
    found = octets[offset + 12 : offset + 16].tobytes().hex()
    return f"{where}sync marker is 0x{found}, not 0x{SYNC_MARKER:08x}"


_TRUNCATED, _FOREIGN, _LENGTH, _SYNC = 1, 2, 3, 4


@numba.njit(cache=True, nogil=True)
def _walk(
    data: NDArray[np.uint8], position: int, offsets: NDArray[np.int64]
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Fill `offsets` from `position` on; the count, the next position (of the fault, if any) and the fault."""
    count = 0
    fault = 0
    while position < data.size and count < offsets.size and not fault:
        available = data.size - position
        length = 0
        if available >= 2 and (data[position] << 8 | data[position + 1]) != IDENTIFICATION:
            fault = _FOREIGN
        elif available < HEADER_SIZE:
            fault = _TRUNCATED
        else:
            length = (data[position + 4] << 8 | data[position + 5]) + 7
            sync = (
                data[position + 12] << 24 | data[position + 13] << 16 | data[position + 14] << 8 | data[position + 15]
            )
            if length < HEADER_SIZE or length > MAX_DATA_LENGTH + 7 or length % 4 != 0:
                fault = _LENGTH
            elif sync != SYNC_MARKER:
                fault = _SYNC
            elif available < length:
                fault = _TRUNCATED
        if not fault:
            offsets[count] = position
            count += 1
            position += length
    return count, position, fault
