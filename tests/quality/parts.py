"""The parts of a quality run, each by itself in a process of its own."""

import tempfile
import time
from pathlib import Path

from attrs import frozen

from tests.quality import interferometry, reading, scenes, stripmap, toolbox, tops
from tests.quality.check import Check
from tests.quality.figures import Figures

SCENES = {f"scene-{mode}": mode for mode in scenes.TAKES}
TOOLBOX = {f"toolbox-{mode}": mode for mode in toolbox.TAKES}
PARTS = ("passes", *SCENES, "readers", "slices", *TOOLBOX, *stripmap.WINDOWS, *tops.SWATHS)
"""Those that take longest first."""


@frozen
class Found:
    """What a part found, and how long it took."""

    part: str
    checks: list[Check]
    figures: Figures
    elapsed_s: float


def run_part(part: str) -> Found:
    """Run one; that it finds nothing at all is a failure."""
    figures, started = Figures(), time.monotonic()
    checks = _checks(part, figures) or [Check(f"{part} finds something", 1.0, 0.0, "missing")]
    return Found(part, checks, figures, time.monotonic() - started)


def _checks(part: str, figures: Figures) -> list[Check]:
    if part in stripmap.WINDOWS:
        return stripmap.checks(part, figures) + (stripmap.continuity_checks() if part == "S3" else [])
    if part in tops.SWATHS:
        return tops.checks(part, figures)
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        return _product_checks(part, figures, Path(name))


def _product_checks(part: str, figures: Figures, folder: Path) -> list[Check]:
    """Parts that make whole products in a folder."""
    if part == "passes":
        return interferometry.checks(figures, folder)
    if part in TOOLBOX:
        return toolbox.checks(TOOLBOX[part], folder)
    if part in SCENES:
        return scenes.checks(SCENES[part], figures, folder)
    return scenes.slice_checks(folder) if part == "slices" else reading.checks(folder)
