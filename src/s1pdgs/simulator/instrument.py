"""The instrument as its auxiliary files describe it: what the simulator and the processors must agree upon."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from attrs import field, frozen

from s1pdgs.formats.aux.cal import read_calibration
from s1pdgs.formats.aux.ins import read_instrument
from s1pdgs.formats.aux.pp1 import read_processing
from s1pdgs.sar.antenna import AntennaPattern
from s1pdgs.simulator.errors import SimulatorError


@frozen(eq=False)
class Channel:
    """One polarisation of a swath: patterns (amplitude), raw counts per square root of RCS at the peak of the beam and
    the reference range (`gain` of AUX_PP1), and the delay of echoes in the instrument (timeDelay + swstBias).
    `element` is the azimuth pattern of the antenna's elements, which bounds the steering of TOPS.
    """

    polarisation: str
    elevation: AntennaPattern
    azimuth: AntennaPattern
    gain: float
    delay_s: float
    element: AntennaPattern = field(factory=AntennaPattern.uniform)


def read_channels(folder: Path, swath: str, polarisations: Iterable[str]) -> Mapping[str, Channel]:
    """The channels as the AUX_INS, AUX_CAL and AUX_PP1 products in a folder say; raises `SimulatorError` without them.

    `FormatError` when a product is damaged or does not know the swath or polarisation.
    """
    instrument = read_instrument(_only(folder, "AUX_INS"))
    calibration = read_calibration(_only(folder, "AUX_CAL"))
    mode = swath[:2] if swath[:2] in {"IW", "EW", "WV"} else "SM"
    processing = read_processing(_only(folder, "AUX_PP1")).product(f"{mode}_SLC__1S")
    channels = {}
    for polarisation in polarisations:
        internal = instrument.channel(swath, polarisation)
        patterns = calibration.channel(swath, polarisation)
        channels[polarisation] = Channel(
            polarisation=polarisation,
            elevation=AntennaPattern.of_elevation(patterns.elevation.angles_deg(), np.array(patterns.elevation.values)),
            azimuth=AntennaPattern.of_azimuth(patterns.azimuth.angles_deg(), patterns.azimuth.values),
            gain=processing.gain(swath, polarisation),
            delay_s=internal.time_delay_s + internal.swst_bias_s,
            element=AntennaPattern.of_azimuth(patterns.azimuth_element.angles_deg(), patterns.azimuth_element.values),
        )
    return channels


def _only(folder: Path, kind: str) -> Path:
    found = sorted(folder.glob(f"S1?_{kind}_*.SAFE"))
    if len(found) != 1:
        raise SimulatorError(f"{folder}: {len(found)} products {kind}; exactly one is needed")
    return found[0]
