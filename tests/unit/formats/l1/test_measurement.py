"""Measurements: GeoTIFFs in bounded memory, read back by independent readers."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.l1.annotation import Product
from s1pdgs.formats.l1.measurement import (
    GRD_PIXEL,
    SLC_PIXEL,
    MeasurementError,
    MeasurementInfo,
    open_measurement,
    tiff_header,
)

INFO = MeasurementInfo(
    lines=70,
    samples=33,
    description="Sentinel-1A S3 SLC L1",
    software="s1pdgs 0.1.0",
    created=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
)


def complex_pixels(shape: tuple[int, int] = (70, 33)) -> np.ndarray:
    rng = np.random.default_rng(5)
    return (rng.normal(0, 900, shape) + 1j * rng.normal(0, 900, shape)).astype(np.complex64)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values.real) + 1j * np.rint(values.imag)


def test_gdal_reads_an_slc_as_one_band_of_complex_integers(tmp_path: Path, product_annotation: Product) -> None:
    points = product_annotation.geolocation_grid.geolocation_grid_point_list
    pixels = complex_pixels()
    with open_measurement(tmp_path / "slc.tiff", evolve(INFO, tie_points=points), SLC_PIXEL) as writer:
        for first in (30, 0, 50):
            writer.write(first, pixels[first : {30: 50, 0: 30, 50: 70}[first]])
    with rasterio.open(tmp_path / "slc.tiff") as dataset:
        assert dataset.count == 1
        assert dataset.dtypes == ("complex_int16",)
        np.testing.assert_array_equal(dataset.read(1), rounded(pixels))
        gcps, crs = dataset.gcps
        assert crs.to_epsg() == 4326
        assert len(gcps) == len(points)
        assert (gcps[1].col, gcps[1].row) == (points[1].pixel, points[1].line)
        assert (gcps[1].x, gcps[1].y, gcps[1].z) == (points[1].longitude, points[1].latitude, points[1].height)
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "Sentinel-1A S3 SLC L1"
        assert dataset.tags()["TIFFTAG_DATETIME"] == "2026:03:04 05:06:07"


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform:rasterio.errors.NotGeoreferencedWarning")
def test_a_grd_holds_unsigned_amplitudes(tmp_path: Path) -> None:
    pixels = np.abs(complex_pixels())
    with open_measurement(tmp_path / "grd.tiff", INFO, GRD_PIXEL) as writer:
        writer.write(0, pixels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "grd.tiff"), np.rint(pixels).astype(np.uint16))
    with rasterio.open(tmp_path / "grd.tiff") as dataset:
        assert dataset.dtypes == ("uint16",)
        np.testing.assert_array_equal(dataset.read(1), np.rint(pixels))


def test_pixels_beyond_sixteen_bits_are_clipped_and_counted(tmp_path: Path) -> None:
    info = evolve(INFO, lines=1, samples=3)
    with open_measurement(tmp_path / "slc.tiff", info, SLC_PIXEL) as writer:
        writer.write(0, np.array([[40_000.0 - 50_000.0j, 1.0j, 32_767.4]]))
        assert writer.saturated == 2
        offset = writer.line_offset(0)
    stored = np.frombuffer((tmp_path / "slc.tiff").read_bytes()[offset:], dtype="<i2")
    assert stored.tolist() == [32767, -32768, 0, 1, 32767, 0]


def test_quantised_lines_are_stored_as_they_are(tmp_path: Path) -> None:
    stored = np.random.default_rng(9).integers(-900, 900, (70, 33, 2)).astype(np.int16)
    with open_measurement(tmp_path / "slc.tiff", INFO, SLC_PIXEL) as writer:
        writer.write_quantised(10, stored[10:])
        writer.write_quantised(0, stored[:10])
        for wrong in (stored[:1, :, 0], stored[:1].astype(np.int32)):
            with pytest.raises(MeasurementError, match="are not lines of"):
                writer.write_quantised(0, wrong)
        with pytest.raises(MeasurementError, match="exceed the 70"):
            writer.write_quantised(-1, stored[:1])
        offset = writer.line_offset(0)
    np.testing.assert_array_equal(np.frombuffer((tmp_path / "slc.tiff").read_bytes()[offset:], "<i2"), stored.ravel())


def test_statistics_cover_the_stored_pixels(tmp_path: Path) -> None:
    pixels = complex_pixels()
    with open_measurement(tmp_path / "slc.tiff", INFO, SLC_PIXEL) as writer:
        writer.write(0, pixels[:40])
        writer.write(40, pixels[40:])
    stored = rounded(pixels)
    assert writer.statistics.output_data_mean == pytest.approx(stored.mean())
    assert writer.statistics.output_data_std_dev == pytest.approx(stored.real.std() + 1j * stored.imag.std())


def test_an_interrupted_measurement_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(MeasurementError, match="50 lines were never written, the first is 20"),
        open_measurement(tmp_path / "slc.tiff", INFO, SLC_PIXEL) as writer,
    ):
        writer.write(0, complex_pixels((20, 33)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "block", "told"),
    [
        (0, np.zeros((2, 34), np.complex64), "does not fit an image of 70 lines and 33 samples"),
        (69, np.zeros((2, 33), np.complex64), "does not fit"),
        (-1, np.zeros((2, 33), np.complex64), "does not fit"),
        (0, np.zeros((2, 33), np.float32), "an SLC takes complex ones"),
        (0, np.full((2, 33), np.nan, np.complex64), "not finite"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(tmp_path: Path, first: int, block: np.ndarray, told: str) -> None:
    with (
        pytest.raises(MeasurementError, match=told),
        open_measurement(tmp_path / "slc.tiff", INFO, SLC_PIXEL) as writer,
    ):
        writer.write(first, block)


def test_files_beyond_four_gigabytes_are_refused() -> None:
    with pytest.raises(MeasurementError, match="do not fit a TIFF of 4 GiB"):
        tiff_header(evolve(INFO, lines=60_000, samples=20_000), SLC_PIXEL)


@given(lines=st.integers(1, 40), samples=st.integers(1, 40), description=st.text("Sentinel-1 ", max_size=9))
def test_headers_of_any_size_point_at_their_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: int, samples: int, description: str
) -> None:
    info = evolve(INFO, lines=lines, samples=samples, description=description)
    pixels = np.arange(lines * samples).reshape(lines, samples)
    path = tmp_path_factory.mktemp("tiff") / "grd.tiff"
    with open_measurement(path, info, GRD_PIXEL) as writer:
        writer.write(0, pixels)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.pages[0].dataoffsets == tuple(writer.line_offset(line) for line in range(lines))
        np.testing.assert_array_equal(tiff.pages[0].asarray().reshape(lines, samples), pixels)
