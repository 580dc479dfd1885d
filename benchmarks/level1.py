"""Level-1 as the program that runs it: a slice of real size on disk becomes its products on disk, mode by mode.

The echoes are noise like that of a real slice, with the windows, bursts and packets of the real timelines. A short
slice is processed on one core, with a clock on each stage, and on all; IW once more as long as a slice is cut.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from attrs import frozen
from tests.unit.processors.l1.slices import Slice, noise_of_plan, write_slice

from benchmarks.harness import ONE_CORE, ROOT, Options, Result, scratch
from benchmarks.programs import Run, run_program
from s1pdgs.formats.listfile import read_list
from s1pdgs.simulator.plan import Plan, TakePlan

COMMAND = "make bench ARGS=level1"
PROGRAM = Path(sys.executable).with_name("s1pdgs-l1")
WHOLE_S = 25.0


@frozen
class Mode:
    """A mode, the data take that stands for it, its seconds, what is made of it, and what the prototype of the design
    focused (sar.md, section 5; Mcplx/cpu-s).
    """

    name: str
    take: str
    duration_s: float
    outputs: tuple[str, ...]
    prototype: float | None = None


MODES = (
    Mode("SM", "S3", 6.0, ("SM_SLC__1S", "SM_GRDH_1S"), 3.75),
    Mode("IW", "IW", 5.6, ("IW_SLC__1S", "IW_GRDH_1S"), 3.4),
    Mode("EW", "EW", 6.2, ("EW_SLC__1S", "EW_GRDM_1S")),
    Mode("WV", "WV", 30.0, ("WV_SLC__1S",)),
)


def run(options: Options) -> list[Result]:  # noqa: ARG001 - one run each: they are long
    """All modes, and IW at length."""
    found = [result for mode in MODES for result in _mode(mode)]
    whole = next(mode for mode in MODES if mode.name == "IW")
    made = _slice(whole, WHOLE_S)
    done = _run(made, whole, [str(PROGRAM)], {})
    what = f"Level-1 IW SLC and GRDH, {WHOLE_S:g} s of three swaths, one polarisation"
    return [
        *found,
        Result(f"{what}, all cores", done.wall_s, "s", COMMAND),
        Result(f"{what}, CPU", done.cpu_s, "cpu-s", COMMAND),
        Result(f"{what}, peak memory", done.peak_bytes / 1e9, "GB", COMMAND),
    ]


def _mode(mode: Mode) -> list[Result]:
    made = _slice(mode, mode.duration_s)
    one = _run(made, mode, [sys.executable, "-m", "benchmarks.level1_stages"], ONE_CORE)
    stages = json.loads((_workdir(made) / "stages.json").read_text())
    every = _run(made, mode, [str(PROGRAM)], {})
    million = stages["samples"] / 1e6
    what = f"Level-1 {mode.name}"
    focusing = sum(spent for stage, spent in stages["cpu_s"].items() if stage.startswith("focusing"))
    peers = {} if mode.prototype is None else {"prototype (sar.md, section 5)": mode.prototype}
    return [
        Result(f"{what}, focusing", million / focusing, "Mcplx/cpu-s", COMMAND, peers),
        *(Result(f"{what}, {stage}", million / cpu_s, "Mcplx/cpu-s", COMMAND) for stage, cpu_s in _slowest(stages)),
        Result(f"{what}, {mode.duration_s:g} s, CPU", one.cpu_s / mode.duration_s, "cpu-s/s", COMMAND),
        Result(f"{what}, {mode.duration_s:g} s, all cores", every.wall_s / mode.duration_s, "s/s", COMMAND),
        Result(f"{what}, speed-up by all cores", one.wall_s / every.wall_s, f"x on {os.cpu_count()} cores", COMMAND),
        Result(f"{what}, {mode.duration_s:g} s, peak memory", every.peak_bytes / 1e9, "GB", COMMAND),
    ]


def _slowest(stages: dict[str, dict[str, float]]) -> list[tuple[str, float]]:
    return sorted(stages["cpu_s"].items(), key=lambda item: -item[1])


def _slice(mode: Mode, duration_s: float) -> Slice:
    """The slice of a data take of a mode, made once for each state of the simulator."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "src" / "s1pdgs" / "simulator").rglob("*.py")):
        digest.update(path.read_bytes())
    folder = scratch() / f"level1-{mode.name}-{duration_s:g}-{digest.hexdigest()[:12]}"
    take = TakePlan(mode=mode.take, duration_s=duration_s, polarisation="SV")
    trajectory, noise = noise_of_plan(Plan(takes=(take,), telemetry=None))
    if not folder.exists():
        for outdated in scratch().glob(f"level1-{mode.name}-{duration_s:g}-*"):
            shutil.rmtree(outdated)
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        write_slice(part, trajectory, noise, mode.name, mode.take if mode.name == "SM" else None)
        part.rename(folder)
    (name,) = [path.name for path in folder.glob("*.SAFE")]
    return Slice(folder, name, noise, mode.name)


def _workdir(made: Slice) -> Path:
    return made.folder / "work"


def _run(made: Slice, mode: Mode, command: list[str], variables: dict[str, str]) -> Run:
    """Run a program on a slice; its products are checked and removed."""
    workdir = _workdir(made)
    shutil.rmtree(workdir, ignore_errors=True)
    workdir.mkdir()
    order = made.order(workdir, *mode.outputs)
    spent = run_program([*command, str(order)], workdir, {"PYTHONPATH": str(ROOT)} | variables)
    listed = workdir / f"{workdir.name}.LIST"
    if not listed.exists() or len(read_list(listed)) != len(mode.outputs):
        raise SystemExit(f"{command[-1]} did not make {', '.join(mode.outputs)}; see {workdir / 'log.txt'}")
    for name in read_list(listed):
        shutil.rmtree(workdir / name)
    return spent
