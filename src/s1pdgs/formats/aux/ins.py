"""AUX_INS: parameters of the radar instrument (S1-RS-MDA-52-7443, auxiliary instrument file; schemas 2.10 and 3.7)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.aux.document import build_document, read_document
from s1pdgs.formats.aux.safe import AuxiliaryManifest, write_safe

ROOT = "auxiliaryInstrument"
SCHEMA = "s1-aux-ins.xsd"


def read_instrument(safe_dir: Path) -> "InstrumentParameters":
    """Read the AUX_INS product in a SAFE directory. Raises `FormatError` naming the file and the element."""
    return read_document(safe_dir, ROOT, InstrumentParameters)


def write_instrument(
    out_dir: Path, manifest: AuxiliaryManifest, parameters: "InstrumentParameters", schemas: Mapping[str, bytes]
) -> Path:
    """Write an AUX_INS product with its support schemas by file name; returns the SAFE directory."""
    return write_safe(out_dir, manifest, instrument_document(parameters), schemas)


def instrument_document(parameters: "InstrumentParameters") -> bytes:
    """The data file of an AUX_INS product."""
    return build_document(ROOT, parameters, SCHEMA)


@frozen(kw_only=True)
class RollSteering:
    """The roll law: off-nadir angle of the boresight = angle - sensitivity * (height - reference height)."""

    reference_antenna_angle_deg: Annotated[float, "referenceAntennaAngle"]
    reference_height_m: Annotated[float, "referenceHeight"]
    sensitivity_deg_m: Annotated[float, "rollSteeringSensitivity"]


@frozen(kw_only=True)
class RxVariation:
    """Gain across the receive window: trend (p4..p0, q2..q0 of a rational polynomial, dB) and overshoot."""

    polarisation: Annotated[str, "rxPolarisation"]
    gain_trend: Annotated[tuple[float, ...], "gainTrendCoefficients"]
    gain_overshoot: Annotated[tuple[float, ...], "gainOvershootCoefficients"]


@frozen(kw_only=True)
class DecimationFilter:
    """Power transfer function of the on-board decimation filter, sampled every `frequency_increment_hz`."""

    polarisation: Annotated[str, "rxPolarisation"]
    frequency_increment_hz: Annotated[float, "powerTransferFunction/frequencyIncrement"]
    power: Annotated[tuple[float, ...], "powerTransferFunction/values"]
    spurious_frequencies_hz: Annotated[tuple[float, ...], "spuriousFrequencies"]


@frozen(kw_only=True)
class SwathParameters:
    """Instrument parameters of one swath.

    The nominal chirp is a(t) exp(2 pi i phi(t)) with polynomials in t (s) whose coefficients ascend.
    `nominal_pulse_length_s` 0 means the one of the downlink.
    """

    swath: Annotated[str, "swath"]
    azimuth_steering_rate_deg_s: Annotated[float, "radarParams/azimuthSteeringRate"]
    amplitude_coefficients: Annotated[tuple[float, ...], "pulseParams/amplitudeCoefficients"]
    phase_coefficients: Annotated[tuple[float, ...], "pulseParams/phaseCoefficients"]
    nominal_pulse_length_s: Annotated[float, "pulseParams/nominalTxPulseLength"]
    rx_variations: Annotated[tuple[RxVariation, ...], "rxVariationCorrectionParamsList/rxVariationCorrectionParams"]
    decimation_filters: Annotated[
        tuple[DecimationFilter, ...] | None, "onBoardDecimationFilterParamsList/onBoardDecimationFilterParams"
    ] = None


@frozen(kw_only=True)
class PccParameters:
    """How calibration pulses of one signal are combined; `order` counts pulses from 1."""

    signal: Annotated[str, "signal"]
    order: Annotated[tuple[int, ...], "order"]
    method: Annotated[str, "method"]


@frozen(kw_only=True)
class ChannelParameters:
    """Internal calibration of one swath and polarisation; `pg_model` starts at the ascending node."""

    swath: Annotated[str, "swath"]
    polarisation: Annotated[str, "polarisation"]
    time_delay_s: Annotated[float, "timeDelay"]
    nominal_gain: Annotated[complex, "nominalGain"]
    extracted_gain: Annotated[complex, "extractedGain"]
    pg_model_interval_s: Annotated[float, "pgProductModel/pgModelInterval"]
    pg_model: Annotated[tuple[complex, ...], "pgProductModel/values"]
    pg_reference: Annotated[complex, "pgReference"]
    swst_bias_s: Annotated[float, "swstBias"]
    azimuth_time_bias_s: Annotated[float | None, "azimuthTimeBias"] = None
    noise: Annotated[float, "noise"]
    replica_pcc: Annotated[tuple[PccParameters, ...], "replicaPccParamsList/pccParams"]
    pg_pcc: Annotated[tuple[PccParameters, ...], "pgPccParamsList/pccParams"]


@frozen(kw_only=True)
class TimelineStep:
    """`pri_count` consecutive PRIs of one signal; `bandwidth` is `Image` or `Full`."""

    swath: Annotated[str, "swath"]
    signal: Annotated[str, "signal"]
    bandwidth: Annotated[str, "bandwidth"]
    pri_count: Annotated[int, "numPri"]


@frozen(kw_only=True)
class TimelineSequence:
    """A phase of a data take (`Preamble`, `Image Acquisition`, `Postamble`); `repeat` for the imaging cycle."""

    name: Annotated[str, "name"]
    repeat: Annotated[bool, "repeat"]
    steps: Annotated[tuple[TimelineStep, ...], "ispList/isp"]


@frozen(kw_only=True)
class SwathNumber:
    """The swath that a swath number in a packet stands for."""

    number: Annotated[int, "swathNumber"]
    swath: Annotated[str, "swath"]


@frozen(kw_only=True)
class Timeline:
    """What the instrument does in a measurement mode."""

    ecc_number: Annotated[int, "eccNumber"]
    mode: Annotated[str, "mode"]
    sequences: Annotated[tuple[TimelineSequence, ...], "sequenceList/sequence"]
    swath_numbers: Annotated[tuple[SwathNumber, ...], "swathMapList/swathMap"]


@frozen(kw_only=True)
class HuffmanTable:
    """Decoding tree of one bit rate code."""

    code: Annotated[str, "baqCode"]
    tree: Annotated[tuple[int, ...], "values"]


@frozen(kw_only=True)
class ReconstructionTable:
    """Reconstruction levels of one coding."""

    code: Annotated[str, "baqCode"]
    values: Annotated[tuple[float, ...], "values"]


@frozen(kw_only=True)
class Threshold:
    """Threshold index and code up to which one coding is reconstructed simply."""

    code: Annotated[str, "baqCode"]
    threshold_index: Annotated[int, "thidxThreshold"]
    magnitude_code: Annotated[int, "mCodeThreshold"]


@frozen(kw_only=True)
class DecodingParameters:
    """Tables of packet decoding."""

    huffman: Annotated[tuple[HuffmanTable, ...], "huffmanLutList/huffmanLut"]
    normalised_levels: Annotated[tuple[ReconstructionTable, ...], "nrlLutList/rlLut"]
    simple_levels: Annotated[tuple[ReconstructionTable, ...], "srlLutList/rlLut"]
    sigma_factors: Annotated[tuple[float, ...], "sigmaFactorLut"]
    thresholds: Annotated[tuple[Threshold, ...], "thresholdLutList/thresholdLut"]
    tgu_celsius: Annotated[tuple[float, ...], "tguLut"]
    tile_celsius: Annotated[tuple[float, ...], "tileLut"]


@frozen(kw_only=True)
class InstrumentParameters:
    """An AUX_INS product. `delta_tx_latch_s` is absent before schema 3."""

    schema_version: Annotated[str, "@schemaVersion"]
    radar_frequency_hz: Annotated[float, "radarFrequency"]
    delta_t_guard_s: Annotated[float, "deltaTGuard1"]
    delta_t_suppr_s: Annotated[float, "deltaTSuppr"]
    delta_tx_latch_s: Annotated[float | None, "deltaTXLatch"] = None
    roll_steering: Annotated[RollSteering, "rollSteeringParams"]
    swaths: Annotated[tuple[SwathParameters, ...], "swathParamsList/swathParams"]
    channels: Annotated[tuple[ChannelParameters, ...], "internalCalibrationParamsList/internalCalibrationParams"]
    timelines: Annotated[tuple[Timeline, ...], "timelineList/timeline"]
    decoding: Annotated[DecodingParameters, "decodingParams"]

    def swath(self, swath: str) -> SwathParameters:
        """Raises `AuxiliaryError` when the product has no such swath."""
        for entry in self.swaths:
            if entry.swath == swath:
                return entry
        raise AuxiliaryError(f"AUX_INS has no parameters of swath {swath}")

    def channel(self, swath: str, polarisation: str) -> ChannelParameters:
        """Raises `AuxiliaryError` when the product has no such swath and polarisation."""
        for entry in self.channels:
            if (entry.swath, entry.polarisation) == (swath, polarisation):
                return entry
        raise AuxiliaryError(f"AUX_INS has no internal calibration of swath {swath}, polarisation {polarisation}")

    def timeline(self, ecc_number: int) -> Timeline:
        """Raises `AuxiliaryError` when the product has no timeline of this measurement mode."""
        for entry in self.timelines:
            if entry.ecc_number == ecc_number:
                return entry
        raise AuxiliaryError(f"AUX_INS has no timeline of ECC number {ecc_number}")


def nominal_chirp(parameters: SwathParameters, time_s: NDArray[np.float64]) -> NDArray[np.complex128]:
    """The nominal chirp at `time_s`, the time from the centre of the pulse: complex128 of the same shape."""
    amplitude = np.polynomial.polynomial.polyval(time_s, parameters.amplitude_coefficients)
    cycles = np.polynomial.polynomial.polyval(time_s, parameters.phase_coefficients)
    return np.asarray(amplitude * np.exp(2j * np.pi * cycles), dtype=np.complex128)
