"""GP_RAW__0_ and HK_RAW__0_ products: the packets of a telemetry store back to back, and a manifest.

Names are those of real products, which have no data take: `S1A_GP_RAW__0____<start>_<stop>_<orbit>________<CCCC>.SAFE`.
The layout inside is not published and follows the Level-0 products of the radar, without annotation and index.
"""

from datetime import datetime
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.formats.files import land_folder, write_atomic
from s1pdgs.formats.l0.manifest import (
    NSSDC_IDENTIFIERS,
    UNKNOWN_NSSDC_IDENTIFIER,
    DataObject,
    MeasurementQuality,
    OrbitReference,
    Processing,
)
from s1pdgs.formats.l0.manifest_writer import S1, S1SAR, SAFE, XFDU, format_utc
from s1pdgs.formats.l0.product import MANIFEST_NAME
from s1pdgs.formats.names import ProductName, manifest_uid
from s1pdgs.model.time import format_compact

DESCRIPTIONS = {"GP": "GPS L0 product", "HK": "HKTM L0 product"}
_MEASUREMENT = "measurementData"


@frozen
class TelemetryProduct:
    """What a product is made of: `mode` GP or HK, the packets of one store from `start` to `stop`, and their file.

    `timed_by` tells where start and stop are from: `SENSING` or `RECEPTION`. The file is moved into the product.
    """

    satellite: str
    mode: str
    packet_store_id: int
    start: datetime
    stop: datetime
    timed_by: str
    orbit: OrbitReference
    processing: Processing
    quality: MeasurementQuality
    path: Path
    size: int
    md5: str


def write_telemetry_product(folder: Path, product: TelemetryProduct) -> str:
    """Make the product in `folder` and return its name; nothing is left behind when that fails."""

    def fill(partial: Path) -> str:
        stem = f"{product.satellite}-{product.mode}-raw-{format_compact(product.start)}-{format_compact(product.stop)}"
        data = DataObject(f"{stem}-{product.orbit.start_orbit:06d}.dat".lower(), product.size, product.md5)
        manifest = _manifest(product, data)
        product.path.replace(partial / data.href)
        write_atomic(partial / MANIFEST_NAME, manifest)
        return str(_name(product, manifest_uid(manifest)))

    return land_folder(folder, fill)


def _name(product: TelemetryProduct, uid: str) -> ProductName:
    return ProductName(
        satellite=product.satellite,
        mode=product.mode,
        kind="RAW",
        resolution="_",
        level=0,
        product_class="_",
        polarisation="__",
        start=product.start,
        stop=product.stop,
        orbit=product.orbit.start_orbit,
        datatake=0,
        uid=uid,
    )


def _manifest(product: TelemetryProduct, data: DataObject) -> bytes:
    root = etree.Element(f"{{{XFDU}}}XFDU", nsmap={"s1": S1, "s1sar": S1SAR, "xfdu": XFDU})
    root.set("version", f"esa/safe/sentinel-1.0/sentinel-1/{product.mode.lower()}/level-0")
    package = _element(
        etree.SubElement(root, "informationPackageMap"),
        f"{{{XFDU}}}contentUnit",
        unitType="SAFE Archive Information Package",
        textInfo=f"Sentinel-1 {DESCRIPTIONS[product.mode]}",
        dmdID="acquisitionPeriod platform generalProductInformation",
        pdiID="processing",
    )
    unit = _element(package, f"{{{XFDU}}}contentUnit", unitType="Measurement Data Unit", textInfo="Measurement Data")
    unit.set("dmdID", "measurementOrbitReference measurementQualityInformation")
    _element(unit, "dataObjectPointer", dataObjectID=_MEASUREMENT)
    section = etree.SubElement(root, "metadataSection")
    _period_and_platform(section, product)
    _information(section, product)
    _orbit(section, product.orbit)
    _processing(_wrap(section, "processing", "Processing", "PROVENANCE", "PDI"), product.processing)
    _quality(section, product.quality)
    holder = _element(etree.SubElement(root, "dataObjectSection"), "dataObject", ID=_MEASUREMENT)
    stream = _element(holder, "byteStream", mimeType="application/octet-stream", size=str(data.size))
    _element(stream, "fileLocation", locatorType="URL", textInfo="Measurement Data Unit", href=f"./{data.href}")
    _element(stream, "checksum", data.md5, checksumName="MD5")
    etree.indent(root, space="   ")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _period_and_platform(section: etree._Element, product: TelemetryProduct) -> None:
    period = _element(_wrap(section, "acquisitionPeriod", "Acquisition Period"), f"{{{SAFE}}}acquisitionPeriod")
    _element(period, f"{{{SAFE}}}startTime", format_utc(product.start))
    _element(period, f"{{{SAFE}}}stopTime", format_utc(product.stop))
    platform = _element(_wrap(section, "platform", "Platform Description"), f"{{{SAFE}}}platform")
    identifier = NSSDC_IDENTIFIERS.get(product.satellite, UNKNOWN_NSSDC_IDENTIFIER)
    _element(platform, f"{{{SAFE}}}nssdcIdentifier", identifier)
    _element(platform, f"{{{SAFE}}}familyName", "SENTINEL-1")
    _element(platform, f"{{{SAFE}}}number", product.satellite[2:])


