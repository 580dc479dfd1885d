"""The factors of TOPS focusing, from a plan to arrays: what data are multiplied with on their way, whatever multiplies.

Phases are evaluated in cycles in float64 and reduced to a turn before they become complex64. Azimuth factors hold for
spans of `COLUMNS` samples, at whose middle they are exact. Symbols are those of `tops_plan`.
"""

import math
from typing import Any

import numpy as np
import scipy.fft
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.processors.l1.tops_history import HistoryResidual, history_residual
from s1pdgs.processors.l1.tops_plan import BurstPlan, time_lengths
from s1pdgs.sar.constants import REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S, WAVELENGTH_M

Array = NDArray[np.float64]
Spectrum = NDArray[np.complex64]

COLUMNS = 128
_CLAMP = 0.05


def spans(samples: int) -> list[tuple[int, int]]:
    """First and last (excluded) sample of the spans that share azimuth factors."""
    return [(start, min(start + COLUMNS, samples)) for start in range(0, samples, COLUMNS)]


@frozen(eq=False)
class DopplerFactors:
    """The unfolding of Doppler: `deramp` over raw lines, `dispersion` over the bins of the forward transform from
    -M2 to M2, `scale` of the result; `centres` (samples,) the bin about which a sample's spectrum lies.
    """

    deramp: Spectrum
    dispersion: Spectrum
    scale: float
    centres: Array

    @classmethod
    def of(cls, plan: BurstPlan) -> "DopplerFactors":
        grid, steering = plan.burst.raw, plan.steering_hz_s
        forward, backward = plan.bins
        time = grid.first_transmit_s + np.arange(grid.lines) * grid.pri_s - transmit_origin_s(plan)
        step = 1.0 / (forward * grid.pri_s)
        index = np.arange(-forward, forward + 1)
        delays = grid.first_delay_s + np.arange(grid.samples) / grid.sampling_hz
        spread = plan.parameters.doppler(plan.burst.steering_zero_s, delays) - plan.base_hz
        spread = spread + 0.5 * steering * (delays - _middle_delay_s(plan))
        return cls(
            deramp=phasor(-0.5 * steering * time**2 - plan.base_hz * time),
            dispersion=phasor(-0.5 * (index * step) ** 2 / steering - index * step * time[0]),
            scale=backward / forward / math.sqrt(steering),
            centres=spread / step,
        )

    def first_bin(self, start: int, stop: int) -> int:
        """The first of the M2 bins that hold the spectra of a span of samples."""
        forward = self.dispersion.size // 2
        return round(float(self.centres[start:stop].mean())) - forward // 2

    def dispersion_from(self, first: int) -> Spectrum:
        """The dispersion of M2 bins from a first one on."""
        forward = self.dispersion.size // 2
        return self.dispersion[first + forward : first + 2 * forward]


