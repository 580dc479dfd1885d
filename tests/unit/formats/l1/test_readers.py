"""Readers that do not know us open the product: xarray-sentinel, GDAL and the SAR Calibration Toolbox."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from sct_sentinel1_reader.protocol_implementation import Sentinel1ProductManager
from xarray_sentinel import calibrate_intensity

MakePixels = Callable[[str, str], np.ndarray]
LUT = 64.0
METADATA_GROUPS = {
    "orbit": {"azimuth_time": 15, "axis": 3},
    "attitude": {"azimuth_time": 3},
    "azimuth_fm_rate": {"azimuth_time": 2, "degree": 3},
    "dc_estimate": {"azimuth_time": 2, "degree": 3},
    "gcp": {"azimuth_time": 4, "slant_range_time": 9},
    "calibration": {"line": 3, "pixel": 21},
    "noise_range": {"line": 2, "pixel": 21},
    "noise_azimuth": {"line": 61},
}


def open_group(product: Path, group: str) -> xr.Dataset:
    return xr.open_dataset(product, group=group, engine="sentinel-1", chunks=None)


@pytest.mark.parametrize("polarisation", ["VV", "VH"])
@pytest.mark.parametrize("group", METADATA_GROUPS)
def test_xarray_sentinel_opens_every_group(slc_product: Path, grd_product: Path, group: str, polarisation: str) -> None:
    for product in (slc_product, grd_product):
        with open_group(product, f"S3/{polarisation}/{group}") as dataset:
            assert dict(dataset.sizes) == METADATA_GROUPS[group]


def test_xarray_sentinel_opens_the_ground_range_polynomials(grd_product: Path) -> None:
    with open_group(grd_product, "S3/VV/coordinate_conversion") as dataset:
        assert dict(dataset.sizes) == {"azimuth_time": 2, "degree": 3}


@pytest.mark.parametrize("polarisation", ["VV", "VH"])
def test_xarray_sentinel_reads_and_calibrates_the_pixels(
    slc_product: Path, make_pixels: MakePixels, polarisation: str
) -> None:
    written = make_pixels(polarisation, "SLC")
    with (
        open_group(slc_product, f"S3/{polarisation}") as image,
        open_group(slc_product, f"S3/{polarisation}/calibration") as tables,
    ):
        assert dict(image.sizes) == {"slant_range_time": 800, "azimuth_time": 600}
        np.testing.assert_array_equal(image.measurement.values, written)
        sigma = calibrate_intensity(image.measurement, tables.sigmaNought)
        np.testing.assert_allclose(sigma.values, np.abs(written) ** 2 / (1.5 * LUT) ** 2, rtol=1e-5)


def test_xarray_sentinel_reads_the_detected_image(grd_product: Path, make_pixels: MakePixels) -> None:
    with open_group(grd_product, "S3/VH") as image:
        assert dict(image.sizes) == {"ground_range": 800, "azimuth_time": 600}
        np.testing.assert_array_equal(image.measurement.values, make_pixels("VH", "GRD"))


def test_gdal_lists_the_calibrated_subdatasets_and_reads_slc_pixels(slc_product: Path, make_pixels: MakePixels) -> None:
    """GDAL lists calibrated sets and opens them, but its SAFE driver hands out plain intensities there: its tests for
    calibrated SLC bands stand behind the one for intensity (safedataset.cpp, 3.10), so values are checked above.
    """
    manifest = slc_product / "manifest.safe"
    with rasterio.open(manifest) as dataset:
        names = set(dataset.subdatasets)
        assert dataset.shape == (600, 800)
        assert dataset.tags()["ORBIT_DIRECTION"] == "ASCENDING"
        assert dataset.tags()["BEAM_SWATH"] == "S3"
    for polarisation in ("VV", "VH"):
        for kind in ("SIGMA0", "BETA0", "GAMMA", "UNCALIB"):
            assert f"SENTINEL1_CALIB:{kind}:{manifest}:S3_{polarisation}:INTENSITY" in names
        with rasterio.open(f"SENTINEL1_CALIB:UNCALIB:{manifest}:S3_{polarisation}:COMPLEX") as dataset:
            np.testing.assert_array_equal(dataset.read(1), make_pixels(polarisation, "SLC"))
            gcps, crs = dataset.gcps
            assert len(gcps) == 36
            assert crs.to_epsg() == 4326
        with rasterio.open(f"SENTINEL1_CALIB:SIGMA0:{manifest}:S3_{polarisation}:INTENSITY") as dataset:
            assert dataset.read(1).shape == (600, 800)


def test_gdal_reads_grd_pixels(grd_product: Path, make_pixels: MakePixels) -> None:
    with rasterio.open(f"SENTINEL1_CALIB:UNCALIB:{grd_product / 'manifest.safe'}:S3_VV:AMPLITUDE") as dataset:
        np.testing.assert_array_equal(dataset.read(1), make_pixels("VV", "GRD"))
        assert len(dataset.gcps[0]) == 36


@pytest.mark.parametrize("kind", ["SLC", "GRD"])
def test_the_calibration_toolbox_reads_calibrated_blocks(
    slc_product: Path, grd_product: Path, make_pixels: MakePixels, kind: str
) -> None:
    manager = Sentinel1ProductManager({"SLC": slc_product, "GRD": grd_product}[kind])
    name = f"s1a-s3-{kind.lower()}-vv"
    assert sorted(manager.channels_list) == [f"s1a-s3-{kind.lower()}-vh", name]
    channel = manager.get_channel_data(name)
    block = channel.read_data(azimuth_index=300, range_index=400, cropping_size=(64, 32))
    written = make_pixels("VV", kind)[284:316, 368:432]
    np.testing.assert_allclose(block, written.T / LUT, rtol=1e-6, err_msg="beta nought amplitudes, samples first")
