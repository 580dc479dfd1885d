"""The manifest of a Level-0 product as XML."""

from datetime import datetime

from lxml import etree

from s1pdgs.formats.l0.manifest import (
    NSSDC_IDENTIFIERS,
    UNKNOWN_NSSDC_IDENTIFIER,
    DataObject,
    L0Manifest,
    MeasurementUnit,
    OrbitReference,
    Processing,
)

SAFE = "http://www.esa.int/safe/sentinel-1.0"
S1 = "http://www.esa.int/safe/sentinel-1.0/sentinel-1"
S1SAR = "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar"
XFDU = "urn:ccsds:schema:xfdu:1"
GML = "http://www.opengis.net/gml"
_FOOTPRINT_REFERENCE = "http:/www.opengis.net/gml/srs/epsg.xml#4326"
_SCHEMAS = {
    "measurementAnnotationSchema": "./support/s1-level-0-annot.xsd",
    "measurementIndexAnnotationSchema": "./support/s1-level-0-index.xsd",
    "measurementSchema": "./support/s1-level-0.xsd",
}


def write_manifest(manifest: L0Manifest) -> bytes:
    """The document, indented, with its XML declaration."""
    root = etree.Element(f"{{{XFDU}}}XFDU", nsmap={"s1": S1, "s1sar": S1SAR, "xfdu": XFDU})
    root.set("version", manifest.version)
    _package_map(root, manifest)
    section = etree.SubElement(root, "metadataSection")
    _acquisition_period(section, manifest)
    _platform(section, manifest)
    _general_information(section, manifest)
    _orbit_reference(section, manifest.orbit)
    _processing(_wrap(section, "processing", "Processing", "PROVENANCE", "PDI"), manifest.processing)
    _frame_set(section, manifest)
    _quality(section, manifest)
    _references(section, manifest)
    _data_objects(root, manifest)
    etree.indent(root, space="   ")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _numbers(manifest: L0Manifest) -> list[tuple[str, MeasurementUnit]]:
    """The units with the numbers that identify their objects: none for a single unit."""
    if len(manifest.units) == 1:
        return [("", manifest.units[0])]
    return [(str(number), unit) for number, unit in enumerate(manifest.units, 1)]


def _package_map(root: etree._Element, manifest: L0Manifest) -> None:
    package = etree.SubElement(etree.SubElement(root, "informationPackageMap"), f"{{{XFDU}}}contentUnit")
    package.set("unitType", "SAFE Archive Information Package")
    package.set("textInfo", "Sentinel-1 Level 0 Package")
    package.set("dmdID", "acquisitionPeriod platform generalProductInformation")
    package.set("pdiID", "processing")
    units = _numbers(manifest)
    for number, unit in units:
        if unit.annotation is not None:
            text = f"Annotation for Measurement Data {number}".rstrip()
            _content_unit(
                package, "Metadata Unit", text, "measurementAnnotationSchema", f"measurementAnnotData{number}"
            )
    for number, unit in units:
        described = "measurementOrbitReference measurementFrameSet measurementQualityInformation"
        if unit.index is not None:
            described += f" measurement{number}IndexAnnotation"
        if unit.annotation is not None:
            described += f" measurement{number}Annotation"
        text = f"Measurement Data Unit {number}".rstrip()
        content = _content_unit(package, "Measurement Data Unit", text, "measurementSchema", f"measurementData{number}")
        content.set("dmdID", described)
    for number, unit in units:
        if unit.index is not None:
            text = f"Index for Measurement Data {number}".rstrip()
            schema = "measurementIndexAnnotationSchema"
            _content_unit(package, "Metadata Unit", text, schema, f"measurementIndexData{number}")


def _content_unit(parent: etree._Element, kind: str, text: str, schema: str, pointer: str) -> etree._Element:
    unit = etree.SubElement(parent, f"{{{XFDU}}}contentUnit", {"unitType": kind, "textInfo": text, "repID": schema})
    etree.SubElement(unit, "dataObjectPointer", {"dataObjectID": pointer})
    return unit


def _wrap(
    section: etree._Element, name: str, text: str, kind: str = "DESCRIPTION", category: str = "DMD"
) -> etree._Element:
    holder = etree.SubElement(section, "metadataObject", {"ID": name, "classification": kind, "category": category})
    attributes = {"mimeType": "text/xml", "vocabularyName": "SAFE", "textInfo": text}
    return etree.SubElement(etree.SubElement(holder, "metadataWrap", attributes), "xmlData")


