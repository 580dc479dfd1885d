"""The simulated satellite's way: a real state vector under the Earth's zonal gravity, and passes over a place.

The satellite repeats its ground track every 12 days and 175 orbits. An orbit at any date therefore starts from one
real state vector (AUX_RESORB of 2017-12-13, absolute orbit 19683), moved by a whole number of cycles.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Self

import attrs
import numpy as np
from attrs import frozen
from scipy.optimize import brentq

from s1pdgs.model.time import MICROSECOND
from s1pdgs.sar.antenna import elevation_angle_rad
from s1pdgs.sar.attitude import REFERENCE_ROLL_DEG, steered_body_axes
from s1pdgs.sar.constants import EARTH_ROTATION_RAD_S
from s1pdgs.sar.earth import ellipsoid_normal, geodetic_to_ecef, intersect_ellipsoid
from s1pdgs.sar.orbit import Array, StateVector, fit_orbit
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.propagation import Ephemeris
from s1pdgs.simulator.swaths import STRIPMAP, swath

CYCLE = timedelta(days=12)
CYCLE_ORBITS = 175
_NUMBERING = {"S1A": (73, 15), "S1B": (27, 7), "S1C": (172, 0), "S1D": (116, 0)}
"""Absolute orbits that began relative orbit 1, and the cycles they began: of S1A and S1B by annotations and the orbit
scenario file (S1A: orbit 41373 began cycle 251), of S1C as published, of S1D assumed.
"""

_SEED_TIME = datetime(2017, 12, 13, 10, 27, 47, 593331, tzinfo=UTC)
_SEEDS = {"S1A": (0, 19683), "S1B": (6, 8787), "S1C": (6, -37093), "S1D": (0, -42049)}
"""How many days later a satellite was where S1A was at the seed time, and in which absolute orbit: S1B and S1C fly
half an orbit after S1A. Orbits before the launch are counted backwards.
"""

_SEED_POSITION_M = (-2791323.257809, 6503091.820024, 34453.630583)
_SEED_VELOCITY_M_S = (1473.045295, 583.283873, 7430.211301)
_TRACK_KEEPING = 1.0 - 4.183268e-6
"""Slows the seed by 3 cm/s: without tesseral gravity 175 orbits would else take 13 s more than 12 days."""

_DIFFERENCE_S = 0.5
_SAMPLE_S = 20.0
_BEYOND_S = 180.0
_NEWTON_STEPS = 4
_LONGEST_RANGE_M = 1.2e6
_EDGE = 0.05
"""The part of the beam at each edge in which a place does not count as covered."""


def relative_orbit_and_cycle(absolute_orbit: int, satellite: str = "S1A") -> tuple[int, int]:
    """Relative orbit (1 to 175) and cycle number of an absolute orbit."""
    first, cycle = _NUMBERING[satellite]
    steps = absolute_orbit - first
    return steps % CYCLE_ORBITS + 1, steps // CYCLE_ORBITS + cycle


def acquisition_over(
    latitude_deg: float,
    longitude_deg: float,
    swath_name: str = "S3",
    pass_direction: str | None = None,
    *,
    after: datetime,
    trajectory: "Trajectory | None" = None,
) -> "Acquisition":
    """The first pass after a UTC time in whose StripMap swath a place lies, ascending or descending if asked.

    A trajectory that is given must span the cycle and two days more. Raises `SimulatorError` when no pass of a whole
    cycle covers the place, telling the swaths that do.
    """
    if trajectory is None:
        trajectory = Trajectory.spanning(after - timedelta(days=6), after + CYCLE + timedelta(days=2))
    place = geodetic_to_ecef(latitude_deg, longitude_deg)
    others: set[str] = set()
    for time_s in trajectory.broadside_s(place, after, after + CYCLE):
        view = _View.of(trajectory, time_s, place)
        if pass_direction not in {None, view.pass_direction}:
            continue
        if view.inside(swath_name):
            return view.acquisition(swath_name)
        others.update(name for name in STRIPMAP if view.inside(name))
    raise SimulatorError(
        f"no {pass_direction or 'ascending or descending'} pass of {CYCLE.days} days has {latitude_deg}, "
        f"{longitude_deg} in swath {swath_name}; {', '.join(sorted(others)) or 'no other StripMap swath'} would"
    )


def _about_pole(vectors: Array, angle_rad: Array) -> Array:
    """Vectors (n, 3) in a frame turned by angles (n,) about the Earth's axis."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([c * x + s * y, c * y - s * x, z], axis=-1)


