"""The manifest as a document: order, required elements, references, and values that must agree with each other."""

from collections.abc import Iterator
from datetime import timedelta

from lxml import etree

from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.formats.l0.product import MANIFEST_NAME
from s1pdgs.formats.xml import FormatError, local_name, read_xml
from s1pdgs.tools.l0.product import Product
from s1pdgs.tools.l0.verify.findings import Findings

_ONE, _MAYBE, _MANY = "", "?", "*"
_SCHEMA: dict[str, tuple[str, ...]] = {
    "XFDU": ("informationPackageMap", "metadataSection", "dataObjectSection"),
    "acquisitionPeriod": ("startTime", "stopTime", "extension?"),
    "timeANX": ("startTimeANX", "stopTimeANX"),
    "platform": ("nssdcIdentifier", "familyName", "number", "instrument"),
    "instrument": ("familyName", "extension"),
    "instrumentMode": ("mode", "swath*"),
    "standAloneProductInformation": (
        "productClass", "productClassDescription", "productConsolidation", "productSensingConsolidation?",
        "calISPPresent", "noiseISPPresent", "instrumentConfigurationID", "missionDataTakeID", "circulationFlag",
        "sliceProductFlag", "sliceNumber?", "totalNumberOfSlice?", "theoreticalSliceLength?", "sliceOverlap?",
        "dataTakeStartTime?", "echoCompressionType", "noiseCompressionType", "calCompressionType",
        "transmitterReceiverPolarisation*", "packetStoreID*", "byteOrder*", "averageBitRate*",
        "firstBurstCycleNumber*",
    ),
    "orbitReference": ("orbitNumber*", "relativeOrbitNumber*", "cycleNumber", "phaseIdentifier", "extension"),
    "orbitProperties": ("pass", "ascendingNodeTime"),
    "qualityProperties": (
        "dataObjectID", "numOfElements", "numOfMissingElements", "numOfCorruptedElements",
        "numOfRSIncorrigibleElements?", "numOfRSCorrectedElements?", "numOfRSCorrectedSymbols?",
    ),
    "dataObject": ("byteStream",),
    "byteStream": ("fileLocation", "checksum"),
}  # fmt: skip
"""Children of elements in their order (S1PD.SP.00110.ASTR, as real manifests have them): ? optional, * repeated."""

_REQUIRED_OBJECTS = (
    "acquisitionPeriod",
    "platform",
    "generalProductInformation",
    "measurementOrbitReference",
    "processing",
    "measurementFrameSet",
    "measurementQualityInformation",
)
_REFERENCES = ("dmdID", "pdiID", "repID", "dataObjectID")
_CYCLE_ORBITS = 175
_FIRST_ORBITS = {"S1A": (73, 15), "S1B": (27, 7), "S1C": (172, 0)}
"""First absolute orbit of the present repeat cycle and the cycle that it began, as annotated in real products."""
_RATE_TOLERANCE = 0.02
_ANX_TOLERANCE_MS = 1.0
_LONGEST_ORBIT = timedelta(seconds=6100)


def check_document(product: Product, findings: Findings) -> None:
    """The rules `manifest.readable`, `.order`, `.elements` and `.references`; of telemetry no layout is published."""
    if product.folder is None:
        return
    if product.manifest_fault is not None:
        findings.error("manifest.readable", MANIFEST_NAME, product.manifest_fault, "take the product again")
    try:
        root = read_xml(product.folder / MANIFEST_NAME)
    except (FormatError, OSError):
        return
    for element in () if product.telemetry else root.iter(etree.Element):
        children = _SCHEMA.get(local_name(element))
        if children is not None and not _is_pointer(element):
            _check_children(element, children, findings)
    identifiers = {element.get("ID") for element in root.iter(etree.Element)} - {None}
    for name in () if product.telemetry else _REQUIRED_OBJECTS:
        if name not in identifiers:
            findings.error("manifest.elements", "metadataSection", f"metadataObject {name} is missing")
    for element, attribute, target in _references(root):
        if target not in identifiers:
            place = f"{local_name(element)} {attribute}"
            findings.error("manifest.references", place, f"{target} is pointed at, but no object has this ID")


