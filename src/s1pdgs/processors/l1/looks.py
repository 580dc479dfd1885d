"""Detected looks in ground range from focused blocks (DAD, multi-looking): the kernels and plans of GRD."""

import math
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus import FocusedBlock, FocusPlan, Window
from s1pdgs.processors.l1.geometry import ImageGrid
from s1pdgs.processors.l1.ground import GroundRange

Array = NDArray[np.float64]
NoiseSpectrum = tuple[Array, Array]
"""Frequencies in Hz from the centre of the band and the power of noise there."""

_TAPS = 8
_FRACTIONS = 128
_OVERSAMPLING = 1.7
_PADDING = 64
_CHUNK = 32
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
    intensity = np.zeros((last - first, plan.samples), np.float32)
    lines_s = np.asarray(plan.first_line_s + np.arange(first, last) * plan.line_interval_s, np.float64)
    slant = plan.ground.slant_polynomials(lines_s)
    detector = RangeDetector.of(image, plan.range_looks, plan.spacing_m)
    with ThreadPoolExecutor(block.threads) as pool:
        for centre_hz in plan.azimuth_looks.centres_hz:
            look = _azimuth_look(plan, block, centre_hz, shift_s)[skipped : skipped + last - first]
            spans = range(0, last - first, _CHUNK)
            parts = ((look[at : at + _CHUNK], slant[at : at + _CHUNK], intensity[at : at + _CHUNK]) for at in spans)
            list(pool.map(lambda part: detector.add(*part), parts))
    intensity /= np.float32(plan.azimuth_looks.count * plan.range_looks.count)
    return DetectedBlock(first, intensity)


def _azimuth_look(plan: DetectionPlan, block: FocusedBlock, centre_hz: float, shift_s: float) -> NDArray[np.complex64]:
    """One azimuth look of a block on the lines of the detected image, complex64 (block lines, samples)."""
    centroid = float(block.centroid_hz.mean())
    offset = block.doppler_hz - centroid
    weights = plan.azimuth_looks.weights(offset, centre_hz)
    rows = np.flatnonzero(weights)
    lines, samples = block.spectrum.shape
    factor = weights[rows] * np.exp(2j * np.pi * np.mod(block.doppler_hz[rows] * shift_s, 1.0))
    # a look's band is narrower than the new line rate: each bin keeps its frequency, modulo that rate
    bins = np.round(block.doppler_hz[rows] * lines * plan.image.line_interval_s).astype(np.int64) % plan.block_lines
    look = np.zeros((plan.block_lines, samples), np.complex64)
    look[bins] = block.spectrum[rows] * (factor * plan.block_lines / lines).astype(np.complex64)[:, None]
    return np.asarray(scipy.fft.ifft(look, axis=0, overwrite_x=True, workers=block.threads))


