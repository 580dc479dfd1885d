"""Doppler centroid, antenna pattern, geolocation and ground range annotation."""

import numpy as np

from s1pdgs.formats.l1.annotation import (
    AntennaPattern,
    AntennaPatterns,
    AzimuthFmRate,
    CoordinateConversion,
    CoordinateConversions,
    DcEstimate,
    DopplerCentroid,
    FineDce,
    GeolocationGrid,
)
from s1pdgs.processors.l1.channel import elevation_angles
from s1pdgs.processors.l1.describe.context import ImageContext
from s1pdgs.processors.l1.doppler import DopplerEstimate
from s1pdgs.processors.l1.geolocation import geolocation_grid
from s1pdgs.sar.attitude import roll_angle_rad
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic

_PATTERN_INTERVAL_S = 1.0
_PATTERN_STEP = 40
_FM_INTERVAL_S = 1.5


def doppler_centroid(context: ImageContext) -> DopplerCentroid:
    """All estimates, of geometry and data, whichever of them focusing used (`dcMethod`)."""
    found = (estimate for swath in context.swaths for estimate in swath.plan.doppler)
    return DopplerCentroid(dc_estimate_list=tuple(_estimate(context, estimate) for estimate in found))


def _estimate(context: ImageContext, found: DopplerEstimate) -> DcEstimate:
    return DcEstimate(
        azimuth_time=context.utc(found.time_s),
        t0=found.t0_s,
        geometry_dc_polynomial=np.array(found.geometry),
        data_dc_polynomial=np.array(found.data),
        data_dc_rms_error=found.rms_hz if found.measured else 0.0,
        data_dc_rms_error_above_threshold=not found.reliable,
        fine_dce_azimuth_start_time=context.utc(found.start_s),
        fine_dce_azimuth_stop_time=context.utc(found.stop_s),
        fine_dce_list=tuple(
            FineDce(slant_range_time=delay, frequency=frequency)
            for delay, frequency in zip(found.fine_delay_s, found.fine_hz, strict=True)
        ),
    )


def azimuth_fm_rates(context: ImageContext) -> tuple[AzimuthFmRate, ...]:
    """Polynomials of degree two about every 1.5 s."""
    image = context.plan.focus.image
    offset = image.delays_s - image.first_delay_s
    scale = float(offset[-1])
    rates = []
    for time in context.times_s(_FM_INTERVAL_S):
        model = context.inputs.range_model(time, image.ranges_m)
        fit = np.polynomial.polynomial.polyfit(offset / scale, model.fm_rate_hz_s, 2)
        rates.append(
            AzimuthFmRate(
                azimuth_time=context.utc(time),
                t0=image.first_delay_s,
                azimuth_fm_rate_polynomial=fit / scale ** np.arange(3),
            )
        )
    return tuple(rates)


def antenna_patterns(context: ImageContext) -> AntennaPatterns:
    """The patterns that were taken off each swath."""
    return AntennaPatterns(antenna_pattern_list=tuple(found for swath in context.swaths for found in _patterns(swath)))


def _patterns(context: ImageContext) -> list[AntennaPattern]:
    """The two-way elevation pattern of AUX_CAL at the angles of the image, once a second.

    The elevation angle is the off-nadir angle: roll plus the angle from the boresight.
    """
    inputs, image = context.inputs, context.plan.focus.image
    table = inputs.calibration.channel(inputs.swath, context.polarisation).elevation
    values = np.array(table.values)
    delays = image.delays_s[::_PATTERN_STEP]
    slant = 0.5 * SPEED_OF_LIGHT_M_S * delays
    patterns = []
    for time in context.times_s(_PATTERN_INTERVAL_S):
        angle = elevation_angles(inputs, time, slant)
        roll = float(roll_angle_rad(ecef_to_geodetic(inputs.orbit.position(time))[2]))
        model = inputs.range_model(time, slant)
        degrees = np.degrees(angle)
        patterns.append(
            AntennaPattern(
                swath=inputs.swath,
                azimuth_time=context.utc(time),
                slant_range_time=delays,
                elevation_angle=np.degrees(roll) + degrees,
                elevation_pattern=np.interp(degrees, table.angles_deg(), values),
                incidence_angle=np.degrees(model.incidence_rad),
                terrain_height=inputs.terrain.mean(time),
                roll=float(np.degrees(roll)),
            )
        )
    return patterns


def geolocation(context: ImageContext) -> GeolocationGrid:
    """The tie points."""
    return GeolocationGrid(
        geolocation_grid_point_list=geolocation_grid(context.inputs.orbit, context.frame, context.inputs.terrain)
    )


def coordinate_conversions(context: ImageContext) -> CoordinateConversions:
    """Ground range polynomials of detected images, none for others."""
    ground = context.frame.ground
    if ground is None:
        return CoordinateConversions(coordinate_conversion_list=())
    return CoordinateConversions(
        coordinate_conversion_list=tuple(
            CoordinateConversion(
                azimuth_time=context.utc(float(time)),
                slant_range_time=2.0 * ground.slant0_m / SPEED_OF_LIGHT_M_S,
                sr0=ground.slant0_m,
                srgr_coefficients=to_ground,
                gr0=0.0,
                grsr_coefficients=to_slant,
            )
            for time, to_ground, to_slant in zip(ground.time_s, ground.to_ground, ground.to_slant, strict=True)
        )
    )
