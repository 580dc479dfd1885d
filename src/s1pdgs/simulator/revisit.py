"""Another pass over the same ground: its orbit lies a known baseline away, and the ground has sunk in a bowl since.

The scatterers are those of the earlier pass. Band-limited in range and azimuth they are moved to where the later pass
sees them and take the phase of the longer or shorter way, so that decorrelation by the baseline comes by itself.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from attrs import field, frozen, validators
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from s1pdgs.sar.earth import ellipsoid_normal
from s1pdgs.sar.orbit import Array, Orbit, ground_point, zero_doppler_time
from s1pdgs.simulator.orbit import Trajectory

_LONGEST_M = 1000.0
_ROUNDS = 4
_KNOT_ROWS, _KNOT_M = 24, 400.0
_TAPS_ACROSS, _TAPS_ALONG, _FRACTIONS = 64, 32, 512
_KAISER = 6.0
_ROWS, _COLUMNS, _THREADS = 128, 64, 2


@frozen(kw_only=True)
class Revisit:
    """How a later pass differs from the one without it.

    The orbit lies `across_m` to the right and `above_m` further out; the ground has sunk by `sinking_m` in the middle
    of the data take and by a share exp(-(distance / `radius_m`)^2) of it around.
    """

    across_m: float = field(default=0.0, validator=[validators.ge(-_LONGEST_M), validators.le(_LONGEST_M)])
    above_m: float = field(default=0.0, validator=[validators.ge(-_LONGEST_M), validators.le(_LONGEST_M)])
    sinking_m: float = field(default=0.0, validator=[validators.ge(-1.0), validators.le(1.0)])
    radius_m: float = field(default=4000.0, validator=[validators.ge(1000.0), validators.le(100e3)])

    def flown(self, trajectory: Trajectory) -> Trajectory:
        """The way of the later pass."""
        return trajectory.beside(self.across_m, self.above_m)


@frozen(eq=False)
class Ground:
    """Ground that an `earlier` orbit sees as it was and a `later` one as it is; both count seconds from one epoch.

    `centre_m` is the middle of the bowl, Earth-fixed.
    """

    revisit: Revisit
    earlier: Orbit
    later: Orbit
    centre_m: Array

    def sunk(self, point_m: Array) -> Array:
        """Points (..., 3) of the earlier ground as they lie now."""
        distance = np.linalg.norm(point_m - self.centre_m, axis=-1, keepdims=True)
        depth = self.revisit.sinking_m * np.exp(-((distance / self.revisit.radius_m) ** 2))
        return np.asarray(point_m - depth * ellipsoid_normal(point_m))

    def later_seen(self, time_s: Array, slant_m: Array) -> tuple[Array, Array]:
        """Zero-Doppler times and slant ranges in the later pass of what the earlier one has at such."""
        time, slant = np.broadcast_arrays(time_s, slant_m)
        return zero_doppler_time(self.later, self.sunk(ground_point(self.earlier, time, slant)), float(np.mean(time)))

    def earlier_seen(self, time_s: Array, slant_m: Array) -> tuple[Array, Array]:
        """The reverse."""
        time, slant = np.broadcast_arrays(time_s, slant_m)
        for _ in range(_ROUNDS):
            seen = self.later_seen(time, slant)
            time, slant = time + (time_s - seen[0]), slant + (slant_m - seen[1])
        return time, slant


@frozen(eq=False)
class Warp:
    """Where the cells of a later grid lie on an earlier one, by splines over fractions of its rows and columns.

    `row` and `column` give cells of the earlier grid, `turn` the phase in cycles that an amplitude gains.
    """

    row: RectBivariateSpline
    column: RectBivariateSpline
    turn: RectBivariateSpline


def knots(cells: int, samples: int, spacing_m: float) -> tuple[Array, Array]:
    """Rows and columns of a grid of scatterers, close enough to draw a bowl and its phase through them."""
    across = max(math.ceil(samples * spacing_m / _KNOT_M) + 1, 8)
    along = max(math.ceil(cells / _KNOT_ROWS) + 1, 8)
    return np.linspace(0.0, cells - 1.0, along), np.linspace(0.0, samples - 1.0, across)


def move(earlier: NDArray[np.complex64], warp: Warp, shape: tuple[int, int]) -> NDArray[np.complex64]:
    """White scatterers of an earlier grid on a later one of `shape`, with the phase of their new ways."""
    moved = np.empty((shape[0], earlier.shape[1]), np.complex64)
    rows, tables = np.arange(shape[0]), (_kernel(_TAPS_ALONG), _kernel(_TAPS_ACROSS))

    def along(start: int) -> None:
        part = slice(start, min(start + _COLUMNS, earlier.shape[1]))
        at = np.minimum(np.arange(part.start, part.stop), shape[1] - 1)
        lines = np.ascontiguousarray(earlier[:, part].T)
        moved[:, part] = _interpolate(lines, np.ascontiguousarray(warp.row(rows, at).T), tables[0]).T

    result = np.empty(shape, np.complex64)
    columns = np.arange(shape[1])

    def across(start: int) -> None:
        part = slice(start, min(start + _ROWS, shape[0]))
        found = _interpolate(moved[part], warp.column(rows[part], columns), tables[1])
        cycles = warp.turn(rows[part], columns)
        result[part] = found * np.exp(2j * np.pi * (cycles - np.rint(cycles))).astype(np.complex64)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(along, range(0, earlier.shape[1], _COLUMNS)))
        list(pool.map(across, range(0, shape[0], _ROWS)))
    return result


def _kernel(taps: int) -> NDArray[np.float32]:
    """Windowed sinc by fractions of a cell: (fractions + 1, taps)."""
    offset = np.arange(taps) - (taps // 2 - 1) - np.linspace(0.0, 1.0, _FRACTIONS + 1)[:, None]
    window = np.i0(_KAISER * np.sqrt(np.maximum(1.0 - (2.0 * offset / taps) ** 2, 0.0))) / np.i0(_KAISER)
    return np.asarray(np.sinc(offset) * window, np.float32)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _interpolate(lines, position, table):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Values complex64 (n, m) of lines (n, k) at fractional positions (n, m); nothing lies beyond their ends."""
    taps, fractions = table.shape[1], table.shape[0] - 1
    found = np.empty(position.shape, np.complex64)
    for line in range(position.shape[0]):
        for at in range(position.shape[1]):
            whole = math.floor(position[line, at])
            entry = round((position[line, at] - whole) * fractions)
            first = int(whole) - (taps // 2 - 1)
            total = np.complex64(0.0)
            for tap in range(max(-first, 0), min(taps, lines.shape[1] - first)):
                total += table[entry, tap] * lines[line, first + tap]
            found[line, at] = total
    return found
