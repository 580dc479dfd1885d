"""The runner of this host: attempts in child processes that die with this one."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from attrs import define, field

from s1pdgs.jobs.processes import launcher
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.runner import Command, Demand, Ended, Progress, RunnerError, Running, told_of

_GRACE_S = 30.0
_ROOM = 1_000_000


@define
class LocalRunner:
    """Executes each attempt in a child process that dies with the thread which called `start`. When one has ended,
    `on_end` is called from another thread.

    The kernel ties a child to the *thread* that started it: call the runner from one thread that lives until the end.
    """

    command: Command
    on_end: Callable[[], None] = lambda: None
    name: str = "this host"
    outlives: bool = False
    grace_s: float = _GRACE_S
    _children: dict[Claim, "subprocess.Popen[bytes]"] = field(factory=dict, init=False)

    def adopt(self) -> list[Claim]:
        return []

    def room(self) -> int:
        return _ROOM

    def start(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002  the slots of this host bound what runs
        command = launcher(list(self.command(claim)))
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise RunnerError(f"{command[0]} cannot be started on this host: {error.strerror}") from error
        self._children[claim] = process
        threading.Thread(target=self._tell_end, args=(process.pid,), name=f"end-{claim.job}", daemon=True).start()

    def _tell_end(self, pid: int) -> None:
        with suppress(ChildProcessError):  # it may have been looked at already
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.on_end()

    def look(self) -> Mapping[Claim, Progress]:
        seen = {claim: _progress(child) for claim, child in self._children.items()}
        for claim, progress in seen.items():
            if isinstance(progress, Ended):
                del self._children[claim]
        return seen

    def stop(self, claim: Claim, *, force: bool = False) -> None:
        if claim in self._children:
            self._children[claim].send_signal(signal.SIGKILL if force else signal.SIGTERM)

    def close(self) -> list[Claim]:
        """Stop the children and wait; those that do not end within `grace_s` are killed."""
        for claim in self._children:
            self.stop(claim)
        deadline = time.monotonic() + self.grace_s
        for child in self._children.values():
            try:
                child.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        stopped = list(self._children)
        self._children.clear()
        return stopped


def _progress(child: "subprocess.Popen[bytes]") -> Progress:
    code = child.poll()
    return Running() if code is None else Ended(told_of(code), code)
