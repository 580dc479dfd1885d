"""The audit: all rules on one product."""

from pathlib import Path

from attrs import frozen

from s1pdgs.formats.isp.codes import channel_polarisation
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.packets import Packets, read_packets, usual
from s1pdgs.tools.l0.product import Component, Product, open_product
from s1pdgs.tools.l0.telemetry import read_telemetry
from s1pdgs.tools.l0.verify.components import check_annotations, check_index
from s1pdgs.tools.l0.verify.contents import check_kinds, check_measurement, check_slice
from s1pdgs.tools.l0.verify.files import check_files, told_elements
from s1pdgs.tools.l0.verify.findings import Finding, Findings, Severity
from s1pdgs.tools.l0.verify.footprint import check_footprint
from s1pdgs.tools.l0.verify.manifest import check_document, check_values, check_version
from s1pdgs.tools.l0.verify.names import check_component_names, check_name
from s1pdgs.tools.l0.verify.packets import check_decoding, check_packets
from s1pdgs.tools.l0.verify.timeline import check_timeline

DECODED_OF_EACH_KIND = 32


@frozen
class Report:
    """What an audit found; `packets` were read and `decoded` of them decoded."""

    product: str
    findings: tuple[Finding, ...]
    packets: int
    decoded: int

    def passed(self, *, strict: bool = False) -> bool:
        """Whether there is no error; when strict, no warning either."""
        bad = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
        return not any(finding.severity in bad for finding in self.findings)


def audit(given: Path, decode: int | None = DECODED_OF_EACH_KIND) -> Report:
    """Audit a product, decoding at most so many packets of each kind (all when None). Never raises for its faults."""
    findings = Findings()
    try:
        with open_product(given) as product:
            packets, decoded = _audit(product, findings, decode)
            return Report(product.name, tuple(findings.result()), packets, decoded)
    except ToolError as error:
        findings.error("product.readable", given.name, str(error), "take the product again")
    return Report(given.name, tuple(findings.result()), 0, 0)


def _audit(product: Product, findings: Findings, decode: int | None) -> tuple[int, int]:
    manifest = product.manifest
    if product.folder is not None:
        check_name(product, findings)
        check_document(product, findings)
        check_files(product, findings)
    if manifest is not None:
        check_version(product, manifest, findings)
        check_values(manifest, findings)
        check_component_names(manifest, findings)
        check_slice(manifest, findings)
    if not product.components:
        findings.error("product.readable", product.name, "no measurement can be read", "take the product again")
        return 0, 0
    if product.telemetry:
        return sum(_audit_telemetry(product, component, findings) for component in product.components), 0
    read, decoded = [], 0
    for component in product.components:
        packets = read_packets(component)
        read.append(packets)
        decoded += _audit_measurement(product, component, packets, findings, decode=decode)
    if manifest is not None:
        check_kinds(manifest, read, findings)
        check_footprint(manifest, max(read, key=lambda packets: packets.count), findings)
    return sum(packets.count for packets in read), decoded


def _audit_measurement(
    product: Product, component: Component, packets: Packets, findings: Findings, *, decode: int | None
) -> int:
    manifest = product.manifest
    whole = _product_class(product) not in ("C", "N")
    check_packets(packets, findings, whole=whole)
    if not packets.count:
        return 0
    check_annotations(component, packets, findings)
    check_index(component, packets, findings)
    if manifest is not None:
        check_measurement(manifest, component, packets, findings)
    elif component.polarisation != "?":
        _check_letters(component, packets, findings)
    if whole:
        check_timeline(packets, _satellite(product), findings)
    return check_decoding(packets, findings, decode)


def _check_letters(component: Component, packets: Packets, findings: Findings) -> None:
    """Without a manifest, the file name alone tells the polarisation."""
    try:
        found = channel_polarisation(usual(packets.headers["polarisation"]), usual(packets.headers["rx_channel"]))
    except PacketError as error:
        findings.error("packets.polarisation", component.data.name, str(error))
        return
    if found != component.polarisation:
        text = f"the file is named {component.polarisation}, but its packets are {found}"
        findings.error("packets.polarisation", component.data.name, text, "measurements were confused")


def _audit_telemetry(product: Product, component: Component, findings: Findings) -> int:
    account = read_telemetry(component.data)
    if account.rest:
        text = f"{account.rest} octets at the end make no packet"
        findings.error("packets.damage", component.data.name, text, "take the product again")
    if account.lost:
        findings.warn("gaps.lost", component.data.name, f"{account.lost} packets are missing by their sequence counts")
    told = None if product.folder is None else told_elements(product.folder)
    if told is not None and told != account.packets:
        text = f"numOfElements is {told}, but {account.packets} packets are there"
        findings.error("counts.elements", component.data.name, text)
    return account.packets


def _product_class(product: Product) -> str:
    if product.manifest is not None:
        return product.manifest.product_class
    try:
        return ProductName.parse(product.name).product_class
    except NamingError:
        return "S"


def _satellite(product: Product) -> str:
    if product.manifest is not None:
        return product.manifest.satellite
    return product.name[:3].upper()
