"""CADUs to packets: the receiving side of the link.

`FrameDecoder` turns the bytes of a channel into transfer frames that can be trusted, `Demultiplexer` turns frames into
packets of virtual channels; `ChannelDecoder` is both for a channel that was delivered once.
"""

from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.link.aos import AOS_VERSION, correct_headers, error_control_holds, unpack_headers
from s1pdgs.formats.link.cadu import CaduBatch, CaduStream, SyncAccount
from s1pdgs.formats.link.mpdu import ChannelAccount, PacketBatch, PacketReassembler
from s1pdgs.formats.link.parameters import FILL_VCID, LinkParameters
from s1pdgs.formats.link.reed_solomon import CodeCheck, correct_blocks

UNUSABLE_VCID = -1
_INVERTED_VERSION = AOS_VERSION ^ 3


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


@attrs.frozen(eq=False)
class FrameBatch:
    """Transfer frames uint8[n, at least frame bytes] and what is known of each.

    `vcids` int64[n] is `UNUSABLE_VCID` for frames that are damaged or foreign; `labels` int64[n] are count cycle × 2^24
    + frame count; `positions` int64[n] tell where each came from: the byte of its stream, or what a caller put there.
    """

    frames: NDArray[np.uint8]
    vcids: NDArray[np.int64]
    labels: NDArray[np.int64]
    corrected_symbols: NDArray[np.int32]
    positions: NDArray[np.int64]


class FrameDecoder:
    """The transfer frames of one downlink channel, fed chunk by chunk with bounded memory.

    With `any_spacecraft` the spacecraft identifier of frames is not compared with the one of the parameters. The batch
    of CADUs that the last frames came from is `cadus`.
    """

    def __init__(self, parameters: LinkParameters, *, any_spacecraft: bool = False) -> None:
        self.code = CodeAccount()
        nothing = np.empty(0, dtype=np.int64)
        self.cadus = CaduBatch(np.empty((0, parameters.block_bytes), dtype=np.uint8), nothing, nothing.astype(np.bool_))
        self._parameters = parameters
        self._any_spacecraft = any_spacecraft
        self._stream = CaduStream(parameters)

    @property
    def sync(self) -> SyncAccount:
        return self._stream.account

    def feed(self, chunk: bytes | bytearray | memoryview) -> FrameBatch:
        """The frames that `chunk` completes."""
        return self._frames(self._stream.feed(chunk))

    def finish(self) -> FrameBatch:
        """The frames that waited for the end of the stream."""
        return self._frames(self._stream.finish())

    def _frames(self, batch: CaduBatch) -> FrameBatch:
        self.cadus = batch
        check = self._checked(batch)
        headers = unpack_headers(batch.blocks)
        sound = ~check.uncorrectable
        foreign = sound & (headers.version != AOS_VERSION)
        if not self._any_spacecraft:
            foreign |= sound & (headers.spacecraft_id != self._parameters.spacecraft_id)
        usable = sound & ~foreign
        vcids = np.where(usable, headers.vcid, UNUSABLE_VCID)
        self._count(check, sound, foreign, vcids)
        labels = (headers.count_cycle << 24) | headers.frame_count
        return FrameBatch(batch.blocks, vcids, labels, check.corrected_symbols, batch.positions)

    def _checked(self, batch: CaduBatch) -> CodeCheck:
        """Check the blocks; those whose marker told the wrong polarity are turned: their frames are of version 2, not 1
        (the code may pass either way), or the code fails.
        """
        check = check_blocks(batch.blocks, self._parameters)
        turned = (batch.blocks[:, 0] >> 6 == _INVERTED_VERSION) | (batch.inverted & check.uncorrectable)
        if not turned.any():
            return check
        rows = np.flatnonzero(turned)
        blocks = batch.blocks[rows] ^ np.uint8(0xFF)
        again = check_blocks(blocks, self._parameters)
        better = ~again.uncorrectable & (blocks[:, 0] >> 6 == AOS_VERSION)
        rows = rows[better]
        batch.blocks[rows] = blocks[better]
        batch.inverted[rows] ^= True
        check.corrected_symbols[rows] = again.corrected_symbols[better]
        check.uncorrectable[rows] = False
        return check

    def _count(
        self, check: CodeCheck, sound: NDArray[np.bool_], foreign: NDArray[np.bool_], vcids: NDArray[np.int64]
    ) -> None:
        repaired = sound & (check.corrected_symbols > 0)
        self.code.corrected_frames += int(np.count_nonzero(repaired))
        self.code.corrected_symbols += int(check.corrected_symbols[repaired].sum())
        self.code.uncorrectable_frames += int(np.count_nonzero(~sound))
        self.code.good_frames += int(np.count_nonzero(sound & ~repaired))
        self.code.foreign_frames += int(np.count_nonzero(foreign))
        self.code.fill_frames += int(np.count_nonzero(vcids == FILL_VCID))


