"""Where the packets of a channel come from: one delivery as it is read, or several merged frame by frame."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.link.cadu import SyncAccount
from s1pdgs.formats.link.decode import ChannelDecoder, CodeAccount, Demultiplexer, FrameDecoder
from s1pdgs.formats.link.merge import (
    POSITION_BITS,
    IndexedStream,
    Line,
    index_frames,
    join_indexes,
    merge_streams,
    read_lines,
)
from s1pdgs.formats.link.mpdu import ChannelAccount, PacketBatch
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.processors.l0.session import ChannelInput

Progress = Callable[[float], None]


@frozen(eq=False)
class Reception:
    """What one channel of one delivery was found to hold."""

    channel: ChannelInput
    sync: SyncAccount
    code: CodeAccount


class PacketSource(Protocol):
    """The packets of one channel of a pass, and the counts of the frames that they came from."""

    channel: ChannelInput
    """The (fullest) delivery of the channel."""

    @property
    def code(self) -> CodeAccount: ...

    @property
    def corrected_frames(self) -> dict[int, int]: ...

    @property
    def corrected_symbols(self) -> dict[int, int]: ...

    def packets(self) -> Iterator[tuple[float, int, PacketBatch]]:
        """The share that is done (0 to 1), a virtual channel, and packets of it."""

    def origins(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Channel numbers and ground reception times (microseconds since 1970-01-01 UTC) of stream positions."""

    def accounts(self) -> list[tuple[int, ChannelAccount, int]]:
        """Virtual channels, their counters, and how many frames merging recovered."""


