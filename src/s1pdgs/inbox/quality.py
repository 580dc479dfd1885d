"""What a station says of its reception (CADIP QualityInfo), held against what arrived."""

from collections.abc import Mapping, Sequence
from typing import Any

from s1pdgs.model.product import AttributeValue

_COUNTS = {
    "AcquiredTFs": "acquiredTFs",
    "ErrorTFs": "errorTFs",
    "CorrectedTFs": "correctedTFs",
    "UncorrectableTFs": "uncorrectableTFs",
    "DataTFs": "dataTFs",
}


def findings(quality: Sequence[Mapping[str, Any]], received: Mapping[int, tuple[int, int]]) -> list[str]:
    """What QualityInfo contradicts or complains of; `received` is (blocks, bytes) by channel.

    Stations fill these records with varying care, so a finding is a remark for operators and never stops a session.
    """
    remarks = []
    for record in quality:
        channel = channel_of(record)
        if channel is None or channel not in received:
            continue
        blocks, size = received[channel]
        for name, found, unit in (("TotalChunks", blocks, "blocks"), ("TotalVolume", size, "bytes")):
            told = _number(record, name)
            if told and told != found:
                remarks.append(f"channel {channel}: {name} tells {told} {unit}, {found} arrived")
        lost = _number(record, "UncorrectableTFs")
        if lost:
            remarks.append(f"channel {channel}: {lost} of {record.get('AcquiredTFs', '?')} frames uncorrectable")
    return remarks


def channel_of(record: Mapping[str, Any]) -> int | None:
    """The channel that a record is about, None where it does not tell."""
    return _number(record, "Channel")


def attributes(quality: Sequence[Mapping[str, Any]]) -> dict[str, AttributeValue]:
    """The counts of all channels together, as attributes of the session's product."""
    summed: dict[str, AttributeValue] = {}
    for name, attribute in _COUNTS.items():
        values = [value for record in quality if (value := _number(record, name)) is not None]
        if values:
            summed[attribute] = sum(values)
    return summed


def _number(record: Mapping[str, Any], name: str) -> int | None:
    """A count, which some stations write as text; None when it is none."""
    try:
        return int(record[name])
    except (KeyError, TypeError, ValueError, OverflowError):  # JSON readers know Infinity
        return None
