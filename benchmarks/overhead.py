"""What an engine costs for each job: the same small graph on s1pdgs, on Dask alone, on Prefect and on Luigi.

Chains of three jobs side by side, each a program that does next to nothing, two at once. The figure is wall time of the
whole graph by the number of jobs, without the start of the engine; each engine runs the graph once, as its jobs are
many. The engines do not do the same: ours and Prefect's keep every state in a database, ours durably before it acts on
it; ours runs each job in a working directory of its own with its inputs fetched and its outputs checksummed, stored and
catalogued, in processes that outlive nothing; Dask alone keeps all in memory.
"""

import shutil
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp

from tests.chaos.mission import write_cause, write_chains

from benchmarks.harness import CONTESTANTS, Contestant, Options, Result, peer_python, scratch

LEVELS = ("SLC__1S", "GRDH_1S", "GRDM_1S", "OCN__2S")
"""What a job of each level takes; the last is what is made in the end."""
_PEERS = (
    ("Dask alone", "distributed", "distributed"),
    ("Prefect", "prefect", "prefect>=3,<4"),
    ("Luigi", "luigi", "luigi"),
)
_PROGRAM = """\
#!/bin/sh
for cause in *_FROM*.SAFE; do made=${cause%%_FROM*}_TO${cause#*_FROM}; done
mkdir "$made"
read -r manifest <"$cause/manifest.safe"
echo "$manifest" >"$made/manifest.safe"
echo "$made" >"${PWD##*/}.LIST"
"""
"""The least that makes a product: a shell and one command."""
_LONGEST_S = 300.0


def run(options: Options) -> list[Result]:
    """All engines one after the other; each peer in a virtual environment of its own."""
    command = f'make bench ARGS="overhead --dag {options.dag}"'
    width = -(-options.dag // (len(LEVELS) - 1))
    folder = Path(mkdtemp(dir=scratch(), prefix="overhead-"))
    try:
        _write_graph(folder, width)
        walls_s = _measured(_contestants(), width, folder)
    finally:
        shutil.rmtree(folder)
    jobs = width * (len(LEVELS) - 1)
    rates = {name: jobs / wall_s for name, wall_s in walls_s.items()}
    peers = {name: rate for name, rate in rates.items() if not name.startswith("s1pdgs")}
    results = [
        Result(f"Graph of {jobs} jobs in 3 levels, {name}", rate, "jobs/s", command, peers)
        for name, rate in rates.items()
        if name not in peers
    ]
    results += [
        Result(f"Wall time of the graph by its jobs, {name}", 1e3 / rate, "ms", command) for name, rate in rates.items()
    ]
    return results


def _contestants() -> list[Contestant]:
    python = Path(sys.executable)
    found = [
        Contestant("s1pdgs", python, CONTESTANTS / "run_dag_s1pdgs.py"),
        Contestant("s1pdgs on Dask", python, CONTESTANTS / "run_dag_s1pdgs_dask.py"),
    ]
    for name, module, requirement in _PEERS:
        peer = peer_python(module, requirement)
        if peer is not None:
            found.append(Contestant(name, peer, CONTESTANTS / f"run_dag_{module}.py"))
    return found


def _measured(contestants: list[Contestant], width: int, folder: Path) -> dict[str, float]:
    """Wall seconds of the graph on each engine; a peer that cannot run it here is named with the reason."""
    walls_s = {}
    for contestant in contestants:
        try:
            found = contestant.measure(str(width), folder, one_core=False, longest_s=_LONGEST_S)
        except SystemExit as reason:
            if contestant.name.startswith("s1pdgs"):
                raise
            print(f"{contestant.name} is not measured: {reason}")
            continue
        walls_s[contestant.name] = found["wall_s"]
    return walls_s


def _write_graph(folder: Path, width: int) -> None:
    """Chains, task tables and programs of three levels, and the products that cause the first."""
    one = write_chains(folder, 0.0)
    chain_of, table_of = one.read_text(), next((folder / "tasktables").iterdir())
    (folder / "causes").mkdir()
    chains, table_text = [], table_of.read_text()
    for level, (source, result) in enumerate(pairwise(LEVELS), start=1):
        program = folder / f"program-{level}"
        program.write_text(_PROGRAM.replace("FROM", source).replace("TO", result))
        program.chmod(0o755)
        table = table_text.replace(str(folder / "chaos-processor"), str(program))
        table = table.replace("SM_GRDH_1S", f"SM_{result}").replace("SM_SLC__1S", f"SM_{source}")
        (folder / "tasktables" / f"level-{level}.xml").write_text(table)
        chain = chain_of.replace('"chaos"', f'"level-{level}"').replace(table_of.name, f"level-{level}.xml")
        chains.append(chain.replace("S3_SLC__1S", f"S3_{source}"))
    one.write_text("".join(chains))
    for number in range(width):
        write_cause(folder / "causes", number)
