"""What a product on disk is: read from its manifest, its Earth Explorer header or its name, into one model."""

from datetime import datetime
from pathlib import Path

from attrs import evolve, frozen

from s1pdgs.formats.acquisition_plan import TYPE as PLAN
from s1pdgs.formats.acquisition_plan import is_plan
from s1pdgs.formats.acquisition_reader import read_plan
from s1pdgs.formats.earth_explorer import read_header
from s1pdgs.formats.isp.acquired import acquired_polarisations
from s1pdgs.formats.manifest import Manifest, read_manifest
from s1pdgs.formats.names import AuxiliaryName, NamingError, ProductName
from s1pdgs.formats.obmemc import read_obmemc
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.footprint import Footprint
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue
from s1pdgs.model.time import FAR_FUTURE, parse_utc
from s1pdgs.model.timeliness import Timeliness, most_urgent, of_packet_store

_CATEGORIES = {
    "NRT-10m": Timeliness.PT, "NRT-1h": Timeliness.PT, "NRT-3h": Timeliness.NRT, "Fast-24h": Timeliness.FAST24,
    "Off-line": Timeliness.NTC, "Reprocessing": Timeliness.NTC,
}  # fmt: skip


@frozen
class Description:
    """The part of a `Product` that its own content tells; `timeliness` is None where it does not."""

    name: str
    type: str
    satellite: str
    validity: Interval
    generation_time: datetime
    timeliness: Timeliness | None
    footprint: Footprint | None
    attributes: dict[str, AttributeValue]


def describe(path: Path) -> Description:
    """Describe a Level-0/1/2 SAFE directory, an auxiliary SAFE directory, an auxiliary file or an acquisition plan.

    Raises `FormatError` naming the file and the field when content is missing, malformed or contradicts the name.
    """
    try:
        auxiliary = AuxiliaryName.parse(path.name)
    except NamingError:
        return _plan(path) if is_plan(path.name) else _instrument_product(path)
    return _auxiliary_product(path, auxiliary)


def _instrument_product(path: Path) -> Description:
    name = ProductName.parse(path.name)
    manifest = _manifest_of(path)
    if manifest.start is None or manifest.stop is None:
        raise FormatError(f"{path}/manifest.safe: acquisitionPeriod has no startTime and stopTime")
    return Description(
        name=path.name,
        type=name.product_type,
        satellite=name.satellite,
        validity=Interval(manifest.start, manifest.stop),
        generation_time=manifest.processing_start or manifest.stop,
        timeliness=_timeliness(manifest),
        footprint=_footprint(manifest),
        attributes=_attributes(name, manifest) | _acquired(name, path),
    )


def _acquired(name: ProductName, path: Path) -> dict[str, AttributeValue]:
    """Of Level-0 data: which polarisations the instrument received, be they here or not."""
    if (name.level, name.product_class) != (0, "S"):
        return {}
    found = acquired_polarisations(path)
    return {"acquiredPolarisations": "&".join(found)} if found else {}


def _plan(path: Path) -> Description:
    """An acquisition plan, read as a whole: one that cannot be is refused here."""
    name = read_plan(path).name
    auxiliary = AuxiliaryName(name.satellite, PLAN, name.validity, name.made)
    return _description(path, auxiliary, name.validity, name.made)


def _manifest_of(path: Path) -> Manifest:
    manifest = path / "manifest.safe"
    if not manifest.is_file():
        raise FormatError(f"{path}: there is no manifest.safe; a SAFE product is a directory with one")
    return read_manifest(manifest)


def _timeliness(manifest: Manifest) -> Timeliness | None:
    category = manifest.text("productTimelinessCategory")
    if category is not None:
        return _CATEGORIES.get(category)
    stores = [of_packet_store(int(text)) for text in manifest.information.get("packetStoreID", ()) if text.isdigit()]
    return most_urgent(stores) if stores else None


def _footprint(manifest: Manifest) -> Footprint | None:
    frames = [frame for frame in manifest.frames if len(frame) >= 2]
    if not frames:
        return None
    if len(frames) == 1:
        return Footprint.from_points(list(frames[0]))
    return Footprint.from_points([*frames[0][:2], *frames[-1][2:4]])


