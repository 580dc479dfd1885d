"""AUX_ITC: timing of the instrument as calibration sites see it (schema 1.6).

The Extended Timing Annotation Dataset (S1-ETAD) annotates it. Level-1 is not corrected by it, ESA's no more than ours:
who takes it off an image subtracts it from two-way range times and from azimuth times.
"""

from pathlib import Path
from typing import Annotated

from attrs import frozen

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.aux.document import read_document

ROOT = "auxiliarySetap"


def read_timing(safe_dir: Path) -> "TimingCalibration":
    """Read the AUX_ITC product in a SAFE directory. Raises `FormatError` naming the file and the element."""
    return read_document(safe_dir, ROOT, TimingCalibration)


@frozen(kw_only=True)
class ChannelOffset:
    """What a channel adds to the reference of the instrument, seconds."""

    swath: Annotated[str, "swath"]
    polarisation: Annotated[str, "polarisation"]
    range_s: Annotated[float, "rangeOffset"]
    azimuth_s: Annotated[float, "azimuthOffset"]


@frozen(kw_only=True)
class TimingCalibration:
    """An AUX_ITC product: the reference of the instrument and the offsets of its channels, seconds."""

    schema_version: Annotated[str, "@schemaVersion"]
    range_s: Annotated[float, "instrumentTimingCalibrationReference/rangeCalibration"]
    azimuth_s: Annotated[float, "instrumentTimingCalibrationReference/azimuthCalibration"]
    offsets: Annotated[
        tuple[ChannelOffset, ...], "instrumentTimingCalibrationOffsetList/instrumentTimingCalibrationOffset"
    ]

    def of(self, swath: str, polarisation: str) -> tuple[float, float]:
        """Range and azimuth calibration of a channel. Raises `AuxiliaryError` when there is none."""
        for entry in self.offsets:
            if (entry.swath, entry.polarisation) == (swath, polarisation):
                return self.range_s + entry.range_s, self.azimuth_s + entry.azimuth_s
        raise AuxiliaryError(f"AUX_ITC has no timing of {swath} {polarisation}")
