"""Elevation models as GDAL writes them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.elevation import Elevation, read_elevation
from s1pdgs.formats.xml import FormatError

STEP = 0.01


def write(path: Path, heights: np.ndarray, west: float, north: float, **more: object) -> Path:
    profile = {"crs": "EPSG:4326", "transform": Affine(STEP, 0.0, west, 0.0, -STEP, north)} | more
    rows, columns = heights.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=columns, count=1, dtype=heights.dtype, **profile
    ) as image:
        image.write(heights, 1)
    return path


@pytest.mark.parametrize("options", [{}, {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_heights_are_those_of_the_places_that_gdal_gives_them(tmp_path: Path, options: dict[str, object]) -> None:
    heights = np.random.default_rng(1).uniform(0, 3000, (40, 50)).astype(np.float32)
    path = write(tmp_path / "dem.tif", heights, 11.0, 46.0, **options)
    found = read_elevation(path)
    with rasterio.open(path) as image:
        longitude, latitude = image.xy([3, 17, 39], [0, 25, 49])
    assert found.at(np.array(latitude), np.array(longitude)) == pytest.approx(heights[[3, 17, 39], [0, 25, 49]])


@pytest.mark.parametrize("kind", ["Area", "Point"])
def test_values_may_be_of_areas_or_of_points(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "dem.tif", np.zeros((4, 4), np.int16), 11.0, 46.0)
    with rasterio.open(path, "r+") as image:
        image.update_tags(AREA_OR_POINT=kind)
    found = read_elevation(path)
    with rasterio.open(path) as image:
        middle = image.xy(0, 0)  # GDAL always tells the middle of a pixel
    assert (found.west_deg, found.north_deg) == pytest.approx(middle)


@given(row=st.floats(0, 9), column=st.floats(0, 9))
def test_between_points_heights_are_bilinear(row: float, column: float) -> None:
    rows, columns = np.mgrid[0:10, 0:10]
    plane = Elevation((3.0 * rows - 2.0 * columns).astype(np.float32), 11.0, 46.0, (STEP, STEP))
    found = plane.at(np.array(46.0 - STEP * row), np.array(11.0 + STEP * column))
    assert float(found) == pytest.approx(3.0 * row - 2.0 * column, abs=1e-6)


def test_the_dateline_is_no_edge() -> None:
    heights = np.arange(12, dtype=np.float32).reshape(3, 4)
    model = Elevation(heights, 179.0, 10.0, (0.5, 0.5))
    assert model.at(np.array([10.0, 10.0]), np.array([-179.5, 180.5])).tolist() == [3.0, 3.0]


def test_what_is_not_known_is_no_number(tmp_path: Path) -> None:
    heights = np.full((4, 4), 7, np.int16)
    heights[2, 2] = -32768
    model = read_elevation(write(tmp_path / "dem.tif", heights, 11.0, 46.0, nodata=-32768))
    latitude, longitude = 46.0 - STEP * np.array([0.5, 2.5, 40.0]), 11.0 + STEP * np.array([0.5, 2.5, 0.5])
    assert model.at(latitude, longitude).tolist() == pytest.approx([7.0, np.nan, np.nan], nan_ok=True)


def test_what_is_no_model_in_longitude_and_latitude_is_refused(tmp_path: Path) -> None:
    heights = np.zeros((4, 4), np.float32)
    projected = write(tmp_path / "utm.tif", heights, 11.0, 46.0, crs="EPSG:32632")
    with pytest.raises(FormatError, match="gdalwarp"):
        read_elevation(projected)
    with rasterio.open(
        tmp_path / "two.tif", "w", driver="GTiff", height=4, width=4, count=2, dtype="uint8", crs="EPSG:4326",
        transform=Affine(STEP, 0.0, 11.0, 0.0, -STEP, 46.0), interleave="pixel",
    ) as image:  # fmt: skip
        image.write(np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(FormatError, match="one band"):
        read_elevation(tmp_path / "two.tif")
    data = write(tmp_path / "dem.tif", heights, 11.0, 46.0).read_bytes()
    for size in (0, 3, 60, len(data) // 2):
        (tmp_path / "cut.tif").write_bytes(data[:size])
        with pytest.raises(FormatError, match=r"cut\.tif"):
            read_elevation(tmp_path / "cut.tif")


def test_the_commands_of_the_how_to_turn_heights_above_the_geoid(tmp_path: Path) -> None:
    """Tiles of Copernicus DEM, which has none over the sea, and a coarse grid of the geoid."""
    write(tmp_path / "Copernicus_DSM_COG_10_N45_00_E012_00_DEM.tif", np.full((100, 100), 100, np.float32), 12.0, 46.0)
    write(tmp_path / "Copernicus_DSM_COG_10_N44_00_E013_00_DEM.tif", np.full((100, 100), 300, np.float32), 13.0, 45.0)
    undulation = np.full((40, 60), 43.5, np.float32)
    write(tmp_path / "us_nga_egm08_25.tif", undulation, 5.0, 55.0, transform=Affine(0.5, 0.0, 5.0, 0.0, -0.5, 55.0))
    page = Path(__file__).resolve().parents[3] / "docs" / "howto-level1.md"
    commands = re.findall(r"^rio .*$", page.read_text(), re.MULTILINE)
    assert len(commands) == 3
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = "\n".join(["set -e", *commands])
    subprocess.run(["sh", "-c", told], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)
    found = read_elevation(tmp_path / "heights.tif")
    places = np.array([45.5, 44.5, 44.5]), np.array([12.5, 13.5, 12.5])
    assert found.at(*places) == pytest.approx([143.5, 343.5, np.nan], nan_ok=True)