@frozen
class AscendingNode:
    """A crossing of the equator northwards, which begins an absolute orbit."""

    time: datetime
    absolute_orbit: int


@frozen(eq=False)
class Trajectory:
    """The satellite's way from `start` to `stop`, propagated both ways from the state vector at `epoch`.

    It is moved by `across_m` to the right of the flight and by `above_m` away from the Earth.
    """

    epoch: datetime
    epoch_orbit: int
    start: datetime
    stop: datetime
    inertial: Ephemeris
    nodes: tuple[AscendingNode, ...] = ()
    across_m: float = 0.0
    above_m: float = 0.0

    @classmethod
    @lru_cache(maxsize=8)
    def spanning(cls, start: datetime, stop: datetime, satellite: str = "S1A") -> Self:
        """Propagate over a span of UTC time, of a few weeks at most, which all that is planned in the same span shares.
        Raises `SimulatorError` for longer ones.
        """
        if satellite not in _SEEDS:
            raise SimulatorError(f"satellite {satellite!r} is not simulated; {', '.join(_SEEDS)} are")
        if not timedelta(0) < stop - start <= timedelta(days=40):
            raise SimulatorError(f"from {start.isoformat()} to {stop.isoformat()} is not 0 to 40 days long")
        days, seed_orbit = _SEEDS[satellite]
        seed_time = _SEED_TIME + timedelta(days=days)
        cycles = round((start + (stop - start) / 2 - seed_time) / CYCLE)
        epoch = seed_time + cycles * CYCLE
        position = np.array(_SEED_POSITION_M)
        velocity = np.array(_SEED_VELOCITY_M_S) + np.cross([0.0, 0.0, EARTH_ROTATION_RAD_S], position)
        state = np.concatenate([position, velocity * _TRACK_KEEPING])
        first, last = (start - epoch).total_seconds(), (stop - epoch).total_seconds()
        inertial = Ephemeris.around(state, min(first, 0.0) - _BEYOND_S, max(last, 0.0) + _BEYOND_S)
        bare = cls(epoch, seed_orbit + cycles * CYCLE_ORBITS, start, stop, inertial)
        return attrs.evolve(bare, nodes=bare._find_nodes())

    def seconds(self, moment: datetime) -> float:
        """Seconds of a UTC time after the epoch."""
        return (moment - self.epoch).total_seconds()

    def utc(self, time_s: float) -> datetime:
        """UTC, to microseconds, of seconds after the epoch."""
        return self.epoch + round(time_s * 1e6) * MICROSECOND

    def beside(self, across_m: float, above_m: float) -> Self:
        """The way of a satellite that flies beside this one, with the same nodes."""
        return attrs.evolve(self, across_m=across_m, above_m=above_m)

    def earth_fixed(self, time_s: Array) -> tuple[Array, Array]:
        """Earth-fixed positions in metres and velocities in m/s, both (n, 3), at seconds (n,) after the epoch."""
        time = np.atleast_1d(np.asarray(time_s, dtype=np.float64))
        position, velocity = self._flown(time)
        if not self.across_m and not self.above_m:
            return position, velocity
        ahead, behind = (self._offset(*self._flown(time + step)) for step in (_DIFFERENCE_S, -_DIFFERENCE_S))
        return position + self._offset(position, velocity), velocity + (ahead - behind) / (2.0 * _DIFFERENCE_S)

    def _offset(self, position: Array, velocity: Array) -> Array:
        up = position / np.linalg.norm(position, axis=-1, keepdims=True)
        right = np.cross(velocity, position)
        return np.asarray(self.above_m * up + self.across_m * right / np.linalg.norm(right, axis=-1, keepdims=True))

    def _flown(self, time: Array) -> tuple[Array, Array]:
        states, angle = self.inertial.at(time), EARTH_ROTATION_RAD_S * time
        position, velocity = _about_pole(states[:, :3], angle), _about_pole(states[:, 3:], angle)
        return position, velocity - np.cross([0.0, 0.0, EARTH_ROTATION_RAD_S], position)

    def vector_at(self, moment: datetime) -> StateVector:
        """The state vector at a UTC time. Raises `SimulatorError` outside of the trajectory."""
        return self.vectors((moment,))[0]

    def vectors(self, moments: Sequence[datetime]) -> list[StateVector]:
        """State vectors at UTC times. Raises `SimulatorError` outside of the trajectory."""
        if moments and not (self.start <= min(moments) and max(moments) <= self.stop):
            raise SimulatorError(
                f"the trajectory from {self.start.isoformat()} to {self.stop.isoformat()} does not reach "
                f"{min(moments).isoformat()} to {max(moments).isoformat()}"
            )
        positions, velocities = self.earth_fixed(np.array([self.seconds(moment) for moment in moments]))
        return [StateVector(*entry) for entry in zip(moments, positions, velocities, strict=True)]

    def vectors_between(self, start: datetime, stop: datetime, step_s: float = 10.0) -> list[StateVector]:
        """State vectors from `start` every `step_s` until `stop` at the latest."""
        count = int((stop - start).total_seconds() / step_s + 1e-9) + 1
        return self.vectors([start + timedelta(seconds=index * step_s) for index in range(count)])

    def node_before(self, moment: datetime) -> AscendingNode:
        """The ascending node that begins the orbit of a UTC time. Raises `SimulatorError` before the first one."""
        position = bisect_right(self.nodes, moment, key=lambda node: node.time)
        if position == 0 or moment > self.stop:
            raise SimulatorError(f"the trajectory knows no ascending node before {moment.isoformat()}")
        return self.nodes[position - 1]

    def absolute_orbit(self, moment: datetime) -> int:
        """The absolute orbit number at a UTC time."""
        if self.nodes and self.start <= moment < self.nodes[0].time:
            return self.nodes[0].absolute_orbit - 1
        return self.node_before(moment).absolute_orbit

    def broadside_s(self, place_m: Array, start: datetime, stop: datetime) -> list[float]:
        """Seconds after the epoch at which a point passes abeam to the right, within radar range."""
        time = np.arange(self.seconds(start), self.seconds(stop) + _SAMPLE_S, _SAMPLE_S)
        position, velocity = self.earth_fixed(time)
        line = place_m - position
        ahead = np.sum(line * velocity, axis=-1)
        right = np.sum(line * np.cross(velocity, position), axis=-1) > 0.0
        near = np.linalg.norm(line, axis=-1) < _LONGEST_RANGE_M
        passes = np.flatnonzero((ahead[:-1] > 0.0) & (ahead[1:] <= 0.0) & near[:-1] & right[:-1])
        return [float(brentq(self._ahead, time[k], time[k + 1], args=(place_m,), xtol=1e-7)) for k in passes]

    def _ahead(self, time_s: float, place_m: Array) -> float:
        position, velocity = self.earth_fixed(np.array([time_s]))
        return float(np.sum((place_m - position) * velocity))

    def _find_nodes(self) -> tuple[AscendingNode, ...]:
        """Nodes of the span, numbered by counting from the epoch, which may lie outside of it."""
        first, last = self.seconds(self.start), self.seconds(self.stop)
        time = np.arange(min(first, 0.0) - _BEYOND_S, max(last, 0.0) + _BEYOND_S, 3.0 * _SAMPLE_S)
        height = self.earth_fixed(time)[0][:, 2]
        rising = np.flatnonzero((height[:-1] < 0.0) & (height[1:] >= 0.0))
        crossings = time[rising]
        for _ in range(_NEWTON_STEPS):
            position, velocity = self.earth_fixed(crossings)
            crossings = crossings - position[:, 2] / velocity[:, 2]
        begun = int(np.count_nonzero(crossings <= 0.0))
        numbered = enumerate(crossings.tolist(), start=self.epoch_orbit - begun + 1)
        return tuple(AscendingNode(self.utc(time), orbit) for orbit, time in numbered if first <= time <= last)


