"""The book-keeping of a session: where every byte, frame and packet went."""

from collections.abc import Sequence
from typing import Any

import attrs

from s1pdgs.model.time import format_iso
from s1pdgs.processors.l0.program import Outcome
from s1pdgs.processors.l0.receive import Aside, ChannelReceiver
from s1pdgs.processors.l0.segments import Segment

FORMAT_VERSION = 1


def warn_of_losses(receivers: Sequence[ChannelReceiver], outcome: Outcome) -> None:
    """One warning for each kind of loss in each channel, with what can be done about it."""
    for receiver in receivers:
        where = f"channel {receiver.channel.number}"
        _warn_of_frames(receiver, where, outcome)
        for (reason, vcid), aside in sorted(receiver.aside.items()):
            kept = f"their {aside.file.size} bytes are kept in {aside.file.path.parent.name}/{aside.file.path.name}"
            if reason is Aside.UNKNOWN_CHANNEL:
                outcome.warn(
                    f"{where}: {aside.packets} packets of virtual channel {vcid}, which AUX_OBMEMC does not associate "
                    f"with a packet store; {kept}; reprocess with an AUX_OBMEMC that names VC-{vcid}"
                )
            elif reason is Aside.DAMAGED:
                outcome.warn(f"{where}: {aside.packets} packets of virtual channel {vcid} are damaged; {kept}")
            else:
                outcome.info(f"{where}: {aside.packets} telemetry packets of virtual channel {vcid}; {kept}")
        if receiver.polarisation_conflicts:
            outcome.warn(
                f"{where}: {receiver.polarisation_conflicts} packets came by the packet store of the other receive "
                "polarisation; their own header was followed: check the validity of AUX_OBMEMC"
            )


def _warn_of_frames(receiver: ChannelReceiver, where: str, outcome: Outcome) -> None:
    sync, code = receiver.decoder.sync, receiver.decoder.code
    if sync.skipped_bytes:
        outcome.warn(f"{where}: {sync.skipped_bytes} bytes outside CADUs were skipped ({sync.slips} slips)")
    if code.uncorrectable_frames:
        outcome.warn(f"{where}: {code.uncorrectable_frames} frames could not be corrected; their packets are missing")
    if code.foreign_frames:
        outcome.warn(f"{where}: {code.foreign_frames} frames of another spacecraft or version were not used")
    for vcid, account in receiver.decoder.accounts().items():
        if account.missing_frames or account.discarded_packets or account.pointer_faults:
            outcome.warn(
                f"{where}, virtual channel {vcid}: {account.missing_frames} frames missing, "
                f"{account.discarded_packets} packets cut and discarded; a retransfer of the session may bring them"
            )
        if account.counter_resets:
            outcome.warn(
                f"{where}, virtual channel {vcid}: the frame counter jumped back {account.counter_resets} times"
            )


def session_report(
    session_id: str,
    satellite: str,
    receivers: Sequence[ChannelReceiver],
    segments: Sequence[Segment],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        "session_id": session_id,
        "satellite": satellite,
        "channels": [_channel_report(receiver) for receiver in receivers],
        "segments": [_segment_report(segment) for segment in segments],
        "warnings": list(warnings),
    }


def _channel_report(receiver: ChannelReceiver) -> dict[str, Any]:
    channel, decoder = receiver.channel, receiver.decoder
    return {
        "channel": channel.number,
        "blocks": [path.name for path in channel.blocks],
        "reception_start": format_iso(channel.reception.start),
        "reception_stop": format_iso(channel.reception.stop),
        "synchronisation": attrs.asdict(decoder.sync),
        "frames": attrs.asdict(decoder.code),
        "virtual_channels": [
            {
                "vcid": vcid,
                **attrs.asdict(account),
                "corrected_frames": decoder.corrected_frames.get(vcid, 0),
                "corrected_symbols": decoder.corrected_symbols.get(vcid, 0),
            }
            for vcid, account in decoder.accounts().items()
        ],
        "set_aside": [
            {
                "reason": reason.value,
                "vcid": vcid,
                "packets": aside.packets,
                "bytes": aside.file.size,
                "file": f"{aside.file.path.parent.name}/{aside.file.path.name}",
            }
            for (reason, vcid), aside in sorted(receiver.aside.items())
        ],
    }


def _segment_report(segment: Segment) -> dict[str, Any]:
    values = attrs.asdict(segment)
    return {**values, "start": format_iso(segment.start), "stop": format_iso(segment.stop)}
