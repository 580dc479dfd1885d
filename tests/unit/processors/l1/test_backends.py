"""Every backend focuses alike: the image of the compiled kernels, whatever library and device computes."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from s1pdgs.formats.listfile import read_list
from s1pdgs.processors.l1 import arrays as arrays_module
from s1pdgs.processors.l1.backends import ArrayBackend, Backend, Compiled
from s1pdgs.processors.l1.focus_plan import FocusPlan, LineSource, plan_focus
from s1pdgs.sar.orbit import Orbit

from .conftest import Acquisition
from .devices import LIBRARIES, arrays_of
from .slices import Slice, run
from .test_wave_program import made, products  # noqa: F401 - fixtures: a wave mode slice, its products
from .tops_acquisition import SWATHS, acquire_burst, measure_burst

Spectrum = NDArray[np.complex64]

AMPLITUDE_SHARE, PHASE_RAD = 1e-3, 0.01
"""What backends may differ by: of the peak, and where there is anything to see."""
BURSTS = {"IW1": 4700, "EW1": 2400}


def assert_alike(found: Spectrum, expected: Spectrum, times: float = 1.0) -> None:
    peak = np.abs(expected).max()
    assert peak > 0.0
    assert np.abs(found - expected).max() < times * AMPLITUDE_SHARE * peak
    bright = np.abs(expected) > 0.1 * peak
    assert np.abs(np.angle(found[bright] * expected[bright].conj())).max() < times * PHASE_RAD


def reading(raw: Spectrum) -> LineSource:
    return lambda first, out: np.copyto(out, raw[first : first + len(out)])


def focused(backend: Backend, acquisition: Acquisition, plan: FocusPlan) -> tuple[Spectrum, Spectrum]:
    """The image, and the spectra of the blocks one below the other."""
    blocks = backend.focus(plan, reading(acquisition.raw))
    spectra, lines = zip(*((np.array(block.spectrum), np.array(block.image())) for block in blocks), strict=True)
    return np.concatenate(lines), np.concatenate(spectra)


@pytest.mark.parametrize("library", LIBRARIES)
def test_stripmap_blocks_are_those_of_the_compiled_kernels(library: str, acquire: Callable) -> None:
    acquisition = acquire(1800, 3300, [(0.0, 0.03), (0.13, 0.06)], 20.0)
    plan = plan_focus(acquisition.grid, acquisition.orbit, evolve(acquisition.parameters, block_bytes=1500 * 3300 * 8))
    assert plan.image.lines > plan.valid_lines
    image, spectra = focused(ArrayBackend(arrays_of(library)), acquisition, plan)
    expected, expected_spectra = focused(Compiled(), acquisition, plan)
    assert_alike(image, expected)
    assert np.abs(spectra - expected_spectra).max() < 3e-3 * np.abs(expected_spectra).max()


@pytest.fixture(scope="module", params=BURSTS)
def burst(request: pytest.FixtureRequest, orbit: Orbit):
    """A burst with targets at its edges and in the middle, and its image by the compiled kernels."""
    empty = acquire_burst(orbit, request.param, BURSTS[request.param], centroid_hz=15.0)
    acquisition = empty.with_targets([empty.place(*place) for place in [(-1.0, 0.1), (0.0, 0.5), (1.0, 0.9)]])
    plan = acquisition.plan()
    return acquisition, plan, Compiled().focus_burst(plan, reading(acquisition.raw))


@pytest.mark.parametrize("library", [library for library in LIBRARIES if library != "strict"])
def test_bursts_are_those_of_the_compiled_kernels_and_their_targets_where_they_are(library: str, burst) -> None:
    """Tolerances of sar.md, section 6.4, beside those of `test_tops`."""
    acquisition, plan, expected = burst
    image = ArrayBackend(arrays_of(library)).focus_burst(plan, reading(acquisition.raw))
    assert_alike(image, expected)
    measured = zip(measure_burst(acquisition, plan, image), measure_burst(acquisition, plan, expected), strict=True)
    for found, compiled in measured:
        assert abs(found.range_error_m) < 0.01
        assert abs(found.azimuth_error_m) < 0.02
        assert found.rcs_m2 == pytest.approx(1000.0, rel=0.0116)
        assert found.azimuth_resolution_m == pytest.approx(compiled.azimuth_resolution_m, rel=1e-3)
        assert found.range_resolution_m == pytest.approx(compiled.range_resolution_m, rel=1e-3)
        assert found.azimuth_pslr_db == pytest.approx(compiled.azimuth_pslr_db, abs=0.05)
        assert found.range_pslr_db == pytest.approx(compiled.range_pslr_db, abs=0.05)
        assert abs(found.phase_error_rad - compiled.phase_error_rad) < PHASE_RAD


def test_vignettes_of_a_product_are_those_of_the_compiled_kernels(
    made: Slice,  # noqa: F811
    products: dict[str, Path],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Digital numbers differ by one where they are rounded, by a hundredth in all."""
    monkeypatch.setenv("L1_ARRAY_BACKEND", "numpy")
    assert run(made.order(tmp_path, "WV_SLC__1S"), monkeypatch) == 0
    assert "focusing by arrays of numpy" in capfd.readouterr().out
    (name,) = read_list(tmp_path / f"{tmp_path.name}.LIST")
    for path in sorted((products["SLC__1S"] / "measurement").iterdir()):
        (other,) = (tmp_path / name / "measurement").glob(f"*{path.stem[-8:]}.tiff")
        with rasterio.open(path) as first, rasterio.open(other) as second:
            expected, found = first.read(1).astype(np.complex64), second.read(1).astype(np.complex64)
        difference = np.abs(found - expected)
        assert difference.max() <= 1.5
        assert np.mean(difference**2) < 1e-4 * np.mean(np.abs(expected) ** 2)


