"""Prefect on the graph of `benchmarks/overhead.py`, with its own temporary server and database."""

import os
import subprocess
import sys

os.environ.update(PREFECT_LOGGING_LEVEL="ERROR", PREFECT_SERVER_ANALYTICS_ENABLED="false")
os.environ["PREFECT_HOME"] = f"{sys.argv[2]}/prefect"

from dag import LEVELS, told
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.testing.utilities import prefect_test_harness


@task
def job(_before: int | None) -> int:
    return subprocess.run(["true"], check=True).returncode


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def graph(width: int) -> None:
    ends = []
    for _ in range(width):
        last = None
        for _ in range(LEVELS):
            last = job.submit(last)
        ends.append(last)
    for end in ends:
        end.wait()


def run(width: int) -> int:
    graph(width)
    return width * LEVELS


with prefect_test_harness(server_startup_timeout=120):
    told(lambda: run(int(sys.argv[1])))
