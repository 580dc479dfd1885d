"""The runner of a Dask cluster: each attempt is a task that executes it in a process of its own beside a worker.

Each task is published under its key, `<ground segment>-<job>-<fence>`: so it outlives the process that submitted it,
and a restarted one finds it again. A worker that dies takes the process of its attempt along; Dask gives the task to
another worker then, where the attempt, having begun already, refuses to begin again: it fails and the job gets a new
one.
"""

import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from attrs import define, field, frozen
from distributed import Client, Future, Scheduler

from s1pdgs.jobs.processes import launcher
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.runner import (
    PYTHON,
    Command,
    Demand,
    Ended,
    Progress,
    Refused,
    RunnerError,
    Running,
    Waiting,
    told_of,
)

_LOOK_S = 1.0
CPUS, MEMORY_MB = "cpus", "memory_mb"
"""What workers may declare that they have (`dask worker --resources "cpus=8 memory_mb=32000"`)."""
_processes: dict[str, "subprocess.Popen[bytes]"] = {}
_unwanted: set[str] = set()
_guard = threading.Lock()


def open_cluster(address: str, timeout_s: float) -> Client:
    """A connection to a scheduler (`tcp://host:port`); `RunnerError` when none answers there."""
    try:
        return Client(address, timeout=timeout_s, set_as_default=False, name="s1pdgs")
    except (OSError, ValueError) as error:
        raise RunnerError(
            f"no Dask scheduler answers at {address} ({error}); start one with `dask scheduler`, "
            "or correct work.dask_scheduler"
        ) from error


