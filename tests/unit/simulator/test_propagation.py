"""The simulated satellite flies as the Earth's zonal gravity makes it, and nothing is lost on the way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from s1pdgs.sar.orbit import Array
from s1pdgs.simulator.propagation import Ephemeris

GM_M3_S2, RADIUS_M = 3.986004418e14, 6_378_137.0
ZONAL = {2: 1.08262668e-3, 3: -2.53265649e-6, 4: -1.61962159e-6}
STATE = np.array([-2791323.257809, 6503091.820024, 34453.630583, 998.8, 379.7, 7430.2])
DAY_S = 86400.0


def potential(position: Array) -> Array:
    """Of places (..., 3), in m^2/s^2, by Legendre polynomials of the sine of the geocentric latitude."""
    distance = np.sqrt(np.sum(position**2, axis=-1))
    sine = position[..., 2] / distance
    shares = (
        value * (RADIUS_M / distance) ** degree * np.polynomial.legendre.legval(sine, [0.0] * degree + [1.0])
        for degree, value in ZONAL.items()
    )
    return np.asarray(GM_M3_S2 / distance * (1.0 - sum(shares)))


def pull(position: Array) -> Array:
    """The slope of the potential, by steps so small along the imaginary axis that no digit is lost."""
    step = 1e-20
    return potential(position + 1j * step * np.eye(3)).imag / step


def energy(states: Array) -> Array:
    return np.asarray(0.5 * np.sum(states[:, 3:] ** 2, axis=-1) - potential(states[:, :3]))


@pytest.fixture(scope="module")
def way() -> Ephemeris:
    return Ephemeris.around(STATE, -DAY_S, DAY_S)


def test_an_orbit_is_that_of_another_integrator_along_the_slope_of_the_potential(way: Ephemeris) -> None:
    times = np.linspace(0.0, 6000.0, 50)
    other = solve_ivp(
        lambda _, state: np.concatenate([state[3:], pull(state[:3])]),
        (0.0, 6000.0), STATE, method="DOP853", rtol=1e-12, atol=1e-7, t_eval=times,
    )  # fmt: skip
    found = way.at(times)
    assert np.abs(found[:, :3] - other.y.T[:, :3]).max() < 1e-3
    assert np.abs(found[:, 3:] - other.y.T[:, 3:]).max() < 1e-6


def test_energy_is_neither_gained_nor_lost(way: Ephemeris) -> None:
    told = energy(way.states)
    assert np.abs(told / energy(STATE[None]) - 1.0).max() < 1e-11


def test_the_way_reaches_as_far_as_was_asked() -> None:
    way = Ephemeris.around(STATE, -25.0, 0.0)
    assert way.start_s == -30.0
    assert len(way.states) == 4
    assert np.abs(way.at(np.zeros(1))[0] - STATE).max() < 1e-8


@settings(max_examples=20)
@given(st.floats(-5.0, 5.0), st.floats(-60.0, 60.0))
def test_what_lies_between_the_steps_is_on_the_same_way(origin_s: float, time_s: float) -> None:
    """A way from any state of it has its steps elsewhere, and is the same."""
    around = Ephemeris.around(STATE, -80.0, 80.0)
    other = Ephemeris.around(around.at(np.array([origin_s]))[0], -70.0, 70.0)
    expected, found = around.at(np.array([time_s])), other.at(np.array([time_s - origin_s]))
    assert np.abs(found[:, :3] - expected[:, :3]).max() < 1e-6
    assert np.abs(found[:, 3:] - expected[:, 3:]).max() < 1e-8
