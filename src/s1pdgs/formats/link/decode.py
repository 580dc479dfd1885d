"""CADUs to packets: the receiving side of the link for one channel."""

from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.link.aos import AOS_VERSION, error_control_holds, unpack_headers
from s1pdgs.formats.link.cadu import CaduBatch, CaduStream, SyncAccount
from s1pdgs.formats.link.mpdu import ChannelAccount, PacketBatch, PacketReassembler
from s1pdgs.formats.link.parameters import FILL_VCID, LinkParameters
from s1pdgs.formats.link.reed_solomon import CodeCheck, correct_blocks


@attrs.define
class CodeAccount:
    """What the code found: frames by outcome, and symbols corrected."""

    good_frames: int = 0
    corrected_frames: int = 0
    corrected_symbols: int = 0
    uncorrectable_frames: int = 0
    """Frames that the code could not repair; their header is not trusted, so they belong to no virtual channel."""
    fill_frames: int = 0
    foreign_frames: int = 0
    """Frames that name another spacecraft or another frame version: counted, not used."""


class ChannelDecoder:
    """Packets of all virtual channels of one downlink channel, fed chunk by chunk with bounded memory.

    `corrected_frames` and `corrected_symbols` count by VCID. With `any_spacecraft` the spacecraft identifier of frames
    is not compared with the one of the parameters.
    """

    def __init__(self, parameters: LinkParameters, *, any_spacecraft: bool = False) -> None:
        self.code = CodeAccount()
        self.corrected_frames: dict[int, int] = {}
        self.corrected_symbols: dict[int, int] = {}
        self._parameters = parameters
        self._any_spacecraft = any_spacecraft
        self._stream = CaduStream(parameters)
        self._channels: dict[int, PacketReassembler] = {}

    @property
    def sync(self) -> SyncAccount:
        return self._stream.account

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[tuple[int, PacketBatch]]:
        """The virtual channel and the packets that `chunk` completes."""
        yield from self._demultiplex(self._stream.feed(chunk))

    def finish(self) -> Iterator[tuple[int, PacketBatch]]:
        """The packets that waited for the end of the stream."""
        yield from self._demultiplex(self._stream.finish())
        for channel in self._channels.values():
            channel.finish()

    def accounts(self) -> dict[int, ChannelAccount]:
        """The counters of each virtual channel seen, by VCID."""
        return {vcid: channel.account() for vcid, channel in sorted(self._channels.items())}

    def _demultiplex(self, batch: CaduBatch) -> Iterator[tuple[int, PacketBatch]]:
        if not len(batch.blocks):
            return
        check = check_blocks(batch.blocks, self._parameters)
        headers = unpack_headers(batch.blocks)
        sound = ~check.uncorrectable
        foreign = sound & (headers.version != AOS_VERSION)
        if not self._any_spacecraft:
            foreign |= sound & (headers.spacecraft_id != self._parameters.spacecraft_id)
        self._count(check, sound, foreign)
        usable = sound & ~foreign
        for vcid in np.unique(headers.vcid[usable]).tolist():
            selected = np.flatnonzero(usable & (headers.vcid == vcid))
            symbols = check.corrected_symbols[selected]
            self.corrected_frames[vcid] = self.corrected_frames.get(vcid, 0) + int(np.count_nonzero(symbols))
            self.corrected_symbols[vcid] = self.corrected_symbols.get(vcid, 0) + int(symbols.sum())
            if vcid == FILL_VCID:
                self.code.fill_frames += selected.size
                continue
            channel = self._channels.get(vcid)
            if channel is None:
                channel = self._channels[vcid] = PacketReassembler(self._parameters)
            yield vcid, channel.feed(batch.blocks, selected, batch.positions)

    def _count(self, check: CodeCheck, sound: NDArray[np.bool_], foreign: NDArray[np.bool_]) -> None:
        repaired = sound & (check.corrected_symbols > 0)
        self.code.corrected_frames += int(np.count_nonzero(repaired))
        self.code.corrected_symbols += int(check.corrected_symbols[repaired].sum())
        self.code.uncorrectable_frames += int(np.count_nonzero(~sound))
        self.code.good_frames += int(np.count_nonzero(sound & ~repaired))
        self.code.foreign_frames += int(np.count_nonzero(foreign))


def check_blocks(blocks: NDArray[np.uint8], parameters: LinkParameters) -> CodeCheck:
    """Correct blocks in place by their code, or check the frame error control of frames sent without one."""
    if parameters.coded:
        return correct_blocks(blocks, parameters)
    damaged = np.zeros(len(blocks), dtype=np.bool_)
    if parameters.has_fecf:
        damaged = ~error_control_holds(blocks)
    return CodeCheck(np.zeros(len(blocks), dtype=np.int32), damaged)
