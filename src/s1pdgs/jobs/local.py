"""The runner of this host: attempts in child processes, as many at a time as there are slots."""

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from attrs import define, evolve, field, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs.processes import launcher
from s1pdgs.jobs.queue import BackOff, Claim, Failure
from s1pdgs.storage.database import Database

logger = logging.getLogger(__name__)

Command = Callable[[Claim], Sequence[str]]
"""The command line that executes an attempt; its first word is an absolute path."""


_START_S = 180.0
"""How long a child may take to load before it renews its lease itself."""


@frozen
class _Child:
    process: "subprocess.Popen[bytes]"
    started_s: float
    renewed_s: float


def owner_name() -> str:
    """This process as the owner of attempts."""
    return f"{socket.gethostname()}:{os.getpid()}"


@define
class LocalRunner:
    """Claims jobs when a slot is free and executes each in a child process that dies with this one.

    The kernel ties a child to the *thread* that started it: call `step`, `stop` and `drain` from one thread that
    lives until the end. After a kill -9 the rows stay `running` until their leases end; then any runner reclaims them.
    """

    database: Database
    outbox: Outbox
    slots: int
    command: Command
    lease: timedelta = queue.DEFAULT_LEASE
    back_off: BackOff = field(factory=BackOff)
    owner: str = field(factory=owner_name)
    _children: dict[Claim, _Child] = field(factory=dict, init=False)

    @property
    def running(self) -> list[Claim]:
        """Attempts that run now."""
        return list(self._children)

    def step(self) -> bool:
        """Look after the children and start at most one attempt; True when anything happened."""
        ended = self._look_after()
        return self._start_one() or ended

    def _look_after(self) -> bool:
        ended = [(claim, child) for claim, child in self._children.items() if child.process.poll() is not None]
        for claim, child in ended:
            del self._children[claim]
            self._close(claim, child.process.returncode)
        for claim, child in self._children.items():
            self._renew_while_loading(claim, child)
        return bool(ended)

    def _renew_while_loading(self, claim: Claim, child: _Child) -> None:
        """On a busy host a child may load its libraries for longer than a short lease lasts."""
        now_s = time.monotonic()
        due_s = child.renewed_s + self.lease.total_seconds() / 3
        if now_s < due_s or now_s > child.started_s + _START_S:
            return
        with self.database.write() as connection:
            queue.renew(connection, claim, self.outbox.clock.now(), self.lease)
        self._children[claim] = evolve(child, renewed_s=now_s)

    def _close(self, claim: Claim, code: int) -> None:
        """A child that left its job running has died: its attempt ends now, not when the lease does."""
        told = f"exit code {code}" if code >= 0 else f"signal {-code}"
        failure = Failure(f"the executing process died with {told} and left the job unfinished", exit_code=code)
        with self.database.write() as connection:
            state = queue.fail(connection, self.outbox, claim, failure, self.back_off)
        if state is not None:
            logger.error("job %d/%d: %s", claim.job, claim.fence, failure.reason)

    def _start_one(self) -> bool:
        if len(self._children) >= self.slots or not self._due():
            return False
        with self.database.write() as connection:
            claim = queue.claim(connection, self.outbox, self.owner, self.lease)
        if claim is None:
            return False
        command = launcher(list(self.command(claim)))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        self._children[claim] = _Child(process, time.monotonic(), time.monotonic())
        logger.info("job %d/%d started", claim.job, claim.fence)
        return True

    def _due(self) -> bool:
        """Look before locking: an idle runner does not disturb the writers."""
        with self.database.read() as connection:
            return queue.is_any_due(connection, self.outbox.clock.now())

    def stop(self) -> None:
        """Ask all children to end early; they hand their jobs back."""
        for child in self._children.values():
            child.process.send_signal(signal.SIGTERM)

    def drain(self, timeout_s: float) -> bool:
        """Wait until no child runs; False when some still do at the end."""
        deadline = time.monotonic() + timeout_s
        while self._children and time.monotonic() < deadline:
            if not self._look_after():
                time.sleep(0.05)
        return not self._children
