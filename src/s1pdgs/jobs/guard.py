"""Runs a program and outlives it until nothing of it is left. Run as a script, never imported.

    python -I guard.py SUPERVISOR PLAN PROGRAM ARGUMENT...

SUPERVISOR is the process that started this one; PLAN is JSON: `wall_s` (how long the program may run when nobody ends
it before), `limits` (bytes or seconds by the name of a resource), `cores` (numbers, or null for all), `after` (commands
that end what is not a process, run when the program did not come to its end) and `largest` (where the KiB of the
largest process are told, a file descriptor or null). What the kernel tells of the guard itself will not do: it begins
with the memory of the supervisor, from which the guard was forked.

The program runs in a session of its own. Whatever it leaves behind, daemons too, becomes a child of the guard
(PR_SET_CHILD_SUBREAPER). When the program ends, when its time is over, when the guard gets SIGTERM, or when the thread
of the supervisor that started it is gone (PR_SET_PDEATHSIG), the guard kills and reaps all of it, and ends as the
program did.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_CPU_GRACE_S = 10
_AFTER_S = 60
_PAUSE_S = 0.01
_PASSES = 100
_DIES_FIRST = "500"
"""When a host runs out of memory, the kernel shall take a processor rather than what looks after it."""


def main(arguments: list[str]) -> None:
    supervisor, plan, command = int(arguments[0]), json.loads(arguments[1]), arguments[2:]
    awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(255)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if plan["largest"] is not None:
        os.set_inheritable(plan["largest"], False)
    guard = os.getpid()
    program = os.fork()
    if program == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(255)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        become(command, plan["limits"], plan["cores"])
    status, until_s = None, time.monotonic() + plan["wall_s"]
    while status is None:
        told = signal.sigtimedwait(awaited, max(until_s - time.monotonic(), 0.0))
        if told is None or told.si_signo != signal.SIGCHLD:
            break
        status = reap(program)[0]
    left = end_all(program)
    if status is None:
        for words in plan["after"]:
            clean_up(words)
        status = left
    if plan["largest"] is not None:
        os.write(plan["largest"], b"%d" % resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    end_as(status)


def become(command: list[str], limits: dict[str, int], cores: list[int] | None) -> None:
    """Turn into the program, within its limits."""
    os.setsid()
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as stream:  # noqa: PTH123
        stream.write(_DIES_FIRST)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):  # ignored by the interpreter, or in a background job
        signal.signal(number, signal.SIG_DFL)
    if cores is not None:
        os.sched_setaffinity(0, cores)
    for name, most in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        highest = most + _CPU_GRACE_S if name == "CPU" else most
        highest = highest if hard == resource.RLIM_INFINITY else min(highest, hard)
        resource.setrlimit(number, (min(most, highest), highest))
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
    os._exit(255)


def reap(program: int) -> tuple[int | None, bool]:
    """Take leave of all children that have ended: the status of the program when it is among them, and whether any
    child is left.
    """
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found, False
        if pid == 0:
            return found, True
        if pid == program:
            found = status


def end_all(program: int) -> int:
    """Kill and reap all descendants; the status of the program, SIGKILL when it was reaped before.

    They are stopped first, again and again until no new one is found: what stands still cannot fork away.
    """
    found = signal.SIGKILL.value
    while True:
        status, is_any = reap(program)
        found = found if status is None else status
        if not is_any:
            return found
        stopped: set[int] = set()
        for _ in range(_PASSES):
            new = descendants() - stopped
            if not new:
                break
            send(new, signal.SIGSTOP)
            stopped |= new
        send(stopped | descendants(), signal.SIGKILL)
        time.sleep(_PAUSE_S)


def descendants() -> set[int]:
    """All processes that descend from this one and have not ended."""
    children: dict[int, list[int]] = {}
    for name in (entry.name for entry in os.scandir("/proc") if entry.name.isdigit()):
        try:
            with open(f"/proc/{name}/stat", "rb") as stream:  # noqa: PTH123  pathlib takes long to load
                state, parent = stream.read().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if state not in (b"Z", b"X"):
            children.setdefault(int(parent), []).append(int(name))
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        new = children.pop(waiting.pop(), [])
        found.update(new)
        waiting += new
    return found


def send(processes: set[int], number: int) -> None:
    for pid in processes:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def clean_up(words: list[str]) -> None:
    import subprocess  # noqa: PLC0415  rarely needed

    try:
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=_AFTER_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{words[0]}: {error}\n")


def end_as(status: int) -> None:
    """End with an exit code or by a signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
        time.sleep(1)
    sys.stderr.flush()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF if os.WIFEXITED(status) else 255)


if __name__ == "__main__":
    main(sys.argv[1:])
