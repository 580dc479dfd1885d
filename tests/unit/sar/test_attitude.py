"""Attitude: the steered frame, quaternions and the Doppler that they predict, against a real S3 annotation."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.model.time import parse_utc
from s1pdgs.sar.attitude import (
    Attitude,
    AttitudeError,
    Mispointing,
    body_axes_from_quaternion,
    body_rates_rad_s,
    doppler_centroid_hz,
    line_of_sight,
    matrix_from_quaternion,
    quaternion_from_matrix,
    quaternion_of_body_axes,
    roll_angle_rad,
    steered_body_axes,
)
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S, WAVELENGTH_M
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Orbit, OrbitError, StateVector, fit_orbit, ground_point

EPOCH = datetime(2021, 4, 1, 15, 29, tzinfo=UTC)


@pytest.fixture(scope="module")
def orbit() -> Orbit:
    """An Earth-fixed circle of Sentinel-1's radius and speed."""
    radius_m, rate = 7_071_000.0, 2 * np.pi / 5_924.0
    vectors = []
    for index in range(14):
        phase = rate * index * 10.0
        position = radius_m * np.array([np.cos(phase), 0.0, np.sin(phase)])
        velocity = radius_m * rate * np.array([-np.sin(phase), 0.0, np.cos(phase)])
        vectors.append(StateVector(EPOCH + timedelta(seconds=index * 10.0), position, velocity))
    return fit_orbit(vectors, EPOCH, EPOCH + timedelta(seconds=130))


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: sum(v * v for v in q) > 1e-3))
def test_quaternion_and_matrix_are_inverse_up_to_the_sign(values: list[float]) -> None:
    quaternion = np.array(values) / np.linalg.norm(values)
    matrix = matrix_from_quaternion(quaternion)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    back = quaternion_from_matrix(matrix)
    assert abs(np.dot(back, quaternion)) == pytest.approx(1.0, abs=1e-12)
    assert back[0] >= 0.0


def test_steered_frame_looks_right_at_the_commanded_roll_and_sees_no_doppler(orbit: Orbit) -> None:
    time = np.array([-10.0, 0.0, 20.0])
    axes = steered_body_axes(orbit, time)
    np.testing.assert_allclose(np.linalg.det(axes), 1.0)
    height = ecef_to_geodetic(orbit.position(time))[2]
    np.testing.assert_allclose(np.degrees(roll_angle_rad(height)), 29.45 - 5.66e-5 * (height - 711_700.0))
    target = ground_point(orbit, 0.0, 800e3)
    side = np.dot(target - orbit.position(0.0), axes[1, 1])
    assert abs(side) < 800e3 * np.sin(np.radians(5))
    np.testing.assert_allclose(doppler_centroid_hz(orbit, axes, time, 800e3), 0.0, atol=1e-6)


def test_yaw_and_pitch_shift_the_doppler_centroid_as_geometry_says(orbit: Orbit) -> None:
    axes = steered_body_axes(orbit, 0.0, Mispointing(yaw_rad=1e-4, pitch_rad=2e-4))
    sight = line_of_sight(orbit, axes, 0.0, 800e3)
    speed = float(np.linalg.norm(orbit.velocity(0.0)))
    off_boresight = np.arctan2(np.dot(sight, axes[1]), np.dot(sight, axes[2]))
    squint = 1e-4 * -np.sin(off_boresight) + 2e-4 * np.cos(off_boresight)
    measured = doppler_centroid_hz(orbit, axes, 0.0, 800e3)
    assert measured == pytest.approx(2 * speed / WAVELENGTH_M * squint, rel=1e-3)


