"""Where a TOPS burst lies on the grid that all bursts and swaths share, and how its transforms are laid out.

Symbols: t zero-Doppler time and f Doppler from the centre of the burst, k_s Doppler rate of the steering, k_a the FM
rate of a point, k_t = |k_a| k_s / (|k_a| + k_s) the rate of the focused burst (sar.md, section 3).
"""

import functools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus_plan import Pattern, RangePattern, Window
from s1pdgs.processors.l1.geometry import DopplerModel, ImageGrid, RangeModel, RawGrid, range_model
from s1pdgs.processors.l1.lengths import fast_length, transform_cost
from s1pdgs.processors.l1.scratch import cores
from s1pdgs.processors.l1.terrain import ELLIPSOID, Terrain
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit

Array = NDArray[np.float64]

IW_LINE_INTERVAL_S = 2.0555563e-3
EW_LINE_INTERVAL_S = 2.9191949e-3
_EDGE_SAMPLES = 16
_FEWEST_SAMPLES = 64
_RATE_TOLERANCE = 2e-4
_LARGEST_TERM = 200


class BurstError(ValueError):
    """The burst cannot be focused; the message tells what is missing."""


@frozen(eq=False)
class TopsParameters:
    """What focusing needs to know beyond raw lines and orbit; see `FocusParameters` for the common ones.

    `element_pattern` is the two-way amplitude of the antenna's elements over the Doppler offset in Hz of a direction
    from the boresight, `azimuth_pattern` that of the steered beam over the offset from its centre; `doppler` the
    centroid when the beam is not steered.
    """

    replica: NDArray[np.complex64]
    range_window: Window
    azimuth_window: Window
    azimuth_pattern: Pattern
    element_pattern: Pattern
    elevation_pattern: RangePattern
    doppler: DopplerModel
    raw_gain: float
    steering_rad_s: float
    terrain: Terrain = ELLIPSOID
    threads: int = field(factory=cores)


@frozen
class CommonGrid:
    """The grid of all bursts and swaths: lines every `line_interval_s` from `anchor_s`, delays k / `sampling_hz`."""

    anchor_s: float
    line_interval_s: float
    sampling_hz: float


@frozen
class Burst:
    """Raw lines of one burst; the beam is not steered for echoes half way at `steering_zero_s` (after the epoch)."""

    raw: RawGrid
    steering_zero_s: float