@frozen(eq=False)
class RangeFactors:
    """Range compression and migration: `compression` complex64 (bins,), of which `occupied` on both sides of zero
    frequency are filled, every `step_hz`; `delay_s` and `coupling` of the bulk correction; `geometry`, `reference` and
    `gain` of the residual one (`tops_kernels.match_rows`).
    """

    compression: Spectrum
    step_hz: float
    occupied: int
    delay_s: float
    coupling: float
    geometry: Array
    reference: tuple[float, float, float, float, float]
    gain: NDArray[np.float32]

    @classmethod
    def of(cls, plan: BurstPlan) -> "RangeFactors":
        raw, image, model = plan.burst.raw, plan.image, plan.model
        bins, wide_bins = plan.range_bins
        half = 0.5 * plan.parameters.range_window.bandwidth_hz
        middle = image.samples // 2
        slant, speed = float(model.ranges_m[middle]), float(model.effective_m_s[middle])
        shift_s = plan.centre_s - transmit_origin_s(plan) - 0.5 * image.delays_s
        lead = math.floor((image.first_delay_s - raw.first_delay_s) * image.sampling_hz)
        return cls(
            compression=range_filter(plan),
            step_hz=raw.sampling_hz / bins,
            occupied=min(math.floor(half / raw.sampling_hz * bins) + 1, bins // 2),
            delay_s=2.0 * slant / SPEED_OF_LIGHT_M_S,
            coupling=SPEED_OF_LIGHT_M_S / (2.0 * speed),
            geometry=np.stack([model.ranges_m, model.effective_m_s, shift_s]),
            reference=(slant, speed, image.range_spacing_m, WAVELENGTH_M, float(lead)),
            gain=(amplitude_gain(plan) * (wide_bins / bins)).astype(np.float32),
        )


@frozen(eq=False)
class TimeFactors:
    """What the azimuth factors of all spans have in common."""

    plan: BurstPlan
    residual: HistoryResidual
    rates: Array
    centroid: Array

    @classmethod
    def of(cls, plan: BurstPlan) -> "TimeFactors":
        image, rates = plan.image, plan.burst_rate_hz_s
        half_span = 0.5 * image.lines * image.line_interval_s + abs(image.mid_line_s - plan.centre_s)
        residual = history_residual(plan.orbit, plan.model, rates, base_hz=plan.base_hz, half_span_s=half_span)
        return cls(plan, residual, rates, plan.parameters.doppler(plan.burst.steering_zero_s, image.delays_s))

    def span(self, start: int, stop: int) -> "SpanFactors":
        """The factors of a span of samples."""
        plan, index = self.plan, (start + stop) // 2
        parameters, image, steering = plan.parameters, plan.image, plan.steering_hz_s
        step, offsets = plan.doppler_step_hz, plan.offsets_hz
        slant = float(plan.model.ranges_m[index])
        lengths = time_lengths(plan.rows, image.lines, float(self.rates[index]) * image.line_interval_s / step)
        rate = lengths[0] * step / (lengths[1] * image.line_interval_s)
        spread = float(self.centroid[index]) - plan.base_hz
        element = parameters.element_pattern(offsets - spread)
        matched = phasor(
            0.5 * offsets**2 * (1.0 / rate - 1.0 / steering) - self.residual.frequency_cycles(offsets, slant)
        ) / np.asarray(element, np.float32)
        sampled = 1.0 / (lengths[0] * step)
        fm_rate = abs(float(plan.model.fm_rate_hz_s[index]))
        centre = plan.burst.steering_zero_s - plan.centre_s + plan.base_hz / fm_rate - spread / steering
        half = math.ceil((0.5 * parameters.azimuth_window.bandwidth_hz / rate + abs(centre)) / sampled)
        time = np.arange(-half, half + 1, dtype=np.float64) * sampled
        doppler = -rate * (time - centre)
        weight = parameters.azimuth_window(doppler) / parameters.azimuth_pattern(doppler * steering / rate)
        window = phasor(0.5 * rate * time**2) * np.asarray(math.sqrt(rate) * weight, np.float32)
        at = plan.line_offsets_s
        reramp = phasor(0.5 * rate * at**2 + plan.base_hz * at - self.residual.time_cycles(at, slant))
        return SpanFactors(lengths, np.asarray(matched, np.complex64), window, reramp)


@frozen(eq=False)
class SpanFactors:
    """The azimuth factors of a span of samples: over Doppler bins, over time within the aperture, over lines; and the
    lengths N2, N4 of its transforms.
    """

    lengths: tuple[int, int]
    matched: Spectrum
    window: Spectrum
    reramp: Spectrum


def transmit_origin_s(plan: BurstPlan) -> float:
    """When the pulse left whose echo from mid range saw the beam unsteered."""
    return plan.burst.steering_zero_s - 0.5 * _middle_delay_s(plan)


def _middle_delay_s(plan: BurstPlan) -> float:
    return plan.image.first_delay_s + 0.5 * plan.image.samples / plan.image.sampling_hz


def range_filter(plan: BurstPlan) -> Spectrum:
    """The inverse of the pulse's spectrum in the processing bandwidth, windowed, and the shift to the common grid."""
    parameters, raw, image = plan.parameters, plan.burst.raw, plan.image
    bins = plan.range_bins[0]
    spectrum = scipy.fft.fft(parameters.replica.astype(np.complex128), bins)
    power = np.abs(spectrum) ** 2
    frequency = scipy.fft.fftfreq(bins, 1.0 / raw.sampling_hz)
    inverse = np.conj(spectrum) / np.maximum(power, _CLAMP * np.median(power[power > 0.1 * power.max()]))
    lead = (image.first_delay_s - raw.first_delay_s) * image.sampling_hz
    shift = (lead - math.floor(lead)) / image.sampling_hz
    # the azimuth integral gives - pi / 4, unfolding Doppler and time + pi / 4 and - pi / 4
    phase = np.exp(2j * np.pi * frequency * shift + 0.25j * np.pi)
    return np.asarray(inverse * parameters.range_window(frequency) * phase, np.complex64)


def amplitude_gain(plan: BurstPlan) -> Array:
    """The real factor per sample from unit-spectrum data to the amplitude of beta nought (docs/joints.md, 1)."""
    parameters, model, raw = plan.parameters, plan.model, plan.burst.raw
    spacing = SPEED_OF_LIGHT_M_S / (2.0 * raw.sampling_hz)
    energy = parameters.range_window.mean_square(raw.sampling_hz) * parameters.azimuth_window.mean_square(1.0)
    spreading = (REFERENCE_RANGE_M / model.ranges_m) ** 2
    pattern = parameters.elevation_pattern(model.time_s, model.ranges_m)
    scale = parameters.raw_gain * pattern * spreading * np.sqrt(energy * spacing * model.ground_m_s)
    return np.asarray(np.sqrt(np.abs(model.fm_rate_hz_s)) / scale)


def phasor(cycles: NDArray[np.floating[Any]]) -> Spectrum:
    """e^(2 pi j cycles), complex64."""
    angle = 2.0 * np.pi * (cycles - np.rint(cycles))
    return np.asarray(np.exp(1j * angle), np.complex64)
