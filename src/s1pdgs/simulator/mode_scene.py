"""A scene in IW, EW or wave mode: the packets of a planned data take whose echoes are those of ground and targets."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes, fdbaq
from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.packets import build_packets
from s1pdgs.model.interval import Interval
from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit, fit_orbit, ground_point
from s1pdgs.simulator.burst_scene import raw_burst
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.distributed import Raw, fill_white_noise
from s1pdgs.simulator.downlink import VCIDS
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument import Channel, read_channels
from s1pdgs.simulator.noise_pool import NOISE_COUNTS
from s1pdgs.simulator.noise_take import Batch, NoiseTake, PacketMaker
from s1pdgs.simulator.orbit import Acquisition, Trajectory, acquisition_over
from s1pdgs.simulator.packets import BRC_STEPS
from s1pdgs.simulator.places import Place, place
from s1pdgs.simulator.revisit import Ground
from s1pdgs.simulator.scenario import Scenario, Scene
from s1pdgs.simulator.session import raw_image
from s1pdgs.simulator.targets import Target, add_echoes, target_at
from s1pdgs.simulator.timeline import Schedule

if TYPE_CHECKING:
    from s1pdgs.simulator.plan import Plan, TakePlan

MODES = ("IW", "EW", "WV")
NOWHERE = Place("nowhere", "where the satellite is", 0.0, 0.0, ())
"""A place without a coast."""

_BATCH = 256
_MARGIN = timedelta(seconds=60)
_SPAWN_SCENE, _SPAWN_NOISE, _SPAWN_TARGETS, _SPAWN_LATER_NOISE = 21, 22, 23, 24
_ALONG, _ACROSS = 0.6, 0.05
_DARK_RADIUS_M = 1200.0
"""In TOPS the side lobes along azimuth reach so far."""


@frozen(eq=False)
class EchoRun:
    """A burst or vignette: its swath, its first packet and how many there are, and its echoes as a data take."""

    swath: str
    first_packet: int
    packets: int
    take: DataTake


@frozen(eq=False, slots=False)
class ModeScene:
    """A planned scene. The headers, noise and calibration are those of `noise`, a data take of the same program; its
    channels are read from the `auxiliary` files when packets are asked for. With `ground`, `orbit` is its later one.
    """

    noise: NoiseTake
    scenario: Scenario
    place: Place
    orbit: Orbit
    auxiliary: Path
    ground: Ground | None = None

    @property
    def receive_polarisations(self) -> tuple[str, ...]:
        return self.noise.receive_polarisations

    @property
    def packet_count(self) -> int:
        return self.noise.packet_count

    @property
    def sensing(self) -> Interval:
        return self.noise.sensing

    @property
    def occupied(self) -> Interval:
        return self.noise.occupied

    @cached_property
    def runs(self) -> tuple[EchoRun, ...]:
        """All bursts or vignettes in the order of time."""
        program = self.noise.program
        chosen = np.flatnonzero(program.signal == SignalType.ECHO)
        start_s = self.orbit.seconds(self.noise.start)
        found = []
        for number, run in enumerate(chosen.tolist()):
            radar, pris = program.swaths[program.swath[run]], int(program.packets[run])
            seed = int(np.random.SeedSequence([self.scenario.seed, number]).generate_state(1)[0])
            scenario = attrs.evolve(
                self.scenario, radar=radar, samples=radar.samples, duration_s=pris * radar.pri_s, seed=seed
            )
            latch_s = start_s + float(program.first_code[run]) / codes.F_REF_HZ
            swst = int(self.noise.window_starts[run])
            take = DataTake(scenario, self.orbit, self.place, _echo_schedule(pris, radar.rank), swst, latch_s)
            found.append(EchoRun(radar.swath, int(program.first_packet[run]), pris, take))
        return tuple(found)

    @cached_property
    def targets(self) -> tuple[tuple[Target, ...], ...]:
        """The point targets that each run was given: all of them shared out evenly.

        Raises `SimulatorError` when windows are shorter than pulses, so that none would be focused.
        """
        if self.scenario.targets and not all(run.take.focused_samples for run in self.runs):
            raise SimulatorError("the windows are shorter than the pulses, so that no target is focused; ask for more")
        rng = np.random.default_rng(np.random.SeedSequence(self.scenario.seed, spawn_key=(_SPAWN_TARGETS,)))
        found: list[list[Target]] = [[] for _ in self.runs]
        for number in range(self.scenario.targets):
            at = number * len(self.runs) // self.scenario.targets
            along, across = rng.uniform(-_ALONG, _ALONG), rng.uniform(-_ACROSS, _ACROSS)
            across += (len(found[at]) % 3 + 1) / 4
            column = across * self.runs[at].take.focused_samples
            found[at].append(self._target(self.runs[at].take, f"T{number + 1}", along, column))
        return tuple(tuple(targets) for targets in found)

    def _target(self, take: DataTake, name: str, along: float, sample: float) -> Target:
        if self.ground is None:
            return _place_target(take, name, along, sample)
        was = _place_target(attrs.evolve(take, orbit=self.ground.earlier), name, along, sample)
        return target_at(self.orbit, name, self.ground.sunk(was.position_m), was.rcs_m2, was.zero_doppler_s)

    def batches(self, polarisation: str) -> Iterator[Batch]:
        """All packets of one receive channel, in order; memory is that of one burst."""
        maker = PacketMaker.of(self.noise, polarisation)
        channels: dict[str, Channel] = {}
        done = 0
        for number, run in enumerate(self.runs):
            yield from _from_stock(maker, done, run.first_packet)
            if run.swath not in channels:
                channels |= {run.swath: read_channels(self.auxiliary, run.swath, (polarisation,))[polarisation]}
            yield from self._echoes(maker, number, channels[run.swath])
            done = run.first_packet + run.packets
        yield from _from_stock(maker, done, self.packet_count)

    def _echoes(self, maker: PacketMaker, number: int, channel: Channel) -> Iterator[Batch]:
        """The packets of a run: the first ones are without an echo, all have thermal noise."""
        run = self.runs[number]
        raw = self.raw(number, channel)
        quiet = run.packets - len(raw)
        parts = range(0, run.packets, _BATCH)
        spawn = _SPAWN_NOISE if self.ground is None else _SPAWN_LATER_NOISE
        seed = np.random.SeedSequence(run.take.scenario.seed, spawn_key=(spawn, VCIDS[channel.polarisation[1]]))
        for first, source in zip(parts, seed.spawn(len(parts)), strict=True):
            last = min(first + _BATCH, run.packets)
            samples = np.empty((last - first, raw.shape[1]), np.complex64)
            fill_white_noise(samples, source)
            samples *= np.float32(NOISE_COUNTS)
            samples[max(quiet - first, 0) :] += raw[max(first - quiet, 0) : max(last - quiet, 0)]
            data, bounds = fdbaq.encode_lines(samples, fdbaq.monotone_policy(BRC_STEPS))
            yield build_packets(maker.headers(run.first_packet + np.arange(first, last)), data, bounds)

    def raw(self, number: int, channel: Channel) -> Raw:
        """Noise-free counts of a run: the ground, and the targets of all runs of its swath that it sees."""
        run = self.runs[number]
        own = self.targets[number]
        if not run.take.scenario.radar.steering_rad_s:
            return raw_image(run.take, channel, own, self.ground)
        near = [
            target
            for other, targets in zip(self.runs, self.targets, strict=True)
            if other.swath == run.swath
            for target in targets
        ]
        if run.take.scenario.scene.distributed:
            pixels = np.array([run.take.pixel(target.position_m) for target in near]).reshape(-1, 2)
            seed = np.random.SeedSequence(
                run.take.scenario.seed, spawn_key=(_SPAWN_SCENE, VCIDS[channel.polarisation[1]])
            )
            raw = raw_burst(run.take, channel, pixels, seed, self.ground)
        else:
            raw = np.zeros((run.take.lines, run.take.samples), np.complex64)
        add_echoes(raw, run.take, channel, tuple(near))
        return raw


def mode_scene(plan: "Plan", take: "TakePlan", noise: NoiseTake, trajectory: Trajectory, auxiliary: Path) -> ModeScene:
    """The scene of a noise take, which `scene_start` put over the place of the plan."""
    orbit = _orbit_of(trajectory, noise.sensing)
    scene = Scene() if take.sigma0_db is None else Scene.uniform(take.sigma0_db)
    if not take.wave:
        scene = attrs.evolve(scene, dark_radius_m=_DARK_RADIUS_M)
    scenario = Scenario(
        place=take.place,
        after=noise.start,
        satellite=plan.satellite,
        data_take_id=noise.data_take_id,
        polarisations=noise.receive_polarisations,
        duration_s=take.duration_s,
        targets=take.targets,
        mispointing=plan.mispointing,
        seed=plan.seed,
        scene=scene,
    )
    there = place(take.place) if take.has_place else NOWHERE
    seen = ModeScene(noise, scenario, there, orbit, auxiliary)
    if plan.revisit is None:
        return seen
    middle = seen.runs[len(seen.runs) // 2].take
    centre = ground_point(orbit, middle.middle_s, float(middle.slant_range_m(0.5 * middle.focused_samples)))
    later = _orbit_of(plan.revisit.flown(trajectory), noise.sensing)
    return attrs.evolve(seen, orbit=later, ground=Ground(plan.revisit, orbit, later, centre))


def _orbit_of(trajectory: Trajectory, sensing: Interval) -> Orbit:
    vectors = trajectory.vectors_between(sensing.start - 2 * _MARGIN, sensing.stop + 2 * _MARGIN)
    return fit_orbit(vectors, sensing.start - _MARGIN, sensing.stop + _MARGIN)


def scene_start(plan: "Plan", take: "TakePlan", noise: NoiseTake, trajectory: Trajectory) -> timedelta:
    """How long after its plan's start a data take begins that has the place in the middle one of its bursts.

    Raises `SimulatorError` when no pass has the place in a swath of the mode.
    """
    if not take.has_place:
        return timedelta(seconds=take.start_s)
    there = place(take.place)
    after = plan.start + timedelta(seconds=take.start_s)
    swaths = [settings.swath for settings in noise.program.swaths if noise.program.bursts(settings.swath)]
    swath, passing = _pass_over(there, swaths, after, trajectory)
    bursts = noise.program.bursts(swath)
    first, packets = bursts[len(bursts) // 2]
    middle = float(noise.program.codes_at(np.array([first + packets // 2]))[0]) / codes.F_REF_HZ
    return passing.centre - timedelta(seconds=middle) - plan.start


def _pass_over(there: Place, swaths: list[str], after: datetime, trajectory: Trajectory) -> tuple[str, Acquisition]:
    """The first pass that has a place in the middle swath, or else in one beside it."""
    middle = len(swaths) // 2
    for swath in sorted(swaths, key=lambda name: abs(swaths.index(name) - middle)):
        try:
            return swath, acquisition_over(
                there.latitude_deg, there.longitude_deg, swath, after=after, trajectory=trajectory
            )
        except SimulatorError as error:
            refused = error
    raise refused


def _from_stock(maker: PacketMaker, first: int, stop: int) -> Iterator[Batch]:
    for start in range(first, stop, _BATCH):
        yield maker.batch(np.arange(start, min(start + _BATCH, stop)))


def _echo_schedule(pris: int, rank: int) -> Schedule:
    """The PRIs of one run that hold echoes: all but the first `rank`."""
    counts = np.arange(rank, pris)
    every: NDArray[np.bool_] = np.ones(counts.size, np.bool_)
    return Schedule(
        pri_count=counts,
        signal=np.full(counts.size, SignalType.ECHO, np.uint8),
        ordinal=counts + 1,
        full_bandwidth=~every,
        interleaved=every,
        has_echo=every,
        first_line_pri=rank,
        lines=counts.size,
        total_pris=pris,
    )


def _place_target(take: DataTake, name: str, along: float, sample: float) -> Target:
    """A target on the ellipsoid that is in the middle of the beam at a share of the run's lines from its middle."""
    geometry = take.range_geometry([sample])
    rate = 2.0 * float(geometry.effective_m_s[0]) ** 2 / (WAVELENGTH_M * float(geometry.slant_range_m[0]))
    middle = 0.5 * (take.lines - 1)
    line = middle * (1.0 + along)
    beam = 2.0 * geometry.satellite_m_s * take.scenario.radar.steering_rad_s * take.beam_s(line) / WAVELENGTH_M
    time = float(take.zero_doppler_s(line, sample)) + float(geometry.doppler_hz[0] + beam) / rate
    point = ground_point(take.orbit, time, float(take.slant_range_m(sample)))
    return target_at(take.orbit, name, point, take.scenario.target_rcs_m2, time)
