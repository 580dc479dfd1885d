"""How StripMap lines are laid out for focusing: what is known of the acquisition, the image grid and the blocks."""

import math
from collections.abc import Callable

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.geometry import DopplerModel, ImageGrid, RangeModel, RawGrid, range_model
from s1pdgs.processors.l1.lengths import fast_length
from s1pdgs.processors.l1.scratch import cores
from s1pdgs.processors.l1.terrain import ELLIPSOID, Terrain
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex64]
LineSource = Callable[[int, NDArray[np.complex64]], None]
"""Fill complex64 (n, samples) with the raw echoes of the lines from a first line on, zero where there are none."""
Pattern = Callable[[Array], Array]
"""Amplitudes relative to the peak, of Doppler offsets in Hz (azimuth pattern)."""
RangePattern = Callable[[float, Array], Array]
"""Amplitudes relative to the peak, at a time (s after the orbit epoch) for slant ranges in metres."""

EXTRA_LINES = 50
_EDGE_SAMPLES = 16


class FocusError(ValueError):
    """The raw data cannot be focused; the message tells what is missing."""


@frozen
class Window:
    """A generalised Hamming window a + (1 - a) cos(2 pi f / B) over a processing bandwidth B."""

    coefficient: float
    bandwidth_hz: float

    def __call__(self, frequency_hz: Array) -> Array:
        """Values at frequencies, zero beyond the bandwidth."""
        cosine = np.cos(2.0 * np.pi * frequency_hz / self.bandwidth_hz)
        inside = np.abs(frequency_hz) <= 0.5 * self.bandwidth_hz
        return np.where(inside, self.coefficient + (1.0 - self.coefficient) * cosine, 0.0)

    def mean_square(self, sampling_hz: float) -> float:
        """The mean of the squared window over a sampled band."""
        frequency = (np.arange(20001) / 20000.0 - 0.5) * self.bandwidth_hz
        return float(np.trapezoid(self(frequency) ** 2, frequency)) / sampling_hz


@frozen(eq=False)
class FocusParameters:
    """What focusing needs to know beyond the raw grid and the orbit.

    `replica` is the unit-amplitude transmitted pulse from its rising edge at the sampling frequency; `raw_gain` the K
    of docs/joints.md, section 1; patterns are two-way amplitudes.
    """

    replica: NDArray[np.complex64]
    range_window: Window
    azimuth_window: Window
    azimuth_pattern: Pattern
    elevation_pattern: RangePattern
    doppler: DopplerModel
    raw_gain: float
    terrain: Terrain = ELLIPSOID
    block_bytes: int = 1_000_000_000
    threads: int = field(factory=cores)


@frozen(eq=False)
class FocusPlan:
    """The layout of the blocks: `block_lines` per block of which all but `lead` and `trail` are fully focused."""

    raw: RawGrid
    image: ImageGrid
    parameters: FocusParameters
    orbit: Orbit
    block_lines: int
    bins: int
    lead: int
    trail: int
    skipped_samples: int

    @property
    def valid_lines(self) -> int:
        """Fully focused lines of a block."""
        return self.block_lines - self.lead - self.trail


def plan_focus(raw: RawGrid, orbit: Orbit, parameters: FocusParameters) -> FocusPlan:
    """Decide the blocks and the image grid.

    The image keeps the samples whose whole pulse lies in the window, on the raw sampling grid, and the lines whose
    whole synthetic aperture was received. Raises `FocusError` when none is left.
    """
    pulse = parameters.replica.size
    samples = raw.samples - pulse - 2 * _EDGE_SAMPLES
    if samples < 64:
        raise FocusError(
            f"the sampling window of {raw.samples} samples leaves nothing beside the pulse of {pulse} samples"
        )
    first_delay = raw.first_delay_s + _EDGE_SAMPLES / raw.sampling_hz
    delays = first_delay + np.arange(samples) / raw.sampling_hz
    middle_delay = float(delays[samples // 2])
    middle_s = raw.first_transmit_s + 0.5 * raw.lines * raw.pri_s + 0.5 * middle_delay
    height = parameters.terrain.mean(middle_s)
    model = range_model(orbit, middle_s, delays * (SPEED_OF_LIGHT_M_S / 2.0), height)
    lead, trail = _aperture_lines(raw, delays, model, parameters)
    if raw.lines <= lead + trail:
        raise FocusError(f"{raw.lines} lines are fewer than the synthetic aperture of {lead + trail} lines")
    bins = fast_length(raw.samples)
    lines = _block_lines(raw.lines, lead + trail, bins, parameters.block_bytes)
    image = ImageGrid(
        lines=raw.lines - lead - trail,
        samples=samples,
        first_line_s=raw.first_transmit_s + lead * raw.pri_s + 0.5 * middle_delay,
        line_interval_s=raw.pri_s,
        first_delay_s=first_delay,
        sampling_hz=raw.sampling_hz,
    )
    return FocusPlan(raw, image, parameters, orbit, lines, bins, lead, trail, _EDGE_SAMPLES)


def _aperture_lines(raw: RawGrid, delays: Array, model: RangeModel, parameters: FocusParameters) -> tuple[int, int]:
    """Raw lines before and after a zero-Doppler line that its aperture needs, over all ranges and the acquisition."""
    rate = np.abs(model.fm_rate_hz_s)
    half = 0.5 * parameters.azimuth_window.bandwidth_hz
    times = raw.first_transmit_s + raw.pri_s * raw.lines * np.linspace(0.0, 1.0, 3)
    centroids = [parameters.doppler(float(time), delays) for time in times]
    lead = max(float(np.max((half + centroid) / rate)) for centroid in centroids)
    trail = max(float(np.max((half - centroid) / rate)) for centroid in centroids)
    margin = EXTRA_LINES // 2
    return max(math.ceil(lead / raw.pri_s), 0) + margin, max(math.ceil(trail / raw.pri_s), 0) + margin


def _block_lines(lines: int, overlap: int, bins: int, block_bytes: int) -> int:
    """The lines of a block: all of a short acquisition, else as many as the memory bound allows, evenly used."""
    affordable = max(block_bytes // (8 * bins), overlap + 256)
    if lines <= affordable:
        return fast_length(lines)
    blocks = math.ceil((lines - overlap) / (affordable - overlap))
    return fast_length(math.ceil((lines - overlap) / blocks) + overlap)
