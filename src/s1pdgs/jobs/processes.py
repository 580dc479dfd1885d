"""Running the programs of a job: pools one after the other, the tasks of a pool side by side, within limits.

Each task is `PROGRAM JobOrder.xml` in a session of its own, with the working directory as its current one. Exit code
0 is good, 1 to 127 a warning, 128 and above or a signal a failure (coprs.md section 1.2). A guard stands between: it
leaves nothing of a program behind, also when the thread that called `run_pools` ends, as in a process that dies.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from attrs import field, frozen

from s1pdgs.jobs.containers import Containers
from s1pdgs.jobs.cores import taken
from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.limits import Supervision
from s1pdgs.jobs.measure import descendants, processes
from s1pdgs.jobs.spec import JobSpec, SpecPool, SpecTask
from s1pdgs.jobs.traces import AttemptTraces
from s1pdgs.watch.traces import Span

_LAUNCHER = Path(__file__).with_name("launch.py")
_GUARD = Path(__file__).with_name("guard.py")
_FIRST_POLL_S, _POLL_S = 0.005, 0.1
_GRACE_S = 5.0
_HANGS_S = 60.0
"""How long after the time limit a guard ends a program by itself: whoever should, hangs."""
_MAX_LINE = 16 * 1024
FAILURE = 128


@frozen
class Program:
    """The command of a task as it is run here: the n-th of the attempt."""

    task: SpecTask
    number: int
    words: tuple[str, ...]


@frozen
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    reader: threading.Thread
    largest: int
    span: Span
    held: ExitStack
    started_s: float = field(factory=time.monotonic)

    @property
    def task(self) -> SpecTask:
        return self.program.task

    @property
    def guard(self) -> int:
        return self.process.pid


@frozen
class Crew:
    """What watches over the programs of an attempt while they run; `containers` when they run in some. With
    `first_core` None they run on any core of the host.
    """

    supervision: Supervision
    log: JobLog
    traces: AttemptTraces
    containers: Containers | None = None
    first_core: int | None = None


def launcher(command: list[str]) -> list[str]:
    """The command that runs another one so that it dies with the calling thread of this process."""
    return [sys.executable, "-I", str(_LAUNCHER), str(os.getpid()), *command]


def run_pools(spec: JobSpec, order_file: Path, crew: Crew) -> int:
    """Run all pools; the highest exit code of the tasks.

    Raises `AttemptFailed` when a program cannot be found, a critical task fails or a limit is passed, and whatever
    `interrupt` raises; no process of the job is left then.
    """
    highest = first = 0
    for pool in spec.pools:
        programs = [
            Program(task, number, _command(spec, number, task, order_file, crew.containers))
            for number, task in enumerate(pool.tasks, start=first)
        ]
        highest, first = max(highest, _run_pool(pool, programs, crew)), first + len(programs)
    crew.supervision.look_at_disk()
    return highest


def _command(
    spec: JobSpec, number: int, task: SpecTask, order_file: Path, containers: Containers | None
) -> tuple[str, ...]:
    if containers is None:
        return find_program(task.program), str(order_file)
    return containers.command(spec, number, task, order_file)


def _run_pool(pool: SpecPool, programs: list[Program], crew: Crew) -> int:
    running: list[_Running] = []
    highest = 0
    try:
        for program in programs:
            started = _start(program, crew)
            running.append(started)
        waiting, pause_s = list(running), _FIRST_POLL_S
        while waiting:
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _POLL_S)
            crew.supervision.check(entry.guard for entry in waiting)
            for entry in list(waiting):
                code = _end_of(entry, pool, crew)
                if code is not None:
                    waiting.remove(entry)
                    highest = max(highest, code)
    except BaseException as error:
        failure = error if isinstance(error, AttemptFailed) else AttemptFailed("the attempt is stopped")
        for entry, code in _stop(running, pool.killing_signal, crew):
            crew.traces.end_task(entry.span, code, failure)
        raise
    return highest


def _end_of(entry: _Running, pool: SpecPool, crew: Crew) -> int | None:
    """The exit code of a task for the job, None while it runs; raises `AttemptFailed` when a critical one fails."""
    if _has_ended(entry.guard):
        code = _reap(entry, crew)
        failure = _failure_of(entry, code, crew)
        _clear(entry, crew)
        return _judge(entry, code, failure, crew)
    late = crew.supervision.lateness(entry.task, entry.started_s)
    if late is None:
        return None
    ((_, code),) = _stop([entry], pool.killing_signal, crew)
    return _judge(entry, code, late, crew)


def _failure_of(entry: _Running, code: int, crew: Crew) -> AttemptFailed | None:
    """Why a task that ended has failed, None when it has not."""
    if crew.containers is not None and code:
        spec, told = crew.supervision.spec, crew.log.tail.rpartition("\n")[2]
        failure = crew.containers.failure(spec, entry.program.number, entry.task, code, told)
        if failure is not None:
            return failure
    if 0 <= code < FAILURE:
        return None
    suspicion = crew.supervision.suspicion(entry.task, code)
    told = f"task {entry.task.name} failed with {told_of(code)}" + (f"; {suspicion}" if suspicion else "")
    return AttemptFailed(told, exit_code=code)


def _judge(entry: _Running, code: int, failure: AttemptFailed | None, crew: Crew) -> int:
    name = entry.task.name
    crew.traces.end_task(entry.span, code, failure)
    if failure is None:
        crew.log.note(f"task {name} ended with exit code {code}" + (" (warning)" if code else ""))
        return code
    if entry.task.critical:
        raise failure
    crew.log.note(f"{failure.reason}; it is not critical")
    return FAILURE - 1


def told_of(code: int) -> str:
    """The end of a program in words."""
    if code >= 0:
        return f"exit code {code}"
    name = next((known.name for known in signal.Signals if known == -code), "real-time")
    return f"signal {-code} ({name})"


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


def _start(program: Program, crew: Crew) -> _Running:
    task, log, containers = program.task, crew.log, crew.containers
    log.note(f"task {task.name}: {' '.join(program.words)}")
    with ExitStack() as stack:
        wall_s = crew.supervision.spec.limits.wall_s + _HANGS_S
        plan: dict[str, Any] = {"wall_s": wall_s, "limits": {}, "cores": None, "after": []}
        if containers is not None:
            plan["after"] = containers.removal(program.number)
        else:
            plan["limits"] = crew.supervision.kernel_limits(task)
            if crew.first_core is not None:
                plan["cores"] = stack.enter_context(taken(task.cpus, crew.first_core))
        largest, told = os.pipe()
        stack.callback(os.close, largest)
        with os.fdopen(told, "wb"):
            words = json.dumps(plan | {"largest": told}), *program.words
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *words],
                cwd=crew.supervision.workdir,
                env=_environment(task.cpus),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(told,),
            )
        held = stack.pop_all()
    assert process.stdout is not None  # noqa: S101
    reader = threading.Thread(target=_read, args=(process.stdout, log), name=f"log-{task.name}", daemon=True)
    reader.start()
    return _Running(program, process, reader, largest, crew.traces.begin_task(task), held)


def _read(stream: IO[bytes], log: JobLog) -> None:
    with stream:
        while line := stream.readline(_MAX_LINE):
            log.line(line.decode("utf-8", "replace"))


def _has_ended(pid: int) -> bool:
    """True when a child has ended; it stays unreaped, so that its number is not given to another process."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reap(entry: _Running, crew: Crew) -> int:
    """Wait for a guard, and so for all that its program started; the exit code."""
    _, status, usage = os.wait4(entry.guard, 0)
    code = entry.process.returncode = os.waitstatus_to_exitcode(status)
    largest = int(os.read(entry.largest, 32) or 0) * 1024
    of_programs = 0 if crew.containers is not None else largest  # not of the engine's client
    crew.supervision.add(usage.ru_utime + usage.ru_stime, of_programs)
    entry.reader.join(_GRACE_S)
    entry.held.close()
    return code


def _stop(running: list[_Running], number: int, crew: Crew) -> list[tuple[_Running, int]]:
    """End all tasks that still run by the pool's signal, by SIGKILL after a grace; these with their codes."""
    alive = [entry for entry in running if entry.process.returncode is None]
    _send(descendants((entry.guard for entry in alive), processes()), number)
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline and not all(_has_ended(entry.guard) for entry in alive):
        time.sleep(_POLL_S / 5)
    _send((entry.guard for entry in alive), signal.SIGTERM)
    codes = [(entry, _reap(entry, crew)) for entry in alive]
    for entry in alive:
        _clear(entry, crew)
    return codes


def _clear(entry: _Running, crew: Crew) -> None:
    if crew.containers is not None:
        crew.containers.remove(entry.program.number)


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:  # it has ended, or a task table tells a signal that does not exist
            continue
