"""Bursts and swaths become one detected image: targets keep place and energy wherever the seams run."""

import itertools

import numpy as np
import pytest
import scipy.fft
from attrs import evolve

from s1pdgs.processors.l1.focus_plan import Window
from s1pdgs.processors.l1.looks import LookParameters, noise_share
from s1pdgs.processors.l1.merge import MergeError, MergePlan, SwathBursts, merge, plan_merge
from s1pdgs.processors.l1.tops import noise_gain, noise_spectra
from s1pdgs.processors.l1.tops_plan import BurstPlan, smooth_ratio
from s1pdgs.sar.orbit import ground_point, zero_doppler_time

from .tops_acquisition import RCS_M2, SWATHS, Acquisition, acquire_burst

SPACING_M = 10.0
NEAR, FAR = SWATHS["IW1"], evolve(SWATHS["IW2"], rank=7, window_start=19_650)
"""IW1, and IW2 drawn near to it: small windows that overlap."""
LOOKS = {
    "IW1": (
        LookParameters(Window(0.75, 56.5e6), Window(0.70, 14.1e6), 5),
        LookParameters(Window(0.70, 327.0), Window(0.70, 327.0), 1),
    ),
    "IW2": (
        LookParameters(Window(0.75, 48.3e6), Window(0.73, 12.1e6), 5),
        LookParameters(Window(0.75, 313.0), Window(0.75, 313.0), 1),
    ),
}


@pytest.fixture(scope="module")
def acquisitions(orbit) -> dict[str, list[Acquisition]]:
    """Two bursts each, as close as bursts of a short cycle, so that seams are wide."""
    return {
        "IW1": [acquire_burst(orbit, NEAR, 4600, centre_s=centre, centroid_hz=20.0) for centre in (0.0, 2.6)],
        "IW2": [acquire_burst(orbit, FAR, 4000, centre_s=centre, centroid_hz=20.0) for centre in (0.5, 3.1)],
    }


@pytest.fixture(scope="module")
def plan(acquisitions, orbit) -> MergePlan:
    swaths = [
        SwathBursts(name, tuple(one.plan() for one in bursts), *LOOKS[name]) for name, bursts in acquisitions.items()
    ]
    return plan_merge(swaths, orbit, SPACING_M)


def assembled(plan: MergePlan, focused) -> np.ndarray:
    """The merged image; every line comes once and in order."""
    blocks = list(merge(plan, focused))
    lines = [line for block in blocks for line in range(block.first_line, block.first_line + len(block.intensity))]
    assert lines == list(range(plan.lines))
    return np.concatenate([block.intensity for block in blocks])


