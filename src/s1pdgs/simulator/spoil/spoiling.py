"""Another delivery of a finished session: what a link or a station does wrong is done to a clean one.

<out>/session/ch_1|ch_2/DCS_*.raw   the blocks as they are delivered
<out>/session.json                  the session as its station announces it, with true counts of frames
<out>/auxiliary/, <out>/truth.json  as in the clean session
<out>/spoiled.json                  the faults and, for every kind, which frames they hit (simulator.spoil.truth)

One clean session gives a nominal delivery with losses, its retransfer, and that of another station.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.link.aos import AOS_VERSION, unpack_headers
from s1pdgs.formats.link.detect import detect_link
from s1pdgs.formats.link.parameters import MARKER, MARKER_BYTES, LinkParameters
from s1pdgs.formats.link.randomiser import derandomise, pseudo_random_sequence
from s1pdgs.formats.link.reed_solomon import correct_blocks
from s1pdgs.formats.names import SessionFileName
from s1pdgs.model.time import format_iso, micros, parse_utc
from s1pdgs.simulator.downlink import BlockFile, as_record
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.session import SESSION_FILE, TRUTH_FILE
from s1pdgs.simulator.spoil.blocks import BlockNames, BlockSpoiler
from s1pdgs.simulator.spoil.faults import BlockPlace, Delivery, Faults, FrameSpan
from s1pdgs.simulator.spoil.frames import Fate, Frames, FrameSpoiler, Sent
from s1pdgs.simulator.spoil.stream import StreamSpoiler
from s1pdgs.simulator.spoil.truth import SPOILED_FILE, ChannelTruth, read_truth, truth_record

__all__ = ["BlockPlace", "ChannelTruth", "Delivery", "Fate", "Faults", "FrameSpan", "read_truth", "spoil"]

Progress = Callable[[str, float], None]
"""Told what is being done and the share of the work that is behind."""

_BATCH_FRAMES = 2048
_SAMPLE_BYTES = 64 * 1024
_MARKER = np.frombuffer(MARKER.to_bytes(MARKER_BYTES, "big"), np.uint8)
_SESSION_ID = re.compile(r"^(\w+?_)(\d{14})(\d*)$")


def spoil(
    session: Path,
    out: Path,
    faults: Faults | None = None,
    delivery: Delivery | None = None,
    *,
    seed: int = 1,
    link: LinkParameters | None = None,
    progress: Progress | None = None,
) -> dict[int, ChannelTruth]:
    """Write another delivery of the clean session in a folder; what became of its frames, by channel.

    The same arguments give the same bytes, and one kind of fault does not change what another one hits. `link` is that
    of the clean session, seen from its bytes when None. Memory is bounded but for two bytes for each frame.
    Raises `SimulatorError` when `session` is no clean session, `out` is in use or blocks are asked for that contradict
    each other; `OSError` when it cannot be written.
    """
    faults, delivery = faults or Faults(), delivery or Delivery()
    report = progress or (lambda _what, _share: None)
    clean = _read_clean(session)
    _check_blocks(faults)
    if (out / SESSION_FILE).exists() or (out / "session").exists():
        raise SimulatorError(f"{out} holds a session already: choose another folder, or remove that one")
    channels = sorted(set(clean.blocks) & (delivery.channels or set(clean.blocks)))
    if not channels:
        raise SimulatorError(f"{session} has the channels {sorted(clean.blocks)}, none of {sorted(delivery.channels)}")
    link = link or _link_of(clean, channels[0])
    announced = _announced(clean.record, faults, delivery)
    unit = delivery.unit or clean.unit
    files: list[BlockFile] = []
    truths: dict[int, ChannelTruth] = {}
    for done, channel in enumerate(channels):
        source = _Source(clean.blocks[channel], _sent(clean, channel, link))
        size = delivery.block_bytes or clean.blocks[channel][0].stat().st_size
        names = BlockNames(out, unit, announced["session_id"], channel, size)
        truths[channel] = ChannelTruth(channel, np.zeros(source.sent.frames, np.uint16))
        for share in _spoil_channel(source, names, (faults, delivery, seed), truths[channel], files):
            report(f"channel {channel}", (done + share) / len(channels))
    _copy_companions(session, out)
    truth = truth_record(announced["session_id"], faults, delivery, seed, truths)
    write_atomic(out / SPOILED_FILE, _json(truth))
    announced["files"] = [as_record(file) for file in files]
    announced["quality"] = [as_record(each.quality()) for each in truths.values()]
    write_atomic(out / SESSION_FILE, _json(announced))
    report("done", 1.0)
    return truths


@frozen(eq=False)
class _Clean:
    """A clean session: its record, the unit in its file names and the blocks of each channel in order."""

    folder: Path
    record: Mapping[str, Any]
    unit: str
    blocks: Mapping[int, tuple[Path, ...]]


def _read_clean(folder: Path) -> _Clean:
    source = folder / SESSION_FILE
    if (folder / SPOILED_FILE).exists():
        raise SimulatorError(f"{folder} is spoiled already; take the clean session and order all faults at once")
    try:
        record = json.loads(source.read_bytes())
        entries = sorted(record["files"], key=lambda entry: (entry["channel"], entry["block"]))
        blocks: dict[int, tuple[Path, ...]] = {}
        for entry in entries:
            blocks[int(entry["channel"])] = (*blocks.get(int(entry["channel"]), ()), folder / entry["path"])
        return _Clean(folder, record, SessionFileName.parse(entries[0]["name"]).unit, blocks)
    except FileNotFoundError:
        raise SimulatorError(f"{source} does not exist: `s1pdgs simulate` makes a session") from None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise SimulatorError(f"{source} is not the record of a simulated session: {error!r}") from None


def _link_of(clean: _Clean, channel: int) -> LinkParameters:
    """The usual link where it fits; else what the first CADUs look like."""
    with clean.blocks[channel][0].open("rb") as stream:
        sample = stream.read(_SAMPLE_BYTES)
    usual = LinkParameters()
    cadus = np.frombuffer(sample[: len(sample) // usual.cadu_bytes * usual.cadu_bytes], np.uint8)
    blocks = cadus.reshape(-1, usual.cadu_bytes)[:, MARKER_BYTES:].copy()
    derandomise(blocks)
    if len(blocks) and not correct_blocks(blocks, usual).uncorrectable.any():
        return usual
    detected = detect_link(sample)
    if detected is None:
        raise SimulatorError(f"{clean.blocks[channel][0]}: no CADUs are seen in it; give the link of the clean session")
    return detected.parameters


def _sent(clean: _Clean, channel: int, link: LinkParameters) -> Sent:
    octets = sum(path.stat().st_size for path in clean.blocks[channel])
    frames, rest = divmod(octets, link.cadu_bytes)
    if rest or link.cadu_trailer_bytes:
        raise SimulatorError(
            f"channel {channel} of {clean.folder} has {octets} bytes, no multiple of CADUs of {link.cadu_bytes}; give "
            "the link of the clean session"
        )
    start, stop = (parse_utc(clean.record[key]) for key in ("downlink_start", "downlink_stop"))
    return Sent(channel, frames, (stop - start).total_seconds(), micros(start), link)


@frozen(eq=False)
class _Source:
    """The CADUs of a clean channel."""

    paths: Sequence[Path]
    sent: Sent

    def batches(self) -> Iterator[tuple[int, Frames]]:
        """The number of the first one, and some CADUs in memory of their own."""
        size = self.sent.link.cadu_bytes
        first, waiting = 0, bytearray()
        for path in self.paths:
            with path.open("rb") as stream:
                while data := stream.read(_BATCH_FRAMES * size - len(waiting)):
                    waiting += data
                    if len(waiting) == _BATCH_FRAMES * size:
                        yield first, self._checked(waiting, first)
                        first, waiting = first + _BATCH_FRAMES, bytearray()
        if waiting:
            yield first, self._checked(waiting, first)

    def _checked(self, data: bytearray, first: int) -> Frames:
        """As CADUs; they must look like those of a clean session."""
        link = self.sent.link
        cadus = np.frombuffer(data, np.uint8).reshape(-1, link.cadu_bytes)
        headers = cadus[:, MARKER_BYTES : MARKER_BYTES + 6]
        if link.randomised:
            headers = headers ^ pseudo_random_sequence(6)
        wrong = (cadus[:, :MARKER_BYTES] != _MARKER).any(axis=1) | (unpack_headers(headers).version != AOS_VERSION)
        if wrong.any():
            raise SimulatorError(
                f"CADU {first + int(np.argmax(wrong))} of channel {self.sent.channel} ({self.paths[0].parent}) is not "
                "clean: is the link that of the session?"
            )
        return cadus


def _spoil_channel(
    source: _Source,
    names: BlockNames,
    order: tuple[Faults, Delivery, int],
    truth: ChannelTruth,
    files: list[BlockFile],
) -> Iterator[float]:
    """Spoil one channel; yields the share of it that is done."""
    faults, delivery, seed = order
    sent, fates = source.sent, truth.fates
    frame_spoiler = FrameSpoiler(faults, delivery, sent, seed)
    stream_spoiler = StreamSpoiler(faults, sent.channel, sent.frames, seed)
    blocks = BlockSpoiler(names, faults, fates)
    for first, cadus in source.batches():
        spoiled, numbers = frame_spoiler.spoil(cadus, first, fates[first : first + len(cadus)])
        blocks.write(*stream_spoiler.spoil(spoiled, numbers, fates))
        yield (first + len(cadus)) / sent.frames
    files += blocks.finish(stream_spoiler.finish())


def _announced(record: Mapping[str, Any], faults: Faults, delivery: Delivery) -> dict[str, Any]:
    """The session's record without its files: a station that heard less gives its own times, and so its own name."""
    start, stop = (parse_utc(record[key]) for key in ("downlink_start", "downlink_stop"))
    heard = faults.hear
    first, last = (start, stop) if heard is None else (_heard(start, stop, heard[0]), _heard(start, stop, heard[1]))
    known = str(record["session_id"])
    announced = {
        **{key: value for key, value in record.items() if key not in {"files", "quality"}},
        "session_id": delivery.session_id or _renamed(known, first - start),
        "station": delivery.station or record["station"],
        "downlink_start": format_iso(first),
        "downlink_stop": format_iso(last),
        "retransfer": delivery.retransfer,
        "delay_s": delivery.delay_s,
    }
    if delivery.announced_channels is not None:
        announced["channels"] = delivery.announced_channels
    return announced


