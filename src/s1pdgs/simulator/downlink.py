"""The way down: packets to CADUs of a downlink channel, cut into the blocks (DSDB) of a session."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from attrs import asdict, define, field, frozen
from numpy.typing import NDArray

from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.link.encode import CaduEncoder
from s1pdgs.simulator.scenario import Downlink

VCIDS = {"V": 24, "H": 25}
"""Virtual channel of the packet store of each receive polarisation: a pair of standard SAR stores of AUX_OBMEMC."""


@frozen
class BlockFile:
    """One DSDB; `path` is relative to the output folder. The words are those of `session.json`."""

    name: str
    channel: int
    block: int
    final: bool
    size: int
    md5: str
    path: str


@frozen
class ChannelQuality:
    """Transfer frames of a channel as the station counts them (CADIP, entity QualityInfo); none are damaged."""

    channel: int
    acquired_tfs: int
    data_tfs: int
    error_tfs: int = 0
    corrected_tfs: int = 0
    uncorrectable_tfs: int = 0
    error_data_tfs: int = 0
    corrected_data_tfs: int = 0
    uncorrectable_data_tfs: int = 0


@define(eq=False)
class ChannelWriter:
    """Writes the blocks of one channel below `<out>/session/ch_<n>`; CADUs may straddle blocks."""

    out: Path
    session_id: str
    channel: int
    downlink: Downlink
    _encoder: CaduEncoder = field(init=False)
    _waiting: bytearray = field(init=False, factory=bytearray)
    _files: list[BlockFile] = field(init=False, factory=list)
    _bytes: int = field(init=False, default=0)
    _fill: int = field(init=False, default=0)
    _owed_fill: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self._encoder = CaduEncoder(self.downlink.link)
        self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def _folder(self) -> Path:
        return self.out / "session" / f"ch_{self.channel}"

    def write(self, vcid: int, packets: Sequence[bytes]) -> None:
        """Send packets, with fill frames between them."""
        self.write_all({vcid: packets})

    def write_all(self, packets_by_vcid: Mapping[int, Sequence[bytes]]) -> None:
        """Send packets of several virtual channels, their frames interleaved, with fill frames between them."""
        octets = sum(len(packet) for packets in packets_by_vcid.values() for packet in packets)
        frames = octets / self.downlink.link.zone_bytes
        self._owed_fill += frames * self.downlink.fill_frames_per_thousand / 1000.0
        fill = int(self._owed_fill)
        self._owed_fill -= fill
        self._fill += fill
        self._append(self._encoder.encode(packets_by_vcid, fill_frames=fill))

    def idle(self, frames: int) -> None:
        """Send fill frames alone."""
        self._fill += frames
        self._append(self._encoder.encode({}, fill_frames=frames))

    def finish(self) -> tuple[list[BlockFile], ChannelQuality]:
        """Send what is left, write the final block and describe the channel."""
        self._append(self._encoder.finish())
        self._write_block(bytes(self._waiting), final=True)
        self._waiting.clear()
        frames = self._bytes // self.downlink.link.cadu_bytes
        return self._files, ChannelQuality(self.channel, frames, frames - self._fill)

    def _append(self, cadus: NDArray[np.uint8]) -> None:
        self._bytes += cadus.size
        self._waiting += cadus.tobytes()
        size = self.downlink.block_bytes
        while len(self._waiting) > size:
            self._write_block(bytes(self._waiting[:size]), final=False)
            del self._waiting[:size]

    def _write_block(self, data: bytes, *, final: bool) -> None:
        number = len(self._files) + 1
        name = f"DCS_{self.downlink.unit}_{self.session_id}_ch{self.channel}_DSDB_{number:05d}.raw"
        path = self._folder / name
        write_atomic(path, data)
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        relative = path.relative_to(self.out).as_posix()
        self._files.append(BlockFile(name, self.channel, number, final, len(data), digest, relative))


def as_record(value: BlockFile | ChannelQuality) -> dict[str, object]:
    """The JSON object of a description."""
    return asdict(value)