class DeliveredChannel:
    """A channel that was delivered once."""

    def __init__(self, channel: ChannelInput, link: LinkParameters, *, any_spacecraft: bool) -> None:
        self.channel = channel
        self._decoder = ChannelDecoder(link, any_spacecraft=any_spacecraft)

    @property
    def sync(self) -> SyncAccount:
        return self._decoder.sync

    @property
    def code(self) -> CodeAccount:
        return self._decoder.code

    @property
    def corrected_frames(self) -> dict[int, int]:
        return self._decoder.corrected_frames

    @property
    def corrected_symbols(self) -> dict[int, int]:
        return self._decoder.corrected_symbols

    def packets(self) -> Iterator[tuple[float, int, PacketBatch]]:
        """See `PacketSource`."""
        done = 0
        for chunk in self.channel.chunks():
            done += len(chunk)
            for vcid, batch in self._decoder.feed(chunk):
                yield done / self.channel.size, vcid, batch
        for vcid, batch in self._decoder.finish():
            yield 1.0, vcid, batch

    def origins(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `PacketSource`."""
        return np.full(positions.size, self.channel.number), self.channel.reception_times_us(positions)

    def accounts(self) -> list[tuple[int, ChannelAccount, int]]:
        """See `PacketSource`."""
        return [(vcid, account, 0) for vcid, account in self._decoder.accounts().items()]


class MergedChannel:
    """The lines of frames whose fullest delivery came by one channel, out of all deliveries."""

    def __init__(
        self,
        channel: ChannelInput,
        lines: Sequence[Line],
        streams: Sequence[IndexedStream],
        receptions: Sequence[Reception],
    ) -> None:
        self.channel = channel
        self._lines = lines
        self._streams = streams
        self._receptions = receptions
        self._demultiplexers = [Demultiplexer(streams[line.main].parameters) for line in lines]

    @property
    def code(self) -> CodeAccount:
        """Counts of frames after merging; uncorrectable ones are those that no delivery brings sound."""
        corrected = sum(self.corrected_frames.values())
        missing = sum(account.missing_frames for _, account, _ in self.accounts())
        damaged = sum(each.code.uncorrectable_frames for each in self._receptions)
        return CodeAccount(
            good_frames=sum(line.rows.size for line in self._lines) - corrected,
            corrected_frames=corrected,
            corrected_symbols=sum(self.corrected_symbols.values()),
            uncorrectable_frames=min(missing, damaged),
            foreign_frames=max(each.code.foreign_frames for each in self._receptions),
        )

    @property
    def corrected_frames(self) -> dict[int, int]:
        """Corrected frames that were used, by VCID."""
        return _summed([each.corrected_frames for each in self._demultiplexers])

    @property
    def corrected_symbols(self) -> dict[int, int]:
        """Corrected symbols in frames that were used, by VCID."""
        return _summed([each.corrected_symbols for each in self._demultiplexers])

    @property
    def conflicts(self) -> int:
        """Frames that differ between deliveries although both seem sound."""
        return sum(line.conflicts for line in self._lines)

    def packets(self) -> Iterator[tuple[float, int, PacketBatch]]:
        """See `PacketSource`."""
        total = max(sum(line.rows.size for line in self._lines), 1)
        done = 0
        for number, frames in read_lines(self._lines, self._streams):
            done += frames.vcids.size
            for vcid, batch in self._demultiplexers[number].feed(frames):
                yield done / total, vcid, batch
        for each in self._demultiplexers:
            for vcid, batch in each.finish():
                yield 1.0, vcid, batch

    def origins(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See `PacketSource`."""
        channels, times = np.empty(positions.size, np.int64), np.empty(positions.size, np.int64)
        numbers, places = positions >> POSITION_BITS, positions & ((1 << POSITION_BITS) - 1)
        for number in np.unique(numbers).tolist():
            chosen = numbers == number
            channels[chosen] = self._receptions[number].channel.number
            times[chosen] = self._receptions[number].channel.reception_times_us(places[chosen])
        return channels, times

    def accounts(self) -> list[tuple[int, ChannelAccount, int]]:
        """See `PacketSource`."""
        return [
            (line.vcid, account, line.recovered)
            for line, each in zip(self._lines, self._demultiplexers, strict=True)
            for account in each.accounts().values()
        ]


def merged_channels(
    channels: Sequence[ChannelInput],
    links: Sequence[LinkParameters],
    *,
    any_spacecraft: bool,
    progress: Progress,
) -> tuple[list[MergedChannel], list[Reception]]:
    """The channels of a pass out of all its deliveries, and what each delivered channel was found to hold.

    Reads everything once to index its frames. `LinkError` when the deliveries cannot be of one downlink.
    """
    shares = [0.0] * len(channels)

    def index(number: int) -> tuple[IndexedStream, Reception]:
        def told(share: float) -> None:
            shares[number] = share
            progress(sum(shares) / len(shares))

        return _index(channels[number], links[number], any_spacecraft=any_spacecraft, progress=told)

    with ThreadPoolExecutor(max_workers=2) as pool:
        indexed = list(pool.map(index, range(len(channels))))
    streams, receptions = [stream for stream, _ in indexed], [reception for _, reception in indexed]
    lines = merge_streams(streams)
    merged = []
    for number in sorted({streams[line.main].channel for line in lines}):
        own = [line for line in lines if streams[line.main].channel == number]
        fullest = max(own, key=lambda line: line.rows.size).main
        merged.append(MergedChannel(channels[fullest], own, streams, receptions))
    return merged, receptions


def _index(
    channel: ChannelInput, link: LinkParameters, *, any_spacecraft: bool, progress: Progress
) -> tuple[IndexedStream, Reception]:
    decoder = FrameDecoder(link, any_spacecraft=any_spacecraft)
    parts = []
    done = 0
    for chunk in channel.chunks():
        batch = decoder.feed(chunk)
        parts.append(index_frames(batch, decoder.cadus, link))
        done += len(chunk)
        progress(done / channel.size)
    batch = decoder.finish()
    parts.append(index_frames(batch, decoder.cadus, link))
    stream = IndexedStream(channel.delivery, channel.number, link, join_indexes(parts), channel.reader())
    return stream, Reception(channel, decoder.sync, decoder.code)


def _summed(counts: Sequence[dict[int, int]]) -> dict[int, int]:
    return {vcid: sum(each.get(vcid, 0) for each in counts) for each in counts for vcid in each}
