"""The data takes of a plan, ready to give their packets: noise of any mode, or a scene."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np
from attrs import frozen

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.codes import SignalType, TestMode
from s1pdgs.model.interval import Interval
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.mode_scene import ModeScene, mode_scene, scene_start
from s1pdgs.simulator.noise_pool import NOISE_COUNTS
from s1pdgs.simulator.noise_take import Batch, NoiseTake, ancillary_frames
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.program import build_program
from s1pdgs.simulator.scene_take import SceneTake, scene_take
from s1pdgs.simulator.session import target_record
from s1pdgs.simulator.targets import place_targets
from s1pdgs.simulator.window import window_starts

_SECOND = timedelta(seconds=1)


class PacketSource(Protocol):
    """What gives the packets of a data take, without faults: the joint for echoes of other kinds."""

    @property
    def receive_polarisations(self) -> tuple[str, ...]:
        """`VV`, `VH` ...: one for each receive channel in use."""

    @property
    def packet_count(self) -> int:
        """Packets of each receive channel."""

    @property
    def sensing(self) -> Interval:
        """From the latch of the first packet to that of the last one, UTC."""

    @property
    def occupied(self) -> Interval:
        """The same, from the latch of PRI 0 on: the instrument is busy with silence as well."""

    def batches(self, polarisation: str) -> Iterator[Batch]:
        """All packets of one receive channel, batch by batch; the same whenever it is asked."""


@frozen(eq=False)
class PlannedTake:
    """A data take of a plan and what gives its packets."""

    name: str
    data_take_id: int
    plan: TakePlan
    source: PacketSource

    @property
    def receive_polarisations(self) -> tuple[str, ...]:
        return self.source.receive_polarisations

    @property
    def packet_count(self) -> int:
        return self.source.packet_count

    @property
    def sensing(self) -> Interval:
        return self.source.sensing

    def details(self) -> dict[str, Any]:
        """More of the truth: the mean square modulus of noise in counts, the runs of echoes by swath, the targets."""
        if isinstance(self.source, SceneTake):
            return {"targets": [target_record(target) for target in place_targets(self.source.take)]}
        targets = []
        noise = self.source
        if isinstance(noise, ModeScene):
            targets = [target_record(target) for run in noise.targets for target in run]
            noise = noise.noise
        if not isinstance(noise, NoiseTake):
            return {}
        program = noise.program
        echoes = program.signal == SignalType.ECHO
        return {
            "pris": program.total_pris,
            "noise_power": 2.0 * NOISE_COUNTS**2,
            **({"targets": targets} if targets else {}),
            "echo_runs": [
                {"swath": program.swaths[swath].swath, "first_packet": first, "packets": packets}
                for swath, first, packets in zip(
                    program.swath[echoes].tolist(),
                    program.first_packet[echoes].tolist(),
                    program.packets[echoes].tolist(),
                    strict=True,
                )
            ],
        }


def plan_takes(plan: Plan, trajectory: Trajectory, auxiliary: Path) -> list[PlannedTake]:
    """All data takes of a plan in its order; scenes will read the instrument from the `auxiliary` files.

    Raises `SimulatorError` when the instrument would do two data takes at a time.
    """
    takes = [
        PlannedTake(name, identifier, take, _source(plan, take, identifier, trajectory, auxiliary))
        for name, identifier, take in zip(plan.names, plan.data_take_ids, plan.takes, strict=True)
    ]
    ordered = sorted(takes, key=lambda take: take.source.occupied.start)
    for before, after in pairwise(ordered):
        start, stop = after.source.occupied.start, before.sensing.stop
        if start <= stop:
            raise SimulatorError(
                f"data take {after.name} starts at {start.isoformat()}, before {before.name} ends at "
                f"{stop.isoformat()}; give it a later start_s"
            )
    return takes


def _source(plan: Plan, take: TakePlan, identifier: int, trajectory: Trajectory, auxiliary: Path) -> PacketSource:
    if take.stripmap_scene:
        return scene_take(plan, take, identifier, trajectory, auxiliary)
    noise = noise_take(plan, take, identifier, trajectory)
    if take.echoes == "noise":
        return noise
    begin = scene_start(plan, take, noise, trajectory)
    noise = noise_take(plan, attrs.evolve(take, start_s=begin.total_seconds()), identifier, trajectory)
    return mode_scene(plan, take, noise, trajectory, auxiliary)


def noise_take(plan: Plan, take: TakePlan, identifier: int, trajectory: Trajectory) -> NoiseTake:
    """A data take of any mode with noise for echoes."""
    adjoin = take.samples is not None and take.echoes == "noise"
    program = build_program(take.ecc_number, take.duration_s, plan.satellite, take.samples, adjoin=adjoin)
    start = plan.start + timedelta(seconds=take.start_s)
    length = program.codes_at(np.array([program.packet_count - 1]))[0] / codes.F_REF_HZ
    span = Interval(start, start + timedelta(seconds=float(length)) + _SECOND)
    flown = trajectory if plan.revisit is None else plan.revisit.flown(trajectory)
    frames, first_second = ancillary_frames(flown, plan.satellite, span, plan.mispointing, plan.seed)
    return NoiseTake(
        program=program,
        satellite=plan.satellite,
        data_take_id=identifier,
        polarisation=take.polarisation,
        start=start,
        frames=frames,
        first_second=first_second,
        window_starts=window_starts(program, trajectory, start),
        instrument_configuration_id=take.instrument_configuration_id,
        test_mode=TestMode(take.test_mode),
        seed=plan.seed,
    )
