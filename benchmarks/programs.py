"""Runs of a processor as a program of its own, and what they take."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from attrs import frozen

_POLL_S = 0.02
_GOOD_BELOW = 128


@frozen
class Run:
    """CPU seconds and peak resident memory of the process tree, wall seconds."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def run_program(command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None) -> Run:
    """Run a program in a folder, its log in `log.txt`; `SystemExit` with the end of the log when it fails."""
    peak = 0
    with (folder / "log.txt").open("wb") as log:
        begin = time.perf_counter()
        environment = os.environ | (variables or {})
        process = psutil.Popen([*command], cwd=folder, env=environment, stdout=log, stderr=log)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _resident(process))
            time.sleep(_POLL_S)
        wall_s = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if not 0 <= process.returncode < _GOOD_BELOW:
        told = (folder / "log.txt").read_text(errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(command)} failed ({process.returncode}):\n{told}")
    # not ru_maxrss, which a program inherits from the one that started it
    return Run(usage.ru_utime + usage.ru_stime, wall_s, peak)


def _resident(process: psutil.Process) -> int:
    try:
        return sum(int(each.memory_info().rss) for each in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0
