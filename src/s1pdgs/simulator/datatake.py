"""The geometry of a data take: when each line is sensed, what its window sees, and how the satellite points."""

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.sar.antenna import elevation_angle_rad
from s1pdgs.sar.attitude import doppler_centroid_hz, steered_body_axes
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ellipsoid_normal, geodetic_to_ecef
from s1pdgs.sar.orbit import Array, Orbit, effective_velocity, ground_point, zero_doppler_time
from s1pdgs.sar.timing import DELTA_TX_LATCH_S, first_sample_delay_s, transmit_time_s
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.places import Place
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.timeline import Schedule, build_schedule

_KNOTS = 9
_TX_GUARD_CODES = 200


def plan_data_take(scenario: Scenario, orbit: Orbit, place: Place, guess_s: float) -> "DataTake":
    """Put the place in the middle of the focused image of a pass.

    `guess_s` is roughly when the satellite passes the place (seconds after the orbit's epoch). Raises `SimulatorError`
    when the place does not lie within the range that the radar settings receive.
    """
    target = geodetic_to_ecef(place.latitude_deg, place.longitude_deg)
    time, slant = (float(value) for value in zero_doppler_time(orbit, target, guess_s))
    radar = scenario.radar
    schedule = build_schedule(radar.ecc_number, scenario.imaging_pris, radar.rank)
    delay = 2.0 * slant / SPEED_OF_LIGHT_M_S
    focused_s = scenario.window_samples / radar.sampling_hz - radar.chirp.length_s
    first_delay = delay - 0.5 * focused_s if focused_s > 0 else delay
    swst = round((first_delay - first_sample_delay_s(radar.rank, radar.pri_s, 0.0)) * codes.F_REF_HZ)
    earliest, latest = radar.tx_pulse_length + _TX_GUARD_CODES, radar.pri - scenario.swl
    if not earliest <= swst <= latest:
        raise SimulatorError(
            f"{place.name} is at a slant range of {slant / 1000:.1f} km in this pass: the sampling window would start "
            f"at code {swst}, outside {earliest} ... {latest}; choose another pass, place or window"
        )
    middle_s = time - 0.5 * delay - 0.5 * schedule.lines * radar.pri_s
    latch = middle_s - DELTA_TX_LATCH_S + (radar.rank - schedule.first_line_pri) * radar.pri_s
    return DataTake(scenario, orbit, place, schedule, swst, latch)


