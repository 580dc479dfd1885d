"""The backscatter of a scene on the raw grid: coast, texture, sea, and dark patches around point targets."""

import numba
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.sar.earth import geodetic_to_ecef
from s1pdgs.sar.orbit import Array
from s1pdgs.simulator.datatake import DataTake, RangeGeometry

_COARSE = 48
_OCTAVES = ((1, 0.5), (4, 0.75), (12, 0.45))
_REACH_DEG, _WIDE_REACH_DEG = 0.45, 1.0
_SEA_REFERENCE_DEG = 30.0


def power(decibels: float | Array) -> Array:
    """A power ratio of decibels."""
    return np.asarray(10.0 ** (np.asarray(decibels, dtype=np.float64) / 10.0))


def land_crossings(take: DataTake, first_line: int, lines: int) -> "Crossings":
    """Where the coast crosses lines `first_line` ... : along a line, land and sea change at each crossing."""
    return _cross(*_coast(take, _REACH_DEG), first_line, lines)


def land_mask(take: DataTake, first: tuple[int, int], shape: tuple[int, int], step: int) -> NDArray[np.bool_]:
    """Land at every `step`-th line and sample from `first` (line, sample) on: bool of `shape`."""
    start, stop = ((corner - np.array(first)) / step for corner in _coast(take, _WIDE_REACH_DEG))
    return _cross(start, stop, 0, shape[0]).mask(shape[1])


def _coast(take: DataTake, reach_deg: float) -> tuple[Array, Array]:
    """Lines and samples (n, 2) at which the straight parts of the coast begin and end."""
    starts, stops = [np.empty((0, 2))], [np.empty((0, 2))]
    for ring in take.place.rings_around(reach_deg):
        corner = np.stack(take.pixel(geodetic_to_ecef(ring[:, 1], ring[:, 0])), axis=-1)
        starts.append(corner)
        stops.append(np.roll(corner, -1, axis=0))
    return np.concatenate(starts), np.concatenate(stops)


def backscatter(take: DataTake, geometry: RangeGeometry, polarisation: str) -> tuple[Array, Array]:
    """Mean sigma nought of land and of sea along range."""
    scene = take.scenario.scene
    lower = 0.0 if polarisation in ("VV", "HH") else scene.cross_polarisation_db
    sea = scene.sea_db + scene.sea_slope_db_per_deg * (np.degrees(geometry.incidence_rad) - _SEA_REFERENCE_DEG)
    return np.broadcast_to(power(scene.land_db + lower), sea.shape).copy(), power(sea + lower)