def _information(section: etree._Element, product: TelemetryProduct) -> None:
    holder = _wrap(section, "generalProductInformation", "General Product Information")
    information = _element(holder, f"{{{S1SAR}}}standAloneProductInformation")
    for name, text in (
        ("productClassDescription", DESCRIPTIONS[product.mode]),
        ("packetStoreID", str(product.packet_store_id)),
        ("timeReference", product.timed_by),
        ("byteOrder", "BIG_ENDIAN"),
    ):
        _element(information, f"{{{S1SAR}}}{name}", text)


def _orbit(section: etree._Element, orbit: OrbitReference) -> None:
    holder = _wrap(section, "measurementOrbitReference", "Orbit Reference")
    reference = _element(holder, f"{{{SAFE}}}orbitReference")
    for name, first, last in (
        ("orbitNumber", orbit.start_orbit, orbit.stop_orbit),
        ("relativeOrbitNumber", orbit.start_relative_orbit, orbit.stop_relative_orbit),
    ):
        _element(reference, f"{{{SAFE}}}{name}", str(first), type="start")
        _element(reference, f"{{{SAFE}}}{name}", str(last), type="stop")
    _element(reference, f"{{{SAFE}}}cycleNumber", str(orbit.cycle))
    _element(reference, f"{{{SAFE}}}phaseIdentifier", str(orbit.phase))


def _processing(parent: etree._Element, processing: Processing) -> None:
    step = _element(parent, f"{{{SAFE}}}processing", name=processing.name)
    step.set("start", format_utc(processing.start).removesuffix("Z"))
    step.set("stop", format_utc(processing.stop).removesuffix("Z"))
    if (facility := processing.facility) is not None:
        element = _element(step, f"{{{SAFE}}}facility", country=facility.country, name=facility.name)
        element.set("organisation", facility.organisation)
        element.set("site", facility.site)
        software = {"name": facility.software_name or "", "version": facility.software_version or ""}
        _element(element, f"{{{SAFE}}}software", **software)
    for resource in processing.resources:
        element = _element(step, f"{{{SAFE}}}resource", name=resource.name, role=resource.role)
        if resource.processing is not None:
            _processing(element, resource.processing)


def _quality(section: etree._Element, quality: MeasurementQuality) -> None:
    holder = _wrap(section, "measurementQualityInformation", "Quality Information")
    information = _element(holder, f"{{{SAFE}}}qualityInformation")
    properties = _element(_element(information, f"{{{SAFE}}}extension"), f"{{{S1}}}qualityProperties")
    _element(properties, f"{{{S1}}}dataObjectID", _MEASUREMENT)
    for name, count in quality.counts.items():
        _element(properties, f"{{{S1}}}{name}", str(count))


def _wrap(
    section: etree._Element, name: str, text: str, kind: str = "DESCRIPTION", category: str = "DMD"
) -> etree._Element:
    holder = _element(section, "metadataObject", ID=name, classification=kind, category=category)
    return etree.SubElement(
        _element(holder, "metadataWrap", mimeType="text/xml", vocabularyName="SAFE", textInfo=text), "xmlData"
    )


def _element(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, tag, attributes)
    element.text = text
    return element
