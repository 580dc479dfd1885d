"""Detected looks in ground range from focused blocks (DAD, multi-looking): the kernels and plans of GRD."""

import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus import FocusedBlock
from s1pdgs.processors.l1.focus_plan import FocusPlan, Window
from s1pdgs.processors.l1.geometry import ImageGrid
from s1pdgs.processors.l1.ground import GroundRange
from s1pdgs.processors.l1.kernels import as_floats
from s1pdgs.processors.l1.lengths import fast_length
from s1pdgs.processors.l1.migration import sinc_table
from s1pdgs.processors.l1.scratch import Scratch
from s1pdgs.processors.l1.tops_kernels import put_columns, regroup, take_columns

Array = NDArray[np.float64]
NoiseSpectrum = tuple[Array, Array]
"""Frequencies in Hz from the centre of the band and the power of noise there."""

_TAPS = 8
_FRACTIONS = 128
_SHAPE = 5.0
_OVERSAMPLING = 1.7
_PADDING = 64
_GROUP = 16
_COLUMNS = 64
_STRIDE = 16


@frozen
class LookParameters:
    """Looks along one axis: `count` bands of the window's bandwidth spread evenly over the full window's."""

    full: Window
    look: Window
    count: int

    @property
    def centres_hz(self) -> tuple[float, ...]:
        """Centres of the looks relative to that of the full band."""
        if self.count == 1:
            return (0.0,)
        step = (self.full.bandwidth_hz - self.look.bandwidth_hz) / (self.count - 1)
        return tuple((index - 0.5 * (self.count - 1)) * step for index in range(self.count))

    @property
    def overlap_hz(self) -> float:
        """How much neighbouring looks share."""
        if self.count == 1:
            return 0.0
        return self.look.bandwidth_hz - (self.full.bandwidth_hz - self.look.bandwidth_hz) / (self.count - 1)

    def weights(self, frequency_hz: Array, centre_hz: float) -> Array:
        """Factors from fully windowed spectra to a look of equal power over a white scene."""
        window = self.full(frequency_hz)
        inside = window > 0.0
        ratio = np.where(inside, self.look(frequency_hz - centre_hz) / np.where(inside, window, 1.0), 0.0)
        scale = math.sqrt(self.full.mean_square(1.0) / self.look.mean_square(1.0))
        return np.asarray(ratio * scale)


def noise_share(
    range_looks: LookParameters, azimuth_looks: LookParameters, across: NoiseSpectrum, along: NoiseSpectrum
) -> float:
    """Power of thermal noise in the detected image over that in the fully windowed one.

    `across`, `along`: the spectra that focusing gives white noise in range and in azimuth.
    """
    share = 1.0
    for looks, (frequency, power) in ((range_looks, across), (azimuth_looks, along)):
        passed = [np.sum(power * looks.weights(frequency, centre) ** 2) for centre in looks.centres_hz]
        share *= float(np.mean(passed) / np.sum(power))
    return share


@frozen(eq=False)
class DetectionPlan:
    """The detected image: `lines` from `first_line_s` every `line_interval_s`, `samples` every `spacing_m` of ground
    range. A block of the focus plan has `block_lines` of them.
    """

    image: ImageGrid
    range_looks: LookParameters
    azimuth_looks: LookParameters
    ground: GroundRange
    first_line_s: float
    line_interval_s: float
    lines: int
    samples: int
    spacing_m: float
    block_lines: int


@frozen(eq=False)
class DetectedBlock:
    """Mean intensities of the looks, beta nought, float32 (lines, samples), from line `first_line` on."""

    first_line: int
    intensity: NDArray[np.float32]


def plan_detection(
    plan: FocusPlan,
    ground: GroundRange,
    range_looks: LookParameters,
    azimuth_looks: LookParameters,
    *,
    spacing_m: float,
    ground_speed_m_s: float,
) -> DetectionPlan:
    """Lay out the detected image so that a block's lines are a whole number of the image's."""
    image = plan.image
    duration = plan.block_lines * image.line_interval_s
    block_lines = max(round(duration * ground_speed_m_s / spacing_m), 1)
    interval = duration / block_lines
    return DetectionPlan(
        image=image,
        range_looks=range_looks,
        azimuth_looks=azimuth_looks,
        ground=ground,
        first_line_s=image.first_line_s,
        line_interval_s=interval,
        lines=math.floor((image.last_line_s - image.first_line_s) / interval) + 1,
        samples=math.floor(ground.extent_m / spacing_m) + 1,
        spacing_m=spacing_m,
        block_lines=block_lines,
    )


