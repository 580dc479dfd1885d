"""AUX_OBMEMC, the on-board memory configuration: which packet store each virtual channel brings down."""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.formats.xml import FormatError, find, find_all, find_optional, local_name, read_xml, serialise, text_of
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import parse_utc
from s1pdgs.model.timeliness import PACKET_STORE_TIMELINESS, Timeliness

ROOT = "OnBoardMemoryConfigurationUpdate"
_STORE_ID = re.compile(r"^PS-([0-9]{1,3})$")
_CHANNEL_ID = re.compile(r"^VC-([0-9]{1,2})$")
# packet store ids of the operational configuration, last of each range (coprs.md, section 5.4)
_OPERATIONAL_TYPES = (
    (1, "Emergency"),
    (5, "RFC"),
    (18, "NRT"),
    (20, "WV"),
    (36, "Standard"),
    (44, "PassThrough"),
    (48, "HKTM"),
    (49, "GPS"),
    (50, "Filler"),
)


class MemoryConfigurationError(FormatError):
    """An on-board memory configuration does not follow its format."""


@frozen
class PacketStore:
    """One packet store: its id, virtual channel, type, and the receive polarisation `H` or `V` of SAR stores.

    `station_type` is set for stores that are passed through to local or collaborative stations.
    """

    store_id: int
    vcid: int
    store_type: str
    polarisation: str | None = None
    station_type: str | None = None

    @property
    def carries_sar(self) -> bool:
        """Whether SAR packets come through it."""
        return self.polarisation is not None


@frozen
class MemoryConfiguration:
    """All packet stores over a validity interval, in file order."""

    created: datetime
    validity: Interval
    stores: tuple[PacketStore, ...]

    def by_vcid(self) -> dict[int, PacketStore]:
        """The store behind each virtual channel."""
        return {store.vcid: store for store in self.stores}


def operational_store_type(store_id: int) -> str:
    """The type under which operations schedule a packet store id; `MemoryConfigurationError` for an unknown id."""
    for last, store_type in _OPERATIONAL_TYPES:
        if 0 <= store_id <= last:
            return store_type
    raise MemoryConfigurationError(f"packet store {store_id} is not one of 0 ... {_OPERATIONAL_TYPES[-1][0]}")


def store_timeliness(store_type: str) -> Timeliness:
    """How soon the products of a store type are due; `MemoryConfigurationError` for an unknown type."""
    if store_type not in PACKET_STORE_TIMELINESS:
        known = ", ".join(PACKET_STORE_TIMELINESS)
        raise MemoryConfigurationError(f"packet store type {store_type!r} is unknown; known are {known}")
    return PACKET_STORE_TIMELINESS[store_type]


def read_obmemc(path: Path) -> MemoryConfiguration:
    """Read a configuration; raises `MemoryConfigurationError` or `XmlError` naming the file and the field."""
    source = str(path)
    root = read_xml(path)
    if local_name(root) != ROOT:
        raise MemoryConfigurationError(f"{source}: the root element is {local_name(root)}, not {ROOT}")
    associations = find_all(find(root, "List_of_PacketStoreAssociations", source), "PacketStoreAssociation")
    stores = tuple(_store(element, source) for element in associations)
    _refuse_twins([store.vcid for store in stores], "virtual channel", source)
    _refuse_twins([store.store_id for store in stores], "packet store", source)
    return MemoryConfiguration(
        created=_time(root, "Creation_Time", source),
        validity=_validity(root, source),
        stores=stores,
    )


def write_obmemc(configuration: MemoryConfiguration) -> bytes:
    """The configuration as XML."""
    root = etree.Element(ROOT)
    _add(root, "Creation_Time", _format_time(configuration.created))
    _add(root, "Validity_Start", _format_time(configuration.validity.start))
    _add(root, "Validity_Stop", _format_time(configuration.validity.stop))
    associations = etree.SubElement(root, "List_of_PacketStoreAssociations")
    for store in configuration.stores:
        element = etree.SubElement(associations, "PacketStoreAssociation")
        _add(element, "PacketStoreId", f"PS-{store.store_id}")
        _add(element, "VirtualChannelId", f"VC-{store.vcid}")
        _add(element, "PacketStoreType", store.store_type)
        if store.polarisation is not None:
            _add(element, "Polarization", store.polarisation)
        if store.station_type is not None:
            _add(element, "StationType", store.station_type)
    return serialise(root, standalone=True)


def _store(element: etree._Element, source: str) -> PacketStore:
    polarisation = _optional_text(element, "Polarization")
    if polarisation not in {None, "H", "V"}:
        raise MemoryConfigurationError(f"{source}: Polarization {polarisation!r} is neither H nor V")
    vcid = _number(element, "VirtualChannelId", _CHANNEL_ID, source)
    if vcid > 63:
        raise MemoryConfigurationError(f"{source}: VirtualChannelId VC-{vcid} is more than VC-63")
    return PacketStore(
        store_id=_number(element, "PacketStoreId", _STORE_ID, source),
        vcid=vcid,
        store_type=text_of(element, "PacketStoreType", source),
        polarisation=polarisation,
        station_type=_optional_text(element, "StationType"),
    )


def _number(element: etree._Element, name: str, pattern: re.Pattern[str], source: str) -> int:
    text = text_of(element, name, source)
    match = pattern.match(text)
    if match is None:
        raise MemoryConfigurationError(f"{source}: {name} {text!r} does not match {pattern.pattern}")
    return int(match[1])


def _refuse_twins(numbers: Iterable[int], what: str, source: str) -> None:
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            raise MemoryConfigurationError(f"{source}: {what} {number} is associated twice; keep one")
        seen.add(number)


def _validity(root: etree._Element, source: str) -> Interval:
    start, stop = _time(root, "Validity_Start", source), _time(root, "Validity_Stop", source)
    if stop < start:
        raise MemoryConfigurationError(f"{source}: Validity_Stop {stop} is before Validity_Start {start}")
    return Interval(start, stop)


def _time(root: etree._Element, name: str, source: str) -> datetime:
    text = text_of(root, name, source)
    try:
        return parse_utc(text)
    except ValueError:
        raise MemoryConfigurationError(
            f"{source}: {name} {text!r} is not a time such as UTC=2014-02-01T00:00:00"
        ) from None


def _optional_text(element: etree._Element, name: str) -> str | None:
    found = find_optional(element, name)
    return None if found is None or not found.text else found.text.strip()


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _format_time(moment: datetime) -> str:
    return moment.strftime("UTC=%Y-%m-%dT%H:%M:%S")
