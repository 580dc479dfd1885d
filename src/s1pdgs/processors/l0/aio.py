"""AIO: a downlink session becomes Level-0 segments, one for each data take and receive polarisation.

`python -m s1pdgs.processors.l0.aio JobOrder.xml`, run in the working directory. The job order brings the blocks of both
channels, AUX_OBMEMC, MPL_ORBPRE and MPL_ORBSCT; the outputs are named in `AIOProc.LIST` and the book-keeping of every
frame and packet is in `AIOProc.report.json`.
"""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
from attrs import frozen

from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.link.cadu import marker_stride
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.listfile import AIO_LIST, write_list
from s1pdgs.formats.obmemc import PacketStore, read_obmemc
from s1pdgs.model.time import Clock, SystemClock
from s1pdgs.processors.l0.orbit import orbit_context
from s1pdgs.processors.l0.program import Outcome, ProcessorError, run_program
from s1pdgs.processors.l0.receive import ChannelReceiver
from s1pdgs.processors.l0.report import session_report, warn_of_losses
from s1pdgs.processors.l0.segments import SegmentMaker
from s1pdgs.processors.l0.session import ChannelInput, channels_of

NAME = "AIO_PROCESSOR"
REPORT_NAME = "AIOProc.report.json"
RECEIVED_FOLDER = "received"
_PROGRESS_STEP = 0.1
_SATELLITES = ("S1A", "S1B", "S1C", "S1D")


def main() -> int:
    """Run on the job order named on the command line; the exit code."""
    return run_program(NAME, process_session, sys.argv[1:])


def process_session(order: JobOrder, folder: Path, outcome: Outcome) -> None:
    """Make the segments of a session in `folder`; `ProcessorError` when there is nothing that could be made."""
    clock: Clock = SystemClock()
    settings = _settings(order, outcome)
    outcome.info(f"session {settings.channels[0].session_id} of {settings.satellite}: {settings.link}")
    received = folder / RECEIVED_FOLDER
    received.mkdir(exist_ok=True)
    receivers = _receive(settings, received, outcome)
    context = orbit_context(order, settings.satellite, outcome)
    maker = SegmentMaker(folder, settings.satellite, order.processing_station, settings.stores, context, clock, outcome)
    segments = maker.make(receivers)
    warn_of_losses(receivers, outcome)
    report = session_report(settings.channels[0].session_id, settings.satellite, receivers, segments, outcome.warnings)
    write_atomic(folder / REPORT_NAME, json.dumps(report, indent=2).encode() + b"\n")
    if not any(received.iterdir()):
        received.rmdir()
    write_list(folder / AIO_LIST, [segment.name for segment in segments])
    if not segments:
        raise ProcessorError(_diagnosis(receivers))


def link_parameters(order: JobOrder) -> LinkParameters:
    """The link from the order's parameters: Descramble and RSEncode as ESA's AIOP has them, the rest optional ours."""
    parameters = LinkParameters(
        randomised=_switch(order, "Descramble", "yes"),
        coded=_switch(order, "RSEncode", "yes"),
        dual_basis=_switch(order, "RS_Dual_Basis", "yes"),
        has_fhec=_switch(order, "Frame_Header_Error_Control", "no"),
        has_ocf=_switch(order, "Frame_Operational_Control", "no"),
        has_fecf=_switch(order, "Frame_Error_Control", "no"),
    )
    try:
        return attrs.evolve(
            parameters,
            interleave_depth=int(order.parameter("RS_Interleave_Depth", str(parameters.interleave_depth))),
            insert_zone_bytes=int(order.parameter("Insert_Zone_Bytes", str(parameters.insert_zone_bytes))),
            spacecraft_id=int(order.parameter("Spacecraft_Id", "") or parameters.spacecraft_id),
        )
    except ValueError as error:
        raise ProcessorError(
            f"RS_Interleave_Depth, Insert_Zone_Bytes or Spacecraft_Id of the job order is wrong: {error}"
        ) from None


@frozen
class _Settings:
    """What the job order asks for."""

    satellite: str
    channels: list[ChannelInput]
    stores: Mapping[int, PacketStore]
    link: LinkParameters
    any_spacecraft: bool


def _settings(order: JobOrder, outcome: Outcome) -> _Settings:
    satellite = order.parameter("Mission_Id", "")
    if satellite not in _SATELLITES:
        raise ProcessorError(
            f"parameter Mission_Id of the job order is {satellite!r}; give one of {', '.join(_SATELLITES)}"
        )
    memory = read_obmemc(Path(order.file("AUX_OBMEMC")))
    channels = channels_of(order, outcome)
    for channel in channels:
        if not memory.validity.covers(channel.reception):
            outcome.warn(
                f"AUX_OBMEMC is valid from {memory.validity.start} to {memory.validity.stop}, which does not cover "
                f"channel {channel.number}, received from {channel.reception.start} to {channel.reception.stop}"
            )
    return _Settings(
        satellite=satellite,
        channels=channels,
        stores=memory.by_vcid(),
        link=link_parameters(order),
        any_spacecraft=not order.parameter("Spacecraft_Id", ""),
    )


def _receive(settings: _Settings, folder: Path, outcome: Outcome) -> list[ChannelReceiver]:
    """Receive the channels, each in a thread of its own (the kernels release the interpreter)."""
    receivers = [
        ChannelReceiver(channel, settings.link, settings.stores, folder, any_spacecraft=settings.any_spacecraft)
        for channel in settings.channels
    ]

    def receive(receiver: ChannelReceiver) -> None:
        told = 0.0
        for share in receiver.receive():
            if share >= told + _PROGRESS_STEP:
                told = share
                outcome.progress(90 * share, f"channel {receiver.channel.number} received")

    with ThreadPoolExecutor(max_workers=len(receivers)) as pool:
        for finished in [pool.submit(receive, receiver) for receiver in receivers]:
            finished.result()
    return receivers


def _diagnosis(receivers: list[ChannelReceiver]) -> str:
    """Why a session gave no segment, with the remedy."""
    stride = f"{_stride_found(receivers)}; check RS_Interleave_Depth and RSEncode, and that the blocks are raw CADUs"
    codes = [receiver.decoder.code for receiver in receivers]
    foreign, uncorrectable = (
        sum(code.foreign_frames for code in codes),
        sum(code.uncorrectable_frames for code in codes),
    )
    sound = sum(code.good_frames + code.corrected_frames - code.foreign_frames for code in codes)
    if sound > foreign + uncorrectable:
        return "no segment could be made of the packets received; the report says where every packet went"
    if not foreign + uncorrectable:
        return f"no CADU was found: {stride}"
    if foreign > uncorrectable:
        # the pseudo-random sequence is itself a codeword, so blocks left scrambled pass the code
        return "all frames are of another version or spacecraft; check the parameters Descramble and Spacecraft_Id"
    return f"frames do not pass the Reed-Solomon code; check RS_Dual_Basis; {stride}"


def _stride_found(receivers: list[ChannelReceiver]) -> str:
    """How far apart the sync markers really are."""
    for receiver in receivers:
        stride = marker_stride(bytes(next(receiver.channel.chunks(), b"")))
        if stride is not None:
            return f"sync markers are {stride} bytes apart in channel {receiver.channel.number}"
    return "there is no pair of sync markers 1ACFFC1D"


def _switch(order: JobOrder, name: str, default: str) -> bool:
    text = order.parameter(name, default).lower()
    if text not in {"yes", "no"}:
        raise ProcessorError(f"parameter {name} of the job order is {text!r}; give yes or no")
    return text == "yes"


if __name__ == "__main__":
    sys.exit(main())