def detect(plan: DetectionPlan, block: FocusedBlock) -> DetectedBlock:
    """Form and detect all looks of a block; its spectrum is left as it was."""
    image = plan.image
    start_s = image.first_line_s + block.first_line * image.line_interval_s
    first = math.ceil((start_s - plan.first_line_s) / plan.line_interval_s - 1e-9)
    stop_s = start_s + block.valid * image.line_interval_s
    last = min(math.ceil((stop_s - plan.first_line_s) / plan.line_interval_s - 1e-9), plan.lines)
    origin_s = start_s - block.lead * image.line_interval_s
    skipped = math.floor((plan.first_line_s + first * plan.line_interval_s - origin_s) / plan.line_interval_s)
    shift_s = plan.first_line_s + (first - skipped) * plan.line_interval_s - origin_s
    intensity, scratch = np.zeros((last - first, plan.samples), np.float32), Scratch()
    lines_s = np.asarray(plan.first_line_s + np.arange(first, last) * plan.line_interval_s, np.float64)
    slant = plan.ground.slant_polynomials(lines_s)
    detector = RangeDetector.of(image, plan.range_looks, plan.spacing_m)
    with ThreadPoolExecutor(block.threads) as pool:
        for centre_hz in plan.azimuth_looks.centres_hz:
            look = scratch.take("look", last - first, image.samples)
            _azimuth_look(plan, block, centre_hz, (shift_s, skipped), look, pool, scratch)
            detector.add(look, slant, intensity, pool, scratch)
    intensity /= np.float32(plan.azimuth_looks.count * plan.range_looks.count)
    return DetectedBlock(first, intensity)


def _azimuth_look(  # noqa: PLR0917 - where from, what, where to, by what
    plan: DetectionPlan,
    block: FocusedBlock,
    centre_hz: float,
    origin: tuple[float, int],
    look: NDArray[np.complex64],
    pool: ThreadPoolExecutor,
    scratch: Scratch,
) -> None:
    """Fill complex64 (lines, samples) with one azimuth look of a block on lines of the detected image.

    `origin`: the time in s by which the block's first line is shifted, and how many lines are skipped then.
    """
    shift_s, skipped = origin
    lines, samples = block.spectrum.shape
    offset = block.doppler_hz - float(block.centroid_hz.mean())
    weights = plan.azimuth_looks.weights(offset, centre_hz)
    rows = np.flatnonzero(weights)
    rows = rows[np.argsort(block.doppler_hz[rows])]
    frequency = block.doppler_hz[rows]
    scale = plan.block_lines / lines
    factor = (weights[rows] * np.exp(2j * np.pi * np.mod(frequency * shift_s, 1.0)) * scale).astype(np.complex64)
    # a look's band is narrower than the new line rate: each bin keeps its frequency, modulo that rate
    first = round(float(frequency[0]) * lines * plan.image.line_interval_s)
    ones = np.ones(len(look), np.complex64)

    def fill(start: int) -> None:
        columns = scratch.take("columns", min(_COLUMNS, samples - start), plan.block_lines)
        take_columns(block.spectrum, start, factor, first, columns, int(rows[0]))
        put_columns(scipy.fft.ifft(columns, axis=1, overwrite_x=True), ones, skipped, look, start)

    list(pool.map(fill, range(0, samples, _COLUMNS)))


