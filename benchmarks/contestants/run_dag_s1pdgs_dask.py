"""s1pdgs on a Dask cluster of two processes on the graph of `benchmarks/overhead.py`."""

import sys
from pathlib import Path

from dag import run_s1pdgs, told
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        work = f'runner = "dask"\ndask_scheduler = "{cluster.scheduler_address}"\n'
        told(lambda: run_s1pdgs(int(sys.argv[1]), Path(sys.argv[2]), work))
