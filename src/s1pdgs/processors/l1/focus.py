"""StripMap focusing: range compression, range-azimuth coupling, range migration and azimuth compression by blocks.

The range-Doppler algorithm with the exact two-dimensional phase of one reference range, followed by the residual
migration of the other ranges (Cumming and Wong, chapters 5 and 6). One block of lines is held at a time, in one
array that every step reuses; steps work on bands of rows that threads share.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
from attrs import field, frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.geometry import DopplerModel, ImageGrid, RangeModel, RawGrid, range_model
from s1pdgs.processors.l1.kernels import (
    as_floats,
    compress_azimuth,
    couple_range_azimuth,
    interpolation_table,
)
from s1pdgs.processors.l1.lengths import fast_length
from s1pdgs.processors.l1.scratch import Scratch, cores
from s1pdgs.processors.l1.terrain import ELLIPSOID, Terrain
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex64]
LineSource = Callable[[int, NDArray[np.complex64]], None]
"""Fill complex64 (n, samples) with the raw echoes of the lines from a first line on; rows not filled stay zero."""
Pattern = Callable[[Array], Array]
"""Amplitudes relative to the peak, of Doppler offsets in Hz (azimuth pattern)."""
RangePattern = Callable[[float, Array], Array]
"""Amplitudes relative to the peak, at a time (s after the orbit epoch) for slant ranges in metres."""

EXTRA_LINES = 50
_EDGE_SAMPLES = 16
_ROWS = 64
_WEIGHT_STEP_HZ = 0.25
_CLAMP = 0.05


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


@frozen(eq=False)
class FocusedBlock:
    """Focused data of one block in the range-Doppler domain.

    `spectrum` complex64 (block lines, samples): the azimuth spectrum in FFT order, absolute frequencies `doppler_hz`.
    Its inverse transform has `valid` lines from `lead` on, the first of which is line `first_line` of the image.
    The memory is reused for the next block. `transform` makes these lines where a device holds the spectrum too.
    """

    first_line: int
    lead: int
    valid: int
    spectrum: Spectrum
    doppler_hz: Array
    centroid_hz: Array
    model: RangeModel
    threads: int
    transform: Callable[[], Spectrum] | None = None

    def image(self) -> Spectrum:
        """The valid lines, complex64 (valid, samples) in beta nought amplitude; destroys the spectrum."""
        if self.transform is not None:
            return self.transform()
        image = scipy.fft.ifft(self.spectrum, axis=0, overwrite_x=True, workers=self.threads)
        return np.asarray(image[self.lead : self.lead + self.valid])


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


def focus(plan: FocusPlan, source: LineSource) -> Iterator[FocusedBlock]:
    """Focus all blocks in order; their valid lines tile the image."""
    step = plan.valid_lines
    with ThreadPoolExecutor(plan.parameters.threads) as pool:
        bench = _Bench(plan, _aligned_block(plan.block_lines, plan.bins), range_filter(plan), pool)
        for first in range(0, plan.image.lines, step):
            _load(bench, source, first, min(plan.block_lines, plan.raw.lines - first))
            yield _focus_block(bench, first, min(step, plan.image.lines - first))


@frozen(eq=False)
class _Bench:
    """What the blocks share: the storage of one block, the range filter, the threads."""

    plan: FocusPlan
    store: Spectrum
    range_filter: Spectrum
    pool: ThreadPoolExecutor
    scratch: Scratch = field(factory=Scratch)


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


def _aligned_block(lines: int, bins: int) -> Spectrum:
    """Storage whose rows start 64 octets off multiples of a page, so that columns do not share cache sets."""
    stride = -(-bins * 8 // 4096) * 4096 + 64
    return np.empty((lines, stride // 8), np.complex64)


def _load(bench: _Bench, source: LineSource, first: int, count: int) -> None:
    """Decode the raw lines of a block and transform them over range; absent lines and padding are zero."""
    plan, store = bench.plan, bench.store
    samples, bins = plan.raw.samples, plan.bins

    def load(start: int) -> None:
        rows = store[start : start + _ROWS, :bins]
        present = min(max(count - start, 0), rows.shape[0])
        if present:
            lines = bench.scratch.take("lines", present, samples)
            lines.fill(0.0)
            source(first + start, lines)
            rows[:present, :samples] = lines
        rows[:present, samples:], rows[present:] = 0.0, 0.0
        rows[...] = scipy.fft.fft(rows, axis=1, overwrite_x=True)

    list(bench.pool.map(load, range(0, plan.block_lines, _ROWS)))


def range_filter(plan: FocusPlan) -> Spectrum:
    """The inverse of the pulse's spectrum within the processing bandwidth, windowed; complex64 (bins,).

    Includes e^(j pi / 4), which takes the phase of the azimuth transform off.
    """
    spectrum = scipy.fft.fft(plan.parameters.replica.astype(np.complex128), plan.bins)
    power = np.abs(spectrum) ** 2
    frequency = scipy.fft.fftfreq(plan.bins, 1.0 / plan.raw.sampling_hz)
    inverse = np.conj(spectrum) / np.maximum(power, _CLAMP * np.median(power[power > 0.1 * power.max()]))
    return np.asarray(inverse * plan.parameters.range_window(frequency) * np.exp(0.25j * np.pi), np.complex64)


@frozen(eq=False)
class BlockFactors:
    """What a block is multiplied with, and where its frequencies lie.

    `doppler_hz` of the bins of its azimuth transform, of which `band` are focused; `centroid_hz` (samples,); `occupied`
    bins on both sides of zero range frequency are filled; `delay_s` and `coupling` of the bulk correction; `geometry`
    and `reference` of the residual one, `weights` over Doppler on `weight_grid`, `gain` (`kernels.compress_azimuth`).
    """

    model: RangeModel
    centroid_hz: Array
    doppler_hz: Array
    band: NDArray[np.bool_]
    occupied: int
    delay_s: float
    coupling: float
    geometry: Array
    reference: tuple[float, float, float, float, float]
    weights: Array
    weight_grid: tuple[float, float]
    gain: NDArray[np.float32]

    @classmethod
    def of(cls, plan: FocusPlan, first: int, valid: int) -> "BlockFactors":
        """Those of the block whose `valid` lines are those of the image from line `first` on."""
        parameters, image = plan.parameters, plan.image
        part, middle = image.part(first, valid), image.samples // 2
        model = range_model(plan.orbit, part.mid_line_s, image.ranges_m, parameters.terrain.mean(part.mid_line_s))
        centroid = parameters.doppler(part.mid_line_s, image.delays_s)
        doppler = absolute_doppler(plan.block_lines, image.line_interval_s, float(centroid.mean()))
        half = 0.5 * parameters.azimuth_window.bandwidth_hz
        slant_m, speed_m_s = float(model.ranges_m[middle]), float(model.effective_m_s[middle])
        shift_s = -0.5 * (image.delays_s - image.delays_s[middle])
        weights, weight_grid = _azimuth_weights(parameters)
        return cls(
            model=model,
            centroid_hz=centroid,
            doppler_hz=doppler,
            band=(doppler >= centroid.min() - half) & (doppler <= centroid.max() + half),
            occupied=occupied_bins_of(plan),
            delay_s=2.0 * slant_m / SPEED_OF_LIGHT_M_S,
            coupling=SPEED_OF_LIGHT_M_S / (2.0 * speed_m_s),
            geometry=np.stack([model.ranges_m, model.effective_m_s, centroid, shift_s]),
            reference=(slant_m, speed_m_s, image.range_spacing_m, WAVELENGTH_M, float(plan.skipped_samples)),
            weights=weights,
            weight_grid=weight_grid,
            gain=_gain(plan, model),
        )


def _focus_block(bench: _Bench, first: int, valid: int) -> FocusedBlock:
    plan, factors = bench.plan, BlockFactors.of(bench.plan, first, valid)
    bins, threads, occupied = plan.bins, plan.parameters.threads, factors.occupied
    data, doppler, band = bench.store[:, :bins], factors.doppler_hz, factors.band
    for panel in (data[:, :occupied], data[:, bins - occupied :]):
        panel[...] = scipy.fft.fft(panel, axis=0, overwrite_x=True, workers=threads)
    compress = _compressor(bench, factors)
    list(bench.pool.map(lambda span: compress(data[span[0] : span[1]], doppler[span[0] : span[1]]), _bands(band)))
    data[~band] = 0.0
    return FocusedBlock(
        first_line=first,
        lead=plan.lead,
        valid=valid,
        spectrum=data[:, : plan.image.samples],
        doppler_hz=doppler,
        centroid_hz=factors.centroid_hz,
        model=factors.model,
        threads=threads,
    )


def _compressor(bench: _Bench, factors: BlockFactors) -> Callable[[Spectrum, Array], None]:
    """The compression, in range and in azimuth, of two-dimensional spectra given by rows and their frequencies."""
    occupied, delay, coupling, kernel = factors.occupied, factors.delay_s, factors.coupling, interpolation_table()
    geometry, reference, gain = factors.geometry, factors.reference, factors.gain
    weights, weight_grid = factors.weights, factors.weight_grid
    filtering, step_hz = bench.range_filter.view(np.float32), bench.plan.raw.sampling_hz / bench.plan.bins

    def compress(rows: Spectrum, doppler: Array) -> None:
        couple_range_azimuth(
            as_floats(rows), doppler, filtering, step_hz, occupied, RADAR_FREQUENCY_HZ, delay, coupling
        )
        rows[...] = scipy.fft.ifft(rows, axis=1, overwrite_x=True)
        compress_azimuth(as_floats(rows), doppler, geometry, reference, weights, weight_grid, gain, kernel)

    return compress


def absolute_doppler(lines: int, interval_s: float, centre_hz: float) -> Array:
    """The absolute frequency of each bin of an azimuth transform, within half a PRF of a centre."""
    frequency = scipy.fft.fftfreq(lines, interval_s)
    prf = 1.0 / interval_s
    return np.asarray(frequency + prf * np.round((centre_hz - frequency) / prf))


def noise_gain(plan: FocusPlan, model: RangeModel) -> Array:
    """E|z|^2 of the image over E|z|^2 of white raw data, per sample of the image (samples,)."""
    (_, across), (_, along) = range_noise_spectrum(plan), azimuth_noise_spectrum(plan)
    gain = _gain(plan, model).astype(np.float64) ** 2
    return np.asarray(float(across.mean()) * float(along.sum()) * gain)


def range_noise_spectrum(plan: FocusPlan) -> tuple[Array, Array]:
    """Frequencies of the range transform and the power that the range filter gives white noise there."""
    frequency: Array = np.array(scipy.fft.fftfreq(plan.bins, 1.0 / plan.raw.sampling_hz), dtype=np.float64)
    power: Array = np.array(np.abs(range_filter(plan)) ** 2, dtype=np.float64)
    return frequency, power


def azimuth_noise_spectrum(plan: FocusPlan) -> tuple[Array, Array]:
    """Doppler offsets from the centroid and the share of white noise that the azimuth filter passes around each."""
    weights, (first_hz, step_hz) = _azimuth_weights(plan.parameters)
    offset: Array = first_hz + step_hz * np.arange(weights.size, dtype=np.float64)
    return offset, weights**2 * step_hz * plan.image.line_interval_s


def occupied_bins_of(plan: FocusPlan) -> int:
    """Bins on each side of zero range frequency that the processing bandwidth fills."""
    half = 0.5 * plan.parameters.range_window.bandwidth_hz
    return min(math.floor(half / plan.raw.sampling_hz * plan.bins) + 1, plan.bins // 2)


def _bands(band: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of at most `_ROWS` rows that are all in the band."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], band.astype(np.int8), [0]])))
    return [
        (start, min(start + _ROWS, int(stop)))
        for first, stop in edges.reshape(-1, 2)
        for start in range(int(first), int(stop), _ROWS)
    ]


def _azimuth_weights(parameters: FocusParameters) -> tuple[Array, tuple[float, float]]:
    """The azimuth window over the antenna pattern as a table over (Doppler - centroid), and the table's grid."""
    half = 0.5 * parameters.azimuth_window.bandwidth_hz
    count = math.floor(2.0 * half / _WEIGHT_STEP_HZ) + 1
    step = 2.0 * half / (count - 1)
    offset = np.linspace(-half, half, count)
    return parameters.azimuth_window(offset) / parameters.azimuth_pattern(offset), (-half, step)


def _gain(plan: FocusPlan, model: RangeModel) -> NDArray[np.float32]:
    """The real factor per sample from unit-spectrum data to the amplitude of beta nought (docs/joints.md, 1)."""
    parameters, image = plan.parameters, plan.image
    stationary = np.sqrt(np.abs(model.fm_rate_hz_s)) * image.line_interval_s
    energy = parameters.range_window.mean_square(image.sampling_hz) * parameters.azimuth_window.mean_square(
        1.0 / image.line_interval_s
    )
    area = image.range_spacing_m * model.ground_m_s * image.line_interval_s
    spreading = (REFERENCE_RANGE_M / model.ranges_m) ** 2
    pattern = parameters.elevation_pattern(model.time_s, model.ranges_m)
    return np.asarray(
        stationary / (parameters.raw_gain * pattern * spreading * np.sqrt(energy * area)), dtype=np.float32
    )