def _attributes(name: ProductName, manifest: Manifest) -> dict[str, AttributeValue]:
    """Attributes under their OData names (peers.md, section 3.2); absent facts have no attribute."""
    found: dict[str, AttributeValue | None] = {
        "productType": name.product_type,
        "platformShortName": "SENTINEL-1",
        "platformSerialIdentifier": name.satellite[-1],
        "instrumentShortName": "SAR",
        "operationalMode": "SM" if name.mode in {"S1", "S2", "S3", "S4", "S5", "S6"} else name.mode,
        "swathIdentifier": " ".join(dict.fromkeys(manifest.swaths)) or name.mode,
        "processingLevel": f"LEVEL{name.level}",
        "productClass": name.product_class,
        "polarisationChannels": _polarisations(manifest),
        "beginningDateTime": manifest.start,
        "endingDateTime": manifest.stop,
        "startTimeFromAscendingNode": manifest.start_anx_ms,
        "completionTimeFromAscendingNode": manifest.stop_anx_ms,
        "orbitNumber": name.orbit,
        "relativeOrbitNumber": None if manifest.relative_orbits is None else manifest.relative_orbits[0],
        "cycleNumber": manifest.cycle,
        "orbitDirection": manifest.flight_pass,
        "datatakeID": name.datatake or None,
        "missionDatatakeID": name.datatake or None,
        "instrumentConfigurationID": manifest.number("instrumentConfigurationID"),
        "sliceProductFlag": _flag(manifest.text("sliceProductFlag")),
        "sliceNumber": manifest.number("sliceNumber"),
        "totalSlices": manifest.number("totalSlices") or manifest.number("totalNumberOfSlice"),
        "segmentStartTime": _moment(manifest.text("segmentStartTime") or manifest.text("dataTakeStartTime")),
        "productComposition": manifest.text("productComposition"),
        "productConsolidation": manifest.text("productConsolidation"),
        "productSensingConsolidation": manifest.text("productSensingConsolidation"),
        "missingPackets": manifest.missing_elements if name.level == 0 else None,
        "corruptedPackets": manifest.corrupted_elements if name.level == 0 else None,
        "packetStoreID": " ".join(manifest.information.get("packetStoreID", ())) or None,
        "processingDate": manifest.processing_stop or manifest.processing_start,
        "processingCenter": manifest.facility,
        "processorName": manifest.software,
        "processorVersion": manifest.software_version,
    }
    return {key: value for key, value in found.items() if value is not None}


def _polarisations(manifest: Manifest) -> str | None:
    return "&".join(dict.fromkeys(manifest.information.get("transmitterReceiverPolarisation", ()))) or None


def _flag(text: str | None) -> bool | None:
    return None if text is None else text.strip().lower() == "true"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_utc(text)


def _auxiliary_product(path: Path, name: AuxiliaryName) -> Description:
    if path.is_dir():
        found = _auxiliary_safe(path, name)
    elif name.product_type == "AUX_OBMEMC":
        memory = read_obmemc(path)
        found = _description(path, name, memory.validity, memory.created)
    else:
        header = read_header(path)
        if header.file_type.rstrip("_") != name.product_type:
            raise FormatError(f"{path}: header File_Type {header.file_type} contradicts the name's {name.product_type}")
        found = _description(path, name, header.validity, header.created)
    return found


def _auxiliary_safe(path: Path, name: AuxiliaryName) -> Description:
    manifest = _manifest_of(path)
    validity = name.validity
    if validity is None or name.generated is None:
        raise FormatError(f"{path}: the name of an auxiliary SAFE tells its validity and generation")
    start = _moment(manifest.text("validity"))
    if start is not None:
        validity = Interval(start, max(validity.stop, start) if validity.stop != FAR_FUTURE else FAR_FUTURE)
    described = _description(path, name, validity, _moment(manifest.text("generation")) or name.generated)
    configuration = manifest.number("instrumentConfigurationId") or manifest.number("instrumentConfigurationID")
    if configuration is None:
        return described
    return evolve(described, attributes={**described.attributes, "instrumentConfigurationID": configuration})


def _description(path: Path, name: AuxiliaryName, validity: Interval, generated: datetime) -> Description:
    attributes: dict[str, AttributeValue] = {
        "productType": name.product_type,
        "platformShortName": "SENTINEL-1",
        "beginningDateTime": validity.start,
        "endingDateTime": validity.stop,
        "processingDate": generated,
    }
    if not name.satellite.endswith("_"):
        attributes["platformSerialIdentifier"] = name.satellite[-1]
    return Description(
        name=path.name,
        type=name.product_type,
        satellite=name.satellite,
        validity=validity,
        generation_time=generated,
        timeliness=None,
        footprint=None,
        attributes=attributes,
    )
