"""The manifest of a Level-0 product read from XML."""

from datetime import datetime
from pathlib import Path, PurePosixPath

from lxml import etree

from s1pdgs.formats.l0.manifest import (
    PRODUCT_FAMILIES,
    CompressionTypes,
    DataObject,
    Facility,
    L0Manifest,
    MeasurementQuality,
    MeasurementUnit,
    OrbitReference,
    Processing,
    Resource,
    SliceInformation,
)
from s1pdgs.formats.xml import FormatError, find, find_all, find_optional, parse_xml, read_xml, text_of
from s1pdgs.model.time import parse_utc


class ManifestError(FormatError):
    """A Level-0 manifest does not follow its format."""


def read_manifest(path: Path) -> L0Manifest:
    """Read `manifest.safe`; raises `ManifestError` or `XmlError` naming the file and the field."""
    return _Reader(read_xml(path), str(path)).manifest()


def parse_manifest(data: bytes, source: str) -> L0Manifest:
    """As `read_manifest`, of bytes that came from `source`."""
    return _Reader(parse_xml(data, source), source).manifest()


class _Reader:
    """One document being read."""

    def __init__(self, root: etree._Element, source: str) -> None:
        self._root = root
        self._source = source
        section = find(root, "metadataSection", source)
        self._metadata = {element.get("ID", ""): element for element in find_all(section, "metadataObject")}
        objects = find(root, "dataObjectSection", source)
        self._objects = {element.get("ID", ""): element for element in find_all(objects, "dataObject")}

    def manifest(self) -> L0Manifest:
        period = self._wrapped("acquisitionPeriod", "acquisitionPeriod")
        instrument = find(self._wrapped("platform", "platform"), "instrument", self._source)
        general = self._wrapped("generalProductInformation", "standAloneProductInformation")
        product_class = self._text(general, "productClass")
        if product_class not in PRODUCT_FAMILIES:
            raise ManifestError(
                f"{self._source}: productClass {product_class!r} is none of {', '.join(PRODUCT_FAMILIES)}"
            )
        return L0Manifest(
            satellite=f"S1{self._text(self._wrapped('platform', 'platform'), 'number')}",
            mode=self._text(instrument, "extension/instrumentMode/mode"),
            swath=_optional_text(instrument, "extension/instrumentMode/swath"),
            start=self._time(period, "startTime"),
            stop=self._time(period, "stopTime"),
            start_anx_ms=self._real(period, "extension/timeANX/startTimeANX"),
            stop_anx_ms=self._real(period, "extension/timeANX/stopTimeANX"),
            product_class=product_class,
            consolidation=self._text(general, "productConsolidation"),
            sensing_consolidation=_optional_text(general, "productSensingConsolidation"),
            calibration_present=self._flag(general, "calISPPresent"),
            noise_present=self._flag(general, "noiseISPPresent"),
            instrument_configuration_id=self._integer(general, "instrumentConfigurationID"),
            data_take_id=self._integer(general, "missionDataTakeID"),
            circulation_flag=self._integer(general, "circulationFlag"),
            slice=self._slice(general),
            compression=CompressionTypes(
                echo=self._text(general, "echoCompressionType"),
                noise=self._text(general, "noiseCompressionType"),
                calibration=self._text(general, "calCompressionType"),
            ),
            units=self._units(general),
            orbit=self._orbit(),
            processing=self._processing(self._wrapped("processing", "processing")),
            footprint=self._footprint(),
        )

    def _slice(self, general: etree._Element) -> SliceInformation | None:
        if not self._flag(general, "sliceProductFlag"):
            return None
        total = _optional_text(general, "totalNumberOfSlice")
        data_take_start = _optional_text(general, "dataTakeStartTime")
        return SliceInformation(
            number=self._integer(general, "sliceNumber"),
            length_s=self._real(general, "theoreticalSliceLength"),
            overlap_s=self._real(general, "sliceOverlap"),
            total=None if total is None else self._integer(general, "totalNumberOfSlice"),
            data_take_start=None if data_take_start is None else self._time(general, "dataTakeStartTime"),
        )

    def _units(self, general: etree._Element) -> tuple[MeasurementUnit, ...]:
        polarisations = self._by_object(general, "transmitterReceiverPolarisation")
        stores = self._by_object(general, "packetStoreID")
        rates = self._by_object(general, "averageBitRate")
        qualities = self._qualities()
        units = []
        for name, polarisation in polarisations.items():
            if not (name in stores and name in rates and name in qualities and name in self._objects):
                raise ManifestError(
                    f"{self._source}: {name} needs packetStoreID, averageBitRate, qualityProperties and a dataObject"
                )
            number = name.removeprefix("measurementData")
            units.append(
                MeasurementUnit(
                    polarisation=polarisation,
                    packet_store_id=self._number(stores[name], "packetStoreID"),
                    average_bit_rate_bps=self._number(rates[name], "averageBitRate"),
                    quality=qualities[name],
                    data=self._data_object(name),
                    annotation=self._optional_object(f"measurementAnnotData{number}"),
                    index=self._optional_object(f"measurementIndexData{number}"),
                )
            )
        if not units:
            raise ManifestError(f"{self._source}: no transmitterReceiverPolarisation is given")
        return tuple(units)

    def _qualities(self) -> dict[str, MeasurementQuality]:
        holder = find(self._metadata_object("measurementQualityInformation"), "metadataWrap/xmlData", self._source)
        qualities = {}
        for properties in find_all(holder, "qualityInformation/extension/qualityProperties"):
            counts = [
                None if _optional_text(properties, name) is None else self._integer(properties, name)
                for name in ("numOfRSIncorrigibleElements", "numOfRSCorrectedElements", "numOfRSCorrectedSymbols")
            ]
            qualities[self._text(properties, "dataObjectID")] = MeasurementQuality(
                self._integer(properties, "numOfElements"),
                self._integer(properties, "numOfMissingElements"),
                self._integer(properties, "numOfCorruptedElements"),
                *counts,
            )
        return qualities

    def _orbit(self) -> OrbitReference:
        reference = self._wrapped("measurementOrbitReference", "orbitReference")
        properties = find(reference, "extension/orbitProperties", self._source)
        absolute = self._by_attribute(reference, "orbitNumber", "type")
        relative = self._by_attribute(reference, "relativeOrbitNumber", "type")
        for name, numbers in (("orbitNumber", absolute), ("relativeOrbitNumber", relative)):
            if not {"start", "stop"} <= numbers.keys():
                raise ManifestError(f"{self._source}: {name} is needed with type start and with type stop")
        return OrbitReference(
            start_orbit=self._number(absolute["start"], "orbitNumber"),
            stop_orbit=self._number(absolute["stop"], "orbitNumber"),
            start_relative_orbit=self._number(relative["start"], "relativeOrbitNumber"),
            stop_relative_orbit=self._number(relative["stop"], "relativeOrbitNumber"),
            cycle=self._integer(reference, "cycleNumber"),
            phase=self._integer(reference, "phaseIdentifier"),
            pass_direction=self._text(properties, "pass"),
            ascending_node_time=self._time(properties, "ascendingNodeTime"),
        )

    def _processing(self, step: etree._Element) -> Processing:
        facility = find_optional(step, "facility")
        return Processing(
            name=step.get("name", ""),
            start=self._moment(step.get("start", ""), "processing start"),
            stop=self._moment(step.get("stop", ""), "processing stop"),
            facility=None if facility is None else _facility(facility),
            resources=tuple(self._resource(element) for element in find_all(step, "resource")),
        )

    def _resource(self, element: etree._Element) -> Resource:
        inner = find_optional(element, "processing")
        return Resource(
            name=element.get("name", ""),
            role=element.get("role", ""),
            version=element.get("version"),
            processing=None if inner is None else self._processing(inner),
        )

    def _footprint(self) -> tuple[tuple[float, float], ...]:
        text = self._text(self._wrapped("measurementFrameSet", "frameSet"), "frame/footPrint/coordinates")
        points = []
        for pair in text.split():
            try:
                latitude, longitude = (float(part) for part in pair.split(","))
            except ValueError:
                raise ManifestError(f"{self._source}: coordinates {pair!r} are not latitude,longitude") from None
            points.append((latitude, longitude))
        return tuple(points)

    def _data_object(self, name: str) -> DataObject:
        stream = find(self._objects[name], "byteStream", self._source)
        href = find(stream, "fileLocation", self._source).get("href", "").removeprefix("./")
        path = PurePosixPath(href)
        if not href or path.is_absolute() or ".." in path.parts:
            raise ManifestError(f"{self._source}: href {href!r} of {name} does not lie in the product")
        return DataObject(href, self._number(stream.get("size", ""), f"size of {name}"), self._text(stream, "checksum"))

    def _optional_object(self, name: str) -> DataObject | None:
        return self._data_object(name) if name in self._objects else None

    def _metadata_object(self, name: str) -> etree._Element:
        if name not in self._metadata:
            raise ManifestError(f"{self._source}: metadataObject {name} is missing; is this a Level-0 manifest?")
        return self._metadata[name]

    def _wrapped(self, name: str, element: str) -> etree._Element:
        return find(self._metadata_object(name), f"metadataWrap/xmlData/{element}", self._source)

    def _by_object(self, parent: etree._Element, name: str) -> dict[str, str]:
        return self._by_attribute(parent, name, "dataObjectID")

    def _by_attribute(self, parent: etree._Element, name: str, attribute: str) -> dict[str, str]:
        return {element.get(attribute, ""): (element.text or "").strip() for element in find_all(parent, name)}

    def _text(self, parent: etree._Element, path: str) -> str:
        return text_of(parent, path, self._source)

    def _time(self, parent: etree._Element, path: str) -> datetime:
        return self._moment(self._text(parent, path), path)

    def _moment(self, text: str, what: str) -> datetime:
        try:
            return parse_utc(text)
        except ValueError:
            raise ManifestError(f"{self._source}: {what} {text!r} is not an ISO 8601 time") from None

    def _flag(self, parent: etree._Element, path: str) -> bool:
        text = self._text(parent, path).upper()
        if text not in {"TRUE", "FALSE"}:
            raise ManifestError(f"{self._source}: {path} {text!r} is neither TRUE nor FALSE")
        return text == "TRUE"

    def _integer(self, parent: etree._Element, path: str) -> int:
        return self._number(self._text(parent, path), path)

    def _number(self, text: str, what: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise ManifestError(f"{self._source}: {what} {text!r} is not a whole number") from None

    def _real(self, parent: etree._Element, path: str) -> float:
        text = self._text(parent, path)
        try:
            return float(text)
        except ValueError:
            raise ManifestError(f"{self._source}: {path} {text!r} is not a number") from None


def _facility(element: etree._Element) -> Facility:
    software = find_optional(element, "software")
    return Facility(
        country=element.get("country", ""),
        name=element.get("name", ""),
        organisation=element.get("organisation", ""),
        site=element.get("site", ""),
        software_name=None if software is None else software.get("name", ""),
        software_version=None if software is None else software.get("version", ""),
    )


def _optional_text(parent: etree._Element, path: str) -> str | None:
    found = find_optional(parent, path)
    return None if found is None or not found.text else found.text.strip()
