"""The manifest of a Level-1 product as XML (XFDU)."""

from pathlib import PurePosixPath

from attrs import frozen
from lxml import etree

from s1pdgs.formats.l0.manifest import NSSDC_IDENTIFIERS, UNKNOWN_NSSDC_IDENTIFIER
from s1pdgs.formats.l1.leaves import format_time
from s1pdgs.formats.l1.manifest import (
    CLASS_DESCRIPTIONS,
    DataObject,
    ImageObjects,
    L1Manifest,
    OrbitReference,
    Processing,
)
from s1pdgs.formats.xml import serialise

XFDU = "urn:ccsds:schema:xfdu:1"
GML = "http://www.opengis.net/gml"
SAFE = "http://www.esa.int/safe/sentinel-1.0"
S1 = f"{SAFE}/sentinel-1"
S1SARL1 = f"{S1}/sar/level-1"
_NAMESPACES = {
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "gml": GML,
    "xfdu": XFDU,
    "safe": SAFE,
    "s1": S1,
    "s1sar": f"{S1}/sar",
    "s1sarl1": S1SARL1,
    "s1sarl2": f"{S1}/sar/level-2",
    "gx": "http://www.google.com/kml/ext/2.2",
}
_FOOTPRINT_REFERENCE = "http://www.opengis.net/gml/srs/epsg.xml#4326"
_XML, _BYTES = "text/xml", "application/octet-stream"


@frozen
class _Entry:
    """A data object with its identifier, schema and media type."""

    identifier: str
    schema: str
    component: DataObject
    media_type: str = _XML


def write_manifest(manifest: L1Manifest) -> bytes:
    """The document, indented, with its XML declaration."""
    root = etree.Element(f"{{{XFDU}}}XFDU", nsmap=_NAMESPACES)
    root.set("version", manifest.version)
    metadata, measurements = _entries(manifest)
    _package_map(root, manifest, metadata, measurements)
    section = etree.SubElement(root, "metadataSection")
    for entry in metadata:
        holder = _metadata_object(section, f"{entry.identifier}Annotation", "DESCRIPTION", "DMD")
        etree.SubElement(holder, "dataObjectPointer", {"dataObjectID": entry.identifier})
    _processing(_wrap(section, "processing", "Processing", "PROVENANCE", "PDI"), manifest.processing)
    _platform(section, manifest)
    _orbit_reference(section, manifest.orbit)
    _general_information(section, manifest)
    _acquisition_period(section, manifest)
    _frame_set(section, manifest)
    _schemas(section, manifest)
    objects = etree.SubElement(root, "dataObjectSection")
    for entry in (*metadata, *measurements):
        _data_object(objects, entry)
    return serialise(root)


def _identifier(component: DataObject, prefix: str = "") -> str:
    return prefix + PurePosixPath(component.href).stem.replace("-", "")


def _image_entries(image: ImageObjects) -> list[_Entry]:
    entries = [
        _Entry(_identifier(image.product, "product"), "s1Level1ProductSchema", image.product),
        _Entry(_identifier(image.noise), "s1Level1NoiseSchema", image.noise),
        _Entry(_identifier(image.calibration), "s1Level1CalibrationSchema", image.calibration),
    ]
    if image.rfi is not None:
        entries.append(_Entry(_identifier(image.rfi), "s1Level1RfiSchema", image.rfi))
    return entries


def _entries(manifest: L1Manifest) -> tuple[list[_Entry], list[_Entry]]:
    """(metadata, measurement) entries in their order."""
    metadata = [entry for image in manifest.images for entry in _image_entries(image)]
    metadata.append(_Entry("mapoverlay", "s1Level1MapOverlaySchema", manifest.map_overlay))
    metadata.append(_Entry("productpreview", "s1Level1ProductPreviewSchema", manifest.product_preview))
    measurements = [
        _Entry(_identifier(image.measurement), "s1Level1MeasurementSchema", image.measurement, _BYTES)
        for image in manifest.images
        if image.measurement is not None
    ]
    if manifest.quicklook is not None:
        measurements.append(_Entry("quicklook", "s1Level1QuickLookSchema", manifest.quicklook, _BYTES))
    return metadata, measurements


def _package_map(
    root: etree._Element, manifest: L1Manifest, metadata: list[_Entry], measurements: list[_Entry]
) -> None:
    package = etree.SubElement(etree.SubElement(root, "informationPackageMap"), f"{{{XFDU}}}contentUnit")
    package.set("unitType", "SAFE Archive Information Package")
    package.set("textInfo", f"Sentinel-1 {manifest.mode} Level-1 {manifest.product_type} Product")
    described = "acquisitionPeriod platform generalProductInformation measurementOrbitReference measurementFrameSet"
    package.set("dmdID", described)
    package.set("pdiID", "processing")
    for entry in metadata:
        _content_unit(package, "Metadata Unit", entry)
    annotations = [
        " ".join(f"{entry.identifier}Annotation" for entry in _image_entries(image))
        for image in manifest.images
        if image.measurement is not None
    ]
    for position, entry in enumerate(measurements):
        unit = _content_unit(package, "Measurement Data Unit", entry)
        if position < len(annotations):
            unit.set("dmdID", annotations[position])


