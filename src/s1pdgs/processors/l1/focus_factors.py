"""What the blocks of StripMap lines are multiplied with, and what that makes of white noise."""

import math

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.focus_plan import Array, FocusParameters, FocusPlan, Spectrum
from s1pdgs.processors.l1.geometry import RangeModel, range_model
from s1pdgs.sar.constants import REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S, WAVELENGTH_M

_WEIGHT_STEP_HZ = 0.25
_CLAMP = 0.05


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
            geometry=np.stack([model.ranges_m, model.effective_m_s, shift_s]),
            reference=(slant_m, speed_m_s, image.range_spacing_m, WAVELENGTH_M, float(plan.skipped_samples)),
            weights=weights,
            weight_grid=weight_grid,
            gain=_gain(plan, model),
        )


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
