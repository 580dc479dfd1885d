"""Bursts of swaths become one detected image in ground range (DAD, multi-looking and merging).

Swaths are cut in the middle of their overlap in range, bursts in the middle of their overlap in zero-Doppler time;
nothing is blended. Lines are made as soon as all bursts that reach them have come.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.geometry import ImageGrid, range_model
from s1pdgs.processors.l1.ground import GroundRange, ground_range
from s1pdgs.processors.l1.looks import DetectedBlock, LookParameters, RangeDetector
from s1pdgs.processors.l1.scratch import Scratch
from s1pdgs.processors.l1.tops_factors import phasor
from s1pdgs.processors.l1.tops_kernels import put_columns, regroup, take_columns
from s1pdgs.processors.l1.tops_plan import BurstPlan, TopsParameters, resampling_lengths, smooth_ratio
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

_PADDING = 48
_COLUMNS = 64


class MergeError(ValueError):
    """The bursts do not make one image; the message tells why."""


@frozen(eq=False)
class SwathBursts:
    """The bursts of one swath in the order of time, and its looks."""

    name: str
    bursts: tuple[BurstPlan, ...]
    range_looks: LookParameters
    azimuth_looks: LookParameters


@frozen
class Piece:
    """What one burst gives to the merged image: lines and ground pixels, the last ones excluded."""

    swath: int
    burst: int
    lines: tuple[int, int]
    pixels: tuple[int, int]


@frozen(eq=False)
class MergePlan:
    """The merged image: `lines` from `first_line_s` every `line_interval_s`, `samples` every `spacing_m` of ground.

    `pieces` are in the order in which their bursts begin. `ratio` is the line interval of bursts over that of the
    image. `slant` spans the image in slant range and time.
    """

    swaths: tuple[SwathBursts, ...]
    slant: ImageGrid
    ground: GroundRange
    first_line_s: float
    line_interval_s: float
    lines: int
    samples: int
    spacing_m: float
    pieces: tuple[Piece, ...]
    ratio: Fraction

    @property
    def image(self) -> ImageGrid:
        """The slant range and time that the image spans."""
        return self.slant

    @property
    def parameters(self) -> TopsParameters:
        """Those of the first burst of the nearest swath."""
        return self.swaths[0].bursts[0].parameters

    def pixels_of(self, swath: int) -> tuple[int, int]:
        """Ground pixels that a swath fills, the last one excluded."""
        return next(piece.pixels for piece in self.pieces if piece.swath == swath)


def plan_merge(swaths: Sequence[SwathBursts], orbit: Orbit, spacing_m: float) -> MergePlan:
    """Lay out the image that all swaths fill, from near to far range.

    Raises `MergeError` when neighbouring swaths do not overlap in range or the swaths have no time in common.
    """
    first_s = max(swath.bursts[0].image.first_line_s for swath in swaths)
    last_s = min(swath.bursts[-1].image.last_line_s for swath in swaths)
    if last_s <= first_s:
        raise MergeError(f"{', '.join(swath.name for swath in swaths)} have no time in common; is a swath lost?")
    spans = [_delay_span(swath) for swath in swaths]
    for (near, far), left, right in zip(pairwise(spans), swaths[:-1], swaths[1:], strict=True):
        if far[0] >= near[1]:
            raise MergeError(f"{left.name} and {right.name} leave a gap in range; are their sampling windows right?")
    grid = swaths[0].bursts[0].image
    slant = ImageGrid(
        lines=math.floor((last_s - first_s) / grid.line_interval_s) + 1,
        samples=math.floor((spans[-1][1] - spans[0][0]) * grid.sampling_hz + 0.5) + 1,
        first_line_s=first_s,
        line_interval_s=grid.line_interval_s,
        first_delay_s=spans[0][0],
        sampling_hz=grid.sampling_hz,
    )
    terrain = swaths[0].bursts[0].parameters.terrain
    ground, ends = ground_range(orbit, slant, terrain), slant.ranges_m[:: slant.samples - 1]
    speed = float(range_model(orbit, slant.mid_line_s, ends, terrain.mean(slant.mid_line_s)).ground_m_s.mean())
    ratio = smooth_ratio(grid.line_interval_s * speed / spacing_m)
    interval_s = grid.line_interval_s / float(ratio)
    lines = math.floor((last_s - first_s) / interval_s) + 1
    samples = math.floor(ground.extent_m / spacing_m) + 1
    edges = [0, *_pixel_edges(ground, spans, slant.mid_line_s, spacing_m), samples]
    pieces = [
        Piece(at, burst, span, pixels)
        for at, (swath, pixels) in enumerate(zip(swaths, pairwise(edges), strict=True))
        for burst, span in enumerate(_line_spans(swath, first_s, interval_s, lines))
        if span[1] > span[0]
    ]
    pieces.sort(key=lambda piece: piece.lines[0])
    return MergePlan(tuple(swaths), slant, ground, first_s, interval_s, lines, samples, spacing_m, tuple(pieces), ratio)


def merge(plan: MergePlan, focused: Iterator[Spectrum]) -> Iterator[DetectedBlock]:
    """Detect bursts, given as complex64 (lines, samples) of their images in the order of the pieces.

    Blocks of whole lines, in order, tile the image; ground that no burst covers is zero. Held at a time are the lines
    that the bursts in work reach, once as intensities and once for each look.
    """
    top, canvas, scratch = 0, np.zeros((_most_lines(plan.pieces), plan.samples), np.float32), Scratch()
    with ThreadPoolExecutor(plan.parameters.threads) as pool:
        for piece, pixels in zip(plan.pieces, focused, strict=True):
            first, last = piece.lines
            if first > top:
                yield DetectedBlock(top, _advance(canvas, first - top))
                top = first
            part = canvas[first - top : last - top, slice(*piece.pixels)]
            _detect(plan, piece, pixels, part, pool, scratch)
    if plan.lines > top:
        yield DetectedBlock(top, _advance(canvas, plan.lines - top))


def _most_lines(pieces: Sequence[Piece]) -> int:
    """How many lines are in work at a time."""
    return max(piece.lines[1] - piece.lines[0] for piece in pieces)


def _advance(canvas: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The first lines of a canvas, which moves on by as many; zeros follow."""
    ready, held = np.zeros((count, canvas.shape[1]), np.float32), min(count, len(canvas))
    ready[:held] = canvas[:held]
    left = len(canvas) - held
    for at in range(0, left, held):  # parts that do not overlap need no copy
        stop = min(at + held, left)
        canvas[at:stop] = canvas[at + held : stop + held]
    canvas[left:] = 0.0
    return ready