def _content_unit(parent: etree._Element, kind: str, entry: _Entry) -> etree._Element:
    unit = etree.SubElement(parent, f"{{{XFDU}}}contentUnit", {"unitType": kind, "repID": entry.schema})
    etree.SubElement(unit, "dataObjectPointer", {"dataObjectID": entry.identifier})
    return unit


def _metadata_object(section: etree._Element, name: str, classification: str, category: str) -> etree._Element:
    attributes = {"ID": name, "classification": classification, "category": category}
    return etree.SubElement(section, "metadataObject", attributes)


def _wrap(
    section: etree._Element, name: str, text: str, classification: str = "DESCRIPTION", category: str = "DMD"
) -> etree._Element:
    holder = _metadata_object(section, name, classification, category)
    attributes = {"mimeType": _XML, "vocabularyName": "SAFE", "textInfo": text}
    return etree.SubElement(etree.SubElement(holder, "metadataWrap", attributes), "xmlData")


def _leaf(parent: etree._Element, namespace: str, name: str, text: object) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    element.text = str(text)
    return element


def _processing(parent: etree._Element, processing: Processing) -> None:
    step = etree.SubElement(parent, f"{{{SAFE}}}processing", {"name": processing.name})
    step.set("start", format_time(processing.start))
    step.set("stop", format_time(processing.stop))
    facility = processing.facility
    if facility is not None:
        place = etree.SubElement(step, f"{{{SAFE}}}facility")
        for name in ("country", "name", "organisation", "site"):
            if text := getattr(facility, name):
                place.set(name, text)
        if facility.software_name is not None:
            software = {"name": facility.software_name, "version": facility.software_version or ""}
            etree.SubElement(place, f"{{{SAFE}}}software", software)
    for resource in processing.resources:
        element = etree.SubElement(step, f"{{{SAFE}}}resource", {"name": resource.name, "role": resource.role})
        if resource.version is not None:
            element.set("version", resource.version)
        if resource.processing is not None:
            _processing(element, resource.processing)


def _platform(section: etree._Element, manifest: L1Manifest) -> None:
    holder = _wrap(section, "platform", "Platform Description")
    platform = etree.SubElement(holder, f"{{{SAFE}}}platform")
    identifier = NSSDC_IDENTIFIERS.get(manifest.satellite, UNKNOWN_NSSDC_IDENTIFIER)
    _leaf(platform, SAFE, "nssdcIdentifier", identifier)
    _leaf(platform, SAFE, "familyName", "SENTINEL-1")
    _leaf(platform, SAFE, "number", manifest.satellite[2:])
    instrument = etree.SubElement(platform, f"{{{SAFE}}}instrument")
    _leaf(instrument, SAFE, "familyName", "Synthetic Aperture Radar").set("abbreviation", "SAR")
    mode = etree.SubElement(etree.SubElement(instrument, f"{{{SAFE}}}extension"), f"{{{S1SARL1}}}instrumentMode")
    _leaf(mode, S1SARL1, "mode", manifest.mode)
    for swath in manifest.swaths:
        _leaf(mode, S1SARL1, "swath", swath)


def _orbit_reference(section: etree._Element, orbit: OrbitReference) -> None:
    holder = _wrap(section, "measurementOrbitReference", "Orbit Reference")
    reference = etree.SubElement(holder, f"{{{SAFE}}}orbitReference")
    _leaf(reference, SAFE, "orbitNumber", orbit.start_orbit).set("type", "start")
    _leaf(reference, SAFE, "orbitNumber", orbit.stop_orbit).set("type", "stop")
    _leaf(reference, SAFE, "relativeOrbitNumber", orbit.start_relative_orbit).set("type", "start")
    _leaf(reference, SAFE, "relativeOrbitNumber", orbit.stop_relative_orbit).set("type", "stop")
    _leaf(reference, SAFE, "cycleNumber", orbit.cycle)
    _leaf(reference, SAFE, "phaseIdentifier", orbit.phase)
    properties = etree.SubElement(etree.SubElement(reference, f"{{{SAFE}}}extension"), f"{{{S1}}}orbitProperties")
    _leaf(properties, S1, "pass", orbit.pass_direction.upper())
    _leaf(properties, S1, "ascendingNodeTime", format_time(orbit.ascending_node_time))


