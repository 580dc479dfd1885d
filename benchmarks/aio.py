"""The whole Level-0 front end as the program that runs it: a session on disk becomes segments on disk.

Two sizes of session show whether memory depends on the length of a session. CPU seconds include the start of Python and
of its libraries.
"""

import os
import shutil
import statistics
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import psutil
from attrs import frozen

from benchmarks.harness import CHANNEL_MB_S, Options, Result, scratch
from benchmarks.session import write_session
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.listfile import AIO_LIST, read_list

PROGRAM = Path(sys.executable).with_name("s1pdgs-aio")
_POLL_S = 0.02
_GOOD_BELOW = 128
_LARGE_GB = 2.0


@frozen
class Run:
    """One run of the program: CPU seconds and peak resident memory of its process tree, wall seconds."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def run(options: Options) -> list[Result]:
    command = f'make bench ARGS="aio --gigabytes {options.gigabytes:g}"'
    small, _ = _measure(options.gigabytes / 4, 1)
    large, megabytes = _measure(options.gigabytes, 1 if options.gigabytes > _LARGE_GB else options.rounds)
    rate = megabytes / statistics.median(each.cpu_s for each in large)
    wall = megabytes / statistics.median(each.wall_s for each in large)
    what = f"AIO, session of {megabytes / 1e3:.2g} GB"
    return [
        Result(f"{what} to segments", rate, "MB/cpu-s", command),
        Result(f"{what} to segments, all cores", wall, "MB/s", command),
        Result("260 Mbit/s channels that one core follows with AIO", rate / CHANNEL_MB_S, "channels", command),
        Result(f"{what}, peak memory", max(each.peak_mb for each in large), "MB", command),
        Result("AIO, peak memory at a quarter of that size", max(each.peak_mb for each in small), "MB", command),
    ]


def _measure(gigabytes: float, rounds: int) -> tuple[list[Run], float]:
    """Runs on one session of this size, and its size in MB; the session and all outputs are removed again."""
    folder = Path(mkdtemp(dir=scratch(), prefix="aio-"))
    try:
        session = write_session(folder, round(gigabytes * 1e9))
        os.sync()
        kept = set(folder.iterdir())
        runs = []
        for _ in range(rounds):
            runs.append(_run_program(folder, session.job_order))
            _check(folder, session.packets)
            for path in set(folder.iterdir()) - kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return runs, session.bytes / 1e6
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_program(folder: Path, job_order: Path) -> Run:
    peak = 0
    with (folder / "log.txt").open("wb") as log:
        begin = time.perf_counter()
        process = psutil.Popen([str(PROGRAM), str(job_order)], cwd=folder, stdout=log, stderr=log)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _resident(process))
            time.sleep(_POLL_S)
        wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if not (0 <= process.returncode < _GOOD_BELOW and (folder / AIO_LIST).exists()):
        raise SystemExit(f"{PROGRAM.name} failed ({process.returncode}):\n{(folder / 'log.txt').read_text()[-2000:]}")
    # not ru_maxrss, which a program inherits from the one that started it
    return Run(usage.ru_utime + usage.ru_stime, wall, peak / 1e6)


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_info().rss
    except psutil.Error:
        pass
    return total


def _check(folder: Path, packets: int) -> None:
    """A fast program that loses packets is no front end."""
    listed = read_list(folder / AIO_LIST)
    segments = [folder / name for name in listed if name.endswith(".SAFE")]
    found = sum(
        unit.quality.elements for segment in segments for unit in read_manifest(segment / "manifest.safe").units
    )
    if found != packets:
        raise SystemExit(f"{packets} packets were sent and {found} came out, in {len(segments)} segments")
