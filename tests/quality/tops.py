"""TOPS focusing of whole bursts with real windows.

25 point targets from edge to edge of each burst, each at a range of its own so that azimuth ambiguities of others do
not disturb it, are focused and measured by `processors.analysis`: without noise, and with thermal noise and FDBAQ.
"""

from datetime import timedelta

from attrs import evolve

from s1pdgs.processors.analysis.point_target import Measurement
from s1pdgs.processors.l1.tops_plan import BurstPlan
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import fit_orbit
from tests.quality.check import Check, mean_checks, place_checks, response_checks, widening
from tests.quality.figures import Figures
from tests.quality.receiver import receive
from tests.unit.processors.l1.conftest import EPOCH, state_vectors
from tests.unit.processors.l1.tops_acquisition import RCS_M2, SWATHS, Acquisition, acquire_burst, measure_burst

STEPS = 5
CENTROID_HZ = 25.0


def checks(name: str, figures: Figures) -> list[Check]:
    """The acceptance figures of one swath (sar.md, section 6.4)."""
    orbit = fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))
    empty = acquire_burst(orbit, name, SWATHS[name].samples, centroid_hz=CENTROID_HZ)
    places = [
        (2.0 * along / (STEPS - 1) - 1.0, 0.02 + 0.96 * (across * STEPS + along) / (STEPS**2 - 1))
        for across in range(STEPS)
        for along in range(STEPS)
    ]
    clean = empty.with_targets([empty.place(*place) for place in places])
    received = evolve(clean, raw=receive(clean.raw, seed=SWATHS[name].pri))
    return _burst_checks(clean, name, figures) + _burst_checks(received, name, figures, received=True)


def _burst_checks(acquisition: Acquisition, name: str, figures: Figures, *, received: bool = False) -> list[Check]:
    plan, pixels = acquisition.focus()
    found = measure_burst(acquisition, plan, pixels)
    windows = (acquisition.swath.range_window, acquisition.swath.azimuth_window)
    widths = [1.0 / window.bandwidth_hz * widening(window.coefficient) for window in windows]
    expected = [
        (0.5 * SPEED_OF_LIGHT_M_S * widths[0], float(plan.model.ground_m_s[round(one.sample)]) * widths[1])
        for one in found
    ]
    coefficients = (windows[0].coefficient, windows[1].coefficient)
    if received:
        return mean_checks(f"{name} with noise and FDBAQ,", found, expected, coefficients, RCS_M2)
    figures.add_targets(name, found, [_time_s(plan, one) for one in found])
    return response_checks(name, found, expected, coefficients) + place_checks(name, found, RCS_M2)


def _time_s(plan: BurstPlan, found: Measurement) -> float:
    """Zero-Doppler time of a target from the middle of its burst."""
    return (found.line - 0.5 * (plan.image.lines - 1)) * plan.image.line_interval_s
