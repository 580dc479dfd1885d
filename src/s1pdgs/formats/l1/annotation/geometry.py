"""Doppler centroid, antenna pattern, burst timing, geolocation, ground range and swath merging."""

from datetime import datetime

from s1pdgs.formats.l1.leaves import (
    BurstId,
    ComplexArray,
    DoubleArray,
    DoubleCoefficients,
    IntArray,
    SingleArray,
    SingleCoefficients,
    Swath,
)
from s1pdgs.formats.l1.records import record


@record
class FineDce:
    """One estimate from the data: Doppler frequency in Hz at a two-way slant range time in s."""

    slant_range_time: float
    frequency: float


@record
class DcEstimate:
    """Doppler centroid in Hz as polynomials of two-way slant range time minus t0, from geometry and from data."""

    azimuth_time: datetime
    t0: float
    geometry_dc_polynomial: SingleCoefficients
    data_dc_polynomial: SingleCoefficients
    data_dc_rms_error: float
    data_dc_rms_error_above_threshold: bool
    fine_dce_azimuth_start_time: datetime
    fine_dce_azimuth_stop_time: datetime
    fine_dce_list: tuple[FineDce, ...]


@record
class DopplerCentroid:
    """The Doppler centroid estimates."""

    dc_estimate_list: tuple[DcEstimate, ...]


@record
class AntennaPattern:
    """Two-way elevation pattern along range: slant range times in s, angles in degrees, heights in metres."""

    swath: Swath
    azimuth_time: datetime
    slant_range_time: DoubleArray
    elevation_angle: SingleArray
    elevation_pattern: ComplexArray
    incidence_angle: SingleArray
    terrain_height: float
    roll: float


@record
class AntennaPatterns:
    """The antenna patterns that were removed."""

    antenna_pattern_list: tuple[AntennaPattern, ...]


@record
class Burst:
    """A burst: times of its first line, also in s since the ascending node; its offset in the measurement file in
    bytes; the first and last valid sample of each line (-1: none).
    """

    azimuth_time: datetime
    azimuth_anx_time: float
    sensing_time: datetime
    byte_offset: int
    first_valid_sample: IntArray
    last_valid_sample: IntArray
    burst_id: BurstId | None = None


@record
class SwathTiming:
    """Size and list of the bursts of a TOPS SLC; zeros and an empty list for everything else."""

    lines_per_burst: int
    samples_per_burst: int
    burst_list: tuple[Burst, ...]


@record
class GeolocationGridPoint:
    """Position of a pixel: geodetic degrees, metres, incidence and elevation angle in degrees."""

    azimuth_time: datetime
    slant_range_time: float
    line: int
    pixel: int
    latitude: float
    longitude: float
    height: float
    incidence_angle: float
    elevation_angle: float


@record
class GeolocationGrid:
    """The grid of tie points, line by line."""

    geolocation_grid_point_list: tuple[GeolocationGridPoint, ...]


@record
class CoordinateConversion:
    """Slant range -> ground range polynomials in metres around sr0 and gr0; GRD alone."""

    azimuth_time: datetime
    slant_range_time: float
    sr0: float
    srgr_coefficients: DoubleCoefficients
    gr0: float
    grsr_coefficients: DoubleCoefficients


@record
class CoordinateConversions:
    """The ground range polynomials."""

    coordinate_conversion_list: tuple[CoordinateConversion, ...]


@record
class SwathBounds:
    """A rectangle of the image that one swath fills, bounds included."""

    azimuth_time: datetime
    first_azimuth_line: int
    first_range_sample: int
    last_azimuth_line: int
    last_range_sample: int


@record
class SwathMerge:
    """Where one swath stands in the merged image."""

    swath: Swath
    swath_bounds_list: tuple[SwathBounds, ...]


@record
class SwathMerging:
    """The merged swaths; empty unless a TOPS GRD."""

    swath_merge_list: tuple[SwathMerge, ...]
