"""AUX_CAL: antenna patterns and calibration constants (S1-RS-MDA-52-7443, auxiliary calibration file).

What the numbers of real products are (measured on S1A_AUX_CAL_V20140915T100000 and annotations of S1A S3, S1B IW):
the modulus of an elevation value is two-way *power* times a large constant, for it halves over 2.65 degrees in the
beams that are not widened, where a two-way amplitude of the 0.82 m high antenna could not halve within 3.4 degrees.
The elevation pattern of an annotation is that of AUX_CAL, as it is, at (elevation angle - roll). An azimuth value is
the two-way power pattern in dB, 0 dB at its peak: the 0.165 degrees between its -3 dB points are those of a 12.3 m
aperture there and back. So are the azimuth element patterns of TOPS swaths; StripMap swaths have the single value 1
and increment 0 there, which stands for "none".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.aux.document import build_document, read_document
from s1pdgs.formats.aux.safe import AuxiliaryManifest, write_safe

ROOT = "auxiliaryCalibration"
SCHEMA = "s1-aux-cal.xsd"


def read_calibration(safe_dir: Path) -> "CalibrationParameters":
    """Read the AUX_CAL product in a SAFE directory. Raises `FormatError` naming the file and the element."""
    return read_document(safe_dir, ROOT, CalibrationParameters)


def write_calibration(
    out_dir: Path, manifest: AuxiliaryManifest, parameters: "CalibrationParameters", schemas: Mapping[str, bytes]
) -> Path:
    """Write an AUX_CAL product with its support schemas by file name; returns the SAFE directory."""
    return write_safe(out_dir, manifest, calibration_document(parameters), schemas)


def calibration_document(parameters: "CalibrationParameters") -> bytes:
    """The data file of an AUX_CAL product."""
    return build_document(ROOT, parameters, SCHEMA)


@frozen(kw_only=True)
class ElevationPattern:
    """Two-way complex elevation pattern, sampled symmetrically about the antenna's mechanical boresight.

    The modulus of a value is proportional to two-way power, its argument the two-way phase. `near_angle_deg` and
    `far_angle_deg` are the nominal off-nadir angles of the beam's edges.
    """

    near_angle_deg: Annotated[float, "beamNominalNearRange"]
    far_angle_deg: Annotated[float, "beamNominalFarRange"]
    increment_deg: Annotated[float, "elevationAngleIncrement"]
    values: Annotated[tuple[complex, ...], "values"]

    def angles_deg(self) -> NDArray[np.float64]:
        """Angles of the values from the boresight, growing with range: float64 (len(values),)."""
        return _symmetric(len(self.values), self.increment_deg)

    def power(self, angle_deg: NDArray[np.float64]) -> NDArray[np.float64]:
        """Two-way power, 1 at the peak, at angles from the boresight (off-nadir angle less roll); 0 outside."""
        modulus = np.abs(np.array(self.values))
        return np.asarray(np.interp(angle_deg, self.angles_deg(), modulus / modulus.max(), left=0.0, right=0.0))


@frozen(kw_only=True)
class AzimuthPattern:
    """Two-way azimuth pattern in dB, sampled symmetrically about the boresight."""

    increment_deg: Annotated[float, "azimuthAngleIncrement"]
    values: Annotated[tuple[float, ...], "values"]

    def angles_deg(self) -> NDArray[np.float64]:
        """Angles of the values from the boresight: float64 (len(values),)."""
        return _symmetric(len(self.values), self.increment_deg)

    def amplitude(self, angle_deg: NDArray[np.float64]) -> NDArray[np.float64]:
        """Two-way amplitude, 1 at the peak, at angles from the boresight; 0 outside and 1 where there is no pattern."""
        if len(self.values) == 1:
            return np.ones_like(angle_deg)
        decibels = np.array(self.values)
        amplitude = 10.0 ** ((decibels - decibels.max()) / 20.0)
        return np.asarray(np.interp(angle_deg, self.angles_deg(), amplitude, left=0.0, right=0.0))


@frozen(kw_only=True)
class ChannelCalibration:
    """Calibration of one swath and polarisation."""

    swath: Annotated[str, "swath"]
    polarisation: Annotated[str, "polarisation"]
    elevation: Annotated[ElevationPattern, "elevationAntennaPattern"]
    azimuth: Annotated[AzimuthPattern, "azimuthAntennaPattern"]
    azimuth_element: Annotated[AzimuthPattern, "azimuthAntennaElementPattern"]
    absolute_constant: Annotated[float, "absoluteCalibrationConstant"]
    noise_factor: Annotated[float, "noiseCalibrationFactor"]


@frozen(kw_only=True)
class CalibrationParameters:
    """An AUX_CAL product."""

    schema_version: Annotated[str, "@schemaVersion"]
    channels: Annotated[tuple[ChannelCalibration, ...], "calibrationParamsList/calibrationParams"]

    def channel(self, swath: str, polarisation: str) -> ChannelCalibration:
        """Raises `AuxiliaryError` when the product has no such swath and polarisation."""
        for entry in self.channels:
            if (entry.swath, entry.polarisation) == (swath, polarisation):
                return entry
        raise AuxiliaryError(f"AUX_CAL has no calibration of swath {swath}, polarisation {polarisation}")


def _symmetric(count: int, increment: float) -> NDArray[np.float64]:
    return np.asarray((np.arange(count) - (count - 1) / 2) * increment, dtype=np.float64)
