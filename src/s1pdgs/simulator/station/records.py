"""The entities of CADIP and AUXIP as records, with Python values (peers.md sections 3.1 and 3.4)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from attrs import frozen

from s1pdgs.formats.names import AuxiliaryName, NamingError
from s1pdgs.model.time import FAR_FUTURE
from s1pdgs.simulator.station.content import Block, PassSession
from s1pdgs.simulator.station.faults import Faults
from s1pdgs.simulator.station.timeline import Timeline

RETENTION = timedelta(days=7)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SESSION_PROPERTIES = _names(
    "Id SessionId NumChannels PublicationDate Satellite StationUnitId DownlinkOrbit AcquisitionId AntennaId FrontEndId "
    "Retransfer AntennaStatusOK FrontEndStatusOK PlannedDataStart PlannedDataStop DownlinkStart DownlinkStop "
    "DownlinkStatusOK DeliveryPushOK"
)
FILE_PROPERTIES = _names(
    "Id Name SessionId Channel BlockNumber FinalBlock PublicationDate EvictionDate Size Retransfer"
)
QUALITY_PROPERTIES = _names(
    "Channel SessionId AcquiredTFs ErrorTFs CorrectedTFs UncorrectableTFs DataTFs ErrorDataTFs CorrectedDataTFs "
    "UncorrectableDataTFs DeliveryStart DeliveryStop TotalChunks TotalVolume"
)
PRODUCT_PROPERTIES = _names(
    "Id Name ContentType ContentLength OriginDate PublicationDate EvictionDate Checksum ContentDate Attributes"
)


@frozen
class Served:
    """The bytes behind an identifier; `label` is that of the delivery they belong to."""

    name: str
    path: Path
    size: int
    content_type: str
    label: str = ""


def guid(*parts: str) -> str:
    """The same identifier for the same thing at every start of a station."""
    return str(uuid5(NAMESPACE_URL, "/".join(("s1pdgs-station", *parts))))


def session_guid(session: PassSession) -> str:
    """The identifier of a delivery."""
    return guid(session.id, session.label, str(session.retransfer))


def session_record(session: PassSession, timeline: Timeline, faults: Faults) -> dict[str, Any]:
    """A CADIP Session."""
    record: dict[str, Any] = {
        "Id": session_guid(session),
        "SessionId": session.id,
        "NumChannels": session.announced_channels or len(session.channels),
        "PublicationDate": timeline.session(session),
        "Satellite": session.satellite,
        "StationUnitId": session.station,
        "DownlinkOrbit": session.orbit,
        "AcquisitionId": f"{session.orbit}_1",
        "AntennaId": f"{session.station}_1",
        "FrontEndId": "01",
        "Retransfer": session.retransfer,
        "AntennaStatusOK": True,
        "FrontEndStatusOK": True,
        "PlannedDataStart": session.downlink_start,
        "PlannedDataStop": session.downlink_stop,
        "DownlinkStart": session.downlink_start,
        "DownlinkStop": session.downlink_stop,
        "DownlinkStatusOK": True,
        "DeliveryPushOK": True,
    }
    if faults.quirks.sessions_without_dates:
        for name in ("PublicationDate", "DownlinkStart", "DownlinkStop", "PlannedDataStart", "PlannedDataStop"):
            record[name] = None
    return record


def file_records(session: PassSession, timeline: Timeline, faults: Faults, now: datetime) -> list[dict[str, Any]]:
    """The CADIP Files of a session that can be seen now."""
    records = []
    for block in session.blocks:
        fault = faults.of(block.name, session.label)
        published = timeline.block(session, block)
        if fault.missing or published + timedelta(seconds=fault.late_s) > now:
            continue
        records.append(_file_record(session, block, published, faults, "1"))
        if fault.duplicate:
            records.append(_file_record(session, block, published, faults, "2"))
    return records


def _file_record(
    session: PassSession, block: Block, published: datetime, faults: Faults, listing: str
) -> dict[str, Any]:
    return {
        "Id": file_id(session, block, listing),
        "Name": block.name,
        "SessionId": session.id,
        "Channel": block.channel,
        "BlockNumber": block.number,
        "FinalBlock": block.final,
        "PublicationDate": published,
        "EvictionDate": published + RETENTION,
        "Size": str(block.size) if faults.quirks.sizes_as_text else block.size,
        "Retransfer": session.retransfer,
    }


def file_id(session: PassSession, block: Block, listing: str) -> str:
    """The identifier of a block in its first or second listing."""
    return guid(session_guid(session), block.name, listing)


def quality_records(session: PassSession, timeline: Timeline, now: datetime) -> list[dict[str, Any]]:
    """The CADIP QualityInfo of a session: one a channel, once it is delivered."""
    delivered = timeline.delivered(session)
    if now < delivered:
        return []
    return [
        {
            "Channel": channel,
            "SessionId": session.id,
            **{_pascal(name): count for name, count in session.quality[channel].items()},
            "DeliveryStart": timeline.session(session),
            "DeliveryStop": delivered,
            "TotalChunks": sum(1 for block in session.blocks if block.channel == channel),
            "TotalVolume": sum(block.size for block in session.blocks if block.channel == channel),
        }
        for channel in session.channels
        if channel in session.quality
    ]


def product_record(name: str, served: Served, md5: str, published: datetime) -> dict[str, Any]:
    """An AUXIP Product; `name` is that of the auxiliary file without `.zip`."""
    record: dict[str, Any] = {
        "Id": guid("auxiliary", name),
        "Name": served.name,
        "ContentType": served.content_type,
        "ContentLength": served.size,
        "OriginDate": published,
        "PublicationDate": published,
        "EvictionDate": FAR_FUTURE,
        "Checksum": [{"Algorithm": "MD5", "Value": md5, "ChecksumDate": published}],
        "ContentDate": None,
        "Attributes": [],
    }
    try:
        parts = AuxiliaryName.parse(name)
    except NamingError:
        return record
    attributes: dict[str, str | datetime] = {
        "productType": parts.product_type,
        "platformShortName": "SENTINEL-1",
        "platformSerialIdentifier": parts.satellite[2:],
    }
    if parts.generated is not None:
        attributes["processingDate"] = parts.generated
    if parts.validity is not None:
        record["ContentDate"] = {"Start": parts.validity.start, "End": parts.validity.stop}
        attributes["beginningDateTime"] = parts.validity.start
        attributes["endingDateTime"] = parts.validity.stop
    record["Attributes"] = [_attribute(key, value) for key, value in attributes.items()]
    return record


def _attribute(name: str, value: str | datetime) -> Mapping[str, Any]:
    kind = "DateTimeOffset" if isinstance(value, datetime) else "String"
    return {"@odata.type": f"#OData.CSC.{kind}Attribute", "Name": name, "ValueType": kind, "Value": value}


def _pascal(name: str) -> str:
    return "".join("TFs" if part == "tfs" else part.capitalize() for part in name.split("_"))
