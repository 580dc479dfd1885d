"""The book-keeping of a pass: where every byte, frame and packet went, and what the station says of it."""

import json
from collections.abc import Sequence
from typing import Any

from s1pdgs.formats.l0.report import (
    AcquisitionReport,
    ReceptionAccount,
    StationCount,
    VirtualChannelAccount,
)
from s1pdgs.formats.obmemc import MemoryConfiguration
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.processors.l0.receive import Aside, ChannelReceiver
from s1pdgs.processors.l0.session import ChannelInput
from s1pdgs.processors.l0.sources import MergedChannel, Reception

_MAX_QUALITY_BYTES = 1024 * 1024


def warn_of_losses(receivers: Sequence[ChannelReceiver], receptions: Sequence[Reception], outcome: Outcome) -> None:
    """One warning for each kind of loss, with what can be done about it.

    What one delivery lacks is only told where several were merged: what all of them lack is a loss.
    """
    merged = any(isinstance(receiver.source, MergedChannel) for receiver in receivers)
    for reception in receptions:
        _tell_of_frames(reception, outcome, merged=merged)
    for account in virtual_channels(receivers, None):
        if account.recovered_frames:
            outcome.info(f"virtual channel {account.vcid}: merging recovered {account.recovered_frames} frames")
        if account.missing_frames or account.discarded_packets:
            outcome.warn(
                f"virtual channel {account.vcid}: {account.missing_frames} frames missing, {account.discarded_packets} "
                "packets cut and discarded; a retransfer of the session may bring them"
            )
    for receiver in receivers:
        _warn_of_packets(receiver, f"channel {receiver.channel.number}", outcome)


def _tell_of_frames(reception: Reception, outcome: Outcome, *, merged: bool) -> None:
    where, sync, code = reception.channel.where, reception.sync, reception.code
    tell = outcome.info if merged else outcome.warn
    if sync.skipped_bytes:
        tell(f"{where}: {sync.skipped_bytes} bytes outside CADUs were skipped ({sync.slips} slips)")
    if code.uncorrectable_frames:
        tell(f"{where}: {code.uncorrectable_frames} frames could not be corrected; their packets are missing")
    if code.foreign_frames:
        outcome.warn(f"{where}: {code.foreign_frames} frames of another spacecraft or version were not used")
    if sync.inverted_cadus:
        outcome.info(f"{where}: {sync.inverted_cadus} CADUs came inverted and were turned back")


def _warn_of_packets(receiver: ChannelReceiver, where: str, outcome: Outcome) -> None:
    for vcid, account, _ in receiver.source.accounts():
        if account.counter_resets:
            outcome.warn(
                f"{where}, virtual channel {vcid}: the frame counter began anew {account.counter_resets} times"
            )
        if account.pointer_faults:
            outcome.warn(
                f"{where}, virtual channel {vcid}: {account.pointer_faults} frames point to no packet; check "
                "Insert_Zone_Bytes and Frame_Operational_Control where these are many"
            )
    if isinstance(receiver.source, MergedChannel) and receiver.source.conflicts:
        outcome.warn(
            f"{where}: {receiver.source.conflicts} frames differ between deliveries; those least corrected were used"
        )
    for (reason, vcid), aside in sorted(receiver.aside.items()):
        kept = f"their {aside.file.size} bytes are kept in {aside.file.path.parent.name}/{aside.file.path.name}"
        if reason is Aside.UNKNOWN_CHANNEL:
            outcome.warn(
                f"{where}: {aside.packets} packets of virtual channel {vcid}, which AUX_OBMEMC does not associate "
                f"with a packet store; {kept}; reprocess with an AUX_OBMEMC that names VC-{vcid}"
            )
        else:
            outcome.warn(f"{where}: {aside.packets} packets of virtual channel {vcid} are damaged; {kept}")
    if receiver.polarisation_conflicts:
        outcome.warn(
            f"{where}: {receiver.polarisation_conflicts} packets came by the packet store of the other receive "
            "polarisation; their own header was followed: check the validity of AUX_OBMEMC"
        )


def acquisition_report(
    satellite: str,
    receivers: Sequence[ChannelReceiver],
    receptions: Sequence[Reception],
    *,
    memory: MemoryConfiguration,
    products: Sequence[str],
    outcome: Outcome,
) -> AcquisitionReport:
    """The report; warns where a station's counts differ from ours."""
    accounts = tuple(_reception(each, outcome) for each in receptions)
    return AcquisitionReport(
        satellite=satellite,
        start=min(account.start for account in accounts),
        stop=max(account.stop for account in accounts),
        receptions=accounts,
        virtual_channels=tuple(virtual_channels(receivers, memory)),
        products=tuple(products),
        warnings=tuple(outcome.warnings),
    )


