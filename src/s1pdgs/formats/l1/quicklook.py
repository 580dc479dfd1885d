"""The quicklook of a product: averaged amplitudes as a grey or a two-polarisation colour PNG."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s1pdgs.formats.xml import FormatError

_BRIGHT_PERCENTILE = 98.0
_BLOCK_LINES = 256


class QuicklookGrid:
    """Averages the power of an image over cells of `line_factor` x `sample_factor` pixels, as its blocks come by.

    Lines and samples beyond the last whole cell are left out.
    """

    def __init__(self, lines: int, samples: int, line_factor: int, sample_factor: int) -> None:
        if min(line_factor, sample_factor) < 1 or lines < line_factor or samples < sample_factor:
            raise FormatError(f"cells of {line_factor} x {sample_factor} do not fit {lines} lines of {samples} samples")
        self._factors = line_factor, sample_factor
        self._power = np.zeros((lines // line_factor, samples // sample_factor))

    def add(self, first_line: int, block: NDArray[Any]) -> None:
        """Add lines, shape (n, samples): complex pixels or amplitudes."""
        rows, columns = self._power.shape
        line_factor, sample_factor = self._factors
        last = min(first_line + block.shape[0], rows * line_factor)
        if last <= first_line:
            return
        for start in range(first_line, last, _BLOCK_LINES):
            stop = min(start + _BLOCK_LINES, last)
            used = block[start - first_line : stop - first_line, : columns * sample_factor]
            power = np.square(np.abs(used), dtype=np.float64)
            along = power.reshape(used.shape[0], columns, sample_factor).sum(axis=2)
            np.add.at(self._power, np.arange(start, stop) // line_factor, along)

    @property
    def amplitude(self) -> NDArray[np.float64]:
        """Root of the mean power of every cell."""
        return np.sqrt(self._power / (self._factors[0] * self._factors[1]))


def reduction_factor(size: int, target: int) -> int:
    """The smallest whole factor that brings a size to a target or below."""
    return max(1, -(-size // target))


def quicklook_png(co_polar: NDArray[np.floating[Any]], cross_polar: NDArray[np.floating[Any]] | None = None) -> bytes:
    """A PNG of amplitudes of shape (rows, columns), zero where there is no data.

    One polarisation gives a grey image; two give red co-polar, green cross-polar, blue the ratio co-polar to
    cross-polar. Each band is stretched from zero to the 98th percentile of its pixels. Raises `FormatError` for empty
    arrays or differing shapes.
    """
    if co_polar.size == 0 or (cross_polar is not None and cross_polar.shape != co_polar.shape):
        shapes = co_polar.shape, None if cross_polar is None else cross_polar.shape
        raise FormatError(f"quicklook amplitudes of shapes {shapes} make no image")
    if cross_polar is None:
        image = Image.fromarray(_stretched(co_polar))
    else:
        ratio = np.divide(co_polar, cross_polar, out=np.zeros(co_polar.shape), where=cross_polar > 0.0)
        bands = [_stretched(co_polar), _stretched(cross_polar), _stretched(ratio)]
        image = Image.fromarray(np.stack(bands, axis=-1))
    stream = BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _stretched(amplitude: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    seen = amplitude[amplitude > 0.0]
    bright = float(np.percentile(seen, _BRIGHT_PERCENTILE)) if seen.size else 1.0
    return np.asarray(np.clip(np.rint(amplitude * (255.0 / bright)), 0.0, 255.0), dtype=np.uint8)