class Unfinished(Exception):  # noqa: N818
    """A process ended with another exit code than 0: raised in the worker, since errors outlive workers, values not."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@frozen
class Worker:
    """What a worker has left: threads that execute nothing, and of each declared resource (all of it in `declared`)."""

    threads: int
    left: Mapping[str, float]
    declared: Mapping[str, float]

    def fits(self, wanted: Mapping[str, float]) -> bool:
        return self.threads > 0 and all(self.left.get(name, 0) >= amount for name, amount in wanted.items())

    @property
    def room(self) -> int:
        """Attempts of one core each that would begin."""
        return max(min(self.threads, int(self.left.get(CPUS, self.threads))), 0)


@define
class DaskRunner:
    """Attempts as tasks of a cluster. `ground` tells the tasks of this ground segment from those of others."""

    address: str
    command: Command
    ground: str
    timeout_s: float = 5.0
    _client: Client | None = field(default=None, init=False)
    _futures: dict[Claim, Future[None] | None] = field(factory=dict, init=False)
    """None: the scheduler that knew of it is gone."""
    _given: dict[Claim, str | None] = field(factory=dict, init=False)
    _placed: dict[str, tuple[str, bool]] = field(factory=dict, init=False)
    _looked_s: float = field(default=float("-inf"), init=False)

    @property
    def name(self) -> str:
        return f"Dask {self.address}"

    @property
    def outlives(self) -> bool:
        return True

    def adopt(self) -> list[Claim]:
        pattern = re.compile(rf"{re.escape(self.ground)}-(\d+)-(\d+)")
        with self._asking() as client:
            for name in client.list_datasets():
                if found := pattern.fullmatch(str(name)):
                    self._futures[Claim(int(found[1]), int(found[2]))] = client.get_dataset(name)
        return list(self._futures)

    def room(self) -> int:
        return sum(worker.room for worker in self._workers().values())

    def start(self, claim: Claim, demand: Demand) -> None:
        key, workers = self._key(claim), self._workers()
        wanted = _resources(demand, workers.values())
        fitting = [address for address, worker in workers.items() if worker.fits(wanted)]
        chosen = max(fitting, key=lambda address: workers[address].threads, default=None)
        where = {} if chosen is None else {"workers": [chosen], "allow_other_workers": True}
        with self._asking() as client:
            future = client.submit(
                run_attempt,
                key,
                list(self.command(claim)),
                key=key,
                pure=False,
                priority=demand.priority,
                resources=wanted or None,
                **where,
            )
            client.publish_dataset(future, name=key, override=True)
            client.run_on_scheduler(set_free, key=key)
        self._futures[claim] = future
        self._given[claim] = chosen
        self._looked_s = float("-inf")

    def look(self) -> Mapping[Claim, Progress]:
        if not self._futures:
            return {}
        if time.monotonic() > self._looked_s + _LOOK_S:
            with self._asking() as client:
                self._placed = client.run_on_scheduler(placed, prefix=f"{self.ground}-")
            if all(self._key(claim) in self._placed for claim, worker in self._given.items() if worker is not None):
                self._looked_s = time.monotonic()
        seen = {claim: self._progress(claim, future) for claim, future in self._futures.items()}
        self._forget([claim for claim, progress in seen.items() if isinstance(progress, Ended)])
        return seen

    def stop(self, claim: Claim, *, force: bool = False) -> None:
        future, key = self._futures.get(claim), self._key(claim)
        if future is None or future.done():
            return
        with self._asking() as client:
            worker: str | None = client.run_on_scheduler(worker_of, key=key)
            number = signal.SIGKILL if force else signal.SIGTERM
            begun = worker is not None and client.run(
                end_attempt, key, number, workers=[worker], on_error="ignore"
            ).get(worker)
            if not begun:
                future.cancel(force=True)

    def close(self) -> list[Claim]:
        """Leave the tasks to the cluster."""
        self._futures.clear()
        self._given.clear()
        if self._client is not None:
            self._client.close()
        self._client = None
        return []

    def _key(self, claim: Claim) -> str:
        return f"{self.ground}-{claim.job}-{claim.fence}"

    def _workers(self) -> dict[str, Worker]:
        """The workers by address; threads that are promised to an attempt of ours are not free.

        Dask itself, believing that attempts are as short as earlier ones, gives one to a busy worker beside an idle.
        """
        with self._asking() as client:
            told: dict[str, tuple[int, int, dict[str, float], dict[str, float]]] = client.run_on_scheduler(standing)
        ours = Counter(self._given.values())
        return {
            address: Worker(
                threads - max(busy, ours[address]), {name: has - used.get(name, 0) for name, has in all_.items()}, all_
            )
            for address, (threads, busy, all_, used) in told.items()
        }

    def _forget(self, ended: Sequence[Claim]) -> None:
        """All or none: an end that could not be told must be told at the next look."""
        if ended:
            with self._asking() as client:
                for claim in ended:
                    client.unpublish_dataset(self._key(claim))
        for claim in ended:
            del self._futures[claim]
            self._given.pop(claim, None)

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """The connection; what goes wrong with it is a `RunnerError`."""
        try:
            if self._client is None or self._client.status in ("closing", "closed"):
                self._client = self._open()
            yield self._client
        except (OSError, TimeoutError, AttributeError) as error:  # a client without its scheduler has no attributes
            raise RunnerError(f"the Dask scheduler at {self.address} does not answer: {error}") from error

    def _open(self) -> Client:
        """A new connection. Where an earlier one was lost, attempts are ours yet as far as the scheduler knows them."""
        client = open_cluster(self.address, self.timeout_s)
        known = set(client.list_datasets()) if self._futures else set()
        keys = {claim: self._key(claim) for claim in self._futures}
        self._futures = {claim: client.get_dataset(key) if key in known else None for claim, key in keys.items()}
        return client

    def _progress(self, claim: Claim, future: Future[None] | None) -> Progress:
        if future is None:
            return Ended("its scheduler")
        match future.status:
            case "finished":
                return Ended(told_of(0), 0)
            case "error":
                error = future.exception(timeout=self.timeout_s)
                code = error.code if isinstance(error, Unfinished) else None
                return Ended(f"an error of its worker ({error})" if code is None else told_of(code), code)
            case "cancelled" | "lost":
                return Ended("its task cancelled")
            case _:
                worker, executes = self._placed.get(self._key(claim), ("", False))
                return Running() if executes or worker == self._given.get(claim) else Waiting()


def _resources(demand: Demand, workers: Iterable[Worker]) -> dict[str, float]:
    """What an attempt asks of its worker: as much of the demand as workers declare; `Refused` when none has so much."""
    declared = [worker.declared for worker in workers]
    needs: dict[str, float] = {CPUS: demand.cpus, MEMORY_MB: demand.memory_mb or 0}
    wanted = {name: need for name, need in needs.items() if need and any(name in each for each in declared)}
    if declared and not any(all(each.get(name, 0) >= need for name, need in wanted.items()) for each in declared):
        most = {name: max(each.get(name, 0) for each in declared) for name in wanted}
        raise Refused(
            f"no Dask worker has {_told(wanted)} (the most are {_told(most)}); start a larger one with "
            f'--resources "{_told(wanted)}" or lower the limits of the chain'
        )
    return wanted


def _told(amounts: Mapping[str, float]) -> str:
    return " ".join(f"{name}={amount:g}" for name, amount in amounts.items())


def placed(prefix: str, dask_scheduler: Scheduler) -> dict[str, tuple[str, bool]]:
    """Runs in the scheduler: the worker that each task whose key begins so was given to, and whether it executes it."""
    return {
        str(task.key): (worker.address, task in worker.executing)
        for worker in dask_scheduler.workers.values()
        for task in worker.processing
        if str(task.key).startswith(prefix)
    }


def worker_of(key: str, dask_scheduler: Scheduler) -> str | None:
    """Runs in the scheduler: the worker that a task was given to, whether it has begun there or not."""
    task = dask_scheduler.tasks.get(key)
    return task.processing_on.address if task is not None and task.processing_on is not None else None


def set_free(key: str, dask_scheduler: Scheduler) -> None:
    """Runs in the scheduler: a task that was given to its worker may go to any other when that one dies.

    A preference, even a loose one, would keep it from the workers that come when none is left.
    """
    task = dask_scheduler.tasks.get(key)
    if task is not None:
        task.worker_restrictions = None


def standing(dask_scheduler: Scheduler) -> dict[str, tuple[int, int, dict[str, float], dict[str, float]]]:
    """Runs in the scheduler: of each worker the threads, the tasks that it has, and its resources, all and used."""
    return {
        worker.address: (
            worker.nthreads, len(worker.processing), dict(worker.resources), dict(worker.used_resources)
        )
        for worker in dask_scheduler.workers.values()
    }  # fmt: skip


def run_attempt(key: str, command: list[str]) -> None:
    """Runs in a worker: execute an attempt in a process that dies with this one; `Unfinished` unless it ends well."""
    words = [sys.executable if command[0] == PYTHON else command[0], *command[1:]]
    with _guard:
        if key in _unwanted:
            raise Unfinished(-signal.SIGTERM)
        process = subprocess.Popen(launcher(words), stdin=subprocess.DEVNULL, start_new_session=True)
        _processes[key] = process
    try:
        code = process.wait()
    finally:
        with _guard:
            del _processes[key]
    if code:
        raise Unfinished(code)


def end_attempt(key: str, number: int) -> bool:
    """Runs in a worker: send an attempt a signal; False when it has not begun here, and then it never will."""
    with _guard:
        process = _processes.get(key)
        if process is None:
            _unwanted.add(key)
        else:
            process.send_signal(number)
    return process is not None
