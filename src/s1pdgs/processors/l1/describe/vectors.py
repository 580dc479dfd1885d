"""Calibration and noise vectors (docs/joints.md, section 1; DAD, calibration and noise annotation)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.l1.calibration import Calibration, CalibrationInformation, CalibrationVector
from s1pdgs.formats.l1.noise import Noise, NoiseAzimuthVector, NoiseRangeVector
from s1pdgs.processors.l1.calibration_pulses import noise_power
from s1pdgs.processors.l1.describe.context import Array, ImageContext
from s1pdgs.processors.l1.focus_factors import azimuth_noise_spectrum, noise_gain, range_noise_spectrum
from s1pdgs.processors.l1.inputs import WAVE_MODE
from s1pdgs.processors.l1.looks import noise_share
from s1pdgs.processors.l1.merge import MergePlan
from s1pdgs.processors.l1.tops import noise_gain as burst_noise_gain
from s1pdgs.processors.l1.tops import noise_spectra
from s1pdgs.processors.l1.tops_plan import BurstPlan, BurstStack

INTERVAL_S = 1.0
_STEP = 40
_AZIMUTH_STEP_LINES = 500
_BURST_STEP_LINES = 50


def calibration_data_set(context: ImageContext) -> Calibration:
    """Vectors every second: betaNought is the application LUT times the root of the absolute constant, the others
    follow by the incidence on the ellipsoid at the mean height.
    """
    constant = context.inputs.calibration.channel(context.inputs.swath, context.polarisation).absolute_constant
    frame = context.frame
    pixels = frame.annotated_pixels(annotation_step(context))
    scaling = context.image.scaling[pixels].astype(np.float64)
    beta = scaling * math.sqrt(constant)
    vectors = []
    for time in context.times_s(INTERVAL_S):
        sine, tangent = _incidence_factors(context, time, frame.slant_m(time, pixels.astype(np.float64)))
        vectors.append(
            CalibrationVector(
                azimuth_time=context.utc(time),
                line=_line(context, time),
                pixel=pixels,
                sigma_nought=beta / np.sqrt(sine),
                beta_nought=beta,
                gamma=beta / np.sqrt(tangent),
                dn=scaling,
            )
        )
    return Calibration(
        ads_header=context.header(),
        calibration_information=CalibrationInformation(absolute_calibration_constant=constant),
        calibration_vector_list=tuple(vectors),
    )


def noise_data_set(context: ImageContext) -> Noise:
    """Thermal noise in squared digital numbers: the power of the noise packets through all gains of the processor.

    Where no noise packets came with the slice the noise of AUX_INS stands in.
    """
    frame = context.frame
    pixels = frame.annotated_pixels(annotation_step(context))
    scaling = context.image.scaling[pixels].astype(np.float64)
    power = raw_noise_power(context)
    vectors = []
    for time in context.times_s(INTERVAL_S):
        level, ranges = _noise_equivalent_beta(context, time)
        along = np.interp(frame.slant_m(time, pixels.astype(np.float64)), ranges, level)
        vectors.append(
            NoiseRangeVector(
                azimuth_time=context.utc(time),
                line=_line(context, time),
                pixel=pixels,
                noise_range_lut=power * along * scaling**2,
            )
        )
    return Noise(
        ads_header=context.header(),
        noise_range_vector_list=tuple(vectors),
        noise_azimuth_vector_list=_azimuth_vectors(context),
    )


def _azimuth_vectors(context: ImageContext) -> tuple[NoiseAzimuthVector, ...]:
    """One of the whole image, or of each swath of a merged one; none of a vignette, along which noise is even.

    The schema has one without a block for vignettes; users report real ones without any, and readers stumble over it.
    """
    plan, frame = context.plan.focus, context.frame
    if context.inputs.mode == WAVE_MODE:
        return ()
    vectors = []
    for at, swath in enumerate(context.swaths):
        first, end = plan.pixels_of(at) if isinstance(plan, MergePlan) else (0, frame.samples)
        lines, shape = _merged_shape(plan, at) if isinstance(plan, MergePlan) else _azimuth_shape(context)
        vectors.append(
            NoiseAzimuthVector(
                swath=swath.inputs.swath,
                first_azimuth_line=0,
                first_range_sample=first,
                last_azimuth_line=frame.lines - 1,
                last_range_sample=end - 1,
                line=lines,
                noise_azimuth_lut=shape,
            )
        )
    return tuple(vectors)


def _merged_shape(plan: MergePlan, swath: int) -> tuple[NDArray[np.int64], Array]:
    found, shapes = [], []
    for piece in plan.pieces:
        if piece.swath != swath:
            continue
        burst = plan.swaths[swath].bursts[piece.burst]
        lines = np.unique(np.append(np.arange(*piece.lines, _BURST_STEP_LINES), piece.lines[1] - 1))
        times = plan.first_line_s + lines * plan.line_interval_s - burst.centre_s
        found.append(lines)
        shapes.append(np.interp(times, burst.line_offsets_s, burst_noise_gain(burst)[1]))
    return np.concatenate(found), np.concatenate(shapes)


def _azimuth_shape(context: ImageContext) -> tuple[NDArray[np.int64], Array]:
    """Lines and the factors of the noise along them: what descalloping made of it, 1 in StripMap."""
    plan, frame = context.plan.focus, context.frame
    if not isinstance(plan, BurstStack):
        lines = np.unique(np.append(np.arange(0, frame.lines, _AZIMUTH_STEP_LINES), frame.lines - 1))
        return lines, np.ones(lines.size)
    found, shapes = [], []
    for index, burst in enumerate(plan.bursts):
        within = np.unique(np.append(np.arange(0, burst.image.lines, _BURST_STEP_LINES), burst.image.lines - 1))
        found.append(index * plan.lines_per_burst + within)
        shapes.append(burst_noise_gain(burst)[1][within])
    return np.concatenate(found), np.concatenate(shapes)


def raw_noise_power(context: ImageContext) -> float:
    """Squared raw counts per sample, as the receiver was corrected."""
    measured = noise_power(context.plan.noise)
    if measured <= 0.0:
        measured = context.inputs.instrument.channel(context.inputs.swath, context.polarisation).noise
    return measured * context.receiver.noise_factor


def annotation_step(context: ImageContext) -> int:
    """Pixels between annotated ones."""
    return _STEP if context.frame.samples > 2 * _STEP else 1


def _noise_equivalent_beta(context: ImageContext, time_s: float) -> tuple[Array, Array]:
    """Beta nought of noise of one squared count, and the slant ranges where it is so."""
    plan = context.plan.focus
    if isinstance(plan, BurstStack):
        burst = _nearest(plan.bursts, time_s)
        return burst_noise_gain(burst)[0], burst.model.ranges_m
    if isinstance(plan, MergePlan):
        return _merged_noise(plan, time_s)
    model = context.inputs.range_model(time_s, plan.image.ranges_m)
    level = noise_gain(plan, model)
    detection = context.plan.detection
    if context.frame.detected and detection is not None:
        across, along = range_noise_spectrum(plan), azimuth_noise_spectrum(plan)
        level = level * noise_share(detection.range_looks, detection.azimuth_looks, across, along)
    return level, model.ranges_m


def _nearest(bursts: Sequence[BurstPlan], time_s: float) -> BurstPlan:
    return min(bursts, key=lambda burst: abs(burst.image.mid_line_s - time_s))


def _merged_noise(plan: MergePlan, time_s: float) -> tuple[Array, Array]:
    """The noise of each swath up to the middle of the overlaps."""
    levels, ranges = [], []
    edges = [plan.pixels_of(at)[0] for at in range(1, len(plan.swaths))]
    cuts = plan.ground.slant_m(time_s, np.array(edges, np.float64) * plan.spacing_m)
    limits = [-math.inf, *cuts.tolist(), math.inf]
    for swath, near, far in zip(plan.swaths, limits[:-1], limits[1:], strict=True):
        burst = _nearest(swath.bursts, time_s)
        share = noise_share(swath.range_looks, swath.azimuth_looks, *noise_spectra(burst))
        chosen = (burst.model.ranges_m >= near) & (burst.model.ranges_m < far)
        levels.append(burst_noise_gain(burst)[0][chosen] * share)
        ranges.append(burst.model.ranges_m[chosen])
    return np.concatenate(levels), np.concatenate(ranges)


def _incidence_factors(context: ImageContext, time_s: float, slant_m: Array) -> tuple[Array, Array]:
    model = context.inputs.range_model(time_s, context.plan.focus.image.ranges_m)
    incidence = np.interp(slant_m, model.ranges_m, model.incidence_rad)
    return np.sin(incidence), np.tan(incidence)


def _line(context: ImageContext, time_s: float) -> int:
    return context.frame.line_of(time_s)
