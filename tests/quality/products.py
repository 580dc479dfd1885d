"""Products made of simulated slices, as the engine makes them."""

import subprocess
import sys
from pathlib import Path

from s1pdgs.formats.listfile import read_list
from tests.unit.processors.l1.slices import Slice


def process(made: Slice, workdir: Path, outputs: list[str]) -> list[Path]:
    """Order outputs from a slice; the paths of the products."""
    workdir.mkdir()
    order = made.order(workdir, *outputs)
    subprocess.run([sys.executable, "-m", "s1pdgs.processors.l1", str(order)], cwd=workdir, check=True, stdout=-3)
    return [workdir / name for name in read_list(workdir / f"{workdir.name}.LIST")]
