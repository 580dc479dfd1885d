"""A small but complete Level-1 product: StripMap S3, VV and VH, on a circular orbit, with made-up speckle."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from s1pdgs.formats.l1 import annotation as a
from s1pdgs.formats.l1.calibration import Calibration, CalibrationInformation, CalibrationVector
from s1pdgs.formats.l1.manifest import Facility, OrbitReference, Processing, Resource
from s1pdgs.formats.l1.measurement import GRD_PIXEL, SLC_PIXEL, MeasurementInfo
from s1pdgs.formats.l1.noise import Noise, NoiseAzimuthVector, NoiseRangeVector
from s1pdgs.formats.l1.product import ImageDataSets, ProductFacts, product_draft
from s1pdgs.formats.l1.quicklook import QuicklookGrid, quicklook_png
from s1pdgs.formats.l1.rfi import (
    FrequencyDomainIsolatedRfiReport,
    FrequencyDomainPersistentRfiFrequencyMask,
    FrequencyDomainRfiBlockReport,
    Rfi,
    RfiDetectionFromNoiseReport,
    TimeDomainRfiBlockReport,
    TimeDomainRfiReport,
)
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Orbit, StateVector, fit_orbit, ground_point

LINES, SAMPLES = 600, 800
START = datetime(2026, 3, 4, 5, 6, 7, 125000, tzinfo=UTC)
LINE_S = 5.0e-4
TAU0_S = 5.25e-3
SAMPLING_HZ = 6.25e7
LUT = 64.0
NODE = START - timedelta(seconds=600)


def written(value: float) -> float:
    """A number to the 16 digits that are written, so that it reads back equal."""
    return float(f"{value:.15e}")


def line_time(line: int) -> datetime:
    return START + timedelta(seconds=line * LINE_S)


STOP = line_time(LINES - 1)


def state_vectors() -> list[StateVector]:
    """A circular orbit of 98 degrees inclination, seen from the rotating Earth."""
    radius_m, rate, earth_rate, tilt = 7_071_000.0, 1.0618e-3, 7.292115e-5, np.radians(98.18)
    vectors = []
    for second in range(-70, 80, 10):
        phase = rate * (600.0 + second)
        plane = radius_m * np.array([np.cos(phase), np.sin(phase) * np.cos(tilt), np.sin(phase) * np.sin(tilt)])
        speed = radius_m * rate * np.array([-np.sin(phase), np.cos(phase) * np.cos(tilt), np.cos(phase) * np.sin(tilt)])
        turn = -earth_rate * second
        spin = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
        position = spin @ plane
        velocity = spin @ speed - np.cross([0.0, 0.0, earth_rate], position)
        vectors.append(StateVector(START + timedelta(seconds=second), np.round(position, 6), np.round(velocity, 6)))
    return vectors


def geolocation(orbit: Orbit) -> a.GeolocationGrid:
    points = []
    for line in (0, 200, 400, 599):
        for pixel in range(0, SAMPLES + 1, 100):
            sample = min(pixel, SAMPLES - 1)
            tau_s = TAU0_S + sample / SAMPLING_HZ
            time_s = orbit.seconds(line_time(line))
            ground = ground_point(orbit, time_s, 0.5 * SPEED_OF_LIGHT_M_S * tau_s)
            latitude, longitude, height = ecef_to_geodetic(ground)
            points.append(
                a.GeolocationGridPoint(
                    azimuth_time=line_time(line),
                    slant_range_time=written(tau_s),
                    line=line,
                    pixel=sample,
                    latitude=written(latitude),
                    longitude=written(longitude),
                    height=float(np.round(height, 3)),
                    incidence_angle=written(29.0 + sample * 0.01),
                    elevation_angle=written(26.0 + sample * 0.01),
                )
            )
    return a.GeolocationGrid(geolocation_grid_point_list=tuple(points))


def header(polarisation: str, product_type: str = "SLC") -> a.AdsHeader:
    return a.AdsHeader(
        mission_id="S1A",
        product_type=product_type,
        polarisation=polarisation,
        mode="S3",
        swath="S3",
        start_time=START,
        stop_time=STOP,
        absolute_orbit_number=63000,
        mission_data_take_id=0x7AB3C,
        image_number={"VH": 1, "VV": 2}[polarisation],
    )


def quality(statistics: a.ImageStatistics) -> a.QualityInformation:
    downlink = a.DownlinkQuality(
        i_input_data_mean=0.015625,
        q_input_data_mean=-0.03125,
        input_data_mean_outside_nominal_range_flag=False,
        i_input_data_std_dev=1.75,
        q_input_data_std_dev=1.5,
        input_data_st_dev_outside_nominal_range_flag=False,
        num_downlink_input_data_gaps=0,
        downlink_gaps_in_input_data_significant_flag=False,
        num_downlink_input_missing_lines=0,
        downlink_missing_lines_significant_flag=False,
        num_instrument_input_data_gaps=0,
        instrument_gaps_in_input_data_significant_flag=False,
        num_instrument_input_missing_lines=0,
        instrument_missing_lines_significant_flag=False,
        num_ssb_error_input_data_gaps=0,
        ssb_error_gaps_in_input_data_significant_flag=False,
        num_ssb_error_input_missing_lines=0,
        ssb_error_missing_lines_significant_flag=False,
        chirp_source_used="Nominal",
        pg_source_used="Extracted",
        rrf_spectrum_used="Extended Tapered",
        replica_reconstruction_failed_flag=False,
        mean_pg_product_amplitude=0.875,
        std_dev_pg_product_amplitude=0.0078125,
        mean_pg_product_phase=0.0625,
        std_dev_pg_product_phase=0.015625,
        pg_product_derivation_failed_flag=False,
        invalid_downlink_params_flag=False,
    )
    raw = a.RawDataAnalysisQuality(
        i_bias=0.015625,
        i_bias_significance_flag=False,
        q_bias=-0.03125,
        q_bias_significance_flag=False,
        iq_gain_imbalance=1.0,
        iq_gain_significance_flag=False,
        iq_quadrature_departure=-0.5,
        iq_quadrature_departure_significance_flag=False,
    )
    record = a.QualityData(
        azimuth_time=START,
        downlink_quality=downlink,
        raw_data_analysis_quality=raw,
        doppler_centroid_quality=a.DopplerCentroidQuality(
            dc_method="Data Analysis", doppler_centroid_uncertain_flag=False
        ),
        image_quality=a.ImageQuality(
            image_statistics=statistics,
            output_data_mean_outside_nominal_range_flag=False,
            output_data_st_dev_outside_nominal_range_flag=False,
        ),
    )
    return a.QualityInformation(product_quality_index=0.0, quality_data_list=(record,))


def downlink() -> a.DownlinkInformation:
    errors = dict.fromkeys((field.name for field in a.BitErrorCount.__attrs_attrs__), 0)
    values = a.DownlinkValues(
        pri=LINE_S,
        rank=10,
        data_take_id=0xAB3C,
        ecc_number=13,
        rx_channel_id=1,
        instrument_config_id=7,
        data_format=a.DataFormat(
            baq_block_length=256,
            echo_format="FDBAQ",
            noise_format="BAQ 5 Bit",
            calibration_format="Decimation",
            mean_bit_rate=3.25,
        ),
        range_decimation=a.RangeDecimation(
            decimation_filter_bandwidth=5.9375e7, sampling_frequency_after_decimation=SAMPLING_HZ, filter_length=40
        ),
        rx_gain=-6.0,
        tx_pulse_length=4.5e-5,
        tx_pulse_start_frequency=-2.96875e7,
        tx_pulse_ramp_rate=1.3125e12,
        swath_number=2,
        swl_list=(a.Swl(azimuth_time=START, value=3.25e-4),),
        swst_list=(a.Swst(azimuth_time=START, value=7.5e-5),),
        pointing_status_list=(
            a.PointingStatus(
                azimuth_time=START,
                aocs_op_mode="Normal Pointing Mode",
                roll_error_flag=False,
                pitch_error_flag=False,
                yaw_error_flag=False,
            ),
        ),
    )
    return a.DownlinkInformation(
        swath="S3",
        azimuth_time=START,
        first_line_sensing_time=START,
        last_line_sensing_time=STOP,
        prf=1.0 / LINE_S,
        bit_error_count=a.BitErrorCount(**errors),
        downlink_values=values,
    )


def general(projection: str) -> a.GeneralAnnotation:
    attitudes = [
        a.Attitude(
            time=START + timedelta(seconds=second), frame="GM2000", q0=0.5, q1=-0.5, q2=0.5, q3=-0.5,
            wx=0.0, wy=-0.001, wz=0.0, roll=64.5, pitch=-134.0, yaw=-127.0,
        )
        for second in (-1, 0, 1)
    ]  # fmt: skip
    orbits = [
        a.Orbit(
            time=vector.time,
            frame="Earth Fixed",
            position=a.Position(**dict(zip("xyz", vector.position_m.tolist(), strict=True))),
            velocity=a.Velocity(**dict(zip("xyz", vector.velocity_m_s.tolist(), strict=True))),
        )
        for vector in state_vectors()
    ]
    bounds = {field.name: 0.25 for field in a.RawDataAnalysisSupport.__attrs_attrs__}
    replicas = [
        a.Replica(
            azimuth_time=START + timedelta(seconds=second),
            cross_correlation_bandwidth=0.984375, cross_correlation_pslr=-12.5, cross_correlation_islr=-9.25,
            cross_correlation_peak_location=0.0, reconstructed_replica_valid_flag=True, pg_product_amplitude=0.875,
            pg_product_phase=0.0625, model_pg_product_amplitude=0.875, model_pg_product_phase=0.0,
            relative_pg_product_valid_flag=True, absolute_pg_product_valid_flag=True, internal_time_delay=4.5e-7,
        )
        for second in (0, 1)
    ]  # fmt: skip
    return a.GeneralAnnotation(
        product_information=a.ProductInformation(
            pass_direction="Ascending",
            timeliness_category="Fast-24h",
            platform_heading=-12.0,
            projection=projection,
            range_sampling_rate=SAMPLING_HZ,
            radar_frequency=5.405000454334350e9,
            azimuth_steering_rate=0.0,
        ),
        downlink_information_list=(downlink(),),
        orbit_list=tuple(orbits),
        attitude_list=tuple(attitudes),
        raw_data_analysis_list=(
            a.RawDataAnalysis(
                azimuth_time=START,
                i_bias=0.015625,
                q_bias=-0.03125,
                iq_quadrature_departure=-0.5,
                iq_gain_imbalance=1.0,
                support=a.RawDataAnalysisSupport(**bounds),
            ),
        ),
        replica_information_list=(
            a.ReplicaInformation(
                swath="S3",
                reference_replica=a.ReferenceReplica(
                    azimuth_time=START,
                    chirp_source="Nominal",
                    pg_source="Extracted",
                    amplitude_coefficients=np.array([1.0, 0.0, 0.0, 0.0]),
                    phase_coefficients=np.array([0.0, -2.5, 6.5625e11, 0.0]),
                    time_delay=4.5e-7,
                    gain=1.0 + 0.0j,
                ),
                replica_list=tuple(replicas),
            ),
        ),
        noise_list=(
            a.Noise(swath="S3", azimuth_time=START, noise_power_correction_factor=1.0, number_of_noise_lines=8),
        ),
        terrain_height_list=(a.TerrainHeight(azimuth_time=START, value=0.0),),
        azimuth_fm_rate_list=tuple(
            a.AzimuthFmRate(
                azimuth_time=line_time(line), t0=TAU0_S, azimuth_fm_rate_polynomial=np.array([-2370.0, 4.5e5, -7.75e7])
            )
            for line in (0, LINES - 1)
        ),
    )


def image_annotation(product_type: str, statistics: a.ImageStatistics) -> a.ImageAnnotation:
    slc = product_type == "SLC"
    look = {"window_type": "Hamming", "window_coefficient": 0.75, "number_of_looks": 1, "look_overlap": 0.0}
    widths = ("total_bandwidth", "processing_bandwidth", "look_bandwidth")
    information = a.ImageInformation(
        product_first_line_utc_time=START,
        product_last_line_utc_time=STOP,
        ascending_node_time=NODE,
        anchor_time=START,
        product_composition="Slice",
        slice_number=1,
        slice_list=(a.Slice(slice_number=1, sensing_start_time=START, sensing_stop_time=STOP),),
        slant_range_time=TAU0_S,
        pixel_value="Complex" if slc else "Detected",
        output_pixels="16 bit Signed Integer" if slc else "16 bit Unsigned Integer",
        range_pixel_spacing=2.398340,
        azimuth_pixel_spacing=3.5,
        azimuth_time_interval=LINE_S,
        azimuth_frequency=1.0 / LINE_S,
        number_of_samples=SAMPLES,
        number_of_lines=LINES,
        zero_dop_minus_acq_time=0.0,
        incidence_angle_mid_swath=33.0,
        image_statistics=statistics,
    )
    processing = a.ProcessingInformation(
        raw_data_analysis_used=True,
        orbit_data_file_used=False,
        attitude_data_file_used=False,
        rx_variation_correction_applied=True,
        antenna_elevation_pattern_applied=True,
        antenna_azimuth_pattern_applied=True,
        antenna_azimuth_element_pattern_applied=False,
        dc_method="Data Analysis",
        dc_input_data="Range Compressed",
        range_spreading_loss_compensation_applied=True,
        srgr_conversion_applied=not slc,
        detection_performed=not slc,
        thermal_noise_correction_performed=False,
        rfi_mitigation_performed="Never",
        rfi_mitigation_domain="TimeAndFrequency",
        chirp_source="Nominal",
        pg_source="Extracted",
        rrf_spectrum="Extended Tapered",
        application_lut_id="SM_Default",
        swath_proc_params_list=(
            a.SwathProcParams(
                swath="S3",
                range_processing=a.ProcessingParameters(**look, **dict.fromkeys(widths, 5.9375e7)),
                azimuth_processing=a.ProcessingParameters(**look, **dict.fromkeys(widths, 1399.0)),
                processor_scaling_factor=1.0,
            ),
        ),
        input_dimensions_list=(
            a.InputDimensions(azimuth_time=START, swath="S3", number_of_input_samples=4000, number_of_input_lines=2000),
        ),
        reference_range=8.0e5,
        ellipsoid_name="WGS84",
        ellipsoid_semi_major_axis=6_378_137.0,
        ellipsoid_semi_minor_axis=6_356_752.314245,
        bistatic_delay_correction_applied=True,
        tops_filter_convention="All Lines",
        orbit_source="Downlink",
        attitude_source="Downlink",
    )
    return a.ImageAnnotation(image_information=information, processing_information=processing)


def doppler() -> a.DopplerCentroid:
    estimates = [
        a.DcEstimate(
            azimuth_time=line_time(line),
            t0=TAU0_S,
            geometry_dc_polynomial=np.array([-4.5, -1650.0, 8.5e5]),
            data_dc_polynomial=np.array([-4.25, 1.15e4, -2.875e8]),
            data_dc_rms_error=1.5,
            data_dc_rms_error_above_threshold=False,
            fine_dce_azimuth_start_time=START,
            fine_dce_azimuth_stop_time=STOP,
            fine_dce_list=tuple(
                a.FineDce(slant_range_time=written(TAU0_S + block * 6.25e-7), frequency=-5.5) for block in range(20)
            ),
        )
        for line in (0, LINES - 1)
    ]
    return a.DopplerCentroid(dc_estimate_list=tuple(estimates))


def antenna() -> a.AntennaPatterns:
    count = 9
    pattern = a.AntennaPattern(
        swath="S3",
        azimuth_time=START,
        slant_range_time=np.array([written(TAU0_S + 1.5625e-6 * place) for place in range(count)]),
        elevation_angle=26.0 + np.arange(count) * 0.5,
        elevation_pattern=np.exp(0.0j) * np.arange(1, count + 1) + 0.25j,
        incidence_angle=29.0 + np.arange(count) * 0.5,
        terrain_height=0.0,
        roll=29.45,
    )
    return a.AntennaPatterns(antenna_pattern_list=(pattern,))


def ground_range(product_type: str) -> a.CoordinateConversions:
    if product_type == "SLC":
        return a.CoordinateConversions(coordinate_conversion_list=())
    slant_m = 0.5 * SPEED_OF_LIGHT_M_S * TAU0_S
    records = [
        a.CoordinateConversion(
            azimuth_time=line_time(line),
            slant_range_time=TAU0_S,
            sr0=slant_m,
            srgr_coefficients=np.array([0.0, 2.0, 0.0]),
            gr0=0.0,
            grsr_coefficients=np.array([slant_m, 0.5, 0.0]),
        )
        for line in (0, LINES - 1)
    ]
    return a.CoordinateConversions(coordinate_conversion_list=tuple(records))


def annotation(polarisation: str, product_type: str = "SLC", statistics: a.ImageStatistics | None = None) -> a.Product:
    known = statistics or a.ImageStatistics(output_data_mean=0.5 - 0.25j, output_data_std_dev=100.0 + 100.0j)
    return a.Product(
        ads_header=header(polarisation, product_type),
        quality_information=quality(known),
        general_annotation=general("Slant Range" if product_type == "SLC" else "Ground Range"),
        image_annotation=image_annotation(product_type, known),
        doppler_centroid=doppler(),
        antenna_pattern=antenna(),
        swath_timing=a.SwathTiming(lines_per_burst=0, samples_per_burst=0, burst_list=()),
        geolocation_grid=geolocation(fit_orbit(state_vectors(), START, STOP)),
        coordinate_conversion=ground_range(product_type),
        swath_merging=a.SwathMerging(swath_merge_list=()),
    )


def calibration(polarisation: str, product_type: str = "SLC") -> Calibration:
    pixel = np.append(np.arange(0, SAMPLES, 40), SAMPLES - 1)
    flat = np.full(pixel.size, LUT)
    vectors = [
        CalibrationVector(
            azimuth_time=line_time(line),
            line=line,
            pixel=pixel,
            sigma_nought=flat * 1.5,
            beta_nought=flat,
            gamma=flat * 1.25,
            dn=flat,
        )
        for line in (0, 300, 599)
    ]
    return Calibration(
        ads_header=header(polarisation, product_type),
        calibration_information=CalibrationInformation(absolute_calibration_constant=1.0),
        calibration_vector_list=tuple(vectors),
    )


def noise(polarisation: str, product_type: str = "SLC") -> Noise:
    pixel = np.append(np.arange(0, SAMPLES, 40), SAMPLES - 1)
    lines = np.append(np.arange(0, LINES, 10), LINES - 1)
    return Noise(
        ads_header=header(polarisation, product_type),
        noise_range_vector_list=tuple(
            NoiseRangeVector(azimuth_time=line_time(line), line=line, pixel=pixel, noise_range_lut=pixel * 0.0 + 12.5)
            for line in (0, 599)
        ),
        noise_azimuth_vector_list=(
            NoiseAzimuthVector(
                swath="S3",
                first_azimuth_line=0,
                first_range_sample=0,
                last_azimuth_line=LINES - 1,
                last_range_sample=SAMPLES - 1,
                line=lines,
                noise_azimuth_lut=lines * 0.0 + 1.0,
            ),
        ),
    )


def rfi(polarisation: str, product_type: str = "SLC") -> Rfi:
    return Rfi(
        ads_header=header(polarisation, product_type),
        rfi_mitigation_applied="None",
        rfi_detection_from_noise_report_list=(
            RfiDetectionFromNoiseReport(
                swath="S3",
                noise_sensing_time=START,
                rfi_detected=False,
                max_kl_divergence=0.125,
                max_fisher_z=0.25,
                max_rfi_psd=0.5,
            ),
        ),
        time_domain_rfi_block_report_list=(
            TimeDomainRfiBlockReport(
                swath="S3",
                azimuth_time=START,
                time_domain_block_size=4096,
                time_domain_rfi_report=TimeDomainRfiReport(
                    percentage_affected_lines=0.0,
                    avg_percentage_affected_samples=0.0,
                    max_percentage_affected_samples=0.0,
                ),
            ),
        ),
        frequency_domain_rfi_block_report_list=(
            FrequencyDomainRfiBlockReport(
                swath="S3",
                azimuth_time=START,
                frequency_domain_block_size=4096,
                frequency_domain_isolated_rfi_report=FrequencyDomainIsolatedRfiReport(
                    percentage_affected_lines=0.0, max_percentage_affected_bw=0.0
                ),
                percentage_affected_bw_persistent_rfi=0.0,
                frequency_domain_persistent_rfi_frequency_mask=FrequencyDomainPersistentRfiFrequencyMask(
                    frequency_axis_len=4, frequency_axis_step=1.5625e7, rfi_mask=np.array([0, 0, 1, 0])
                ),
            ),
        ),
    )


def facts(product_type: str) -> ProductFacts:
    facility = Facility("France", "s1pdgs test facility", "s1pdgs", "Toulouse", "s1pdgs", "000.10")
    downlinked = Processing("Raw Data Downlink", START, STOP, None)
    packets = Processing(
        "Generation of Sentinel-1 SAR Slice L0 product single polarisation", START, STOP, None,
        (
            Resource("Space Packet Protocol Data Unit", "Applicable Document", "13.0"),
            Resource("Downlinked Stream", "Raw Data", None, downlinked),
        ),
    )  # fmt: skip
    level0 = Processing(
        "Generation of Sentinel-1 L0 SAR Product, dual polarisation", START, STOP,
        Facility("", "test facility", "", "", "", ""),
        (Resource("Unknown", "Raw Data", None, packets), Resource("Unknown", "Raw Data", None, packets)),
    )  # fmt: skip
    slc = Processing(
        "SLC Processing", START, STOP, facility,
        (
            Resource("S1A_AUX_PP1_V20260101T000000_G20260101T000000.SAFE", "AUX_PP1"),
            Resource(f"S1A_S3_RAW__0SDV_{START:%Y%m%dT%H%M%S}_{STOP:%Y%m%dT%H%M%S}_063000_07AB3C_1234.SAFE",
                     "Level-0 Product", None, level0),
        ),
    )  # fmt: skip
    steps = Processing(
        f"{product_type} Post Processing", START, STOP, facility,
        (Resource("in memory", "Level-1 Intermediate SLC Product", None, slc),),
    )  # fmt: skip
    return ProductFacts(
        orbit=OrbitReference(63000, 63000, 128, 128, 227, 1, "ASCENDING", NODE),
        processing=steps,
        segment_start=START,
        resolution="_" if product_type == "SLC" else "F",
    )


def pixels(polarisation: str, product_type: str) -> NDArray[np.generic]:
    """Whole numbers, so that what is read back can be compared exactly."""
    rng = np.random.default_rng({"VV": 1, "VH": 2}[polarisation])
    parts = np.rint(rng.normal(0.0, 100.0, (2, LINES, SAMPLES))).astype(np.float32)
    return parts[0] + 1j * parts[1] if product_type == "SLC" else np.hypot(parts[0], parts[1]).round()


def write_product(folder: Path, product_type: str) -> Path:
    form = SLC_PIXEL if product_type == "SLC" else GRD_PIXEL
    looks = {}
    with product_draft(folder) as draft:
        for polarisation in ("VV", "VH"):
            head = header(polarisation, product_type)
            info = MeasurementInfo(
                lines=LINES,
                samples=SAMPLES,
                description=f"Sentinel-1A S3 {product_type} L1",
                software="s1pdgs 0.1.0",
                created=START,
                tie_points=annotation(polarisation, product_type).geolocation_grid.geolocation_grid_point_list,
            )
            image = pixels(polarisation, product_type)
            looks[polarisation] = QuicklookGrid(LINES, SAMPLES, 4, 4)
            with draft.measurement(head, info, form) as writer:
                for first in range(0, LINES, 128):
                    writer.write(first, image[first : first + 128])
                    looks[polarisation].add(first, image[first : first + 128])
            draft.add_image(
                ImageDataSets(
                    product=annotation(polarisation, product_type, writer.statistics),
                    calibration=calibration(polarisation, product_type),
                    noise=noise(polarisation, product_type),
                    rfi=rfi(polarisation, product_type),
                )
            )
        draft.add_quicklook(quicklook_png(looks["VV"].amplitude, looks["VH"].amplitude))
        return draft.finish(facts(product_type))


@pytest.fixture(scope="session")
def slc_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An S3 SLC, VV and VH, 600 lines of 800 samples, with RFI annotation."""
    return write_product(tmp_path_factory.mktemp("slc"), "SLC")


@pytest.fixture(scope="session")
def grd_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same scene as GRD."""
    return write_product(tmp_path_factory.mktemp("grd"), "GRD")


@pytest.fixture
def product_annotation() -> a.Product:
    return annotation("VV")


@pytest.fixture
def product_facts() -> ProductFacts:
    return facts("SLC")


@pytest.fixture
def make_image() -> Callable[[str], ImageDataSets]:
    """Data sets of an SLC image of a polarisation."""

    def make(polarisation: str) -> ImageDataSets:
        return ImageDataSets(
            product=annotation(polarisation),
            calibration=calibration(polarisation),
            noise=noise(polarisation),
            rfi=rfi(polarisation),
        )

    return make


@pytest.fixture(scope="session")
def make_pixels() -> Callable[[str, str], NDArray[np.generic]]:
    """The pixels that were written, by polarisation and product type."""
    return pixels
