"""The simulated AUX_INS: the instrument as sar.md, sections 2.2 and 2.3, and real products describe it.

The simulated receiver has no gain variation over its window and its internal calibration product (PG) is 1.
"""

from collections.abc import Iterator
from typing import Any

from s1pdgs.formats.aux.ins import (
    ChannelParameters,
    DecodingParameters,
    HuffmanTable,
    InstrumentParameters,
    PccParameters,
    ReconstructionTable,
    RollSteering,
    RxVariation,
    SwathNumber,
    SwathParameters,
    Threshold,
    Timeline,
    TimelineSequence,
    TimelineStep,
)
from s1pdgs.formats.isp.tables import document
from s1pdgs.sar.attitude import REFERENCE_HEIGHT_M, REFERENCE_ROLL_DEG, ROLL_SENSITIVITY_DEG_PER_M
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ
from s1pdgs.sar.timing import DELTA_TX_LATCH_S
from s1pdgs.simulator.swaths import Swath, all_swaths

SCHEMA_VERSION = "3.7"
SWST_BIAS_S = -7.509862e-9
TIME_DELAY_S = {"HH": 4.335977e-7, "HV": 4.334856e-7, "VV": 4.338230e-7, "VH": 4.338179e-7}
RAW_NOISE_POWER = 23.0
"""Mean square modulus of raw noise in counts that stands for a noise equivalent sigma nought of -27 dB in S3."""

_DELTA_T_GUARD_S = 1.06568e-6
_DELTA_T_SUPPR_S = 1.06567992548971e-6
_PG_MODEL_INTERVAL_S = 6500.0
_NO_TREND = (0.0,) * 7 + (1.0,)
_NO_OVERSHOOT = (0.0,) * 5
_NORTH, _SOUTH = (4, 54, 40, 90), (5, 55, 41, 91)
_S5_NUMBERS = {5: _NORTH, 22: _NORTH, 25: _NORTH, 10: _SOUTH, 23: _SOUTH, 26: _SOUTH}
"""S5 (and N5) has one measurement mode for each hemisphere."""
_MULTI_SWATH = {"IW": ("IW1", "IW2", "IW3"), "EW": tuple(f"EW{k}" for k in range(1, 6)), "WV": ("WV1", "WV2")}


def instrument_parameters() -> InstrumentParameters:
    """The whole AUX_INS."""
    return InstrumentParameters(
        schema_version=SCHEMA_VERSION,
        radar_frequency_hz=RADAR_FREQUENCY_HZ,
        delta_t_guard_s=_DELTA_T_GUARD_S,
        delta_t_suppr_s=_DELTA_T_SUPPR_S,
        delta_tx_latch_s=DELTA_TX_LATCH_S,
        roll_steering=RollSteering(
            reference_antenna_angle_deg=REFERENCE_ROLL_DEG,
            reference_height_m=REFERENCE_HEIGHT_M,
            sensitivity_deg_m=ROLL_SENSITIVITY_DEG_PER_M,
        ),
        swaths=tuple(_swath(entry) for entry in all_swaths()),
        channels=tuple(_channel(entry.name, pol) for entry in all_swaths() for pol in entry.polarisations),
        timelines=tuple(_timeline(int(ecc), phases) for ecc, phases in document()["timelines"].items()),
        decoding=_decoding(),
    )


def _swath(entry: Swath) -> SwathParameters:
    return SwathParameters(
        swath=entry.name,
        azimuth_steering_rate_deg_s=entry.steering_deg_s,
        amplitude_coefficients=(1.0, 0.0, 0.0, 0.0),
        phase_coefficients=entry.phase_coefficients,
        nominal_pulse_length_s=0.0,
        rx_variations=tuple(
            RxVariation(polarisation=received, gain_trend=_NO_TREND, gain_overshoot=_NO_OVERSHOOT) for received in "HV"
        ),
    )


