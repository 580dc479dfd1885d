"""Two passes over one ground, a known baseline apart, the ground sunk in a bowl: are their phases those of the ways?

The data takes are simulated with thermal noise and FDBAQ and processed from Level-0. A later image is put onto the
earlier one by geometry alone; nothing is fitted. What noise takes from the coherence is told by a pass that differs in
nothing else.
"""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from s1pdgs.processors.analysis.product import Channel, open_channels
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.simulator.mode_scene import ModeScene
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.revisit import Ground, Revisit, Warp, move
from s1pdgs.simulator.scene_take import SceneTake, scene_take
from tests.quality.check import Check, largest
from tests.quality.figures import Figures
from tests.quality.products import process
from tests.unit.processors.l1.slices import noise_of_plan, scene_of_plan, write_slice

REVISIT = Revisit(across_m=30.0, above_m=-20.0, sinking_m=0.012, radius_m=2500.0)
TAKES = {"IW": ("IW", 5.4, 3000), "SM": ("S3", 1.6, 4500), "WV": ("WV", 15.0, 2000)}
"""Swath or mode, seconds and samples of the data take of each mode; ground sinks under the first."""
_KNOTS, _MARGIN = (40, 40), (16, 40)
_BLOCK = (40, 250)


@frozen(eq=False)
class Interferogram:
    """Of one burst or image: earlier times the conjugate of later, freed from the phase of the ways; powers of both;
    and the phase (rad) that the sinking of the ground gave it. Arrays (lines, samples), the first line at `start_s`.
    """

    start_s: float
    interval_s: float
    product: NDArray[np.complex64]
    powers: tuple[float, float]
    sinking_rad: NDArray[np.float32]

    @property
    def coherence(self) -> complex:
        """Over all of it."""
        return complex(self.product.sum(dtype=np.complex128)) / math.sqrt(math.prod(self.powers))


def checks(figures: Figures, folder: Path) -> list[Check]:
    """Phase and coherence of every mode, what bursts of one swath tell of their common ground, and the bowl."""
    result = []
    for mode in TAKES:
        same, later = _pairs(mode, folder / mode)
        for swath, images in later.items():
            result += _pair_checks(swath, images, same[swath])
            result += _overlap_checks(swath, images) if mode == "IW" else []
        if mode == "IW":
            result.append(_bowl_check([burst for bursts in later.values() for burst in bursts], figures))
    return result


def _pairs(mode: str, folder: Path) -> tuple[dict[str, list[Interferogram]], dict[str, list[Interferogram]]]:
    """By swath: of two passes that differ by noise alone, and of two a baseline apart whose ground has sunk."""
    name, duration_s, samples = TAKES[mode]
    take = TakePlan(
        mode=name,
        duration_s=duration_s,
        samples=samples,
        polarisation="SV",
        echoes="scene",
        targets=0,
        sigma0_db=0.0,
    )
    plan = Plan(takes=(take,), telemetry=None)
    earlier, _ = _pass(mode, plan, folder / "earlier")
    same, later = (
        _interferograms(earlier, *_pass(mode, evolve(plan, revisit=revisit), folder / which))
        for which, revisit in (("same", Revisit()), ("later", REVISIT))
    )
    return same, later


def _pass(mode: str, plan: Plan, folder: Path) -> tuple[list[Channel], Ground | None]:
    """The bursts or images of a pass, and the ground that it saw again."""
    folder.mkdir(parents=True)
    scene: SceneTake | ModeScene
    if mode == "SM":
        trajectory, _ = noise_of_plan(evolve(plan, revisit=None))
        scene = scene_take(plan, plan.takes[0], 0x1234, trajectory, folder / "auxiliary")
    else:
        trajectory, scene = scene_of_plan(plan, folder)
    flown = trajectory if plan.revisit is None else plan.revisit.flown(trajectory)
    made = write_slice(folder, flown, scene, mode, swath=plan.takes[0].mode if mode == "SM" else None)
    (product,) = process(made, folder / "work", [f"{mode}_SLC__1S"])
    return open_channels(product), scene.ground


def _interferograms(
    earlier: list[Channel], later: list[Channel], ground: Ground | None
) -> dict[str, list[Interferogram]]:
    """Of the bursts of each swath."""
    if ground is None:
        raise TypeError("the later pass sees no ground again")
    found: dict[str, list[Interferogram]] = {}
    for one, other in zip(earlier, later, strict=True):
        found.setdefault(one.name.split("-")[1].upper(), []).append(_interfere(one, other, ground))
    return found