def texture(shape: tuple[int, int], spread_db: float, seed: np.random.SeedSequence) -> NDArray[np.float32]:
    """Smooth amplitude factors on a grid of every 48th line and sample, mean power 1; shape covers `shape`."""
    rng = np.random.default_rng(seed)
    rows, columns = (-(-size // _COARSE) + 2 for size in shape)
    field = np.zeros((rows, columns))
    for cells, weight in _OCTAVES:
        noise = rng.standard_normal((rows // cells + 3, columns // cells + 3))
        field += weight * _enlarge(noise, cells)[:rows, :columns]
    field *= spread_db / max(float(field.std()), 1e-12)
    amplitude = 10.0 ** (field / 20.0)
    return np.asarray(amplitude / np.sqrt(np.mean(amplitude**2)), dtype=np.float32)


def patches(take: DataTake, geometry: RangeGeometry, pixels: Array) -> Array:
    """Ellipses (n, 4) around `pixels` (n, 2): line, sample and half axes of the dark patches in lines and samples.

    `geometry` is that of samples 0, 1, 2 ... of the window.
    """
    radius = take.scenario.scene.dark_radius_m
    column = np.clip(pixels[:, 1].astype(np.int64), 0, geometry.slant_range_m.size - 1)
    lines = radius / (geometry.ground_m_s[column] * take.scenario.radar.pri_s)
    samples = radius * np.sin(geometry.incidence_rad[column]) / take.spacing_m
    return np.column_stack([pixels, lines, samples])


def _enlarge(field: Array, factor: int) -> Array:
    """Cubic-smooth interpolation between the points of a coarse field."""
    for axis in (0, 1):
        count = (field.shape[axis] - 1) * factor
        place = np.arange(count) / factor
        low = place.astype(np.int64)
        share = place - low
        share = share * share * (3.0 - 2.0 * share)
        share = share.reshape((-1, 1) if axis == 0 else (1, -1))
        field = np.take(field, low, axis) * (1.0 - share) + np.take(field, low + 1, axis) * share
    return field


def _cross(start: Array, stop: Array, first_line: int, lines: int) -> "Crossings":
    low = np.ceil(np.minimum(start[:, 0], stop[:, 0]) - first_line).clip(0, lines).astype(np.int64)
    high = np.ceil(np.maximum(start[:, 0], stop[:, 0]) - first_line).clip(0, lines).astype(np.int64)
    count = high - low
    edge = np.repeat(np.arange(count.size), count)
    line = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + low[edge]
    share = (line + first_line - start[edge, 0]) / (stop[edge, 0] - start[edge, 0])
    sample = start[edge, 1] + share * (stop[edge, 1] - start[edge, 1])
    order = np.lexsort((sample, line))
    bounds = np.searchsorted(line[order], np.arange(lines + 1))
    return Crossings(sample[order], bounds)


@frozen(eq=False)
class Crossings:
    """Samples at which land begins or ends, ascending; those of the k-th line are `sample[bounds[k]:bounds[k + 1]]`."""

    sample: Array
    bounds: NDArray[np.int64]

    def mask(self, samples: int) -> NDArray[np.bool_]:
        """Land as an image (lines, samples)."""
        image = np.zeros((self.bounds.size - 1, samples), dtype=np.bool_)
        for row, (begin, end) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            turns = np.zeros(samples + 1, dtype=np.int64)
            np.add.at(turns, np.clip(np.ceil(self.sample[begin:end]), 0, samples).astype(np.int64), 1)
            image[row] = np.cumsum(turns)[:samples] % 2 == 1
        return image


@numba.njit(cache=True, nogil=True)
def shape_reflectivity(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    out, row0, first_line, first_sample, crossings, bounds, land, sea, land_texture, sea_texture, dark, dark_factor
):
    """Scale rows of white noise `out` complex64 (m, n), rows `row0` ... of the scene, by amplitudes in place.

    `land`, `sea` float32 (n,) are amplitudes along range, the textures factors on the coarse grid.
    """
    samples = out.shape[1]
    column_of = np.empty(samples, np.int64)
    column_share = np.empty(samples, np.float32)
    for column in range(samples):
        column_of[column] = column // _COARSE
        column_share[column] = np.float32((column % _COARSE) / _COARSE)
    amplitude = np.empty(samples, np.float32)
    for row in range(out.shape[0]):
        line = row0 + row
        coarse = line // _COARSE
        weight = np.float32((line % _COARSE) / _COARSE)
        turn = bounds[line]
        on_land = False
        for column in range(samples):
            while turn < bounds[line + 1] and crossings[turn] <= column + first_sample:
                on_land = not on_land
                turn += 1
            grid = land_texture if on_land else sea_texture
            base = land[column] if on_land else sea[column]
            k = column_of[column]
            s = column_share[column]
            upper = grid[coarse, k] + (grid[coarse, k + 1] - grid[coarse, k]) * s
            lower = grid[coarse + 1, k] + (grid[coarse + 1, k + 1] - grid[coarse + 1, k]) * s
            amplitude[column] = base * (upper + (lower - upper) * weight)
        for patch in range(dark.shape[0]):
            above = (line + first_line - dark[patch, 0]) / dark[patch, 2]
            if abs(above) < 1.0:
                half = np.sqrt(1.0 - above * above) * dark[patch, 3]
                begin = max(0, int(dark[patch, 1] - half) - first_sample)
                end = min(samples, int(dark[patch, 1] + half) - first_sample)
                for column in range(begin, end):
                    amplitude[column] = sea[column] * dark_factor
        for column in range(samples):
            out[row, column] *= amplitude[column]
