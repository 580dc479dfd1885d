"""The deliveries of a downlink as a job order brings them: for each channel session information and data blocks.

The first delivery lies in `ch01/` and `ch02/`, delivery k in `delivery<k>/ch01/` and `delivery<k>/ch02/`: the same
session again, whole or in part, or what another station heard of the same pass (docs/joints.md, section 4).
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.dsib import SessionInformation, read_dsib
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.names import NamingError, SessionFileName
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import micros, parse_compact
from s1pdgs.processors.l0.program import Outcome, ProcessorError

CHUNK_BYTES = 4 * 1024 * 1024
_DELIVERY_FOLDER = re.compile(r"^delivery(\d{1,3})$")

_Named = dict[int | None, tuple[Path, SessionFileName]]
"""Files of one channel by block number; the session information block under None."""


@frozen
class ChannelInput:
    """One channel of one delivery: its data blocks in order, their total size, and when it was received.

    `starts` are the bytes of the whole channel, of `whole_size` bytes, at which the blocks begin.
    """

    number: int
    session_id: str
    blocks: tuple[Path, ...]
    size: int
    reception: Interval
    starts: tuple[int, ...]
    whole_size: int
    delivery: int = 1

    @property
    def where(self) -> str:
        """How messages call it."""
        channel = f"channel {self.number}"
        return channel if self.delivery == 1 else f"delivery {self.delivery}, {channel}"

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[memoryview]:
        """The bytes of the channel; each chunk is valid until the next one is taken."""
        buffer = memoryview(bytearray(size))
        for block in self.blocks:
            with block.open("rb", buffering=0) as stream:
                while count := stream.readinto(buffer):
                    yield buffer[:count]

    def reader(self) -> "BlockReader":
        """The bytes of the channel at any place."""
        return BlockReader(self.blocks)

    def reception_times_us(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ground reception times int64 (n,), microseconds since 1970-01-01 UTC, of bytes of the channel.

        Blocks carry no time stamps: reception is taken as even between the start and stop that the station gives.
        """
        start, stop = micros(self.reception.start), micros(self.reception.stop)
        sizes = [path.stat().st_size for path in self.blocks]
        ends = np.cumsum(sizes)
        blocks = np.minimum(np.searchsorted(ends, positions, side="right"), len(sizes) - 1)
        shifts = np.asarray(self.starts, np.int64) - (ends - sizes)
        share = (np.asarray(positions, np.float64) + shifts[blocks]) / max(self.whole_size, 1)
        times: NDArray[np.int64] = start + np.rint(share * (stop - start)).astype(np.int64)
        return times


class BlockReader:
    """Reads stretches of a channel that is cut into block files; call it with the first byte and the one behind."""

    def __init__(self, blocks: Collection[Path]) -> None:
        self._blocks = list(blocks)
        self._ends = list(accumulate(path.stat().st_size for path in self._blocks))

    def __call__(self, begin: int, end: int) -> NDArray[np.uint8]:
        parts = []
        for number in range(bisect_right(self._ends, begin), len(self._blocks)):
            first = self._ends[number - 1] if number else 0
            if first >= end:
                break
            offset = max(begin - first, 0)
            parts.append(np.fromfile(self._blocks[number], np.uint8, end - first - offset, offset=offset))
        return np.concatenate(parts) if parts else np.empty(0, np.uint8)


def channels_of(order: JobOrder, outcome: Outcome) -> list[ChannelInput]:
    """The channels of all deliveries that the order names, by delivery and number.

    Warns about what is incomplete; `ProcessorError` when there is no data.
    """
    found: dict[int, dict[int, _Named]] = {}
    for task in order.tasks:
        for entry in task.inputs:
            for text in entry.file_names:
                name = _session_name(Path(text))
                if name is not None:
                    channel = found.setdefault(_delivery_of(Path(text)), {}).setdefault(name.channel, {})
                    channel[name.block] = (Path(text), name)
    present: list[ChannelInput] = []
    for delivery, channels in sorted(found.items()):
        known = {channel.number: channel.reception for channel in present}
        elsewhere = {
            path.name: path for other, each in found.items() if other != delivery for path in _files_there(each)
        }
        for number, files in sorted(channels.items()):
            reader = _DeliveryReader(delivery, number, order, outcome, elsewhere, known)
            channel_input = reader.read(files)
            if channel_input is not None:
                present.append(channel_input)
        _refuse_mixture(delivery, present)
    if not present:
        raise ProcessorError(
            "the job order names no session block (DCS_<nn>_<session>_ch<1|2>_DSDB_<nnnnn>.raw) that exists; "
            "wait for the session to be downloaded"
        )
    if len({channel.number for channel in present}) == 1:
        outcome.warn(
            f"only channel {present[0].number} of session {present[0].session_id} is present; going on with it"
        )
    return present


def _session_name(path: Path) -> SessionFileName | None:
    try:
        return SessionFileName.parse(path.name)
    except NamingError:
        return None


def _delivery_of(path: Path) -> int:
    match = _DELIVERY_FOLDER.match(path.parent.parent.name)
    return 1 if match is None else int(match[1])


def _files_there(channels: Mapping[int, _Named]) -> Iterator[Path]:
    return (path for files in channels.values() for path, _ in files.values() if path.is_file())


