"""The facts in a SAFE manifest (XFDU) of any level, read by local names whatever the namespaces and their prefixes.

Level-0 to Level-2 product format specifications; the mapping to catalogue keys is that of coprs.md, section 4.2.
"""

from datetime import datetime
from pathlib import Path

from attrs import field, frozen
from lxml import etree

from s1pdgs.formats.xml import FormatError, local_name, read_xml
from s1pdgs.model.time import parse_utc


@frozen
class Manifest:
    """Facts of a product manifest. Texts and numbers are None, tuples empty, where the manifest does not tell them.

    `frames` are rings of (longitude, latitude) in degrees, in the order of the manifest.
    """

    version: str
    start: datetime | None = None
    stop: datetime | None = None
    start_anx_ms: float | None = None
    stop_anx_ms: float | None = None
    satellite_number: str | None = None
    mode: str | None = None
    swaths: tuple[str, ...] = ()
    orbits: tuple[int, int] | None = None
    relative_orbits: tuple[int, int] | None = None
    cycle: int | None = None
    flight_pass: str | None = None
    ascending_node_time: datetime | None = None
    frames: tuple[tuple[tuple[float, float], ...], ...] = ()
    processing_start: datetime | None = None
    processing_stop: datetime | None = None
    facility: str | None = None
    software: str | None = None
    software_version: str | None = None
    information: dict[str, tuple[str, ...]] = field(factory=dict)
    """Leaf elements of standAloneProductInformation: local name -> texts in order."""
    missing_elements: int | None = None
    corrupted_elements: int | None = None
    files: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """The first text of a standAloneProductInformation element."""
        return next(iter(self.information.get(name, ())), None)

    def number(self, name: str) -> int | None:
        """The same as a whole number; `FormatError` when it is none."""
        text = self.text(name)
        try:
            return None if text is None else int(text)
        except ValueError:
            raise FormatError(f"manifest element {name} is {text!r}, not a whole number") from None


def read_manifest(path: Path) -> Manifest:
    """Read `manifest.safe`; `FormatError` names the file and the element at fault."""
    root = read_xml(path)
    if local_name(root) != "XFDU":
        raise FormatError(f"{path}: root element {local_name(root)} is not XFDU; not a SAFE manifest")
    try:
        return _facts(root)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None


def _facts(root: etree._Element) -> Manifest:
    leaves = _Leaves(root)
    processing = leaves.element("processing")
    facility, software = leaves.element("facility"), leaves.element("software")
    return Manifest(
        version=root.get("version", ""),
        start=leaves.time("startTime"),
        stop=leaves.time("stopTime"),
        start_anx_ms=leaves.number("startTimeANX"),
        stop_anx_ms=leaves.number("stopTimeANX"),
        satellite_number=leaves.text("number"),
        mode=leaves.text("mode"),
        swaths=leaves.texts("swath"),
        orbits=leaves.pair("orbitNumber"),
        relative_orbits=leaves.pair("relativeOrbitNumber"),
        cycle=leaves.whole("cycleNumber"),
        flight_pass=leaves.text("pass"),
        ascending_node_time=leaves.time("ascendingNodeTime"),
        frames=tuple(_ring(text) for text in leaves.texts("coordinates")),
        processing_start=_time_attribute(processing, "start"),
        processing_stop=_time_attribute(processing, "stop"),
        facility=None if facility is None else facility.get("site") or facility.get("name"),
        software=None if software is None else software.get("name"),
        software_version=None if software is None else software.get("version"),
        information=_information(leaves.element("standAloneProductInformation")),
        missing_elements=leaves.total("numOfMissingElements"),
        corrupted_elements=leaves.total("numOfCorruptedElements"),
        files=tuple(href for element in leaves.all("fileLocation") if (href := element.get("href"))),
    )


class _Leaves:
    """Elements of a tree by local name, in document order."""

    def __init__(self, root: etree._Element) -> None:
        self._found: dict[str, list[etree._Element]] = {}
        for element in root.iter(etree.Element):
            self._found.setdefault(local_name(element), []).append(element)

    def all(self, name: str) -> list[etree._Element]:
        return self._found.get(name, [])

    def element(self, name: str) -> etree._Element | None:
        return next(iter(self.all(name)), None)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(text for element in self.all(name) if (text := (element.text or "").strip()))

    def text(self, name: str) -> str | None:
        return next(iter(self.texts(name)), None)

    def number(self, name: str) -> float | None:
        text = self.text(name)
        return None if text is None else float(text)

    def whole(self, name: str) -> int | None:
        text = self.text(name)
        return None if text is None else int(text)

    def total(self, name: str) -> int | None:
        texts = self.texts(name)
        return sum(map(int, texts)) if texts else None

    def time(self, name: str) -> datetime | None:
        text = self.text(name)
        return None if text is None else parse_utc(text)

    def pair(self, name: str) -> tuple[int, int] | None:
        values = [int(text) for text in self.texts(name)]
        return (values[0], values[-1]) if values else None


def _time_attribute(element: etree._Element | None, name: str) -> datetime | None:
    value = None if element is None else element.get(name)
    return None if not value else parse_utc(value)


def _information(element: etree._Element | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for leaf in [] if element is None else element.iter(etree.Element):
        text = (leaf.text or "").strip()
        if text and len(leaf) == 0:
            found[local_name(leaf)] = (*found.get(local_name(leaf), ()), text)
    return found


def _ring(text: str) -> tuple[tuple[float, float], ...]:
    """`lat,lon lat,lon ...` as (longitude, latitude)."""
    points = []
    for pair in text.split():
        latitude, _, longitude = pair.partition(",")
        point = (float(longitude), float(latitude))
        if not (-180.0 <= point[0] <= 180.0 and -90.0 <= point[1] <= 90.0):
            raise ValueError(f"footprint coordinates {pair!r} are outside latitude +-90, longitude +-180 degrees")
        points.append(point)
    return tuple(points)
