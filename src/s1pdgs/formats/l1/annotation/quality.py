"""Quality of the input, of the processing parameters and of the image, one record per time of analysis."""

from datetime import datetime

from s1pdgs.formats.l1.leaves import ChirpSource, DcMethod, PgSource, RrfSpectrum
from s1pdgs.formats.l1.records import record


@record
class DownlinkQuality:
    """Statistics and gaps of the input lines, the chirp that was used and the PG product over the product."""

    i_input_data_mean: float
    q_input_data_mean: float
    input_data_mean_outside_nominal_range_flag: bool
    i_input_data_std_dev: float
    q_input_data_std_dev: float
    input_data_st_dev_outside_nominal_range_flag: bool
    num_downlink_input_data_gaps: int
    downlink_gaps_in_input_data_significant_flag: bool
    num_downlink_input_missing_lines: int
    downlink_missing_lines_significant_flag: bool
    num_instrument_input_data_gaps: int
    instrument_gaps_in_input_data_significant_flag: bool
    num_instrument_input_missing_lines: int
    instrument_missing_lines_significant_flag: bool
    num_ssb_error_input_data_gaps: int
    ssb_error_gaps_in_input_data_significant_flag: bool
    num_ssb_error_input_missing_lines: int
    ssb_error_missing_lines_significant_flag: bool
    chirp_source_used: ChirpSource
    pg_source_used: PgSource
    rrf_spectrum_used: RrfSpectrum
    replica_reconstruction_failed_flag: bool
    mean_pg_product_amplitude: float
    std_dev_pg_product_amplitude: float
    mean_pg_product_phase: float
    std_dev_pg_product_phase: float
    pg_product_derivation_failed_flag: bool
    invalid_downlink_params_flag: bool


@record
class RawDataAnalysisQuality:
    """I/Q biases, gain imbalance and quadrature departure (degrees) with their significance."""

    i_bias: float
    i_bias_significance_flag: bool
    q_bias: float
    q_bias_significance_flag: bool
    iq_gain_imbalance: float
    iq_gain_significance_flag: bool
    iq_quadrature_departure: float
    iq_quadrature_departure_significance_flag: bool


@record
class DopplerCentroidQuality:
    """How the Doppler centroid was found and whether it is uncertain."""

    dc_method: DcMethod
    doppler_centroid_uncertain_flag: bool


@record
class ImageStatistics:
    """Mean and standard deviation of the output pixels; a detected image has real parts alone."""

    output_data_mean: complex
    output_data_std_dev: complex


@record
class ImageQuality:
    """Image statistics checked against the nominal ranges of the processor configuration."""

    image_statistics: ImageStatistics
    output_data_mean_outside_nominal_range_flag: bool
    output_data_st_dev_outside_nominal_range_flag: bool


@record
class QualityData:
    """Quality indicators at a zero-Doppler time."""

    azimuth_time: datetime
    downlink_quality: DownlinkQuality
    raw_data_analysis_quality: RawDataAnalysisQuality
    doppler_centroid_quality: DopplerCentroidQuality
    image_quality: ImageQuality


@record
class QualityInformation:
    """The quality index (0: nominal) and the quality records."""

    product_quality_index: float
    quality_data_list: tuple[QualityData, ...]
