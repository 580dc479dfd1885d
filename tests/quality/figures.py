"""Plots and tables of what was found, as a page in Markdown with pictures beside it."""

import math
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from s1pdgs.processors.analysis.point_target import Measurement
from tests.quality.check import Check

mpl.use("Agg")

from matplotlib import pyplot as plt

_LEAD = """# Quality of Level-1

What focusing, radiometry and the looks of our Level-1 processor reach, against the acceptance figures of `sar.md`,
section 6.4. Made by `make quality` (`python -m tests.quality`), which writes the same figures to
`quality-out/report.json`. Point targets stand in noise-free bursts and vignettes with real windows; scenes are
simulated data takes of one backscatter, with thermal noise and FDBAQ, processed from Level-0 by `s1pdgs-l1`.
"""


@define
class Figures:
    """What the plots are drawn from."""

    targets: dict[str, tuple[list[Measurement], list[float]]] = field(factory=dict)
    profiles: dict[str, NDArray[np.float64]] = field(factory=dict)

    def add_targets(self, name: str, found: list[Measurement], time_s: list[float]) -> None:
        """The targets of a swath and their zero-Doppler times from the middle of the burst."""
        self.targets[name] = (found, time_s)

    def add_profile(self, name: str, sigma0_db: NDArray[np.float64]) -> None:
        """Backscatter along an image, as it was found."""
        self.profiles[name] = sigma0_db

    def write(self, folder: Path, checks: list[Check]) -> None:
        """`quality.md` and its pictures."""
        pictures = []
        if self.targets:
            pictures += [
                self._scatter(folder, "azimuth error (cm)", lambda one: 100.0 * one.azimuth_error_m),
                self._scatter(folder, "range error (cm)", lambda one: 100.0 * one.range_error_m),
                self._scatter(folder, "cross section (dBm2)", lambda one: 10.0 * math.log10(one.rcs_m2)),
            ]
        if self.profiles:
            pictures.append(self._lines(folder))
        lines = [_LEAD, "| check | found | limit | unit | |", "|---|---:|---:|---|---|"]
        lines += [
            f"| {one.name} | {one.value:.3f} | {one.limit:g} | {one.unit} | {'ok' if one.ok else '**fails**'} |"
            for one in checks
        ]
        lines += ["", *(line for name, text in pictures for line in (f"![{text}](quality/{name}.png)", "", text, ""))]
        (folder / "quality.md").write_text("\n".join(lines).rstrip() + "\n")

    def _scatter(self, folder: Path, label: str, value: Callable[[Measurement], float]) -> tuple[str, str]:
        name = label.partition(" (")[0].replace(" ", "-")
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        for swath, (found, time_s) in self.targets.items():
            axes.plot(time_s, [value(one) for one in found], ".", label=swath)
        axes.set_xlabel("zero-Doppler time from the middle of burst or vignette (s)")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(ncols=6, fontsize="small")
        _save(figure, folder, name)
        return name, f"Point targets along their bursts: {label}."

    def _lines(self, folder: Path) -> tuple[str, str]:
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        for swath, profile in self.profiles.items():
            axes.plot(np.linspace(0.0, 1.0, profile.size), profile, label=swath, linewidth=1.0)
        axes.set_xlabel("share of the image, first line to last")
        axes.set_ylabel("sigma nought found - true (dB)")
        axes.set_ylim(-0.5, 0.5)
        axes.grid(alpha=0.3)
        axes.legend(ncols=6, fontsize="small")
        _save(figure, folder, "sigma0")
        return "sigma0", "Backscatter along the images of scenes of one backscatter, thermal noise taken off."


def _save(figure, folder: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    (folder / "quality").mkdir(exist_ok=True)
    figure.savefig(folder / "quality" / f"{name}.png", dpi=80)
    plt.close(figure)
