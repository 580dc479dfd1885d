"""The channels of a downlink session as a job order brings them: session information and data blocks."""

from collections.abc import Collection, Iterator
from datetime import datetime
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


@frozen
class ChannelInput:
    """One channel: its data blocks in order, their total size, and when it was received."""

    number: int
    session_id: str
    blocks: tuple[Path, ...]
    size: int
    reception: Interval

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[memoryview]:
        """The bytes of the channel; each chunk is valid until the next one is taken."""
        buffer = memoryview(bytearray(size))
        for block in self.blocks:
            with block.open("rb", buffering=0) as stream:
                while count := stream.readinto(buffer):
                    yield buffer[:count]

    def reception_times_us(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ground reception times int64 (n,), microseconds since 1970-01-01 UTC, of bytes of the channel.

        Blocks carry no time stamps: reception is taken as even between the start and stop that the station gives.
        """
        start, stop = micros(self.reception.start), micros(self.reception.stop)
        share = np.asarray(positions, np.float64) / max(self.size, 1)
        times: NDArray[np.int64] = start + np.rint(share * (stop - start)).astype(np.int64)
        return times


def channels_of(order: JobOrder, outcome: Outcome) -> list[ChannelInput]:
    """The channels that the order names; warns about what is incomplete, `ProcessorError` when there is no data."""
    found: dict[int, dict[int | None, tuple[Path, SessionFileName]]] = {}
    for task in order.tasks:
        for entry in task.inputs:
            for text in entry.file_names:
                name = _session_name(Path(text))
                if name is not None:
                    found.setdefault(name.channel, {})[name.block] = (Path(text), name)
    channels = [_channel(number, files, order, outcome) for number, files in sorted(found.items())]
    present = [channel for channel in channels if channel is not None]
    if not present:
        raise ProcessorError(
            "the job order names no session block (DCS_<nn>_<session>_ch<1|2>_DSDB_<nnnnn>.raw) that exists; "
            "wait for the session to be downloaded"
        )
    identities = {channel.session_id for channel in present}
    if len(identities) > 1:
        raise ProcessorError(
            f"blocks of several sessions are mixed: {', '.join(sorted(identities))}; give one at a time"
        )
    if len(present) == 1:
        outcome.warn(
            f"only channel {present[0].number} of session {present[0].session_id} is present; going on with it"
        )
    return present


def _session_name(path: Path) -> SessionFileName | None:
    try:
        return SessionFileName.parse(path.name)
    except NamingError:
        return None


def _channel(
    number: int, files: dict[int | None, tuple[Path, SessionFileName]], order: JobOrder, outcome: Outcome
) -> ChannelInput | None:
    dsib = files.pop(None, None)
    information = None
    if dsib is not None and dsib[0].is_file():
        information = read_dsib(dsib[0])
        files |= _listed_beside(dsib[0].parent, information, files.keys())
    else:
        outcome.warn(f"channel {number}: no session information block (DSIB); taking the blocks that are named")
    blocks = [path for _, (path, _) in sorted(files.items(), key=lambda entry: entry[0] or 0)]
    present = [path for path in blocks if path.is_file()]
    for path in blocks:
        if path not in present:
            outcome.warn(f"channel {number}: {path} is named by the job order but not there; its packets are missing")
    if not present:
        outcome.warn(f"channel {number}: no data block is there")
        return None
    size = sum(path.stat().st_size for path in present)
    if information is not None:
        _compare(number, information, {path.name for path in present}, size, outcome)
    session_id = next(name.session for _, name in files.values())
    return ChannelInput(number, session_id, tuple(present), size, _reception(number, information, order))


def _listed_beside(
    folder: Path, information: SessionInformation, known: Collection[int | None]
) -> dict[int | None, tuple[Path, SessionFileName]]:
    """Blocks of the session's list that lie beside its information block but are not named by the order."""
    found: dict[int | None, tuple[Path, SessionFileName]] = {}
    for text in information.dsdb_names:
        name = _session_name(folder / text)
        if name is not None and name.block not in known and (folder / text).is_file():
            found[name.block] = (folder / text, name)
    return found


def _compare(number: int, information: SessionInformation, present: set[str], size: int, outcome: Outcome) -> None:
    for name in information.dsdb_names:
        if name not in present:
            outcome.warn(f"channel {number}: block {name} of the session is missing; download it again and reprocess")
    for name in sorted(present - set(information.dsdb_names)):
        outcome.warn(f"channel {number}: block {name} is not in the session's list; it is used nevertheless")
    if size != information.data_size and present == set(information.dsdb_names):
        outcome.warn(
            f"channel {number}: the blocks have {size} bytes, but the session says {information.data_size}; "
            "a block may be truncated"
        )


def _reception(number: int, information: SessionInformation | None, order: JobOrder) -> Interval:
    if information is not None:
        return Interval(information.start, information.stop)
    if order.sensing is not None:
        return order.sensing
    text = order.parameter("DownlinkTime", "")
    try:
        start: datetime = parse_compact(text)
    except ValueError:
        raise ProcessorError(
            f"channel {number}: without a DSIB the reception time must come from Sensing_Time or from the parameter "
            f"DownlinkTime (YYYYMMDDThhmmss), which is {text!r}"
        ) from None
    return Interval(start, start)
