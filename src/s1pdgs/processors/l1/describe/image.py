"""Image annotation: the grid of the pixels and how they were processed; and the quality of both."""

import inspect
from typing import Any

import numpy as np

from s1pdgs.formats.aux.pp1 import PreprocessingParameters, ProductParameters
from s1pdgs.formats.l1.annotation import (
    DopplerCentroidQuality,
    DownlinkQuality,
    ImageAnnotation,
    ImageInformation,
    ImageQuality,
    ImageStatistics,
    InputDimensions,
    ProcessingInformation,
    ProcessingParameters,
    QualityData,
    QualityInformation,
    RawDataAnalysisQuality,
    Slice,
    SwathProcParams,
)
from s1pdgs.processors.l1.ancillary import OrbitSource
from s1pdgs.processors.l1.channel import application_table_id, looks_of, product_id
from s1pdgs.processors.l1.describe.context import ImageContext
from s1pdgs.processors.l1.doppler import DATA, DopplerEstimate
from s1pdgs.processors.l1.images import SIGNED, UNSIGNED
from s1pdgs.processors.l1.looks import LookParameters
from s1pdgs.processors.l1.rfi.search import policy_of
from s1pdgs.sar.constants import REFERENCE_RANGE_M, WGS84_SEMI_MAJOR_M, WGS84_SEMI_MINOR_M

SIGNIFICANT_GAP_LINES = 100


def image_annotation(context: ImageContext) -> ImageAnnotation:
    """The grid and the processing."""
    return ImageAnnotation(image_information=_information(context), processing_information=_processing(context))


def image_statistics(context: ImageContext) -> ImageStatistics:
    """Mean and standard deviation of the digital numbers."""
    found = context.image.statistics
    return ImageStatistics(output_data_mean=found.mean, output_data_std_dev=found.deviation)


def quality_information(context: ImageContext) -> QualityInformation:
    """Statistics and gaps of the input and what they mean."""
    statistics = image_statistics(context)
    common = context.inputs.processing.product(product_id(context.inputs, context.product_type)).common
    return QualityInformation(
        product_quality_index=0.0,
        quality_data_list=(
            QualityData(
                azimuth_time=context.start,
                downlink_quality=_downlink_quality(context),
                raw_data_analysis_quality=_raw_quality(context),
                doppler_centroid_quality=DopplerCentroidQuality(
                    dc_method=dc_method(context),
                    doppler_centroid_uncertain_flag=not all(found.reliable for found in _estimates(context)),
                ),
                image_quality=ImageQuality(
                    image_statistics=statistics,
                    output_data_mean_outside_nominal_range_flag=common is not None
                    and _outside(
                        (statistics.output_data_mean.real, statistics.output_data_mean.imag),
                        common.output_mean_expected,
                        common.output_mean_threshold,
                    ),
                    output_data_st_dev_outside_nominal_range_flag=common is not None
                    and _outside(
                        (statistics.output_data_std_dev.real, statistics.output_data_std_dev.imag),
                        common.output_std_expected,
                        common.output_std_threshold,
                    ),
                ),
            ),
        ),
    )


def dc_method(context: ImageContext) -> str:
    """What the Doppler centroid rests on."""
    methods = [found.method for found in _estimates(context)]
    return DATA if DATA in methods else methods[0]


def _estimates(context: ImageContext) -> list[DopplerEstimate]:
    """Those of all swaths that make the image."""
    return [found for swath in context.swaths for found in swath.plan.doppler]


