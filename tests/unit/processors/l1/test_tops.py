"""TOPS focusing meets the acceptance figures of IW and EW over whole bursts (sar.md, section 6.4)."""

import math

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.processors.analysis.point_target import Measurement
from s1pdgs.processors.l1.focus_plan import Window
from s1pdgs.processors.l1.tops import noise_gain
from s1pdgs.processors.l1.tops_plan import BurstError, BurstPlan, BurstStack, time_lengths
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S

from .tops_acquisition import RCS_M2, Acquisition, acquire_burst, measure_burst

PLACES = [(-1.0, 0.08), (-0.5, 0.3), (0.0, 0.5), (0.5, 0.7), (1.0, 0.9)]
BURSTS = {
    "IW1": (4600, 0.0, 0.0),
    "IW2": (5000, 30.0, 0.0),
    "IW3": (4000, -20.0, 3000.0),
    "EW1": (2400, 15.0, 0.0),
    "EW3": (1900, 0.0, 1500.0),
}
"""Samples, Doppler centroid in Hz and height of the ground in metres."""


@pytest.fixture(scope="module", params=BURSTS)
def focused(request: pytest.FixtureRequest, orbit) -> tuple[Acquisition, BurstPlan, list[Measurement]]:
    """Targets from the first to the last lines, each at a range of its own: ambiguities of others lie elsewhere."""
    samples, centroid_hz, height_m = BURSTS[request.param]
    empty = acquire_burst(orbit, request.param, samples, centroid_hz=centroid_hz, height_m=height_m)
    acquisition = empty.with_targets([empty.place(*place) for place in PLACES])
    plan, pixels = acquisition.focus()
    return acquisition, plan, measure_burst(acquisition, plan, pixels)


def response(window: Window) -> tuple[float, float, float]:
    """3 dB width (s), peak and integrated side lobe ratios (dB, to 10 widths) of a windowed spectrum."""
    time = np.linspace(-10.5, 10.5, 210001) / window.bandwidth_hz
    phase = time * window.bandwidth_hz
    share = 0.5 * (1.0 - window.coefficient)
    value = window.coefficient * np.sinc(phase) + share * (np.sinc(phase - 1.0) + np.sinc(phase + 1.0))
    power = (value / window.coefficient) ** 2
    middle = power.size // 2
    null = middle + int(np.argmax(np.diff(power[middle:]) > 0.0))
    width = 2.0 * abs(time[middle + int(np.argmax(power[middle:] < 0.5))])
    lobes = power[null:][time[null:] <= 10.0 * width]
    main = power[2 * middle - null : null + 1].sum()
    return width, 10.0 * math.log10(lobes.max()), 10.0 * math.log10(2.0 * lobes.sum() / main)


def test_range_responses_are_those_of_the_window(focused) -> None:
    acquisition, _, measurements = focused
    width, pslr_db, islr_db = response(acquisition.swath.range_window)
    for found in measurements:
        assert found.range_resolution_m == pytest.approx(0.5 * SPEED_OF_LIGHT_M_S * width, rel=0.01)
        assert found.range_pslr_db == pytest.approx(pslr_db, abs=0.25)
        assert found.range_islr_db == pytest.approx(islr_db, abs=0.25)


def test_azimuth_responses_are_those_of_the_window_over_the_whole_burst(focused) -> None:
    acquisition, plan, measurements = focused
    width, pslr_db, islr_db = response(acquisition.swath.azimuth_window)
    for found in measurements:
        speed = plan.model.ground_m_s[round(found.sample)]
        assert found.azimuth_resolution_m == pytest.approx(speed * width, rel=0.005)
        assert found.azimuth_pslr_db == pytest.approx(pslr_db, abs=0.25)
        assert found.azimuth_islr_db == pytest.approx(islr_db, abs=0.25)


def test_targets_lie_where_they_are_on_the_ground(focused) -> None:
    _, _, measurements = focused
    assert max(abs(found.range_error_m) for found in measurements) < 0.01
    assert max(abs(found.azimuth_error_m) for found in measurements) < 0.02


def test_the_energy_of_a_target_is_its_radar_cross_section_wherever_it_lies(focused) -> None:
    _, _, measurements = focused
    for found in measurements:
        assert 10.0 * math.log10(found.rcs_m2 / RCS_M2) == pytest.approx(0.0, abs=0.05)


def test_the_phase_is_that_of_the_slant_range(focused) -> None:
    """What the error of the position makes of the Doppler at the edges of the burst included."""
    _, _, measurements = focused
    assert max(abs(found.phase_error_rad) for found in measurements) < 0.1


