"""A scene of one backscatter with point targets in IW becomes SLC: targets and backscatter of every swath are true."""

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.kept import kept

from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.formats.l1.calibration import read_calibration
from s1pdgs.formats.l1.noise import read_noise
from s1pdgs.processors.analysis.point_target import Target, analyse_product
from s1pdgs.simulator.mode_scene import ModeScene
from s1pdgs.simulator.plan import Plan, TakePlan

from .slices import process, scene_of_plan, write_slice

SIGMA0_DB = -5.0
RESOLUTION_M = {
    "iw1": (2.665, 21.7),
    "iw2": (3.115, 21.7),
    "iw3": (3.518, 21.6),
    "wv1": (2.015, 4.755),
    "wv2": (3.118, 4.73),
}
DARK_LINES = 120
DURATION_S = {"IW": 2.7, "WV": 15.0}


@pytest.fixture(scope="module", params=["IW", "WV"])
def made(request: pytest.FixtureRequest) -> tuple[ModeScene, Path]:
    """The scene and its SLC product."""
    return kept(f"scene-{request.param}", lambda folder: make(folder, request.param))


def make(folder: Path, mode: str) -> tuple[ModeScene, Path]:
    take = TakePlan(
        mode=mode,
        duration_s=DURATION_S[mode],
        samples=1100,
        polarisation="SV",
        echoes="scene",
        targets=6,
        sigma0_db=SIGMA0_DB,
    )
    plan = Plan(takes=(take,), telemetry=None)
    (workdir := folder / "work").mkdir()
    trajectory, scene = scene_of_plan(plan, folder)
    (product,) = process(write_slice(folder, trajectory, scene, mode), workdir, f"{mode}_SLC__1S")
    return scene, product


def test_targets_are_where_they_stand_and_as_sharp_as_their_windows_allow(made: tuple[ModeScene, Path]) -> None:
    scene, product = made
    targets = [Target(each.name, each.position_m, each.rcs_m2) for run in scene.targets for each in run]
    found = analyse_product(product, targets)
    assert {each.name for each in found} == {target.name for target in targets}
    assert {each.channel[4:7] for each in found} == {run.swath.lower() for run in scene.runs}
    for each in found:
        across, along = RESOLUTION_M[each.channel[4:7]]
        assert each.range_resolution_m == pytest.approx(across, rel=0.01)
        assert each.azimuth_resolution_m == pytest.approx(along, rel=0.01)
        assert max(each.range_pslr_db, each.azimuth_pslr_db) < -20.0  # ground and noise lie below the side lobes
        assert abs(each.range_error_m) < 0.02
        assert abs(each.azimuth_error_m) < 0.1  # the ground around moves a peak by half a percent of its width
        # FDBAQ takes a few hundredths off a signal in Gaussian echoes
        assert 10.0 * math.log10(each.rcs_m2 / scene.scenario.target_rcs_m2) == pytest.approx(-0.1, abs=0.2)


def test_the_backscatter_of_every_swath_is_true(made: tuple[ModeScene, Path]) -> None:
    scene, product = made
    targets = [Target(each.name, each.position_m) for run in scene.targets for each in run]
    bright = {(each.channel[4:7], round(each.line)) for each in analyse_product(product, targets)}
    measurements = sorted((product / "measurement").iterdir())
    assert len(measurements) == len(scene.runs)
    for measurement in measurements:
        folder, name = product / "annotation/calibration", f"{measurement.stem}.xml"
        vector = read_calibration(folder / f"calibration-{name}").calibration_vector_list[0]
        noise = read_noise(folder / f"noise-{name}")
        with rasterio.open(measurement) as image:
            power = np.abs(image.read(1).astype(np.complex64)) ** 2
        column = np.arange(power.shape[1])
        across = noise.noise_range_vector_list[0]
        level = np.interp(column, across.pixel, across.noise_range_lut)
        floor = np.broadcast_to(level, power.shape)
        for along in noise.noise_azimuth_vector_list:
            floor = np.interp(np.arange(len(power)), along.line, along.noise_azimuth_lut)[:, None] * level
        scale = np.interp(column, vector.pixel, vector.sigma_nought) ** 2
        seen = np.ones(power.shape, np.bool_)
        for line in (line for swath, line in bright if swath == measurement.stem[4:7]):
            seen[max(line - DARK_LINES, 0) : line + DARK_LINES] = False
        sigma0 = float(np.mean((power / scale)[seen]) - np.mean((floor / scale)[seen]))
        assert 10.0 * math.log10(sigma0) == pytest.approx(SIGMA0_DB, abs=0.2)


def test_the_doppler_of_bursts_is_that_of_their_echoes(made: tuple[ModeScene, Path]) -> None:
    """The simulated attitude is what the packets tell, so that data and geometry must agree."""
    scene, product = made
    annotations = sorted((product / "annotation").glob("*.xml"))
    assert len(annotations) == len(scene.runs)
    for path in annotations:
        described = read_product(path)
        quality = described.quality_information.quality_data_list[0].doppler_centroid_quality
        assert quality.dc_method == "Data Analysis"
        for estimate in described.doppler_centroid.dc_estimate_list:
            assert 0.0 < estimate.data_dc_rms_error < 20.0
            delays = np.array([fine.slant_range_time for fine in estimate.fine_dce_list]) - estimate.t0
            data, geometry = (
                np.polynomial.polynomial.polyval(delays, each)
                for each in (estimate.data_dc_polynomial, estimate.geometry_dc_polynomial)
            )
            assert np.any(data != geometry)
            assert data == pytest.approx(geometry, abs=8.0)