@frozen(eq=False)
class RangeDetector:
    """Splits lines into range looks, brings them to ground range and adds their intensities.

    `parts` has the bands of the looks: their first bins in the spectrum of `bins` and in that of `decimated` ones,
    signed, and the weights of the bins from there on.
    """

    image: ImageGrid
    spacing_m: float
    bins: int
    parts: tuple[tuple[int, int, NDArray[np.complex64]], ...]
    decimated: int
    kernel: NDArray[np.float32]

    @classmethod
    def of(cls, image: ImageGrid, looks: LookParameters, spacing_m: float) -> "RangeDetector":
        bins = fast_length(image.samples + _PADDING)
        signed = np.arange(bins) - bins // 2
        frequency = np.asarray(signed * (image.sampling_hz / bins), np.float64)
        share = looks.look.bandwidth_hz / image.sampling_hz
        decimated = min(fast_length(math.ceil(_OVERSAMPLING * share * bins)), bins)
        parts = []
        for centre in looks.centres_hz:
            weights = looks.weights(frequency, centre)
            band = np.flatnonzero(weights)
            first = int(signed[band[0]])
            factor = (weights[band] * decimated / bins).astype(np.complex64)
            parts.append((first, first - round(centre / image.sampling_hz * bins), factor))
        return cls(image, spacing_m, bins, tuple(parts), decimated, sinc_table(_TAPS, _SHAPE, _FRACTIONS))

    def add(  # noqa: PLR0917 - what, where, how
        self,
        lines: NDArray[np.complex64],
        slant: Array,
        intensity: NDArray[np.float32],
        pool: ThreadPoolExecutor,
        scratch: Scratch,
        first_pixel: int = 0,
    ) -> None:
        """Add the intensities of all range looks of lines (n, samples) to ground pixels (n, pixels) from a first one
        on. `slant` has one polynomial for each line.
        """
        spans = [slice(at, at + _GROUP) for at in range(0, len(lines), _GROUP)]
        list(pool.map(lambda at: self._add(lines[at], slant[at], intensity[at], scratch, first_pixel), spans))

    def _add(
        self,
        lines: NDArray[np.complex64],
        slant: Array,
        intensity: NDArray[np.float32],
        scratch: Scratch,
        first_pixel: int,
    ) -> None:
        """As `add`, of lines that are so near to each other that the ground range of the middle one holds for all."""
        image, (count, samples) = self.image, lines.shape
        spectrum = scratch.take("spectrum", count, self.bins)
        spectrum[:, :samples], spectrum[:, samples:] = lines, 0.0
        spectrum = scipy.fft.fft(spectrum, axis=1, overwrite_x=True)
        narrow = scratch.take("narrow", len(self.parts), count, self.decimated)
        for look, (begin, first, weights) in enumerate(self.parts):
            regroup(spectrum, weights, first, narrow[look], begin)
        narrow = scipy.fft.ifft(narrow, axis=2, overwrite_x=True).reshape(-1, self.decimated)
        panel = scratch.take("panel", self.decimated, len(narrow))
        put_columns(narrow, np.ones(self.decimated, np.complex64), 0, panel, 0)
        scale = self.decimated / self.bins / image.range_spacing_m
        add_ground_intensity(
            as_floats(panel), slant[count // 2], self.spacing_m, float(image.ranges_m[0]), scale, self.kernel,
            intensity, first_pixel,
        )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_ground_intensity(  # noqa: PLR0917 - numba takes positions only
    panel: NDArray[np.float32],
    slant: Array,
    spacing_m: float,
    first_m: float,
    scale: float,
    kernel: NDArray[np.float32],
    intensity: NDArray[np.float32],
    first_pixel: int,
) -> None:  # pragma: no cover - compiled
    """Interpolate complex looks of n lines at the slant ranges of ground pixels and add |.|^2 to (n, pixels).

    `panel`: float32 (samples, 2 looks n), lines within looks. `slant`: polynomial of slant range in metres over ground
    range in km, evaluated every `_STRIDE` pixels and linear in between (3 mm at most); `first_m` the slant range of
    sample 0 and `scale` samples per metre. Kernels that reach over an end of the line are cut there.
    """
    fractions, lines, values = kernel.shape[0] - 1, intensity.shape[0], np.empty(panel.shape[1], np.float32)
    for start in range(0, intensity.shape[1], _STRIDE):
        near, far = 0.0, 0.0
        for power in range(slant.size - 1, -1, -1):
            near = near * (1e-3 * spacing_m * (first_pixel + start)) + slant[power]
            far = far * (1e-3 * spacing_m * (first_pixel + start + _STRIDE)) + slant[power]
        near, far = (near - first_m) * scale, (far - first_m) * scale
        for pixel in range(start, min(start + _STRIDE, intensity.shape[1])):
            position = near + (far - near) * (pixel - start) / _STRIDE
            whole = math.floor(position)
            _interpolate(panel, whole - (_TAPS // 2 - 1), kernel[int((position - whole) * fractions + 0.5)], values)
            for first in range(0, values.size, 2 * lines):
                for line in range(lines):
                    re, im = values[first + 2 * line], values[first + 2 * line + 1]
                    intensity[line, pixel] += re * re + im * im


@numba.njit(cache=True, nogil=True, fastmath=True)
def _interpolate(
    panel: NDArray[np.float32], left: int, taps: NDArray[np.float32], out: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Weigh rows of a panel from row `left` on, of which some may not be there."""
    if left >= 0 and left + _TAPS <= panel.shape[0]:
        for j in range(out.size):
            total = np.float32(0.0)
            for t in range(_TAPS):
                total += taps[t] * panel[left + t, j]
            out[j] = total
        return
    for j in range(out.size):
        out[j] = np.float32(0.0)
    for t in range(max(0, -left), min(_TAPS, panel.shape[0] - left)):
        for j in range(out.size):
            out[j] += taps[t] * panel[left + t, j]
