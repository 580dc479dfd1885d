"""The files of a product against its manifest: there, whole, unchanged, and none too many."""

import hashlib
import re
from pathlib import Path

from s1pdgs.formats.l0.manifest import DataObject, L0Manifest
from s1pdgs.formats.l0.product import MANIFEST_NAME, SCHEMA_NAMES
from s1pdgs.tools.l0.product import Product, lies_in, safe_path
from s1pdgs.tools.l0.verify.findings import Findings

_CHUNK = 1 << 20
_AGAIN = "take the product again"
_COMPANION = re.compile(r"(?i)(\.pdf|\.png|\.kml|\.html|\.xsl|\.eof)$")


def check_files(product: Product, findings: Findings) -> None:
    """The rules `files.missing`, `.size`, `.md5`, `.extra` and `.links`."""
    folder, manifest = product.folder, product.manifest
    if folder is None:
        return
    for path in sorted(folder.rglob("*")):
        if not lies_in(folder, path):
            findings.error("files.links", path.relative_to(folder).as_posix(), "leads out of the product", _AGAIN)
    if manifest is None:
        return
    named = set()
    for entry in _entries(manifest):
        named.add(entry.href)
        _check_file(folder, entry, findings)
    for name in SCHEMA_NAMES:
        if safe_path(folder, f"support/{name}") is None:
            findings.warn("files.missing", f"support/{name}", "the schema is not there", "any other product has it")
    _check_extra(folder, named, findings)


def _entries(manifest: L0Manifest) -> list[DataObject]:
    entries = [entry for unit in manifest.units for entry in (unit.data, unit.annotation, unit.index)]
    return [entry for entry in entries if entry is not None]


def _check_file(folder: Path, entry: DataObject, findings: Findings) -> None:
    path = safe_path(folder, entry.href)
    if path is None:
        findings.error("files.missing", entry.href, "the manifest names it, but it is not there", _AGAIN)
        return
    size = path.stat().st_size
    if size != entry.size:
        findings.error("files.size", entry.href, f"{size} bytes, but the manifest says {entry.size}", _AGAIN)
        return
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != entry.md5.lower():
        findings.error(
            "files.md5",
            entry.href,
            f"MD5 {digest.hexdigest()}, but the manifest says {entry.md5}",
            f"octets were changed: {_AGAIN}",
        )


def _check_extra(folder: Path, named: set[str], findings: Findings) -> None:
    expected = {*named, MANIFEST_NAME, *(f"support/{name}" for name in SCHEMA_NAMES)}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in expected:
            continue
        if path.suffix == ".dat":
            findings.error("files.extra", name, "a measurement that the manifest does not name", "remove it")
        elif not _COMPANION.search(name):
            findings.warn("files.extra", name, "the manifest does not name it")
