"""The simulated AUX_CAL: the antenna patterns of every swath, which echoes and processors read back from the file.

Elevation: one main lobe in the middle of the swath, 3.5 dB down (two-way) at the nominal edges, as real beams are
within 2 dB. Azimuth: a uniform aperture of 12.3 m, there and back; TOPS elements are apertures of 0.77 m.
"""

import numpy as np

from s1pdgs.formats.aux.cal import AzimuthPattern, CalibrationParameters, ChannelCalibration, ElevationPattern
from s1pdgs.sar.attitude import REFERENCE_ROLL_DEG
from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import Array
from s1pdgs.simulator.swaths import STRIPMAP, Swath, all_swaths, swath

SCHEMA_VERSION = "2.10"
ANTENNA_LENGTH_M = 12.3
ELEMENT_LENGTH_M = 0.77
EDGE_LOSS_DB = 3.5
FLOOR_DB = -60.0
_ELEVATION_SCALE = 1e14  # patterns of real products peak between 1e14 and 1e15
_ELEVATION = (601, 0.05)  # number of values and their spacing in degrees
_AZIMUTH = (401, 0.005)
_ELEMENT = (201, 0.03)
_CROSS_SHIFT_DEG = 0.02


def calibration_parameters() -> CalibrationParameters:
    """The whole AUX_CAL."""
    channels = tuple(_channel(entry, polarisation) for entry in all_swaths() for polarisation in entry.polarisations)
    return CalibrationParameters(schema_version=SCHEMA_VERSION, channels=channels)


def antenna_patterns(swath_name: str, polarisation: str = "VV") -> tuple[ElevationPattern, AzimuthPattern]:
    """The two-way patterns of one channel, as they are written to AUX_CAL. Raises `SimulatorError`."""
    channel = _channel(swath(swath_name), polarisation)
    return channel.elevation, channel.azimuth


def _channel(entry: Swath, polarisation: str) -> ChannelCalibration:
    element = AzimuthPattern(increment_deg=0.0, values=(1.0,))
    if entry.name not in STRIPMAP and not entry.name.startswith("WV"):
        element = _aperture(ELEMENT_LENGTH_M, *_ELEMENT)
    return ChannelCalibration(
        swath=entry.name,
        polarisation=polarisation,
        elevation=_elevation(entry, polarisation),
        azimuth=_aperture(ANTENNA_LENGTH_M, *_AZIMUTH),
        azimuth_element=element,
        absolute_constant=1.0,
        noise_factor=1.0,
    )


def _elevation(entry: Swath, polarisation: str) -> ElevationPattern:
    """Power falling with the square of the angle in dB; cross-polarised lobes lie a little further out."""
    centre = 0.5 * (entry.near_angle_deg + entry.far_angle_deg) - REFERENCE_ROLL_DEG
    centre += 0.0 if polarisation[0] == polarisation[1] else _CROSS_SHIFT_DEG
    half = 0.5 * (entry.far_angle_deg - entry.near_angle_deg)
    decibels = -EDGE_LOSS_DB * ((_angles(*_ELEVATION) - centre) / half) ** 2
    power = _ELEVATION_SCALE * 10.0 ** (np.maximum(decibels, FLOOR_DB) / 10.0)
    return ElevationPattern(
        near_angle_deg=entry.near_angle_deg,
        far_angle_deg=entry.far_angle_deg,
        increment_deg=_ELEVATION[1],
        values=tuple(complex(float(f"{value:.6e}"), 0.0) for value in power),
    )


def _aperture(length_m: float, count: int, increment_deg: float) -> AzimuthPattern:
    """Two-way power, in dB, of a uniform aperture."""
    amplitude = np.sinc(length_m / WAVELENGTH_M * np.sin(np.radians(_angles(count, increment_deg)))) ** 2
    decibels = 20.0 * np.log10(np.maximum(amplitude, 10.0 ** (FLOOR_DB / 20.0)))
    return AzimuthPattern(increment_deg=increment_deg, values=tuple(round(float(value), 4) + 0.0 for value in decibels))


def _angles(count: int, increment_deg: float) -> Array:
    return np.asarray((np.arange(count) - (count - 1) / 2) * increment_deg)
