"""A StripMap scene as a data take of a plan."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from s1pdgs.model.interval import Interval
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.downlink import VCIDS
from s1pdgs.simulator.instrument import read_channels
from s1pdgs.simulator.noise import noise_deviation
from s1pdgs.simulator.noise_take import Batch
from s1pdgs.simulator.orbit import Trajectory, acquisition_over
from s1pdgs.simulator.packets import packet_batches
from s1pdgs.simulator.places import place
from s1pdgs.simulator.scenario import SIMULATED_SWATH, RadarSettings, Scenario, Scene
from s1pdgs.simulator.session import SPAWN_NOISE, data_take_of, raw_image, sensing_interval
from s1pdgs.simulator.targets import place_targets

if TYPE_CHECKING:
    from s1pdgs.simulator.plan import Plan, TakePlan

_POLARISATIONS = {"DV": ("VV", "VH"), "SV": ("VV",)}


@frozen(eq=False)
class SceneTake:
    """A planned scene; its channels are read from the `auxiliary` files when packets are asked for."""

    take: DataTake
    auxiliary: Path

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

    def batches(self, polarisation: str) -> Iterator[Batch]:
        """All packets of one receive channel, in order; memory is that of the raw image."""
        scenario = self.take.scenario
        channel = read_channels(self.auxiliary, scenario.radar.swath, (polarisation,))[polarisation]
        raw = raw_image(self.take, channel, place_targets(self.take))
        seed = np.random.SeedSequence(scenario.seed, spawn_key=(SPAWN_NOISE, VCIDS[polarisation[1]]))
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
    return SceneTake(data_take_of(scenario, passing), auxiliary)
