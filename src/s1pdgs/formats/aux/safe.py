"""The SAFE directory of an auxiliary product: its manifest, its one data file and its schemas.

Structure as in the S-1 auxiliary product specification (S1-RS-MDA-52-7443) and in the manifests of real products.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.formats.aux.binding import AuxiliaryError
from s1pdgs.formats.files import sync_directory, write_atomic
from s1pdgs.formats.xml import find, find_all, find_optional, read_xml, serialise, text_of
from s1pdgs.model.time import format_compact, parse_utc

MANIFEST = "manifest.safe"
_XFDU = "urn:ccsds:schema:xfdu:1"
_SAFE = "http://www.esa.int/safe/sentinel-1.0"
_SAFE_AUX = "http://www.esa.int/safe/sentinel-1.0/sentinel-1/auxiliary/sar"
_TITLES = {
    "AUX_INS": "L1 Auxiliary Instrument Parameters",
    "AUX_CAL": "L1 Auxiliary Calibration Parameters",
    "AUX_PP1": "L1 Auxiliary Processor Parameters",
}
_NSSDC = {"S1A": "2014-016A", "S1B": "2016-025A", "S1C": "2024-235A", "S1D": "2025-251A"}


def read_manifest(safe_dir: Path) -> "AuxiliaryManifest":
    """Read `manifest.safe`. Raises `FormatError` when it is absent or a field is missing or wrong."""
    path = safe_dir / MANIFEST
    if not path.is_file():
        raise AuxiliaryError(f"{path}: not found; an auxiliary product is a SAFE directory with a manifest")
    source = str(path)
    root = read_xml(path)
    metadata = {item.get("ID"): item for item in find_all(root, "metadataSection/metadataObject")}
    if "standAloneProductInformation" not in metadata or "platform" not in metadata:
        raise AuxiliaryError(f"{source}: metadata objects standAloneProductInformation and platform are required")
    about = find(metadata["standAloneProductInformation"], "metadataWrap/xmlData/standAloneProductInformation", source)
    platform = find(metadata["platform"], "metadataWrap/xmlData/platform", source)
    configuration = find_optional(about, "instrumentConfigurationId")
    try:
        return AuxiliaryManifest(
            product_type=text_of(about, "auxProductType", source),
            satellite="S1" + ((find(platform, "number", source).text or "").strip() or "_"),
            validity_start=parse_utc(text_of(about, "validity", source)),
            generation=parse_utc(text_of(about, "generation", source)),
            instrument_configuration_id=None if configuration is None else int((configuration.text or "").strip()),
            data=_read_data(root, source),
        )
    except ValueError as error:
        raise error if isinstance(error, AuxiliaryError) else AuxiliaryError(f"{source}: {error}") from None


def data_file(safe_dir: Path) -> Path:
    """The one data file of the product, its size and MD5 checked against the manifest.

    Raises `FormatError` when it is absent, altered or would lie outside the product.
    """
    manifest = read_manifest(safe_dir)
    entry = manifest.data
    if entry is None:
        raise AuxiliaryError(f"{safe_dir / MANIFEST}: no data object is declared")
    path = (safe_dir / entry.href).resolve()
    if not path.is_relative_to(safe_dir.resolve()):
        raise AuxiliaryError(f"{safe_dir / MANIFEST}: fileLocation {entry.href!r} leads out of the product")
    if not path.is_file():
        raise AuxiliaryError(f"{path}: not found, though the manifest names it; transfer the product again")
    if path.stat().st_size != entry.size_bytes:
        raise AuxiliaryError(f"{path}: {path.stat().st_size} bytes, the manifest says {entry.size_bytes}")
    if entry.md5 is not None and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != entry.md5:
        raise AuxiliaryError(f"{path}: its MD5 is not the one in the manifest; transfer the product again")
    return path


def safe_name(product_type: str, satellite: str, validity_start: datetime, generation: datetime) -> str:
    """Such as `S1A_AUX_INS_V20140915T100000_G20150319T102820.SAFE`."""
    return f"{satellite}_{product_type}_V{format_compact(validity_start)}_G{format_compact(generation)}.SAFE"


def write_safe(out_dir: Path, manifest: "AuxiliaryManifest", document: bytes, schemas: Mapping[str, bytes]) -> Path:
    """Write a product: the data file, `schemas` (file name to content) under `support` and, last, the manifest.

    The data object of `manifest` is set from `document`. Returns the SAFE directory.
    """
    kind = manifest.product_type.removeprefix("AUX_").lower()
    folder = out_dir / safe_name(
        manifest.product_type, manifest.satellite, manifest.validity_start, manifest.generation
    )
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "support").mkdir(exist_ok=True)
    href = f"./data/{manifest.satellite.lower()}-aux-{kind}.xml"
    write_atomic(folder / href, document)
    for name, content in schemas.items():
        write_atomic(folder / "support" / name, content)
    entry = DataEntry(href, len(document), hashlib.md5(document, usedforsecurity=False).hexdigest())
    write_atomic(folder / MANIFEST, _manifest(manifest, entry, f"s1-aux-{kind}.xsd", tuple(schemas)))
    sync_directory(out_dir)
    return folder


def _read_data(root: etree._Element, source: str) -> "DataEntry | None":
    stream = find_optional(root, "dataObjectSection/dataObject/byteStream")
    if stream is None:
        return None
    href = find(stream, "fileLocation", source).get("href")
    size = stream.get("size")
    if not href or size is None or not size.isdecimal():
        raise AuxiliaryError(f"{source}: byteStream needs a size and a fileLocation with href")
    checksum = find_optional(stream, "checksum")
    digest = None
    if checksum is not None and checksum.get("checksumName", "").upper() == "MD5":
        digest = (checksum.text or "").strip().lower()
    return DataEntry(href, int(size), digest)


def _manifest(manifest: "AuxiliaryManifest", entry: "DataEntry", schema: str, schemas: tuple[str, ...]) -> bytes:
    kind = manifest.product_type.removeprefix("AUX_").lower()
    root = etree.Element(
        etree.QName(_XFDU, "XFDU"),
        nsmap={"xfdu": _XFDU},
        version=f"esa/safe/sentinel-1.0/sentinel-1/auxiliary/sar/{kind}",
    )
    number = manifest.satellite[2:]
    package = etree.SubElement(
        etree.SubElement(root, "informationPackageMap"),
        etree.QName(_XFDU, "contentUnit"),
        dmdID="platform",
        pdiID="processing",
        textInfo=f"SENTINEL-1{number} {_TITLES.get(manifest.product_type, 'Auxiliary Data')}",
        unitType="SAFE Archive Information Package",
    )
    unit = etree.SubElement(
        package, etree.QName(_XFDU, "contentUnit"), repID="auxSchema", unitType="Measurement Data Unit"
    )
    etree.SubElement(unit, "dataObjectPointer", dataObjectID="auxData")
    section = etree.SubElement(root, "metadataSection")
    _processing(section, manifest)
    _platform(section, manifest)
    _product_information(section, manifest)
    _schema_reference(section, "auxSchema", schema)
    for name in schemas:
        if name != schema:
            _schema_reference(section, "s1ObjectTypesSchema", name)
    stream = etree.SubElement(
        etree.SubElement(etree.SubElement(root, "dataObjectSection"), "dataObject", ID="auxData", repID="auxSchema"),
        "byteStream",
        mimeType="text/xml",
        size=str(entry.size_bytes),
    )
    etree.SubElement(stream, "fileLocation", href=entry.href, locatorType="URL")
    etree.SubElement(stream, "checksum", checksumName="MD5").text = entry.md5
    return serialise(root)


def _wrapped(section: etree._Element, identifier: str, category: str, classification: str, text: str) -> etree._Element:
    item = etree.SubElement(section, "metadataObject", ID=identifier, category=category, classification=classification)
    wrap = etree.SubElement(item, "metadataWrap", mimeType="text/xml", textInfo=text, vocabularyName="SAFE")
    return etree.SubElement(wrap, "xmlData")


def _processing(section: etree._Element, manifest: "AuxiliaryManifest") -> None:
    moment = _time(manifest.generation)
    processing = etree.SubElement(
        _wrapped(section, "processing", "PDI", "PROVENANCE", "Processing"),
        etree.QName(_SAFE, "processing"),
        nsmap={"safe": _SAFE},
        name=f"{manifest.product_type} Generation",
        start=moment,
        stop=moment,
    )
    country, name, site = manifest.facility
    etree.SubElement(processing, etree.QName(_SAFE, "facility"), country=country, name=name, site=site)


def _platform(section: etree._Element, manifest: "AuxiliaryManifest") -> None:
    platform = etree.SubElement(
        _wrapped(section, "platform", "DMD", "DESCRIPTION", "Platform Description"),
        etree.QName(_SAFE, "platform"),
        nsmap={"safe": _SAFE},
    )
    identifier = _NSSDC.get(manifest.satellite, "0000-000A")
    for name, text in (
        ("nssdcIdentifier", identifier),
        ("familyName", "SENTINEL-1"),
        ("number", manifest.satellite[2:]),
    ):
        etree.SubElement(platform, etree.QName(_SAFE, name)).text = text
    instrument = etree.SubElement(platform, etree.QName(_SAFE, "instrument"))
    family = etree.SubElement(instrument, etree.QName(_SAFE, "familyName"), abbreviation="SAR")
    family.text = "Synthetic Aperture Radar"


def _product_information(section: etree._Element, manifest: "AuxiliaryManifest") -> None:
    about = etree.SubElement(
        _wrapped(section, "standAloneProductInformation", "DMD", "DESCRIPTION", "Stand Alone Product Information"),
        etree.QName(_SAFE_AUX, "standAloneProductInformation"),
        nsmap={"s1auxsar": _SAFE_AUX},
    )
    fields = [
        ("auxProductType", manifest.product_type),
        ("validity", _time(manifest.validity_start)),
        ("generation", _time(manifest.generation)),
    ]
    if manifest.instrument_configuration_id is not None:
        fields.append(("instrumentConfigurationId", str(manifest.instrument_configuration_id)))
    for name, text in fields:
        etree.SubElement(about, etree.QName(_SAFE_AUX, name)).text = text


def _schema_reference(section: etree._Element, identifier: str, name: str) -> None:
    item = etree.SubElement(section, "metadataObject", ID=identifier, category="REP", classification="SYNTAX")
    etree.SubElement(item, "metadataReference", href=f"./support/{name}", locatorType="URL", mimeType="text/xml")


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


@frozen
class DataEntry:
    """The data file of a product: `href` is relative to the SAFE directory."""

    href: str
    size_bytes: int
    md5: str | None


@frozen
class AuxiliaryManifest:
    """What a manifest tells of an auxiliary product; those of the whole mission (`S1__` in names) tell S1A here.

    `facility` is the country, name and site of the place that wrote the product.
    """

    product_type: str
    satellite: str
    validity_start: datetime
    generation: datetime
    instrument_configuration_id: int | None
    data: DataEntry | None = None
    facility: tuple[str, str, str] = ("Italy", "s1pdgs simulator", "Rome")
