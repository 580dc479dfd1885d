"""The runner of a Slurm cluster, by its commands: each attempt is a batch job that executes it.

The name of a batch job, `<ground segment>-<job>-<fence>`, is how a restarted process finds its attempts again. Slurm
keeps the job's memory, cores and time; it does not start one again (`--no-requeue`).
"""

import re
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence

from attrs import define, field

from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.runners.runner import (
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

_TIMEOUT_S = 30.0
_LOOK_S = 1.0
_MOST_URGENT, _NICE = 100, 100
_AWAY = re.compile(r"unable to contact|timed out|connection refused|communication|transport endpoint", re.IGNORECASE)
_WAITS = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_ENDS = frozenset(
    {
        "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
        "REVOKED", "TIMEOUT",
    }
)  # fmt: skip


@define
class SlurmRunner:
    """Attempts as batch jobs. `options` go to every `sbatch`; `log_dir` keeps what they say outside their own logs."""

    command: Command
    ground: str
    log_dir: str
    options: Sequence[str] = ()
    _jobs: dict[Claim, str] = field(factory=dict, init=False)
    _seen: Mapping[Claim, Progress] = field(factory=dict, init=False)
    _looked_s: float = field(default=float("-inf"), init=False)

    @property
    def name(self) -> str:
        return "Slurm"

    @property
    def outlives(self) -> bool:
        return True

    def adopt(self) -> list[Claim]:
        pattern = re.compile(rf"{re.escape(self.ground)}-(\d+)-(\d+)")
        for line in _ask("squeue", "--noheader", "--me", "--states=all", "--format=%i|%T|%j").splitlines():
            number, state, name = line.split("|", 2)
            found = pattern.fullmatch(name.strip())
            if found and state not in _ENDS:
                self._jobs[Claim(int(found[1]), int(found[2]))] = number
        return list(self._jobs)

    def room(self) -> None:
        return None

    def start(self, claim: Claim, demand: Demand) -> None:
        words = [
            "--parsable",
            "--no-requeue",
            f"--job-name={self.ground}-{claim.job}-{claim.fence}",
            "--ntasks=1",
            f"--cpus-per-task={demand.cpus}",
            f"--time={-(-int(demand.wall_s) // 60)}",
            f"--nice={(_MOST_URGENT - demand.priority) * _NICE}",
            f"--output={self.log_dir}/slurm-%j.log",
            *([] if demand.memory_mb is None else [f"--mem={demand.memory_mb}M"]),
            *self.options,
            f"--wrap=exec {shlex.join(self.command(claim))}",
        ]
        self._jobs[claim] = _ask("sbatch", *words).strip().partition(";")[0]

    def look(self) -> Mapping[Claim, Progress]:
        if not self._jobs:
            return {}
        if time.monotonic() > self._looked_s + _LOOK_S:
            listed = _ask("squeue", "--noheader", "--me", "--states=all", "--format=%i|%T")
            states = dict(line.split("|", 1) for line in listed.splitlines())
            self._seen = {claim: _progress(number, states.get(number)) for claim, number in self._jobs.items()}
            self._looked_s = time.monotonic()
        told = {claim: self._seen.get(claim, Waiting()) for claim in self._jobs}
        for claim, progress in told.items():
            if isinstance(progress, Ended):
                del self._jobs[claim]
        return told

    def stop(self, claim: Claim, *, force: bool = False) -> None:
        number = self._jobs.get(claim)
        if number is None:
            return
        _ask("scancel", "--state=PENDING", number)  # first: scancel tries to signal one that waits for a minute
        signal = ("--batch", "--signal=KILL") if force else ("--full", "--signal=TERM")
        _ask("scancel", "--state=RUNNING", *signal, number)

    def close(self) -> list[Claim]:
        """Leave the batch jobs to Slurm."""
        self._jobs.clear()
        self._seen = {}
        return []


def _progress(number: str, state: str | None) -> Progress:
    """What a state of `squeue` means; a job that it does not list any more has ended."""
    if state in _WAITS:
        return Waiting()
    if state is not None and state not in _ENDS:
        return Running()
    found = re.search(r"ExitCode=(\d+):(\d+)", _ask("scontrol", "show", "job", number)) if state else None
    if found is None:
        return Ended(f"its batch job {number}, which Slurm does not know any more")
    code = -int(found[2]) if int(found[2]) else int(found[1])
    return Ended(told_of(code) if state in ("COMPLETED", "FAILED") else f"{state} of Slurm", code)


def _ask(program: str, *words: str) -> str:
    """What a command of Slurm prints; its complaint becomes a `RunnerError` that names the remedy."""
    try:
        answer = subprocess.run([program, *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise RunnerError(f"{program} is not on the PATH; install the client programs of Slurm") from None
    except subprocess.TimeoutExpired:
        raise RunnerError(f"{program} did not answer within {_TIMEOUT_S:g} s; is slurmctld running?") from None
    if answer.returncode == 0:
        return answer.stdout
    told = answer.stderr.strip() or f"exit code {answer.returncode}"
    if program == "sbatch" and not _AWAY.search(told):
        raise Refused(f"Slurm refuses the attempt: {told}; correct the chain's limits or work.slurm_options")
    if program == "scancel" and "nvalid job id" in told:
        return ""
    raise RunnerError(f"{program}: {told}; is slurmctld running?")
