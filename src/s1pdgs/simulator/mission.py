"""From a plan to downlink sessions on disk: data takes of any mode, telemetry, instrument faults, several sessions.

<out>/session, session.json           the session of a plan with one downlink, as its station announces it
<out>/downlink<k>/session, ...        the same for each downlink of a plan with several
<out>/auxiliary/                      auxiliary files that cover all data takes
<out>/truth.json                      the plan, every data take, and every stream of packets that was sent
"""

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from s1pdgs.formats.files import write_atomic
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import format_iso
from s1pdgs.simulator.auxiliary.files import KINDS, AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.downlink import ChannelWriter, as_record
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.housekeeping import telemetry_streams
from s1pdgs.simulator.orbit import CYCLE, Trajectory, relative_orbit_and_cycle
from s1pdgs.simulator.plan import DownlinkPlan, Part, Plan
from s1pdgs.simulator.planned import PlannedTake, plan_takes
from s1pdgs.simulator.sending import OutgoingStream, send, share_channels, store_vcid
from s1pdgs.simulator.session import SESSION_FILE, TRUTH_FILE, Progress

_LONGEST = timedelta(days=1)
_RESTITUTED_REACH = timedelta(minutes=90)
_BEFORE, _AFTER = timedelta(days=5, hours=2), timedelta(days=3, hours=2)
_CHANNELS = (1, 2)


def simulate_plan(plan: Plan, out: Path, progress: Progress | None = None) -> "SimulatedMission":
    """Simulate all data takes and downlinks of a plan into a folder, which must not hold a session already.

    The same plan gives the same bytes; memory does not grow with the length of data takes. Raises `SimulatorError`
    when the plan is impossible or the folder is in use; `OSError` when it cannot be written.
    """
    folders = [out] if len(plan.downlinks) == 1 else [out / f"downlink{k}" for k in range(1, len(plan.downlinks) + 1)]
    for folder in folders:
        if (folder / SESSION_FILE).exists():
            raise SimulatorError(f"{folder / SESSION_FILE} exists: choose another folder, or remove that one")
    report = progress or _silent
    report("planning", 0.0)
    trajectory = _trajectory(plan)
    takes = plan_takes(plan, trajectory, out / "auxiliary")
    span = _span(takes)
    if span.duration > _LONGEST:
        raise SimulatorError(f"the data takes spread over {span.duration}; a plan covers {_LONGEST} at most")
    for take in takes:
        for polarisation in take.receive_polarisations:
            store_vcid(take.plan.store_type, polarisation[1], take.plan.pair)
    receptions = _receptions(plan, trajectory, takes)
    report("writing auxiliary files", 0.02)
    _write_auxiliary_files(plan, trajectory, takes, out / "auxiliary")
    sessions = []
    for number, (downlink, reception, folder) in enumerate(zip(plan.downlinks, receptions, folders, strict=True)):
        first, width = 0.05 + 0.95 * number / len(folders), 0.95 / len(folders)

        def part_of(what: str, share: float, first: float = first, width: float = width) -> None:
            report(what, first + width * share)

        streams = _streams(plan, downlink, trajectory, takes)
        sessions.append(_send_down(plan, downlink, reception, streams, folder=folder, report=part_of))
    mission = SimulatedMission(out, plan, tuple(takes), tuple(sessions))
    write_atomic(out / TRUTH_FILE, _json(_truth(mission, trajectory)))
    for session in sessions:
        write_atomic(session.folder / SESSION_FILE, _json(session.announcement))
    report("done", 1.0)
    return mission


def _trajectory(plan: Plan) -> Trajectory:
    """The satellite's way, long enough for the orbit files, and to find the passes of scenes."""
    start, after = plan.start.astimezone(UTC), _AFTER
    if any(take.echoes == "scene" for take in plan.takes):
        after += CYCLE
    return _spanning(start - _BEFORE, start + after, plan.satellite)


@lru_cache(maxsize=8)
def _spanning(start: datetime, stop: datetime, satellite: str) -> Trajectory:
    return Trajectory.spanning(start, stop, satellite)


def _write_auxiliary_files(plan: Plan, trajectory: Trajectory, takes: list[PlannedTake], folder: Path) -> None:
    """Everything once, for the first data take; orbit files of the service again where they do not reach later ones."""
    reached = None
    flown = trajectory if plan.revisit is None else plan.revisit.flown(trajectory)
    for take in sorted(takes, key=lambda take: take.sensing.start):
        if reached is not None and take.sensing.stop <= reached:
            continue
        context = AuxiliaryContext.of(
            flown,
            take.sensing,
            satellite=plan.satellite,
            instrument_configuration_id=plan.takes[0].instrument_configuration_id,
        )
        write_auxiliary(folder, context, KINDS if reached is None else ("AUX_POEORB", "AUX_RESORB"))
        midnight = take.sensing.start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        reached = min(take.sensing.start + _RESTITUTED_REACH, midnight)


@frozen
class _Reception:
    """When a downlink begins, in which orbit, and what its session is called."""

    start: datetime
    orbit: int
    session_id: str


