"""Level-1 measurements: GeoTIFF files written line block by line block in bounded memory.

SLC pixels are complex 16-bit integers, GRD pixels unsigned 16-bit integers, one line a strip, uncompressed, with the
geolocation grid as tie points (S1-RS-MDA-52-7441, section 3.2.2; TIFF 6.0; GeoTIFF 1.1). The header is laid out here
and not by tifffile: numpy, hence tifffile, knows no complex integers (TIFF SampleFormat 5).
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from s1pdgs.formats.files import atomic_file
from s1pdgs.formats.l1.annotation import GeolocationGridPoint, ImageStatistics
from s1pdgs.formats.xml import FormatError

MAX_FILE_BYTES = 2**32 - 1
_BLOCK_LINES = 256
_SHORT, _LONG, _ASCII, _DOUBLE = 3, 4, 2, 12
_CODES = {_SHORT: "H", _LONG: "I", _DOUBLE: "d"}
# GeoTIFF: geographic model, pixel is area, WGS 84.
_GEO_KEYS = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)


class MeasurementError(FormatError):
    """Pixels that a measurement cannot hold, or that were never given."""


@frozen
class PixelForm:
    """How a pixel is stored: TIFF sample format, components of 16 bits, their type and range."""

    sample_format: int
    components: int
    dtype: str

    @property
    def pixel_bytes(self) -> int:
        return 2 * self.components


SLC_PIXEL = PixelForm(sample_format=5, components=2, dtype="<i2")
GRD_PIXEL = PixelForm(sample_format=1, components=1, dtype="<u2")


@frozen(kw_only=True)
class MeasurementInfo:
    """Size in lines and samples, tags and tie points of a measurement; `description` as `Sentinel-1A IW GRD HR L1`."""

    lines: int
    samples: int
    description: str
    software: str
    created: datetime
    tie_points: Sequence[GeolocationGridPoint] = field(default=())


class MeasurementWriter:
    """Takes blocks of lines in any order; `statistics` covers all pixels written."""

    def __init__(self, stream: BinaryIO, info: MeasurementInfo, form: PixelForm) -> None:
        self._stream = stream
        self._info = info
        self._form = form
        header = tiff_header(info, form)
        self._data_offset = len(header)
        self._written = np.zeros(info.lines, dtype=np.bool_)
        self._sums = np.zeros((2, form.components))
        self._pixels = 0
        self.saturated = 0
        stream.write(header)
        stream.truncate(self.line_offset(info.lines))

    def line_offset(self, line: int) -> int:
        """Offset in the file, in bytes, of the first pixel of a line (`byteOffset` of a burst)."""
        return self._data_offset + line * self._info.samples * self._form.pixel_bytes

    def write(self, first_line: int, block: NDArray[Any]) -> None:
        """Write lines from `first_line` on.

        `block` of shape (n, samples): complex for an SLC, real and not negative for a GRD; values are rounded, and
        clipped to 16 bits (`saturated` counts the clipped components). Raises `MeasurementError` for another shape or
        type or for values that are no numbers.
        """
        lines_fit = first_line >= 0 and first_line + block.shape[0] <= self._info.lines
        if block.ndim != 2 or block.shape[1] != self._info.samples or not lines_fit:
            raise MeasurementError(
                f"block of shape {block.shape} at line {first_line} does not fit an image of "
                f"{self._info.lines} lines and {self._info.samples} samples"
            )
        if np.iscomplexobj(block) != (self._form.components == 2):
            raise MeasurementError(f"pixels of type {block.dtype}: an SLC takes complex ones, a GRD real ones")
        for start in range(0, block.shape[0], _BLOCK_LINES):
            self._write_some(first_line + start, block[start : start + _BLOCK_LINES])

    def write_quantised(self, first_line: int, pixels: NDArray[np.integer[Any]]) -> None:
        """Write lines that already are stored values: int16 (n, samples, 2) for an SLC, uint16 (n, samples) for a GRD.

        For a processor that rounds and counts in its own pass: `statistics` and `saturated` leave these lines out.
        Raises `MeasurementError` for another shape or type.
        """
        sizes = (self._info.samples, 2) if self._form.components == 2 else (self._info.samples,)
        if pixels.dtype != np.dtype(self._form.dtype) or pixels.shape[1:] != sizes:
            raise MeasurementError(f"pixels of {pixels.dtype} and shape {pixels.shape} are not lines of {sizes}")
        if first_line < 0 or first_line + pixels.shape[0] > self._info.lines:
            raise MeasurementError(f"lines {first_line} + {pixels.shape[0]} exceed the {self._info.lines} of the image")
        self._store(first_line, np.ascontiguousarray(pixels))

    def _store(self, first_line: int, pixels: NDArray[Any]) -> None:
        self._stream.seek(self.line_offset(first_line))
        self._stream.write(pixels.data.cast("B"))
        self._written[first_line : first_line + pixels.shape[0]] = True

    def _write_some(self, first_line: int, block: NDArray[Any]) -> None:
        values = np.ascontiguousarray(block)
        if self._form.components == 2:
            values = values.view(values.real.dtype)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise MeasurementError(f"lines from {first_line} hold values that are not finite")
        limits = np.iinfo(self._form.dtype)
        rounded = np.rint(values)
        pixels = np.clip(rounded, limits.min, limits.max).astype(self._form.dtype)
        self.saturated += int(np.count_nonzero(pixels != rounded))
        self._store(first_line, pixels.reshape(block.shape[0], -1))
        parts = pixels.reshape(-1, self._form.components).astype(np.float64)
        self._sums += [parts.sum(axis=0), (parts * parts).sum(axis=0)]
        self._pixels += parts.shape[0]

    @property
    def statistics(self) -> ImageStatistics:
        """Mean and standard deviation of the pixels written so far; a GRD has real parts alone."""
        mean = self._sums[0] / max(self._pixels, 1)
        deviation = np.sqrt(np.maximum(self._sums[1] / max(self._pixels, 1) - mean * mean, 0.0))
        return ImageStatistics(output_data_mean=complex(*mean), output_data_std_dev=complex(*deviation))

    def check_complete(self) -> None:
        """Raises `MeasurementError` when lines were never written."""
        missing = np.flatnonzero(~self._written)
        if missing.size:
            raise MeasurementError(f"{missing.size} lines were never written, the first is {missing[0]}")


@contextmanager
def open_measurement(path: Path, info: MeasurementInfo, form: PixelForm) -> Iterator[MeasurementWriter]:
    """A writer whose file takes its name when the block ends and every line was written; else nothing is left."""
    with atomic_file(path) as stream:
        writer = MeasurementWriter(stream, info, form)
        yield writer
        writer.check_complete()


def tiff_header(info: MeasurementInfo, form: PixelForm) -> bytes:
    """Everything before the pixels of a little-endian TIFF.

    Raises `MeasurementError` when the file would pass the 4 GiB of a classic TIFF or the image is empty.
    """
    if info.lines < 1 or info.samples < 1:
        raise MeasurementError(f"an image of {info.lines} lines and {info.samples} samples is empty")
    line_bytes = info.samples * form.pixel_bytes
    entries = _entries(info, form, line_bytes)
    size = 8 + 2 + 12 * len(entries) + 4 + sum(_padded(payload) for _, _, _, payload in entries)
    if size + info.lines * line_bytes > MAX_FILE_BYTES:
        raise MeasurementError(f"{info.lines} lines of {info.samples} samples do not fit a TIFF of 4 GiB")
    offsets = struct.pack(f"<{info.lines}I", *range(size, size + info.lines * line_bytes, line_bytes))
    directory, payloads = b"", b""
    next_payload = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, payload in entries:
        content = offsets if tag == 273 else payload
        if len(content) <= 4:
            value = content.ljust(4, b"\0")
        else:
            value = struct.pack("<I", next_payload + len(payloads))
            payloads += content.ljust(_padded(content), b"\0")
        directory += struct.pack("<HHI", tag, kind, count) + value
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + directory + bytes(4) + payloads


def _padded(payload: bytes) -> int:
    """Bytes that a value takes outside the directory, where values begin at even offsets."""
    return 0 if len(payload) <= 4 else len(payload) + len(payload) % 2


def _entries(info: MeasurementInfo, form: PixelForm, line_bytes: int) -> list[tuple[int, int, int, bytes]]:
    """The tags as (tag, type, count, value); strip offsets (273) are filled in later."""

    def numbers(tag: int, kind: int, *values: float) -> tuple[int, int, int, bytes]:
        return tag, kind, len(values), struct.pack(f"<{len(values)}{_CODES[kind]}", *values)

    def text(tag: int, value: str) -> tuple[int, int, int, bytes]:
        encoded = value.encode("ascii", "replace") + b"\0"
        return tag, _ASCII, len(encoded), encoded

    entries = [
        numbers(256, _LONG, info.samples),
        numbers(257, _LONG, info.lines),
        numbers(258, _SHORT, 16 * form.components),
        numbers(259, _SHORT, 1),
        numbers(262, _SHORT, 1),
        text(270, info.description),
        numbers(273, _LONG, *[0] * info.lines),
        numbers(274, _SHORT, 1),
        numbers(277, _SHORT, 1),
        numbers(278, _LONG, 1),
        numbers(279, _LONG, *[line_bytes] * info.lines),
        numbers(284, _SHORT, 1),
        text(305, info.software),
        text(306, info.created.strftime("%Y:%m:%d %H:%M:%S")),
        numbers(339, _SHORT, form.sample_format),
    ]
    if info.tie_points:
        ties = [
            value
            for point in info.tie_points
            for value in (point.pixel, point.line, 0.0, point.longitude, point.latitude, point.height)
        ]
        entries += [numbers(33922, _DOUBLE, *ties), numbers(34735, _SHORT, *_GEO_KEYS)]
    return entries
