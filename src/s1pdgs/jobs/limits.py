"""What an attempt may use: kept while its programs run, and told when it is passed, with what was used and the remedy.

The kernel keeps what one process could pass between two looks: its private memory (RLIMIT_DATA, with room, because
memory that is only reserved counts), the size of a file, its processor time and its cores. Sums over all processes of
the job are looked at a few times a second.
"""

import math
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from attrs import define, field, frozen

from s1pdgs.jobs import tables as t
from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.measure import descendants, disk_bytes, largest_bytes, private_bytes, processes
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import JobSpec, SpecTask

MOST_PROCESSES = 1000
"""Unless the chain tells another number."""
_MB = 1024 * 1024
_RESERVED_MB = 512
_LOOK_S = 0.2
_LOOKS_SHARE = 20
"""Looking takes at most one part in so many of the time: very many files are looked at less often."""
_NO_ROOM_MB = 16
_SHELL = 128
"""A shell tells that its program died by signal n with exit code 128 + n."""


@frozen
class Used:
    """What an attempt used: processor time, and the most memory and disk that it held at a time."""

    cpu_s: float
    peak_mb: int
    disk_mb: int

    def __str__(self) -> str:
        return f"{self.cpu_s:.1f} s CPU, {self.peak_mb} MB memory, {self.disk_mb} MB disk"


