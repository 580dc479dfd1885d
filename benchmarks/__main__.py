"""Run all benchmarks, or those named: `python -m benchmarks [SUITE ...] [--rounds 5] [--gigabytes 1] ...`."""

from argparse import ArgumentParser, ArgumentTypeError

from rich.console import Console
from rich.table import Table

from benchmarks import (
    aio,
    backends,
    catalogue,
    day,
    doors,
    eviction,
    focus,
    harvest,
    jobs,
    level1,
    link,
    overhead,
    packets,
    zips,
)
from benchmarks.harness import KINDS, Options, Result, write_results

SUITES = {
    "packets": packets.run,
    "link": link.run,
    "aio": aio.run,
    "focus": focus.run,
    "level1": level1.run,
    "backends": backends.run,
    "catalogue": catalogue.run,
    "doors": doors.run,
    "eviction": eviction.run,
    "harvest": harvest.run,
    "jobs": jobs.run,
    "day": day.run,
    "overhead": overhead.run,
    "zips": zips.run,
}


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if set(kinds) - set(KINDS):
        raise ArgumentTypeError(f"{text!r} is not {','.join(KINDS)} or one of them")
    return kinds


def main() -> None:
    parser = ArgumentParser(prog="make bench", description="Speed and memory, measured beside peers in one run.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=Options().rounds, help="processes of each contestant")
    parser.add_argument("--gigabytes", type=float, default=Options().gigabytes, help="size of the downlink session")
    parser.add_argument("--products", type=int, default=Options().products, help="in the catalogue")
    parser.add_argument(
        "--questions", type=int, default=Options().questions, help="of each kind asked of the catalogue"
    )
    parser.add_argument("--hours", type=float, default=Options().hours, help="of the mission day")
    parser.add_argument("--jobs", type=int, default=Options().jobs, help="that have ended, in the queue")
    parser.add_argument(
        "--dag", type=int, default=Options().dag, help="jobs of the graph that engines run side by side"
    )
    parser.add_argument("--keep", action="store_true", help="leave filled databases for the next run")
    parser.add_argument(
        "--databases", type=_kinds, default=KINDS, help="of doors and eviction: sqlite, postgresql or both"
    )
    asked = parser.parse_args()
    unknown = sorted(set(asked.suites) - set(SUITES))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(SUITES)}")
    options = Options(**{name: value for name, value in vars(asked).items() if name != "suites"})
    results: list[Result] = []
    for name in asked.suites or SUITES:
        results += SUITES[name](options)
    path = write_results(results)
    table = Table("measure", "value", "p99", "unit", "fastest peer", "peer's", "ratio", box=None)
    for result in results:
        peer = result.fastest_peer
        peer_value = "" if peer is None else f"{result.peers[peer]:.2f}"
        ratio = "" if result.ratio is None else f"{result.ratio:.1f}x"
        p99 = "" if result.p99 is None else f"{result.p99:.2f}"
        table.add_row(result.name, f"{result.value:.2f}", p99, result.unit, peer or "", peer_value, ratio)
    Console(width=120).print(table)
    print(path)


main()
