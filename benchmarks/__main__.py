"""Run all benchmarks, or those named: `python -m benchmarks [packets] [link]`."""

import sys

from rich.console import Console
from rich.table import Table

from benchmarks import link, packets
from benchmarks.harness import Result, write_results

SUITES = {"packets": packets.run, "link": link.run}


def main(names: list[str]) -> None:
    unknown = sorted(set(names) - set(SUITES))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(SUITES)}")
    results: list[Result] = []
    for name in names or list(SUITES):
        results += SUITES[name]()
    path = write_results(results)
    table = Table("measure", "value", "unit", "peer", "peer's", "ratio", box=None)
    for result in results:
        peer_value = "" if result.peer_value is None else f"{result.peer_value:.2f}"
        ratio = "" if result.ratio is None else f"{result.ratio:.1f}x"
        table.add_row(result.name, f"{result.value:.2f}", result.unit, result.peer or "", peer_value, ratio)
    Console().print(table)
    print(path)


main(sys.argv[1:])
