"""Scenarios and the data takes planned from them."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import geodetic_to_ecef
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.scenario import RadarSettings, Scenario


def test_the_window_has_at_least_the_samples_asked_for() -> None:
    assert 9600 <= Scenario().window_samples < 9604


def test_the_pulse_of_s3_is_that_of_real_annotations() -> None:
    chirp = RadarSettings().chirp
    assert chirp.rate_hz_s == pytest.approx(1.344932774550966e12, rel=1e-12)
    assert chirp.start_hz == pytest.approx(-2.970450322412297e7, rel=1e-12)
    assert chirp.length_s == pytest.approx(4.417243291154830e-5, rel=1e-12)


@pytest.mark.parametrize(
    "changes",
    [
        {"polarisations": ("HH",)},
        {"duration_s": 0.0},
        {"samples": 30000},
        {"targets": 100},
        {"data_take_id": 1 << 24},
        {"after": datetime(2026, 1, 5)},  # noqa: DTZ001
    ],
)
def test_impossible_scenarios_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Scenario(**changes)


def test_the_place_is_in_the_middle_of_the_focused_image(plan: Callable[[Scenario], DataTake]) -> None:
    take = plan(Scenario())
    line, sample = take.pixel(geodetic_to_ecef(take.place.latitude_deg, take.place.longitude_deg))
    assert abs(line - take.lines / 2) < 1.0
    assert abs(sample - take.focused_samples / 2) < 1.0


def test_samples_and_lines_are_where_the_timing_contract_says(plan: Callable[[Scenario], DataTake]) -> None:
    take = plan(Scenario())
    radar = take.scenario.radar
    delay = 10 * radar.pri_s + take.swst / 37534722.24 + 320 / (8 * 37534722.24) + 100 / (16 / 9 * 37534722.24)
    assert float(take.slant_range_m(100)) == pytest.approx(SPEED_OF_LIGHT_M_S / 2 * delay, abs=1e-6)
    latch = float(take.latch_s(take.schedule.first_line_pri + 7))
    expected = latch + 1.438696e-6 - 10 * radar.pri_s + delay / 2
    assert float(take.zero_doppler_s(7, 100)) == pytest.approx(expected, abs=1e-12)


def test_range_geometry_is_smooth_and_plausible(plan: Callable[[Scenario], DataTake]) -> None:
    take = plan(Scenario())
    geometry = take.range_geometry(np.arange(0, take.samples, 100))
    assert np.all((geometry.effective_m_s > 7000) & (geometry.effective_m_s < 7300))
    assert np.all(np.diff(geometry.incidence_rad) > 0)
    assert np.all(np.abs(geometry.doppler_hz) < 60)
    assert np.all(np.abs(np.degrees(geometry.elevation_rad)) < 4)


def test_a_place_out_of_the_window_is_refused(plan: Callable[[Scenario], DataTake]) -> None:
    with pytest.raises(SimulatorError, match="choose another pass"):
        plan(Scenario(radar=RadarSettings(rank=8)))
