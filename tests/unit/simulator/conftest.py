"""One pass, planned once, for the tests of the simulator."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from s1pdgs.sar.antenna import AntennaPattern
from s1pdgs.sar.orbit import fit_orbit
from s1pdgs.simulator.auxiliary.files import antenna_patterns
from s1pdgs.simulator.auxiliary.processing import RAW_GAIN
from s1pdgs.simulator.datatake import DataTake, plan_data_take
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.orbit import Acquisition, acquisition_over
from s1pdgs.simulator.places import place
from s1pdgs.simulator.scenario import RadarSettings, Scenario, Scene

SHORT_PULSE = RadarSettings(ecc_number=13, tx_pulse_length=240, tx_ramp_rate=0x8000 | 13831)
"""A pulse of 6.4 us with the usual bandwidth, and no interleaved calibration: small images are focused."""


@pytest.fixture(scope="session")
def passing() -> Acquisition:
    there = place("hel")
    return acquisition_over(there.latitude_deg, there.longitude_deg, "S3", after=Scenario().after)


@pytest.fixture(scope="session")
def plan(passing: Acquisition) -> Callable[[Scenario], DataTake]:
    """Data takes of scenarios over the default place."""
    margin = timedelta(seconds=100)
    vectors = passing.vectors(passing.centre - margin, passing.centre + margin)
    orbit = fit_orbit(vectors, passing.centre - margin / 5, passing.centre + margin / 5)
    return lambda scenario: plan_data_take(scenario, orbit, place("hel"), orbit.seconds(passing.centre))


@pytest.fixture(scope="session")
def small(plan: Callable[[Scenario], DataTake]) -> DataTake:
    """1.1 s of 900 samples, nothing but a uniform sea."""
    flat = Scene(land_db=-10.0, sea_db=-10.0, sea_slope_db_per_deg=0.0, texture_db=0.0)
    return plan(Scenario(duration_s=1.1, samples=900, targets=1, radar=SHORT_PULSE, scene=flat))


@pytest.fixture(scope="session")
def channel() -> Channel:
    elevation, azimuth = antenna_patterns("S3", "VV")
    return Channel(
        polarisation="VV",
        elevation=AntennaPattern.of_elevation(elevation.angles_deg(), np.array(elevation.values)),
        azimuth=AntennaPattern.of_azimuth(azimuth.angles_deg(), azimuth.values),
        gain=RAW_GAIN["VV"],
        delay_s=4.263e-7,
    )