def check_values(manifest: L0Manifest, findings: Findings) -> None:
    """The rules `manifest.version`, `.times`, `.orbit` and `.rate`, as far as the manifest alone tells."""
    _check_times(manifest, findings)
    _check_orbit(manifest, findings)
    seconds = (manifest.stop - manifest.start).total_seconds()
    for unit in manifest.units:
        rate = 8 * unit.data.size / seconds if seconds > 0 else 0.0
        if seconds > 0 and abs(unit.average_bit_rate_bps - rate) > max(_RATE_TOLERANCE * rate, 1.0):
            findings.warn(
                "manifest.rate",
                f"averageBitRate {unit.polarisation}",
                f"{unit.average_bit_rate_bps} bit/s, but {unit.data.size} bytes in {seconds:.3f} s are {rate:.0f}",
            )


def check_version(product: Product, manifest: L0Manifest, findings: Findings) -> None:
    """The rule `manifest.version`."""
    if product.folder is None:
        return
    found = read_xml(product.folder / MANIFEST_NAME).get("version", "")
    if found != manifest.version:
        findings.warn("manifest.version", "XFDU version", f"{found!r}, but the contents make {manifest.version!r}")


def _is_pointer(element: etree._Element) -> bool:
    """Wrappers carry the names of what they wrap."""
    return local_name(element) == "metadataObject"


def _check_children(element: etree._Element, children: tuple[str, ...], findings: Findings) -> None:
    names = [child.rstrip("?*") for child in children]
    found = [local_name(child) for child in element.iterchildren(etree.Element)]
    place = local_name(element)
    known = [name for name in found if name in names]
    ranks = [names.index(name) for name in known]
    for before, (name, rank) in enumerate(zip(known[1:], ranks[1:], strict=True)):
        if rank < ranks[before]:
            findings.error(
                "manifest.order",
                place,
                f"{name} stands behind {known[before]}, but belongs before it",
                "readers that follow the schema refuse it; write the manifest again",
            )
            break
    for name in dict.fromkeys(found):
        if name not in names:
            findings.note("manifest.elements", place, f"{name} is an element that is not known here")
    for child, name in zip(children, names, strict=True):
        count = found.count(name)
        if not count and child[-1] not in "?*":
            findings.error("manifest.elements", place, f"{name} is missing")
        if count > 1 and child[-1] != "*":
            findings.error("manifest.elements", place, f"{name} is there {count} times")


def _references(root: etree._Element) -> Iterator[tuple[etree._Element, str, str]]:
    for element in root.iter(etree.Element):
        for attribute in _REFERENCES:
            for target in element.get(attribute, "").split():
                yield element, attribute, target


def _check_times(manifest: L0Manifest, findings: Findings) -> None:
    if manifest.stop < manifest.start:
        findings.error("manifest.times", "acquisitionPeriod", "stopTime is before startTime")
    node = manifest.orbit.ascending_node_time
    for name, moment, told_ms in (
        ("startTimeANX", manifest.start, manifest.start_anx_ms),
        ("stopTimeANX", manifest.stop, manifest.stop_anx_ms),
    ):
        wanted_ms = (moment - node).total_seconds() * 1000.0
        if abs(told_ms - wanted_ms) > _ANX_TOLERANCE_MS:
            findings.error(
                "manifest.times", name, f"{told_ms:.3f} ms, but {wanted_ms:.3f} ms lie between ascending node and time"
            )
    if not timedelta() <= manifest.start - node <= _LONGEST_ORBIT:
        findings.error("manifest.times", "ascendingNodeTime", "is not the node before the start")


def _check_orbit(manifest: L0Manifest, findings: Findings) -> None:
    orbit = manifest.orbit
    if not 0 <= orbit.stop_orbit - orbit.start_orbit <= 1:
        findings.error("manifest.orbit", "orbitNumber", f"from {orbit.start_orbit} to {orbit.stop_orbit}")
    if manifest.satellite not in _FIRST_ORBITS:
        return
    first, _ = _FIRST_ORBITS[manifest.satellite]
    for absolute, relative, which in (
        (orbit.start_orbit, orbit.start_relative_orbit, "start"),
        (orbit.stop_orbit, orbit.stop_relative_orbit, "stop"),
    ):
        wanted = (absolute - first) % _CYCLE_ORBITS + 1
        if relative != wanted:
            findings.error(
                "manifest.orbit",
                f"relativeOrbitNumber {which}",
                f"{relative}, but orbit {absolute} of {manifest.satellite} has relative orbit {wanted}",
            )
