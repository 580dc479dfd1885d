"""The impulse response of a focused point target: resolution, side lobes, position and energy."""

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.xml import FormatError

OVERSAMPLING = 16
SIDE_LOBE_CELLS = 10.0
"""Side lobes count up to this many resolution cells from the peak (ESA's product quality definition)."""


class AnalysisError(FormatError):
    """A point target cannot be measured where it should be."""


@frozen
class AxisResponse:
    """One cut through the peak: 3 dB width in samples, peak and integrated side lobe ratios in dB."""

    resolution: float
    pslr_db: float
    islr_db: float


@frozen
class ImpulseResponse:
    """Measured in samples of the chip: peak position `line`, `sample`; complex value there; energy = sum |z|^2 within
    the side lobe region, less the background that the corners of the chip show.
    """

    line: float
    sample: float
    peak: complex
    energy: float
    azimuth: AxisResponse
    range: AxisResponse


def impulse_response(chip: NDArray[np.complexfloating], search: int = 8) -> ImpulseResponse:
    """Measure the target near the middle of a complex chip of even shape (lines, samples).

    The peak is sought within `search` samples of the middle. Raises `AnalysisError` when it lies on the edge of that
    search or its main lobe does not end within the chip.
    """
    data = np.asarray(chip, dtype=np.complex128)
    fine, phase = _oversample(data)
    rows, columns = (size // 2 * OVERSAMPLING for size in data.shape)
    reach = search * OVERSAMPLING
    window = np.abs(fine[rows - reach : rows + reach + 1, columns - reach : columns + reach + 1])
    row, column = np.unravel_index(int(np.argmax(window)), window.shape)
    if not (0 < row < 2 * reach and 0 < column < 2 * reach):
        raise AnalysisError(f"no peak within {search} samples of the predicted position")
    row, column = int(row) + rows - reach, int(column) + columns - reach
    magnitude = np.abs(fine)
    azimuth = _axis(magnitude[:, column], row)
    range_ = _axis(magnitude[row], column)
    offset = _summit(magnitude[row - 1 : row + 2, column - 1 : column + 2])
    line, sample = row + offset[0], column + offset[1]
    value = fine[row, column] * np.exp(1j * (phase[0] * row + phase[1] * column) / OVERSAMPLING)
    energy = _energy(data, round(line / OVERSAMPLING), round(sample / OVERSAMPLING), azimuth, range_)
    return ImpulseResponse(line / OVERSAMPLING, sample / OVERSAMPLING, complex(value), energy, azimuth, range_)


def _oversample(data: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], tuple[float, float]]:
    """Interpolate by zero padding both spectra around their centroids.

    Returns the data moved to baseband and the phase slopes (radians per original sample) that were taken off.
    """
    slopes = []
    for axis in (0, 1):
        size = data.shape[axis]
        lag = np.sum(np.take(data, range(1, size), axis) * np.conj(np.take(data, range(size - 1), axis)))
        slope = 2.0 * np.pi * round(float(np.angle(lag)) * size / (2.0 * np.pi)) / size
        shape = (-1, 1) if axis == 0 else (1, -1)
        data = data * np.exp(-1j * slope * np.arange(size)).reshape(shape)
        spectrum = scipy.fft.fftshift(scipy.fft.fft(data, axis=axis), axes=axis)
        pad = [(0, 0), (0, 0)]
        pad[axis] = ((OVERSAMPLING - 1) * size // 2,) * 2
        padded = scipy.fft.ifftshift(np.pad(spectrum, pad), axes=axis)
        data = scipy.fft.ifft(padded, axis=axis) * OVERSAMPLING
        slopes.append(slope)
    return data, (slopes[0], slopes[1])


def _axis(cut: NDArray[np.float64], peak: int) -> AxisResponse:
    power = cut**2
    half = 0.5 * power[peak]
    left, right = peak, peak
    while left > 0 and power[left] > half:
        left -= 1
    while right < power.size - 1 and power[right] > half:
        right += 1
    width = (right - (half - power[right]) / (power[right - 1] - power[right])) - (
        left + (half - power[left]) / (power[left + 1] - power[left])
    )
    first, last = left, right
    while first > 0 and power[first - 1] < power[first]:
        first -= 1
    while last < power.size - 1 and power[last + 1] < power[last]:
        last += 1
    if first == 0 or last == power.size - 1:
        raise AnalysisError("the main lobe does not end within the chip; is this a point target?")
    reach = round(SIDE_LOBE_CELLS * width)
    lobes = np.concatenate([power[max(peak - reach, 0) : first], power[last + 1 : peak + reach + 1]])
    main = power[first : last + 1].sum()
    return AxisResponse(
        resolution=width / OVERSAMPLING,
        pslr_db=float(10.0 * np.log10(lobes.max() / power[peak])),
        islr_db=float(10.0 * np.log10(lobes.sum() / main)),
    )


def _summit(values: NDArray[np.float64]) -> tuple[float, float]:
    """Offset of the summit of a paraboloid through (3, 3) values; the responses of squinted beams lie aslant."""
    slope = 0.5 * np.array([values[2, 1] - values[0, 1], values[1, 2] - values[1, 0]])
    curvature = np.array([values[2, 1] + values[0, 1], values[1, 2] + values[1, 0]]) - 2.0 * values[1, 1]
    twist = 0.25 * (values[2, 2] - values[2, 0] - values[0, 2] + values[0, 0])
    row, column = np.linalg.solve([[curvature[0], twist], [twist, curvature[1]]], -slope)
    return float(row), float(column)


def _energy(data: NDArray[np.complex128], line: int, sample: int, azimuth: AxisResponse, range_: AxisResponse) -> float:
    power = np.abs(data) ** 2
    reach = [max(round(SIDE_LOBE_CELLS * axis.resolution), 4) for axis in (azimuth, range_)]
    lines = np.abs(np.arange(power.shape[0]) - line) <= reach[0]
    samples = np.abs(np.arange(power.shape[1]) - sample) <= reach[1]
    quiet = power[np.ix_(~lines, ~samples)]
    cross = lines[:, None] | samples[None, :]
    background = float(quiet.mean()) if quiet.size else 0.0
    return float(np.sum(power[cross]) - background * np.count_nonzero(cross))
