"""The pixels of a product: scaled to digital numbers, counted and written."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numba
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.pp1 import ScalingTable
from s1pdgs.formats.l1.measurement import GRD_PIXEL, SLC_PIXEL, MeasurementWriter, PixelForm
from s1pdgs.formats.l1.quicklook import reduction_factor
from s1pdgs.processors.l1.focus import FocusedBlock
from s1pdgs.processors.l1.geometry import ImageGrid
from s1pdgs.processors.l1.ground import GroundRange
from s1pdgs.processors.l1.kernels import as_floats
from s1pdgs.processors.l1.looks import DetectedBlock
from s1pdgs.processors.l1.scratch import Scratch, cores
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S

Array = NDArray[np.float64]

_QUICKLOOK_PIXELS = 600
_CHUNK_LINES = 64
_Quantise = Callable[[int, NDArray[Any], Array, Array], None]
"""From a first line on, fill digital numbers (n, samples ...) and add to their sums and their power by cells."""
SIGNED, UNSIGNED = "16 bit Signed Integer", "16 bit Unsigned Integer"


@frozen(eq=False)
class Frame:
    """Where the pixels of an image lie; `ground` is set for detected images, whose columns count ground range.

    `burst_starts_s` are the times of the first lines of bursts that stand below each other, `burst_lines` each.
    """

    lines: int
    samples: int
    first_line_s: float
    line_interval_s: float
    range_spacing_m: float
    slant: ImageGrid
    ground: GroundRange | None = None
    burst_starts_s: tuple[float, ...] = ()
    burst_lines: int = 0

    @property
    def detected(self) -> bool:
        return self.ground is not None

    def time_s(self, line: Array | float) -> Array:
        """Zero-Doppler times, seconds after the orbit's epoch, of lines."""
        count = np.asarray(line, dtype=np.float64)
        if not self.burst_starts_s:
            return np.asarray(self.first_line_s + count * self.line_interval_s)
        burst = np.clip(np.floor(count / self.burst_lines), 0, len(self.burst_starts_s) - 1).astype(np.int64)
        within = count - burst * self.burst_lines
        return np.asarray(np.array(self.burst_starts_s)[burst] + within * self.line_interval_s)

    def line_of(self, time_s: float) -> int:
        """The line nearest to a time; of bursts, in the last one that has begun."""
        if not self.burst_starts_s:
            return round((time_s - self.first_line_s) / self.line_interval_s)
        burst = max(int(np.searchsorted(self.burst_starts_s, time_s + 0.5 * self.line_interval_s)) - 1, 0)
        within = round((time_s - self.burst_starts_s[burst]) / self.line_interval_s)
        return burst * self.burst_lines + min(within, self.burst_lines - 1)

    def annotated_times_s(self, interval_s: float, least: int = 2) -> list[float]:
        """Times about every interval from the first line to the last; of bursts, their first lines and the last one."""
        if self.burst_starts_s:
            return [*self.burst_starts_s, self.last_line_s]
        count = max(round((self.last_line_s - self.first_line_s) / interval_s) + 1, least)
        return [float(time) for time in np.linspace(self.first_line_s, self.last_line_s, count)]

    def slant_m(self, time_s: float, pixel: Array) -> Array:
        """Slant ranges of pixels at a time."""
        if self.ground is not None:
            return self.ground.slant_m(time_s, pixel * self.range_spacing_m)
        delay = self.slant.first_delay_s + pixel / self.slant.sampling_hz
        return np.asarray(0.5 * SPEED_OF_LIGHT_M_S * delay)

    @property
    def last_line_s(self) -> float:
        return float(self.time_s(self.lines - 1))

    @property
    def mid_line_s(self) -> float:
        return float(self.time_s(0.5 * (self.lines - 1)))

    def annotated_pixels(self, step: int) -> NDArray[np.int64]:
        """Every `step` pixels and the last."""
        return np.unique(np.append(np.arange(0, self.samples, step), self.samples - 1))


