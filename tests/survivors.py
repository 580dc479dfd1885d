"""Which packets of a clean session must come out of spoiled deliveries of it, worked out without our reassembler."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s1pdgs.formats.link.parameters import FILL_VCID, MARKER_BYTES, LinkParameters
from s1pdgs.formats.link.randomiser import derandomise
from s1pdgs.simulator.spoil.spoiling import Fate, read_truth

LINK = LinkParameters()
_IDLE_APID = 0x7FF
RECEIVER_DOES = Fate.SHIFTED | Fate.INVERTED


def survivors(clean: Path, *deliveries: Path) -> dict[int, list[bytes]]:
    """Packets by virtual channel in the order sent: those whose frames are all sound in one delivery or another."""
    found: dict[int, list[bytes]] = {}
    truths = [read_truth(delivery) for delivery in deliveries]
    for channel in sorted({entry["channel"] for entry in _files(clean)}):
        frames = _frames(clean, channel)
        sound = np.zeros(len(frames), np.bool_)
        for truth in truths:
            if channel in truth:
                sound |= truth[channel].sound(RECEIVER_DOES)
        vcids = frames[:, 1] & 0x3F
        for vcid in sorted(set(vcids.tolist()) - {FILL_VCID}):
            ours = np.flatnonzero(vcids == vcid)
            zones = frames[ours, LINK.zone_offset : LINK.zone_offset + LINK.zone_bytes]
            found[vcid] = _packets(zones.tobytes(), sound[ours])
    return found


def _packets(data: bytes, sound: np.ndarray) -> list[bytes]:
    """The packets in the zones of a virtual channel all of whose frames are sound."""
    packets, start = [], 0
    while start + 6 <= len(data):
        stop = start + 7 + int.from_bytes(data[start + 4 : start + 6], "big")
        carriers = sound[start // LINK.zone_bytes : (stop - 1) // LINK.zone_bytes + 1]
        if carriers.all() and int.from_bytes(data[start : start + 2], "big") & 0x7FF != _IDLE_APID:
            packets.append(data[start:stop])
        start = stop
    return packets


def _files(folder: Path) -> Sequence[dict[str, object]]:
    files: list[dict[str, object]] = json.loads((folder / "session.json").read_text())["files"]
    return files


def _frames(folder: Path, channel: int) -> np.ndarray:
    """The transfer frames uint8 (n, bytes) of a clean channel."""
    paths = [folder / str(entry["path"]) for entry in _files(folder) if entry["channel"] == channel]
    data = np.frombuffer(b"".join(path.read_bytes() for path in paths), np.uint8).reshape(-1, LINK.cadu_bytes)
    blocks = data[:, MARKER_BYTES:].copy()
    derandomise(blocks)
    return blocks[:, : LINK.frame_bytes]
