"""General annotation: platform, replica, noise, terrain height and azimuth FM rate."""

from datetime import datetime

from s1pdgs.formats.l1.annotation.downlink import DownlinkInformation
from s1pdgs.formats.l1.leaves import (
    ChirpSource,
    DoubleCoefficients,
    Pass,
    PgSource,
    Projection,
    ReferenceFrame,
    Single,
    SingleCoefficients,
    Swath,
)
from s1pdgs.formats.l1.records import named, record


@record
class ProductInformation:
    """Pass, timeliness, heading in degrees, sampling rate and radar frequency in Hz, steering rate in degrees/s."""

    pass_direction: Pass = named("pass")
    timeliness_category: str
    platform_heading: float
    projection: Projection
    range_sampling_rate: float
    radar_frequency: float
    azimuth_steering_rate: float


@record
class Position:
    """Metres."""

    x: float
    y: float
    z: float


@record
class Velocity:
    """Metres per second."""

    x: float
    y: float
    z: float


@record
class Orbit:
    """A state vector, Earth-fixed, every 10 s."""

    time: datetime
    frame: ReferenceFrame
    position: Position
    velocity: Velocity


@record
class Attitude:
    """Quaternion (q0 scalar), angular rates in rad/s and angles in degrees, every second."""

    time: datetime
    frame: ReferenceFrame
    q0: Single
    q1: Single
    q2: Single
    q3: Single
    wx: float
    wy: float
    wz: float
    roll: float
    pitch: float
    yaw: float


@record
class RawDataAnalysisSupport:
    """Bounds between which a bias or imbalance is not significant, and what was corrected with."""

    i_bias_upper_bound: float
    i_bias_lower_bound: float
    q_bias_upper_bound: float
    q_bias_lower_bound: float
    iq_gain_upper_bound: float
    iq_gain_lower_bound: float
    iq_quadrature_departure_upper_bound: float
    iq_quadrature_departure_lower_bound: float
    i_bias_used_for_correction: float
    q_bias_used_for_correction: float
    iq_gain_imbalance_used_for_correction: float
    iq_quadrature_departure_used_for_correction: float


@record
class RawDataAnalysis:
    """Statistics of the raw samples at a zero-Doppler time."""

    azimuth_time: datetime
    i_bias: float
    q_bias: float
    iq_quadrature_departure: float
    iq_gain_imbalance: float
    support: RawDataAnalysisSupport


@record
class ReferenceReplica:
    """Polynomials of amplitude and phase (radians, time in s) of the replica that the range compression used."""

    azimuth_time: datetime
    chirp_source: ChirpSource
    pg_source: PgSource
    amplitude_coefficients: SingleCoefficients
    phase_coefficients: SingleCoefficients
    time_delay: Single
    gain: complex


@record
class Replica:
    """One extracted replica: quality of its compression, PG product and internal delay in s."""

    azimuth_time: datetime
    cross_correlation_bandwidth: Single
    cross_correlation_pslr: Single
    cross_correlation_islr: Single
    cross_correlation_peak_location: Single
    reconstructed_replica_valid_flag: bool
    pg_product_amplitude: Single
    pg_product_phase: Single
    model_pg_product_amplitude: Single
    model_pg_product_phase: Single
    relative_pg_product_valid_flag: bool
    absolute_pg_product_valid_flag: bool
    internal_time_delay: Single


@record
class ReplicaInformation:
    """The replicas of one swath."""

    swath: Swath
    reference_replica: ReferenceReplica
    replica_list: tuple[Replica, ...]


@record
class Noise:
    """Noise power measured from noise packets: correction factor and lines averaged."""

    swath: Swath
    azimuth_time: datetime
    noise_power_correction_factor: Single
    number_of_noise_lines: int


@record
class TerrainHeight:
    """Mean height in metres above the ellipsoid at a zero-Doppler time."""

    azimuth_time: datetime
    value: float


@record
class AzimuthFmRate:
    """Azimuth FM rate in Hz/s: polynomial of two-way slant range time minus t0 (s)."""

    azimuth_time: datetime
    t0: float
    azimuth_fm_rate_polynomial: DoubleCoefficients


@record
class GeneralAnnotation:
    """The lists that describe platform and instrument during the product."""

    product_information: ProductInformation
    downlink_information_list: tuple[DownlinkInformation, ...]
    orbit_list: tuple[Orbit, ...]
    attitude_list: tuple[Attitude, ...]
    raw_data_analysis_list: tuple[RawDataAnalysis, ...]
    replica_information_list: tuple[ReplicaInformation, ...]
    noise_list: tuple[Noise, ...]
    terrain_height_list: tuple[TerrainHeight, ...]
    azimuth_fm_rate_list: tuple[AzimuthFmRate, ...]