class PixelStatistics:
    """Running moments of the digital numbers of an image, and how many of them were cut to the range of their type."""

    def __init__(self) -> None:
        self._sums = np.zeros(6)

    def add(self, sums: Array) -> None:
        """Add counts: pixels, sums of real and imaginary parts, sums of their squares, saturated pixels."""
        self._sums += sums

    @property
    def pixels(self) -> int:
        return int(self._sums[0])

    @property
    def saturated(self) -> int:
        return int(self._sums[5])

    @property
    def mean(self) -> complex:
        count = max(self._sums[0], 1.0)
        return complex(self._sums[1] / count, self._sums[2] / count)

    @property
    def deviation(self) -> complex:
        count = max(self._sums[0], 1.0)
        squares = self._sums[3:5] / count - np.array([self.mean.real, self.mean.imag]) ** 2
        return complex(*np.sqrt(np.maximum(squares, 0.0)).tolist())


class Image:
    """One image of a product while it is filled: its frame, its scaling and what its pixels add up to."""

    form: PixelForm

    def __init__(self, frame: Frame, scaling: Array) -> None:
        self.frame = frame
        self.scaling = scaling.astype(np.float32)
        self.statistics = PixelStatistics()
        self._cell = (
            reduction_factor(frame.lines, _QUICKLOOK_PIXELS),
            reduction_factor(frame.samples, _QUICKLOOK_PIXELS),
        )
        self._power = np.zeros((frame.lines // self._cell[0] + 1, frame.samples // self._cell[1] + 1))
        self._scratch = Scratch()

    @property
    def quicklook(self) -> Array:
        """Root mean square digital numbers of whole cells of pixels."""
        rows, columns = self.frame.lines // self._cell[0], self.frame.samples // self._cell[1]
        return np.asarray(np.sqrt(self._power[:rows, :columns] / (self._cell[0] * self._cell[1])))

    def _write(self, first_line: int, lines: int, quantised: _Quantise, writer: MeasurementWriter) -> None:
        """Quantise and write lines by chunks, one of which is written while others are quantised."""
        samples, lock = self.frame.samples, Lock()
        sizes = (samples, 2) if self.form.components == 2 else (samples,)

        def write(start: int) -> None:
            stop = min(start + _CHUNK_LINES, lines)
            row = (first_line + start) // self._cell[0]
            rows = (first_line + stop - 1) // self._cell[0] + 1 - row
            numbers = self._scratch.take("numbers", stop - start, *sizes, dtype=self.form.dtype)
            sums, power = np.zeros(6), np.zeros((rows, self._power.shape[1]))
            quantised(start, numbers, sums, power)
            sums[0] = (stop - start) * samples
            with lock:
                writer.write_quantised(first_line + start, numbers)
                self.statistics.add(sums)
                self._power[row : row + rows] += power

        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(write, range(0, lines, _CHUNK_LINES)))


class ComplexImage(Image):
    """An image of complex 16 bit pixels."""

    form = SLC_PIXEL

    def add(self, block: FocusedBlock, writer: MeasurementWriter) -> None:
        """Scale and write the lines of a block; its spectrum is used up."""
        self.add_lines(block.first_line, block.image(), writer)

    def add_lines(
        self,
        first_line: int,
        image: NDArray[np.complex64],
        writer: MeasurementWriter,
        *,
        first_sample: int = 0,
        lines: int | None = None,
    ) -> None:
        """Scale and write lines of beta nought amplitude, complex64 (n, samples), from a sample of the frame on.

        What `lines`, else n, have beyond them is black.
        """
        inside = slice(first_sample, first_sample + image.shape[1])

        def quantised(start: int, numbers: NDArray[np.int16], sums: Array, power: Array) -> None:
            given = as_floats(image[start : start + len(numbers)])
            numbers[len(given) :], numbers[:, : inside.start], numbers[:, inside.stop :] = 0, 0, 0
            place = first_line + start, first_sample
            quantise(given, self.scaling[inside], numbers[: len(given), inside], sums, place, self._cell, power)

        self._write(first_line, len(image) if lines is None else lines, quantised, writer)


class DetectedImage(Image):
    """An image of detected 16 bit pixels."""

    form = GRD_PIXEL

    def add(self, block: DetectedBlock, writer: MeasurementWriter) -> None:
        """Scale and write the amplitudes of a block."""
        intensity = block.intensity

        def quantised(start: int, numbers: NDArray[np.uint16], sums: Array, power: Array) -> None:
            given = intensity[start : start + len(numbers)]
            quantise_detected(given, self.scaling, numbers, sums, block.first_line + start, self._cell, power)

        self._write(block.first_line, len(intensity), quantised, writer)


def scaling_of(table: ScalingTable, incidence_rad: Array) -> Array:
    """The application LUT at incidence angles."""
    angles = table.start_deg + table.increment_deg * np.arange(len(table.values))
    return np.asarray(np.interp(np.degrees(incidence_rad), angles, table.values))


@numba.njit(cache=True, nogil=True, fastmath=True)
def quantise(  # noqa: PLR0917 - numba takes positions only
    image: NDArray[np.float32],
    scaling: NDArray[np.float32],
    out: NDArray[np.int16],
    sums: Array,
    place: tuple[int, int],
    cell: tuple[int, int],
    power: Array,
) -> None:  # pragma: no cover - compiled
    """Scale, round and cut complex lines, float32 (n, 2 m), to int16 (n, m, 2).

    Adds to the sums of `PixelStatistics`, but for the pixels, and to `power` by cells of lines and samples, from the
    row of cells on in which the first line lies. `place`: the line and sample of the frame at which the lines begin.
    """
    lines, samples = image.shape[0], image.shape[1] // 2
    for line in range(lines):
        row = (place[0] + line) // cell[0] - place[0] // cell[0]
        for column in range(place[1] // cell[1], (place[1] + samples - 1) // cell[1] + 1):
            begin, end = max(column * cell[1] - place[1], 0), min((column + 1) * cell[1] - place[1], samples)
            re_sum, im_sum, re_part, im_part, saturated = 0.0, 0.0, 0.0, 0.0, 0
            for sample in range(begin, end):
                re = np.rint(image[line, 2 * sample] * scaling[sample])
                im = np.rint(image[line, 2 * sample + 1] * scaling[sample])
                if max(abs(re), abs(im)) > np.float32(32767.0):
                    saturated += 1
                    re = min(max(re, np.float32(-32767.0)), np.float32(32767.0))
                    im = min(max(im, np.float32(-32767.0)), np.float32(32767.0))
                out[line, sample, 0] = np.int16(re)
                out[line, sample, 1] = np.int16(im)
                re_sum += re
                im_sum += im
                re_part += re * re
                im_part += im * im
            power[row, column] += re_part + im_part
            sums[1] += re_sum
            sums[2] += im_sum
            sums[3] += re_part
            sums[4] += im_part
            sums[5] += saturated


@numba.njit(cache=True, nogil=True, fastmath=True)
def quantise_detected(  # noqa: PLR0917 - numba takes positions only
    intensity: NDArray[np.float32],
    scaling: NDArray[np.float32],
    out: NDArray[np.uint16],
    sums: Array,
    first_line: int,
    cell: tuple[int, int],
    power: Array,
) -> None:  # pragma: no cover - compiled
    """As `quantise`, the roots of intensities, float32 (n, m), to uint16 (n, m)."""
    lines, samples = intensity.shape
    for line in range(lines):
        row = (first_line + line) // cell[0] - first_line // cell[0]
        for begin in range(0, samples, cell[1]):
            total, square, saturated = 0.0, 0.0, 0
            for sample in range(begin, min(begin + cell[1], samples)):
                value = np.rint(np.sqrt(intensity[line, sample]) * scaling[sample])
                saturated += value > np.float32(65535.0)
                value = min(value, np.float32(65535.0))
                out[line, sample] = np.uint16(value)
                total += value
                square += value * value
            power[row, begin // cell[1]] += square
            sums[1] += total
            sums[3] += square
            sums[5] += saturated
