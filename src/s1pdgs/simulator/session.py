"""From a scenario to a downlink session on disk, with the auxiliary files it needs and the truth to judge results by.

<out>/session/ch_1|ch_2/DCS_*.raw   the blocks of the session, one receive polarisation per channel
<out>/session.json                  the session as its station announces it (simulator.station.content)
<out>/auxiliary/                    auxiliary files
<out>/truth.json                    what was sent: packets, point targets, radiometry, scenario
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from s1pdgs.formats.files import write_atomic
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import format_iso
from s1pdgs.sar.orbit import fit_orbit
from s1pdgs.simulator.auxiliary.files import AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.datatake import DataTake, plan_data_take
from s1pdgs.simulator.distributed import Raw, raw_scene
from s1pdgs.simulator.downlink import VCIDS, BlockFile, ChannelQuality, ChannelWriter, as_record
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument import Channel, read_channels
from s1pdgs.simulator.noise import noise_deviation
from s1pdgs.simulator.orbit import Acquisition, acquisition_over
from s1pdgs.simulator.packets import packet_batches
from s1pdgs.simulator.places import place
from s1pdgs.simulator.revisit import Ground
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.targets import Target, add_echoes, place_targets

SESSION_FILE, TRUTH_FILE = "session.json", "truth.json"
Progress = Callable[[str, float], None]
"""Told what is being done and the share of the work that is behind."""

_ORBIT_MARGIN = timedelta(seconds=100)
_FIT_MARGIN = timedelta(seconds=20)
_SPAWN_SCENE, SPAWN_NOISE = 3, 4


def simulate(scenario: Scenario, out: Path, progress: Progress | None = None) -> "SimulatedSession":
    """Simulate a data take and its downlink into a folder, which must not hold a session already.

    The same scenario gives the same bytes. Raises `SimulatorError` when the scenario is impossible or the folder is in
    use; `OSError` when it cannot be written.
    """
    if (out / SESSION_FILE).exists():
        raise SimulatorError(f"{out / SESSION_FILE} exists: choose another folder, or remove that one")
    report = progress or _silent
    report("finding a pass", 0.0)
    passing = _pass_over(scenario)
    take = data_take_of(scenario, passing)
    report("writing auxiliary files", 0.05)
    _write_auxiliary_files(scenario, passing, take, out)
    channels = read_channels(out / "auxiliary", scenario.radar.swath, scenario.polarisations)
    targets = place_targets(take)
    down = (sensing_interval(take).stop + timedelta(seconds=scenario.downlink.delay_s)).replace(microsecond=0)
    orbit = passing.trajectory.absolute_orbit(down)
    session_id = f"{scenario.satellite}_{down:%Y%m%d%H%M%S}{orbit:06d}"
    streams = []
    for number, polarisation in enumerate(scenario.polarisations):
        first, share = 0.1 + 0.9 * number / len(scenario.polarisations), 0.9 / len(scenario.polarisations)
        stream = _send_channel(
            take,
            channels[polarisation],
            number + 1,
            targets,
            out=out,
            session_id=session_id,
            report=report,
            share=(first, share),
        )
        streams.append(stream)
    session = SimulatedSession(out, session_id, take, passing, targets, tuple(streams), down, orbit)
    write_atomic(out / TRUTH_FILE, _json(_truth(session)))
    write_atomic(out / SESSION_FILE, _json(_announcement(session)))
    report("done", 1.0)
    return session


def data_take_of(scenario: Scenario, passing: Acquisition) -> DataTake:
    """The data take of a scenario in a pass over its place."""
    vectors = passing.vectors(passing.centre - _ORBIT_MARGIN, passing.centre + _ORBIT_MARGIN)
    orbit = fit_orbit(vectors, passing.centre - _FIT_MARGIN, passing.centre + _FIT_MARGIN)
    return plan_data_take(scenario, orbit, place(scenario.place), orbit.seconds(passing.centre))


def sensing_interval(take: DataTake) -> Interval:
    """From the latch of the first packet to that of the last one."""
    first, last = take.latch_s(take.schedule.pri_count[[0, -1]])
    return Interval(take.orbit.utc(float(first)), take.orbit.utc(float(last)))


@lru_cache(maxsize=8)
def _find_pass(place_name: str, swath: str, after: datetime) -> Acquisition:
    there = place(place_name)
    return acquisition_over(there.latitude_deg, there.longitude_deg, swath, after=after)


def _pass_over(scenario: Scenario) -> Acquisition:
    return _find_pass(scenario.place, scenario.radar.swath, scenario.after.astimezone(UTC))


def _write_auxiliary_files(scenario: Scenario, passing: Acquisition, take: DataTake, out: Path) -> None:
    context = AuxiliaryContext.of(
        passing.trajectory,
        sensing_interval(take),
        satellite=scenario.satellite,
        instrument_configuration_id=scenario.radar.instrument_configuration_id,
    )
    write_auxiliary(out / "auxiliary", context)


def _send_channel(
    take: DataTake,
    channel: Channel,
    number: int,
    targets: tuple[Target, ...],
    *,
    out: Path,
    session_id: str,
    report: Progress,
    share: tuple[float, float],
) -> "StreamTruth":
    """Simulate one polarisation and send it down on one channel."""
    polarisation, scenario = channel.polarisation, take.scenario
    vcid = VCIDS[polarisation[1]]
    report(f"{polarisation}: echoes", share[0])
    raw = raw_image(take, channel, targets)
    deviation = noise_deviation(take, channel)
    writer = ChannelWriter(out, session_id, number, scenario.downlink)
    digest = hashlib.sha256()
    count = octets = 0
    seed = np.random.SeedSequence(scenario.seed, spawn_key=(SPAWN_NOISE, vcid))
    for data, bounds in packet_batches(take, channel, raw, deviation, seed):
        body = data.tobytes()
        digest.update(body)
        writer.write(vcid, [body[a:b] for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)])
        count += len(bounds) - 1
        octets += len(body)
        done = 0.5 + 0.5 * count / take.schedule.pri_count.size
        report(f"{polarisation}: packets", share[0] + share[1] * done)
    files, quality = writer.finish()
    return StreamTruth(
        polarisation=polarisation,
        channel=number,
        vcid=vcid,
        packets=count,
        octets=octets,
        sha256=digest.hexdigest(),
        noise_power=2.0 * deviation**2,
        files=tuple(files),
        quality=quality,
    )


def raw_image(take: DataTake, channel: Channel, targets: tuple[Target, ...], ground: Ground | None = None) -> Raw:
    """Noise-free counts complex64 (lines, samples) of the scene, seen again where `ground` says so, and its targets in
    one polarisation.
    """
    scenario = take.scenario
    if scenario.scene.distributed:
        pixels = np.array([take.pixel(target.position_m) for target in targets]).reshape(-1, 2)
        seed = np.random.SeedSequence(scenario.seed, spawn_key=(_SPAWN_SCENE, VCIDS[channel.polarisation[1]]))
        raw = raw_scene(take, channel, pixels, seed, ground)
    else:
        raw = np.zeros((take.lines, take.samples), np.complex64)
    add_echoes(raw, take, channel, targets)
    return raw


def _announcement(session: "SimulatedSession") -> dict[str, Any]:
    scenario = session.take.scenario
    return {
        "session_id": session.session_id,
        "satellite": scenario.satellite,
        "station": scenario.downlink.station,
        "orbit": session.downlink_orbit,
        "downlink_start": format_iso(session.downlink.start),
        "downlink_stop": format_iso(session.downlink.stop),
        "files": [as_record(block) for stream in session.streams for block in stream.files],
        "quality": [as_record(stream.quality) for stream in session.streams],
    }


def _truth(session: "SimulatedSession") -> dict[str, Any]:
    take, passing = session.take, session.passing
    sensing = sensing_interval(take)
    return {
        "scenario": attrs.asdict(take.scenario, value_serializer=_plain),
        "place": {"name": take.place.name, "title": take.place.title},
        "session_id": session.session_id,
        "data_take": {
            "id": take.scenario.data_take_id,
            "absolute_orbit": passing.absolute_orbit,
            "relative_orbit": passing.relative_orbit,
            "cycle": passing.cycle,
            "pass": passing.pass_direction,
            "ascending_node_time": format_iso(passing.node.time),
            "start": format_iso(sensing.start),
            "stop": format_iso(sensing.stop),
        },
        "raw": {
            "lines": take.lines,
            "samples": take.samples,
            "first_line_pri_count": take.schedule.first_line_pri,
            "focused_samples": take.focused_samples,
            "near_range_m": float(take.slant_range_m(0)),
            "focused_far_range_m": float(take.slant_range_m(take.focused_samples)),
            "first_line_zero_doppler": format_iso(take.orbit.utc(float(take.zero_doppler_s(0, 0)))),
            "last_line_zero_doppler": format_iso(take.orbit.utc(float(take.zero_doppler_s(take.lines - 1, 0)))),
        },
        "streams": [attrs.asdict(stream, filter=_is_truth) for stream in session.streams],
        "targets": [target_record(target) for target in session.targets],
    }


def target_record(target: Target) -> dict[str, Any]:
    """What truth.json tells of a target."""
    latitude, longitude, height = target.geodetic
    return {
        "name": target.name,
        "position_m": [float(value) for value in target.position_m],
        "latitude_deg": latitude,
        "longitude_deg": longitude,
        "height_m": height,
        "rcs_m2": target.rcs_m2,
        "rcs_dbm2": 10.0 * float(np.log10(target.rcs_m2)),
        "zero_doppler_time": format_iso(target.zero_doppler_time),
        "slant_range_m": target.slant_range_m,
    }


def _is_truth(attribute: "attrs.Attribute[Any]", _value: object) -> bool:
    return attribute.name not in {"files", "quality"}


def _plain(_instance: object, _attribute: object, value: object) -> object:
    return format_iso(value) if isinstance(value, datetime) else value


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def _silent(_what: str, _share: float) -> None:
    pass


@frozen
class StreamTruth:
    """The packets of one polarisation as they were sent; `sha256` is that of all packets back to back.

    `noise_power` is the mean square modulus of thermal noise in counts.
    """

    polarisation: str
    channel: int
    vcid: int
    packets: int
    octets: int
    sha256: str
    noise_power: float
    files: tuple[BlockFile, ...]
    quality: ChannelQuality


@frozen(eq=False)
class SimulatedSession:
    """What `simulate` made; `folder` holds it."""

    folder: Path
    session_id: str
    take: DataTake
    passing: Acquisition
    targets: tuple[Target, ...]
    streams: tuple[StreamTruth, ...]
    downlink_start: datetime
    downlink_orbit: int

    @property
    def downlink(self) -> Interval:
        """Reception of the larger channel at the rate of the link."""
        longest = max(sum(block.size for block in stream.files) for stream in self.streams)
        seconds = longest * 8.0 / self.take.scenario.downlink.rate_bit_s
        return Interval(self.downlink_start, self.downlink_start + timedelta(seconds=seconds))

    @property
    def blocks(self) -> Iterator[Path]:
        """All blocks, channel by channel."""
        return (self.folder / block.path for stream in self.streams for block in stream.files)
