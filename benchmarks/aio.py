"""The whole Level-0 front end as the program that runs it: a session on disk becomes segments on disk.

Two sizes of session show whether memory depends on the length of a session. CPU seconds include the start of Python and
of its libraries.
"""

import os
import shutil
import statistics
import sys
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.harness import CHANNEL_MB_S, Options, Result, scratch
from benchmarks.programs import Run, run_program
from benchmarks.session import write_session
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.listfile import AIO_LIST, read_list

PROGRAM = Path(sys.executable).with_name("s1pdgs-aio")
_LARGE_GB = 2.0


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
        Result(f"{what}, peak memory", max(each.peak_bytes / 1e6 for each in large), "MB", command),
        Result(
            "AIO, peak memory at a quarter of that size", max(each.peak_bytes / 1e6 for each in small), "MB", command
        ),
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
            runs.append(run_program([str(PROGRAM), str(session.job_order)], folder))
            _check(folder, session.packets)
            for path in set(folder.iterdir()) - kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return runs, session.bytes / 1e6
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check(folder: Path, packets: int) -> None:
    """A fast program that loses packets is no front end."""
    listed = read_list(folder / AIO_LIST)
    segments = [folder / name for name in listed if name.endswith(".SAFE")]
    found = sum(
        unit.quality.elements for segment in segments for unit in read_manifest(segment / "manifest.safe").units
    )
    if found != packets:
        raise SystemExit(f"{packets} packets were sent and {found} came out, in {len(segments)} segments")
