"""Downlinks to practise on: simulated once for each source of the simulator."""

from pathlib import Path

from s1pdgs.simulator.mission import simulate_plan
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.scenario import MIB, Downlink, Scenario, Scene
from s1pdgs.simulator.session import simulate
from tests.kept import kept

SMALL = Scenario(
    duration_s=1.0,
    samples=4200,
    targets=1,
    scene=Scene(distributed=False),
    downlink=Downlink(block_bytes=4 * MIB),
)
"""The smallest data take that the Level-1 processor focuses, in two polarisations: 29 MB in 8 blocks."""

TINY = Scenario.mini(downlink=Downlink(block_bytes=MIB // 8))
"""A few hundred short lines of noise: enough for Level-0."""

LONG = Plan(takes=(TakePlan(mode="IW", duration_s=68.0, samples=64, polarisation="SV"),), telemetry=None)
"""Three slices of IW in one polarisation, so on one channel: small windows of noise, 21 MB."""


def downlink(name: str, scenario: Scenario | Plan) -> Path:
    """The folder of a simulated downlink, which must not be changed."""

    def make(folder: Path) -> Path:
        if isinstance(scenario, Plan):
            simulate_plan(scenario, folder)
        else:
            simulate(scenario, folder)
        return folder

    return kept(name, make, scenario)
