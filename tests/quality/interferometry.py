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
from s1pdgs.simulator.plan import Plan, TakePlan
from s1pdgs.simulator.revisit import Ground, Revisit, Warp, move
from tests.quality.check import Check, largest
from tests.quality.figures import Figures
from tests.quality.products import process
from tests.unit.processors.l1.slices import scene_of_plan, write_slice

REVISIT = Revisit(across_m=30.0, above_m=-20.0, sinking_m=0.012, radius_m=2500.0)
TAKE = TakePlan(
    mode="IW", duration_s=5.4, samples=3000, polarisation="SV", echoes="scene", targets=0, sigma0_db=0.0
)  # fmt: skip
_KNOTS, _MARGIN = (40, 40), (16, 40)
_BLOCK = (40, 250)


@frozen(eq=False)
class Interferogram:
    """Of one burst: earlier times the conjugate of later, freed from the phase of the ways; powers of both; and the
    phase (rad) that the sinking of the ground gave it. Arrays (lines, samples), the first line at `start_s`.
    """

    start_s: float
    interval_s: float
    product: NDArray[np.complex64]
    powers: tuple[float, float]
    sinking_rad: NDArray[np.float32]

    @property
    def coherence(self) -> complex:
        """Over the whole burst."""
        return complex(self.product.sum(dtype=np.complex128)) / math.sqrt(math.prod(self.powers))


def checks(figures: Figures, folder: Path) -> list[Check]:
    """Phase, coherence, what bursts of one swath tell of their common ground, and the bowl."""
    plan = Plan(takes=(TAKE,), telemetry=None)
    earlier, _ = _pass(plan, folder / "earlier")
    same, later = (
        _interferograms(earlier, *_pass(evolve(plan, revisit=revisit), folder / name))
        for name, revisit in (("same", Revisit()), ("later", REVISIT))
    )
    result = []
    for swath, bursts in later.items():
        result += _swath_checks(swath, bursts, same[swath])
    return [*result, _bowl_check([burst for bursts in later.values() for burst in bursts], figures)]


def _pass(plan: Plan, folder: Path) -> tuple[list[Channel], Ground | None]:
    """The bursts of a pass, and the ground that it saw again."""
    trajectory, scene = scene_of_plan(plan, folder)
    flown = trajectory if plan.revisit is None else plan.revisit.flown(trajectory)
    (product,) = process(write_slice(folder, flown, scene), folder / "work", ["IW_SLC__1S"])
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
    if one.doppler is None or other.doppler is None:
        raise TypeError("only bursts are compared")
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
    for sample in range(other.samples):
        ramp = other.doppler.ramp(other.first_delay_s + sample / other.sampling_hz)
        pixels[:, sample] *= np.exp(-1j * ramp.phase_rad(lines))
    turn = 2.0 * (seen_m - slant) / wavelength
    for at in np.ndindex(turn.shape):
        ramp = other.doppler.ramp(float(delay[at]))
        turn[at] += float(ramp.phase_rad(seen_s[at] - late)) / (2.0 * math.pi)
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


def _swath_checks(swath: str, bursts: list[Interferogram], same: list[Interferogram]) -> list[Check]:
    """`same` are those of a pass that has another noise only."""
    phases = [float(np.angle(burst.coherence)) for burst in bursts]
    losses = [1.0 - abs(burst.coherence) / abs(noise.coherence) for burst, noise in zip(bursts, same, strict=True)]
    differences = []
    for before, after in pairwise(bursts):
        first = round((after.start_s - before.start_s) / before.interval_s)
        common = before.product.shape[0] - first
        if common < 1:
            return [Check(f"{swath} bursts with common ground", 1.0, 0.0, "missing")]
        left, right = before.product[first:].sum(), after.product[:common].sum()
        differences.append(float(np.angle(left * np.conj(right))))
    return [
        Check(f"{swath} pass pair, phase", largest(phases), 0.01, "rad"),
        Check(f"{swath} pass pair, loss of coherence", max(losses), 0.01, ""),
        Check(f"{swath} pass pair, double difference of burst overlaps", largest(differences), 0.05, "rad"),
    ]


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
