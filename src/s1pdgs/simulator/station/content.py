"""What a simulated station holds: the folder that the mission simulator writes, read once and checked.

    <folder>/session.json                     the pass and its files (below)
    <folder>/session/ch_1|ch_2/DCS_*.raw      the blocks
    <folder>/auxiliary/<name>.EOF             auxiliary files
    <folder>/auxiliary/<name>.SAFE/           auxiliary products that are folders

`session.json` is one object; paths are relative to `<folder>`, times ISO 8601 in UTC:

    {"session_id": "S1A_20260105072204051312", "satellite": "S1A", "station": "SGS", "orbit": 51312,
     "downlink_start": "2026-01-05T07:22:04.000000Z", "downlink_stop": "2026-01-05T07:24:04.000000Z",
     "retransfer": false, "delay_s": 0.0, "channels": 2,                                      (optional)
     "files": [{"name": "DCS_02_S1A_20260105072204051312_ch1_DSDB_00001.raw", "channel": 1, "block": 1,
                "final": false, "size": 123, "md5": "...", "path": "session/ch_1/DCS_02_..._00001.raw"}, ...],
     "quality": [{"channel": 1, "acquired_tfs": 900, "error_tfs": 0, "corrected_tfs": 0, "uncorrectable_tfs": 0,
                  "data_tfs": 880, "error_data_tfs": 0, "corrected_data_tfs": 0, "uncorrectable_data_tfs": 0},
                 ...]}                                                                  (optional, per channel)

`delay_s` is how long after the beginning of its downlink a delivery is announced: a retransfer comes later than the
nominal one. `channels` is what the station announces where it is not the number of channels that have blocks.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from s1pdgs.formats.xml import FormatError
from s1pdgs.model.time import parse_utc

SESSION_FILE = "session.json"
MAX_SESSION_JSON_BYTES = 64 * 1024 * 1024
QUALITY_COUNTS = (
    "acquired_tfs",
    "error_tfs",
    "corrected_tfs",
    "uncorrectable_tfs",
    "data_tfs",
    "error_data_tfs",
    "corrected_data_tfs",
    "uncorrectable_data_tfs",
)


class ContentError(FormatError):
    """The folder of a simulated station is not as the simulator writes it."""


@frozen
class Block:
    """One DSDB of a channel; `path` is where its bytes lie, `size` and `md5` are what they should be."""

    name: str
    channel: int
    number: int
    final: bool
    size: int
    md5: str
    path: Path


@frozen
class PassSession:
    """One delivery of a pass as a station received it; `quality` maps channel to counts of transfer frames.

    Deliveries of a station share the session identifier: the nominal one and its retransfers, which `delivery` counts
    from 0. `offered` is when it came to a station that was serving already, else None.
    """

    id: str
    satellite: str
    station: str
    orbit: int
    downlink_start: datetime
    downlink_stop: datetime
    retransfer: bool
    blocks: tuple[Block, ...]
    quality: Mapping[int, Mapping[str, int]]
    delay_s: float = 0.0
    announced_channels: int | None = None
    delivery: int = 0
    offered: datetime | None = None

    @property
    def channels(self) -> tuple[int, ...]:
        return tuple(sorted({block.channel for block in self.blocks}))

    @property
    def label(self) -> str:
        """The delivery among those of its session: `SGS`, its first retransfer `SGS_R1`."""
        number = self.delivery + self.retransfer
        return f"{self.station}_R{number}" if number else self.station


@frozen
class StationContent:
    """Sessions and auxiliary products (files or `.SAFE` folders)."""

    sessions: tuple[PassSession, ...] = ()
    auxiliary: tuple[Path, ...] = ()

    @property
    def stations(self) -> frozenset[str]:
        """The stations that heard the passes."""
        return frozenset(session.station for session in self.sessions)


def read_content(*folders: Path) -> StationContent:
    """Everything that some folders hold; each has a session, auxiliary files or both.

    Raises `ContentError` naming the file and the field that is wrong, or the folder that holds nothing.
    """
    return more_content(StationContent(), *folders)


def more_content(known: StationContent, *folders: Path, offered: datetime | None = None) -> StationContent:
    """What is known and everything that some more folders hold, offered at a time; raises `ContentError`.

    Auxiliary files that are known by name stay as they are; a session with the identifier of a known one is another
    delivery of it.
    """
    sessions, auxiliary = list(known.sessions), list(known.auxiliary)
    for folder in folders:
        has_session = (folder / SESSION_FILE).is_file()
        found = sorted(path for path in (folder / "auxiliary").glob("*") if not path.name.startswith("."))
        if not has_session and not found:
            raise ContentError(f"{folder}: neither {SESSION_FILE} nor auxiliary files; run the simulator first")
        if has_session:
            session = read_session(folder)
            before = sum(_same_delivery(session, other) for other in sessions)
            sessions.append(evolve(session, delivery=before, offered=offered))
        auxiliary.extend(path for path in found if path.name not in {known.name for known in auxiliary})
    return StationContent(tuple(sessions), tuple(auxiliary))


def _same_delivery(one: PassSession, other: PassSession) -> bool:
    return (one.station, one.id, one.retransfer) == (other.station, other.id, other.retransfer)


def read_session(folder: Path) -> PassSession:
    """The session of a folder; raises `ContentError`."""
    source = folder / SESSION_FILE
    if source.stat().st_size > MAX_SESSION_JSON_BYTES:
        raise ContentError(f"{source}: larger than the {MAX_SESSION_JSON_BYTES} bytes accepted")
    try:
        record = json.loads(source.read_bytes())
        return PassSession(
            id=str(record["session_id"]),
            satellite=str(record["satellite"]),
            station=str(record["station"]),
            orbit=int(record["orbit"]),
            downlink_start=parse_utc(record["downlink_start"]),
            downlink_stop=parse_utc(record["downlink_stop"]),
            retransfer=bool(record.get("retransfer", False)),
            blocks=tuple(_block(folder, entry) for entry in record["files"]),
            quality={int(entry["channel"]): _counts(entry) for entry in record.get("quality", [])},
            delay_s=float(record.get("delay_s", 0.0)),
            announced_channels=None if record.get("channels") is None else int(record["channels"]),
        )
    except KeyError as error:
        raise ContentError(f"{source}: field {error} is missing") from None
    except (TypeError, ValueError) as error:
        raise ContentError(f"{source}: {error}") from None


def _block(folder: Path, entry: Mapping[str, Any]) -> Block:
    path = (folder / entry["path"]).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ContentError(f"files: path {entry['path']!r} leaves the folder")
    if not path.is_file():
        raise ContentError(f"files: {entry['path']} does not exist")
    return Block(
        name=str(entry["name"]),
        channel=int(entry["channel"]),
        number=int(entry["block"]),
        final=bool(entry["final"]),
        size=int(entry["size"]),
        md5=str(entry["md5"]),
        path=path,
    )


def _counts(entry: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(entry.get(name, 0)) for name in QUALITY_COUNTS}
