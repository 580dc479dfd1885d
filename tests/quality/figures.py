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
`quality-out/report.json`. Point targets stand in bursts and vignettes with real windows, first without noise (the worst
of all counts), then with thermal noise and FDBAQ (their mean counts). Scenes are simulated data takes of one
backscatter, with thermal noise and FDBAQ, processed from Level-0 by `s1pdgs-l1`; so are the two passes, and the
products whose targets our own analysis and the SAR Calibration Toolbox measure (the mean target of a swath).
"""

_LOOKS = """The looks of IW GRDH are those of the bands that AUX_PP1 gives, 2.10 and 3.12 alike: five of 14.1 MHz out
of 56.5 MHz in IW1, each weighted by a Hamming window of 0.70, share little and make 4.9 equivalent looks. The
annotation of the real product `S1B_IW_GRDH_1SDV_20210401T052623...` orders the same (bandwidths, coefficients 0.70,
0.73 and 0.75, five looks that overlap by 3.5 MHz in IW1), and ours is checked against these bands within 5 %. The 4.4
of the product definition is a theoretical mean over swaths that is older than these parameters. Its table misses the
bands of other modes as well, both ways: StripMap full resolution 3.7 against about 3.6, IW GRDM 82 against 103, EW
GRDH 2.7 against 2.9, EW GRDM 10.7 against 12, wave mode 124 against 160; no one weighting gives all of its figures.
Looks cut out of an image that is weighted already (Hamming 0.75, as SLC) and not evened out would have 4.2. We keep
even looks, weighted once."""


@define
class Figures:
    """What the plots are drawn from."""

    targets: dict[str, tuple[list[Measurement], list[float]]] = field(factory=dict)
    profiles: dict[str, NDArray[np.float64]] = field(factory=dict)
    bowl: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def add_targets(self, name: str, found: list[Measurement], time_s: list[float]) -> None:
        """The targets of a swath and their zero-Doppler times from the middle of the burst."""
        self.targets[name] = (found, time_s)

    def add_profile(self, name: str, sigma0_db: NDArray[np.float64]) -> None:
        """Backscatter along an image, as it was found."""
        self.profiles[name] = sigma0_db

    def add_bowl(self, known_rad: NDArray[np.float64], found_rad: NDArray[np.float64]) -> None:
        """Phases of blocks of an interferogram that sunken ground gives, and those that were found."""
        self.bowl = known_rad, found_rad

    def join(self, other: "Figures") -> None:
        """Take over what another part drew."""
        self.targets |= other.targets
        self.profiles |= other.profiles
        self.bowl = other.bowl or self.bowl

    def write(self, folder: Path, checks: list[Check], took: str) -> None:
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
        if self.bowl is not None:
            pictures.append(_bowl(folder, *self.bowl))
        lines = [_LEAD, "| check | found | limit | unit | |", "|---|---:|---:|---|---|"]
        lines += [
            f"| {one.name} | {one.value:.3f} | {one.limit:g} | {one.unit} | {'ok' if one.ok else '**fails**'} |"
            for one in checks
        ]
        lines += ["", took, "", *_LOOKS.splitlines()]
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


def _bowl(folder: Path, known: NDArray[np.float64], found: NDArray[np.float64]) -> tuple[str, str]:
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    axes.plot(known, found - known, ".", markersize=3)
    axes.set_xlabel("phase of the sunken ground (rad)")
    axes.set_ylabel("found - true (rad)")
    axes.grid(alpha=0.3)
    _save(figure, folder, "bowl")
    return "bowl", "Blocks of the interferogram of two passes over ground that sank between them."


def _save(figure, folder: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    (folder / "quality").mkdir(exist_ok=True)
    figure.savefig(folder / "quality" / f"{name}.png", dpi=80)
    plt.close(figure)