def _information(context: ImageContext) -> ImageInformation:
    frame, inputs, plan = context.frame, context.inputs, context.plan.focus
    manifest, echoes = inputs.manifest, context.plan.channel.echoes
    model = inputs.range_model(frame.mid_line_s, plan.image.ranges_m)
    middle = frame.slant_m(frame.mid_line_s, np.array([0.5 * (frame.samples - 1)]))
    place = manifest.slice
    number = 1 if place is None else place.number
    azimuth_m = float(model.ground_m_s[plan.image.samples // 2]) * frame.line_interval_s
    return ImageInformation(
        product_first_line_utc_time=context.start,
        product_last_line_utc_time=context.stop,
        ascending_node_time=manifest.orbit.ascending_node_time,
        anchor_time=context.start,
        product_composition="Individual" if place is None else "Slice",
        slice_number=number,
        slice_list=(
            Slice(slice_number=number, sensing_start_time=echoes.first_latch, sensing_stop_time=echoes.last_latch),
        ),
        slant_range_time=plan.image.first_delay_s,
        pixel_value="Detected" if frame.detected else "Complex",
        output_pixels=UNSIGNED if frame.detected else SIGNED,
        range_pixel_spacing=frame.range_spacing_m,
        azimuth_pixel_spacing=azimuth_m,
        azimuth_time_interval=frame.line_interval_s,
        azimuth_frequency=1.0 / plan.image.line_interval_s,
        number_of_samples=frame.samples,
        number_of_lines=frame.lines,
        zero_dop_minus_acq_time=(context.start - echoes.first_latch).total_seconds(),
        incidence_angle_mid_swath=float(np.degrees(np.interp(middle, model.ranges_m, model.incidence_rad))[0]),
        image_statistics=image_statistics(context),
    )


def _processing(context: ImageContext) -> ProcessingInformation:
    inputs, echoes = context.inputs, context.plan.channel.echoes
    product = inputs.processing.product(product_id(inputs, context.product_type))
    policy = policy_of(inputs)
    return ProcessingInformation(
        raw_data_analysis_used=echoes.bias != 0,
        orbit_data_file_used=inputs.orbit_source is OrbitSource.AUXILIARY,
        attitude_data_file_used=False,
        rx_variation_correction_applied=context.receiver.variation is not None,
        antenna_elevation_pattern_applied=True,
        antenna_azimuth_pattern_applied=True,
        antenna_azimuth_element_pattern_applied=inputs.tops,
        dc_method=dc_method(context),
        dc_input_data="Raw",
        range_spreading_loss_compensation_applied=True,
        srgr_conversion_applied=context.frame.detected,
        detection_performed=context.frame.detected,
        thermal_noise_correction_performed=False,
        rfi_mitigation_performed=policy.performed,
        rfi_mitigation_domain=policy.domain,
        chirp_source=context.plan.channel.chirp_source,
        pg_source=context.receiver.calibration.source,
        rrf_spectrum="Extended Tapered",
        application_lut_id=application_table_id(inputs),
        swath_proc_params_list=tuple(_swath_parameters(swath, product) for swath in context.swaths),
        input_dimensions_list=tuple(
            InputDimensions(
                azimuth_time=swath.start,
                swath=swath.inputs.swath,
                number_of_input_samples=swath.plan.channel.echoes.samples,
                number_of_input_lines=swath.plan.channel.echoes.lines,
            )
            for swath in context.swaths
        ),
        reference_range=REFERENCE_RANGE_M,
        ellipsoid_name="WGS84",
        ellipsoid_semi_major_axis=WGS84_SEMI_MAJOR_M,
        ellipsoid_semi_minor_axis=WGS84_SEMI_MINOR_M,
        bistatic_delay_correction_applied=True,
        tops_filter_convention="Only Echo Lines",
        orbit_source=str(inputs.orbit_source),
        attitude_source="Downlink",
    )


def _swath_parameters(context: ImageContext, product: ProductParameters) -> SwathProcParams:
    range_looks, azimuth_looks = looks_of(product, context.inputs.swath)
    return SwathProcParams(
        swath=context.inputs.swath,
        range_processing=_looks(range_looks),
        azimuth_processing=_looks(azimuth_looks),
        processor_scaling_factor=context.plan.focus.parameters.raw_gain,
    )


def _looks(looks: LookParameters) -> ProcessingParameters:
    return ProcessingParameters(
        window_type="Hamming",
        window_coefficient=looks.look.coefficient,
        total_bandwidth=looks.full.bandwidth_hz,
        processing_bandwidth=looks.full.bandwidth_hz,
        look_bandwidth=looks.look.bandwidth_hz,
        number_of_looks=looks.count,
        look_overlap=looks.overlap_hz,
    )


def _downlink_quality(context: ImageContext) -> DownlinkQuality:
    """Of a merged image: what all swaths count together, flags that one of them has, and else what the first tells."""
    found = [_channel_quality(swath) for swath in context.swaths]
    told: dict[str, Any] = {}
    for name in inspect.get_annotations(DownlinkQuality):
        values = [getattr(one, name) for one in found]
        told[name] = values[0]
        if isinstance(values[0], bool):
            told[name] = any(values)
        elif isinstance(values[0], int):
            told[name] = sum(values)
    return DownlinkQuality(**told)


def _channel_quality(context: ImageContext) -> DownlinkQuality:
    echoes, replicas = context.plan.channel.echoes, context.plan.replicas
    statistics, instrument = echoes.statistics, echoes.instrument
    downlink_missing = max(echoes.missing - instrument.packets, 0)
    downlink_gaps = max(echoes.gaps - instrument.gaps, int(downlink_missing > 0))
    pg = context.receiver.calibration.pg
    limits = _limits(context)
    failed = bool(replicas) and not any(found.valid for found in replicas)
    return DownlinkQuality(
        i_input_data_mean=statistics.i_mean,
        q_input_data_mean=statistics.q_mean,
        input_data_mean_outside_nominal_range_flag=limits is not None
        and _outside((statistics.i_mean, statistics.q_mean), limits.input_mean_expected, limits.input_mean_threshold),
        i_input_data_std_dev=statistics.i_std,
        q_input_data_std_dev=statistics.q_std,
        input_data_st_dev_outside_nominal_range_flag=limits is not None
        and _outside((statistics.i_std, statistics.q_std), limits.input_std_expected, limits.input_std_threshold),
        num_downlink_input_data_gaps=downlink_gaps,
        downlink_gaps_in_input_data_significant_flag=_gaps_matter(
            limits, downlink_gaps, min(echoes.longest_gap, downlink_missing)
        ),
        num_downlink_input_missing_lines=downlink_missing,
        downlink_missing_lines_significant_flag=_lines_matter(limits, downlink_missing, echoes.lines),
        num_instrument_input_data_gaps=instrument.gaps,
        instrument_gaps_in_input_data_significant_flag=_gaps_matter(limits, instrument.gaps, instrument.longest),
        num_instrument_input_missing_lines=instrument.packets,
        instrument_missing_lines_significant_flag=_lines_matter(limits, instrument.packets, echoes.lines),
        num_ssb_error_input_data_gaps=0,
        ssb_error_gaps_in_input_data_significant_flag=False,
        num_ssb_error_input_missing_lines=0,
        ssb_error_missing_lines_significant_flag=False,
        chirp_source_used=context.plan.channel.chirp_source,
        pg_source_used=context.receiver.calibration.source,
        rrf_spectrum_used="Extended Tapered",
        replica_reconstruction_failed_flag=failed,
        mean_pg_product_amplitude=float(np.abs(pg).mean()),
        std_dev_pg_product_amplitude=float(np.abs(pg).std()),
        mean_pg_product_phase=float(np.angle(pg).mean()),
        std_dev_pg_product_phase=float(np.angle(pg).std()),
        pg_product_derivation_failed_flag=failed,
        invalid_downlink_params_flag=any(echoes.errors.values()),
    )


def _limits(context: ImageContext) -> PreprocessingParameters | None:
    return context.inputs.processing.product(product_id(context.inputs, context.product_type)).preprocessing


def _outside(values: tuple[float, float], expected: float, threshold: float) -> bool:
    return any(abs(value - expected) > threshold for value in values)


def _gaps_matter(limits: PreprocessingParameters | None, gaps: int, longest: int) -> bool:
    """Whether there are more gaps than AUX_PP1 permits, one of them of the length that makes a gap."""
    if limits is None:
        return longest > SIGNIFICANT_GAP_LINES
    return longest >= limits.lines_per_gap_threshold and gaps > limits.missing_gaps_threshold


def _lines_matter(limits: PreprocessingParameters | None, missing: int, lines: int) -> bool:
    """Whether more lines are missing than AUX_PP1 permits, in % of all."""
    return limits is not None and 100.0 * missing > limits.missing_lines_threshold * lines


def _raw_quality(context: ImageContext) -> RawDataAnalysisQuality:
    found = context.plan.channel.echoes.statistics
    bound = 3.0 / np.sqrt(max(found.samples, 1))
    return RawDataAnalysisQuality(
        i_bias=found.i_mean,
        i_bias_significance_flag=found.significant(found.i_mean, found.i_std),
        q_bias=found.q_mean,
        q_bias_significance_flag=found.significant(found.q_mean, found.q_std),
        iq_gain_imbalance=found.gain_imbalance,
        iq_gain_significance_flag=bool(abs(found.gain_imbalance - 1.0) > bound),
        iq_quadrature_departure=found.quadrature_departure_deg,
        iq_quadrature_departure_significance_flag=bool(np.radians(abs(found.quadrature_departure_deg)) > bound),
    )
