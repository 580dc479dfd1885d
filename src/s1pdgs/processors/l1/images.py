"""The pixels of a product: scaled to digital numbers, counted and written in place into their TIFF files."""

from pathlib import Path
from typing import Any

import numba
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.aux.pp1 import ScalingTable
from s1pdgs.formats.l1.measurement import GRD_PIXEL, SLC_PIXEL, MeasurementInfo, PixelForm, tiff_header
from s1pdgs.processors.l1.focus import FocusedBlock
from s1pdgs.processors.l1.geometry import ImageGrid
from s1pdgs.processors.l1.ground import GroundRange
from s1pdgs.processors.l1.looks import DetectedBlock
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S

Array = NDArray[np.float64]

SIGNED, UNSIGNED = "16 bit Signed Integer", "16 bit Unsigned Integer"


@frozen(eq=False)
class Frame:
    """Where the pixels of an image lie; `ground` is set for detected images, whose columns count ground range."""

    lines: int
    samples: int
    first_line_s: float
    line_interval_s: float
    range_spacing_m: float
    slant: ImageGrid
    ground: GroundRange | None = None

    @property
    def detected(self) -> bool:
        return self.ground is not None

    def time_s(self, line: Array | float) -> Array:
        """Zero-Doppler times, seconds after the orbit's epoch, of lines."""
        return np.asarray(self.first_line_s + np.asarray(line, dtype=np.float64) * self.line_interval_s)

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


def map_pixels(path: Path, info: MeasurementInfo, form: PixelForm) -> NDArray[Any]:
    """A new TIFF file whose pixels, (lines, samples[, 2]), are mapped; they are zero until written.

    Pixels are quantised straight into the file: a pass of `MeasurementWriter` would cost as much as focusing.
    """
    header = tiff_header(info, form)
    shape = (info.lines, info.samples, 2) if form.components == 2 else (info.lines, info.samples)
    with path.open("wb") as stream:
        stream.write(header)
        stream.truncate(len(header) + info.lines * info.samples * form.pixel_bytes)
    return np.memmap(path, np.dtype(form.dtype), mode="r+", offset=len(header), shape=shape)


class ComplexImage:
    """Complex 16 bit pixels, int16 (lines, samples, 2), of a measurement file."""

    def __init__(self, path: Path, frame: Frame, scaling: NDArray[np.float32], info: MeasurementInfo) -> None:
        self.path = path
        self.frame = frame
        self.pixels = map_pixels(path, info, SLC_PIXEL)
        self.scaling = scaling
        self.statistics = PixelStatistics()

    def add(self, block: FocusedBlock) -> None:
        """Scale and store the lines of a block; its spectrum is used up."""
        image = block.image()
        out = self.pixels[block.first_line : block.first_line + block.valid]
        sums = np.zeros(6)
        quantise(image.view(np.float32), self.scaling, out.reshape(block.valid, -1), sums)
        self.statistics.add(sums)


class DetectedImage:
    """Detected 16 bit pixels, uint16 (lines, samples), of a measurement file."""

    def __init__(self, path: Path, frame: Frame, scaling: NDArray[np.float32], info: MeasurementInfo) -> None:
        self.path = path
        self.frame = frame
        self.pixels = map_pixels(path, info, GRD_PIXEL)
        self.scaling = scaling
        self.statistics = PixelStatistics()

    def add(self, block: DetectedBlock) -> None:
        """Scale and store the amplitudes of a block."""
        numbers = np.rint(np.sqrt(block.intensity) * self.scaling)
        saturated = np.count_nonzero(numbers > 65535.0)
        np.minimum(numbers, 65535.0, out=numbers)
        self.pixels[block.first_line : block.first_line + len(numbers)] = numbers
        total, square = float(numbers.sum(dtype=np.float64)), float(np.sum(numbers**2, dtype=np.float64))
        self.statistics.add(np.array([numbers.size, total, 0.0, square, 0.0, saturated]))


def scaling_of(table: ScalingTable, incidence_rad: Array) -> Array:
    """The application LUT at incidence angles."""
    angles = table.start_deg + table.increment_deg * np.arange(len(table.values))
    return np.asarray(np.interp(np.degrees(incidence_rad), angles, table.values))


@numba.njit(cache=True, nogil=True, fastmath=True)
def quantise(
    image: NDArray[np.float32], scaling: NDArray[np.float32], out: NDArray[np.int16], sums: Array
) -> None:  # pragma: no cover - compiled
    """Scale, round and cut complex lines, float32 (n, 2 m), to int16; add to the sums of `PixelStatistics`."""
    lines, samples = image.shape[0], image.shape[1] // 2
    for line in range(lines):
        re_sum, im_sum, re_square, im_square, saturated = 0.0, 0.0, 0.0, 0.0, 0
        for sample in range(samples):
            re = np.rint(image[line, 2 * sample] * scaling[sample])
            im = np.rint(image[line, 2 * sample + 1] * scaling[sample])
            if re > 32767.0 or re < -32768.0 or im > 32767.0 or im < -32768.0:
                saturated += 1
                re = min(max(re, np.float32(-32768.0)), np.float32(32767.0))
                im = min(max(im, np.float32(-32768.0)), np.float32(32767.0))
            out[line, 2 * sample] = np.int16(re)
            out[line, 2 * sample + 1] = np.int16(im)
            re_sum += re
            im_sum += im
            re_square += re * re
            im_square += im * im
        sums[0] += samples
        sums[1] += re_sum
        sums[2] += im_sum
        sums[3] += re_square
        sums[4] += im_square
        sums[5] += saturated
