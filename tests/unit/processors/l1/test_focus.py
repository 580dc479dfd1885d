"""StripMap focusing meets the acceptance figures of Sentinel-1 S3 (sar.md, section 6.4)."""

from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve

from s1pdgs.processors.analysis.point_target import measure
from s1pdgs.processors.l1.focus_factors import absolute_doppler
from s1pdgs.processors.l1.focus_plan import FocusError, plan_focus

PLACES = [(-0.17, 0.09), (0.17, 0.09), (0.0, 0.2), (-0.17, 0.3), (0.17, 0.3)]


@pytest.fixture(scope="module", params=[0.0, 35.0], ids=["zero Doppler", "squinted"])
def focused(request: pytest.FixtureRequest, acquire: Callable):
    acquisition = acquire(2200, 4600, PLACES, request.param)
    return acquisition, *acquisition.focus()


def measurements(focused):
    acquisition, grid, image = focused
    geometry = acquisition.geometry(grid)

    def read(line: int, lines: int, sample: int, samples: int) -> np.ndarray:
        return image[line : line + lines, sample : sample + samples]

    return [measure(geometry, read, target) for target in acquisition.targets]


def test_resolution_and_side_lobes_are_those_of_the_product_definition(focused) -> None:
    for found in measurements(focused):
        assert found.range_resolution_m == pytest.approx(2.54, rel=0.01)
        assert found.azimuth_resolution_m == pytest.approx(4.90, rel=0.01)
        assert max(found.range_pslr_db, found.azimuth_pslr_db) <= -21.0
        assert max(found.range_islr_db, found.azimuth_islr_db) <= -16.6


def test_targets_lie_where_they_are_on_the_ground(focused) -> None:
    for found in measurements(focused):
        assert abs(found.range_error_m) < 0.005
        assert abs(found.azimuth_error_m) < 0.01


def test_the_energy_of_a_target_is_its_radar_cross_section(focused) -> None:
    for found in measurements(focused):
        assert 10 * np.log10(found.rcs_m2 / 1000.0) == pytest.approx(0.0, abs=0.05)


def test_the_phase_is_that_of_the_slant_range(focused) -> None:
    for found in measurements(focused):
        assert abs(found.phase_error_rad) < 0.5


def test_blocks_join_without_a_trace(acquire: Callable) -> None:
    acquisition = acquire(3300, 3600, [(0.0, 0.08), (0.25, 0.1)], 20.0)
    bound = 1800 * 3600 * 8
    _, whole = acquisition.focus()
    _, blocks = acquisition.focus(block_bytes=bound)
    plan = plan_focus(acquisition.grid, acquisition.orbit, evolve(acquisition.parameters, block_bytes=bound))
    assert plan.block_lines < 2000
    assert np.abs(whole - blocks).max() < 3e-3 * np.abs(whole).max()


def test_white_noise_stays_white_and_gaussian(acquire: Callable) -> None:
    acquisition = acquire(2400, 4400, [])
    generator = np.random.default_rng(7)
    parts = generator.standard_normal((2, *acquisition.raw.shape), dtype=np.float32)
    acquisition.raw[...] = parts[0] + 1j * parts[1]
    _, image = acquisition.focus()
    intensity = np.abs(image[:, 300:1000].astype(np.complex128)) ** 2
    looks = intensity.mean() ** 2 / intensity.var()
    assert looks == pytest.approx(1.0, abs=0.02)


def test_frequencies_are_unwrapped_around_the_centroid() -> None:
    frequency = absolute_doppler(8, 1.0 / 800.0, 500.0)
    assert frequency.min() >= 100.0
    assert frequency.max() <= 900.0
    assert np.allclose(np.mod(frequency, 800.0), np.mod(np.fft.fftfreq(8, 1.0 / 800.0), 800.0))  # noqa: TID251


def test_too_few_lines_for_an_aperture_are_refused(acquire: Callable) -> None:
    with pytest.raises(FocusError, match="fewer than the synthetic aperture"):
        acquire(500, 3600, []).focus()


def test_a_window_shorter_than_the_pulse_is_refused(acquire: Callable) -> None:
    with pytest.raises(FocusError, match="leaves nothing beside the pulse"):
        acquire(2000, 2900, []).focus()
