"""The steps of focusing by arrays do what they say, on every library; what is not there is told."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.joborder import JobOrder
from s1pdgs.processors.l1.arrays import ArrayError, batches, circular, laid_out, open_arrays, phasor, ramp
from s1pdgs.processors.l1.backends import wanted_backend
from s1pdgs.processors.l1.range_arrays import BulkCorrection, interpolated
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ

from .devices import LIBRARIES, arrays_of

libraries = pytest.mark.parametrize("library", LIBRARIES)


@libraries
@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(-30, 30), st.integers(0, 11), st.integers(0, 20))
def test_entries_of_a_circle_move_to_another_one(library: str, length: int, first: int, skip: int, wider: int) -> None:
    arrays, count = arrays_of(library), max(length - skip, 1)
    values = np.arange(1, 2 * length + 1, dtype=np.float32).reshape(length, 2)
    taken = circular(arrays.xp, arrays.put(values), first, count)
    assert np.array_equal(arrays.to_host(taken), values[(first + np.arange(count)) % length])
    expected = np.zeros((count + wider, 2), np.float32)
    expected[(first + np.arange(count)) % (count + wider)] = arrays.to_host(taken)
    assert np.array_equal(arrays.to_host(laid_out(arrays.xp, taken, first, count + wider)), expected)
    across = arrays.xp.permute_dims(taken, (1, 0))
    assert np.array_equal(arrays.to_host(laid_out(arrays.xp, across, first, count + wider, axis=1)), expected.T)


@given(st.integers(0, 50), st.integers(1, 200), st.integers(1, 1000))
def test_batches_tile_what_there_is_within_the_memory_of_a_step(count: int, each: int, step: int) -> None:
    runs = list(batches(count, each, step))
    assert [index for run in runs for index in range(run.start, run.stop)] == list(range(count))
    assert all((run.stop - run.start) * each <= max(step, each) for run in runs)


@libraries
@given(begin=st.floats(-1e6, 1e6), slope=st.floats(-40.0, 40.0))
@settings(max_examples=30)
def test_phases_of_a_million_turns_keep_their_fraction(library: str, begin: float, slope: float) -> None:
    arrays, steps = arrays_of(library), np.arange(64)
    start, turn = (arrays.put(np.array([value])) for value in (begin, slope))
    found = arrays.to_host(ramp(arrays.xp, start, turn, arrays.put(steps.astype(np.float32))))
    assert found.dtype == np.complex64
    exact = np.exp(2j * np.pi * ((begin % 1.0) + (slope % 1.0) * steps))
    assert np.allclose(found[0], exact, atol=5e-5)
    assert np.allclose(arrays.to_host(phasor(arrays.xp, start))[0], exact[0], atol=1e-6)


@libraries
def test_rows_are_filtered_around_their_ends(library: str) -> None:
    arrays, generator = arrays_of(library), np.random.default_rng(3)
    rows = (generator.standard_normal((3, 40)) + 1j * generator.standard_normal((3, 40))).astype(np.complex64)
    taps = generator.standard_normal((3, 5, 8)).astype(np.float32)
    left = generator.integers(-60, 60, (3, 5))
    found = arrays.to_host(interpolated(arrays.xp, arrays.put(rows), arrays.put(left), arrays.put(taps), 16))
    for row in range(3):
        for sample in range(80):
            step, place = divmod(sample, 16)
            window = rows[row, (left[row, step] + place + np.arange(8)) % 40]
            assert found[row, sample] == pytest.approx(np.sum(window * taps[row, step]), abs=1e-4)


@libraries
@settings(max_examples=20)
@given(st.integers(5, 1900), st.floats(-6000.0, 6000.0), st.floats(4e-3, 7e-3))
def test_the_bulk_phase_is_that_of_the_two_dimensional_spectrum(
    library: str, occupied: int, doppler: float, delay: float
) -> None:
    """Cumming and Wong, equation 5.24, at every bin of a window of 4096 samples."""
    arrays, bins, step_hz, coupling = arrays_of(library), 4096, 64e6 / 4096, 2.0e4
    correction = BulkCorrection.of(
        arrays, np.ones(bins, np.complex64), occupied, step_hz=step_hz, delay_s=delay, coupling=coupling
    )
    panel = arrays.put(np.ones((1, 2 * occupied), np.complex64))
    found = arrays.to_host(correction(panel, arrays.put(np.array([doppler]))))[0]
    frequency, squint = np.arange(-occupied, occupied) * step_hz, (coupling * doppler) ** 2
    carrier = RADAR_FREQUENCY_HZ
    root = np.sqrt((carrier + frequency) ** 2 - squint)
    exact = np.exp(2j * np.pi * (delay * (root - np.sqrt(carrier**2 - squint) - frequency) % 1.0))
    assert np.abs(np.angle(found * exact.conj())).max() < 1e-3


def test_the_compression_filter_lies_on_the_bins_of_its_frequencies() -> None:
    arrays, bins = arrays_of("numpy"), 12
    compression = np.fft.fftfreq(bins, 1.0 / bins).astype(np.complex64)  # noqa: TID251 - the number of each bin
    correction = BulkCorrection.of(arrays, compression, 4, step_hz=1.0, delay_s=0.0, coupling=1.0)
    found = correction(np.ones((1, 8), np.complex64), np.zeros(1))
    assert np.allclose(found[0], np.arange(-4, 4))


def test_a_device_that_is_too_small_is_told() -> None:
    small = arrays_of("strict", free_bytes=300_000_000)
    assert small.step_bytes(100_000_000) == int(0.85 * 300_000_000) - 100_000_000
    with pytest.raises(ArrayError, match=r"strict: .* are needed on the device, of which 0\.3 GB are free"):
        small.step_bytes(250_000_000)


@pytest.mark.parametrize("name", ["cuda", "numpy:1", "torch:meta", "cupy:x", ""])
def test_unknown_libraries_are_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ArrayError, match="there are compiled, numpy, torch, torch:cuda, cupy"):
        open_arrays(name)


@pytest.mark.parametrize("name", ["torch", "cupy"])
def test_a_library_that_is_not_installed_is_told_with_the_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ArrayError, match=r"install it beside s1pdgs-l1 .* or take `compiled`"):
        open_arrays(name)


def test_a_device_that_is_not_there_is_told() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(ArrayError, match="torch has no device cuda:77"):
        open_arrays(f"torch:cuda:{max(77, torch.cuda.device_count())}")


def test_job_orders_name_the_backend_before_the_environment_does(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = JobOrder("L1", "1.0", ())
    assert wanted_backend(plain).name == wanted_backend().name == "compiled"
    monkeypatch.setenv("L1_ARRAY_BACKEND", "numpy")
    assert wanted_backend(plain).name == wanted_backend().name == "numpy"
    ordered = JobOrder("L1", "1.0", (), parameters=(("Array_Backend", "compiled"),))
    assert wanted_backend(ordered).name == "compiled"
