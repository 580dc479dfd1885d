"""What the tools are given: a SAFE folder, a zip of one, or a bare file of packets."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from s1pdgs.formats.isp.header import HEADER_SIZE, IDENTIFICATION
from s1pdgs.formats.l0.manifest import L0Manifest, MeasurementUnit
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.product import MANIFEST_NAME
from s1pdgs.formats.manifest import Manifest
from s1pdgs.formats.manifest import read_manifest as read_facts
from s1pdgs.formats.xml import FormatError
from s1pdgs.tools.l0.archive import unpack
from s1pdgs.tools.l0.errors import ToolError

_MEASUREMENT = re.compile(r"-(?P<polarisation>hh|hv|vh|vv)-\d{8}t\d{6}-.*\.dat$", re.IGNORECASE)
_SATELLITE = re.compile(r"s1[a-d](?=-)", re.IGNORECASE)
_COMPANIONS = ("-annot.dat", "-index.dat")


@frozen
class Component:
    """One measurement: its packets and, where they exist, annotation, index and what the manifest says of it.

    `polarisation` is `?` where nothing but the packets could tell, `satellite` None. `headers_only` marks the 68-octet
    records of class A products; `telemetry` files hold packets of other applications than the SAR (GPS, housekeeping).
    """

    polarisation: str
    data: Path
    annotation: Path | None = None
    index: Path | None = None
    unit: MeasurementUnit | None = None
    headers_only: bool = False
    telemetry: bool = False
    satellite: str | None = None


@frozen
class Product:
    """What was opened. `manifest_fault` says why `manifest` is None although it should be there.

    Products of telemetry have no `manifest` of the radar's kind; `facts` are what any manifest tells.
    """

    given: Path
    name: str
    folder: Path | None
    manifest: L0Manifest | None
    manifest_fault: str | None
    components: tuple[Component, ...]
    facts: Manifest | None = None

    @property
    def telemetry(self) -> bool:
        """Whether it holds telemetry (GPS, housekeeping) and not SAR packets."""
        return bool(self.components) and all(component.telemetry for component in self.components)

    @property
    def size(self) -> int:
        """Octets of all its files."""
        if self.folder is None:
            return self.given.stat().st_size
        return sum(path.lstat().st_size for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def open_product(given: Path) -> Iterator[Product]:
    """Open a SAFE folder, a zip of one (unpacked into a temporary folder), or a file of packets.

    Raises `ToolError` for anything else and for hostile archives. A manifest that cannot be read is no error here.
    """
    if given.is_dir():
        yield _of_folder(given, given.absolute())
        return
    if not given.is_file():
        raise ToolError(f"{given}: no such product; give a .SAFE folder, a zip of one, or a file of packets")
    with given.open("rb") as stream:
        start = stream.read(4)
    if start[:2] == b"PK":
        with tempfile.TemporaryDirectory(prefix="s1pdgs-l0-") as place:
            yield _of_folder(given, unpack(given, Path(place)))
        return
    if given.suffix.lower() == ".zip":
        raise ToolError(f"{given}: not a zip archive; download it again")
    yield _of_file(given)


def safe_path(folder: Path, name: str) -> Path | None:
    """The file of a product by its relative name; None when there is none, or when it leads out of the folder."""
    path = folder / name
    return path if path.is_file() and lies_in(folder, path) else None


def lies_in(folder: Path, path: Path) -> bool:
    """Whether a path, its links followed, lies in a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


def _of_folder(given: Path, folder: Path) -> Product:
    manifest = facts = fault = None
    found = _found(folder)
    if safe_path(folder, MANIFEST_NAME) is None:
        fault = f"{MANIFEST_NAME} is missing"
    else:
        try:
            facts = read_facts(folder / MANIFEST_NAME)
            if not found or not all(component.telemetry for component in found):
                manifest = read_manifest(folder / MANIFEST_NAME)
        except (FormatError, ValueError) as error:
            fault = str(error).replace(f"{folder}/", "")
    components = _listed(folder, manifest) if manifest is not None else found
    if not components and manifest is None:
        raise ToolError(f"{given}: no Level-0 product; it has no measurement (*.dat), and {fault}")
    return Product(given, folder.name, folder, manifest, fault, components, facts)


def _listed(folder: Path, manifest: L0Manifest) -> tuple[Component, ...]:
    """The components that the manifest names, as far as they exist."""
    found = []
    for unit in manifest.units:
        data = safe_path(folder, unit.data.href)
        if data is None:
            continue
        companions = [
            None if entry is None else safe_path(folder, entry.href) for entry in (unit.annotation, unit.index)
        ]
        found.append(_component(unit.polarisation, data, companions, unit))
    return tuple(found)


def _found(folder: Path) -> tuple[Component, ...]:
    """The components as their file names tell them."""
    found = []
    for path in sorted(folder.glob("*.dat")):
        if path.name.endswith(_COMPANIONS) or safe_path(folder, path.name) is None:
            continue
        match = _MEASUREMENT.search(path.name)
        companions = [safe_path(folder, path.stem + ending) for ending in _COMPANIONS]
        found.append(_component(match["polarisation"].upper() if match else "?", path, companions))
    return tuple(found)


def _of_file(path: Path) -> Product:
    if not path.stat().st_size:
        raise ToolError(f"{path}: empty; give a file of packets")
    companions = [candidate if candidate.is_file() else None for candidate in map(path.with_name, _beside(path))]
    match = _MEASUREMENT.search(path.name)
    component = _component(match["polarisation"].upper() if match else "?", path, companions)
    return Product(path, path.name, None, None, None, (component,))


def _beside(path: Path) -> list[str]:
    return [path.stem + ending for ending in _COMPANIONS]


def _component(
    polarisation: str, data: Path, companions: list[Path | None], unit: MeasurementUnit | None = None
) -> Component:
    with data.open("rb") as stream:
        start = stream.read(HEADER_SIZE + 2)
    mark = IDENTIFICATION.to_bytes(2, "big")
    second = start[HEADER_SIZE : HEADER_SIZE + 2] == mark or data.stat().st_size == HEADER_SIZE
    cut = start[:2] == mark and int.from_bytes(start[4:6], "big") + 7 > HEADER_SIZE
    telemetry = len(start) >= 6 and start[:2] != mark and _is_telemetry(start)
    satellite = _SATELLITE.match(data.name)
    return Component(
        polarisation,
        data,
        companions[0],
        companions[1],
        unit,
        headers_only=cut and second,
        telemetry=telemetry,
        satellite=satellite[0].upper() if satellite else None,
    )


def _is_telemetry(start: bytes) -> bool:
    """A telemetry packet of version 0 with a secondary header, whole in itself."""
    return start[0] >> 5 == 0 and start[0] & 0x10 == 0 and start[2] >> 6 == 3
