"""Pixels become digital numbers and are counted, however an image comes in parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from s1pdgs.formats.l1.measurement import MeasurementInfo, open_measurement
from s1pdgs.model.time import SystemClock
from s1pdgs.processors.l1.geometry import ImageGrid
from s1pdgs.processors.l1.images import ComplexImage, DetectedImage, Frame, Image
from s1pdgs.processors.l1.looks import DetectedBlock

LINES, SAMPLES = 150, 1300


def frame() -> Frame:
    slant = ImageGrid(LINES, SAMPLES, 0.0, 1e-3, 5e-3, 5e7)
    return Frame(LINES, SAMPLES, 0.0, 1e-3, 3.0, slant)


def scaling() -> NDArray[np.float64]:
    return np.linspace(90.0, 110.0, SAMPLES)


def written(path: Path, image: Image, fill: Any) -> NDArray[Any]:
    """The stored pixels of an image that `fill` gives to a writer."""
    info = MeasurementInfo(
        lines=LINES, samples=SAMPLES, description="-", software="-", created=SystemClock().now(), tie_points=()
    )
    with open_measurement(path, info, image.form) as writer:
        fill(writer)
        offset = writer.line_offset(0)
    return np.frombuffer(path.read_bytes(), image.form.dtype, offset=offset)


def check_counts(image: Image, numbers: NDArray[np.float64]) -> None:
    """`numbers` complex or real (lines, samples)."""
    power = np.abs(numbers) ** 2
    assert image.statistics.pixels == numbers.size
    assert image.statistics.mean == pytest.approx(complex(numbers.mean()), rel=1e-9)
    assert image.statistics.deviation.real == pytest.approx(numbers.real.std(), rel=1e-6)
    rows, columns = image.quicklook.shape
    high, wide = LINES // rows, SAMPLES // columns
    cells = power[: rows * high, : columns * wide].reshape(rows, high, columns, wide)
    assert image.quicklook == pytest.approx(np.sqrt(cells.mean(axis=(1, 3))), rel=1e-6)


def test_bursts_stand_below_each_other_with_black_around_them(tmp_path: Path) -> None:
    parts = np.random.default_rng(3).standard_normal((LINES, 2 * SAMPLES), dtype=np.float32)
    pixels = parts.view(np.complex64)
    pixels[70, 100] = 400.0 - 3.0j
    image = ComplexImage(frame(), scaling())

    def fill(writer: Any) -> None:
        image.add_lines(0, pixels[:78, : SAMPLES - 20], writer, lines=80)
        image.add_lines(80, np.ascontiguousarray(pixels[80:, 7:]), writer, first_sample=7)

    found = written(tmp_path / "slc.tiff", image, fill).reshape(LINES, SAMPLES, 2).astype(np.float64)
    shown = pixels.copy()
    shown[78:80], shown[:80, SAMPLES - 20 :], shown[80:, :7] = 0.0, 0.0, 0.0
    expected = np.clip(np.rint(shown.view(np.float32) * np.repeat(scaling(), 2).astype(np.float32)), -32767, 32767)
    np.testing.assert_array_equal(found.reshape(LINES, -1), expected)
    assert image.statistics.saturated == 1
    check_counts(image, found[..., 0] + 1j * found[..., 1])


def test_amplitudes_of_blocks_are_detected_pixels(tmp_path: Path) -> None:
    intensity = np.random.default_rng(4).exponential(2.0, (LINES, SAMPLES)).astype(np.float32)
    intensity[3, 5], intensity[140, 9] = 1e9, 0.0
    image = DetectedImage(frame(), scaling())

    def fill(writer: Any) -> None:
        image.add(DetectedBlock(65, intensity[65:]), writer)
        image.add(DetectedBlock(0, intensity[:65]), writer)

    found = written(tmp_path / "grd.tiff", image, fill).reshape(LINES, SAMPLES).astype(np.float64)
    expected = np.minimum(np.rint(np.sqrt(intensity) * scaling().astype(np.float32)), 65535)
    np.testing.assert_array_equal(found, expected)
    assert image.statistics.saturated == 1
    check_counts(image, found)
