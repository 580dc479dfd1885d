"""AUX_INS, AUX_CAL and AUX_PP1: real products read, written again, valid against the real schemas."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from s1pdgs.formats.aux.binding import AuxiliaryError, parse_record
from s1pdgs.formats.aux.cal import calibration_document, read_calibration
from s1pdgs.formats.aux.ins import instrument_document, nominal_chirp, read_instrument
from s1pdgs.formats.aux.pp1 import processing_document, read_processing
from s1pdgs.formats.aux.schema import schema_document
from s1pdgs.formats.xml import parse_xml
from s1pdgs.sar.constants import WAVELENGTH_M

PRODUCTS = [
    ("S1A_AUX_INS", read_instrument, instrument_document),
    ("S1B_AUX_INS", read_instrument, instrument_document),
    ("S1A_AUX_CAL", read_calibration, calibration_document),
    ("S1A_AUX_PP1", read_processing, processing_document),
    ("S1B_AUX_PP1", read_processing, processing_document),
]
each_product = pytest.mark.parametrize(("name", "read", "write"), PRODUCTS, ids=[entry[0] for entry in PRODUCTS])


def product(testdata: Path, name: str) -> Path:
    return next((testdata / "aux_processing").glob(f"{name}_*.SAFE"))


@each_product
def test_a_real_product_written_again_is_equal_and_valid(
    testdata: Path, name: str, read: Callable[[Path], Any], write: Callable[[Any], bytes]
) -> None:
    folder = product(testdata, name)
    parameters = read(folder)
    document = write(parameters)
    assert parse_record(parse_xml(document, name), type(parameters), name) == parameters
    schema = etree.XMLSchema(etree.parse(folder / "support" / f"s1-aux-{name[-3:].lower()}.xsd"))
    schema.assertValid(etree.fromstring(document))


@each_product
def test_our_schema_accepts_the_real_document(
    testdata: Path, name: str, read: Callable[[Path], Any], write: Callable[[Any], bytes]
) -> None:
    folder = product(testdata, name)
    real = etree.parse(next((folder / "data").iterdir()))
    etree.XMLSchema(etree.fromstring(schema_document(real.getroot().tag, type(read(folder))))).assertValid(real)


def test_the_instrument_has_the_known_parameters(testdata: Path) -> None:
    parameters = read_instrument(product(testdata, "S1B_AUX_INS"))
    assert parameters.radar_frequency_hz == 5405000454.33435
    assert parameters.delta_tx_latch_s == 1.438696e-6
    assert parameters.swath("IW1").azimuth_steering_rate_deg_s == 1.590368784
    assert parameters.channel("S3", "VV").time_delay_s == 4.33823e-07
    assert parameters.channel("S3", "VV").swst_bias_s == -7.509862e-09
    assert parameters.channel("S3", "HV").pg_reference == -592.816773754396 - 370.433033216888j
    assert [step.pri_count for step in parameters.timeline(3).sequences[1].steps[:3]] == [1905, 12, 8]
    for missing in (
        lambda: parameters.swath("S7"),
        lambda: parameters.channel("S3", "LL"),
        lambda: parameters.timeline(47),
    ):
        with pytest.raises(AuxiliaryError, match="AUX_INS has no"):
            missing()


def test_the_nominal_chirp_sweeps_at_the_rate_of_the_swath(testdata: Path) -> None:
    swath = read_instrument(product(testdata, "S1B_AUX_INS")).swath("S3")
    time = np.arange(-2e-6, 2e-6, 1e-9)
    frequency = np.diff(np.unwrap(np.angle(nominal_chirp(swath, time)))) / (2 * np.pi * 1e-9)
    assert np.polyfit(time[:-1], frequency, 1)[0] == pytest.approx(1.3449e12, rel=1e-4)


def test_elevation_patterns_are_two_way_power(testdata: Path) -> None:
    """The narrowest beams are those of a uniform aperture of 0.82 m; as amplitudes they would be narrower than that."""
    parameters = read_calibration(product(testdata, "S1A_AUX_CAL"))
    widths = []
    for channel in parameters.channels:
        angles = channel.elevation.angles_deg()
        widths.append(np.ptp(angles[channel.elevation.power(angles) > 0.5]))
    wavelength_over_height = np.degrees(WAVELENGTH_M / 0.821)
    power_width, amplitude_width = 0.638 * wavelength_over_height, 0.886 * wavelength_over_height
    assert power_width < min(widths) < 0.8 * amplitude_width


def test_azimuth_patterns_are_a_12_metre_aperture_there_and_back(testdata: Path) -> None:
    pattern = read_calibration(product(testdata, "S1A_AUX_CAL")).channel("S3", "VV").azimuth
    angles = pattern.angles_deg()
    assert np.ptp(angles[pattern.amplitude(angles) > 10 ** (-3 / 20)]) == pytest.approx(0.165, abs=0.01)
    assert pattern.amplitude(np.array([-0.005]))[0] == 1.0
    assert pattern.amplitude(np.array([2.0]))[0] == 0.0


def test_annotated_patterns_are_the_calibration_patterns_at_elevation_less_roll(testdata: Path) -> None:
    """Of S1A S3 VH of 2021, against an AUX_CAL of 2015: only the version of the beam differs."""
    annotation = next((testdata / "l1_annotations").glob("S1A_S3*/annotation/s1a-s3-slc-vh*.xml"))
    found = etree.parse(annotation).find("antennaPattern/antennaPatternList/antennaPattern")
    angle, values = (np.array(found.findtext(tag).split(), float) for tag in ("elevationAngle", "elevationPattern"))
    annotated = np.hypot(values[0::2], values[1::2])
    pattern = read_calibration(product(testdata, "S1A_AUX_CAL")).channel("S3", "VH").elevation
    ratio = annotated / pattern.power(angle - float(found.findtext("roll")))
    assert 10.0 * np.log10(ratio.max() / ratio.min()) < 0.3


def test_single_valued_element_patterns_stand_for_none(testdata: Path) -> None:
    channel = read_calibration(product(testdata, "S1A_AUX_CAL")).channel("S3", "VV")
    assert channel.azimuth_element.amplitude(np.array([-1.0, 0.0, 1.0])).tolist() == [1.0, 1.0, 1.0]


def test_processing_parameters_of_stripmap(testdata: Path) -> None:
    parameters = read_processing(product(testdata, "S1B_AUX_PP1"))
    detected = parameters.product("SM_GRDH_1")
    assert parameters.product("SM_GRDH_1S") is detected
    look = detected.postprocessing.azimuth_look("S3")
    assert (look.coefficient, look.look_bandwidth_hz, look.looks, look.pixel_spacing_m) == (0.75, 401.0, 6, 10.0)
    assert detected.postprocessing.range_look("S3").processing_bandwidth_hz == 59.4e6
    assert parameters.product("SM_SL1__1").gain("S3", "VH") == 1234795.4594
    scaling = parameters.application_table("SM_Default").scaling("16 bit Signed Integer")
    assert scaling.values == (71.972, 71.972)
    for missing in (
        lambda: parameters.product("SM_XXXX_1"),
        lambda: detected.gain("IW1", "VV"),
        lambda: detected.gain("S3", "RL"),
        lambda: detected.postprocessing.range_look("IW1"),
        lambda: parameters.application_table("None"),
    ):
        with pytest.raises(AuxiliaryError):
            missing()
