"""Where the satellite was: orbit numbers, ascending nodes, and an orbit to project footprints with."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.eof import OrbitRecord, read_orbit, read_scenario
from s1pdgs.formats.isp.subcom import FRAME_WORDS, decode_frame, frame_starts
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.formats.l0.manifest import OrbitReference
from s1pdgs.model.time import gps_to_utc
from s1pdgs.processors.l0.program import Outcome, ProcessorError
from s1pdgs.sar.constants import EARTH_ROTATION_RAD_S, WGS84_SEMI_MAJOR_M
from s1pdgs.sar.orbit import Orbit, StateVector, fit_orbit

Array = NDArray[np.float64]
_GM_M3_S2 = 3.986004418e14
_J2 = 1.08262668e-3
_NODE_HEIGHT_M = 20_000.0
_LONGEST_ORBIT_S = 6_600.0
_DENSE_SPACING_S = 120.0
_STEP_S = 10.0
_FIT_SPACING_S = 5.0
_CYCLE_ORBITS = 175
# first orbit of the present repeat cycle and the cycle it began, as annotated in products of these satellites
_NUMBERING = {"S1A": (73, 15), "S1B": (27, 7), "S1C": (172, 0)}


@frozen
class AscendingNode:
    """A crossing of the equator northwards: when, and the absolute orbit that it begins."""

    time: datetime
    absolute_orbit: int


@frozen
class OrbitContext:
    """What the job order tells of the orbit: ascending nodes in time order, relative orbit and cycle of an
    absolute orbit, mission phase, and predicted vectors."""

    nodes: tuple[AscendingNode, ...]
    locate: Callable[[int], tuple[int, int]]
    phase: int
    vectors: tuple[StateVector, ...]

    def node_before(self, moment: datetime) -> AscendingNode:
        """The last ascending node at or before a time; `ProcessorError` where the prediction does not reach."""
        position = bisect_right(self.nodes, moment, key=lambda node: node.time) - 1
        if position < 0 or (moment - self.nodes[position].time).total_seconds() > _LONGEST_ORBIT_S:
            raise ProcessorError(
                f"MPL_ORBPRE has no ascending node in the orbit before {moment.isoformat()}; "
                "give one that covers the sensing time"
            )
        return self.nodes[position]

    def reference(self, start: datetime, stop: datetime, *, ascending: bool) -> OrbitReference:
        """The orbit numbers of an acquisition."""
        first, last = self.node_before(start), self.node_before(stop)
        relative, cycle = self.locate(first.absolute_orbit)
        return OrbitReference(
            start_orbit=first.absolute_orbit,
            stop_orbit=last.absolute_orbit,
            start_relative_orbit=relative,
            stop_relative_orbit=self.locate(last.absolute_orbit)[0],
            cycle=cycle,
            phase=self.phase,
            pass_direction="ASCENDING" if ascending else "DESCENDING",
            ascending_node_time=first.time,
        )


def orbit_context(order: JobOrder, satellite: str, outcome: Outcome) -> OrbitContext:
    """The context from MPL_ORBPRE and, where the order has one, MPL_ORBSCT."""
    prediction = read_orbit(Path(order.file("MPL_ORBPRE")))
    nodes = _ascending_nodes(prediction.vectors)
    vectors = tuple(record.state_vector() for record in prediction.vectors)
    scenarios = [path for path in map(Path, order.files("MPL_ORBSCT")) if path.is_file()]
    if scenarios:
        scenario = read_scenario(scenarios[0])
        return OrbitContext(nodes, scenario.locate, scenario.changes[-1].phase, vectors)
    if satellite not in _NUMBERING:
        raise ProcessorError(f"relative orbits of {satellite} are not known; give an MPL_ORBSCT")
    outcome.warn(f"no MPL_ORBSCT is given: relative orbits follow the known numbering of {satellite}")
    return OrbitContext(nodes, _known_numbering(satellite), 1, vectors)


def acquisition_orbit(
    records: NDArray[np.void], start: datetime, stop: datetime, context: OrbitContext, outcome: Outcome
) -> Orbit:
    """The orbit over an acquisition, from the sub-commutated data of its packets, else from the prediction."""
    vectors = subcommutated_vectors(records)
    if not vectors:
        outcome.info("packets hold no complete ancillary frame: the footprint follows the predicted orbit")
        near = [vector for vector in context.vectors if vector.time <= start] or list(context.vectors)
        vectors = near[-1:]
    if not vectors:
        raise ProcessorError("neither the packets nor MPL_ORBPRE tell where the satellite was")
    return fit_orbit(_evenly(vectors, start, stop), start, stop)


def subcommutated_vectors(records: NDArray[np.void]) -> list[StateVector]:
    """State vectors, oldest first and each once, of packets of one receive channel in sensing order.

    The instrument refreshes them at 1 Hz: of the frames that begin in a second the first is read.
    """
    starts = frame_starts(records["subcom_index"])
    _, firsts = np.unique(records["coarse_time"][starts], return_index=True)
    vectors: dict[int, StateVector] = {}
    for start in starts[firsts].tolist():
        frame = decode_frame(records["subcom_word"][start : start + FRAME_WORDS])
        radius_m = float(np.linalg.norm(frame.position_m))
        if frame.position_time_ticks not in vectors and abs(radius_m - WGS84_SEMI_MAJOR_M) < 2e6:
            time = gps_to_utc(*frame.position_time)
            vector = StateVector(time, np.array(frame.position_m), np.array(frame.velocity_m_s))
            vectors[frame.position_time_ticks] = vector
    return [vectors[ticks] for ticks in sorted(vectors)]


def propagate(vector: StateVector, time: datetime) -> StateVector:
    """The state at another time under the Earth's gravity with its oblateness (Runge-Kutta, Earth-fixed)."""
    remaining = (time - vector.time).total_seconds()
    state = np.concatenate((vector.position_m, vector.velocity_m_s))
    steps = max(1, int(np.ceil(abs(remaining) / _STEP_S)))
    step = remaining / steps
    for _ in range(steps):
        k1 = _derivative(state)
        k2 = _derivative(state + 0.5 * step * k1)
        k3 = _derivative(state + 0.5 * step * k2)
        k4 = _derivative(state + step * k3)
        state = state + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return StateVector(time, state[:3], state[3:])


