"""What all Earth Explorer files have in common: header, counted lists, times.

Source: Earth Observation Ground Segment File Format Standard (PE-TN-ESA-GS-0001), and real files.
"""

from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.formats.xml import FormatError, find, find_optional, local_name, read_xml, text_of
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import FAR_FUTURE, parse_utc

CFI_NAMESPACE = "http://eop-cfi.esa.int/CFI"
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""A validity without a beginning."""
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA_VERSIONS = {"MPL_ORBPRE": "2.1", "MPL_ORBSCT": "2.4"}
_FAR_FUTURE_TEXT = "UTC=9999-99-99T99:99:99"


class EarthExplorerError(FormatError):
    """An Earth Explorer file does not follow its format; the message names the file, the field and the remedy."""


@frozen(kw_only=True)
class EarthExplorerHeader:
    """The header of an Earth Explorer file; a validity without an end stops in the far future."""

    file_name: str
    description: str = ""
    notes: str = ""
    mission: str
    file_class: str = "OPER"
    file_type: str
    validity: Interval
    version: int = 1
    system: str
    creator: str = ""
    creator_version: str = ""
    created: datetime
    reference_frame: str | None = None
    time_reference: str | None = None


def read_header(path: Path) -> EarthExplorerHeader:
    """The header of any Earth Explorer file, with or without a namespace. Raises `FormatError`."""
    return parse_header(read_root(path), str(path))


def read_block(path: Path) -> tuple[EarthExplorerHeader, etree._Element]:
    """The header and the Data_Block of an Earth Explorer file of any type. Raises `FormatError`."""
    root = read_root(path)
    return parse_header(root, str(path)), find(root, "Data_Block", str(path))


def read_root(path: Path) -> etree._Element:
    """The root of a file that is an Earth Explorer file. Raises `FormatError`."""
    if not path.is_file():
        raise EarthExplorerError(f"{path}: not found")
    root = read_xml(path)
    if local_name(root) != "Earth_Explorer_File":
        raise EarthExplorerError(f"{path}: its root is {local_name(root)}, not Earth_Explorer_File")
    return root


def parse_header(root: etree._Element, source: str) -> EarthExplorerHeader:
    """The header below a root; `source` names the file in errors."""
    header = find(root, "Earth_Explorer_Header", source)
    fixed = find(header, "Fixed_Header", source)
    start, stop = (
        parse_time(text_of(fixed, f"Validity_Period/Validity_{edge}", source), f"{source}: Validity_{edge}")
        for edge in ("Start", "Stop")
    )
    if stop < start:
        raise EarthExplorerError(f"{source}: Validity_Stop {stop} is before Validity_Start {start}")
    return EarthExplorerHeader(
        file_name=_optional(fixed, "File_Name") or Path(source).stem,
        description=_optional(fixed, "File_Description") or "",
        notes=_optional(fixed, "Notes") or "",
        mission=text_of(fixed, "Mission", source),
        file_class=_optional(fixed, "File_Class") or "OPER",
        file_type=text_of(fixed, "File_Type", source),
        validity=Interval(start, stop),
        version=integer(text_of(fixed, "File_Version", source), f"{source}: File_Version"),
        system=text_of(fixed, "Source/System", source),
        creator=_optional(fixed, "Source/Creator") or "",
        creator_version=_optional(fixed, "Source/Creator_Version") or "",
        created=parse_time(text_of(fixed, "Source/Creation_Date", source), f"{source}: Creation_Date"),
        reference_frame=_optional(header, "Variable_Header/Ref_Frame"),
        time_reference=_optional(header, "Variable_Header/Time_Reference"),
    )


def new_document(header: EarthExplorerHeader) -> tuple[etree._Element, etree._Element]:
    """The root of a new file with its header, and its empty Data_Block."""
    version = _SCHEMA_VERSIONS.get(header.file_type)
    root = _root(header.file_type, version)
    top = child(root, "Earth_Explorer_Header")
    fixed = child(top, "Fixed_Header")
    for name, text in (
        ("File_Name", header.file_name),
        ("File_Description", header.description),
        ("Notes", header.notes),
        ("Mission", header.mission),
        ("File_Class", header.file_class),
        ("File_Type", header.file_type),
    ):
        child(fixed, name).text = text
    validity = child(fixed, "Validity_Period")
    child(validity, "Validity_Start").text = _seconds(header.validity.start)
    child(validity, "Validity_Stop").text = _seconds(header.validity.stop)
    child(fixed, "File_Version").text = f"{header.version:04d}"
    source = child(fixed, "Source")
    child(source, "System").text = header.system
    child(source, "Creator").text = header.creator
    child(source, "Creator_Version").text = header.creator_version
    child(source, "Creation_Date").text = _seconds(header.created)
    variable = child(top, "Variable_Header")
    if header.reference_frame is not None:
        child(variable, "Ref_Frame").text = header.reference_frame
    if header.time_reference is not None:
        child(variable, "Time_Reference").text = header.time_reference
    return root, child(root, "Data_Block", type="xml")


def _root(file_type: str, version: str | None) -> etree._Element:
    if version is None:
        return etree.Element("Earth_Explorer_File")
    root = etree.Element(
        etree.QName(CFI_NAMESPACE, "Earth_Explorer_File"),
        nsmap={None: CFI_NAMESPACE, "xsi": _XSI},
        schemaVersion=version,
    )
    major, minor = version.split(".")
    schema = f"{CFI_NAMESPACE}/EE_CFI_SCHEMAS/EO_OPER_{file_type}_{int(major):02d}{int(minor):02d}.XSD"
    root.set(etree.QName(_XSI, "schemaLocation"), f"{CFI_NAMESPACE} {schema}")
    return root


def child(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    """A child in the namespace of its parent."""
    namespace, brace, _ = str(parent.tag).rpartition("}")
    return etree.SubElement(parent, f"{namespace}{brace}{name}", attributes)


def check_count(listed: etree._Element, present: int, source: str) -> None:
    """Raise unless a list has entries, as many as its count attribute says."""
    told = listed.get("count")
    if told is None or not told.isdecimal() or len(told) > 9 or int(told) != present:
        raise EarthExplorerError(
            f"{source}: {local_name(listed)} holds {present} entries but its count attribute says {told!r}; "
            "the file may be truncated"
        )
    if present == 0:
        raise EarthExplorerError(f"{source}: {local_name(listed)} is empty")


def _optional(element: etree._Element, path: str) -> str | None:
    found = find_optional(element, path)
    return None if found is None else (found.text or "").strip() or None


def parse_time(text: str, where: str) -> datetime:
    """A UTC time, such as UTC=2017-12-13T10:27:37; open ends are `BEGINNING` and `FAR_FUTURE`."""
    value = text.removeprefix("UT1=").removeprefix("UTC=")
    if value.startswith("0000"):
        return BEGINNING
    try:
        return parse_utc(value)
    except (ValueError, OverflowError):
        raise EarthExplorerError(f"{where} is {text[:40]!r}, not a time such as UTC=2017-12-13T10:27:37") from None


def integer(text: str, where: str) -> int:
    """A whole number; `where` names the file and the field in errors."""
    try:
        return int(text[:20])
    except ValueError:
        raise EarthExplorerError(f"{where} is {text[:40]!r}, not a whole number") from None


def _seconds(moment: datetime) -> str:
    if moment == FAR_FUTURE:
        return _FAR_FUTURE_TEXT
    return f"UTC={moment.isoformat(timespec='seconds').removesuffix('+00:00')}"
