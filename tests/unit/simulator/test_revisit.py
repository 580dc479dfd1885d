"""The ground is seen again from a known baseline away, with the phase of its new distance."""

from datetime import timedelta
from pathlib import Path

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import ground_point, zero_doppler_time
from s1pdgs.simulator.auxiliary.files import AuxiliaryContext, write_auxiliary
from s1pdgs.simulator.burst_scene import burst_grid, respond, warp_cells
from s1pdgs.simulator.command import simulate
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument import read_channels
from s1pdgs.simulator.mode_scene import ModeScene, mode_scene
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.plan_file import read_plan
from s1pdgs.simulator.planned import noise_take
from s1pdgs.simulator.revisit import Revisit, move
from s1pdgs.simulator.targets import add_echoes, target_at

REVISIT = Revisit(across_m=40.0, above_m=-25.0, sinking_m=0.012)
TAKE = TakePlan(mode="IW", duration_s=0.5, samples=1000, polarisation="SV", echoes="scene", sigma0_db=-8.0)
PLAN = Plan(takes=(TAKE,), telemetry=None, revisit=REVISIT)


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    return Trajectory.spanning(PLAN.start - timedelta(hours=1), PLAN.start + timedelta(hours=2), "S1A")


@pytest.fixture(scope="module")
def scene(trajectory: Trajectory, tmp_path_factory: pytest.TempPathFactory) -> ModeScene:
    noise = noise_take(PLAN, TAKE, 1, trajectory)
    folder: Path = tmp_path_factory.mktemp("auxiliary")
    context = AuxiliaryContext.of(trajectory, noise.sensing, satellite="S1A")
    write_auxiliary(folder, context, ("AUX_INS", "AUX_CAL", "AUX_PP1"))
    return mode_scene(PLAN, TAKE, noise, trajectory, folder)


def test_the_later_orbit_lies_the_baseline_away(trajectory: Trajectory) -> None:
    time = np.arange(0.0, 4000.0, 50.0)
    position, velocity = trajectory.earth_fixed(time)
    later, speed = trajectory.beside(40.0, -25.0).earth_fixed(time)
    up = position / np.linalg.norm(position, axis=-1, keepdims=True)
    right = np.cross(velocity, position)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    np.testing.assert_allclose(np.sum((later - position) * up, axis=-1), -25.0, atol=1e-6)
    np.testing.assert_allclose(np.sum((later - position) * right, axis=-1), 40.0, atol=1e-6)
    step = 0.01
    ahead, behind = (trajectory.beside(40.0, -25.0).earth_fixed(time + dt)[0] for dt in (step, -step))
    np.testing.assert_allclose(speed, (ahead - behind) / (2 * step), atol=2e-5)


def test_what_the_later_pass_sees_is_found_again_in_the_earlier_one(scene: ModeScene) -> None:
    ground, take = scene.ground, scene.runs[0].take
    assert ground is not None
    time = take.middle_s + np.linspace(-1.0, 1.0, 9)[:, None]
    slant = take.slant_range_m(np.linspace(0.0, take.samples, 7))
    seen = ground.later_seen(*ground.earlier_seen(time, np.broadcast_to(slant, (9, 7))))
    np.testing.assert_allclose(seen[0] - time, 0.0, atol=1e-10)
    np.testing.assert_allclose(seen[1] - slant, 0.0, atol=1e-6)


def test_the_bowl_is_deepest_in_the_middle_of_the_scene(scene: ModeScene) -> None:
    ground = scene.ground
    assert ground is not None
    assert np.linalg.norm(ground.sunk(ground.centre_m) - ground.centre_m) == pytest.approx(0.012, abs=1e-7)
    aside = ground.centre_m * (1.0 + 4000.0 / np.linalg.norm(ground.centre_m))
    assert np.linalg.norm(ground.sunk(aside) - aside) == pytest.approx(0.012 * np.exp(-1.0), abs=1e-7)


@pytest.mark.parametrize("share", [0.15, 0.85])
def test_a_scatterer_echoes_as_a_point_that_was_seen_before(scene: ModeScene, share: float) -> None:
    """In both passes its echoes have the same phase against those of a target on the ground."""
    ground, run = scene.ground, scene.runs[0]
    assert ground is not None
    channel = read_channels(scene.auxiliary, run.swath, ("VV",))["VV"]
    later = run.take
    before = attrs.evolve(later, orbit=ground.earlier)
    grids = burst_grid(before), burst_grid(later)
    row, column = grids[0].lead + round(share * later.lines), later.focused_samples // 2 - grids[0].first_sample
    cells = np.zeros((grids[0].cells, grids[0].samples), np.complex64)
    cells[row, column] = 1.0
    moved = move(cells, warp_cells((before, grids[0]), (later, grids[1]), ground), (grids[1].cells, grids[1].samples))
    sample, old = column + grids[0].first_sample, grids[0]
    time = float(
        before.zero_doppler_s(0, sample) - before.beam_s(0) + old.geometry.doppler_hz[column] / old.rate_hz_s[column]
    )
    time += float(old.stretch[column] * before.beam_s(row - old.lead))
    point = ground_point(ground.earlier, time, float(before.slant_range_m(sample)))
    phases, alike = [], []
    for take, grid, data, place in ((before, old, cells, point), (later, grids[1], moved, ground.sunk(point))):
        echoes, expected = respond(data, take, grid, channel), np.zeros((take.lines, take.samples), np.complex64)
        add_echoes(expected, take, channel, (target_at(take.orbit, "T", place, 1.0, time),))
        product = np.vdot(expected, echoes)
        phases.append(np.angle(product))
        alike.append(abs(product) / float(np.linalg.norm(echoes) * np.linalg.norm(expected)))
    assert np.angle(np.exp(1j * (phases[1] - phases[0]))) == pytest.approx(0.0, abs=0.01)
    assert alike[1] == pytest.approx(alike[0], abs=0.01)
    slant = [
        float(zero_doppler_time(*each, time)[1])
        for each in ((ground.earlier, point), (ground.later, ground.sunk(point)))
    ]
    assert abs(slant[1] - slant[0]) > 50 * WAVELENGTH_M


def test_only_scenes_are_seen_again() -> None:
    with pytest.raises(SimulatorError, match="data take 1: only scenes are seen again"):
        Plan(takes=(attrs.evolve(TAKE, echoes="noise"),), revisit=REVISIT)


def test_a_plan_file_has_it_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text("""
revisit = { across_m = 40, above_m = -25.0, sinking_m = 0.012 }
takes = [{ mode = "IW", duration_s = 0.5, samples = 1000, polarisation = "SV", echoes = "scene", sigma0_db = -8 }]
""")
    assert read_plan(path).revisit == REVISIT
    path.write_text("revisit = { across_m = 4000 }")
    with pytest.raises(SimulatorError, match="across_m"):
        read_plan(path)


def test_the_command_asks_for_scenes(tmp_path: Path) -> None:
    refused = CliRunner().invoke(simulate, [str(tmp_path / "out"), "--baseline", "30", "-10"])
    assert refused.exit_code == 2
    assert "--mode IW, EW or WV with --echoes scene" in refused.output
    noise = CliRunner().invoke(simulate, [str(tmp_path / "out"), "--mode", "IW", "--mini", "--sinking", "0.01"])
    assert noise.exit_code == 1
    assert "only scenes are seen again" in noise.output