@frozen(eq=False)
class DataTake:
    """One data take. Times are seconds after the epoch of the orbit; lines and samples those of the raw image.

    `swst` is the code of the sampling window start, `first_latch_s` the latch of PRI 0.
    """

    scenario: Scenario
    orbit: Orbit
    place: Place
    schedule: Schedule
    swst: int
    first_latch_s: float

    @property
    def lines(self) -> int:
        return self.schedule.lines

    @property
    def samples(self) -> int:
        return self.scenario.window_samples

    @property
    def first_delay_s(self) -> float:
        """Two-way delay of sample 0."""
        radar = self.scenario.radar
        return first_sample_delay_s(radar.rank, radar.pri_s, float(codes.swst_s(self.swst)))

    @property
    def spacing_m(self) -> float:
        """Slant range between samples."""
        return SPEED_OF_LIGHT_M_S / (2.0 * self.scenario.radar.sampling_hz)

    def latch_s(self, pri_count: ArrayLike) -> Array:
        """Latch times of PRIs."""
        return self.first_latch_s + np.asarray(pri_count, dtype=np.float64) * self.scenario.radar.pri_s

    def transmit_s(self, line: ArrayLike) -> Array:
        """Emission of the pulses whose echoes lines hold."""
        radar = self.scenario.radar
        latch = self.latch_s(np.asarray(line, dtype=np.float64) + self.schedule.first_line_pri)
        return np.asarray(transmit_time_s(latch, radar.rank, radar.pri_s))

    def slant_range_m(self, sample: ArrayLike) -> Array:
        """Slant range of samples."""
        return SPEED_OF_LIGHT_M_S / 2.0 * self.first_delay_s + np.asarray(sample, dtype=np.float64) * self.spacing_m

    def zero_doppler_s(self, line: ArrayLike, sample: ArrayLike) -> Array:
        """Zero-Doppler time of the pixels at lines and samples: half-way between emission and return."""
        return self.transmit_s(line) + self.slant_range_m(sample) / SPEED_OF_LIGHT_M_S

    def pixel(self, point_m: Array, guess_s: float | None = None) -> tuple[Array, Array]:
        """Fractional lines and samples at which ground points (..., 3) are focused."""
        guess = self.middle_s if guess_s is None else guess_s
        time, slant = zero_doppler_time(self.orbit, point_m, guess)
        line = (time - slant / SPEED_OF_LIGHT_M_S - self.transmit_s(0)) / self.scenario.radar.pri_s
        return line, (slant - self.slant_range_m(0)) / self.spacing_m

    @property
    def middle_s(self) -> float:
        """Zero-Doppler time of the middle of the raw image."""
        return float(self.zero_doppler_s(0.5 * self.lines, 0.5 * self.samples))

    @property
    def focused_samples(self) -> int:
        """Samples, from 0 on, whose whole echo is in the window; 0 where the window is shorter than the pulse."""
        radar = self.scenario.radar
        return max(0, int(self.samples - radar.chirp.length_s * radar.sampling_hz))

    def beam_s(self, line: ArrayLike) -> Array:
        """How far the middles of emission and return of the echoes in lines are from the middle of all PRIs."""
        radar = self.scenario.radar
        pri = np.asarray(line, dtype=np.float64) + self.schedule.first_line_pri
        return np.asarray(radar.pri_s * (pri - 0.5 * radar.rank - 0.5 * (self.schedule.total_pris - 1)))

    def body_axes(self, time_s: ArrayLike) -> Array:
        """True body axes, Earth-fixed, as rows."""
        return steered_body_axes(self.orbit, np.asarray(time_s, dtype=np.float64), self.scenario.mispointing)

    def range_geometry(self, sample: ArrayLike) -> "RangeGeometry":
        """What varies along range in the middle of the data take, at samples (n,)."""
        return _range_geometry(self, np.asarray(sample, dtype=np.float64))


@frozen(eq=False)
class RangeGeometry:
    """Arrays (n,) along range: effective velocity, speed of the zero-Doppler point on the ground, incidence, angle from
    the boresight in elevation and Doppler centroid; and the speed of the satellite.
    """

    slant_range_m: Array
    effective_m_s: Array
    ground_m_s: Array
    incidence_rad: Array
    elevation_rad: Array
    doppler_hz: Array
    satellite_m_s: float


def _range_geometry(take: DataTake, sample: Array) -> RangeGeometry:
    """Exact at a few ranges, polynomials in between (errors below 1e-7 of each value over a StripMap window)."""
    orbit, time = take.orbit, take.middle_s
    knots = np.linspace(sample.min() - 1.0, sample.max() + 1.0, _KNOTS)
    slant = take.slant_range_m(knots)
    axes = take.body_axes(time)
    points, ahead, behind = (ground_point(orbit, time + step, slant) for step in (0.0, 0.05, -0.05))
    line = orbit.position(time) - points
    cosine = np.sum(line * ellipsoid_normal(points), axis=-1) / slant

    def spread(values: NDArray[np.float64]) -> Array:
        centre, scale = knots.mean(), 0.5 * np.ptp(knots)
        fit = np.polynomial.polynomial.polyfit((knots - centre) / scale, values, 5)
        return np.asarray(np.polynomial.polynomial.polyval((sample - centre) / scale, fit))

    return RangeGeometry(
        slant_range_m=take.slant_range_m(sample),
        effective_m_s=spread(np.array([effective_velocity(orbit, point, time) for point in points])),
        ground_m_s=spread(np.linalg.norm(ahead - behind, axis=-1) / 0.1),
        incidence_rad=spread(np.arccos(cosine)),
        elevation_rad=spread(elevation_angle_rad(orbit, axes, time, points)),
        doppler_hz=spread(doppler_centroid_hz(orbit, axes, time, slant)),
        satellite_m_s=float(np.linalg.norm(orbit.velocity(time))),
    )
