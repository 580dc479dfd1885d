"""Raw echoes of a distributed scene, by the adjoint of focusing: one FFT pipeline instead of a sum over scatterers.

White complex reflectivity on the raw grid stands for one scatterer per cell. Along azimuth its response at range R0 and
Doppler f is, by stationary phase, AAP(f - f_dc) / (PRI sqrt(ka)) exp(-4 pi i R0 D f0 / c - i pi / 4); along range the
chirp, coupled with azimuth by the exact two-dimensional phase at mid range (Cumming and Wong, chapters 5 and 6). What
is left out: range migration that differs from that at mid range (0.05 sample at the edge of the band) and the change of
the effective velocity along the few seconds of a data take.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count

import numba
import numpy as np
import scipy.fft
from attrs import evolve, frozen
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.orbit import Array
from s1pdgs.simulator.datatake import DataTake, RangeGeometry
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.revisit import Ground, Warp, knots, move
from s1pdgs.simulator.scenario import RadarSettings
from s1pdgs.simulator.scene import (
    Crossings,
    backscatter,
    land_crossings,
    patches,
    power,
    shape_reflectivity,
    texture,
)

Raw = NDArray[np.complex64]
_KNOT = 64
_ROWS = 256
_COLUMNS = 512
_WORKERS = min(4, cpu_count() or 1)


def raw_scene(
    take: DataTake, channel: Channel, targets: Array, seed: np.random.SeedSequence, ground: Ground | None = None
) -> Raw:
    """Noise-free raw echoes complex64 (lines, samples) of the scenario's scene in counts.

    `targets` (n, 2) are lines and samples around which the scene is dark. With `ground`, the scatterers are those that
    its earlier orbit saw. Peak memory is that of the scene: the raw image widened by a pulse and an aperture.
    """
    grid = scene_grid(take)
    if ground is None:
        data = _draw_scatterers(grid, seed)
    else:
        before = evolve(take, orbit=ground.earlier)
        earlier = scene_grid(before)
        warp = warp_lines((before, earlier), (take, grid), ground)
        data = move(_draw_scatterers(earlier, seed), warp, (grid.lines, grid.samples))
    coast = land_crossings(take, grid.first_line, grid.lines)
    _shape_scatterers(data, take, grid, channel, coast=coast, targets=targets)
    respond(data, take, grid, channel)
    return data[-grid.first_line : take.lines - grid.first_line, : take.samples]


def scene_grid(take: DataTake) -> "SceneGrid":
    """The grid that holds everything whose echo reaches the raw image, of sizes that are fast to transform."""
    radar = take.scenario.radar
    geometry = take.range_geometry([0.0])
    rate = 2.0 * geometry.effective_m_s[0] ** 2 / (WAVELENGTH_M * geometry.slant_range_m[0])
    aperture = math.ceil(1.0 / (rate * radar.pri_s**2))
    lines = scipy.fft.next_fast_len(take.lines + aperture)
    lead = math.ceil((radar.chirp.length_s + 1.5e-6) * radar.sampling_hz)
    samples = scipy.fft.next_fast_len(take.samples + lead)
    return SceneGrid(-((lines - take.lines) // 2), lines, take.samples - samples, samples)


@frozen
class SceneGrid:
    """Lines and samples of the scene, counted from those of the raw image; the first ones are negative."""

    first_line: int
    lines: int
    first_sample: int
    samples: int


def respond(data: Raw, take: DataTake, grid: SceneGrid, channel: Channel) -> None:
    """Turn point amplitudes (grid lines, grid samples) in place into echoes; they fill the first window samples.

    An amplitude is the echo's at the peak of the azimuth pattern: pattern in elevation, range loss and gain included.
    """
    samples = np.arange(grid.samples) + grid.first_sample
    geometry = take.range_geometry(samples)
    _transform_columns(data, scipy.fft.fft)
    radar = take.scenario.radar
    doppler = _doppler_axis(grid.lines, radar.pri_s, float(np.median(geometry.doppler_hz)))
    chirp = chirp_spectrum(radar, grid.samples, channel.delay_s)
    middle = int(np.argmin(np.abs(samples - take.samples // 2)))
    coupling = (geometry.slant_range_m[middle], geometry.effective_m_s[middle])
    for start in range(0, grid.lines, _ROWS):
        rows = data[start : start + _ROWS]
        frequency = doppler[start : start + _ROWS]
        _azimuth_response(rows, *_azimuth_knots(frequency, geometry, channel, radar.pri_s), _KNOT)
        echoes = spread_chirps(rows, chirp, frequency, sampling_hz=radar.sampling_hz, place=coupling)
        rows[:, : take.samples] = echoes[:, -grid.first_sample :]
    _transform_columns(data[:, : take.samples], scipy.fft.ifft)


def spread_chirps(
    rows: Raw, chirp: NDArray[np.complex64], doppler_hz: Array, *, sampling_hz: float, place: tuple[float, float]
) -> Raw:
    """Every cell of rows (n, samples) of Doppler (n,) becomes a pulse, migrated and coupled as at one `place`.

    `chirp` is the spectrum of `chirp_spectrum`; the place is a slant range and the effective velocity there.
    """
    spectrum = scipy.fft.fft(rows, axis=1, workers=_WORKERS)
    knots = _coupling_knots(doppler_hz, rows.shape[1], sampling_hz, *place)
    _multiply_range(spectrum, chirp, knots, _KNOT)
    return np.asarray(scipy.fft.ifft(spectrum, axis=1, workers=_WORKERS, overwrite_x=True))


def warp_lines(earlier: tuple[DataTake, SceneGrid], later: tuple[DataTake, SceneGrid], ground: Ground) -> Warp:
    """Where the lines and samples of a scene were in an earlier pass over the same ground."""
    take, grid = later
    before, old = earlier
    rows, columns = knots(grid.lines, grid.samples, take.spacing_m)
    sample = columns + grid.first_sample
    slant = np.broadcast_to(take.slant_range_m(sample), (rows.size, columns.size))
    time = take.zero_doppler_s((rows + grid.first_line)[:, None], sample)
    time_before, slant_before = ground.earlier_seen(time, slant)
    column = (slant_before - float(before.slant_range_m(0))) / before.spacing_m
    row = (time_before - before.zero_doppler_s(0, column)) / before.scenario.radar.pri_s
    turn = 2.0 * (slant_before - slant) / WAVELENGTH_M
    places = row - old.first_line, column - old.first_sample, turn
    return Warp(*(RectBivariateSpline(rows, columns, each) for each in places))


def _draw_scatterers(grid: SceneGrid, seed: np.random.SeedSequence) -> Raw:
    data = np.empty((grid.lines, grid.samples), np.complex64)
    starts = range(0, grid.lines, _ROWS)
    with ThreadPoolExecutor(_WORKERS) as pool:
        parts = (data[start : start + _ROWS] for start in starts)
        list(pool.map(fill_white_noise, parts, seed.spawn(len(starts))))
    return data


def _shape_scatterers(
    data: Raw, take: DataTake, grid: SceneGrid, channel: Channel, *, coast: Crossings, targets: Array
) -> None:
    """Give white scatterers the backscatter of coast, ground and dark patches."""
    geometry = take.range_geometry(np.arange(grid.samples) + grid.first_sample)
    scene = take.scenario.scene
    cell = echo_amplitude(channel, geometry) * np.sqrt(
        take.spacing_m * geometry.ground_m_s * take.scenario.radar.pri_s / np.sin(geometry.incidence_rad)
    )
    means = backscatter(take, geometry, channel.polarisation)
    land, sea = ((cell * np.sqrt(mean / 2.0)).astype(np.float32) for mean in means)
    common = np.random.SeedSequence(take.scenario.seed, spawn_key=(1,)).spawn(2)
    land_texture = texture(data.shape, scene.texture_db, common[0])
    sea_texture = texture(data.shape, 0.5 * scene.texture_db, common[1])
    dark = patches(take, take.range_geometry(np.arange(take.samples)), targets)
    factor = np.float32(np.sqrt(power(scene.dark_db - scene.sea_db)))
    starts = range(0, grid.lines, _ROWS)

    def shape(start: int) -> None:
        shape_reflectivity(
            data[start : start + _ROWS],
            start,
            grid.first_line,
            grid.first_sample,
            coast.sample,
            coast.bounds,
            land,
            sea,
            land_texture,
            sea_texture,
            dark,
            factor,
        )

    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(shape, starts))


def fill_white_noise(out: Raw, seed: np.random.SeedSequence) -> None:
    """Fill rows with complex Gaussian noise of variance 1 in each of real and imaginary part."""
    rng = np.random.Generator(np.random.SFC64(seed))
    if out.flags.c_contiguous:
        rng.standard_normal(out=out.view(np.float32), dtype=np.float32)
    else:
        out[...] = rng.standard_normal((*out.shape[:-1], 2 * out.shape[-1]), dtype=np.float32).view(np.complex64)


def echo_amplitude(channel: Channel, geometry: RangeGeometry) -> Array:
    """Counts per square root of RCS along range at the peak of the azimuth pattern (docs/joints.md, amplitude)."""
    loss = (REFERENCE_RANGE_M / geometry.slant_range_m) ** 2
    return np.asarray(channel.gain * channel.elevation.at(geometry.elevation_rad) * loss)


def _transform_columns(data: Raw, transform) -> None:  # type: ignore[no-untyped-def]
    for start in range(0, data.shape[1], _COLUMNS):
        part = data[:, start : start + _COLUMNS]
        part[...] = transform(part, axis=0, workers=_WORKERS)


def _doppler_axis(lines: int, pri_s: float, centre_hz: float) -> Array:
    """Doppler frequencies of the rows of a transform, taken from the band around the centroid."""
    baseband = scipy.fft.fftfreq(lines, pri_s)
    return np.asarray(baseband + np.rint((centre_hz - baseband) * pri_s) / pri_s)


def _azimuth_knots(frequency: Array, geometry: RangeGeometry, channel: Channel, pri_s: float) -> tuple[Array, Array]:
    """Phase in cycles and amplitude of the azimuth response, (rows, knots) at every 64th sample and the last."""
    at = np.append(np.arange(0, geometry.slant_range_m.size - 1, _KNOT), geometry.slant_range_m.size - 1)
    slant, speed = geometry.slant_range_m[at], geometry.effective_m_s[at]
    squint = frequency[:, None] * WAVELENGTH_M / (2.0 * speed)
    cosine = np.sqrt(1.0 - squint * squint)
    rate = 2.0 * speed**2 * cosine**3 / (WAVELENGTH_M * slant)
    pattern = channel.azimuth.at_doppler(frequency[:, None] - geometry.doppler_hz[at], geometry.satellite_m_s)
    return -2.0 / WAVELENGTH_M * slant * cosine - 0.125, pattern / (pri_s * np.sqrt(rate))


def _coupling_knots(frequency: Array, samples: int, sampling_hz: float, slant_m: float, speed_m_s: float) -> Array:
    """Phase in cycles (rows, knots) of the coupling at every 64th range frequency, ascending, and at the last."""
    at = np.append(np.arange(0, samples - 1, _KNOT), samples - 1)
    offset = (at - samples // 2) * sampling_hz / samples
    squint = (SPEED_OF_LIGHT_M_S * frequency[:, None] / (2.0 * speed_m_s)) ** 2
    carrier = RADAR_FREQUENCY_HZ + offset
    bent = np.sqrt(carrier * carrier - squint) - np.sqrt(RADAR_FREQUENCY_HZ**2 - squint) - offset
    return np.asarray(-2.0 * slant_m / SPEED_OF_LIGHT_M_S * bent)


def chirp_spectrum(radar: RadarSettings, samples: int, delay_s: float) -> NDArray[np.complex64]:
    """Spectrum of the pulse, late by the delay in the instrument, range frequencies ascending from -sampling/2."""
    spectrum = scipy.fft.fft(radar.chirp.replica(radar.sampling_hz), samples)
    cycles = scipy.fft.fftfreq(samples, 1.0 / radar.sampling_hz) * delay_s
    late = spectrum * np.exp(-2j * np.pi * cycles)
    return np.asarray(np.roll(late, samples // 2), dtype=np.complex64)


@numba.njit(cache=True, nogil=True, parallel=True)
def _azimuth_response(data, cycles, amplitude, knot):  # type: ignore[no-untyped-def]
    """Multiply rows by amplitude exp(2 pi i cycles), both linear between knots."""
    samples = data.shape[1]
    for row in numba.prange(data.shape[0]):
        for k in range(cycles.shape[1] - 1):
            begin = k * knot
            end = min(begin + knot, samples - 1)
            step = (cycles[row, k + 1] - cycles[row, k]) / (end - begin)
            turn = 2.0 * math.pi * (cycles[row, k] - math.floor(cycles[row, k]))
            advance = 2.0 * math.pi * (step - math.floor(step))
            phasor = amplitude[row, k] * complex(math.cos(turn), math.sin(turn))
            growth = (amplitude[row, k + 1] / max(amplitude[row, k], 1e-30)) ** (1.0 / (end - begin))
            rotation = growth * complex(math.cos(advance), math.sin(advance))
            last = end + 1 if k == cycles.shape[1] - 2 else end
            for column in range(begin, last):
                data[row, column] *= np.complex64(phasor)
                phasor *= rotation


@numba.njit(cache=True, nogil=True, parallel=True)
def _multiply_range(spectrum, chirp, cycles, knot):  # type: ignore[no-untyped-def]
    """Multiply spectra (zero frequency first) by chirp exp(2 pi i cycles), both with ascending frequencies."""
    samples = spectrum.shape[1]
    shift = samples - samples // 2
    for row in numba.prange(spectrum.shape[0]):
        for k in range(cycles.shape[1] - 1):
            begin = k * knot
            end = min(begin + knot, samples - 1)
            step = (cycles[row, k + 1] - cycles[row, k]) / (end - begin)
            turn = 2.0 * math.pi * (cycles[row, k] - math.floor(cycles[row, k]))
            advance = 2.0 * math.pi * (step - math.floor(step))
            phasor = complex(math.cos(turn), math.sin(turn))
            rotation = complex(math.cos(advance), math.sin(advance))
            last = end + 1 if k == cycles.shape[1] - 2 else end
            for index in range(begin, last):
                column = index + shift
                if column >= samples:
                    column -= samples
                spectrum[row, column] *= np.complex64(phasor * chirp[index])
                phasor *= rotation
