"""Packets to CADUs: the sending side of the link, for the simulator and for tests."""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.link.aos import pack_headers, write_error_control
from s1pdgs.formats.link.mpdu import IDLE_APID, IDLE_ONLY, NO_PACKET_START
from s1pdgs.formats.link.parameters import FILL_VCID, MARKER, MARKER_BYTES, LinkError, LinkParameters
from s1pdgs.formats.link.randomiser import derandomise
from s1pdgs.formats.link.reed_solomon import encode_blocks

_IDLE_HEADER_BYTES = 6
_MAX_IDLE_DATA = 65536


def encode_cadus(
    packets_by_vcid: Mapping[int, Sequence[bytes]], parameters: LinkParameters, fill_frames: int = 0
) -> NDArray[np.uint8]:
    """One stream of CADUs (uint8[n × cadu bytes]) that carries all packets, virtual channels interleaved.

    Frame counts start at 0; the last frame of each virtual channel is completed with idle packets and `fill_frames`
    frames of virtual channel 63 are spread between the others.
    """
    encoder = CaduEncoder(parameters)
    first = encoder.encode(packets_by_vcid, fill_frames=fill_frames)
    return np.concatenate((first, encoder.finish()))


@attrs.define(eq=False)
class _Outgoing:
    """A virtual channel being sent: its next frame count, and the bytes (and packet starts in them) not yet sent."""

    frame_count: int = 0
    waiting: NDArray[np.uint8] = attrs.Factory(lambda: np.empty(0, dtype=np.uint8))
    starts: NDArray[np.int64] = attrs.Factory(lambda: np.empty(0, dtype=np.int64))


class CaduEncoder:
    """A channel that sends CADUs part by part: frame counts and packets under way continue from call to call."""

    def __init__(self, parameters: LinkParameters, first_counts: Mapping[int, int] | None = None) -> None:
        self._parameters = parameters
        self._channels = {vcid: _Outgoing(count) for vcid, count in (first_counts or {}).items()}

    def encode(self, packets_by_vcid: Mapping[int, Sequence[bytes]], fill_frames: int = 0) -> NDArray[np.uint8]:
        """The CADUs that these packets complete; bytes that do not fill a frame wait for the next call."""
        frames = []
        for vcid, packets in packets_by_vcid.items():
            if not 0 <= vcid < FILL_VCID:
                raise LinkError(f"virtual channel {vcid} cannot carry packets; use 0 ... {FILL_VCID - 1}")
            channel = self._channels.setdefault(vcid, _Outgoing())
            _append(channel, packets)
            frames.append(self._frames(vcid, channel))
        frames.append(self._fill(fill_frames))
        return self._cadus(_interleave(frames, self._parameters.frame_bytes))

    def finish(self) -> NDArray[np.uint8]:
        """The last CADUs: what waits in each virtual channel, completed with an idle packet."""
        frames = []
        for vcid, channel in self._channels.items():
            if channel.waiting.size:
                _append(channel, [_idle_packet(channel.waiting.size, self._parameters.zone_bytes)])
                frames.append(self._frames(vcid, channel))
        return self._cadus(_interleave(frames, self._parameters.frame_bytes))

    def _frames(self, vcid: int, channel: _Outgoing) -> NDArray[np.uint8]:
        zone_bytes = self._parameters.zone_bytes
        count = channel.waiting.size // zone_bytes
        used = count * zone_bytes
        zones = channel.waiting[:used].reshape(count, zone_bytes)
        frames = self._blank(vcid, channel, count)
        pointers = _first_header_pointers(channel.starts, count, zone_bytes)
        _write_mpdus(frames, pointers, zones, self._parameters)
        channel.waiting = channel.waiting[used:].copy()
        channel.starts = channel.starts[channel.starts >= used] - used
        return frames

    def _fill(self, count: int) -> NDArray[np.uint8]:
        frames = self._blank(FILL_VCID, self._channels.setdefault(FILL_VCID, _Outgoing()), count)
        zones = np.full((count, self._parameters.zone_bytes), 0x55, dtype=np.uint8)
        _write_mpdus(frames, np.full(count, IDLE_ONLY), zones, self._parameters)
        return frames

    def _blank(self, vcid: int, channel: _Outgoing, count: int) -> NDArray[np.uint8]:
        frames = np.zeros((count, self._parameters.frame_bytes), dtype=np.uint8)
        pack_headers(frames, vcid, np.arange(count, dtype=np.int64) + channel.frame_count, self._parameters)
        channel.frame_count += count
        return frames

    def _cadus(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        parameters = self._parameters
        blocks = encode_blocks(frames, parameters) if parameters.coded else frames
        if parameters.randomised:
            derandomise(blocks)
        cadus = np.zeros((blocks.shape[0], parameters.cadu_bytes), dtype=np.uint8)
        cadus[:, :MARKER_BYTES] = np.frombuffer(MARKER.to_bytes(MARKER_BYTES, "big"), dtype=np.uint8)
        cadus[:, MARKER_BYTES : MARKER_BYTES + parameters.block_bytes] = blocks
        return cadus.reshape(-1)


def _append(channel: _Outgoing, packets: Sequence[bytes]) -> None:
    lengths = np.array([len(packet) for packet in packets], dtype=np.int64)
    ends = np.cumsum(lengths) + channel.waiting.size
    arrived = np.frombuffer(b"".join(packets), dtype=np.uint8)
    channel.starts = np.concatenate((channel.starts, ends - lengths))
    channel.waiting = np.concatenate((channel.waiting, arrived))


def _first_header_pointers(starts: NDArray[np.int64], zones: int, zone_bytes: int) -> NDArray[np.int64]:
    """For each zone, where in it the first packet begins, or 0x7FF when none does."""
    zone_starts = np.arange(zones, dtype=np.int64) * zone_bytes
    following = np.append(starts, np.iinfo(np.int64).max)[np.searchsorted(starts, zone_starts)]
    ahead = following - zone_starts
    pointers: NDArray[np.int64] = np.where(ahead < zone_bytes, ahead, NO_PACKET_START)
    return pointers


def _write_mpdus(
    frames: NDArray[np.uint8], pointers: NDArray[np.int64], zones: NDArray[np.uint8], parameters: LinkParameters
) -> None:
    frames[:, parameters.mpdu_offset] = pointers >> 8
    frames[:, parameters.mpdu_offset + 1] = pointers & 0xFF
    frames[:, parameters.zone_offset : parameters.zone_offset + parameters.zone_bytes] = zones
    if parameters.has_fecf:
        write_error_control(frames)


def _idle_packet(waiting_bytes: int, zone_bytes: int) -> bytes:
    """An idle packet that completes the zone under way, or the next one where its seven bytes do not fit."""
    room = -waiting_bytes % zone_bytes
    while room <= _IDLE_HEADER_BYTES:
        room += zone_bytes
    data_bytes = min(room - _IDLE_HEADER_BYTES, _MAX_IDLE_DATA)
    header = IDLE_APID.to_bytes(2, "big") + b"\xc0\x00" + (data_bytes - 1).to_bytes(2, "big")
    return header + b"\x55" * data_bytes


def _interleave(groups: list[NDArray[np.uint8]], frame_bytes: int) -> NDArray[np.uint8]:
    """The frames of all groups in one sequence, each group spread evenly over it, its order kept."""
    present = [group for group in groups if len(group)]
    if not present:
        return np.empty((0, frame_bytes), dtype=np.uint8)
    places = np.concatenate([(np.arange(len(group)) + 0.5) / len(group) for group in present])
    return np.concatenate(present)[np.argsort(places, kind="stable")]