@frozen(eq=False)
class RangeDetector:
    """Splits lines into range looks, brings them to ground range and adds their intensities."""

    image: ImageGrid
    spacing_m: float
    bins: int
    parts: tuple[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.complex64]], ...]
    decimated: int
    kernel: NDArray[np.float32]

    @classmethod
    def of(cls, image: ImageGrid, looks: LookParameters, spacing_m: float) -> "RangeDetector":
        bins = scipy.fft.next_fast_len(image.samples + _PADDING, real=False)
        frequency = scipy.fft.fftfreq(bins, 1.0 / image.sampling_hz)
        share = looks.look.bandwidth_hz / image.sampling_hz
        decimated = min(scipy.fft.next_fast_len(math.ceil(_OVERSAMPLING * share * bins), real=False), bins)
        parts = []
        for centre in looks.centres_hz:
            weights = looks.weights(frequency, centre)
            source = np.flatnonzero(weights)
            signed = np.where(source > bins // 2, source - bins, source)
            target = (signed - round(centre / image.sampling_hz * bins)) % decimated
            parts.append((source, target, (weights[source] * decimated / bins).astype(np.complex64)))
        return cls(image, spacing_m, bins, tuple(parts), decimated, _kernel())

    def add(
        self, lines: NDArray[np.complex64], slant: Array, intensity: NDArray[np.float32], first_pixel: int = 0
    ) -> None:
        """Add the intensities of all range looks of some lines to ground pixels from a first one on.

        `slant` has one polynomial for each line.
        """
        image = self.image
        spectrum = scipy.fft.fft(lines, self.bins, axis=1)
        narrow = np.zeros((lines.shape[0], len(self.parts), self.decimated), np.complex64)
        for look, (source, target, weights) in enumerate(self.parts):
            narrow[:, look, target] = spectrum[:, source] * weights
        narrow = scipy.fft.ifft(narrow, axis=2, overwrite_x=True)
        scale = self.decimated / self.bins / image.range_spacing_m
        add_ground_intensity(
            narrow.view(np.float32), slant, self.spacing_m, float(image.ranges_m[0]), scale, self.kernel, intensity,
            first_pixel,
        )  # fmt: skip


def _kernel() -> NDArray[np.float32]:
    """Kaiser-windowed sinc for signals that fill 1 / `_OVERSAMPLING` of the band, (_FRACTIONS + 1, _TAPS)."""
    fraction = np.arange(_FRACTIONS + 1)[:, None] / _FRACTIONS
    offset = np.arange(_TAPS)[None, :] - (_TAPS // 2 - 1) - fraction
    inside = np.clip(1.0 - (offset / (_TAPS / 2)) ** 2, 0.0, 1.0)
    kernel = np.sinc(offset) * np.i0(5.0 * np.sqrt(inside)) / np.i0(5.0)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), dtype=np.float32)


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_ground_intensity(  # noqa: PLR0917 - numba takes positions only
    looks: NDArray[np.float32],
    slant: Array,
    spacing_m: float,
    first_m: float,
    scale: float,
    kernel: NDArray[np.float32],
    intensity: NDArray[np.float32],
    first_pixel: int,
) -> None:  # pragma: no cover - compiled
    """Interpolate complex lines, float32 (n, looks, 2 m), at the slant ranges of ground pixels and add |.|^2.

    `slant`: polynomials of slant range in metres over ground range in km, (n, degree + 1), evaluated every `_STRIDE`
    pixels and linear in between (3 mm at most); `first_m` the slant range of sample 0 and `scale` samples per metre.
    Kernels that reach over an end of the line are cut there.
    """
    fractions, count = kernel.shape[0] - 1, looks.shape[2] // 2
    for row in range(looks.shape[0]):
        for start in range(0, intensity.shape[1], _STRIDE):
            near, far = 0.0, 0.0
            for power in range(slant.shape[1] - 1, -1, -1):
                near = near * (1e-3 * spacing_m * (first_pixel + start)) + slant[row, power]
                far = far * (1e-3 * spacing_m * (first_pixel + start + _STRIDE)) + slant[row, power]
            near, far = (near - first_m) * scale, (far - first_m) * scale
            for pixel in range(start, min(start + _STRIDE, intensity.shape[1])):
                position = near + (far - near) * (pixel - start) / _STRIDE
                whole = math.floor(position)
                entry = int((position - whole) * fractions + 0.5)
                left = whole - (_TAPS // 2 - 1)
                first, last = max(0, -left), min(_TAPS, count - left)
                inside = first == 0 and last == _TAPS
                total = np.float32(0.0)
                for look in range(looks.shape[1]):
                    re, im = np.float32(0.0), np.float32(0.0)
                    if inside:
                        for tap in range(_TAPS):
                            re += kernel[entry, tap] * looks[row, look, 2 * (left + tap)]
                            im += kernel[entry, tap] * looks[row, look, 2 * (left + tap) + 1]
                    else:
                        for tap in range(first, last):
                            re += kernel[entry, tap] * looks[row, look, 2 * (left + tap)]
                            im += kernel[entry, tap] * looks[row, look, 2 * (left + tap) + 1]
                    total += re * re + im * im
                intensity[row, pixel] += total
