"""The runner of this host: attempts in processes that die with this one, forked where all is loaded that they need."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from attrs import define, field, frozen

from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.runner import Command, Demand, Ended, Progress, RunnerError, Running, told_of

_NURSERY = Path(__file__).parents[2] / "nursery.py"
_GRACE_S = 30.0
_LOOK_S = 0.02
_ROOM = 1_000_000


@define
class Nursery:
    """The process that forks attempts (`s1pdgs/nursery.py`), and the exit codes of those that have ended, by number."""

    process: "subprocess.Popen[bytes]"
    codes: dict[int, int] = field(factory=dict)
    is_gone: threading.Event = field(factory=threading.Event)
    started: int = 0

    def start(self, words: Sequence[str]) -> int:
        """Start a command; its number. `OSError` when the nursery is gone."""
        self.started += 1
        self._ask({"number": self.started, "words": list(words)})
        return self.started

    def signal(self, number: int, which: signal.Signals) -> None:
        """Send a signal to what was started, unless it has ended."""
        try:
            self._ask({"number": number, "signal": int(which)})
        except OSError:  # it is gone, and with it all that it forked
            return

    def code(self, number: int) -> int | None:
        """How a command ended; None while it runs. When the nursery died, the kernel has killed it."""
        is_gone = self.is_gone.is_set()  # looked at first: it tells of all ends before
        return self.codes.get(number, -signal.SIGKILL if is_gone else None)

    def listen(self, ends: IO[bytes], on_end: Callable[[], None]) -> None:
        """Take note of ends until the nursery is gone."""
        with ends:
            for line in ends:
                number, code = map(int, line.split())
                self.codes[number] = code
                on_end()
        self.is_gone.set()
        on_end()

    def close(self) -> None:
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.close()
        self.process.wait()

    def _ask(self, request: dict[str, object]) -> None:
        assert self.process.stdin is not None  # noqa: S101
        self.process.stdin.write(json.dumps(request).encode() + b"\n")


def open_nursery(on_end: Callable[[], None]) -> Nursery:
    """A nursery that dies with the calling thread; `on_end` is called from another thread when something has ended."""
    told, ends = os.pipe()
    command = [sys.executable, "-P", str(_NURSERY), str(os.getpid()), str(ends)]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(ends,), start_new_session=True, bufsize=0)
    except OSError as error:
        os.close(told)
        raise RunnerError(f"{command[0]} cannot be started on this host: {error.strerror}") from error
    finally:
        os.close(ends)
    opened = Nursery(process)
    threading.Thread(target=opened.listen, args=(os.fdopen(told, "rb"), on_end), name="ends", daemon=True).start()
    return opened


@frozen
class _Attempt:
    nursery: Nursery
    number: int

    @property
    def code(self) -> int | None:
        return self.nursery.code(self.number)

    def signal(self, which: signal.Signals) -> None:
        self.nursery.signal(self.number, which)


@define
class LocalRunner:
    """Executes each attempt in a process that dies with the thread which called `start`. When one has ended, `on_end`
    is called from another thread.

    The kernel ties what it starts to the *thread* that started it: call the runner from one thread that lives until the
    end.
    """

    command: Command
    on_end: Callable[[], None] = lambda: None
    name: str = "this host"
    outlives: bool = False
    grace_s: float = _GRACE_S
    _nursery: Nursery | None = field(default=None, init=False)
    _attempts: dict[Claim, _Attempt] = field(factory=dict, init=False)

    def adopt(self) -> list[Claim]:
        return []

    def room(self) -> int:
        return _ROOM

    def start(self, claim: Claim, demand: Demand) -> None:  # noqa: ARG002  the slots of this host bound what runs
        if self._nursery is None or self._nursery.is_gone.is_set():
            self._nursery = open_nursery(self.on_end)
        try:
            number = self._nursery.start(self.command(claim))
        except OSError as error:
            raise RunnerError(f"the process that starts attempts on this host has died: {error.strerror}") from error
        self._attempts[claim] = _Attempt(self._nursery, number)

    def look(self) -> Mapping[Claim, Progress]:
        seen = {claim: _progress(attempt) for claim, attempt in self._attempts.items()}
        for claim, progress in seen.items():
            if isinstance(progress, Ended):
                del self._attempts[claim]
        return seen

    def stop(self, claim: Claim, *, force: bool = False) -> None:
        if claim in self._attempts:
            self._attempts[claim].signal(signal.SIGKILL if force else signal.SIGTERM)

    def close(self) -> list[Claim]:
        """Stop the attempts and wait; those that do not end within `grace_s` are killed."""
        stopped = list(self._attempts)
        for claim in stopped:
            self.stop(claim)
        deadline = time.monotonic() + self.grace_s
        while any(attempt.code is None for attempt in self._attempts.values()):
            if time.monotonic() > deadline:
                for claim in stopped:
                    self.stop(claim, force=True)
            time.sleep(_LOOK_S)
        self._attempts.clear()
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
        return stopped


def _progress(attempt: _Attempt) -> Progress:
    code = attempt.code
    return Running() if code is None else Ended(told_of(code), code)