@define
class Meter:
    """Counts what an attempt uses while it runs."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    disk_bytes: int = 0

    @property
    def used(self) -> Used:
        return Used(round(self.cpu_s, 2), -(-self.memory_bytes // _MB), -(-self.disk_bytes // _MB))


@define
class _Pace:
    """When to look again: a few times a second, but so that looking takes a small part of the time only."""

    _at_s: float = 0.0

    @contextmanager
    def due(self) -> Iterator[bool]:
        """True when it is time; the look is the block."""
        began_s = time.monotonic()
        is_due = began_s >= self._at_s
        yield is_due
        if is_due:
            self._at_s = began_s + max(_LOOK_S, _LOOKS_SHARE * (time.monotonic() - began_s))


@define
class Supervision:
    """Holds a running job to its limits. `interrupt` raises when the attempt must stop; all times are monotonic."""

    spec: JobSpec
    workdir: Path
    interrupt: Callable[[], None]
    meter: Meter = field(factory=Meter)
    started_s: float = field(factory=time.monotonic)
    _processes: _Pace = field(factory=_Pace, init=False)
    _disk: _Pace = field(factory=_Pace, init=False)

    def check(self, guards: Iterable[int]) -> None:
        """Raises `AttemptFailed` for a limit that the processes below the guards have passed, and what `interrupt`
        raises.
        """
        self.interrupt()
        limits, now_s = self.spec.limits, time.monotonic()
        if now_s - self.started_s > limits.wall_s:
            raise AttemptFailed(
                f"time limit: the job ran for more than {limits.wall_s:g} s; "
                f"{self._raise('wall_s')} or Max_Time of its task table",
                late=True,
            )
        with self._processes.due() as due:
            if due:
                self._look_at_processes(guards)
        with self._disk.due() as due:
            if due:
                self.look_at_disk()

    def lateness(self, task: SpecTask, started_s: float) -> AttemptFailed | None:
        """The failure of a task that runs for too long."""
        most_s = self.spec.limits.task_wall_s
        if most_s is None or time.monotonic() - started_s <= most_s:
            return None
        told = f"time limit: task {task.name} ran for more than {most_s:g} s; {self._raise('task_wall_s')}"
        return AttemptFailed(told, late=True)

    def look_at_disk(self) -> None:
        """Raises `AttemptFailed` when the working directory holds too much."""
        self.meter.disk_bytes = max(self.meter.disk_bytes, held := disk_bytes(self.workdir))
        most_mb = self.spec.limits.disk_mb
        if most_mb is not None and held > most_mb * _MB:
            raise AttemptFailed(self._disk_told(held))

    def _look_at_processes(self, guards: Iterable[int]) -> None:
        limits, alive = self.spec.limits, processes()
        ours = descendants(guards, alive)
        if self.spec.container is not None:  # the client of the engine and its monitor are not of the job
            ours = {pid for pid in ours if alive[pid].parent in ours}
        most_processes = limits.processes or MOST_PROCESSES
        if len(ours) > most_processes:
            raise AttemptFailed(
                f"process limit: the job runs {len(ours)} processes, more than its {most_processes}; "
                f"{self._raise('processes')}"
            )
        held = sum(alive[pid].resident for pid in ours)
        most = math.inf if limits.memory_mb is None else limits.memory_mb * _MB
        if held > most:
            held = private_bytes(ours)
        self.meter.memory_bytes = max(self.meter.memory_bytes, held)
        if held > most:
            raise AttemptFailed(self._memory_told(held))

    def add(self, cpu_s: float, largest_bytes: int) -> None:
        """Count what a task used that has ended: its processor time and the memory of its largest process."""
        self.meter.cpu_s += cpu_s
        self.meter.memory_bytes = max(self.meter.memory_bytes, largest_bytes)

    def suspicion(self, task: SpecTask, code: int) -> str | None:
        """The limit that a task which ended badly has probably run into, with the remedy; None when it kept all."""
        limits, number = self.spec.limits, code - _SHELL if code > _SHELL else -code
        if number == signal.SIGXCPU:
            return (
                f"CPU limit: it used more than the {self.most_cpu_s(task)} s that {task.cpus} cores give in the time "
                f"limit; {self._raise('wall_s')} or Number_of_CPUs of its task table"
            )
        if limits.disk_mb is not None and (largest := largest_bytes(self.workdir)) >= limits.disk_mb * _MB:
            return self._disk_told(largest)
        if limits.memory_mb is not None and self.meter.memory_bytes > limits.memory_mb * _MB:
            return self._memory_told(self.meter.memory_bytes)
        free_mb = shutil.disk_usage(self.workdir).free // _MB
        if free_mb < _NO_ROOM_MB:
            return f"disk full: {self.workdir} has {free_mb} MB left; free some room or move the work directory"
        if number == signal.SIGKILL:
            return (
                "the kernel kills so when the memory of the host is used up; set limits.memory_mb or fewer work.slots"
            )
        return None

    def kernel_limits(self, task: SpecTask) -> dict[str, int]:
        """Limits of each process of a task, by the name of the resource, in bytes and seconds."""
        limits = self.spec.limits
        found = {"CPU": self.most_cpu_s(task)}
        if limits.memory_mb is not None:
            found["DATA"] = (2 * limits.memory_mb + _RESERVED_MB) * _MB
        if limits.disk_mb is not None:
            found["FSIZE"] = limits.disk_mb * _MB
        return found

    def most_cpu_s(self, task: SpecTask) -> int:
        """Processor time (s) that a process of a task may use: its cores, all the time."""
        return math.ceil(self.spec.limits.wall_s * task.cpus)

    def _memory_told(self, used: int) -> str:
        most_mb = self.spec.limits.memory_mb
        return f"memory limit: the job used {used // _MB} MB, more than its {most_mb} MB; {self._raise('memory_mb')}"

    def _disk_told(self, held: int) -> str:
        return (
            f"disk limit: {self.workdir} holds {-(-held // _MB)} MB, the job may hold {self.spec.limits.disk_mb} MB; "
            f"{self._raise('disk_mb')}"
        )

    def _raise(self, limit: str) -> str:
        return f"raise limits.{limit} of chain {self.spec.chain}"


def record(connection: sa.Connection, claim: Claim, used: Used) -> None:
    """Keep what an attempt used."""
    connection.execute(
        t.attempt.update()
        .where(t.attempt.c.job_id == claim.job, t.attempt.c.fence == claim.fence)
        .values(cpu_s=used.cpu_s, peak_mb=used.peak_mb, disk_mb=used.disk_mb)
    )
