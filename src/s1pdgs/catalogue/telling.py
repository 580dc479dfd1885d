"""The account of a data take in words and as JSON: is every second of it here, and if not, what is missing and why."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from s1pdgs.catalogue.datatakes import DataTakeAccount, Version
from s1pdgs.catalogue.receptions import Reception
from s1pdgs.catalogue.values import to_json
from s1pdgs.formats.l0.report import GapCause, ReceptionAccount, StreamAccount
from s1pdgs.model.time import format_iso

_IDENTIFIER = re.compile(r"^(?:(?P<satellite>S1[A-D])[-_])?(?:0x)?(?P<datatake>[0-9A-F]{1,6})$", re.IGNORECASE)
_MOST_GAPS = 40
_WHY = {GapCause.DOWNLINK: "lost in the downlink", GapCause.INSTRUMENT: "lost in the instrument"}


class UnknownDataTake(LookupError):  # noqa: N818
    """There is no account of this data take."""


def parse_identifier(text: str) -> tuple[int, str | None]:
    """`024A10`, `0x24A10` or `S1A-024A10`: the mission data take identifier and the satellite where it is told."""
    match = _IDENTIFIER.match(text)
    if match is None:
        raise UnknownDataTake(f"{text!r} is no data take identifier; it is like 024A10 or S1A-024A10 (hexadecimal)")
    satellite = match["satellite"]
    return int(match["datatake"], 16), None if satellite is None else satellite.upper()


def as_json(account: DataTakeAccount) -> dict[str, Any]:
    """What a report tells as JSON values."""
    return {
        "report": account.name,
        "reported": format_iso(account.reported_at),
        "account": to_json(account.report),
        "held": dict(account.held),
        "products": [
            {
                "name": version.product,
                "type": version.type,
                "slice": version.slice,
                "superseded_by": version.superseded_by,
                "superseded": None if version.superseded_at is None else format_iso(version.superseded_at),
            }
            for version in account.versions
        ],
        "receptions": [
            {
                "report": reception.name,
                "products": list(reception.products),
                "superseded": dict(reception.superseded),
                "account": to_json(reception.report),
            }
            for reception in account.receptions
        ],
    }


def missing_s(stream: StreamAccount) -> float:
    """Sensing time within the gaps of one polarisation (s)."""
    return sum((gap.stop - gap.start).total_seconds() for gap in stream.gaps)


def as_lines(account: DataTakeAccount) -> Iterator[str]:
    """The account for people."""
    brief, report = account.brief, account.report
    length_s = (report.stop - report.start).total_seconds()
    yield (
        f"{brief.satellite} data take {brief.datatake:06X} ({brief.mode}), {_day(report.start)} to "
        f"{_clock(report.stop)} UTC, {length_s:.3f} s: {brief.state}"
    )
    yield f"told by {account.name} of {_day(account.reported_at)}"
    for stream in report.streams:
        yield ""
        yield from _stream_lines(stream)
    yield ""
    yield from _slice_lines(account)
    yield ""
    yield f"segments: {len(report.segments)}"
    yield from (f"  {segment}" for segment in report.segments)
    for reception in account.receptions:
        yield ""
        yield from _reception_lines(reception)
    if not account.receptions:
        yield ""
        yield "receptions: none is known by a report; its segments were not received here"


def _stream_lines(stream: StreamAccount) -> Iterator[str]:
    stores = ", ".join(str(store) for store in stream.packet_store_ids)
    yield f"polarisation {stream.polarisation}: {stream.packets} packets, by packet store {stores or 'unknown'}"
    if not stream.starts:
        yield "  the beginning of the data take is missing: its first packet is not here"
    if not stream.ends:
        yield "  the end of the data take is missing: its postamble is not here"
    lost = stream.lost_in_downlink + stream.lost_in_instrument
    if lost:
        counts = [(stream.lost_in_downlink, GapCause.DOWNLINK), (stream.lost_in_instrument, GapCause.INSTRUMENT)]
        why = ", ".join(f"{count} {_WHY[cause]}" for count, cause in counts if count)
        yield f"  {lost} packets missing within {missing_s(stream):.3f} s: {why}"
    for gap in stream.gaps[:_MOST_GAPS]:
        yield f"    {_clock(gap.start)} to {_clock(gap.stop)}: {gap.packets} packets {_WHY.get(gap.cause, gap.cause)}"
    if len(stream.gaps) > _MOST_GAPS:
        yield f"    and {len(stream.gaps) - _MOST_GAPS} more gaps (all of them with --json)"
    if not lost and stream.starts and stream.ends:
        yield "  every packet is here"
    yield (
        f"  {stream.duplicates} duplicates left out, {stream.corrupted} packets damaged, "
        f"{stream.suppressed_pris} PRIs silent by the timeline"
    )


def _slice_lines(account: DataTakeAccount) -> Iterator[str]:
    report = account.report
    if report.slices:
        yield (
            f"slices of {report.slice_length_s:g} s with {report.slice_overlap_s:g} s overlap from "
            f"{_day(report.grid_start)}:"
        )
    for each in report.slices:
        counts = ", ".join(
            f"{stream.polarisation} {packets}" + (f" without {missing}" if missing else "")
            for stream, packets, missing in zip(report.streams, each.packets, each.missing, strict=False)
        )
        made = "no packet" if each.product is None else _held(account, each.product)
        yield f"  {each.number:3d}  {_clock(each.start)} to {_clock(each.stop)}  {counts}  {made}"
    in_slices = {each.product for each in report.slices}
    others = [name for name in report.products if name not in in_slices]
    if others:
        yield "products of the whole data take:"
        yield from (f"  {_held(account, name)}" for name in others)
    old = [version for version in account.versions if version.superseded_by is not None]
    if old:
        yield "superseded versions:"
        yield from (f"  {_superseded(version)}" for version in old)


def _held(account: DataTakeAccount, name: str) -> str:
    base = name.rpartition("/")[2]
    held = account.held.get(base)
    return f"{base} (not in the catalogue: see its job and the quarantine)" if held is None else held


def _superseded(version: Version) -> str:
    return f"{version.product} by {version.superseded_by}"


def _reception_lines(reception: Reception) -> Iterator[str]:
    report = reception.report
    yield f"reception {_day(report.start)} to {_clock(report.stop)} UTC, told by {reception.name}"
    for each in report.receptions:
        yield from _channel_lines(each)
    for channel in report.virtual_channels:
        store = "" if channel.packet_store_id is None else f" (packet store {channel.packet_store_id})"
        yield (
            f"  virtual channel {channel.vcid}{store}: {channel.frames} frames, {channel.missing_frames} missing, "
            f"{channel.recovered_frames} recovered from another delivery, {channel.corrected_frames} corrected; "
            f"{channel.packets} packets, {channel.discarded_packets} cut"
        )
    yield from (f"  superseded: {name} by {newer}" for name, newer in reception.superseded.items())
    yield from (f"  warning: {warning}" for warning in report.warnings)


def _channel_lines(each: ReceptionAccount) -> Iterator[str]:
    yield (
        f"  {each.session_id} delivery {each.delivery} channel {each.channel}: {each.blocks} blocks, "
        f"{each.bytes} bytes, {each.cadus} CADUs: {each.good_frames} good, {each.corrected_frames} corrected, "
        f"{each.uncorrectable_frames} uncorrectable, {each.fill_frames} fill, {each.foreign_frames} foreign; "
        f"{each.skipped_bytes} bytes skipped in {each.slips} slips"
    )
    told = [count for count in each.station_counts if count.station is not None]
    differing = [count for count in told if count.station != count.ours]
    yield from (f"    station tells {count.name} {count.station}, we count {count.ours}" for count in differing)
    if told and not differing:
        yield f"    the station counts the same: {', '.join(count.name for count in told)}"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S.%f")[:-3]
