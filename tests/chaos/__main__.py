"""`python -m tests.chaos`: a ground segment under fire, and what came of it; exit code 1 when anything is wrong."""

import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.postgres import NoPostgres
from tests.chaos.run import Asked, Report, run
from tests.chaos.strikes import kinds


def main() -> int:
    parser = ArgumentParser(
        prog="make chaos",
        description="A ground segment under fire, and what came of it; exit code 1 when anything is wrong.",
    )
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=8, help="attempts at once")
    parser.add_argument(
        "--kills", type=int, default=40, help="kill -9; for twenty of them, one strike of each other kind"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--runner", choices=["local", "dask"], default="local")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 10_000, help="the same seed plans the same strikes"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of each job")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep settings and logs here")
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.database}, {asked.runner}", flush=True)
    try:
        if asked.keep is not None:
            asked.keep.mkdir(parents=True)
            report = _run(asked, asked.keep)
        else:
            with tempfile.TemporaryDirectory(prefix="s1pdgs-chaos-") as folder:
                report = _run(asked, Path(folder))
    except NoPostgres as error:
        parser.error(str(error))
    show(report)
    return bool(report.faults)


def _run(asked: Namespace, folder: Path) -> Report:
    strikes = kinds(kills=asked.kills, postgres=asked.database == "postgresql", dask=asked.runner == "dask")
    wanted = Asked(asked.jobs, asked.workers, strikes, asked.database, asked.runner, asked.seed, asked.seconds)
    began_s = time.monotonic()
    return run(wanted, folder, lambda told: print(f"{time.monotonic() - began_s:6.1f} s  {told}", flush=True))


def show(report: Report) -> None:
    """What was done, what came of it, and what is wrong."""
    verdict = report.verdict
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = {
        "jobs": verdict.jobs,
        "strikes": _told(report.struck),
        "attempts by outcome": _told(verdict.outcomes),
        "operator": _told(report.operator) or "nothing to do",
        "published": verdict.published,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.doubled),
        "objects without owner": len(verdict.orphans),
        "wall time": f"{report.wall_s:.0f} s",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    console = Console(width=140)
    console.print(table)
    for fault in report.faults:
        console.print(f"WRONG: {fault}", markup=False)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()) if number)


if __name__ == "__main__":
    sys.exit(main())
