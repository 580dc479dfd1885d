"""A StripMap scene as a data take of a plan."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, frozen

from s1pdgs.model.interval import Interval
from s1pdgs.sar.orbit import ground_point
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.downlink import VCIDS
from s1pdgs.simulator.instrument import read_channels
from s1pdgs.simulator.noise import noise_deviation
from s1pdgs.simulator.noise_take import Batch
from s1pdgs.simulator.orbit import Trajectory, acquisition_over
from s1pdgs.simulator.packets import packet_batches
from s1pdgs.simulator.places import place
from s1pdgs.simulator.revisit import Ground
from s1pdgs.simulator.scenario import SIMULATED_SWATH, RadarSettings, Scenario, Scene
from s1pdgs.simulator.session import SPAWN_NOISE, data_take_of, raw_image, sensing_interval
from s1pdgs.simulator.targets import Target, place_targets, target_at

if TYPE_CHECKING:
    from s1pdgs.simulator.plan import Plan, TakePlan

_SPAWN_LATER_NOISE = 24
_POLARISATIONS = {"DV": ("VV", "VH"), "SV": ("VV",)}


@frozen(eq=False)
class SceneTake:
    """A planned scene; its channels are read from the `auxiliary` files when packets are asked for.

    With `ground`, the orbit of the data take is its later one.
    """

    take: DataTake
    auxiliary: Path
    ground: Ground | None = None

    @property
    def receive_polarisations(self) -> tuple[str, ...]:
        return self.take.scenario.polarisations

    @property
    def packet_count(self) -> int:
        return int(self.take.schedule.pri_count.size)

    @property
    def sensing(self) -> Interval:
        return sensing_interval(self.take)

    @property
    def occupied(self) -> Interval:
        """From the latch of PRI 0 on."""
        return Interval(self.take.orbit.utc(float(self.take.latch_s(0))), self.sensing.stop)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The point targets, sunk with the ground where it is seen again."""
        if self.ground is None:
            return place_targets(self.take)
        found = place_targets(evolve(self.take, orbit=self.ground.earlier))
        return tuple(
            target_at(self.take.orbit, was.name, self.ground.sunk(was.position_m), was.rcs_m2, was.zero_doppler_s)
            for was in found
        )

    def batches(self, polarisation: str) -> Iterator[Batch]:
        """All packets of one receive channel, in order; memory is that of the raw image."""
        scenario = self.take.scenario
        channel = read_channels(self.auxiliary, scenario.radar.swath, (polarisation,))[polarisation]
        raw = raw_image(self.take, channel, self.targets, self.ground)
        spawn = SPAWN_NOISE if self.ground is None else _SPAWN_LATER_NOISE
        seed = np.random.SeedSequence(scenario.seed, spawn_key=(spawn, VCIDS[polarisation[1]]))
        yield from packet_batches(self.take, channel, raw, noise_deviation(self.take, channel), seed)


def scene_take(plan: "Plan", take: "TakePlan", identifier: int, trajectory: Trajectory, auxiliary: Path) -> SceneTake:
    """A scene over the plan's place at the first pass after its start. Raises `SimulatorError` without a pass."""
    chosen: dict[str, Any] = {} if take.samples is None else {"samples": take.samples}
    if take.sigma0_db is not None:
        chosen["scene"] = Scene.uniform(take.sigma0_db)
    scenario = Scenario(
        place=take.place,
        after=plan.start + timedelta(seconds=take.start_s),
        satellite=plan.satellite,
        data_take_id=identifier,
        polarisations=_POLARISATIONS[take.polarisation],
        duration_s=take.duration_s,
        targets=take.targets,
        mispointing=plan.mispointing,
        seed=plan.seed,
        radar=RadarSettings(ecc_number=take.ecc_number, instrument_configuration_id=take.instrument_configuration_id),
        **chosen,
    )
    there = place(take.place)
    passing = acquisition_over(
        there.latitude_deg, there.longitude_deg, SIMULATED_SWATH, after=scenario.after, trajectory=trajectory
    )
    seen = data_take_of(scenario, passing)
    if plan.revisit is None:
        return SceneTake(seen, auxiliary)
    later = data_take_of(scenario, evolve(passing, trajectory=plan.revisit.flown(trajectory))).orbit
    centre = ground_point(seen.orbit, seen.middle_s, float(seen.slant_range_m(0.5 * seen.focused_samples)))
    return SceneTake(evolve(seen, orbit=later), auxiliary, Ground(plan.revisit, seen.orbit, later, centre))