def _channel(swath_name: str, polarisation: str) -> ChannelParameters:
    return ChannelParameters(
        swath=swath_name,
        polarisation=polarisation,
        time_delay_s=TIME_DELAY_S[polarisation],
        nominal_gain=1.0 + 0.0j,
        extracted_gain=1.0 + 0.0j,
        pg_model_interval_s=_PG_MODEL_INTERVAL_S,
        pg_model=(1.0 + 0.0j, 1.0 + 0.0j),
        pg_reference=1.0 + 0.0j,
        swst_bias_s=SWST_BIAS_S,
        azimuth_time_bias_s=0.0,
        noise=RAW_NOISE_POWER,
        replica_pcc=tuple(_pulse_combinations(polarisation[0], 50, 50, 50)),
        pg_pcc=tuple(_pulse_combinations(polarisation[0], 12, 20, 8)),
    )


def _pulse_combinations(
    transmitted: str, tx_pulses: int, pulses: int, isolation_pulses: int
) -> Iterator[PccParameters]:
    """The last pulses of each signal; transmission in H is freed of the isolation signal instead of PCC2."""
    if transmitted == "H":
        yield PccParameters(signal="TxCal", order=(tx_pulses,), method="Isolation Subtraction")
    else:
        yield PccParameters(signal="TxCal", order=(tx_pulses, tx_pulses - 1), method="PCC2")
    for signal in ("RxCal", "EpdnCal", "TaCal"):
        yield PccParameters(signal=signal, order=(pulses, pulses - 1), method="PCC2")
    yield PccParameters(signal="ApdnCal", order=tuple(range(pulses - 7, pulses + 1)), method="Average")
    if transmitted == "H":
        yield PccParameters(signal="TxHCalIso", order=(isolation_pulses,), method="Isolation Subtraction")


def _timeline(ecc_number: int, phases: dict[str, Any]) -> Timeline:
    mode = document()["ecc_to_mode"][str(ecc_number)]
    return Timeline(
        ecc_number=ecc_number,
        mode=mode,
        sequences=tuple(
            TimelineSequence(
                name=name,
                repeat=name == "Image Acquisition",
                steps=tuple(
                    TimelineStep(swath=swath, signal=signal, bandwidth=bandwidth, pri_count=count)
                    for swath, signal, bandwidth, count in steps
                ),
            )
            for name, steps in phases.items()
        ),
        swath_numbers=tuple(
            SwathNumber(number=number, swath=name)
            for name in _MULTI_SWATH.get(mode, (mode,))
            for number in _S5_NUMBERS.get(ecc_number, _numbers_of(name))
        ),
    )


def _numbers_of(swath_name: str) -> tuple[int, ...]:
    """Swath numbers in the order image, its TxCal, full bandwidth, its TxCal."""
    numbers = sorted(int(key) for key, names in document()["swath_number_to_swaths"].items() if swath_name in names)
    image, full = numbers[:2] if swath_name != "RF" else (numbers[1], numbers[0])
    return (image, image + 50, full, full + 50)


def _decoding() -> DecodingParameters:
    tables = document()
    simple = tables["simple_reconstruction"]
    return DecodingParameters(
        huffman=tuple(
            HuffmanTable(code=_code_name(mode), tree=tuple(_tree(codes))) for mode, codes in tables["huffman"].items()
        ),
        normalised_levels=tuple(
            ReconstructionTable(code=_code_name(mode), values=tuple(levels)) for mode, levels in tables["nrl"].items()
        ),
        simple_levels=tuple(
            ReconstructionTable(code=_code_name(mode), values=tuple(entry["top_values"]))
            for mode, entry in simple.items()
        ),
        sigma_factors=tuple(tables["sigma_factor"]),
        thresholds=tuple(
            Threshold(
                code=_code_name(mode), threshold_index=entry["limit"], magnitude_code=len(tables["nrl"][mode]) - 1
            )
            for mode, entry in simple.items()
        ),
        tgu_celsius=tuple(tables["tgu_temperature_degC"]),
        tile_celsius=tuple(0.0 if value is None else value for value in tables["efe_temperature_degC"]),
    )


def _code_name(mode: str) -> str:
    return f"BRC {mode[3:]}" if mode.startswith("BRC") else f"BAQ {mode[3:]}-Bit"


def _tree(codes: list[str], prefix: str = "") -> Iterator[int]:
    """The decoding tree: (1, bit, magnitude) for a leaf, (0, bit) and its two sides for a node."""
    for bit in "01":
        word = prefix + bit
        if word in codes:
            yield from (1, int(bit), codes.index(word))
        else:
            yield from (0, int(bit))
            yield from _tree(codes, word)
