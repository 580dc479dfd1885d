"""`python -m tests.quality [PART ...]`: is Level-1 as good as it must be? Writes report.json and a page with plots.

Parts are swaths (S3, WV1, WV2, IW1 ... EW5: point targets), scenes (scene-IW, scene-EW, scene-WV: backscatter and
looks), toolbox-SM ... toolbox-WV (point targets in products, by two analyses), `slices` (what neighbours have in
common), `passes` (interferometry) and `readers` (other people's, of every type of product); all without a name.
`--docs` puts the page into the documentation. The exit code tells whether every check holds.
"""

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.quality.check import Check
from tests.quality.figures import Figures
from tests.quality.parts import PARTS, Found, run_part

OUT = Path("quality-out")


def main() -> int:
    """Run the parts and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--docs", action="store_true", help="write the page to docs/ as well")
    parser.add_argument("--workers", type=int, default=2, help="parts that run at a time (2)")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is no part; parts are {', '.join(PARTS)}")
    started = time.monotonic()
    wanted, found = options.parts or PARTS, []
    with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(run_part, part): part for part in wanted}
        for done in as_completed(running):
            found.append(_broken(running[done], error) if (error := done.exception()) else done.result())
            _tell(found[-1])
            _write(found, time.monotonic() - started, docs=options.docs)
    return int(not all(check.ok for part in found for check in part.checks))


def _tell(part: Found) -> None:
    for check in part.checks:
        word = "ok   " if check.ok else "FAILS"
        sys.stdout.write(f"{word} {check.name}: {check.value:.4f} {check.unit} (limit {check.limit:g})\n")
    sys.stdout.write(f"      {part.part} took {part.elapsed_s:.0f} s\n")
    sys.stdout.flush()


def _write(found: list[Found], elapsed_s: float, *, docs: bool) -> None:
    """What is known so far: a run that is stopped leaves what it has found."""
    ordered = sorted(found, key=lambda part: PARTS.index(part.part))
    checks, figures = [check for part in ordered for check in part.checks], Figures()
    for part in ordered:
        figures.join(part.figures)
    OUT.mkdir(exist_ok=True)
    (OUT / "report.json").write_text(json.dumps({"checks": [check.record() for check in checks]}, indent=1) + "\n")
    took = f"{len(checks)} checks of {len(found)} of {len(PARTS)} parts, in {elapsed_s / 60.0:.0f} minutes."
    for folder in (OUT, Path("docs")) if docs else (OUT,):
        figures.write(folder, checks, took)


def _broken(part: str, error: BaseException) -> Found:
    traceback.print_exception(error)
    return Found(part, [Check(f"{part} runs to its end", 1.0, 0.0, "errors")], Figures(), 0.0)


if __name__ == "__main__":
    sys.exit(main())