def _refuse_mixture(delivery: int, present: list[ChannelInput]) -> None:
    sessions = {channel.session_id for channel in present if channel.delivery == delivery}
    if len(sessions) > 1:
        raise ProcessorError(
            f"blocks of several sessions are mixed: {', '.join(sorted(sessions))}; give one at a time, or each as a "
            "delivery of its own (delivery<k>/ch01, delivery<k>/ch02)"
        )


@frozen
class _DeliveryReader:
    """Reads one channel of one delivery: `elsewhere` are the files that other deliveries bring, by name, and `known` is
    when channels of earlier deliveries were received.
    """

    delivery: int
    number: int
    order: JobOrder
    outcome: Outcome
    elsewhere: Mapping[str, Path]
    known: Mapping[int, Interval]

    @property
    def where(self) -> str:
        return f"channel {self.number}" if self.delivery == 1 else f"delivery {self.delivery}, channel {self.number}"

    def read(self, files: _Named) -> ChannelInput | None:
        """The channel; None where none of its blocks is there."""
        files = dict(files)
        dsib = files.pop(None, None)
        information = None
        if dsib is not None and dsib[0].is_file():
            information = read_dsib(dsib[0])
            files |= _listed_beside(dsib[0].parent, information, files.keys())
        else:
            tell = self.outcome.warn if self.delivery == 1 else self.outcome.info
            tell(f"{self.where}: no session information block (DSIB); taking the blocks that are named")
        if self.delivery == 1:
            files |= self._retransferred(files)
        ordered = [path for _, (path, _) in sorted(files.items(), key=lambda entry: entry[0] or 0)]
        present = [path for path in ordered if path.is_file()]
        for path in ordered:
            if path not in present:
                self._tell_missing(
                    path.name,
                    f"{self.where}: {path} is named by the job order but not there; its packets are missing",
                )
        if not present:
            self.outcome.warn(f"{self.where}: no data block is there")
            return None
        size = sum(path.stat().st_size for path in present)
        if information is not None:
            self._compare(information, {path.name for path in present}, size)
        starts, whole = _places(present, information)
        session_id = next(name.session for _, name in files.values())
        reception = self._reception(information)
        return ChannelInput(
            self.number, session_id, tuple(present), size, reception, starts, whole, delivery=self.delivery
        )

    def _retransferred(self, files: _Named) -> _Named:
        """Blocks of this channel that only other deliveries of the same session bring: CADUs go on into them."""
        sessions = {(name.unit, name.session) for _, name in files.values()}
        there = {block for block, (path, _) in files.items() if path.is_file()}
        found: _Named = {}
        for path in self.elsewhere.values():
            name = _session_name(path)
            if name is None or name.block is None or name.block in there or name.channel != self.number:
                continue
            if (name.unit, name.session) in sessions:
                found[name.block] = (path, name)
                self.outcome.info(f"{self.where}: block {path.name} is that of another delivery")
        return found

    def _compare(self, information: SessionInformation, present: set[str], size: int) -> None:
        for name in information.dsdb_names:
            if name not in present:
                self._tell_missing(
                    name, f"{self.where}: block {name} of the session is missing; download it again and reprocess"
                )
        for name in sorted(present - set(information.dsdb_names)):
            self.outcome.warn(f"{self.where}: block {name} is not in the session's list; it is used nevertheless")
        if size != information.data_size and present == set(information.dsdb_names):
            self.outcome.warn(
                f"{self.where}: the blocks have {size} bytes, but the session says {information.data_size}; "
                "a block may be truncated"
            )

    def _tell_missing(self, name: str, message: str) -> None:
        """A block that another delivery brings is no reason to warn."""
        if name in self.elsewhere:
            self.outcome.info(f"{self.where}: another delivery brings block {name}")
        else:
            self.outcome.warn(message)

    def _reception(self, information: SessionInformation | None) -> Interval:
        if information is not None:
            return Interval(information.start, information.stop)
        if self.number in self.known:
            return self.known[self.number]
        if self.order.sensing is not None:
            return self.order.sensing
        text = self.order.parameter("DownlinkTime", "")
        try:
            start: datetime = parse_compact(text)
        except ValueError:
            raise ProcessorError(
                f"{self.where}: without a DSIB the reception time must come from Sensing_Time or from the parameter "
                f"DownlinkTime (YYYYMMDDThhmmss), which is {text!r}"
            ) from None
        return Interval(start, start)


def _listed_beside(folder: Path, information: SessionInformation, known: Collection[int | None]) -> _Named:
    """Blocks of the session's list that lie beside its information block but are not named by the order."""
    found: _Named = {}
    for text in information.dsdb_names:
        name = _session_name(folder / text)
        if name is not None and name.block not in known and (folder / text).is_file():
            found[name.block] = (folder / text, name)
    return found


def _places(present: list[Path], information: SessionInformation | None) -> tuple[tuple[int, ...], int]:
    """Where in the whole channel the blocks begin, and its size; missing blocks are taken to be as large as others."""
    sizes = [path.stat().st_size for path in present]
    listed = {} if information is None else {name: place for place, name in enumerate(information.dsdb_names)}
    if information is None or len(listed) <= len(present) or not all(path.name in listed for path in present):
        return tuple(accumulate(sizes, initial=0))[:-1], sum(sizes)
    usual = max(sizes)
    starts = tuple(min(listed[path.name] * usual, information.data_size) for path in present)
    return starts, max(information.data_size, 1)
