"""Acceptance figures: what was found, what is allowed, and whether that holds."""

import math
from typing import Any

import numpy as np
from attrs import asdict, evolve, fields, frozen

from s1pdgs.processors.analysis.point_target import Measurement


@frozen
class Check:
    """A figure that must not exceed its limit."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def ok(self) -> bool:
        return bool(self.value <= self.limit)

    def record(self) -> dict[str, Any]:
        """As it stands in report.json."""
        return asdict(self) | {"value": round(float(self.value), 4), "ok": self.ok}


@frozen
class Limits:
    """What is allowed: resolutions off those of the windows; `lobes_db` is added to the limits of side lobes."""

    resolution_pct: float = 1.0
    lobes_db: float = 0.0
    range_cm: float = 1.0
    azimuth_cm: float = 5.0
    rcs_db: float = 0.1


ACCEPTED = Limits()


def largest(values: list[float]) -> float:
    """The largest magnitude."""
    return max(abs(value) for value in values)


def widening(coefficient: float) -> float:
    """3 dB width of a Hamming-windowed band over that of its inverse bandwidth."""
    x = np.linspace(0.2, 0.9, 70001)
    share = 0.5 * (1.0 - coefficient)
    value = coefficient * np.sinc(x) + share * (np.sinc(x - 1.0) + np.sinc(x + 1.0))
    return 2.0 * float(np.interp(-math.sqrt(0.5), -value / coefficient, x))


def response_checks(
    name: str,
    found: list[Measurement],
    widths: list[tuple[float, float]],
    coefficients: tuple[float, float],
    allowed: Limits = ACCEPTED,
) -> list[Check]:
    """Sharpness and side lobes of targets whose resolutions in range and azimuth (m) the windows give (sar.md, 6.4)."""
    across = [one.range_resolution_m / width[0] - 1.0 for one, width in zip(found, widths, strict=True)]
    along = [one.azimuth_resolution_m / width[1] - 1.0 for one, width in zip(found, widths, strict=True)]
    checks = [
        Check(f"{name} range resolution off the window's", 100.0 * largest(across), allowed.resolution_pct, "%"),
        Check(f"{name} azimuth resolution off the window's", 100.0 * largest(along), allowed.resolution_pct, "%"),
    ]
    for axis, coefficient in zip(("range", "azimuth"), coefficients, strict=True):
        for lobe, limits in (("pslr", (-21.0, -23.8)), ("islr", (-16.6, -18.9))):
            worst = max(getattr(one, f"{axis}_{lobe}_db") for one in found)
            checks.append(
                Check(f"{name} {axis} {lobe.upper()}", worst, limits[int(coefficient <= 0.7)] + allowed.lobes_db, "dB")
            )
    return checks


def mean_checks(
    title: str,
    found: list[Measurement],
    widths: list[tuple[float, float]],
    coefficients: tuple[float, float],
    rcs_m2: float,
    *,
    allowed: Limits = ACCEPTED,
) -> list[Check]:
    """The mean target of those that noise, or the grid of an analysis, scatters each by itself."""
    numbers = {one.name: [getattr(each, one.name) for each in found] for one in fields(Measurement)}
    means = {key: float(np.mean(values)) for key, values in numbers.items() if isinstance(values[0], float)}
    mean = evolve(found[0], **means)
    across, along = (float(np.mean(each)) for each in zip(*widths, strict=True))
    sharp = response_checks(title, [mean], [(across, along)], coefficients, allowed)
    return sharp + place_checks(title, [mean], rcs_m2, allowed)


def place_checks(name: str, found: list[Measurement], rcs_m2: float, allowed: Limits = ACCEPTED) -> list[Check]:
    """Where targets are and how bright."""
    powers = [10.0 * math.log10(one.rcs_m2 / rcs_m2) for one in found]
    checks = [
        Check(
            f"{name} range localisation", 100.0 * largest([one.range_error_m for one in found]), allowed.range_cm, "cm"
        ),
        Check(
            f"{name} azimuth localisation",
            100.0 * largest([one.azimuth_error_m for one in found]),
            allowed.azimuth_cm,
            "cm",
        ),
        Check(f"{name} radar cross section", largest(powers), allowed.rcs_db, "dB"),
        Check(f"{name} phase", largest([one.phase_error_rad for one in found]), 0.1, "rad"),
    ]
    if len(found) > 1:
        checks.append(Check(f"{name} spread of brightness", max(powers) - min(powers), 0.1, "dB"))
    return checks