def places(plan: MergePlan) -> list[tuple[float, float]]:
    """Time (s) and slant range (m): inside, on the seam of bursts, on that of swaths."""
    seam = plan.pixels_of(1)[0]
    cut = next(piece.lines[0] for piece in plan.pieces if (piece.swath, piece.burst) == (0, 1))
    cases = [(700, seam // 2), (cut, seam // 2 + 60), (900, seam - 0.5)]
    times = [plan.first_line_s + line * plan.line_interval_s for line, _ in cases]
    return [
        (time, float(plan.ground.slant_m(time, np.array([pixel * SPACING_M]))[0]))
        for time, (_, pixel) in zip(times, cases, strict=True)
    ]


def test_targets_keep_place_and_cross_section_on_both_sides_of_every_seam(acquisitions, plan, orbit) -> None:
    wanted = places(plan)
    positions = [ground_point(orbit, *place) for place in wanted]
    names = list(acquisitions)
    bursts = (acquisitions[names[piece.swath]][piece.burst] for piece in plan.pieces)
    image = assembled(plan, (burst.with_targets(positions).focus()[1] for burst in bursts))
    for position in positions:
        time, slant = (float(value) for value in zero_doppler_time(orbit, position))
        line = (time - plan.first_line_s) / plan.line_interval_s
        columns = np.arange(plan.samples, dtype=np.float64)
        sample = float(np.interp(slant, plan.ground.slant_m(time, columns * SPACING_M), columns))
        window = np.s_[round(line) - 14 : round(line) + 15, round(sample) - 14 : round(sample) + 15]
        chip = image[window].astype(np.float64)
        rows, cols = np.mgrid[window]
        assert np.sum(rows * chip) / chip.sum() == pytest.approx(line, abs=0.1)
        assert np.sum(cols * chip) / chip.sum() == pytest.approx(sample, abs=0.1)  # swaths differ in resolution
        ahead, behind = (ground_point(orbit, time + step, slant) for step in (0.05, -0.05))
        step_m = float(np.linalg.norm(ahead - behind)) / 0.1 * plan.line_interval_s
        incidence = float(np.interp(slant, *merged_incidence(plan)))
        energy = chip.sum() * SPACING_M * np.sin(incidence) * step_m
        assert 10 * np.log10(energy / RCS_M2) == pytest.approx(0.0, abs=0.1)


def merged_incidence(plan: MergePlan) -> tuple[np.ndarray, np.ndarray]:
    models = [swath.bursts[0].model for swath in plan.swaths]
    order = np.argsort(np.concatenate([model.ranges_m for model in models]))
    return (
        np.concatenate([model.ranges_m for model in models])[order],
        np.concatenate([model.incidence_rad for model in models])[order],
    )


def white_scene(burst: BurstPlan, range_window: Window, azimuth_window: Window, seed: int) -> np.ndarray:
    """A focused burst of even, rough ground without thermal noise."""
    shape = (burst.image.lines, burst.image.samples)
    parts = np.random.default_rng(seed).standard_normal((2, *shape), dtype=np.float32)
    spectrum = scipy.fft.fft2(parts[0] + 1j * parts[1])
    spectrum *= azimuth_window(scipy.fft.fftfreq(shape[0], burst.image.line_interval_s))[:, None]
    spectrum *= range_window(scipy.fft.fftfreq(shape[1], 1.0 / burst.image.sampling_hz))
    at = burst.line_offsets_s[:, None]
    ramp = np.exp(2j * np.pi * (0.5 * burst.burst_rate_hz_s * at**2 + burst.base_hz * at))
    return (scipy.fft.ifft2(spectrum) * ramp).astype(np.complex64)


def expected_looks(looks: LookParameters) -> float:
    """Independent looks of overlapping bands: L^2 over the sum of squared correlations."""
    frequency = np.linspace(-0.5, 0.5, 20001) * looks.full.bandwidth_hz
    bands = np.array([looks.weights(frequency, centre) * looks.full(frequency) for centre in looks.centres_hz])
    products = bands @ bands.T
    level = np.sqrt(np.diag(products))
    return looks.count**2 / float(np.sum((products / np.outer(level, level)) ** 2))


@pytest.mark.parametrize(
    ("range_looks", "azimuth", "spacing_m"),
    [
        (*LOOKS["IW1"], SPACING_M),
        (
            LookParameters(Window(0.75, 56.5e6), Window(0.70, 3.3e6), 22),
            LookParameters(Window(0.70, 327.0), Window(0.70, 82.0), 5),
            40.0,
        ),
    ],
    ids=["GRDH", "GRDM"],
)
def test_even_ground_keeps_its_power_and_has_the_looks_of_its_bands(
    acquisitions, orbit, range_looks, azimuth, spacing_m
) -> None:
    bursts = tuple(one.plan() for one in acquisitions["IW1"])
    plan = plan_merge([SwathBursts("IW1", bursts, range_looks, azimuth)], orbit, spacing_m)
    scenes = [
        white_scene(bursts[piece.burst], range_looks.full, azimuth.full, piece.burst + 1) for piece in plan.pieces
    ]
    power = np.mean([np.mean(np.abs(scene.astype(np.complex128)) ** 2) for scene in scenes])
    image = assembled(plan, iter(scenes))[20:-20, 12:-12].astype(np.float64)
    assert 10 * np.log10(image.mean() / power) == pytest.approx(0.0, abs=0.05)
    looks = image.mean() ** 2 / image.var()
    assert looks == pytest.approx(expected_looks(range_looks) * expected_looks(azimuth), rel=0.05)


def test_noise_arrives_with_the_annotated_power(acquisitions, orbit) -> None:
    looks = LOOKS["IW1"]
    generator = np.random.default_rng(3)
    acquisition = acquisitions["IW1"][0]
    parts = generator.standard_normal((2, *acquisition.raw.shape), dtype=np.float32)
    noisy = evolve(acquisition, raw=np.sqrt(np.float32(0.5)) * (parts[0] + 1j * parts[1]))
    burst, pixels = noisy.focus()
    plan = plan_merge([SwathBursts("IW1", (burst,), *looks)], orbit, SPACING_M)
    image = assembled(plan, iter([pixels]))[:, 12:-12].astype(np.float64)
    across, along = noise_gain(burst)
    expected = float(across.mean()) * noise_share(*looks, *noise_spectra(burst)) * float(along.mean())
    assert 10 * np.log10(image.mean() / expected) == pytest.approx(0.0, abs=0.1)


def test_ground_that_no_burst_covers_is_zero(acquisitions, orbit) -> None:
    bursts = tuple(one.plan() for one in acquisitions["IW1"])
    late = acquire_burst(orbit, NEAR, 4600, centre_s=5.6).plan()
    plan = plan_merge([SwathBursts("IW1", (bursts[0], late), *LOOKS["IW1"])], orbit, SPACING_M)
    pixels = [np.ones((burst.image.lines, burst.image.samples), np.complex64) for burst in (bursts[0], late)]
    image = assembled(plan, iter(pixels))
    empty = np.flatnonzero(~image.any(axis=1))
    times = plan.first_line_s + empty * plan.line_interval_s
    assert np.all((times > bursts[0].image.last_line_s) & (times < late.image.first_line_s))
    assert empty.size > 1000


def test_the_swaths_tile_the_image_at_the_middle_of_their_overlap(plan) -> None:
    spans = [plan.pixels_of(swath) for swath in range(2)]
    assert (spans[0][0], spans[1][1]) == (0, plan.samples)
    assert spans[0][1] == spans[1][0]
    near, far = plan.swaths[0].bursts[0].image.ranges_m, plan.swaths[1].bursts[0].image.ranges_m
    slant = plan.ground.slant_m(plan.slant.mid_line_s, np.array([spans[1][0] * SPACING_M]))[0]
    assert slant == pytest.approx(0.5 * (near[-1] + far[0]), abs=SPACING_M)


def test_swaths_that_leave_a_gap_are_refused(acquisitions, orbit) -> None:
    far = acquire_burst(orbit, "IW2", 4600).plan()
    swaths = [
        SwathBursts("IW1", (acquisitions["IW1"][0].plan(),), *LOOKS["IW1"]),
        SwathBursts("IW2", (far,), *LOOKS["IW2"]),
    ]
    with pytest.raises(MergeError, match="IW1 and IW2 leave a gap in range"):
        plan_merge(swaths, orbit, SPACING_M)


def test_swaths_without_common_time_are_refused(acquisitions, orbit) -> None:
    late = acquire_burst(orbit, FAR, 4000, centre_s=8.0).plan()
    swaths = [
        SwathBursts("IW1", (acquisitions["IW1"][0].plan(),), *LOOKS["IW1"]),
        SwathBursts("IW2", (late,), *LOOKS["IW2"]),
    ]
    with pytest.raises(MergeError, match="have no time in common"):
        plan_merge(swaths, orbit, SPACING_M)


@pytest.mark.parametrize("value", [0.137, 1.372, 1.946, 0.3431, 1.0])
def test_intervals_have_a_ratio_that_transforms_like(value: float) -> None:
    found = smooth_ratio(value)
    assert float(found) == pytest.approx(value, rel=2e-3)
    for term, prime in itertools.product((found.numerator, found.denominator), (23, 29, 31, 37, 41, 43, 47)):
        assert term % prime
