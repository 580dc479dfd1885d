"""Becomes another program that dies with the process that started it. Run as a script, never imported.

    python -I launch.py PROGRAM ARGUMENT...

The kernel kills the program when the thread that started it ends (prctl PR_SET_PDEATHSIG); it has no core dumps. A
script of its own rather than a hook between fork and exec: hooks deadlock in processes with threads.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    supervisor = int(arguments[0])
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(255)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        os.execv(arguments[1], arguments[1:])  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot run {arguments[1]}: {error.strerror}\n")
    os._exit(255)


if __name__ == "__main__":
    main(sys.argv[1:])
