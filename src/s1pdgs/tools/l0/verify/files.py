"""The files of a product against its manifest: there, whole, unchanged, and none too many."""

import hashlib
import re
from pathlib import Path

from s1pdgs.formats.l0.manifest import DataObject
from s1pdgs.formats.l0.product import MANIFEST_NAME, SCHEMA_NAMES
from s1pdgs.formats.xml import FormatError, find_all, find_optional, read_xml
from s1pdgs.tools.l0.product import Product, lies_in, safe_path
from s1pdgs.tools.l0.verify.findings import Findings

_CHUNK = 1 << 20
_AGAIN = "take the product again"
_COMPANION = re.compile(r"(?i)(\.pdf|\.png|\.kml|\.html|\.xsl|\.eof)$")


def check_files(product: Product, findings: Findings) -> None:
    """The rules `files.missing`, `.size`, `.md5`, `.extra` and `.links`."""
    folder = product.folder
    if folder is None:
        return
    for path in sorted(folder.rglob("*")):
        if not lies_in(folder, path):
            findings.error("files.links", path.relative_to(folder).as_posix(), "leads out of the product", _AGAIN)
    entries = data_objects(folder)
    for entry in entries:
        _check_file(folder, entry, findings)
    for name in () if product.telemetry else SCHEMA_NAMES:
        if safe_path(folder, f"support/{name}") is None:
            findings.warn("files.missing", f"support/{name}", "the schema is not there", "any other product has it")
    if entries:
        _check_extra(folder, {entry.href for entry in entries}, findings)


def data_objects(folder: Path) -> list[DataObject]:
    """The files that a manifest of any kind names; none where it cannot be read."""
    try:
        root = read_xml(folder / MANIFEST_NAME)
    except (FormatError, OSError):
        return []
    found = []
    for holder in find_all(root, "dataObjectSection/dataObject"):
        stream = find_optional(holder, "byteStream")
        location = find_optional(holder, "byteStream/fileLocation")
        checksum = find_optional(holder, "byteStream/checksum")
        size = "" if stream is None else stream.get("size", "")
        if location is not None and checksum is not None and size.isdecimal() and size.isascii():
            href = location.get("href", "").removeprefix("./")
            found.append(DataObject(href, int(size), (checksum.text or "").strip()))
    return found


def told_elements(folder: Path) -> int | None:
    """The sum of numOfElements in a manifest of any kind; None where it tells none."""
    try:
        root = read_xml(folder / MANIFEST_NAME)
    except (FormatError, OSError):
        return None
    texts = [(element.text or "").strip() for element in root.iter("{*}numOfElements")]
    numbers = [int(text) for text in texts if text.isdecimal() and text.isascii()]
    return sum(numbers) if numbers else None


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
