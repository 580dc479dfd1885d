"""Luigi on the graph of `benchmarks/overhead.py`, with its local scheduler and a file that each job leaves."""

import logging
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import luigi
from dag import LEVELS, told

logging.getLogger("luigi").setLevel(logging.ERROR)
logging.getLogger("luigi-interface").setLevel(logging.ERROR)


class Job(luigi.Task):
    folder = luigi.Parameter()
    number = luigi.IntParameter()
    level = luigi.IntParameter()

    def requires(self) -> "list[Job]":
        return [Job(self.folder, self.number, self.level - 1)] if self.level else []

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(str(Path(self.folder) / f"{self.number}-{self.level}"))

    def run(self) -> None:
        subprocess.run(["true"], check=True)
        Path(self.output().path).touch()


def run(folder: str, width: int) -> int:
    ends = [Job(folder, number, LEVELS - 1) for number in range(width)]
    if not luigi.build(ends, workers=2, local_scheduler=True, log_level="ERROR"):
        raise SystemExit("not all jobs were done")
    return width * LEVELS


with TemporaryDirectory(dir=sys.argv[2]) as folder:
    told(lambda: run(folder, int(sys.argv[1])))
