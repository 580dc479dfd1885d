"""Running the programs of a job: pools one after the other, the tasks of a pool side by side, within limits.

Each task is `PROGRAM JobOrder.xml` in a session of its own, with the working directory as its current one. Exit code
0 is good, 1 to 127 a warning, 128 and above or a signal a failure (coprs.md section 1.2). The kernel kills a task when
the thread that called `run_pools` ends, so a supervisor that dies leaves no processor behind.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from attrs import field, frozen

from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.spec import JobSpec, Limits, SpecPool, SpecTask

_MB = 1024 * 1024
_LAUNCHER = Path(__file__).with_name("launch.py")
_POLL_S = 0.1
_MEASURE_S = 0.5
_GRACE_S = 5.0
_MAX_LINE = 16 * 1024
FAILURE = 128


@frozen
class Supervision:
    """What a running job is measured against; `interrupt` raises when the attempt must stop."""

    limits: Limits
    workdir: Path
    interrupt: Callable[[], None]
    started_s: float = field(factory=time.monotonic)

    def check_wall(self) -> None:
        """Raises `AttemptFailed` when the job has run for too long."""
        if time.monotonic() - self.started_s > self.limits.wall_s:
            raise AttemptFailed(f"time limit: the job ran for more than {self.limits.wall_s:g} s")

    def measure(self, sessions: list[int]) -> None:
        """Raises `AttemptFailed` when the processes use too much memory or the working directory too much disk."""
        if self.limits.memory_mb is not None:
            used = memory_bytes(set(sessions)) // _MB
            if used > self.limits.memory_mb:
                raise AttemptFailed(f"memory limit: the job used {used} MB, more than its {self.limits.memory_mb} MB")
        if self.limits.disk_mb is not None:
            used = disk_bytes(self.workdir) // _MB
            if used > self.limits.disk_mb:
                raise AttemptFailed(
                    f"disk limit: {self.workdir} holds {used} MB, more than the job's {self.limits.disk_mb} MB"
                )


@frozen
class _Running:
    task: SpecTask
    process: subprocess.Popen[bytes]
    reader: threading.Thread


def launcher(command: list[str]) -> list[str]:
    """The command that runs another one so that it dies with the calling thread of this process."""
    return [sys.executable, "-I", str(_LAUNCHER), str(os.getpid()), *command]


def run_pools(spec: JobSpec, order_file: Path, supervision: Supervision, log: JobLog) -> int:
    """Run all pools; the highest exit code of the tasks.

    Raises `AttemptFailed` when a program cannot be found, a critical task fails or a limit is passed, and whatever
    `interrupt` raises; no process of the job is left then.
    """
    highest = 0
    for pool in spec.pools:
        highest = max(highest, _run_pool(pool, order_file, supervision, log))
    return highest


def _run_pool(pool: SpecPool, order_file: Path, supervision: Supervision, log: JobLog) -> int:
    commands = [(task, [find_program(task.program), str(order_file)]) for task in pool.tasks]
    running: list[_Running] = []
    highest = 0
    try:
        for task, command in commands:
            running.append(_start(task, command, supervision.workdir, log))
        waiting, measured_s = list(running), time.monotonic()
        while waiting:
            time.sleep(_POLL_S)
            supervision.interrupt()
            supervision.check_wall()
            if time.monotonic() - measured_s >= _MEASURE_S:
                supervision.measure([entry.process.pid for entry in waiting])
                measured_s = time.monotonic()
            for entry in [entry for entry in waiting if _has_ended(entry.process.pid)]:
                waiting.remove(entry)
                highest = max(highest, _judge(entry, _reap(entry), log))
    except BaseException:
        _stop(running)
        raise
    return highest


def find_program(program: str) -> str:
    """Where a program lies: an absolute path, or a name beside this interpreter or on the PATH.

    Raises a lasting `AttemptFailed` when it cannot be run.
    """
    found = None
    if "/" not in program or program.startswith("/"):
        found = shutil.which(program, path=_environment(1)["PATH"])
    if found is None:
        raise AttemptFailed(
            f"program {program} is not installed here (looked beside {sys.executable} and on the PATH); "
            "install it or correct the task table",
            lasting=True,
        )
    return str(Path(found).absolute())


def _environment(cpus: int) -> dict[str, str]:
    """This process's environment without our own settings, which may hold secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("S1PDGS_")}
    scripts = str(Path(sys.executable).parent)
    threads = str(min(cpus, os.cpu_count() or 1))
    return kept | {
        "PATH": f"{scripts}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads,
    }


def _start(task: SpecTask, command: list[str], workdir: Path, log: JobLog) -> _Running:
    log.note(f"task {task.name}: {' '.join(command)}")
    process = subprocess.Popen(
        launcher(command),
        cwd=workdir,
        env=_environment(task.cpus),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101
    reader = threading.Thread(target=_read, args=(process.stdout, log), name=f"log-{task.name}", daemon=True)
    reader.start()
    return _Running(task, process, reader)


def _read(stream: IO[bytes], log: JobLog) -> None:
    with stream:
        while line := stream.readline(_MAX_LINE):
            log.line(line.decode("utf-8", "replace"))


def _has_ended(pid: int) -> bool:
    """True when a child has ended; it stays unreaped, so that its number is not given to another process."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reap(entry: _Running) -> int:
    """Kill what an ended task left running, and take its exit code."""
    _signal_group(entry.process.pid, signal.SIGKILL)
    code = entry.process.wait()
    entry.reader.join(_GRACE_S)
    return code


def _judge(entry: _Running, code: int, log: JobLog) -> int:
    """The exit code of a task as the job sees it; raises `AttemptFailed` for the failure of a critical one."""
    name = entry.task.name
    if 0 <= code < FAILURE:
        log.note(f"task {name} ended with exit code {code}" + (" (warning)" if code else ""))
        return code
    told = f"exit code {code}" if code > 0 else f"signal {-code} ({signal.Signals(-code).name})"
    if not entry.task.critical:
        log.note(f"task {name} failed with {told}; it is not critical")
        return FAILURE - 1
    raise AttemptFailed(f"task {name} failed with {told}", exit_code=code)


def _stop(running: list[_Running]) -> None:
    """End all tasks that still run: SIGTERM, then SIGKILL after a grace."""
    alive = [entry for entry in running if entry.process.returncode is None]
    for entry in alive:
        _signal_group(entry.process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline and not all(_has_ended(entry.process.pid) for entry in alive):
        time.sleep(_POLL_S / 5)
    for entry in alive:
        _reap(entry)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def memory_bytes(sessions: set[int]) -> int:
    """Resident memory of all processes of some sessions (proc(5): field 6 is the session, field 24 the pages)."""
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            continue
        if int(fields[3]) in sessions:
            total += int(fields[21]) * page
    return total


def disk_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total
