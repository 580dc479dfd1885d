"""General annotation: platform, orbit, attitude, raw data, replica, noise, terrain and FM rate."""

import math
from datetime import timedelta

import numpy as np

from s1pdgs.formats.isp.subcom import AncillaryData
from s1pdgs.formats.l1.annotation import (
    Attitude,
    GeneralAnnotation,
    Noise,
    Orbit,
    Position,
    ProductInformation,
    RawDataAnalysis,
    RawDataAnalysisSupport,
    ReferenceReplica,
    Replica,
    ReplicaInformation,
    TerrainHeight,
    Velocity,
)
from s1pdgs.processors.l1.describe.context import ImageContext
from s1pdgs.processors.l1.describe.downlink import downlink_information
from s1pdgs.processors.l1.describe.geometry import azimuth_fm_rates
from s1pdgs.processors.l1.receiver import model_pg
from s1pdgs.sar.attitude import matrix_from_quaternion
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ
from s1pdgs.sar.earth import ecef_to_geodetic

_TERRAIN_INTERVAL_S = 10.0
_ATTITUDE_MARGIN = timedelta(seconds=2)
_SIGMAS = 3.0


def general_annotation(context: ImageContext) -> GeneralAnnotation:
    """All lists of the general annotation."""
    return GeneralAnnotation(
        product_information=_product_information(context),
        downlink_information_list=tuple(downlink_information(swath) for swath in context.swaths),
        orbit_list=_orbits(context),
        attitude_list=_attitudes(context),
        raw_data_analysis_list=tuple(_raw_data_analysis(swath) for swath in context.swaths),
        replica_information_list=tuple(_replicas(swath) for swath in context.swaths),
        noise_list=tuple(noise for swath in context.swaths for noise in _noise(swath)),
        terrain_height_list=tuple(
            TerrainHeight(azimuth_time=context.utc(time), value=context.inputs.terrain.mean(time))
            for time in context.times_s(_TERRAIN_INTERVAL_S)
        ),
        azimuth_fm_rate_list=azimuth_fm_rates(context),
    )


def platform_heading_deg(context: ImageContext) -> float:
    """The direction of the ground track in the middle of the image, degrees from north, positive east."""
    orbit, time = context.inputs.orbit, context.frame.mid_line_s
    latitude, longitude, _ = ecef_to_geodetic(orbit.position(time))
    phi, lam = math.radians(float(latitude)), math.radians(float(longitude))
    velocity = orbit.velocity(time)
    east = float(velocity @ np.array([-math.sin(lam), math.cos(lam), 0.0]))
    north = float(velocity @ np.array([-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)]))
    return math.degrees(math.atan2(east, north))


def _product_information(context: ImageContext) -> ProductInformation:
    return ProductInformation(
        pass_direction=context.inputs.manifest.orbit.pass_direction.capitalize(),
        timeliness_category=context.timeliness,
        platform_heading=platform_heading_deg(context),
        projection="Ground Range" if context.frame.detected else "Slant Range",
        range_sampling_rate=context.plan.focus.image.sampling_hz,
        radar_frequency=RADAR_FREQUENCY_HZ,
        azimuth_steering_rate=0.0
        if context.parts
        else context.inputs.instrument.swath(context.inputs.swath).azimuth_steering_rate_deg_s,
    )


def _orbits(context: ImageContext) -> tuple[Orbit, ...]:
    return tuple(
        Orbit(
            time=vector.time,
            frame="Earth Fixed",
            position=Position(**dict(zip("xyz", vector.position_m.tolist(), strict=True))),
            velocity=Velocity(**dict(zip("xyz", vector.velocity_m_s.tolist(), strict=True))),
        )
        for vector in context.inputs.vectors
    )


def _attitudes(context: ImageContext) -> tuple[Attitude, ...]:
    ancillary = context.inputs.ancillary
    first, last = context.start - _ATTITUDE_MARGIN, context.stop + _ATTITUDE_MARGIN
    shown = [
        (time, state)
        for time, state in zip(ancillary.attitude_times, ancillary.states, strict=True)
        if first <= time <= last
    ] or list(zip(ancillary.attitude_times, ancillary.states, strict=True))
    found = []
    for time, state in shown:
        roll, pitch, yaw = _angles_deg(state)
        q, w = state.quaternion, state.angular_rate_rad_s
        found.append(
            Attitude(
                time=time,
                frame="GM2000",
                q0=q[0],
                q1=q[1],
                q2=q[2],
                q3=q[3],
                wx=w[0],
                wy=w[1],
                wz=w[2],
                roll=roll,
                pitch=pitch,
                yaw=yaw,
            )
        )
    return tuple(found)