def test_line_of_sight_reaches_the_ellipsoid_at_the_range(orbit: Orbit) -> None:
    slant = np.array([790e3, 810e3, 830e3])
    axes = steered_body_axes(orbit, 5.0, Mispointing(roll_rad=1e-3, yaw_rad=1e-3))
    point = orbit.position(5.0) + slant[:, None] * line_of_sight(orbit, axes, 5.0, slant)
    np.testing.assert_allclose(ecef_to_geodetic(point)[2], 0.0, atol=1e-3)
    with pytest.raises(OrbitError, match="slant range"), np.errstate(all="ignore"):
        line_of_sight(orbit, axes, 5.0, 100e3)


def test_attitude_interpolates_between_one_hertz_samples(orbit: Orbit) -> None:
    time = np.arange(-5.0, 6.0)
    quaternion = quaternion_of_body_axes(orbit.epoch, time, steered_body_axes(orbit, time))
    quaternion[::2] *= -1.0  # signs of real samples are arbitrary
    attitude = Attitude.of_samples(orbit.epoch, time, quaternion)
    between = np.array([-4.5, 0.25, 5.5])
    difference = attitude.body_axes(between) - steered_body_axes(orbit, between)
    assert np.abs(difference).max() < 2e-6
    with pytest.raises(AttitudeError, match="does not reach"):
        attitude.body_axes(9.0)
    with pytest.raises(AttitudeError, match="do not increase"):
        Attitude.of_samples(orbit.epoch, time[::-1], quaternion)


def test_real_attitude_is_the_steered_frame_and_predicts_esas_geometry_doppler(testdata: Path) -> None:
    path = next(testdata.glob("l1_annotations/S1A_S3*/annotation/s1a-s3-slc-vh-*.xml"))
    root = etree.parse(path).getroot()
    vectors = [
        StateVector(
            parse_utc(entry.findtext("time")),
            np.array([float(entry.findtext(f"position/{axis}")) for axis in "xyz"]),
            np.array([float(entry.findtext(f"velocity/{axis}")) for axis in "xyz"]),
        )
        for entry in root.iterfind("generalAnnotation/orbitList/orbit")
    ]
    orbit = fit_orbit(vectors, vectors[3].time, vectors[-4].time)
    samples = root.findall("generalAnnotation/attitudeList/attitude")
    time = np.array([orbit.seconds(parse_utc(entry.findtext("time"))) for entry in samples])
    annotated = np.array([[float(entry.findtext(f"q{k}")) for k in range(4)] for entry in samples])
    axes = body_axes_from_quaternion(orbit.epoch, time, ours_from_annotated(annotated))
    steered = steered_body_axes(orbit, time)
    tilt = axes @ np.swapaxes(steered, -1, -2)
    assert np.abs(tilt[:, 0, 1:]).max() < 3e-5
    assert np.abs(tilt[:, 1, 2]).max() < np.radians(0.01)
    rates = np.array([[float(entry.findtext(axis)) for axis in ("wx", "wy", "wz")] for entry in samples])
    np.testing.assert_allclose(body_rates_rad_s(orbit, time), rates, atol=1e-5)

    attitude = Attitude.of_samples(orbit.epoch, time, ours_from_annotated(annotated))
    for estimate in root.findall("dopplerCentroid/dcEstimateList/dcEstimate")[:3]:
        moment = orbit.seconds(parse_utc(estimate.findtext("azimuthTime")))
        delay = np.array([0.0, 1e-4, 2e-4])
        polynomial = [float(word) for word in estimate.findtext("geometryDcPolynomial").split()]
        slant = (float(estimate.findtext("t0")) + delay) * SPEED_OF_LIGHT_M_S / 2
        ours = doppler_centroid_hz(orbit, attitude.body_axes(moment), moment, slant)
        np.testing.assert_allclose(ours, np.polynomial.polynomial.polyval(delay, polynomial), atol=0.6)


def ours_from_annotated(quaternion: np.ndarray) -> np.ndarray:
    """Annotations put the real part last and turn the body by 180 degrees about (x - y)."""
    real, vector, axis = quaternion[:, 3], quaternion[:, :3], np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    return np.column_stack([-vector @ axis, real[:, None] * axis + np.cross(vector, axis)])
