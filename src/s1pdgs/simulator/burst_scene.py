"""Raw echoes of a distributed scene in a TOPS burst, by the adjoint of focusing: two convolutions and a range pipeline.

u counts time from the middle of the burst, where the beam is not steered, g Doppler from the centroid, k_s is the rate
of the beam's Doppler, k_a that of a point. A scatterer at zero-Doppler time s shows at u the Doppler g = k_a (s - u);
it is in the beam when that is about k_s u. With the chirps exp(j pi k_a ...) and exp(j pi g^2 / k_s) taken off, the
spectrum of the scene is a convolution of its scatterers with AAP(a x) exp(j pi x^2 / k_t) over x = g - k_t s, and the
echoes one of the spectrum with exp(-j pi x^2 / k_s) over x = k_s u - g (a = 1 + k_s / k_a, k_t = k_s / a). Cells every
a PRI, spectrum every k_s PRI and echoes every PRI have one index. An amplitude is that of a scatterer times
exp(-j pi k_t s^2 - 2 pi j f s) with f the centroid, which matters where two passes see the same ones. What is left out:
azimuth ambiguities, beams being cut at half a PRF; range migration that differs from that at mid range (a sample at the
edges of bursts and window); and the coherence of neighbouring bursts, whose scatterers are drawn anew.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import scipy.fft
from attrs import frozen
from scipy.interpolate import CubicSpline, RectBivariateSpline

from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import Array
from s1pdgs.simulator.datatake import DataTake, RangeGeometry
from s1pdgs.simulator.distributed import Raw, chirp_spectrum, echo_amplitude, fill_white_noise, spread_chirps
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.revisit import Ground, Warp, knots, move
from s1pdgs.simulator.scene import backscatter, land_mask, patches, power

_COLUMNS = 64
_ROWS = 128
_MASK_STEP = 8
_TAPER = 0.88
_THREADS = 2


def raw_burst(
    take: DataTake, channel: Channel, targets: Array, seed: np.random.SeedSequence, ground: Ground | None = None
) -> Raw:
    """Noise-free raw echoes complex64 (lines, samples) in counts of a burst, a data take of its own lines.

    `targets` (n, 2) are lines and samples around which the scene is dark. With `ground`, the scatterers are those that
    its earlier orbit saw. Peak memory is that of the scene: the burst widened by a pulse and by the beam.
    """
    grid = burst_grid(take)
    if ground is None:
        data = _draw_scatterers(grid, seed)
    else:
        before = attrs.evolve(take, orbit=ground.earlier)
        earlier = burst_grid(before)
        warp = warp_cells((before, earlier), (take, grid), ground)
        data = move(_draw_scatterers(earlier, seed), warp, (grid.cells, grid.samples))
    _shape_cells(data, take, grid, channel, targets=targets)
    return respond(data, take, grid, channel)


def warp_cells(earlier: "tuple[DataTake, BurstGrid]", later: "tuple[DataTake, BurstGrid]", ground: Ground) -> Warp:
    """Where the cells of a burst were in an earlier pass over the same ground."""
    take, grid = later
    before, old = earlier
    rows, columns = knots(grid.cells, grid.samples, take.spacing_m)
    sample = columns + grid.first_sample
    steered = take.beam_s(rows - grid.lead)[:, None]
    at = _Cells.of(grid, columns)
    time = take.zero_doppler_s(0, sample) + (at.stretch * steered + at.unsteered_s - float(take.beam_s(0)))
    slant = np.broadcast_to(take.slant_range_m(sample), time.shape)
    time_before, slant_before = ground.earlier_seen(time, slant)
    column = (slant_before - float(before.slant_range_m(0))) / before.spacing_m
    was = _Cells.of(old, column - old.first_sample)
    line_s = time_before - before.zero_doppler_s(0, column)
    steered_before = (line_s + float(before.beam_s(0)) - was.unsteered_s) / was.stretch
    row = (steered_before - float(before.beam_s(0))) / before.scenario.radar.pri_s + old.lead
    turn = 2.0 * (slant_before - slant) / WAVELENGTH_M
    turn += was.cycles(steered_before, old.steering_hz_s) - at.cycles(steered, grid.steering_hz_s)
    return Warp(*(RectBivariateSpline(rows, columns, each) for each in (row, column - old.first_sample, turn)))


@frozen(eq=False)
class _Cells:
    """Along range at columns (...): a, the zero-Doppler time after the middle of the beam of an unsteered cell, and the
    centroid.
    """

    stretch: Array
    unsteered_s: Array
    doppler_hz: Array

    @classmethod
    def of(cls, grid: "BurstGrid", column: Array) -> "_Cells":
        every = np.arange(grid.samples)
        geometry = grid.geometry
        parts = (grid.stretch, geometry.doppler_hz / grid.rate_hz_s, geometry.doppler_hz)
        return cls(*(CubicSpline(every, part)(column) for part in parts))

    def cycles(self, steered_s: Array, steering_hz_s: float) -> Array:
        """The phase that focusing gives an amplitude beyond that of its way, for cells in the beam at a time."""
        offset = self.stretch * steered_s
        return np.asarray(0.5 * steering_hz_s / self.stretch * offset**2 + self.doppler_hz * offset)


@frozen(eq=False)
class BurstGrid:
    """The cells of a scene: `cells` along azimuth, the first one `lead` before line 0, and `samples` from the negative
    `first_sample` on. `beam` and `sweep` are half the lengths of the two convolutions.
    """

    lead: int
    cells: int
    first_sample: int
    samples: int
    beam: int
    sweep: int
    steering_hz_s: float
    geometry: RangeGeometry

    @property
    def rate_hz_s(self) -> Array:
        """k_a along range, positive."""
        return np.asarray(2.0 * self.geometry.effective_m_s**2 / (WAVELENGTH_M * self.geometry.slant_range_m))

    @property
    def stretch(self) -> Array:
        """a = 1 + k_s / k_a along range."""
        return np.asarray(1.0 + self.steering_hz_s / self.rate_hz_s)


def burst_grid(take: DataTake) -> BurstGrid:
    """The cells whose echoes reach the raw lines, of sizes that are fast to transform."""
    radar = take.scenario.radar
    lead = math.ceil((radar.chirp.length_s + 1.5e-6) * radar.sampling_hz)
    samples = scipy.fft.next_fast_len(take.samples + lead)
    geometry = take.range_geometry(np.arange(samples) + take.samples - samples)
    steering = 2.0 * geometry.satellite_m_s * radar.steering_rad_s / WAVELENGTH_M
    sweep = math.ceil(0.5 / (steering * radar.pri_s**2))
    rate = 2.0 * geometry.effective_m_s**2 / (WAVELENGTH_M * geometry.slant_range_m)
    beam = math.ceil(sweep / float(np.min(1.0 + steering / rate)))
    cells = scipy.fft.next_fast_len(take.lines + 2 * (sweep + beam))
    return BurstGrid(sweep + beam, cells, take.samples - samples, samples, beam, sweep, steering, geometry)


def respond(data: Raw, take: DataTake, grid: BurstGrid, channel: Channel) -> Raw:
    """The echoes complex64 (lines, samples) of point amplitudes (cells, samples), which are used up.

    An amplitude is the echo's at the peak of the azimuth pattern: pattern in elevation, range loss and gain included.
    """
    radar, geometry = take.scenario.radar, grid.geometry
    step = grid.steering_hz_s * radar.pri_s
    time = take.beam_s(np.arange(grid.cells) - grid.lead)
    middle = int(np.argmin(np.abs(np.arange(grid.samples) + grid.first_sample - take.samples // 2)))
    place = (float(geometry.slant_range_m[middle]), float(geometry.effective_m_s[middle]))
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda at: _illuminate(data, at, take, grid, channel), range(0, grid.samples, _COLUMNS)))
    doppler = float(geometry.doppler_hz[middle]) + grid.steering_hz_s * time
    element = channel.element.at_doppler(grid.steering_hz_s * time, geometry.satellite_m_s)
    row = (element * np.exp(2j * np.pi * _bend(doppler, *place))).astype(np.complex64)
    chirp = chirp_spectrum(radar, grid.samples, channel.delay_s)
    for start in range(0, grid.cells, _ROWS):
        rows = slice(start, min(start + _ROWS, grid.cells))
        echoes = spread_chirps(
            data[rows] * row[rows, None], chirp, doppler[rows], sampling_hz=radar.sampling_hz, place=place
        )
        data[rows, : take.samples] = echoes[:, -grid.first_sample :]
    offset = step * np.arange(-grid.sweep, grid.sweep + 1)
    kernel = np.exp(-1j * np.pi * offset**2 / grid.steering_hz_s)
    lines = slice(grid.lead, grid.lead + take.lines)
    phase = np.exp(1j * np.pi * grid.steering_hz_s * time[lines] ** 2)
    # the echo in a sample began half a pulse before it on average
    early = np.arange(take.samples) - grid.first_sample // 2
    raw = np.empty((take.lines, take.samples), np.complex64)

    def receive(start: int) -> None:
        columns = slice(start, min(start + _COLUMNS, take.samples))
        part = _convolve(data[:, columns], kernel, grid.sweep)[lines]
        centroid = geometry.doppler_hz[early[columns]]
        raw[:, columns] = part * (step * phase[:, None] * np.exp(2j * np.pi * time[lines, None] * centroid))

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(receive, range(0, take.samples, _COLUMNS)))
    return raw


def _illuminate(data: Raw, start: int, take: DataTake, grid: BurstGrid, channel: Channel) -> None:
    """Some columns of cells become their spectra, freed from chirps, by the beam."""
    columns = slice(start, min(start + _COLUMNS, grid.samples))
    middle = (columns.start + columns.stop) // 2
    rate, stretch = float(grid.rate_hz_s[middle]), float(grid.stretch[middle])
    offset = grid.steering_hz_s * take.scenario.radar.pri_s * np.arange(-grid.beam, grid.beam + 1)
    seen = stretch * offset
    beam = channel.azimuth.at_doppler(seen, grid.geometry.satellite_m_s)
    beam = beam * _taper(2.0 * np.abs(seen) * take.scenario.radar.pri_s)
    kernel = beam * np.exp(1j * np.pi * offset**2 * stretch / grid.steering_hz_s) / math.sqrt(rate)
    data[:, columns] = _convolve(data[:, columns], kernel, grid.beam)


def _convolve(columns: Raw, kernel: Array, half: int) -> Raw:
    """Circular convolution along azimuth with a kernel of 2 `half` + 1 taps."""
    length = columns.shape[0]
    wrapped = np.zeros(length, np.complex128)
    wrapped[np.arange(-half, half + 1) % length] = kernel
    lines = np.ascontiguousarray(columns.T)
    spectrum = scipy.fft.fft(lines, axis=1, overwrite_x=True)
    spectrum *= scipy.fft.fft(wrapped).astype(np.complex64)
    return np.asarray(scipy.fft.ifft(spectrum, axis=1, overwrite_x=True).T)


def _taper(share: Array) -> Array:
    """1 within `_TAPER` of half a PRF, falling to 0 at half a PRF."""
    fall = np.clip((share - _TAPER) / (1.0 - _TAPER), 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * fall))


def _bend(doppler_hz: Array, slant_m: float, speed_m_s: float) -> Array:
    """What the hyperbola has beyond the parabola at one range, in cycles."""
    squint = doppler_hz * WAVELENGTH_M / (2.0 * speed_m_s)
    return np.asarray(-2.0 * slant_m / WAVELENGTH_M * (np.sqrt(1.0 - squint**2) - 1.0 + 0.5 * squint**2))


def _draw_scatterers(grid: BurstGrid, seed: np.random.SeedSequence) -> Raw:
    """White cells, of variance 1 in each of real and imaginary part."""
    data = np.empty((grid.cells, grid.samples), np.complex64)
    starts = range(0, grid.cells, _ROWS)
    with ThreadPoolExecutor(_THREADS) as pool:
        parts = (data[start : start + _ROWS] for start in starts)
        list(pool.map(fill_white_noise, parts, seed.spawn(len(starts))))
    return data


def _shape_cells(data: Raw, take: DataTake, grid: BurstGrid, channel: Channel, *, targets: Array) -> None:
    """Give white cells the backscatter of coast, ground and dark patches."""
    geometry, radar = grid.geometry, take.scenario.radar
    cell = echo_amplitude(channel, geometry) * np.sqrt(
        take.spacing_m * geometry.ground_m_s * grid.stretch * radar.pri_s / np.sin(geometry.incidence_rad)
    )
    land, sea = (cell * np.sqrt(mean / 2.0) for mean in backscatter(take, geometry, channel.polarisation))
    dark = np.sqrt(power(take.scenario.scene.dark_db - take.scenario.scene.sea_db))
    ellipses = patches(take, take.range_geometry(np.arange(take.samples)), targets)
    unsteered = geometry.doppler_hz / (grid.rate_hz_s * radar.pri_s) - float(take.beam_s(0)) / radar.pri_s
    steered = take.beam_s(np.arange(grid.cells) - grid.lead)[:, None] / radar.pri_s
    ends = grid.stretch * steered[[0, -1]] + unsteered
    low = math.floor(float(ends.min()))
    shape = (math.ceil(float(ends.max() - low) / _MASK_STEP) + 1, math.ceil(grid.samples / _MASK_STEP) + 1)
    mask = land_mask(take, (low, grid.first_sample), shape, _MASK_STEP)
    column = np.arange(grid.samples)

    def shape_rows(start: int) -> None:
        rows = slice(start, min(start + _ROWS, grid.cells))
        line = grid.stretch * steered[rows] + unsteered
        on_land = mask[((line - low) / _MASK_STEP).astype(np.int64), column // _MASK_STEP]
        amplitude = np.where(on_land, land, sea)
        for patch in ellipses:
            inside = ((line - patch[0]) / patch[2]) ** 2 + ((column + grid.first_sample - patch[1]) / patch[3]) ** 2
            amplitude = np.where(inside < 1.0, sea * dark, amplitude)
        data[rows] *= amplitude.astype(np.float32)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(shape_rows, range(0, grid.cells, _ROWS)))
