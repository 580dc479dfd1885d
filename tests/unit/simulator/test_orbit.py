"""The simulated orbit: S1A's, as far as a few hours of real data can tell, and its passes over places."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from s1pdgs.formats.eof import read_orbit
from s1pdgs.sar.orbit import fit_orbit, ground_point, zero_doppler_time
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.orbit import (
    CYCLE,
    CYCLE_ORBITS,
    Acquisition,
    Trajectory,
    acquisition_over,
    relative_orbit_and_cycle,
)

GIBRALTAR = (36.14, -5.35)
AFTER = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def acquisition() -> Acquisition:
    return acquisition_over(*GIBRALTAR, after=AFTER)


@pytest.fixture(scope="module")
def week_of_2017() -> Trajectory:
    return Trajectory.spanning(datetime(2017, 12, 12, tzinfo=UTC), datetime(2017, 12, 15, 18, tzinfo=UTC))


def test_two_orbits_stay_near_the_restituted_orbit(testdata: Path, week_of_2017: Trajectory) -> None:
    real = read_orbit(next((testdata / "aux").glob("*AUX_RESORB*")))
    ours = week_of_2017.vectors([vector.time for vector in real.vectors])
    distance = [np.linalg.norm(a.position_m - b.position_m) for a, b in zip(ours, real.vectors, strict=True)]
    speed = [np.linalg.norm(a.velocity_m_s - b.velocity_m_s) for a, b in zip(ours, real.vectors, strict=True)]
    assert max(distance) < 1500.0
    assert max(speed) < 2.0
    numbers = [week_of_2017.absolute_orbit(vector.time) - vector.absolute_orbit for vector in real.vectors]
    assert sum(number != 0 for number in numbers) <= 1  # one real vector lies 2 mm below the equator


def test_nodes_are_those_of_the_predicted_orbit(testdata: Path, week_of_2017: Trajectory) -> None:
    real = {vector.absolute_orbit: vector for vector in read_orbit(next((testdata / "aux").glob("*ORBPRE*"))).vectors}
    assert len(week_of_2017.nodes) > 50
    for node in week_of_2017.nodes:
        assert abs((node.time - real[node.absolute_orbit].time).total_seconds()) < 0.3


def test_positions_and_velocities_belong_together(acquisition: Acquisition) -> None:
    start = acquisition.centre - timedelta(seconds=100)
    vectors = acquisition.vectors(start, start + timedelta(seconds=200))
    assert len(vectors) == 21
    assert fit_orbit(vectors, start, start + timedelta(seconds=200)).residual_m < 1e-3


def test_the_ground_track_repeats_every_cycle(acquisition: Acquisition) -> None:
    """Wherever in the cycle a trajectory starts, so that data takes of different days share one orbit."""
    moment = acquisition.centre
    expected = acquisition.trajectory.vector_at(moment).position_m
    for days in (-18, -6, 6, 18):
        middle = moment + CYCLE + timedelta(days=days)
        trajectory = Trajectory.spanning(min(moment + CYCLE, middle - timedelta(days=1)), max(moment + CYCLE, middle))
        again = trajectory.vector_at(moment + CYCLE)
        assert trajectory.absolute_orbit(again.time) == acquisition.absolute_orbit + CYCLE_ORBITS
        assert np.linalg.norm(again.position_m - expected) < 5e3


@pytest.mark.parametrize(
    ("absolute", "expected"),
    [(37258, (86, 227)), (41373, (1, 251)), (31048, (1, 192)), (73, (1, 15)), (247, (175, 15))],
)
def test_relative_orbits_and_cycles_are_those_of_the_mission(absolute: int, expected: tuple[int, int]) -> None:
    assert relative_orbit_and_cycle(absolute) == expected


def test_the_place_is_broadside_right_at_the_told_time_and_range(acquisition: Acquisition) -> None:
    vectors = acquisition.vectors(
        acquisition.centre - timedelta(seconds=60), acquisition.centre + timedelta(seconds=60)
    )
    orbit = fit_orbit(vectors, acquisition.centre, acquisition.centre)
    time, slant = zero_doppler_time(orbit, acquisition.place_m)
    assert abs(float(time)) < 2e-6
    assert float(slant) == pytest.approx(acquisition.slant_range_m, abs=0.01)
    assert np.linalg.norm(ground_point(orbit, time, slant) - acquisition.place_m) < 0.01


def test_the_first_pass_in_the_swath_is_found(acquisition: Acquisition) -> None:
    assert AFTER <= acquisition.centre <= AFTER + CYCLE
    assert acquisition.near_range_m < acquisition.slant_range_m < acquisition.far_range_m
    assert 29.0 < acquisition.incidence_deg < 35.0
    assert acquisition.near_range_m == pytest.approx(790e3, rel=0.01)  # real S3: 790 to 833 km
    assert acquisition.far_range_m == pytest.approx(833e3, rel=0.01)
    assert (acquisition.relative_orbit, acquisition.cycle) == relative_orbit_and_cycle(acquisition.absolute_orbit)
    assert 0.0 < acquisition.since_node_s < 5930.0
    assert acquisition.trajectory.node_before(acquisition.centre) == acquisition.node


def test_a_pass_direction_may_be_asked() -> None:
    found = [acquisition_over(45.0, 7.0, "S1", direction, after=AFTER) for direction in ("ASCENDING", "DESCENDING")]
    assert [entry.pass_direction for entry in found] == ["ASCENDING", "DESCENDING"]
    for entry in found:
        vector = entry.trajectory.vector_at(entry.centre)
        assert (vector.velocity_m_s[2] > 0.0) == (entry.pass_direction == "ASCENDING")


def test_a_place_between_the_swaths_is_refused_with_the_swaths_that_cover_it() -> None:
    with pytest.raises(SimulatorError, match="in swath S3; S1, S2, S4"):
        acquisition_over(37.75, 15.0, after=AFTER)


def test_a_trajectory_ends(acquisition: Acquisition) -> None:
    trajectory = acquisition.trajectory
    with pytest.raises(SimulatorError, match="does not reach"):
        trajectory.vector_at(trajectory.stop + timedelta(seconds=1))
    with pytest.raises(SimulatorError, match="no ascending node before"):
        trajectory.node_before(trajectory.start)
    with pytest.raises(SimulatorError, match="not 0 to 40 days long"):
        Trajectory.spanning(AFTER, AFTER + timedelta(days=41))
    assert trajectory.absolute_orbit(trajectory.start) == trajectory.nodes[0].absolute_orbit - 1


def test_satellites_follow_each_other_on_one_ground_track() -> None:
    """S1B and S1C are six days, half a cycle, from S1A; orbit numbers are those that real products have."""
    moment = datetime(2021, 4, 1, 5, 26, 22, tzinfo=UTC)
    span = timedelta(hours=1)
    first = Trajectory.spanning(moment - span, moment + span)
    second = Trajectory.spanning(moment - span, moment + span, "S1B")
    earlier = Trajectory.spanning(moment - timedelta(days=6) - span, moment - timedelta(days=6) + span)
    np.testing.assert_allclose(
        second.vector_at(moment).position_m, earlier.vector_at(moment - timedelta(days=6)).position_m, atol=1.0
    )
    apart = first.vector_at(moment).position_m @ second.vector_at(moment).position_m
    assert apart < 0.0
    assert second.absolute_orbit(moment) == 26269


@pytest.mark.parametrize(("satellite", "launch"), [("S1C", "2024-12-05T22:00"), ("S1D", "2025-11-04T22:00")])
def test_orbits_of_the_newer_satellites_are_counted_from_their_launch(satellite: str, launch: str) -> None:
    moment = datetime.fromisoformat(launch).replace(tzinfo=UTC)
    trajectory = Trajectory.spanning(moment - timedelta(hours=2), moment + timedelta(hours=2), satellite)
    assert abs(trajectory.absolute_orbit(moment)) <= 3
    assert relative_orbit_and_cycle(172, "S1C") == (1, 0)
    with pytest.raises(SimulatorError, match="'S1E' is not simulated"):
        Trajectory.spanning(moment, moment + timedelta(hours=1), "S1E")