def _general_information(section: etree._Element, manifest: L1Manifest) -> None:
    holder = _wrap(section, "generalProductInformation", "General Product Information")
    information = etree.SubElement(holder, f"{{{S1SARL1}}}standAloneProductInformation")
    _leaf(information, S1SARL1, "instrumentConfigurationID", manifest.instrument_configuration_id)
    _leaf(information, S1SARL1, "missionDataTakeID", manifest.data_take_id)
    for polarisation in manifest.polarisations:
        _leaf(information, S1SARL1, "transmitterReceiverPolarisation", polarisation)
    _leaf(information, S1SARL1, "productClass", manifest.product_class)
    _leaf(information, S1SARL1, "productClassDescription", CLASS_DESCRIPTIONS[manifest.product_class])
    _leaf(information, S1SARL1, "productComposition", manifest.composition)
    _leaf(information, S1SARL1, "productType", manifest.product_type)
    _leaf(information, S1SARL1, "productTimelinessCategory", manifest.timeliness)
    _leaf(information, S1SARL1, "sliceProductFlag", "false" if manifest.slice is None else "true")
    if manifest.slice is not None:
        _leaf(information, S1SARL1, "segmentStartTime", format_time(manifest.slice.segment_start))
        _leaf(information, S1SARL1, "sliceNumber", manifest.slice.number)
        _leaf(information, S1SARL1, "totalSlices", manifest.slice.total)


def _acquisition_period(section: etree._Element, manifest: L1Manifest) -> None:
    holder = _wrap(section, "acquisitionPeriod", "Acquisition Period")
    period = etree.SubElement(holder, f"{{{SAFE}}}acquisitionPeriod")
    _leaf(period, SAFE, "startTime", format_time(manifest.start))
    _leaf(period, SAFE, "stopTime", format_time(manifest.stop))
    node = etree.SubElement(etree.SubElement(period, f"{{{SAFE}}}extension"), f"{{{S1}}}timeANX")
    _leaf(node, S1, "startTimeANX", f"{manifest.start_anx_ms:.6e}")
    _leaf(node, S1, "stopTimeANX", f"{manifest.stop_anx_ms:.6e}")


def _frame_set(section: etree._Element, manifest: L1Manifest) -> None:
    holder = _wrap(section, "measurementFrameSet", "Frame Set")
    frame_set = etree.SubElement(holder, f"{{{SAFE}}}frameSet")
    for ring in manifest.footprints:
        frame = etree.SubElement(frame_set, f"{{{SAFE}}}frame")
        footprint = etree.SubElement(frame, f"{{{SAFE}}}footPrint", {"srsName": _FOOTPRINT_REFERENCE})
        text = " ".join(f"{latitude:.6f},{longitude:.6f}" for latitude, longitude in ring)
        _leaf(footprint, GML, "coordinates", text)


def _schemas(section: etree._Element, manifest: L1Manifest) -> None:
    names = [
        ("s1Level1ProductSchema", "s1-level-1-product.xsd"),
        ("s1Level1NoiseSchema", "s1-level-1-noise.xsd"),
        ("s1Level1CalibrationSchema", "s1-level-1-calibration.xsd"),
        ("s1ObjectTypesSchema", "s1-object-types.xsd"),
        ("s1Level1MeasurementSchema", "s1-level-1-measurement.xsd"),
        ("s1Level1ProductPreviewSchema", "s1-product-preview.xsd"),
        ("s1Level1QuickLookSchema", "s1-level-1-quicklook.xsd"),
        ("s1Level1MapOverlaySchema", "s1-map-overlay.xsd"),
    ]
    if any(image.rfi is not None for image in manifest.images):
        names.insert(3, ("s1Level1RfiSchema", "s1-level-1-rfi.xsd"))
    left_out = {"s1Level1QuickLookSchema"} if manifest.quicklook is None else set()
    if all(image.measurement is None for image in manifest.images):
        left_out.add("s1Level1MeasurementSchema")
    for name, file in names:
        if name in left_out:
            continue
        vocabulary = "SDF" if name == "s1Level1MeasurementSchema" else "XML Schema"
        holder = _metadata_object(section, name, "SYNTAX", "REP")
        attributes = {"mimeType": _XML, "vocabularyName": vocabulary, "locatorType": "URL", "href": f"./support/{file}"}
        etree.SubElement(holder, "metadataReference", attributes)


def _data_object(section: etree._Element, entry: _Entry) -> None:
    holder = etree.SubElement(section, "dataObject", {"ID": entry.identifier, "repID": entry.schema})
    component = entry.component
    stream = etree.SubElement(holder, "byteStream", {"mimeType": entry.media_type, "size": str(component.size)})
    etree.SubElement(stream, "fileLocation", {"locatorType": "URL", "href": f"./{component.href}"})
    etree.SubElement(stream, "checksum", {"checksumName": "MD5"}).text = component.md5