def _delay_span(swath: SwathBursts) -> tuple[float, float]:
    """First and last two-way delay that all bursts of a swath hold."""
    images = [burst.image for burst in swath.bursts]
    first = max(image.first_delay_s for image in images)
    return first, min(image.first_delay_s + (image.samples - 1) / image.sampling_hz for image in images)


def _pixel_edges(ground: GroundRange, spans: list[tuple[float, float]], time_s: float, spacing_m: float) -> list[int]:
    """The ground pixels at which swaths after the first begin: in the middle of the overlap, at one time for all."""
    cuts = [0.25 * SPEED_OF_LIGHT_M_S * (near[1] + far[0]) for near, far in pairwise(spans)]
    pixels = np.arange(math.floor(ground.extent_m / spacing_m) + 1, dtype=np.float64)
    slant = ground.slant_m(time_s, pixels * spacing_m)
    return [int(np.searchsorted(slant, cut)) for cut in cuts]


def _line_spans(swath: SwathBursts, first_s: float, interval_s: float, lines: int) -> list[tuple[int, int]]:
    """The lines of the image that each burst fills, the last ones excluded."""
    images = [burst.image for burst in swath.bursts]
    spans = []
    for at, image in enumerate(images):
        begin, end = image.first_line_s, image.last_line_s
        if at > 0 and images[at - 1].last_line_s > begin:
            begin = 0.5 * (images[at - 1].last_line_s + begin)
        if at + 1 < len(images) and images[at + 1].first_line_s < end:
            end = 0.5 * (images[at + 1].first_line_s + end)
        first = min(max(math.ceil((begin - first_s) / interval_s - 1e-9), 0), lines)
        spans.append((first, min(max(math.ceil((end - first_s) / interval_s - 1e-9), first), lines)))
    return spans


