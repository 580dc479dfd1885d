"""ESA's published acquisition plan: KML with a placemark for each data take, its facts as extended data.

Facts: SatelliteId (S1A), DatatakeId (hexadecimal), Mode (IW, EW, SM, WV), Swath (1 to 6 of SM, else N/A), Polarisation
(SV, SH, DV, DH), ObservationTimeStart and -Stop (UTC without a zone), ObservationDuration, OrbitAbsolute, OrbitRelative
(sentinels.copernicus.eu, acquisition plans). Placemarks without extended data are not data takes.
"""

from collections.abc import Iterator

from lxml import etree

from s1pdgs.formats.acquisition_plan import PlanError, PlannedDataTake, planned
from s1pdgs.formats.xml import find_optional, local_name, parse_xml

_FIELDS = {
    "datatake": "DatatakeId", "mode": "Mode", "swath": "Swath", "polarisation": "Polarisation",
    "start": "ObservationTimeStart", "stop": "ObservationTimeStop", "orbit": "OrbitAbsolute",
}  # fmt: skip


def kml_takes(data: bytes, source: str, satellite: str) -> Iterator[PlannedDataTake]:
    """The data takes of a plan of a satellite. Raises `FormatError` naming `source`, line, placemark and field."""
    root = parse_xml(data, source)
    if local_name(root) != "kml":
        raise PlanError(f"{source}: its root is {local_name(root)}, not kml")
    for placemark in root.iterdescendants("{*}Placemark"):
        told = _extended_data(placemark)
        if told:
            yield _take(placemark, told, source, satellite)


def _take(placemark: etree._Element, told: dict[str, str], source: str, satellite: str) -> PlannedDataTake:
    name = find_optional(placemark, "name")
    title = "" if name is None else f" {(name.text or '').strip()[:60]!r}"
    where = f"{source}, line {placemark.sourceline}, Placemark{title}"
    if told.get("SatelliteId", satellite).upper() != satellite:
        raise PlanError(f"{where}: SatelliteId is {told['SatelliteId'][:40]!r}; the plan's name says {satellite}")
    if not told.get("DatatakeId"):
        raise PlanError(f"{where}: DatatakeId is missing; every data take of a published plan has one")
    return planned({field: told.get(own, "") for field, own in _FIELDS.items()}, where, _FIELDS)


def _extended_data(placemark: etree._Element) -> dict[str, str]:
    """The named values, given as `Data` with a `value` or as `SimpleData`."""
    found: dict[str, str] = {}
    for element in placemark.iterdescendants("{*}Data", "{*}SimpleData"):
        value = find_optional(element, "value") if local_name(element) == "Data" else element
        if value is not None:
            found[element.get("name", "")] = (value.text or "").strip()
    return found
