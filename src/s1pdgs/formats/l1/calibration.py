"""The calibration data set: look-up tables from digital numbers to radar cross section (s1-level-1-calibration.xsd)."""

from datetime import datetime
from pathlib import Path

from s1pdgs.formats.l1.annotation.header import AdsHeader
from s1pdgs.formats.l1.leaves import IntArray, Signed, Single, SingleArray
from s1pdgs.formats.l1.records import document, read_document, record
from s1pdgs.formats.xml import read_xml

ROOT = "calibration"


@record
class CalibrationInformation:
    """The absolute calibration constant, a power factor."""

    absolute_calibration_constant: Single


@record
class CalibrationVector:
    """Amplitude factors A along one line, at some pixels: sigma nought = DN^2 / A^2, and so for the others.

    `line` may lie outside the image; every array has the size of `pixel`.
    """

    azimuth_time: datetime
    line: Signed
    pixel: IntArray
    sigma_nought: SingleArray
    beta_nought: SingleArray
    gamma: SingleArray
    dn: SingleArray


@record
class Calibration:
    """The calibration vectors of one image."""

    ads_header: AdsHeader
    calibration_information: CalibrationInformation
    calibration_vector_list: tuple[CalibrationVector, ...]


def calibration_xml(calibration: Calibration) -> bytes:
    """The data set as a document; `FormatError` names the element that cannot be written."""
    return document(ROOT, calibration)


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file; `XmlError` names the file and the element at fault."""
    return read_document(read_xml(path), ROOT, Calibration, str(path))
