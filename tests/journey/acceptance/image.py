"""Pixels of downloaded images as xarray-sentinel gives them, and what is measured in them."""

import warnings
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from attrs import frozen
from numpy.typing import NDArray
from xarray_sentinel import calibrate_intensity

from tests.journey.acceptance.annotation import GeolocationGrid, one

Floats = NDArray[np.float64]


@frozen(eq=False)
class Blocks:
    """Means over blocks (n, m) of an image: sigma nought, that of the annotated thermal noise, and where they are."""

    sigma_nought: Floats
    noise: Floats
    latitude: Floats
    longitude: Floats
    incidence_deg: Floats


def open_group(product: Path, group: str) -> xr.Dataset:
    return xr.open_dataset(product, group=group, engine="sentinel-1", chunks=None)


def sigma_nought_blocks(product: Path, polarisation: str, rows: int, step: int, columns: int) -> Blocks:
    """Mean over blocks of `rows` lines, every `step`-th of the image, times `columns` samples.

    Noise power is the range vector of the noise data set over the square of the calibration vector (its azimuth vector
    is 1 in StripMap).
    """
    group = f"S3/{polarisation}"
    image = open_group(product, group).measurement
    tables = {name: open_group(product, f"{group}/{name}") for name in ("calibration", "noise_range", "gcp")}
    count, width = image.shape[0] // (rows * step), image.shape[1] // columns
    part = image[: count * rows * step : step, : width * columns]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sigma = calibrate_intensity(part, tables["calibration"].sigmaNought).values.astype(np.float64)
    assert np.isfinite(sigma).all()
    line = (np.arange(count) + 0.5) * rows * step
    pixel = (np.arange(width) + 0.5) * columns
    grid = GeolocationGrid.read(one(product, f"annotation/*-{polarisation.lower()}-*.xml"))
    latitude, longitude = grid.position(line, pixel)
    noise, scale = (
        tables[group][name].interp(line=line, pixel=pixel, kwargs={"fill_value": "extrapolate"}).values
        for group, name in (("noise_range", "noiseRangeLut"), ("calibration", "sigmaNought"))
    )
    incidence = np.interp(pixel, tables["gcp"].pixel.values, tables["gcp"].incidenceAngle.values[0])
    return Blocks(
        sigma.reshape(count, rows, width, columns).mean(axis=(1, 3)),
        noise / scale**2,
        latitude,
        longitude,
        np.broadcast_to(incidence, latitude.shape),
    )


def read_power(product: Path, polarisation: str) -> Floats:
    """Squared digital numbers of a detected image."""
    with rasterio.open(one(product, f"measurement/*-{polarisation.lower()}-*.tiff")) as image:
        return np.asarray(image.read(1), np.float64) ** 2


def centroid(power: Floats, line: float, pixel: float, reach: int = 6) -> tuple[float, float]:
    """Line and pixel of the centre of the brightest spot near a place, above its surroundings."""
    top, left = round(line) - reach, round(pixel) - reach
    window = power[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    row, column = np.unravel_index(int(window.argmax()), window.shape)
    assert 2 <= row <= 2 * reach - 2, "the brightest pixel is not near the place"
    assert 2 <= column <= 2 * reach - 2, "the brightest pixel is not near the place"
    spot = np.clip(window[row - 2 : row + 3, column - 2 : column + 3] - np.median(window), 0.0, None)
    down, right = np.mgrid[-2:3, -2:3]
    return float(top + row + (spot * down).sum() / spot.sum()), float(left + column + (spot * right).sum() / spot.sum())


def looks_of_blocks(power: Floats, size: int) -> tuple[Floats, Floats, Floats]:
    """Equivalent number of looks (mean^2 / variance) of square blocks (n, m), and their lines (n,) and pixels (m,)."""
    count, width = power.shape[0] // size, power.shape[1] // size
    blocks = power[: count * size, : width * size].reshape(count, size, width, size).transpose(0, 2, 1, 3)
    flat = blocks.reshape(count, width, size * size)
    looks = flat.mean(axis=2) ** 2 / flat.var(axis=2, ddof=1)
    return looks, (np.arange(count) + 0.5) * size, (np.arange(width) + 0.5) * size
