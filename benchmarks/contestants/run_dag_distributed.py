"""Dask alone on the graph of `benchmarks/overhead.py`: each job starts a process, as those of the other engines do."""

import subprocess
import sys

from dag import LEVELS, told
from distributed import Client, LocalCluster


def job(_before: int | None) -> int:
    return subprocess.run(["true"], check=True).returncode


def run(client: Client, width: int) -> int:
    ends = []
    for number in range(width):
        last = None
        for level in range(LEVELS):
            last = client.submit(job, last, key=f"job-{number}-{level}", pure=False)
        ends.append(last)
    client.gather(ends)
    return width * LEVELS


if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        told(lambda: run(client, int(sys.argv[1])))
