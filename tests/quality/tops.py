"""TOPS focusing of whole bursts, real windows: `python -m tests.quality.tops [IW1 ...]` prints checks as JSON.

25 noise-free point targets from edge to edge of each burst, each at a range of its own so that azimuth ambiguities of
others do not disturb it, are focused and measured by `processors.analysis`.
"""

import json
import math
import sys
from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from s1pdgs.processors.analysis.point_target import Measurement
from s1pdgs.processors.l1.focus import Window
from s1pdgs.processors.l1.tops_plan import BurstPlan
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import fit_orbit
from tests.unit.processors.l1.conftest import EPOCH, state_vectors
from tests.unit.processors.l1.tops_acquisition import RCS_M2, SWATHS, acquire_burst, measure_burst

STEPS = 5
CENTROID_HZ = 25.0


def checks(name: str) -> Iterator[dict[str, object]]:
    """The acceptance figures of one swath (sar.md, section 6.4): name, value, limit, unit, ok."""
    orbit = fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))
    swath = SWATHS[name]
    empty = acquire_burst(orbit, name, swath.samples, centroid_hz=CENTROID_HZ)
    places = [
        (2.0 * along / (STEPS - 1) - 1.0, 0.02 + 0.96 * (across * STEPS + along) / (STEPS**2 - 1))
        for across in range(STEPS)
        for along in range(STEPS)
    ]
    acquisition = empty.with_targets([empty.place(*place) for place in places])
    plan, pixels = acquisition.focus()
    found = measure_burst(acquisition, plan, pixels)
    yield from _responses(name, found, plan, (swath.range_window, swath.azimuth_window))
    yield from _places_and_powers(name, found)


def _responses(
    name: str, found: list[Measurement], plan: BurstPlan, windows: tuple[Window, Window]
) -> Iterator[dict[str, object]]:
    widths = [1.0 / window.bandwidth_hz * _widening(window.coefficient) for window in windows]
    across = [one.range_resolution_m / (0.5 * SPEED_OF_LIGHT_M_S * widths[0]) - 1.0 for one in found]
    along = [one.azimuth_resolution_m / (plan.model.ground_m_s[round(one.sample)] * widths[1]) - 1.0 for one in found]
    yield _check(f"{name} range resolution off the window's", 100.0 * _largest(across), 1.0, "%")
    yield _check(f"{name} azimuth resolution off the window's", 100.0 * _largest(along), 1.0, "%")
    for axis, window in zip(("range", "azimuth"), windows, strict=True):
        for lobe in ("pslr", "islr"):
            worst = max(getattr(one, f"{axis}_{lobe}_db") for one in found)
            limit = {"pslr": -21.0, "islr": -16.6} if window.coefficient > 0.7 else {"pslr": -23.8, "islr": -18.9}
            yield _check(f"{name} {axis} {lobe.upper()}", worst, limit[lobe], "dB")


def _places_and_powers(name: str, found: list[Measurement]) -> Iterator[dict[str, object]]:
    yield _check(f"{name} range localisation", 100.0 * _largest([one.range_error_m for one in found]), 1.0, "cm")
    yield _check(f"{name} azimuth localisation", 100.0 * _largest([one.azimuth_error_m for one in found]), 5.0, "cm")
    powers = [10.0 * math.log10(one.rcs_m2 / RCS_M2) for one in found]
    yield _check(f"{name} radar cross section", _largest(powers), 0.1, "dB")
    yield _check(f"{name} spread over the burst", max(powers) - min(powers), 0.1, "dB")
    yield _check(f"{name} phase", _largest([one.phase_error_rad for one in found]), 0.1, "rad")


def _widening(coefficient: float) -> float:
    """3 dB width of a Hamming-windowed band over that of its inverse bandwidth."""
    x = np.linspace(0.2, 0.9, 70001)
    share = 0.5 * (1.0 - coefficient)
    value = coefficient * np.sinc(x) + share * (np.sinc(x - 1.0) + np.sinc(x + 1.0))
    return 2.0 * float(np.interp(-math.sqrt(0.5), -value / coefficient, x))


def _largest(values: list[float]) -> float:
    return max(abs(value) for value in values)


def _check(name: str, value: float, limit: float, unit: str) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value, 4),
        "limit": limit,
        "unit": unit,
        "ok": bool(value <= limit),
    }


def main() -> int:
    found = [check for name in sys.argv[1:] or SWATHS for check in checks(name)]
    sys.stdout.write(json.dumps({"checks": found}, indent=1) + "\n")
    return int(not all(check["ok"] for check in found))


if __name__ == "__main__":
    sys.exit(main())