def _receptions(plan: Plan, trajectory: Trajectory, takes: list[PlannedTake]) -> list[_Reception]:
    """Of each downlink. Raises `SimulatorError` when a station would have two sessions of one name."""
    receptions: dict[tuple[str, str], _Reception] = {}
    for downlink in plan.downlinks:
        names = {part.take for part in downlink.parts} or set(plan.names)
        last = max(take.sensing.stop for take in takes if take.name in names)
        start = (last + timedelta(seconds=downlink.link.delay_s)).replace(microsecond=0)
        orbit = trajectory.absolute_orbit(start)
        session_id = f"{plan.satellite}_{start:%Y%m%d%H%M%S}{orbit:06d}"
        if (downlink.link.station, session_id) in receptions:
            raise SimulatorError(f"two downlinks would be {session_id}; give one another delay_s or station")
        receptions[downlink.link.station, session_id] = _Reception(start, orbit, session_id)
    return list(receptions.values())


def _send_down(
    plan: Plan,
    downlink: DownlinkPlan,
    reception: _Reception,
    streams: list[OutgoingStream],
    *,
    folder: Path,
    report: Progress,
) -> "SimulatedDownlink":
    """Send one downlink: both channels with their virtual channels interleaved."""
    files, qualities = [], []
    for channel in _CHANNELS:
        writer = ChannelWriter(folder, reception.session_id, channel, downlink.link)
        mine = [stream for stream in streams if stream.channel == channel]

        def part_of(what: str, share: float, channel: int = channel) -> None:
            report(f"channel {channel}: {what}", (channel - 1 + share) / len(_CHANNELS))

        send(writer, mine, part_of)
        blocks, quality = writer.finish()
        files += blocks
        qualities.append(quality)
    octets = max(sum(block.size for block in files if block.channel == channel) for channel in _CHANNELS)
    stop = reception.start + timedelta(seconds=octets * 8.0 / downlink.link.rate_bit_s)
    announcement = {
        "session_id": reception.session_id,
        "satellite": plan.satellite,
        "station": downlink.link.station,
        "orbit": reception.orbit,
        "downlink_start": format_iso(reception.start),
        "downlink_stop": format_iso(stop),
        "files": [as_record(block) for block in files],
        "quality": [as_record(quality) for quality in qualities],
    }
    return SimulatedDownlink(folder, reception.session_id, announcement, tuple(stream.record() for stream in streams))


def _streams(
    plan: Plan, downlink: DownlinkPlan, trajectory: Trajectory, takes: list[PlannedTake]
) -> list[OutgoingStream]:
    parts = downlink.parts or tuple(Part(take=name) for name in plan.names)
    by_name = {take.name: take for take in takes}
    streams = [
        OutgoingStream.of_take(by_name[part.take], polarisation, part, plan.seed)
        for part in parts
        for polarisation in by_name[part.take].receive_polarisations
    ]
    if downlink.telemetry and plan.telemetry is not None:
        span, margin = _span([by_name[part.take] for part in parts]), timedelta(seconds=plan.telemetry.margin_s)
        wide = Interval(span.start - margin, span.stop + margin)
        found = telemetry_streams(plan.telemetry, plan.start.astimezone(UTC), wide, trajectory, plan.seed)
        streams += map(OutgoingStream.of_telemetry, found)
    share_channels(streams)
    return streams


def _span(takes: list[PlannedTake]) -> Interval:
    return Interval(min(take.sensing.start for take in takes), max(take.sensing.stop for take in takes))


@frozen(eq=False)
class SimulatedDownlink:
    """One session: its folder, what its station announces, and the truth about each stream of packets."""

    folder: Path
    session_id: str
    announcement: dict[str, Any]
    streams: tuple[dict[str, Any], ...]


@frozen(eq=False)
class SimulatedMission:
    """What `simulate_plan` made; `folder` holds it."""

    folder: Path
    plan: Plan
    takes: tuple[PlannedTake, ...]
    sessions: tuple[SimulatedDownlink, ...]


def _truth(mission: SimulatedMission, trajectory: Trajectory) -> dict[str, Any]:
    return {
        "plan": attrs.asdict(mission.plan, value_serializer=_plain),
        "takes": [_take_record(take, trajectory, mission.plan.satellite) for take in mission.takes],
        "sessions": [
            {
                "session_id": session.session_id,
                "folder": session.folder.relative_to(mission.folder).as_posix(),
                "streams": list(session.streams),
            }
            for session in mission.sessions
        ],
    }


def _take_record(take: PlannedTake, trajectory: Trajectory, satellite: str) -> dict[str, Any]:
    node = trajectory.node_before(take.sensing.start)
    relative, cycle = relative_orbit_and_cycle(node.absolute_orbit, satellite)
    return {
        "name": take.name,
        "id": take.data_take_id,
        "ecc_number": take.plan.ecc_number,
        "polarisations": list(take.receive_polarisations),
        "packet_store_type": take.plan.store_type,
        "start": format_iso(take.sensing.start),
        "stop": format_iso(take.sensing.stop),
        "packets_planned": take.packet_count,
        "absolute_orbit": node.absolute_orbit,
        "relative_orbit": relative,
        "cycle": cycle,
        "ascending_node_time": format_iso(node.time),
        **take.details(),
    }


def _plain(_instance: object, _attribute: object, value: object) -> object:
    return format_iso(value) if isinstance(value, datetime) else value


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def _silent(_what: str, _share: float) -> None:
    pass