def _leaf(parent: etree._Element, namespace: str, name: str, text: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    element.text = text
    return element


def _acquisition_period(section: etree._Element, manifest: L0Manifest) -> None:
    holder = _wrap(section, "acquisitionPeriod", "Acquisition Period")
    period = etree.SubElement(holder, f"{{{SAFE}}}acquisitionPeriod", nsmap={None: SAFE})
    _leaf(period, SAFE, "startTime", format_utc(manifest.start))
    _leaf(period, SAFE, "stopTime", format_utc(manifest.stop))
    node = etree.SubElement(etree.SubElement(period, f"{{{SAFE}}}extension"), f"{{{S1}}}timeANX")
    _leaf(node, S1, "startTimeANX", f"{manifest.start_anx_ms:.4f}")
    _leaf(node, S1, "stopTimeANX", f"{manifest.stop_anx_ms:.4f}")


def _platform(section: etree._Element, manifest: L0Manifest) -> None:
    holder = _wrap(section, "platform", "Platform Description")
    platform = etree.SubElement(holder, f"{{{SAFE}}}platform", nsmap={None: SAFE})
    identifier = NSSDC_IDENTIFIERS.get(manifest.satellite, UNKNOWN_NSSDC_IDENTIFIER)
    _leaf(platform, SAFE, "nssdcIdentifier", identifier)
    _leaf(platform, SAFE, "familyName", "SENTINEL-1")
    _leaf(platform, SAFE, "number", manifest.satellite[2:])
    instrument = etree.SubElement(platform, f"{{{SAFE}}}instrument")
    _leaf(instrument, SAFE, "familyName", "Synthetic Aperture Radar").set("abbreviation", "SAR")
    mode = etree.SubElement(etree.SubElement(instrument, f"{{{SAFE}}}extension"), f"{{{S1SAR}}}instrumentMode")
    _leaf(mode, S1SAR, "mode", manifest.mode)
    if manifest.swath is not None:
        _leaf(mode, S1SAR, "swath", manifest.swath)


def _general_information(section: etree._Element, manifest: L0Manifest) -> None:
    holder = _wrap(section, "generalProductInformation", "General Product Information")
    information = etree.SubElement(holder, f"{{{S1SAR}}}standAloneProductInformation", nsmap={None: S1SAR})

    def put(name: str, text: object, data_object: str | None = None) -> None:
        element = _leaf(information, S1SAR, name, str(text))
        if data_object is not None:
            element.set("dataObjectID", data_object)

    put("productClass", manifest.product_class)
    put("productClassDescription", manifest.class_description)
    put("productConsolidation", manifest.consolidation)
    if manifest.sensing_consolidation is not None:
        put("productSensingConsolidation", manifest.sensing_consolidation)
    put("calISPPresent", _flag(manifest.calibration_present))
    put("noiseISPPresent", _flag(manifest.noise_present))
    put("instrumentConfigurationID", manifest.instrument_configuration_id)
    put("missionDataTakeID", manifest.data_take_id)
    put("circulationFlag", manifest.circulation_flag)
    put("sliceProductFlag", _flag(manifest.slice is not None))
    if manifest.slice is not None:
        put("sliceNumber", manifest.slice.number)
        if manifest.slice.total is not None:
            put("totalNumberOfSlice", manifest.slice.total)
        put("theoreticalSliceLength", f"{manifest.slice.length_s:g}")
        put("sliceOverlap", f"{manifest.slice.overlap_s:g}")
        if manifest.slice.data_take_start is not None:
            put("dataTakeStartTime", format_utc(manifest.slice.data_take_start))
    put("echoCompressionType", manifest.compression.echo)
    put("noiseCompressionType", manifest.compression.noise)
    put("calCompressionType", manifest.compression.calibration)
    units = [(f"measurementData{number}", unit) for number, unit in _numbers(manifest)]
    for name, unit in units:
        put("transmitterReceiverPolarisation", unit.polarisation, name)
    for name, unit in units:
        put("packetStoreID", unit.packet_store_id, name)
    for name, _ in units:
        put("byteOrder", "BIG_ENDIAN", name)
    for name, unit in units:
        put("averageBitRate", unit.average_bit_rate_bps, name)


def _orbit_reference(section: etree._Element, orbit: OrbitReference) -> None:
    holder = _wrap(section, "measurementOrbitReference", "Orbit Reference")
    reference = etree.SubElement(holder, f"{{{SAFE}}}orbitReference", nsmap={None: SAFE})
    _leaf(reference, SAFE, "orbitNumber", str(orbit.start_orbit)).set("type", "start")
    _leaf(reference, SAFE, "orbitNumber", str(orbit.stop_orbit)).set("type", "stop")
    _leaf(reference, SAFE, "relativeOrbitNumber", str(orbit.start_relative_orbit)).set("type", "start")
    _leaf(reference, SAFE, "relativeOrbitNumber", str(orbit.stop_relative_orbit)).set("type", "stop")
    _leaf(reference, SAFE, "cycleNumber", str(orbit.cycle))
    _leaf(reference, SAFE, "phaseIdentifier", str(orbit.phase))
    properties = etree.SubElement(etree.SubElement(reference, f"{{{SAFE}}}extension"), f"{{{S1}}}orbitProperties")
    _leaf(properties, S1, "pass", orbit.pass_direction)
    _leaf(properties, S1, "ascendingNodeTime", format_utc(orbit.ascending_node_time))


def _processing(parent: etree._Element, processing: Processing) -> None:
    step = etree.SubElement(parent, f"{{{SAFE}}}processing", nsmap={None: SAFE})
    step.set("name", processing.name)
    step.set("start", _format_local(processing.start))
    step.set("stop", _format_local(processing.stop))
    if processing.facility is not None:
        facility = etree.SubElement(step, f"{{{SAFE}}}facility")
        for name in ("country", "name", "organisation", "site"):
            facility.set(name, getattr(processing.facility, name))
        if processing.facility.software_name is not None:
            software = etree.SubElement(facility, f"{{{SAFE}}}software")
            software.set("name", processing.facility.software_name)
            software.set("version", processing.facility.software_version or "")
    for resource in processing.resources:
        element = etree.SubElement(step, f"{{{SAFE}}}resource", {"name": resource.name})
        if resource.version is not None:
            element.set("version", resource.version)
        element.set("role", resource.role)
        if resource.processing is not None:
            _processing(element, resource.processing)


def _frame_set(section: etree._Element, manifest: L0Manifest) -> None:
    holder = _wrap(section, "measurementFrameSet", "Frame Set")
    frame_set = etree.SubElement(holder, f"{{{SAFE}}}frameSet", nsmap={None: SAFE})
    footprint = etree.SubElement(etree.SubElement(frame_set, f"{{{SAFE}}}frame"), f"{{{SAFE}}}footPrint")
    footprint.set("srsName", _FOOTPRINT_REFERENCE)
    coordinates = etree.SubElement(footprint, f"{{{GML}}}coordinates", nsmap={None: GML})
    coordinates.text = " ".join(f"{latitude:.4f},{longitude:.4f}" for latitude, longitude in manifest.footprint)


def _quality(section: etree._Element, manifest: L0Manifest) -> None:
    holder = _wrap(section, "measurementQualityInformation", "Quality Information")
    for number, unit in _numbers(manifest):
        information = etree.SubElement(holder, f"{{{SAFE}}}qualityInformation", nsmap={None: SAFE})
        properties = etree.SubElement(
            etree.SubElement(information, f"{{{SAFE}}}extension"), f"{{{S1}}}qualityProperties"
        )
        _leaf(properties, S1, "dataObjectID", f"measurementData{number}")
        for name, count in unit.quality.counts.items():
            _leaf(properties, S1, name, str(count))


def _references(section: etree._Element, manifest: L0Manifest) -> None:
    for number, unit in _numbers(manifest):
        for what, target, present in (
            ("Annotation", "AnnotData", unit.annotation),
            ("IndexAnnotation", "IndexData", unit.index),
        ):
            if present is not None:
                attributes = {"ID": f"measurement{number}{what}", "classification": "DESCRIPTION", "category": "DMD"}
                holder = etree.SubElement(section, "metadataObject", attributes)
                etree.SubElement(holder, "dataObjectPointer", {"dataObjectID": f"measurement{target}{number}"})
    unit = manifest.units[0]
    wanted = (unit.annotation is not None, unit.index is not None, True)
    for (name, href), needed in zip(_SCHEMAS.items(), wanted, strict=True):
        if needed:
            holder = etree.SubElement(
                section, "metadataObject", {"ID": name, "classification": "SYNTAX", "category": "REP"}
            )
            attributes = {"mimeType": "text/xml", "vocabularyName": "SDF", "locatorType": "URL", "href": href}
            etree.SubElement(holder, "metadataReference", attributes)


def _data_objects(root: etree._Element, manifest: L0Manifest) -> None:
    section = etree.SubElement(root, "dataObjectSection")
    units = _numbers(manifest)
    for number, unit in units:
        text = "Annotation for Measurement Data"
        _data_object(section, f"measurementAnnotData{number}", "measurementAnnotationSchema", text, unit.annotation)
    for number, unit in units:
        _data_object(section, f"measurementData{number}", "measurementSchema", "Measurement Data Unit", unit.data)
    for number, unit in units:
        text = "Index for Measurement Data"
        _data_object(section, f"measurementIndexData{number}", "measurementIndexAnnotationSchema", text, unit.index)


def _data_object(section: etree._Element, name: str, schema: str, text: str, component: DataObject | None) -> None:
    if component is None:
        return
    holder = etree.SubElement(section, "dataObject", {"ID": name, "repID": schema})
    stream = etree.SubElement(
        holder, "byteStream", {"mimeType": "application/octet-stream", "size": str(component.size)}
    )
    etree.SubElement(stream, "fileLocation", {"locatorType": "URL", "textInfo": text, "href": f"./{component.href}"})
    etree.SubElement(stream, "checksum", {"checksumName": "MD5"}).text = component.md5


def format_utc(moment: datetime) -> str:
    """`YYYY-MM-DDThh:mm:ss.ffffffZ`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _format_local(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"