def _derivative(state: Array) -> Array:
    position, velocity = state[:3], state[3:]
    radius = float(np.linalg.norm(position))
    polar = 5.0 * (position[2] / radius) ** 2
    oblateness = 1.5 * _J2 * (WGS84_SEMI_MAJOR_M / radius) ** 2 * np.array([1.0 - polar, 1.0 - polar, 3.0 - polar])
    gravity = -_GM_M3_S2 / radius**3 * position * (1.0 + oblateness)
    spin = np.array([0.0, 0.0, EARTH_ROTATION_RAD_S])
    inertial = -2.0 * np.cross(spin, velocity) - np.cross(spin, np.cross(spin, position))
    return np.concatenate((velocity, gravity + inertial))


def _evenly(vectors: Sequence[StateVector], start: datetime, stop: datetime) -> list[StateVector]:
    """States around a span at an even spacing, each propagated from the nearest vector."""
    begin, end = start - timedelta(seconds=20), stop + timedelta(seconds=20)
    count = int(np.ceil((end - begin).total_seconds() / _FIT_SPACING_S)) + 1
    times = [begin + timedelta(seconds=_FIT_SPACING_S * k) for k in range(count)]
    return [propagate(min(vectors, key=lambda vector: abs(vector.time - time)), time) for time in times]


def _ascending_nodes(vectors: Sequence[OrbitRecord]) -> tuple[AscendingNode, ...]:
    """Nodes from vectors at the nodes themselves (MPL_ORBPRE) or from dense vectors on both sides of the equator."""
    nodes: list[AscendingNode] = []
    ordered = sorted(vectors, key=lambda vector: vector.time)
    for number, vector in enumerate(ordered):
        height, speed = float(vector.position_m[2]), float(vector.velocity_m_s[2])
        if speed <= 0:
            continue
        before = ordered[number - 1] if number else None
        crossed = (
            before is not None
            and float(before.position_m[2]) < 0 <= height
            and (vector.time - before.time).total_seconds() <= _DENSE_SPACING_S
        )
        if abs(height) < _NODE_HEIGHT_M or crossed:
            node = AscendingNode(vector.time - timedelta(seconds=height / speed), vector.absolute_orbit)
            if not nodes or (node.time - nodes[-1].time).total_seconds() > _DENSE_SPACING_S:
                nodes.append(node)
    return tuple(nodes)


def _known_numbering(satellite: str) -> Callable[[int], tuple[int, int]]:
    first, cycle = _NUMBERING[satellite]

    def locate(absolute_orbit: int) -> tuple[int, int]:
        elapsed = absolute_orbit - first
        return elapsed % _CYCLE_ORBITS + 1, elapsed // _CYCLE_ORBITS + cycle

    return locate
