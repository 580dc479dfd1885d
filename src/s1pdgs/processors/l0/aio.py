"""AIO: the deliveries of a downlink become Level-0 segments, one for each data take and receive polarisation.

`python -m s1pdgs.processors.l0.aio JobOrder.xml`, run in the working directory. The job order brings the blocks of both
channels, perhaps in several deliveries, AUX_OBMEMC, MPL_ORBPRE and MPL_ORBSCT; the outputs (segments, products of GPS
and housekeeping telemetry, and the report of the reception) are named in `AIOProc.LIST`.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from s1pdgs import __version__
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.acquisition_report import write_acquisition_report
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.formats.listfile import AIO_LIST, write_list
from s1pdgs.formats.obmemc import MemoryConfiguration
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import Clock, SystemClock
from s1pdgs.processors.l0.link import links_of, ordered_link, stride_found
from s1pdgs.processors.l0.memory import memory_in_force
from s1pdgs.processors.l0.orbit import orbit_context
from s1pdgs.processors.l0.program import Outcome, ProcessorError, run_program
from s1pdgs.processors.l0.receive import ChannelReceiver
from s1pdgs.processors.l0.report import acquisition_report, warn_of_losses
from s1pdgs.processors.l0.segments import SegmentMaker
from s1pdgs.processors.l0.session import ChannelInput, channels_of
from s1pdgs.processors.l0.sources import DeliveredChannel, PacketSource, Reception, merged_channels
from s1pdgs.processors.l0.telemetry import TelemetryMaker

NAME = "AIO_PROCESSOR"
CREATOR = "s1pdgs AIO"
RECEIVED_FOLDER = "received"
_PROGRESS_STEP = 0.1
_INDEXED_PERCENT = 45.0
_RECEIVED_PERCENT = 90.0
_SATELLITES = ("S1A", "S1B", "S1C", "S1D")


def main() -> int:
    """Run on the job order named on the command line; the exit code."""
    return run_program(NAME, process_session, sys.argv[1:])


def process_session(order: JobOrder, folder: Path, outcome: Outcome) -> None:
    """Make the products of a pass in `folder`; `ProcessorError` when there is nothing that could be made."""
    clock: Clock = SystemClock()
    settings = _settings(order, outcome)
    outcome.info(f"{_sessions(settings.channels)} of {settings.satellite}")
    received = folder / RECEIVED_FOLDER
    received.mkdir(exist_ok=True)
    context = orbit_context(order, settings.satellite, outcome)
    with TemporaryDirectory(prefix=".received-", dir=folder) as scratch:
        sources, receptions = _sources(settings, outcome)
        stores = settings.memory.by_vcid()
        receivers = [ChannelReceiver(source, stores, received, Path(scratch)) for source in sources]
        _receive(receivers, _INDEXED_PERCENT if settings.several else 0.0, outcome)
        common = (context, clock, outcome)
        station = order.processing_station
        segments = SegmentMaker(folder, settings.satellite, station, stores, *common).make(receivers)
        telemetry = TelemetryMaker(folder, settings.satellite, station, *common).make(receivers)
    warn_of_losses(receivers, receptions, outcome)
    products = [*segments, *telemetry]
    report = acquisition_report(
        settings.satellite, receivers, receptions, memory=settings.memory, products=products, outcome=outcome
    )
    name = write_acquisition_report(
        folder, report, site=station, created=clock.now(), creator=CREATOR, version=__version__
    )
    if not any(received.iterdir()):
        received.rmdir()
    write_list(folder / AIO_LIST, [*products, name])
    if not products:
        raise ProcessorError(_diagnosis(receptions))


@frozen
class _Settings:
    """What the job order asks for: the channels of all deliveries, and the link of each."""

    satellite: str
    channels: list[ChannelInput]
    links: list[LinkParameters]
    memory: MemoryConfiguration
    any_spacecraft: bool

    @property
    def several(self) -> bool:
        """Whether there is more than one delivery to merge."""
        return len({channel.delivery for channel in self.channels}) > 1


def _settings(order: JobOrder, outcome: Outcome) -> _Settings:
    satellite = order.parameter("Mission_Id", "")
    if satellite not in _SATELLITES:
        raise ProcessorError(
            f"parameter Mission_Id of the job order is {satellite!r}; give one of {', '.join(_SATELLITES)}"
        )
    fixed = ordered_link(order)
    channels = channels_of(order, outcome)
    start = min(channel.reception.start for channel in channels)
    stop = max(channel.reception.stop for channel in channels)
    return _Settings(
        satellite=satellite,
        channels=channels,
        links=links_of(channels, fixed, outcome),
        memory=memory_in_force(order, Interval(start, stop), outcome),
        any_spacecraft="spacecraft_id" not in fixed,
    )


def _sessions(channels: Sequence[ChannelInput]) -> str:
    deliveries = {channel.delivery: channel.session_id for channel in channels}
    if len(deliveries) == 1:
        return f"session {channels[0].session_id}"
    return f"{len(deliveries)} deliveries ({', '.join(dict.fromkeys(deliveries.values()))})"


def _sources(settings: _Settings, outcome: Outcome) -> tuple[Sequence[PacketSource], list[Reception]]:
    """Where the packets of each channel come from, and what was received."""
    if not settings.several:
        delivered = [
            DeliveredChannel(channel, link, any_spacecraft=settings.any_spacecraft)
            for channel, link in zip(settings.channels, settings.links, strict=True)
        ]
        return delivered, [Reception(each.channel, each.sync, each.code) for each in delivered]
    progress = _Progress(outcome, 0.0, _INDEXED_PERCENT, "deliveries indexed")
    return merged_channels(
        settings.channels, settings.links, any_spacecraft=settings.any_spacecraft, progress=progress.tell
    )


def _receive(receivers: Sequence[ChannelReceiver], from_percent: float, outcome: Outcome) -> None:
    """Receive the channels, each in a thread of its own (the kernels release the interpreter)."""

    def receive(receiver: ChannelReceiver) -> None:
        text = f"channel {receiver.channel.number} received"
        progress = _Progress(outcome, from_percent, _RECEIVED_PERCENT, text)
        for share in receiver.receive():
            progress.tell(share)

    with ThreadPoolExecutor(max_workers=max(len(receivers), 1)) as pool:
        for finished in [pool.submit(receive, receiver) for receiver in receivers]:
            finished.result()


class _Progress:
    """Tells a share of the work as percent of the whole, in steps."""

    def __init__(self, outcome: Outcome, begin: float, end: float, text: str) -> None:
        self._outcome, self._begin, self._end, self._text = outcome, begin, end, text
        self._told = 0.0

    def tell(self, share: float) -> None:
        if share >= self._told + _PROGRESS_STEP:
            self._told = share
            self._outcome.progress(self._begin + (self._end - self._begin) * share, self._text)


def _diagnosis(receptions: Sequence[Reception]) -> str:
    """Why a session gave no product, with the remedy."""
    codes = [reception.code for reception in receptions]
    foreign = sum(code.foreign_frames for code in codes)
    uncorrectable = sum(code.uncorrectable_frames for code in codes)
    sound = sum(code.good_frames + code.corrected_frames - code.foreign_frames for code in codes)
    if sound > foreign + uncorrectable:
        return "no product could be made of the packets received; the report says where every packet went"
    stride = (
        f"{stride_found(receptions[0].channel)}; check RS_Interleave_Depth, Frame_Length and RSEncode, and that the "
        "blocks are raw CADUs"
    )
    if not foreign + uncorrectable:
        return f"no CADU was found: {stride}"
    if foreign > uncorrectable:
        # the pseudo-random sequence is itself a codeword, so blocks left scrambled pass the code
        return "all frames are of another version or spacecraft; check the parameters Descramble and Spacecraft_Id"
    return f"frames do not pass the Reed-Solomon code; check RS_Dual_Basis; {stride}"


if __name__ == "__main__":
    sys.exit(main())
