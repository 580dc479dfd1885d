"""Claims jobs when a slot is free, gives them to a runner, and looks after them until they end."""

import logging
import threading
import time
from datetime import timedelta

import sqlalchemy as sa
from attrs import define, evolve, field, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs.lease import keep, process_name
from s1pdgs.jobs.queue import BackOff, Claim, Failure
from s1pdgs.jobs.runners.runner import Demand, Ended, Progress, Refused, Runner, RunnerError, Waiting, demand_of
from s1pdgs.jobs.spec import SpecError
from s1pdgs.storage.database import Database

logger = logging.getLogger(__name__)

_START_S = 180.0
"""How long a process may take to load before it renews its lease itself."""
_REST_S = 10.0
"""How long no job is claimed after the runner could not be asked: every try costs the job a fence."""
_FORCE_S = 30.0
"""How long an attempt whose job was taken away may take to end by itself."""
_DRAIN_LOOK_S = 0.1


@frozen
class _Charge:
    """An attempt in a runner's hands; times are monotonic seconds. It `began_s` when its process was first seen, and
    was asked to stop at `stopped_s`.
    """

    priority: int
    looked_s: float
    began_s: float | None = None
    stopped_s: float | None = None


@define
class Supervisor:
    """Keeps at most `slots` attempts in a runner's hands, `waiting` of which may wait to begin, or more urgent ones
    beside those. Call `step`, `drain` and `finish` from one thread.

    After a kill -9 attempts that died with it keep their rows `running` until their leases end; then anyone reclaims
    them. Attempts that outlive it (in a cluster) are taken over again at the first step.
    """

    database: Database
    outbox: Outbox
    slots: int
    runner: Runner
    lease: timedelta = queue.DEFAULT_LEASE
    back_off: BackOff = field(factory=BackOff)
    waiting: int = 1
    owner: str = field(factory=process_name)
    _charges: dict[Claim, _Charge] = field(factory=dict, init=False)
    _adopted: bool = field(default=False, init=False)
    _claim_at_s: float = field(default=float("-inf"), init=False)

    @property
    def running(self) -> list[Claim]:
        """Attempts in the runner's hands."""
        return list(self._charges)

    def step(self) -> bool:
        """Look after the attempts and start what there is room for; True when anything happened."""
        if not self._adopted:
            self._adopt()
        ended = self._look_after()
        return self._start_some() or ended

    def drain(self, at_once: threading.Event, longest_s: float) -> None:
        """Start nothing more, and let attempts that would die with this process go on until `at_once` is set."""
        deadline_s = time.monotonic() + longest_s
        while self._charges and not self.runner.outlives and time.monotonic() < deadline_s:
            if at_once.wait(_DRAIN_LOOK_S):
                return
            self._look_after()

    def finish(self) -> None:
        """Let go of the runner. What it stops hands its job back; where it had no time to, that is done here."""
        self._hand_back(self.runner.close())
        self._charges.clear()

    def _adopt(self) -> None:
        """Go on with what an earlier process left running; what has lost its job meanwhile is stopped."""
        for claim in self.runner.adopt():
            with self.database.read() as connection:
                current = queue.is_current(connection, claim)
                priority = queue.priority_of(connection, claim.job) if current else 0
            if current:
                logger.info("job %d/%d runs on %s yet: taken over", claim.job, claim.fence, self.runner.name)
            else:
                self.runner.stop(claim)
            self._charges[claim] = _Charge(priority, float("-inf"))
        self._adopted = True

    def _look_after(self) -> bool:
        seen = self.runner.look()
        for claim, progress in seen.items():
            if isinstance(progress, Ended):
                self._charges.pop(claim, None)
                self._close(claim, progress)
            else:
                self._watch(claim, progress)
        return any(isinstance(progress, Ended) for progress in seen.values())

    def _watch(self, claim: Claim, progress: Progress) -> None:
        """Renew a lease until the attempt does it itself, and stop one whose job was taken away.

        An attempt may wait in a cluster, and load its libraries on a busy host, longer than a short lease lasts.
        """
        now_s, charge = time.monotonic(), self._charges[claim]
        if charge.began_s is None and not isinstance(progress, Waiting):
            charge = evolve(charge, began_s=now_s)
        if now_s >= charge.looked_s + self.lease.total_seconds() / 3:
            charge = evolve(charge, looked_s=now_s)
            if not self._holds(claim, is_loading=charge.began_s is None or now_s <= charge.began_s + _START_S):
                stopped_s = now_s if charge.stopped_s is None else charge.stopped_s
                self.runner.stop(claim, force=now_s > stopped_s + _FORCE_S)
                charge = evolve(charge, stopped_s=stopped_s)
        self._charges[claim] = charge

    def _holds(self, claim: Claim, *, is_loading: bool) -> bool:
        """Whether the job is this attempt's; the lease of one that has not begun is renewed."""
        if is_loading:
            with self.database.write(alone=False) as connection:
                if keep(connection, claim, self.outbox.clock.now(), self.lease):
                    return True
        with self.database.read() as connection:
            return queue.is_current(connection, claim)

    def _close(self, claim: Claim, ended: Ended) -> None:
        """A process that left its job running has died: its attempt ends now, not when the lease does."""
        reason = f"the executing process died with {ended.told} and left the job unfinished"
        self._fail(claim, Failure(reason, exit_code=ended.code))

    def _fail(self, claim: Claim, failure: Failure) -> None:
        with self.database.write() as connection:
            state = queue.fail(connection, self.outbox, claim, failure, self.back_off)
        if state is not None:
            logger.error("job %d/%d: %s", claim.job, claim.fence, failure.reason)

    def _start_some(self) -> bool:
        free = self.slots - len(self._charges)
        if free <= 0 or time.monotonic() < self._claim_at_s:
            return False
        ahead = sorted((charge.priority for charge in self._charges.values() if charge.began_s is None), reverse=True)
        above = ahead[self.waiting - 1] if len(ahead) >= self.waiting else None
        if not self._due(above):
            return False
        room = self.runner.room()
        limit = free if room is None else min(free, room)
        if self.runner.outlives:
            limit = min(limit, 1)  # what the next one finds in a cluster depends on what this one takes
        return limit > 0 and self._start(limit, above)

    def _start(self, limit: int, above: int | None) -> bool:
        with self.database.write(alone=False) as connection:
            claims = queue.claim_some(connection, self.outbox, self.owner, self.lease, limit, above=above)
            demands = {claim: demand for claim in claims if (demand := self._demand(connection, claim)) is not None}
        for place, (claim, demand) in enumerate(demands.items()):
            try:
                self.runner.start(claim, demand)
            except Refused as refusal:
                self._fail(claim, Failure(str(refusal)))
                continue
            except RunnerError:
                self._claim_at_s = time.monotonic() + _REST_S
                self._hand_back(list(demands)[place:])
                raise
            self._charges[claim] = _Charge(demand.priority, time.monotonic())
            logger.info("job %d/%d started on %s", claim.job, claim.fence, self.runner.name)
        return bool(claims)

    def _demand(self, connection: sa.Connection, claim: Claim) -> Demand | None:
        """What an attempt needs; a job whose spec cannot be read is parked, so that it holds up no other."""
        try:
            return demand_of(queue.spec_of(connection, claim.job), queue.priority_of(connection, claim.job))
        except SpecError as error:
            queue.fail(connection, self.outbox, claim, Failure(str(error), lasting=True))
            logger.warning("job %d/%d: %s", claim.job, claim.fence, error)
        return None

    def _hand_back(self, claims: list[Claim]) -> None:
        with self.database.write() as connection:
            for claim in claims:
                queue.hand_back(connection, claim, self.outbox.clock.now())

    def _due(self, above: int | None) -> bool:
        """Look before locking: an idle supervisor does not disturb the writers."""
        with self.database.read() as connection:
            return queue.is_any_due(connection, self.outbox.clock.now(), above)
