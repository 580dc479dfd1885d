"""`python -m tests.quality [PART ...]`: is Level-1 as good as it must be? Writes report.json and a page with plots.

Parts are swaths (S3, WV1, WV2, IW1 ... EW5: point targets), scenes (IW, EW, WV: backscatter and looks) and `slices`
(what neighbours have in common); all without a name. `--docs` puts the page into the documentation. The exit code tells
whether every check holds.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.quality import scenes, stripmap, tops
from tests.quality.check import Check
from tests.quality.figures import Figures

OUT = Path("quality-out")
PARTS = (*stripmap.WINDOWS, *tops.SWATHS, *scenes.TAKES, "slices")


def main() -> int:
    """Run the parts and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--docs", action="store_true", help="write the page to docs/ as well")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is no part; parts are {', '.join(PARTS)}")
    figures, found = Figures(), []
    for part in options.parts or PARTS:
        checks = _run(part, figures)
        for check in checks:
            word = "ok   " if check.ok else "FAILS"
            sys.stdout.write(f"{word} {check.name}: {check.value:.4f} {check.unit} (limit {check.limit:g})\n")
            sys.stdout.flush()
        found += checks
        _write(figures, found, docs=options.docs)
    return int(not all(check.ok for check in found))


def _write(figures: Figures, found: list[Check], *, docs: bool) -> None:
    """What is known so far: a run that is stopped leaves what it has found."""
    OUT.mkdir(exist_ok=True)
    (OUT / "report.json").write_text(json.dumps({"checks": [check.record() for check in found]}, indent=1) + "\n")
    for folder in (OUT, Path("docs")) if docs else (OUT,):
        figures.write(folder, found)


def _run(part: str, figures: Figures) -> list[Check]:
    if part in stripmap.WINDOWS:
        return stripmap.checks(part, figures) + (stripmap.continuity_checks() if part == "S3" else [])
    if part in tops.SWATHS:
        return tops.checks(part, figures)
    with tempfile.TemporaryDirectory(prefix="quality-") as name:
        if part == "slices":
            return scenes.slice_checks(Path(name))
        return scenes.checks(part, figures, Path(name))


if __name__ == "__main__":
    sys.exit(main())
