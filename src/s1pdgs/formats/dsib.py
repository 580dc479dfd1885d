"""The DCSU session information block (DSIB): what one channel of a downlink session consists of."""

from datetime import datetime
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.formats.xml import FormatError, find, find_all, local_name, parse_xml, read_xml, serialise, text_of
from s1pdgs.model.time import parse_utc

ROOT = "DCSU_Session_Information_Block"
_MAX_SIZE_DIGITS = 18


class DsibError(FormatError):
    """A session information block does not follow its format."""


@frozen
class SessionInformation:
    """One channel of a session: its reception from `start` to `stop`, its size in bytes and its blocks in order.

    `created` and `finished` are when the station opened and completed the block; `data_size` counts the bytes of the
    blocks of this channel alone.
    """

    session_id: str
    start: datetime
    stop: datetime
    created: datetime
    finished: datetime
    data_size: int
    dsdb_names: tuple[str, ...]


def read_dsib(path: Path) -> SessionInformation:
    """Read a block; raises `DsibError` or `XmlError` naming the file and the field."""
    return _from_xml(read_xml(path), str(path))


def parse_dsib(data: bytes, source: str) -> SessionInformation:
    """As `read_dsib`, of bytes that came from `source`."""
    return _from_xml(parse_xml(data, source), source)


def write_dsib(information: SessionInformation) -> bytes:
    """The block as XML, times to the second as stations write them."""
    root = etree.Element(ROOT)
    _add(root, "session_id", information.session_id)
    _add(root, "time_start", _format_time(information.start))
    _add(root, "time_stop", _format_time(information.stop))
    _add(root, "time_created", _format_time(information.created))
    _add(root, "time_finished", _format_time(information.finished))
    _add(root, "data_size", str(information.data_size))
    names = etree.SubElement(root, "dsdb_list")
    for name in information.dsdb_names:
        _add(names, "dsdb_name", name)
    return serialise(root)


def _from_xml(root: etree._Element, source: str) -> SessionInformation:
    if local_name(root) != ROOT:
        raise DsibError(f"{source}: the root element is {local_name(root)}, not {ROOT}; is this a DSIB?")
    names = tuple(_block_name(element, source) for element in find_all(find(root, "dsdb_list", source), "dsdb_name"))
    if len(set(names)) != len(names):
        raise DsibError(f"{source}: dsdb_list names a block twice")
    information = SessionInformation(
        session_id=text_of(root, "session_id", source),
        start=_time(root, "time_start", source),
        stop=_time(root, "time_stop", source),
        created=_time(root, "time_created", source),
        finished=_time(root, "time_finished", source),
        data_size=_size(root, source),
        dsdb_names=names,
    )
    if information.stop < information.start:
        raise DsibError(f"{source}: time_stop {information.stop} is before time_start {information.start}")
    return information


def _block_name(element: etree._Element, source: str) -> str:
    name = (element.text or "").strip()
    if not name or "/" in name or "\\" in name or name.startswith("."):
        raise DsibError(f"{source}: dsdb_name {name!r} is not a plain file name")
    return name


def _time(root: etree._Element, name: str, source: str) -> datetime:
    text = text_of(root, name, source)
    try:
        return parse_utc(text)
    except ValueError:
        raise DsibError(f"{source}: {name} {text!r} is not an ISO 8601 time") from None


def _size(root: etree._Element, source: str) -> int:
    text = text_of(root, "data_size", source)
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_SIZE_DIGITS):
        raise DsibError(f"{source}: data_size {text[:40]!r} is not a number of bytes")
    return int(text)


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _format_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