def virtual_channels(
    receivers: Sequence[ChannelReceiver], memory: MemoryConfiguration | None
) -> list[VirtualChannelAccount]:
    """The virtual channels of all channels together, after merging."""
    stores = {} if memory is None else memory.by_vcid()
    found: dict[int, dict[str, int]] = {}
    for receiver in receivers:
        for vcid, account, recovered in receiver.source.accounts():
            sums = found.setdefault(vcid, {})
            for name, count in (
                ("frames", account.frames - account.duplicate_frames),
                ("missing_frames", account.missing_frames),
                ("recovered_frames", recovered),
                ("packets", account.packets),
                ("discarded_packets", account.discarded_packets),
            ):
                sums[name] = sums.get(name, 0) + count
    return [
        VirtualChannelAccount(
            vcid=vcid,
            packet_store_id=stores[vcid].store_id if vcid in stores else None,
            corrected_frames=sum(each.source.corrected_frames.get(vcid, 0) for each in receivers),
            corrected_symbols=sum(each.source.corrected_symbols.get(vcid, 0) for each in receivers),
            **sums,
        )
        for vcid, sums in sorted(found.items())
    ]


def _reception(reception: Reception, outcome: Outcome) -> ReceptionAccount:
    channel, sync, code = reception.channel, reception.sync, reception.code
    return ReceptionAccount(
        session_id=channel.session_id,
        delivery=channel.delivery,
        channel=channel.number,
        start=channel.reception.start,
        stop=channel.reception.stop,
        blocks=len(channel.blocks),
        bytes=channel.size,
        cadus=sync.cadus,
        skipped_bytes=sync.skipped_bytes,
        slips=sync.slips,
        damaged_markers=sync.damaged_markers,
        good_frames=code.good_frames,
        corrected_frames=code.corrected_frames,
        corrected_symbols=code.corrected_symbols,
        uncorrectable_frames=code.uncorrectable_frames,
        fill_frames=code.fill_frames,
        foreign_frames=code.foreign_frames,
        station_counts=_station_counts(reception, outcome),
    )


def _station_counts(reception: Reception, outcome: Outcome) -> tuple[StationCount, ...]:
    """The station's QualityInfo beside our counts; none where the station gave none."""
    channel, sync, code = reception.channel, reception.sync, reception.code
    told = _quality_info(channel, outcome)
    if told is None:
        return ()
    ours = {
        "AcquiredTFs": sync.cadus,
        "ErrorTFs": code.corrected_frames + code.uncorrectable_frames,
        "CorrectedTFs": code.corrected_frames,
        "UncorrectableTFs": code.uncorrectable_frames,
        "DataTFs": sync.cadus - code.fill_frames,
        "TotalChunks": len(channel.blocks),
        "TotalVolume": channel.size,
    }
    counts = tuple(StationCount(name, _whole(told.get(name)), count) for name, count in ours.items())
    differing = [each for each in counts if not _agrees(each, reception)]
    if differing:
        another_part = channel.delivery > 1 and any(each.name == "TotalChunks" for each in differing)
        tell = outcome.info if another_part else outcome.warn
        text = ", ".join(f"{each.name} {each.station} (here {each.ours})" for each in differing)
        tell(f"{channel.where}: the QualityInfo of the station tells {text}; compare what it sent with what arrived")
    return counts


def _agrees(count: StationCount, reception: Reception) -> bool:
    """Whether a station's count says the same as ours, as far as both can know: frames cut by slips may count or not,
    and frames beyond correction may have been data or fill.
    """
    if count.station is None or not count.name.endswith("TFs"):
        return count.station in {None, count.ours}
    below = reception.code.uncorrectable_frames if count.name == "DataTFs" else 0
    slips = reception.sync.slips
    return count.ours - below - slips <= count.station <= count.ours + slips


def _quality_info(channel: ChannelInput, outcome: Outcome) -> dict[str, Any] | None:
    found = sorted(channel.blocks[0].parent.glob(f"*_ch{channel.number}_QualityInfo.json"))
    if not found:
        return None
    if found[0].stat().st_size > _MAX_QUALITY_BYTES:
        outcome.warn(
            f"{found[0].name} is larger than {_MAX_QUALITY_BYTES} bytes; the station's counts are not compared"
        )
        return None
    try:
        record = json.loads(found[0].read_bytes())
    except (ValueError, RecursionError) as error:
        outcome.warn(f"{found[0].name} is no JSON ({error}); the station's counts are not compared")
        return None
    if not isinstance(record, dict):
        outcome.warn(f"{found[0].name} holds no JSON object; the station's counts are not compared")
        return None
    return record


def _whole(value: object) -> int | None:
    """A count, which some stations write as text; None when it is none."""
    try:
        return int(str(value))
    except ValueError:
        return None
