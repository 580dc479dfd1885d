"""Fuzz readers: `python -m tests.fuzz [TARGET ...] [--seconds 60] [--engine coverage|random] [--compiled]`.

Kernels run as plain Python with every access checked, so that the fuzzer sees their branches; with `--compiled` they
run compiled with numba's bounds checks, on ten to a hundred times as many inputs, damaged at random. Corpora grow in
`.cache/fuzz`; findings stay there and are tried again at the start of the next run. The exit code is 1 when there is a
finding.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from hashlib import sha1
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen
from rich.console import Console
from rich.table import Table

from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target

ROOT = Path(__file__).parents[2]
_SHARED_MEMORY = Path("/dev/shm")
PLACE = ROOT / ".cache" / "fuzz"
_TRIED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_COVERED = re.compile(r"cov: (\d+)")


@frozen
class Outcome:
    """What a run of one target gave; `said` is the end of its output where there is a finding."""

    tried: int
    covered: int
    findings: tuple[Path, ...]
    said: str


def fuzz(
    target: Target,
    place: Path,
    engine: str,
    *,
    seconds: float,
    runs: int = -1,
    first: int = 0,
    compiled: bool = False,
) -> Outcome:
    """Run one target in a process of its own, its corpus in `place` begun by our own writers."""
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    for finding in (place / "findings").glob("*"):
        shutil.move(finding, corpus / finding.name)
    environment = dict(os.environ)
    if compiled:
        # numba's cache does not tell kernels with and without checks apart
        environment |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(PLACE / "kernels")}
    else:
        environment["NUMBA_DISABLE_JIT"] = "1"
    limit = str(runs if runs >= 0 or engine == "coverage" else sys.maxsize)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.child",
        target.name,
        engine,
        str(place),
        str(seconds),
        limit,
        str(first),
    ]
    with TemporaryDirectory(dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None) as files:
        environment["TMPDIR"] = files  # a fuzzer ends without clearing up
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", env=environment, cwd=ROOT
        )
    output = done.stdout + done.stderr
    tried, covered = _TRIED.findall(output), _COVERED.findall(output)
    findings = tuple(sorted((place / "findings").glob("*")))
    failed = done.returncode != 0 or bool(findings)
    return Outcome(
        int(tried[-1]) if tried else 0,
        int(covered[-1]) if covered else 0,
        findings or ((place / "last",) if failed else ()),
        _end_of(output) if failed else "",
    )


def _end_of(output: str) -> str:
    """The traceback of a finding, or else the last words."""
    output = "\n".join(line for line in output.splitlines() if not line.startswith(("INFO: Instrumenting", "#")))
    begin = output.find("Uncaught Python exception")
    return output[-4000:] if begin < 0 else output[begin : begin + 4000]


def main() -> int:
    parser = ArgumentParser(prog="make fuzz", description="Hostile input for every reader.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all when none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--engine", choices=["coverage", "random"], help="coverage is atheris, where it is installed")
    parser.add_argument("--compiled", action="store_true", help="kernels compiled, with bounds checks")
    asked = parser.parse_args()
    unknown = sorted(set(asked.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    # what traces branches cannot be compiled
    engine = asked.engine or ("coverage" if find_spec("atheris") and not asked.compiled else "random")
    if engine == "coverage" and asked.compiled:
        parser.error("compiled kernels show no branches to a fuzzer: --compiled goes with --engine random")
    chosen = [TARGETS[name] for name in asked.targets or TARGETS]
    table = Table("target", "inputs", "edges", "findings", title=f"{engine}, {asked.seconds:g} s each", box=None)
    bad = False
    for target in chosen:
        if not (target.compiled if asked.compiled else target.plain):
            continue
        outcome = fuzz(
            target,
            PLACE / target.name,
            engine,
            seconds=asked.seconds,
            first=time.time_ns(),
            compiled=asked.compiled,
        )
        bad = bad or bool(outcome.findings)
        table.add_row(
            target.name, str(outcome.tried), str(outcome.covered), "\n".join(map(str, outcome.findings)) or "none"
        )
        if outcome.said:
            print(f"--- {target.name}\n{outcome.said}", flush=True)
        else:
            print(f"{target.name}: {outcome.tried} inputs, {outcome.covered} edges", flush=True)
    Console(width=140).print(table)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