@frozen(eq=False)
class _View:
    """How the satellite sees a place abeam."""

    trajectory: Trajectory
    time_s: float
    place_m: Array
    position_m: Array
    velocity_m_s: Array
    body_axes: Array
    elevation_deg: float

    @classmethod
    def of(cls, trajectory: Trajectory, time_s: float, place_m: Array) -> Self:
        centre = trajectory.utc(time_s)
        vectors = trajectory.vectors_between(centre - timedelta(seconds=50), centre + timedelta(seconds=50))
        orbit = fit_orbit(vectors, centre, centre)
        axes = steered_body_axes(orbit, 0.0)
        elevation = float(np.degrees(elevation_angle_rad(orbit, axes, 0.0, place_m)))
        return cls(trajectory, time_s, place_m, orbit.position(0.0), orbit.velocity(0.0), axes, elevation)

    @property
    def pass_direction(self) -> str:
        return "ASCENDING" if self.velocity_m_s[2] > 0.0 else "DESCENDING"

    def inside(self, name: str) -> bool:
        near, far = self._edges_deg(name)
        return _EDGE < (self.elevation_deg - near) / (far - near) < 1.0 - _EDGE

    def acquisition(self, name: str) -> "Acquisition":
        near, far = self._edges_deg(name)
        centre = self.trajectory.utc(self.time_s)
        node = self.trajectory.node_before(centre)
        relative_orbit, cycle = relative_orbit_and_cycle(node.absolute_orbit)
        line = self.position_m - self.place_m
        slant = float(np.linalg.norm(line))
        return Acquisition(
            swath=name,
            centre=centre,
            node=node,
            relative_orbit=relative_orbit,
            cycle=cycle,
            pass_direction=self.pass_direction,
            place_m=self.place_m,
            slant_range_m=slant,
            near_range_m=self._range_m(near),
            far_range_m=self._range_m(far),
            incidence_deg=float(np.degrees(np.arccos(line @ ellipsoid_normal(self.place_m) / slant))),
            trajectory=self.trajectory,
        )

    def _edges_deg(self, name: str) -> tuple[float, float]:
        """Edges of the beam as angles from the boresight."""
        facts = swath(name)
        return facts.near_angle_deg - REFERENCE_ROLL_DEG, facts.far_angle_deg - REFERENCE_ROLL_DEG

    def _range_m(self, elevation_deg: float) -> float:
        angle = np.radians(elevation_deg)
        direction = np.cos(angle) * self.body_axes[2] + np.sin(angle) * self.body_axes[1]
        return float(np.linalg.norm(intersect_ellipsoid(self.position_m, direction) - self.position_m))


@frozen(eq=False, kw_only=True)
class Acquisition:
    """A pass over a place: it is broadside at `centre`, at `slant_range_m`, between the ranges of the swath's edges.

    `place_m` is the Earth-fixed place on the ellipsoid, `node` the ascending node that began the orbit.
    """

    swath: str
    centre: datetime
    node: AscendingNode
    relative_orbit: int
    cycle: int
    pass_direction: str
    place_m: Array
    slant_range_m: float
    near_range_m: float
    far_range_m: float
    incidence_deg: float
    trajectory: Trajectory

    @property
    def absolute_orbit(self) -> int:
        return self.node.absolute_orbit

    @property
    def since_node_s(self) -> float:
        """Seconds from the ascending node to the centre."""
        return (self.centre - self.node.time).total_seconds()

    def vectors(self, start: datetime, stop: datetime, step_s: float = 10.0) -> list[StateVector]:
        """State vectors of the pass."""
        return self.trajectory.vectors_between(start, stop, step_s)
