"""The noise data set: thermal noise power in squared digital numbers, as annotated since IPF 2.9
(s1-level-1-noise.xsd).
"""

from datetime import datetime
from pathlib import Path

from s1pdgs.formats.l1.annotation.header import AdsHeader
from s1pdgs.formats.l1.leaves import IntArray, Signed, SingleArray, Swath
from s1pdgs.formats.l1.records import document, read_document, record
from s1pdgs.formats.xml import read_xml

ROOT = "noise"


@record
class NoiseRangeVector:
    """Noise power along one line, at some pixels; `line` may lie outside the image."""

    azimuth_time: datetime
    line: Signed
    pixel: IntArray
    noise_range_lut: SingleArray


@record
class NoiseAzimuthVector:
    """A factor along azimuth, at some lines, for a block of the image (bounds included). WV tells no block."""

    swath: Swath | None = None
    first_azimuth_line: int | None = None
    first_range_sample: int | None = None
    last_azimuth_line: int | None = None
    last_range_sample: int | None = None
    line: IntArray
    noise_azimuth_lut: SingleArray


@record
class Noise:
    """The noise vectors of one image: noise power is range vector times azimuth vector."""

    ads_header: AdsHeader
    noise_range_vector_list: tuple[NoiseRangeVector, ...]
    noise_azimuth_vector_list: tuple[NoiseAzimuthVector, ...]


def noise_xml(noise: Noise) -> bytes:
    """The data set as a document; `FormatError` names the element that cannot be written."""
    return document(ROOT, noise)


def read_noise(path: Path) -> Noise:
    """Read a noise file; `XmlError` names the file and the element at fault."""
    return read_document(read_xml(path), ROOT, Noise, str(path))
