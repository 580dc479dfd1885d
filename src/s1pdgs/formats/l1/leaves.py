"""The elementary values of Level-1 annotations: how each is spelled in XML and which schema type it has.

Spelling follows published products (IPF 3.31): doubles with 16 and floats with 7 significant digits in exponent form,
integers plain, booleans as words, times in UTC without a zone designator, arrays as words with a `count` attribute.
"""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Protocol

import numpy as np
from attrs import frozen
from lxml import etree
from numpy.typing import NDArray

from s1pdgs.model.time import parse_utc

_SPECIAL = {"INF": "inf", "-INF": "-inf"}


def format_time(moment: datetime) -> str:
    """`YYYY-MM-DDThh:mm:ss.ffffff`, UTC; raises `ValueError` for a time without a zone."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"time {moment.isoformat()} has no zone; give UTC")
    return (moment - offset).strftime("%Y-%m-%dT%H:%M:%S.%f")


def format_number(value: float, form: str) -> str:
    """A number in a format such as `.6e`; infinities as XML Schema spells them."""
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return "NaN" if math.isnan(value) else format(value, form)


def _set_words(element: etree._Element, count: int, words: list[str]) -> None:
    element.set("count", str(count))
    element.text = " ".join(words)


def _words(element: etree._Element) -> list[str]:
    return (element.text or "").split()


def _declared_count(element: etree._Element) -> int:
    text = element.get("count")
    if text is None:
        raise ValueError("attribute count is missing")
    return int(text)


class Leaf(Protocol):
    """Writes a value into an element and reads it back; `ValueError` tells why a text is not such a value."""

    @property
    def xsd_type(self) -> str:
        """The name of its type in s1-object-types.xsd."""

    @property
    def is_array(self) -> bool:
        """True when values are numpy arrays."""

    def write(self, element: etree._Element, value: Any) -> None:
        """Fill an empty element."""

    def read(self, element: etree._Element) -> Any:
        """The value of an element."""


@frozen
class Word:
    """A value that is one text."""

    xsd_type: str
    parse: Callable[[str], Any]
    spell: Callable[[Any], str]
    is_array: bool = False

    def write(self, element: etree._Element, value: Any) -> None:
        element.text = self.spell(value)

    def read(self, element: etree._Element) -> Any:
        return self.parse((element.text or "").strip())


@frozen
class Choice:
    """One of a closed list of texts."""

    xsd_type: str
    allowed: tuple[str, ...]
    is_array: bool = False

    def write(self, element: etree._Element, value: Any) -> None:
        element.text = self._checked(value)

    def read(self, element: etree._Element) -> Any:
        return self._checked((element.text or "").strip())

    def _checked(self, value: str) -> str:
        if value not in self.allowed:
            raise ValueError(f"{value!r} is not one of {', '.join(self.allowed)}")
        return value


@frozen
class Numbers:
    """An array of numbers, one dimension."""

    xsd_type: str
    form: str
    is_array: bool = True

    @property
    def dtype(self) -> type[np.generic]:
        return np.int64 if self.form == "d" else np.float64

    def write(self, element: etree._Element, value: Any) -> None:
        values = np.asarray(value)
        if values.ndim != 1:
            raise ValueError(f"an array of {values.ndim} dimensions; one is written")
        _set_words(element, values.size, [format_number(item, self.form) for item in values.tolist()])

    def read(self, element: etree._Element) -> Any:
        values = np.array([_SPECIAL.get(word, word) for word in _words(element)], dtype=np.str_).astype(self.dtype)
        if values.size != _declared_count(element):
            raise ValueError(f"{values.size} values where count says {_declared_count(element)}")
        return values


@frozen
class ComplexNumbers:
    """An array of complex numbers, real and imaginary parts in turn. Older products give real parts alone."""

    xsd_type: str = "complexArray"
    form: str = ".6e"
    is_array: bool = True

    @property
    def dtype(self) -> type[np.generic]:
        return np.complex128

    def write(self, element: etree._Element, value: Any) -> None:
        values = np.ascontiguousarray(value, dtype=np.complex128)
        if values.ndim != 1:
            raise ValueError(f"an array of {values.ndim} dimensions; one is written")
        parts = values.view(np.float64).tolist()
        _set_words(element, values.size, [format_number(part, self.form) for part in parts])

    def read(self, element: etree._Element) -> Any:
        parts = np.array(_words(element), dtype=np.str_).astype(np.float64)
        count = _declared_count(element)
        if parts.size == count:
            return parts.astype(np.complex128)
        if parts.size != 2 * count:
            raise ValueError(f"{parts.size} values where count says {count} complex ones")
        return parts.view(np.complex128)


@frozen
class ComplexPair:
    """A complex number in the children `re` and `im`."""

    xsd_type: str = "complex"
    is_array: bool = False

    def write(self, element: etree._Element, value: Any) -> None:
        for name, part in (("re", value.real), ("im", value.imag)):
            etree.SubElement(element, name).text = format_number(float(part), ".6e")

    def read(self, element: etree._Element) -> Any:
        texts = [element.findtext(name) for name in ("re", "im")]
        if None in texts:
            raise ValueError("children re and im are expected")
        return complex(*(float(text or "") for text in texts))


@frozen
class BurstNumber:
    """The number of a burst within its cycle, and counted since the beginning of the mission."""

    relative: int
    absolute: int


@frozen
class BurstNumberLeaf:
    """The relative number as text, the absolute one as attribute."""

    xsd_type: str = "burstIdType"
    is_array: bool = False

    def write(self, element: etree._Element, value: Any) -> None:
        element.set("absolute", str(value.absolute))
        element.text = str(value.relative)

    def read(self, element: etree._Element) -> Any:
        return BurstNumber(int((element.text or "").strip()), int(element.get("absolute", "")))


def _parse_flag(text: str) -> bool:
    if text not in {"true", "false", "1", "0"}:
        raise ValueError(f"{text!r} is not true or false")
    return text in {"true", "1"}


def _spell_count(value: int) -> str:
    if value < 0:
        raise ValueError(f"{value} is negative")
    return format(int(value), "d")


def _parse_float(text: str) -> float:
    return float(_SPECIAL.get(text, text))


TIME = Word("timeType", parse_utc, format_time)
FLAG = Word("bool", _parse_flag, lambda value: "true" if value else "false")
TEXT = Word("string", str, str)
COUNT = Word("uint64", int, _spell_count)
DOUBLE = Word("double", _parse_float, lambda value: format_number(float(value), ".15e"))
COMPLEX = ComplexPair()

Single = Annotated[float, Word("float", _parse_float, lambda value: format_number(float(value), ".6e"))]
Whole = Annotated[int, Word("unsignedInt", int, _spell_count)]
Signed = Annotated[int, Word("int32", int, lambda value: format(int(value), "d"))]
ImageNumber = Annotated[int, Word("imageNumberType", int, lambda value: format(int(value), "03d"))]
BurstId = Annotated[BurstNumber, BurstNumberLeaf()]
DoubleArray = Annotated[NDArray[np.float64], Numbers("doubleArray", ".15e")]
SingleArray = Annotated[NDArray[np.float64], Numbers("floatArray", ".6e")]
DoubleCoefficients = Annotated[NDArray[np.float64], Numbers("doubleCoefficientArray", ".15e")]
SingleCoefficients = Annotated[NDArray[np.float64], Numbers("floatCoefficientArray", ".6e")]
IntArray = Annotated[NDArray[np.int64], Numbers("intArray", "d")]
ComplexArray = Annotated[NDArray[np.complex128], ComplexNumbers()]

_SM = tuple(f"S{number}" for number in range(1, 7))
_NOTCH = tuple(f"N{number}" for number in range(1, 7))
Mission = Annotated[str, Choice("missionIdType", ("S1A", "S1B", "S1C", "S1D"))]
ProductType = Annotated[str, Choice("productType", ("SLC", "GRD", "BRW", "OCN"))]
Polarisation = Annotated[str, Choice("polarisationType", ("HH", "HV", "VH", "VV"))]
Mode = Annotated[str, Choice("sensorModeType", (*_SM, "IW", "EW", "WV", "EN", *_NOTCH, "RF", "IM"))]
Swath = Annotated[
    str,
    Choice(
        "swathType",
        (
            *_SM, "IW", "IW1", "IW2", "IW3", "EW", "EW1", "EW2", "EW3", "EW4", "EW5", "WV", "WV1", "WV2", "EN", *_NOTCH,
            "RF",
        ),
    ),
]  # fmt: skip
Pass = Annotated[str, Choice("passDirectionType", ("Ascending", "Descending", "ASCENDING", "DESCENDING"))]
Projection = Annotated[str, Choice("projectionType", ("Slant Range", "Ground Range"))]
DcMethod = Annotated[str, Choice("dcMethodType", ("Data Analysis", "Orbit and Attitude", "Pre-defined"))]
DcInputData = Annotated[str, Choice("dcInputDataType", ("Raw", "Range Compressed"))]
ChirpSource = Annotated[str, Choice("chirpSourceType", ("Nominal", "Extracted"))]
PgSource = Annotated[str, Choice("pgSourceType", ("Extracted", "Model"))]
RrfSpectrum = Annotated[str, Choice("rrfSpectrumType", ("Unextended", "Extended Flat", "Extended Tapered"))]
DataFormatMode = Annotated[
    str,
    Choice(
        "dataFormatModeType",
        (
            "Full 8 Bit", "SM", "FBAQ 2 Bit", "FBAQ 3 Bit", "FBAQ 4 Bit", "FBAQ 5 Bit", "None", "FDBAQ", "BAQ 3 Bit",
            "BAQ 4 Bit", "BAQ 5 Bit", "Decimation", "Bypass",
        ),
    ),
]  # fmt: skip
AocsMode = Annotated[str, Choice("aocsOpModeType", ("No Mode", "Normal Pointing Mode", "Orbit Control Mode"))]
ReferenceFrame = Annotated[
    str,
    Choice(
        "referenceFrameType",
        (
            "Undefined", "Galactic", "BM1950", "BM2000", "HM2000", "GM2000", "Mean Of Date", "True Of Date",
            "Pseudo True Of Date", "Earth Fixed", "Topocentric", "Satellite Orbital", "Satellite Nominal",
            "Satellite Attitude", "Instrument Attitude",
        ),
    ),
]  # fmt: skip
Composition = Annotated[str, Choice("productCompositionType", ("Individual", "Slice", "Assembled"))]
PixelValue = Annotated[str, Choice("pixelValueType", ("Complex", "Detected"))]
OutputPixels = Annotated[
    str,
    Choice(
        "outputPixelsType",
        ("32 bit Float", "16 bit Signed Integer", "16 bit Unsigned Integer", "8 bit Unsigned Integer"),
    ),
]
Window = Annotated[str, Choice("weightingWindowType", ("Kaiser", "Hamming", "None"))]
TopsFilter = Annotated[str, Choice("topsFilterConventionType", ("All Lines", "Only Echo Lines"))]
VectorSource = Annotated[str, Choice("orbitAttitudeSourceType", ("Downlink", "Auxiliary"))]
RfiMitigation = Annotated[str, Choice("RFIMitigationPerformedType", ("Never", "Always", "BasedOnNoiseMeas"))]
RfiDomain = Annotated[str, Choice("RFIMitigationDomainType", ("Time", "Frequency", "TimeAndFrequency"))]
RfiApplied = Annotated[str, Choice("rfiMitigationAppliedType", ("None", "Time", "Frequency", "TimeFrequency"))]
