"""The image: its grid in time and range, and the parameters that it was processed with."""

from datetime import datetime

from s1pdgs.formats.l1.annotation.quality import ImageStatistics
from s1pdgs.formats.l1.leaves import (
    ChirpSource,
    Composition,
    DcInputData,
    DcMethod,
    OutputPixels,
    PgSource,
    PixelValue,
    RfiDomain,
    RfiMitigation,
    RrfSpectrum,
    Single,
    Swath,
    TopsFilter,
    VectorSource,
    Window,
)
from s1pdgs.formats.l1.records import record


@record
class Slice:
    """Number and sensing span of one slice of the segment."""

    slice_number: int
    sensing_start_time: datetime
    sensing_stop_time: datetime


@record
class ImageInformation:
    """The grid of the image: two-way slant range time of the first sample in s, zero-Doppler times, spacings in m."""

    product_first_line_utc_time: datetime
    product_last_line_utc_time: datetime
    ascending_node_time: datetime
    anchor_time: datetime
    product_composition: Composition
    slice_number: int
    slice_list: tuple[Slice, ...]
    slant_range_time: float
    pixel_value: PixelValue
    output_pixels: OutputPixels
    range_pixel_spacing: Single
    azimuth_pixel_spacing: Single
    azimuth_time_interval: float
    azimuth_frequency: float
    number_of_samples: int
    number_of_lines: int
    zero_dop_minus_acq_time: float
    incidence_angle_mid_swath: float
    image_statistics: ImageStatistics


@record
class ProcessingParameters:
    """Window, bandwidths in Hz and looks of one direction."""

    window_type: Window
    window_coefficient: float
    total_bandwidth: float
    processing_bandwidth: float
    look_bandwidth: float
    number_of_looks: int
    look_overlap: float


@record
class SwathProcParams:
    """Processing parameters of one swath; `processor_scaling_factor` is k_proc."""

    swath: Swath
    range_processing: ProcessingParameters
    azimuth_processing: ProcessingParameters
    processor_scaling_factor: Single


@record
class InputDimensions:
    """Samples and lines that went into one swath."""

    azimuth_time: datetime
    swath: Swath
    number_of_input_samples: int
    number_of_input_lines: int


@record
class ProcessingInformation:
    """Which corrections were applied and how. The RFI fields came with IPF 3.40; None leaves them out."""

    raw_data_analysis_used: bool
    orbit_data_file_used: bool
    attitude_data_file_used: bool
    rx_variation_correction_applied: bool
    antenna_elevation_pattern_applied: bool
    antenna_azimuth_pattern_applied: bool
    antenna_azimuth_element_pattern_applied: bool
    dc_method: DcMethod
    dc_input_data: DcInputData
    range_spreading_loss_compensation_applied: bool
    srgr_conversion_applied: bool
    detection_performed: bool
    thermal_noise_correction_performed: bool
    rfi_mitigation_performed: RfiMitigation | None = None
    rfi_mitigation_domain: RfiDomain | None = None
    chirp_source: ChirpSource
    pg_source: PgSource
    rrf_spectrum: RrfSpectrum
    application_lut_id: str
    swath_proc_params_list: tuple[SwathProcParams, ...]
    input_dimensions_list: tuple[InputDimensions, ...]
    reference_range: float
    ellipsoid_name: str
    ellipsoid_semi_major_axis: float
    ellipsoid_semi_minor_axis: float
    bistatic_delay_correction_applied: bool
    tops_filter_convention: TopsFilter
    orbit_source: VectorSource
    attitude_source: VectorSource


@record
class ImageAnnotation:
    """Image and processing."""

    image_information: ImageInformation
    processing_information: ProcessingInformation