def _angles_deg(state: AncillaryData) -> tuple[float, float, float]:
    """Roll, pitch and yaw of the rotation from J2000 to body, in the order yaw, pitch, roll (3-2-1)."""
    m = matrix_from_quaternion(np.array(state.quaternion))
    roll = math.atan2(m[1, 2], m[2, 2])
    pitch = -math.asin(min(max(float(m[0, 2]), -1.0), 1.0))
    yaw = math.atan2(m[0, 1], m[0, 0])
    return math.degrees(roll), math.degrees(pitch), math.degrees(yaw)


def _raw_data_analysis(context: ImageContext) -> RawDataAnalysis:
    echoes = context.plan.channel.echoes
    found, bias = echoes.statistics, echoes.bias
    count = max(found.samples, 1)
    i_bound, q_bound = (_SIGMAS * deviation / math.sqrt(count) for deviation in (found.i_std, found.q_std))
    gain_bound = _SIGMAS / math.sqrt(count)
    angle_bound = math.degrees(_SIGMAS / math.sqrt(count))
    return RawDataAnalysis(
        azimuth_time=context.start,
        i_bias=found.i_mean,
        q_bias=found.q_mean,
        iq_quadrature_departure=found.quadrature_departure_deg,
        iq_gain_imbalance=found.gain_imbalance,
        support=RawDataAnalysisSupport(
            i_bias_upper_bound=i_bound,
            i_bias_lower_bound=-i_bound,
            q_bias_upper_bound=q_bound,
            q_bias_lower_bound=-q_bound,
            iq_gain_upper_bound=1.0 + gain_bound,
            iq_gain_lower_bound=1.0 - gain_bound,
            iq_quadrature_departure_upper_bound=angle_bound,
            iq_quadrature_departure_lower_bound=-angle_bound,
            i_bias_used_for_correction=bias.real,
            q_bias_used_for_correction=bias.imag,
            iq_gain_imbalance_used_for_correction=1.0,
            iq_quadrature_departure_used_for_correction=0.0,
        ),
    )


def _replicas(context: ImageContext) -> ReplicaInformation:
    """The nominal chirp of AUX_INS, and the replicas that the calibration pulses gave.

    The range compression uses the chirp of the packet headers, whose polynomial differs by some hundred hertz.
    """
    inputs, result = context.inputs, context.plan
    chirp = inputs.instrument.swath(inputs.swath)
    delays = inputs.instrument.channel(inputs.swath, context.polarisation)
    node = inputs.manifest.orbit.ascending_node_time
    models = [model_pg(delays, (found.time - node).total_seconds()) for found in result.replicas]
    return ReplicaInformation(
        swath=inputs.swath,
        reference_replica=ReferenceReplica(
            azimuth_time=context.start,
            chirp_source=result.channel.chirp_source,
            pg_source=context.receiver.calibration.source,
            amplitude_coefficients=np.array(chirp.amplitude_coefficients),
            phase_coefficients=np.array(chirp.phase_coefficients),
            time_delay=delays.time_delay_s,
            gain=delays.nominal_gain,
        ),
        replica_list=tuple(
            Replica(
                azimuth_time=found.time,
                cross_correlation_bandwidth=found.width,
                cross_correlation_pslr=found.pslr_db,
                cross_correlation_islr=found.islr_db,
                cross_correlation_peak_location=found.location,
                reconstructed_replica_valid_flag=found.reconstructed,
                pg_product_amplitude=abs(found.pg),
                pg_product_phase=float(np.angle(found.pg)),
                model_pg_product_amplitude=abs(model),
                model_pg_product_phase=float(np.angle(model)),
                relative_pg_product_valid_flag=found.relative,
                absolute_pg_product_valid_flag=found.absolute,
                internal_time_delay=delays.time_delay_s,
            )
            for found, model in zip(result.replicas, models, strict=True)
        ),
    )


def _noise(context: ImageContext) -> tuple[Noise, ...]:
    """Measured noise power over that of AUX_INS."""
    reference = context.inputs.instrument.channel(context.inputs.swath, context.polarisation).noise
    return tuple(
        Noise(
            swath=context.inputs.swath,
            azimuth_time=found.time,
            noise_power_correction_factor=found.power / reference if reference > 0.0 else found.power,
            number_of_noise_lines=found.lines,
        )
        for found in context.plan.noise
    )
