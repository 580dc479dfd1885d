"""The name of a product against its manifest (S1PD.SP.00110.ASTR)."""

import re

from s1pdgs.formats.l0.manifest import L0Manifest
from s1pdgs.formats.l0.product import MANIFEST_NAME, component_stem
from s1pdgs.formats.manifest import Manifest
from s1pdgs.formats.names import NamingError, ProductName, manifest_uid
from s1pdgs.model.time import format_compact
from s1pdgs.tools.l0.product import Product
from s1pdgs.tools.l0.verify.findings import Findings

_RENAME = "rename the folder as the manifest says, or take a copy whose manifest was not touched"
_COMPONENT = re.compile(r"(?:-annot|-index)?\.dat$")


def check_name(product: Product, findings: Findings) -> None:
    """The rules `name.*`."""
    try:
        name = ProductName.parse(product.name)
    except NamingError as error:
        findings.error("name.form", product.name, str(error), "give the folder its product name")
        return
    if name.level != 0 or name.kind != "RAW":
        findings.error("name.form", product.name, f"{name.product_type} is no Level-0 product type", "")
    _check_crc(product, name, findings)
    if product.manifest is not None:
        _check_fields(name, product.manifest, findings)
    elif product.telemetry and product.facts is not None:
        _check_telemetry(name, product.facts, findings)


def check_component_names(manifest: L0Manifest, findings: Findings) -> None:
    """The rule `files.names`."""
    for unit in manifest.units:
        for entry in (unit.data, unit.annotation, unit.index):
            if entry is None:
                continue
            stem = component_stem(manifest, unit.polarisation)
            found = _COMPONENT.sub("", entry.href)
            if found != stem:
                findings.warn("files.names", entry.href, f"should be named {stem}...", "readers find files by name")


def _check_crc(product: Product, name: ProductName, findings: Findings) -> None:
    if product.folder is None or not (product.folder / MANIFEST_NAME).is_file():
        return
    found = manifest_uid((product.folder / MANIFEST_NAME).read_bytes())
    if found != name.uid:
        findings.error(
            "name.crc",
            product.name,
            f"the manifest has CRC-16 {found}, but the name says {name.uid}",
            "the manifest was changed after the product was named: take the original",
        )


def _check_fields(name: ProductName, manifest: L0Manifest, findings: Findings) -> None:
    swath = manifest.swath or manifest.mode
    _compare(
        findings,
        ("satellite", name.satellite, manifest.satellite),
        ("mode", name.mode, swath),
        ("class", name.product_class, manifest.product_class),
        ("orbit", name.orbit, manifest.orbit.start_orbit),
        ("data take", f"{name.datatake:06X}", f"{manifest.data_take_id:06X}"),
        ("start", format_compact(name.start), format_compact(manifest.start)),
        ("stop", format_compact(name.stop), format_compact(manifest.stop)),
    )
    accepted = _name_polarisations(manifest)
    if name.polarisation not in accepted:
        found = "+".join(unit.polarisation for unit in manifest.units)
        findings.error("name.fields", "polarisation", f"{name.polarisation} in the name, but {found} is held", _RENAME)


def _name_polarisations(manifest: L0Manifest) -> set[str]:
    """The letters that a name may have: `DV` for VV and VH; `SV`, or for a segment `VV`, for VV alone."""
    transmitted = {unit.polarisation[:1] for unit in manifest.units}
    if len(manifest.units) == 1:
        return {f"S{letter}" for letter in transmitted} | {unit.polarisation for unit in manifest.units}
    return {f"D{letter}" for letter in transmitted}


def _check_telemetry(name: ProductName, facts: Manifest, findings: Findings) -> None:
    start, stop = (None if moment is None else format_compact(moment) for moment in (facts.start, facts.stop))
    _compare(
        findings,
        ("satellite", name.satellite, f"S1{facts.satellite_number}"),
        ("orbit", name.orbit, None if facts.orbits is None else facts.orbits[0]),
        ("start", format_compact(name.start), start),
        ("stop", format_compact(name.stop), stop),
    )


def _compare(findings: Findings, *pairs: tuple[str, object, object]) -> None:
    for what, in_name, in_manifest in pairs:
        if in_name != in_manifest:
            findings.error("name.fields", what, f"{in_name} in the name, {in_manifest} in the manifest", _RENAME)
