"""AUX_PP1 names the Doppler centroid of focusing (`dcMethod`); annotations have all estimates and the name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.fft
from attrs import evolve
from numpy.typing import NDArray
from tests.kept import kept

from s1pdgs.formats.aux.pp1 import ProductParameters
from s1pdgs.formats.l1.annotation import read_product
from s1pdgs.processors.l1.doppler import PREDEFINED
from s1pdgs.simulator.plan import Plan, TakePlan

from .slices import Slice, noise_of_plan, process, revise_processing, write_slice

PLAN = Plan(takes=(TakePlan(mode="S3", duration_s=0.8, samples=3700, polarisation="SV"),), telemetry=None)
CENTROID_HZ, BANDWIDTH_HZ = 300.0, 1399.0
"""The bandwidth is that of S3 in AUX_PP1."""


@pytest.fixture(scope="module")
def made() -> Slice:
    return kept("noise-SM", lambda folder: write_slice(folder, *noise_of_plan(PLAN), mode="SM", swath="S3"))


def predefine(one: ProductParameters) -> ProductParameters:
    settings = one.doppler
    if settings is None:
        return one
    return evolve(one, doppler=evolve(settings, method=PREDEFINED, predefined=(CENTROID_HZ,)))


def test_a_predefined_centroid_is_focused_at_and_told(made: Slice, tmp_path: Path) -> None:
    shutil.copytree(made.folder / "auxiliary", tmp_path / "auxiliary")
    (tmp_path / made.name).symlink_to(made.folder / made.name)
    revise_processing(tmp_path / "auxiliary", predefine)
    (workdir := tmp_path / "work").mkdir()
    (product,) = process(evolve(made, folder=tmp_path), workdir, "SM_SLC__1S")
    (path,) = (product / "annotation").glob("*.xml")
    annotation = read_product(path)
    assert annotation.image_annotation.processing_information.dc_method == PREDEFINED
    assert annotation.quality_information.quality_data_list[0].doppler_centroid_quality.dc_method == PREDEFINED
    (estimate,) = annotation.doppler_centroid.dc_estimate_list
    assert abs(estimate.geometry_dc_polynomial[0]) < 100.0
    (image,) = (product / "measurement").iterdir()
    with rasterio.open(image) as opened:
        lines = np.asarray(opened.read(1), np.complex64)
    interval_s = annotation.image_annotation.image_information.azimuth_time_interval
    assert share_beyond_band(lines, interval_s, CENTROID_HZ) < 0.01
    assert share_beyond_band(lines, interval_s, 0.0) > 0.1


def share_beyond_band(lines: NDArray[np.complex64], interval_s: float, centre_hz: float) -> float:
    """How much of the power lies beyond the processing bandwidth about a centroid."""
    power = np.sum(np.abs(scipy.fft.fft(lines, axis=0)) ** 2, axis=1)
    cycles = (scipy.fft.fftfreq(len(lines), interval_s) - centre_hz) * interval_s
    beyond = np.abs(cycles - np.rint(cycles)) > 0.5 * BANDWIDTH_HZ * interval_s + 1.0 / len(lines)
    return float(power[beyond].sum() / power.sum())