@pytest.mark.parametrize("name", ["IW1", "EW1"])
def test_neighbouring_bursts_agree_on_the_phase_of_what_both_have_seen(orbit, name: str) -> None:
    first = acquire_burst(orbit, name, 1300 + 3500 * (name == "IW1"), centroid_hz=20.0)
    image = first.plan().image
    apart_s = (image.lines - 120) * image.line_interval_s
    second = acquire_burst(orbit, name, first.burst.raw.samples, centroid_hz=20.0, centre_s=apart_s)
    target = first.place(1.0, 0.4)
    phases = []
    for burst in (first.with_targets([target]), second.with_targets([target])):
        plan, pixels = burst.focus()
        phases.append(measure_burst(burst, plan, pixels)[0].phase_error_rad)
    assert abs(phases[1] - phases[0]) < 0.03


def test_white_noise_stays_white_gaussian_and_of_the_predicted_power(orbit) -> None:
    acquisition = acquire_burst(orbit, "IW2", 4400, centroid_hz=20.0)
    generator = np.random.default_rng(7)
    parts = generator.standard_normal((2, *acquisition.raw.shape), dtype=np.float32)
    acquisition.raw[...] = math.sqrt(0.5) * (parts[0] + 1j * parts[1])
    plan, pixels = acquisition.focus()
    across, along = noise_gain(plan)
    intensity = np.abs(pixels.astype(np.complex128)) ** 2 / across / along[:, None]
    assert intensity.mean() == pytest.approx(1.0, abs=0.02)
    assert intensity.mean() ** 2 / intensity.var() == pytest.approx(1.0, abs=0.03)
    edges = intensity[[*range(150), *range(-150, 0)]]
    assert edges.mean() == pytest.approx(1.0, abs=0.04)


def test_bursts_lie_on_one_grid(orbit) -> None:
    plans = [acquire_burst(orbit, "IW1", 4600, centre_s=centre).plan() for centre in (0.0, 2.758)]
    for plan in plans:
        grid = -7.3 + plan.first_line * plan.image.line_interval_s
        assert plan.image.first_line_s == pytest.approx(grid, abs=1e-9)
        assert plan.image.first_delay_s * plan.image.sampling_hz == pytest.approx(plan.first_sample, abs=1e-6)
    assert plans[1].first_line - plans[0].first_line < plans[0].image.lines


def test_a_swath_stacks_its_bursts_and_tells_what_is_valid(orbit) -> None:
    long, late = acquire_burst(orbit, "IW1", 4600), acquire_burst(orbit, "IW1", 4600, centre_s=2.758)
    raw = evolve(late.burst.raw, lines=1380, first_delay_s=late.burst.raw.first_delay_s + 40 / 64.345e6)
    plans = [long.plan(), evolve(late, burst=evolve(late.burst, raw=raw)).plan()]
    stack = BurstStack.of(plans)
    assert (stack.lines_per_burst, stack.lines) == (plans[0].image.lines, 2 * plans[0].image.lines)
    offset = plans[1].first_sample - plans[0].first_sample
    assert offset > 30
    assert (stack.first_sample, stack.samples) == (plans[0].first_sample, offset + plans[1].image.samples)
    filled = np.zeros((stack.lines_per_burst, stack.samples), np.bool_)
    filled[: plans[1].image.lines, stack.offset(1) : stack.offset(1) + plans[1].image.samples] = True
    first, last = stack.valid_samples(1)
    for line in range(stack.lines_per_burst):
        seen = np.flatnonzero(filled[line])
        assert (first[line], last[line]) == ((seen[0], seen[-1]) if seen.size else (-1, -1))
    assert first[0] == offset
    assert (first < 0).any()


def test_too_few_lines_for_an_aperture_are_refused(orbit) -> None:
    acquisition = acquire_burst(orbit, "IW1", 4600)
    raw = evolve(acquisition.burst.raw, lines=150)
    with pytest.raises(BurstError, match="fewer than its synthetic aperture"):
        evolve(acquisition, burst=evolve(acquisition.burst, raw=raw)).plan()


def test_a_window_shorter_than_the_pulse_is_refused(orbit) -> None:
    with pytest.raises(BurstError, match="leaves nothing beside the pulse"):
        acquire_burst(orbit, "IW1", 3400).plan()


@given(st.integers(64, 4000), st.integers(64, 3000), st.floats(0.3, 3.0))
def test_transform_lengths_hold_the_burst_and_keep_the_rate(rows: int, lines: int, ratio: float) -> None:
    first, second = time_lengths(rows, lines, ratio)
    assert first >= rows
    assert second >= lines
    assert first / second == pytest.approx(ratio, rel=2e-2)