def _interfere(one: Channel, other: Channel, ground: Ground) -> Interferogram:
    wavelength, shape = one.wavelength_m, (one.lines, one.samples)
    shift, late = ((each.orbit.epoch - ground.earlier.epoch).total_seconds() for each in (one, other))
    rows, columns = (np.linspace(0.0, size - 1.0, count) for size, count in zip(shape, _KNOTS, strict=True))
    time = (shift + one.first_line_s + rows * one.line_interval_s)[:, None]
    slant = 0.5 * SPEED_OF_LIGHT_M_S * (one.first_delay_s + columns / one.sampling_hz)[None, :]
    time, slant = np.broadcast_arrays(time, slant)
    seen_s, seen_m = ground.later_seen(time, slant)
    still_m = evolve(ground, revisit=evolve(ground.revisit, sinking_m=0.0)).later_seen(time, slant)[1]
    delay = 2.0 * seen_m / SPEED_OF_LIGHT_M_S
    row = (seen_s - late - other.first_line_s) / other.line_interval_s
    column = (delay - other.first_delay_s) * other.sampling_hz
    pixels = other.read_beta(0, other.lines, 0, other.samples)
    lines = other.first_line_s + np.arange(other.lines) * other.line_interval_s
    for sample in range(other.samples if other.doppler else 0):
        delay_s = other.first_delay_s + sample / other.sampling_hz
        pixels[:, sample] *= np.exp(-1j * _ramp_rad(other, delay_s, lines))
    turn = 2.0 * (seen_m - slant) / wavelength
    for at in np.ndindex(turn.shape):
        turn[at] += float(_ramp_rad(other, float(delay[at]), np.asarray(seen_s[at] - late))) / (2.0 * math.pi)
    later = move(pixels, Warp(*(RectBivariateSpline(rows, columns, each) for each in (row, column, turn))), shape)
    inner = slice(_MARGIN[0], -_MARGIN[0]), slice(_MARGIN[1], -_MARGIN[1])
    first, second = one.read_beta(0, shape[0], 0, shape[1])[inner], later[inner]
    sinking = RectBivariateSpline(rows, columns, 4.0 * math.pi * (seen_m - still_m) / wavelength)
    return Interferogram(
        start_s=shift + one.first_line_s + _MARGIN[0] * one.line_interval_s,
        interval_s=one.line_interval_s,
        product=first * np.conj(second),
        powers=(float(np.sum(np.abs(first) ** 2)), float(np.sum(np.abs(second) ** 2))),
        sinking_rad=sinking(np.arange(shape[0]), np.arange(shape[1]))[inner].astype(np.float32),
    )


def _ramp_rad(channel: Channel, delay_s: float, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The phase that the steering of the beam gives a burst; none else."""
    if channel.doppler is None:
        return np.zeros_like(time_s)
    return channel.doppler.ramp(delay_s).phase_rad(time_s)


def _pair_checks(swath: str, images: list[Interferogram], same: list[Interferogram]) -> list[Check]:
    """`same` are those of a pass that has another noise only."""
    phases = [float(np.angle(image.coherence)) for image in images]
    losses = [1.0 - abs(image.coherence) / abs(noise.coherence) for image, noise in zip(images, same, strict=True)]
    return [
        Check(f"{swath} pass pair, phase", largest(phases), 0.01, "rad"),
        Check(f"{swath} pass pair, loss of coherence", max(losses), 0.01, ""),
    ]


def _overlap_checks(swath: str, bursts: list[Interferogram]) -> list[Check]:
    """What neighbours tell of the ground that both see."""
    differences = []
    for before, after in pairwise(bursts):
        first = round((after.start_s - before.start_s) / before.interval_s)
        common = before.product.shape[0] - first
        if common < 1:
            return [Check(f"{swath} bursts with common ground", 1.0, 0.0, "missing")]
        left, right = before.product[first:].sum(), after.product[:common].sum()
        differences.append(float(np.angle(left * np.conj(right))))
    return [Check(f"{swath} pass pair, double difference of burst overlaps", largest(differences), 0.05, "rad")]


def _bowl_check(bursts: list[Interferogram], figures: Figures) -> Check:
    """How deep the ground sank, by the phase of blocks against that of a bowl of 1 m."""
    expected, seen = [], []
    for burst in bursts:
        lines, samples = (size // block for size, block in zip(burst.product.shape, _BLOCK, strict=True))
        part = slice(0, lines * _BLOCK[0]), slice(0, samples * _BLOCK[1])
        blocks = (lines, _BLOCK[0], samples, _BLOCK[1])
        known = burst.sinking_rad[part].reshape(blocks).mean(axis=(1, 3))
        left = np.angle(burst.product[part].reshape(blocks).sum(axis=(1, 3)))
        expected.append(known.ravel())
        seen.append((known + left).ravel())
    known, found = np.concatenate(expected), np.concatenate(seen)
    scale = float(known @ found / (known @ known))
    figures.add_bowl(known, found)
    error = 1000.0 * REVISIT.sinking_m * abs(scale - 1.0)
    return Check("IW pass pair, sinking of the ground", error, 0.1, "mm")
