"""What a spoiled delivery contains: which frames were lost or damaged, and what its station counts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.simulator.downlink import ChannelQuality
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.spoil.faults import Delivery, Faults
from s1pdgs.simulator.spoil.frames import Fate

SPOILED_FILE = "spoiled.json"
FORMAT_VERSION = 1
_BEYOND_REPAIR = Fate.LOST | Fate.CUT | Fate.UNCORRECTABLE
_HINDRANCES = Fate.SHIFTED | Fate.INVERTED | Fate.RECOUNTED | Fate.FALSE_MARKER


@frozen(eq=False)
class ChannelTruth:
    """What became of each frame of a channel: `fates` uint16 (frames of the clean session,), see `Fate`."""

    channel: int
    fates: NDArray[np.uint16]

    def sound(self, despite: int = 0) -> NDArray[np.bool_]:
        """The frames that a receiver must find and read.

        Those that do not begin at a byte, are inverted, have an inverted marker alone or bear a false count are among
        them where `despite` names that. A damaged marker is bridged where the two frames on either side are whole; what
        lies between or among several damaged markers and cut frames may be passed over.
        """
        hindered = (_BEYOND_REPAIR | _HINDRANCES) & ~despite
        sound: NDArray[np.bool_] = (self.fates & hindered) == 0
        delivered = np.flatnonzero((self.fates & Fate.LOST) == 0)
        marked, cut = ((self.fates[delivered] & fate) != 0 for fate in (Fate.MARKER, Fate.CUT))
        turned = np.diff((self.fates[delivered] & Fate.INVERTED) != 0, prepend=False)
        broken = np.concatenate(([True, True], marked | cut | turned, [True, True]))
        around = np.convolve(broken, np.ones(5, np.int64), "valid")
        between = np.concatenate(([False], cut))[:-1] & broken[3:-1]
        sound[delivered[(marked & (around > 1)) | (around > 2) | between]] = False
        return sound

    def quality(self) -> ChannelQuality:
        """The transfer frames as the station counts them: whole ones, of which some have errors."""
        weight = np.where(self.fates & Fate.TWICE, 2, 1)
        weight[(self.fates & (Fate.LOST | Fate.CUT)) != 0] = 0
        corrected, uncorrectable = ((self.fates & fate) != 0 for fate in (Fate.CORRECTED, Fate.UNCORRECTABLE))
        corrected &= ~uncorrectable
        data = (self.fates & Fate.FILL) == 0

        def count(chosen: NDArray[np.bool_]) -> int:
            return int(weight[chosen].sum())

        return ChannelQuality(
            channel=self.channel,
            acquired_tfs=int(weight.sum()),
            data_tfs=count(data),
            error_tfs=count(corrected | uncorrectable),
            corrected_tfs=count(corrected),
            uncorrectable_tfs=count(uncorrectable),
            error_data_tfs=count((corrected | uncorrectable) & data),
            corrected_data_tfs=count(corrected & data),
            uncorrectable_data_tfs=count(uncorrectable & data),
        )


def truth_record(
    session_id: str, faults: Faults, delivery: Delivery, seed: int, channels: Mapping[int, ChannelTruth]
) -> dict[str, Any]:
    """The JSON object of a spoiled delivery; frames are spans [first, stop) of the clean channel's CADUs."""
    return {
        "format_version": FORMAT_VERSION,
        "session_id": session_id,
        "seed": seed,
        "faults": attrs.asdict(faults, value_serializer=_plain),
        "delivery": attrs.asdict(delivery, value_serializer=_plain),
        "channels": [
            {
                "channel": truth.channel,
                "frames": truth.fates.size,
                **{str(fate.name).lower(): _spans((truth.fates & fate) != 0) for fate in Fate},
            }
            for _, truth in sorted(channels.items())
        ],
    }


def read_truth(folder: Path) -> dict[int, ChannelTruth]:
    """What became of the frames of a spoiled delivery, by channel; `SimulatorError` when the folder holds none."""
    source = folder / SPOILED_FILE
    try:
        record = json.loads(source.read_bytes())
        return {int(entry["channel"]): _channel_truth(entry) for entry in record["channels"]}
    except FileNotFoundError:
        raise SimulatorError(f"{source} does not exist: {folder} is no delivery of `s1pdgs spoil`") from None
    except (KeyError, TypeError, ValueError) as error:
        raise SimulatorError(f"{source}: {error!r}; spoil the session again") from None


def _channel_truth(entry: Mapping[str, Any]) -> ChannelTruth:
    fates = np.zeros(int(entry["frames"]), np.uint16)
    for fate in Fate:
        for first, stop in entry[str(fate.name).lower()]:
            fates[first:stop] |= np.uint16(fate)
    return ChannelTruth(int(entry["channel"]), fates)


def _spans(chosen: NDArray[np.bool_]) -> list[list[int]]:
    edges = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0))
    spans: list[list[int]] = edges.reshape(-1, 2).tolist()
    return spans


def _plain(_instance: object, _attribute: object, value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value
