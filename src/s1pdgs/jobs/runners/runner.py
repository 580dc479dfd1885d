"""What a runner promises: it starts `s1pdgs execute JOB FENCE` somewhere, tells how that goes, and can stop it.

Runners keep no truth. The database does: an attempt whose fence has moved on publishes nothing, wherever it still runs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from attrs import frozen

from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import JobSpec

Command = Callable[[Claim], Sequence[str]]
"""The command line that executes an attempt; its first word is an absolute path."""

PYTHON = "python"
"""As the first word of a command: the interpreter of the machine that runs it, where s1pdgs is installed."""
MARGIN_MB = 512
"""What the executing process itself may take beside the programs of its job."""
MARGIN_S = 900.0
"""How long fetching inputs and storing outputs may take beside the programs of a job."""


class RunnerError(RuntimeError):
    """The place where attempts run cannot be asked; the message names it and the remedy."""


class Refused(RunnerError):  # noqa: N818
    """The place works, and does not take this attempt: it wants more than there is, or the settings are wrong."""


@frozen
class Demand:
    """What an attempt needs of the place where it runs: cores, megabytes (None when unlimited) and seconds; and how
    urgent it is, 0 to 100, higher first.
    """

    cpus: int
    memory_mb: int | None
    wall_s: float
    priority: int = 0


@frozen
class Waiting:
    """An attempt that the place has taken and not begun."""


@frozen
class Running:
    """An attempt whose process runs, or is about to: nothing is in its way."""


@frozen
class Ended:
    """An attempt whose process is gone. `told` names its end: an exit code, a signal, or what the cluster says."""

    told: str
    code: int | None = None


Progress = Waiting | Running | Ended


class Runner(Protocol):
    """A place where attempts run. One thread calls it, from its first call to `close`."""

    @property
    def name(self) -> str:
        """The place, for people and as the owner of attempts."""

    @property
    def outlives(self) -> bool:
        """Whether attempts go on when the process that started them ends."""

    def adopt(self) -> list[Claim]:
        """The attempts of this ground segment that an earlier process started here and that wait or run yet.

        `look` follows them from now on. Empty where attempts die with the process that started them.
        """

    def room(self) -> int | None:
        """How many attempts started now would begin; None when that cannot be told.

        A job is better kept in our queue, where a more urgent one may pass it, than in the place's own.
        """

    def start(self, claim: Claim, demand: Demand) -> None:
        """Start an attempt. Raises `Refused` or `RunnerError` with nothing started."""

    def look(self) -> Mapping[Claim, Progress]:
        """How all attempts fare that were started or adopted; one that has ended is told once and forgotten."""

    def stop(self, claim: Claim, *, force: bool = False) -> None:
        """Ask an attempt to end early: it hands its job back, or never begins. With `force` it is ended whether it
        listens or not. No error when it has ended.
        """

    def close(self) -> list[Claim]:
        """Let go of the place. Attempts that would die with this process are stopped, and told; others go on."""


def demand_of(spec: JobSpec, priority: int) -> Demand:
    """What a job needs: the cores of its busiest pool, its memory and time with room for the executing process."""
    limits = spec.limits
    return Demand(
        max((sum(task.cpus for task in pool.tasks) for pool in spec.pools), default=1),
        None if limits.memory_mb is None else limits.memory_mb + MARGIN_MB,
        limits.wall_s + MARGIN_S,
        priority,
    )


def told_of(code: int) -> str:
    """An exit code as people say it; negative ones are signals."""
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
