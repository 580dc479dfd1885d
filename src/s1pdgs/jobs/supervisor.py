"""Claims jobs when a slot is free, gives them to a runner, and looks after them until they end."""

import logging
import time
from datetime import timedelta

from attrs import define, evolve, field, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs.lease import keep, process_name
from s1pdgs.jobs.queue import BackOff, Claim, Failure
from s1pdgs.jobs.runners.runner import Ended, Progress, Refused, Runner, RunnerError, Waiting, demand_of
from s1pdgs.storage.database import Database

logger = logging.getLogger(__name__)

_START_S = 180.0
"""How long a process may take to load before it renews its lease itself."""
_REST_S = 10.0
"""How long no job is claimed after the runner could not be asked: every try costs the job a fence."""


@frozen
class _Charge:
    """An attempt in a runner's hands; times are monotonic seconds. It `began_s` when its process was first seen."""

    renewed_s: float
    began_s: float | None = None


@define
class Supervisor:
    """Keeps at most `slots` attempts in a runner's hands. Call `step` and `finish` from one thread.

    After a kill -9 attempts that died with it keep their rows `running` until their leases end; then anyone reclaims
    them. Attempts that outlive it (in a cluster) are taken over again at the first step.
    """

    database: Database
    outbox: Outbox
    slots: int
    runner: Runner
    lease: timedelta = queue.DEFAULT_LEASE
    back_off: BackOff = field(factory=BackOff)
    owner: str = field(factory=process_name)
    _charges: dict[Claim, _Charge] = field(factory=dict, init=False)
    _adopted: bool = field(default=False, init=False)
    _claim_at_s: float = field(default=float("-inf"), init=False)

    @property
    def running(self) -> list[Claim]:
        """Attempts in the runner's hands."""
        return list(self._charges)

    def step(self) -> bool:
        """Look after the attempts and start at most one; True when anything happened."""
        if not self._adopted:
            self._adopt()
        ended = self._look_after()
        return self._start_one() or ended

    def finish(self) -> None:
        """Let go of the runner. What it stops hands its job back; where it had no time to, that is done here."""
        for claim in self.runner.close():
            with self.database.write() as connection:
                queue.hand_back(connection, claim, self.outbox.clock.now())
        self._charges.clear()

    def _adopt(self) -> None:
        """Go on with what an earlier process left running; what has lost its job meanwhile is stopped."""
        for claim in self.runner.adopt():
            with self.database.read() as connection:
                current = queue.is_current(connection, claim)
            if current:
                logger.info("job %d/%d runs on %s yet: taken over", claim.job, claim.fence, self.runner.name)
            else:
                self.runner.stop(claim)
            self._charges[claim] = _Charge(float("-inf"))
        self._adopted = True

    def _look_after(self) -> bool:
        seen = self.runner.look()
        for claim, progress in seen.items():
            if isinstance(progress, Ended):
                self._charges.pop(claim, None)
                self._close(claim, progress)
            else:
                self._renew_until_it_does(claim, progress)
        return any(isinstance(progress, Ended) for progress in seen.values())

    def _renew_until_it_does(self, claim: Claim, progress: Progress) -> None:
        """An attempt may wait in a cluster, and load its libraries on a busy host, longer than a short lease lasts."""
        now_s = time.monotonic()
        charge = self._charges.get(claim, _Charge(now_s))
        began_s = None if isinstance(progress, Waiting) else now_s if charge.began_s is None else charge.began_s
        charge = evolve(charge, began_s=began_s)
        due = now_s >= charge.renewed_s + self.lease.total_seconds() / 3
        if due and (began_s is None or now_s <= began_s + _START_S):
            with self.database.write() as connection:
                current = keep(connection, claim, self.outbox.clock.now(), self.lease) or queue.is_current(
                    connection, claim
                )
            if not current:
                self.runner.stop(claim)
            charge = evolve(charge, renewed_s=now_s)
        self._charges[claim] = charge

    def _close(self, claim: Claim, ended: Ended) -> None:
        """A process that left its job running has died: its attempt ends now, not when the lease does."""
        reason = f"the executing process died with {ended.told} and left the job unfinished"
        self._fail(claim, Failure(reason, exit_code=ended.code))

    def _fail(self, claim: Claim, failure: Failure) -> None:
        with self.database.write() as connection:
            state = queue.fail(connection, self.outbox, claim, failure, self.back_off)
        if state is not None:
            logger.error("job %d/%d: %s", claim.job, claim.fence, failure.reason)

    def _start_one(self) -> bool:
        if len(self._charges) >= self.slots or time.monotonic() < self._claim_at_s:
            return False
        if not (self._due() and self.runner.has_room()):
            return False
        with self.database.write() as connection:
            claim = queue.claim(connection, self.outbox, self.owner, self.lease)
            spec = None if claim is None else queue.spec_of(connection, claim.job)
        if claim is None or spec is None:
            return False
        try:
            self.runner.start(claim, demand_of(spec))
        except Refused as refusal:
            self._fail(claim, Failure(str(refusal)))
            return True
        except RunnerError:
            self._claim_at_s = time.monotonic() + _REST_S
            with self.database.write() as connection:
                queue.hand_back(connection, claim, self.outbox.clock.now())
            raise
        self._charges[claim] = _Charge(time.monotonic())
        logger.info("job %d/%d started on %s", claim.job, claim.fence, self.runner.name)
        return True

    def _due(self) -> bool:
        """Look before locking: an idle supervisor does not disturb the writers."""
        with self.database.read() as connection:
            return queue.is_any_due(connection, self.outbox.clock.now())