def _heard(start: datetime, stop: datetime, seconds: float) -> datetime:
    return min(start + timedelta(seconds=max(seconds, 0.0)), stop)


def _renamed(session_id: str, later: timedelta) -> str:
    """The identifier of a session that began `later`: it carries the second of its begin."""
    match = _SESSION_ID.match(session_id)
    if match is None or later < timedelta(seconds=1):
        return session_id
    began = datetime.strptime(f"{match[2]}+0000", "%Y%m%d%H%M%S%z") + later
    return f"{match[1]}{began:%Y%m%d%H%M%S}{match[3]}"


def _check_blocks(faults: Faults) -> None:
    """No block may be asked for in two ways."""
    swapped = [evolve(place, number=place.number + step) for place in faults.swapped_blocks for step in (0, 1)]
    places = [*faults.missing_blocks, *faults.truncated_blocks, *faults.duplicated_blocks, *swapped]
    for place in places:
        if places.count(place) > 1:
            raise SimulatorError(
                f"block {place.number} of channel {place.channel} is asked for in two ways; a swapped block takes the "
                "one after it as well"
            )


def _copy_companions(session: Path, out: Path) -> None:
    if (session / "auxiliary").is_dir():
        shutil.copytree(session / "auxiliary", out / "auxiliary", dirs_exist_ok=True)
    if (session / TRUTH_FILE).is_file():
        write_atomic(out / TRUTH_FILE, (session / TRUTH_FILE).read_bytes())


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