def _detect(  # noqa: PLR0917 - what, where, by what
    plan: MergePlan,
    piece: Piece,
    pixels: Spectrum,
    intensity: NDArray[np.float32],
    pool: ThreadPoolExecutor,
    scratch: Scratch,
) -> None:
    """Put the mean intensity of all looks of one burst into the zeros (lines, pixels) of its piece."""
    swath = plan.swaths[piece.swath]
    image = swath.bursts[piece.burst].image
    first, last = piece.lines
    times = plan.first_line_s + np.arange(first, last, dtype=np.float64) * plan.line_interval_s
    slant = plan.ground.slant_polynomials(times)
    detector = RangeDetector.of(image, swath.range_looks, plan.spacing_m)
    look = scratch.take("look", last - first, image.samples)
    for centre_hz in swath.azimuth_looks.centres_hz:
        _azimuth_look(plan, piece, pixels, centre_hz, look, pool, scratch)
        detector.add(look, slant, intensity, pool, scratch, piece.pixels[0])
    intensity /= np.float32(swath.azimuth_looks.count * swath.range_looks.count)


def _azimuth_look(  # noqa: PLR0917 - what, where, by what
    plan: MergePlan,
    piece: Piece,
    pixels: Spectrum,
    centre_hz: float,
    look: Spectrum,
    pool: ThreadPoolExecutor,
    scratch: Scratch,
) -> None:
    """Fill the lines of a piece, complex64 (lines, samples), with one azimuth look of its burst, freed from its ramp.

    The ramp taken off, all targets fill the same band, and looks are parts of it as in StripMap.
    """
    burst = plan.swaths[piece.swath].bursts[piece.burst]
    image, (first, last) = burst.image, piece.lines
    given, made = resampling_lengths(image.lines + _PADDING, plan.ratio)
    frequency = (np.arange(given) - given // 2) / (given * image.line_interval_s)
    weights = plan.swaths[piece.swath].azimuth_looks.weights(frequency, centre_hz)
    bins = np.flatnonzero(weights)
    # a look's band is narrower than the new line rate: each bin keeps its frequency, modulo that rate
    first_bin = int(bins[0]) - given // 2
    shift_s = plan.first_line_s + first * plan.line_interval_s - image.first_line_s
    shift = np.exp(2j * np.pi * np.mod(frequency[bins] * shift_s, 1.0))
    factor = (weights[bins] * shift * (made / given)).astype(np.complex64)
    rates, at, ones = burst.burst_rate_hz_s, burst.line_offsets_s, np.ones(last - first, np.complex64)

    def fill(start: int) -> None:
        stop = min(start + _COLUMNS, image.samples)
        deramp = np.conj(phasor(0.5 * float(rates[(start + stop) // 2]) * at**2 + burst.base_hz * at))
        lines = scratch.take("lines", stop - start, given)
        take_columns(pixels, start, deramp, 0, lines)
        lines = scipy.fft.fft(lines, axis=1, overwrite_x=True)
        columns = scratch.take("columns", stop - start, made)
        regroup(lines, factor, first_bin, columns, first_bin)
        put_columns(scipy.fft.ifft(columns, axis=1, overwrite_x=True), ones, 0, look, start)

    list(pool.map(fill, range(0, image.samples, _COLUMNS)))
