"""A cell of a distributed TOPS scene echoes as a point target there does, through the beam that turns."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from s1pdgs.sar.orbit import ground_point
from s1pdgs.simulator.auxiliary.files import AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.burst_scene import burst_grid, respond
from s1pdgs.simulator.distributed import echo_amplitude
from s1pdgs.simulator.instrument import read_channels
from s1pdgs.simulator.mode_scene import ModeScene, mode_scene
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.planned import noise_take
from s1pdgs.simulator.targets import add_echoes, target_at

AUXILIARY = ("AUX_INS", "AUX_CAL", "AUX_PP1")


@pytest.fixture(scope="module", params=["IW", "EW"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModeScene:
    take = TakePlan(mode=request.param, duration_s=0.5, samples=1000, polarisation="SV", echoes="scene", sigma0_db=-8.0)
    plan = Plan(takes=(take,), telemetry=None)
    trajectory = Trajectory.spanning(plan.start - timedelta(hours=1), plan.start + timedelta(hours=2), "S1A")
    noise = noise_take(plan, take, 1, trajectory)
    folder: Path = tmp_path_factory.mktemp("auxiliary")
    write_auxiliary(folder, AuxiliaryContext.of(trajectory, noise.sensing, satellite="S1A"), AUXILIARY)
    return mode_scene(plan, take, noise, trajectory, folder)


@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
def test_a_cell_echoes_as_a_point_target(scene: ModeScene, share: float) -> None:
    run = scene.runs[0]
    take, channel = run.take, read_channels(scene.auxiliary, run.swath, ("VV",))["VV"]
    grid = burst_grid(take)
    line, column = round(share * take.lines), take.focused_samples // 2 - grid.first_sample
    cells = np.zeros((grid.cells, grid.samples), np.complex64)
    cells[grid.lead + line, column] = 1.0
    echoes = respond(cells, take, grid, channel)
    sample = column + grid.first_sample
    unsteered = float(take.zero_doppler_s(0, sample) - take.beam_s(0))
    seen = float(grid.geometry.doppler_hz[column] / grid.rate_hz_s[column] + grid.stretch[column] * take.beam_s(line))
    point = ground_point(take.orbit, unsteered + seen, float(take.slant_range_m(sample)))
    amplitude = float(echo_amplitude(channel, grid.geometry)[column])
    expected = np.zeros_like(echoes)
    add_echoes(expected, take, channel, (target_at(take.orbit, "T", point, amplitude**-2, unsteered + seen),))
    power, true = (float(np.vdot(each, each).real) for each in (echoes, expected))
    # what is seen beyond half a PRF, a hundredth of the power, is left out
    assert abs(np.vdot(expected, echoes)) / np.sqrt(power * true) > 0.975
    assert 10.0 * np.log10(power / true) == pytest.approx(0.0, abs=0.15)


def test_every_target_is_in_the_beam_in_the_middle_of_its_place(scene: ModeScene) -> None:
    ((*targets,),) = scene.targets
    run = scene.runs[0].take
    assert len(targets) == 9
    channel = read_channels(scene.auxiliary, scene.runs[0].swath, ("VV",))["VV"]
    for target in targets:
        raw = np.zeros((run.lines, run.samples), np.complex64)
        add_echoes(raw, run, channel, (target,))
        strength = np.abs(raw).max(axis=1)
        brightest = int(np.argmax(strength))
        assert 0.15 * run.lines < brightest < 0.85 * run.lines
        assert strength[[0, -1]].max() < 0.3 * strength[brightest]