class Demultiplexer:
    """Packets of all virtual channels out of frames; `corrected_frames` and `corrected_symbols` count by VCID."""

    def __init__(self, parameters: LinkParameters) -> None:
        self.corrected_frames: dict[int, int] = {}
        self.corrected_symbols: dict[int, int] = {}
        self._parameters = parameters
        self._channels: dict[int, PacketReassembler] = {}

    def feed(self, batch: FrameBatch) -> Iterator[tuple[int, PacketBatch]]:
        """The virtual channel and the packets that the frames complete."""
        for vcid in np.unique(batch.vcids).tolist():
            if vcid == UNUSABLE_VCID:
                continue
            selected = np.flatnonzero(batch.vcids == vcid)
            symbols = batch.corrected_symbols[selected]
            self.corrected_frames[vcid] = self.corrected_frames.get(vcid, 0) + int(np.count_nonzero(symbols))
            self.corrected_symbols[vcid] = self.corrected_symbols.get(vcid, 0) + int(symbols.sum())
            if vcid == FILL_VCID:
                continue
            channel = self._channels.get(vcid)
            if channel is None:
                channel = self._channels[vcid] = PacketReassembler(self._parameters)
            yield vcid, channel.feed(batch.frames, selected, batch.positions)

    def finish(self) -> Iterator[tuple[int, PacketBatch]]:
        """The packets that waited for more frames; those still under way are counted as discarded."""
        for vcid, channel in self._channels.items():
            yield vcid, channel.finish()

    def accounts(self) -> dict[int, ChannelAccount]:
        """The counters of each virtual channel seen, by VCID."""
        return {vcid: channel.account() for vcid, channel in sorted(self._channels.items())}


class ChannelDecoder:
    """Packets of all virtual channels of one downlink channel, fed chunk by chunk with bounded memory."""

    def __init__(self, parameters: LinkParameters, *, any_spacecraft: bool = False) -> None:
        self._frames = FrameDecoder(parameters, any_spacecraft=any_spacecraft)
        self._packets = Demultiplexer(parameters)

    @property
    def sync(self) -> SyncAccount:
        return self._frames.sync

    @property
    def code(self) -> CodeAccount:
        return self._frames.code

    @property
    def corrected_frames(self) -> dict[int, int]:
        """Corrected frames by VCID."""
        return self._packets.corrected_frames

    @property
    def corrected_symbols(self) -> dict[int, int]:
        """Corrected symbols by VCID."""
        return self._packets.corrected_symbols

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterator[tuple[int, PacketBatch]]:
        """The virtual channel and the packets that `chunk` completes."""
        yield from self._packets.feed(self._frames.feed(chunk))

    def finish(self) -> Iterator[tuple[int, PacketBatch]]:
        """The packets that waited for the end of the stream."""
        yield from self._packets.feed(self._frames.finish())
        yield from self._packets.finish()

    def accounts(self) -> dict[int, ChannelAccount]:
        """The counters of each virtual channel seen, by VCID."""
        return self._packets.accounts()


def check_blocks(blocks: NDArray[np.uint8], parameters: LinkParameters) -> CodeCheck:
    """Correct blocks in place by their code, and check the error control that frames carry of their header and whole.

    A frame whose own error control contradicts the code was corrected into something that was never sent.
    """
    if parameters.coded:
        check = correct_blocks(blocks, parameters)
    else:
        check = CodeCheck(np.zeros(len(blocks), dtype=np.int32), np.zeros(len(blocks), dtype=np.bool_))
    frames = blocks[:, : parameters.frame_bytes]
    damaged = check.uncorrectable
    if parameters.has_fhec:
        damaged = damaged | ~correct_headers(frames)
    if parameters.has_fecf:
        damaged = damaged | ~error_control_holds(frames)
    return CodeCheck(check.corrected_symbols, damaged)
