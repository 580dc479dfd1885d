"""Forks a process for each attempt, with all loaded that it needs. Run as a script, never imported.

    python -P nursery.py SUPERVISOR ENDS

To start Python and to load what executes an attempt takes a second of a core; a fork takes milliseconds. SUPERVISOR is
the process that started this one. Requests are lines of JSON on standard input: `{"number": 3, "words": [...]}` starts
a command, `{"number": 3, "signal": 15}` sends a signal to it. The file descriptor ENDS is told what has ended, as lines
`NUMBER CODE` (negative for a signal). A command `PYTHON -m s1pdgs ...` with the interpreter of this process is run by
the fork itself, any other is executed. When standard input ends, so does this process.

The kernel kills this process when the thread that started it ends, and the forks when this process ends (prctl
PR_SET_PDEATHSIG): whatever dies, nothing is left that nobody watches. There is one thread, so that forks are safe.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
_OURS = [sys.executable, "-m", "s1pdgs"]
_CANNOT_START = 255


def main(arguments: list[str]) -> None:
    supervisor, ends = map(int, arguments)
    die_with(supervisor)
    os.set_inheritable(ends, False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    words = serve(ends)
    os.setsid()
    if words[:3] == _OURS:
        be_named(f"s1pdgs {' '.join(words[-2:])}")
        run(words[3:])
    try:
        os.execv(words[0], words)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot run {words[0]}: {error.strerror}\n")
    os._exit(_CANNOT_START)


def die_with(parent: int) -> None:
    """Let the kernel kill this process when the thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_CANNOT_START)


def be_named(name: str) -> None:
    """Tell people who list the processes of this host what this one is (15 bytes)."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)


def serve(ends: int) -> list[str]:
    """Answer requests until there are no more. Returns in forks only, with the words of the command."""
    waking, alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarm)
    nursery, children, rest = os.getpid(), dict[int, int](), b""
    while True:
        ready, _, _ = select.select([0, waking], [], [])
        if waking in ready:
            os.read(waking, 4096)
            reap(children, ends)
        if 0 not in ready:
            continue
        told = os.read(0, 65536)
        if not told:
            os._exit(0)
        *lines, rest = (rest + told).split(b"\n")
        for request in map(json.loads, lines):
            if "signal" in request:
                send(children, request["number"], request["signal"])
                continue
            if request["words"][:3] == _OURS:
                load()
            try:
                pid = os.fork()
            except OSError as error:
                sys.stderr.write(f"no process can be forked for an attempt: {error.strerror}\n")
                os.write(ends, b"%d %d\n" % (request["number"], _CANNOT_START))
                continue
            if pid == 0:
                die_with(nursery)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for number in (waking, alarm, ends):
                    os.close(number)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                return list(request["words"])
            children[pid] = request["number"]


def reap(children: dict[int, int], ends: int) -> None:
    """Tell of the children that have ended."""
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            os.write(ends, b"%d %d\n" % (children.pop(pid), os.waitstatus_to_exitcode(status)))


def send(children: dict[int, int], number: int, signal_number: int) -> None:
    """Signal a child; none that was reaped has its process number here, so nobody else is hit."""
    for pid, of in children.items():
        if of == number:
            os.kill(pid, signal_number)


def load() -> None:
    """Import what executes an attempt, once, without the threads that numpy's libraries start when they are loaded."""
    if "s1pdgs.jobs.execute" in sys.modules:
        return
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import s1pdgs.cli  # noqa: PLC0415
    import s1pdgs.ground  # noqa: PLC0415
    import s1pdgs.jobs.execute  # noqa: PLC0415
    import s1pdgs.watch.logs  # noqa: F401, PLC0415

    if before is None:
        del os.environ["OPENBLAS_NUM_THREADS"]
    else:
        os.environ["OPENBLAS_NUM_THREADS"] = before
    gc.freeze()


def run(words: list[str]) -> None:
    """Be `s1pdgs WORDS`; raises `SystemExit`."""
    from s1pdgs.cli import main as s1pdgs  # noqa: PLC0415

    sys.argv = ["s1pdgs", *words]
    s1pdgs()
    sys.exit()


if __name__ == "__main__":
    main(sys.argv[1:])
