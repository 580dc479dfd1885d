"""Orbit and attitude of a slice: from an orbit file, else from the sub-commutated data of its packets."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from attrs import frozen

from s1pdgs.formats.isp.subcom import AncillaryData, decode_frames
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import gps_to_utc
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.packets import Packets
from s1pdgs.sar.attitude import Attitude, AttitudeError, quaternion_of_body_axes, steered_body_axes
from s1pdgs.sar.orbit import Orbit, OrbitError, StateVector, fit_orbit

ORBIT_MARGIN = timedelta(seconds=2)
_EXTENSION_S = 10.0
_MARGIN = timedelta(seconds=120)


class OrbitSource(StrEnum):
    """Where the orbit came from, as the annotation names it."""

    DOWNLINK = "Downlink"
    AUXILIARY = "Auxiliary"


@frozen(eq=False)
class Ancillary:
    """The states that the packets relay, each once and in time order; times in UTC."""

    states: tuple[AncillaryData, ...]
    position_times: tuple[datetime, ...]
    attitude_times: tuple[datetime, ...]

    def around(self, span: Interval) -> "Ancillary":
        """The states within two minutes of a span."""
        wide = span.widened(_MARGIN, _MARGIN)
        near = [at for at, time in enumerate(self.attitude_times) if wide.start <= time <= wide.stop]
        return Ancillary(
            tuple(self.states[at] for at in near),
            tuple(self.position_times[at] for at in near),
            tuple(self.attitude_times[at] for at in near),
        )


def read_ancillary(packets: Packets) -> Ancillary:
    """The sub-commutated states of the packets of one receive channel."""
    frames = decode_frames(packets.headers["subcom_index"], packets.headers["subcom_word"])
    once = {frame.attitude_time_ticks: frame for frame in frames}
    states = tuple(once[key] for key in sorted(once))
    return Ancillary(
        states,
        tuple(gps_to_utc(*state.position_time) for state in states),
        tuple(gps_to_utc(*state.attitude_time) for state in states),
    )


def downlinked_vectors(ancillary: Ancillary) -> list[StateVector]:
    """The state vectors that the packets relay, each time once."""
    vectors = {
        time: StateVector(time, np.array(state.position_m), np.array(state.velocity_m_s))
        for time, state in zip(ancillary.position_times, ancillary.states, strict=True)
    }
    return [vectors[time] for time in sorted(vectors)]


def orbit_of_file(vectors: Sequence[StateVector], name: str, start: datetime, stop: datetime) -> Orbit:
    """The orbit of an orbit file over the acquisition; `ProcessingError` when the file does not cover it."""
    try:
        return fit_orbit(vectors, start - ORBIT_MARGIN, stop + ORBIT_MARGIN)
    except OrbitError as error:
        raise ProcessingError(f"{name}: {error}; order the slice with an orbit file that covers it") from None


def orbit_of_downlink(ancillary: Ancillary, start: datetime, stop: datetime) -> Orbit:
    """The orbit of the relayed states; `ProcessingError` when they are too few.

    The states of a slice begin and end up to two seconds within it; the fit is trusted `_EXTENSION_S` beyond them.
    """
    vectors = downlinked_vectors(ancillary)
    if len(vectors) < 4:
        raise ProcessingError(
            f"{len(vectors)} state vectors in the packets are too few for an orbit; add an orbit file to the job order"
        )
    first, last = vectors[0].time, vectors[-1].time
    limit = timedelta(seconds=_EXTENSION_S)
    if start < first - limit or stop > last + limit:
        raise ProcessingError(
            f"state vectors in the packets from {first.isoformat()} to {last.isoformat()} do not cover the slice; "
            "add an orbit file to the job order"
        )
    return fit_orbit(vectors, max(start, first), min(stop, last), margin_s=60.0)


def attitude_of(ancillary: Ancillary, orbit: Orbit) -> Attitude:
    """The relayed attitude; where the packets relay none, the steering law stands in."""
    times = np.array([orbit.seconds(time) for time in ancillary.attitude_times])
    if times.size:
        try:
            return Attitude.of_samples(orbit.epoch, times, np.array([state.quaternion for state in ancillary.states]))
        except AttitudeError as error:
            raise ProcessingError(f"attitude in the packets: {error}") from None
    grid = np.arange(np.floor(orbit.start_s), np.ceil(orbit.stop_s) + 1.0)
    quaternions = quaternion_of_body_axes(orbit.epoch, grid, steered_body_axes(orbit, grid))
    return Attitude.of_samples(orbit.epoch, grid, quaternions)