@frozen(eq=False)
class BurstPlan:
    """Where a burst lies on the common grid and how it is focused.

    `first_line` and `first_sample` count on the common grid; `image` is the grid of the lines and samples that are
    focused from complete apertures and pulses. `base_hz` is the centroid at mid range, `centre_line` the line about
    which time and Doppler are counted. `bins`: transform lengths M2, M3 of the unfolding and `rows` Doppler bins
    every `doppler_step_hz`; `range_bins`: lengths of the range transform and of its inverse.
    """

    burst: Burst
    parameters: TopsParameters
    orbit: Orbit
    image: ImageGrid
    first_line: int
    first_sample: int
    centre_line: int
    base_hz: float
    steering_hz_s: float
    model: RangeModel
    bins: tuple[int, int]
    rows: int
    range_bins: tuple[int, int]

    @property
    def centre_s(self) -> float:
        """Zero-Doppler time about which the burst is focused."""
        return self.image.first_line_s + (self.centre_line - self.first_line) * self.image.line_interval_s

    @property
    def doppler_step_hz(self) -> float:
        return self.steering_hz_s * self.burst.raw.pri_s * self.bins[0] / self.bins[1]

    @property
    def offsets_hz(self) -> Array:
        """Doppler of the bins from that of the burst's centre."""
        return np.asarray((np.arange(self.rows) - self.rows // 2) * self.doppler_step_hz, np.float64)

    @property
    def line_offsets_s(self) -> Array:
        """Zero-Doppler time of the lines from that of the burst's centre."""
        lines = np.arange(self.image.lines, dtype=np.float64) + (self.first_line - self.centre_line)
        return lines * self.image.line_interval_s

    @property
    def burst_rate_hz_s(self) -> Array:
        """k_t of each sample."""
        return burst_rate(self.model, self.steering_hz_s)


def burst_rate(model: RangeModel, steering_hz_s: float) -> Array:
    """k_t over the ranges of a model (samples,): how fast the Doppler grows along the focused burst."""
    rate = np.abs(model.fm_rate_hz_s)
    return np.asarray(rate * steering_hz_s / (rate + steering_hz_s))


def plan_burst(burst: Burst, orbit: Orbit, parameters: TopsParameters, grid: CommonGrid) -> BurstPlan:
    """Lay out a burst. Raises `BurstError` when pulse or aperture leave nothing of it."""
    raw = burst.raw
    speed = float(np.linalg.norm(orbit.velocity(burst.steering_zero_s)))
    steering = 2.0 * speed * parameters.steering_rad_s / WAVELENGTH_M
    first_sample, delays = _delays(burst, orbit, parameters, grid, steering)
    height = parameters.terrain.mean(burst.steering_zero_s)
    model = range_model(orbit, burst.steering_zero_s, delays * (0.5 * SPEED_OF_LIGHT_M_S), height)
    centroid = parameters.doppler(burst.steering_zero_s, delays)
    base = float(centroid[centroid.size // 2])
    early, late = _valid_times(burst, parameters, model, centroid, steering)
    first_line = math.ceil((early - grid.anchor_s) / grid.line_interval_s)
    lines = math.floor((late - grid.anchor_s) / grid.line_interval_s) - first_line + 1
    if lines < 2:
        raise BurstError(f"{raw.lines} lines of a burst are fewer than its synthetic aperture")
    middle = burst.steering_zero_s + float(np.mean(base / np.abs(model.fm_rate_hz_s)))
    centre_line = round((middle - grid.anchor_s) / grid.line_interval_s)
    image = ImageGrid(
        lines=lines,
        samples=delays.size,
        first_line_s=grid.anchor_s + first_line * grid.line_interval_s,
        line_interval_s=grid.line_interval_s,
        first_delay_s=float(delays[0]),
        sampling_hz=grid.sampling_hz,
    )
    centre_s = grid.anchor_s + centre_line * grid.line_interval_s
    model = range_model(orbit, centre_s, image.ranges_m, parameters.terrain.mean(centre_s))
    spread = float(np.max(np.abs(centroid - base)))
    half = burst_rate(model, steering).max() * max(image.last_line_s - centre_s, centre_s - image.first_line_s)
    half += 0.6 * parameters.azimuth_window.bandwidth_hz + spread
    bins, rows = _unfolding_lengths(raw, steering, float(half), spread)
    ratio = Fraction(grid.sampling_hz / raw.sampling_hz).limit_denominator(512)
    return BurstPlan(
        burst=burst,
        parameters=parameters,
        orbit=orbit,
        image=image,
        first_line=first_line,
        first_sample=first_sample,
        centre_line=centre_line,
        base_hz=base,
        steering_hz_s=steering,
        model=model,
        bins=bins,
        rows=rows,
        range_bins=resampling_lengths(raw.samples, ratio),
    )


def _delays(
    burst: Burst, orbit: Orbit, parameters: TopsParameters, grid: CommonGrid, steering_hz_s: float
) -> tuple[int, Array]:
    """The samples of the common grid whose whole pulse lies in the window however far the range migrates."""
    raw = burst.raw
    middle = raw.first_delay_s + 0.5 * raw.samples / raw.sampling_hz
    model = range_model(orbit, burst.steering_zero_s, np.array([0.999, 1.0]) * (0.5 * SPEED_OF_LIGHT_M_S * middle))
    reach = 0.5 * steering_hz_s * raw.lines * raw.pri_s + parameters.azimuth_window.bandwidth_hz
    migration_s = 0.5 * middle * (0.5 * WAVELENGTH_M * reach / float(model.effective_m_s[0])) ** 2
    begin = raw.first_delay_s + _EDGE_SAMPLES / raw.sampling_hz
    end = raw.first_delay_s + (raw.samples - parameters.replica.size - _EDGE_SAMPLES) / raw.sampling_hz - migration_s
    first, last = math.ceil(begin * grid.sampling_hz), math.floor(end * grid.sampling_hz)
    if last - first < _FEWEST_SAMPLES:
        raise BurstError(
            f"the sampling window of {raw.samples} samples leaves nothing beside the pulse of "
            f"{parameters.replica.size} samples and the range migration"
        )
    return first, np.arange(first, last + 1) / grid.sampling_hz


def _valid_times(
    burst: Burst, parameters: TopsParameters, model: RangeModel, centroid: Array, steering_hz_s: float
) -> tuple[float, float]:
    """First and last zero-Doppler time whose aperture was received whole, at all ranges."""
    rate = np.abs(model.fm_rate_hz_s)
    shrink, half_aperture = 1.0 + steering_hz_s / rate, 0.5 * parameters.azimuth_window.bandwidth_hz / rate
    raw, middle = burst.raw, float(np.mean(model.ranges_m)) / SPEED_OF_LIGHT_M_S
    first = raw.first_transmit_s + middle - burst.steering_zero_s
    last = first + (raw.lines - 1) * raw.pri_s
    offset = burst.steering_zero_s + centroid / rate
    early = offset + (first + half_aperture) * shrink
    late = offset + (last - half_aperture) * shrink
    return float(early.max()), float(late.min())


def _unfolding_lengths(
    raw: RawGrid, steering_hz_s: float, half_hz: float, spread_hz: float
) -> tuple[tuple[int, int], int]:
    """M2, M3 and the number of Doppler bins, such that neither time nor Doppler wraps around into the burst.

    The burst fills `half_hz` on both sides of its centre, from which the centroid differs by up to `spread_hz`.
    """
    prf, duration = 1.0 / raw.pri_s, raw.lines * raw.pri_s
    needed = 0.5 * duration + (half_hz + 0.5 * prf) / steering_hz_s
    forward = fast_length(math.ceil(needed * prf) + 8)
    backward = fast_length(math.ceil(forward * (1.02 + 2.0 * spread_hz / prf)))
    step = steering_hz_s * raw.pri_s * forward / backward
    return (forward, backward), 2 * math.ceil(half_hz / step)


def resampling_lengths(samples: int, ratio: Fraction) -> tuple[int, int]:
    """The cheapest lengths of a transform and its inverse that resample exactly by a ratio of smooth numbers."""
    first = -(-samples // ratio.denominator)

    def cost(count: int) -> float:
        return transform_cost(count * ratio.denominator) + transform_cost(count * ratio.numerator)

    count = min(range(first, first + first // 20 + 64), key=cost)
    return count * ratio.denominator, count * ratio.numerator


def smooth_ratio(value: float) -> Fraction:
    """A fraction of smooth numbers near a positive value, the simplest within 5e-4 of it."""
    numbers = _smooth_lengths(1, _LARGEST_TERM)
    error = np.abs(numbers[:, None] / (numbers[None, :] * value) - 1.0)
    close = np.argwhere(error < max(5e-4, float(error.min()) * 1.001))
    numerator, denominator = close[np.argmin(close.sum(axis=1))]
    return Fraction(int(numbers[numerator]), int(numbers[denominator]))


def time_lengths(rows: int, lines: int, ratio: float) -> tuple[int, int]:
    """Smooth transform lengths N2 >= rows and N4 >= lines with N2 / N4 within 2e-4 of a ratio, the cheapest ones."""
    least = max(rows, math.ceil(lines * ratio))
    first = _smooth_lengths(least, least + least // 5 + 64)
    second = _smooth_lengths(math.floor(first[0] / ratio), math.ceil(first[-1] / ratio) + 1)
    error = np.abs(first[:, None] / (second[None, :] * ratio) - 1.0)
    error[:, second < lines] = 1.0
    near = max(_RATE_TOLERANCE, float(error.min()))
    one, two = (np.array([transform_cost(int(length)) for length in lengths]) for lengths in (first, second))
    cost = np.where(error <= near, one[:, None] + two, np.inf)
    chosen, other = np.unravel_index(np.argmin(cost), cost.shape)
    return int(first[chosen]), int(second[other])


@functools.lru_cache(maxsize=64)
def _smooth_lengths(least: int, most: int) -> NDArray[np.int64]:
    return np.array([number for number in range(least, most + 1) if transform_cost(number) < math.inf], np.int64)


@frozen(eq=False)
class BurstStack:
    """The image of a swath: its bursts one below the other, each with as many lines as the longest, black where empty.

    `first_sample` counts on the common grid.
    """

    bursts: tuple[BurstPlan, ...]
    lines_per_burst: int
    first_sample: int
    samples: int

    @classmethod
    def of(cls, bursts: Sequence[BurstPlan]) -> "BurstStack":
        first = min(burst.first_sample for burst in bursts)
        last = max(burst.first_sample + burst.image.samples for burst in bursts)
        return cls(tuple(bursts), max(burst.image.lines for burst in bursts), first, last - first)

    @property
    def lines(self) -> int:
        return self.lines_per_burst * len(self.bursts)

    @property
    def parameters(self) -> TopsParameters:
        """Those of the first burst, from which others differ in their Doppler centroid."""
        return self.bursts[0].parameters

    @property
    def image(self) -> ImageGrid:
        """The samples of all bursts, and the lines as if the first burst went on."""
        first = self.bursts[0].image
        return evolve(
            first, lines=self.lines, samples=self.samples, first_delay_s=self.first_sample / first.sampling_hz
        )

    def valid_samples(self, burst: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last sample of each line of a burst that was focused from whole data, -1 where there is none."""
        image, offset = self.bursts[burst].image, self.offset(burst)
        filled = np.arange(self.lines_per_burst) < image.lines
        return np.where(filled, offset, -1), np.where(filled, offset + image.samples - 1, -1)

    def offset(self, burst: int) -> int:
        """The sample of the image at which a burst begins."""
        return self.bursts[burst].first_sample - self.first_sample
