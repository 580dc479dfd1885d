"""Readers that do not know us, each asked for all images of a product: GDAL, xarray-sentinel, SCT, sarsen and XSDs."""

import warnings
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
import xarray_sentinel
from lxml import etree
from numpy.typing import NDArray
from rasterio.transform import from_origin
from sarsen import Sentinel1SarProduct, terrain_correction
from sct_sentinel1_reader.protocol_implementation import Sentinel1ProductManager

_PLACES = {"product": "annotation", "rfi": "annotation/rfi"}
_POSTS, _POST_DEG = 12, 2e-3


def schemas_hold(product: Path) -> int:
    """How many annotations there are; all follow the schemas that the product brings."""
    count = 0
    for kind in ("product", "calibration", "noise", "rfi"):
        schema = etree.XMLSchema(etree.parse(product / "support" / f"s1-level-1-{kind}.xsd"))
        folder = product / _PLACES.get(kind, "annotation/calibration")
        for path in folder.glob("s1*.xml" if kind == "product" else f"{kind}-*.xml"):
            schema.assertValid(etree.parse(path))
            count += 1
    return count


def gdal_reads(product: Path) -> set[str]:
    """The swaths and polarisations of GDAL's subdatasets, whose pixels are those of the measurements."""
    with rasterio.open(product / "manifest.safe") as safe:
        names = [name for name in safe.subdatasets if ":UNCALIB:" in name and not name.endswith(":INTENSITY")]
    written = {}
    for path in (product / "measurement").iterdir():
        with rasterio.open(path) as image:
            written[path.stem] = image.read(1)
    for name in names:
        with rasterio.open(name) as image:
            pixels = image.read(1)
        assert any(np.array_equal(pixels, each) for each in written.values()), name
    assert len(names) == len(written)
    return {name.split(":")[-2] for name in names}


def xarray_sentinel_reads(product: Path) -> set[str]:
    """The groups of images and tables, every one of them opened."""
    root = xr.open_dataset(product, engine="sentinel-1")
    groups = set(root.attrs["subgroups"])
    for group in groups:
        with xr.open_dataset(product, group=group, engine="sentinel-1", chunks=None) as found:
            if group.count("/") == 1:
                assert np.any(found.measurement.values != 0), group
    return groups


def toolbox_reads(product: Path) -> set[str]:
    """The channels of the SAR Calibration Toolbox, each with a block in its middle."""
    manager = Sentinel1ProductManager(product)
    for name in manager.channels_list:
        channel = manager.get_channel_data(name)
        block = channel.read_data(azimuth_index=32, range_index=32, cropping_size=(16, 16))
        assert block.shape == (16, 16)
    return set(manager.channels_list)


class BurstProduct(Sentinel1SarProduct):
    """A product whose bursts are one image in EW too: sarsen puts those of IW together only, and leaves the rows of
    EW without times. What puts them together is xarray-sentinel, for which both are alike.
    """

    @property
    def measurement(self) -> xr.Dataset:
        found = super().measurement
        if "azimuth_time" not in found.dims and found.attrs["mode"] == "EW":
            return xarray_sentinel.mosaic_slc_iw(found)
        return found


def sarsen_geocodes(product: Path, group: str, folder: Path) -> None:
    """On a DEM of sea level that has a post where the annotation puts a point: the pixel that sarsen takes for this
    post is that of the point, or one beside it.
    """
    image = BurstProduct(str(product), group, measurement_chunks=None)
    measured = image.measurement.measurement
    gcp = image.gcp
    line, column = gcp.sizes["azimuth_time"] // 2, gcp.sizes["slant_range_time"] // 2
    point = gcp.isel(azimuth_time=line, slant_range_time=column)
    place = float(point.longitude), float(point.latitude)
    dem = folder / "dem.tif"
    half = _POSTS / 2 * _POST_DEG
    corner = from_origin(place[0] - half + _POST_DEG / 2, place[1] + half - _POST_DEG / 2, _POST_DEG, _POST_DEG)
    form = {"driver": "GTiff", "width": _POSTS, "height": _POSTS, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(dem, "w", **form, transform=corner) as raster:
        raster.write(np.full((_POSTS, _POSTS), float(point.height), np.float32), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of rioxarray, about affine transforms
        found = terrain_correction(image, str(dem), str(folder / "geocoded.tif"), chunks=None)
    seen = float(found.sel(x=place[0], y=place[1], method="nearest"))
    power = image.beta_nought()
    assert np.any(np.isclose(neighbours(power.values, *_pixel(measured, point)), seen, rtol=1e-4)), (seen, place)
    assert np.count_nonzero(found.values > 0.0) > 2


def _pixel(measured: xr.DataArray, point: xr.Dataset) -> tuple[int, int]:
    """Line and sample of a point of the geolocation grid in what sarsen reads."""
    line = int(np.argmin(np.abs(measured.azimuth_time.values - point.azimuth_time.values)))
    if "slant_range_time" in measured.coords:
        return line, int(np.argmin(np.abs(measured.slant_range_time.values - float(point.slant_range_time))))
    return line, int(point.pixel)


def neighbours(values: NDArray[np.float32], line: int, sample: int) -> NDArray[np.float32]:
    """The pixel and those around it."""
    return values[max(line - 1, 0) : line + 2, max(sample - 1, 0) : sample + 2]
