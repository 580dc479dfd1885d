"""Elevation models: a GeoTIFF of heights on a grid of longitudes and latitudes, as Copernicus DEM and SRTM come.

GeoTIFF 1.1 (OGC 19-008r4): ModelPixelScale and ModelTiepoint place the grid, GTModelType 2 says that it is geographic,
GTRasterType whether values are of points or of areas.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.xml import FormatError

Array = NDArray[np.float64]

_MOST_BYTES = 4_000_000_000
_GEOGRAPHIC, _POINTS = 2, 2
_DAMAGE = (tifffile.TiffFileError, ValueError, LookupError, TypeError, struct.error, zlib.error)
"""What tifffile raises of files that are cut or wrong."""


@frozen(eq=False)
class Elevation:
    """Heights in metres (rows, columns), rows going south and columns east by `step_deg` (longitude, latitude) from the
    point at `west_deg`, `north_deg`; not a number where nothing is known.
    """

    heights: NDArray[np.float32]
    west_deg: float
    north_deg: float
    step_deg: tuple[float, float]

    def at(self, latitude_deg: Array, longitude_deg: Array) -> Array:
        """Heights at places of any shape, bilinear between the points; not a number where the grid knows none."""
        rows, columns = self.heights.shape
        east = np.mod(longitude_deg - self.west_deg, 360.0) / self.step_deg[0]
        x = np.where(east > 360.0 / self.step_deg[0] - 0.5, east - 360.0 / self.step_deg[0], east)
        y = (self.north_deg - latitude_deg) / self.step_deg[1]
        inside = (x >= -0.5) & (x <= columns - 0.5) & (y >= -0.5) & (y <= rows - 0.5)
        x, y = np.clip(x, 0.0, columns - 1.0), np.clip(y, 0.0, rows - 1.0)
        left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        right, below = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        across, down = x - left, y - top
        upper = (1.0 - across) * self.heights[top, left] + across * self.heights[top, right]
        lower = (1.0 - across) * self.heights[below, left] + across * self.heights[below, right]
        return np.where(inside, (1.0 - down) * upper + down * lower, np.nan)


def read_elevation(path: Path) -> Elevation:
    """Read an elevation model. Raises `FormatError` for what is no GeoTIFF of one band in longitude and latitude."""
    try:
        with tifffile.TiffFile(path) as tiff:
            return _placed(path, tiff.pages.first)
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"{path}: no GeoTIFF that can be read: {error}") from None


def _placed(path: Path, page: tifffile.TiffPage) -> Elevation:
    if len(page.shape) != 2 or page.dtype is None or page.dtype.kind not in "iuf":
        raise FormatError(f"{path}: an elevation model has one band of numbers, this has {page.shape}")
    if page.size * page.dtype.itemsize > _MOST_BYTES:
        raise FormatError(f"{path}: {page.shape} heights are too many; cut the part out that is needed")
    tags = page.geotiff_tags or {}
    scale, tie = tags.get("ModelPixelScale"), tags.get("ModelTiepoint")
    if int(tags.get("GTModelTypeGeoKey", 0)) != _GEOGRAPHIC or scale is None or tie is None:
        raise FormatError(
            f"{path}: an elevation model is given in longitude and latitude (EPSG:4326, EPSG:4979); "
            "bring it there with gdalwarp -t_srs EPSG:4326"
        )
    heights = np.asarray(page.asarray(), np.float32)
    missing = page.nodata if "GDAL_NODATA" in page.tags else None
    if missing is not None and not np.isnan(missing):
        heights = np.where(heights == np.float32(missing), np.float32(np.nan), heights)
    centre = 0.0 if int(tags.get("GTRasterTypeGeoKey", 1)) == _POINTS else 0.5
    return Elevation(
        heights=heights,
        west_deg=float(tie[3] + (centre - tie[0]) * scale[0]),
        north_deg=float(tie[4] - (centre - tie[1]) * scale[1]),
        step_deg=(float(scale[0]), float(scale[1])),
    )