def test_a_backend_that_is_not_there_fails_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("L1_ARRAY_BACKEND", "quantum")
    assert run(Slice(tmp_path, "absent", None).order(tmp_path, "IW_SLC__1S"), monkeypatch) >= 128
    assert "Array_Backend quantum: there are compiled, numpy, torch" in capfd.readouterr().err


@settings(max_examples=8)
@given(
    name=st.sampled_from(sorted(SWATHS)),
    shape=st.tuples(st.integers(260, 420), st.integers(120, 700)),
    centroid_hz=st.floats(-80.0, 80.0),
    step_bytes=st.integers(300_000, 3_000_000),
)
def test_bursts_of_all_shapes_are_those_of_the_compiled_kernels_however_they_are_cut_into_batches(
    orbit: Orbit, name: str, shape: tuple[int, int], centroid_hz: float, step_bytes: int
) -> None:
    """Short pulses and narrow azimuth bands make plans small; the raw lines are speckle.

    The fewer samples a window has, the longer are the runs of frequencies in which the compiled phase is linear.
    """
    lines, spare = shape
    swath = evolve(SWATHS[name], pulse=240, rate=5.0 * SWATHS[name].rate)
    swath = evolve(swath, echoes=lines + swath.rank, azimuth_window=evolve(swath.azimuth_window, bandwidth_hz=90.0))
    pulse = math.ceil(swath.chirp.length_s * swath.sampling_hz)
    acquisition = acquire_burst(orbit, swath, pulse + spare, centroid_hz=centroid_hz)
    generator = np.random.default_rng(lines)
    acquisition.raw.view(np.float32)[...] = generator.standard_normal((lines, 2 * acquisition.raw.shape[1]))
    plan = acquisition.plan()
    expected = Compiled().focus_burst(plan, reading(acquisition.raw))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays_module, "_HOST_STEP_BYTES", step_bytes)
        found = ArrayBackend(arrays_of("numpy")).focus_burst(plan, reading(acquisition.raw))
    assert_alike(found, expected, times=5.0)
