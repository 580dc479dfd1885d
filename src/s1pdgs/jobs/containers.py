"""Programs that run in containers: podman or docker runs one container for each task, named after its attempt.

The working directory is mounted at its own path, the user is that of the attempt, there is no network unless an option
asks for one, and no privilege. Limits are given to the engine.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.limits import MOST_PROCESSES
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import JobSpec, Limits, SpecContainer, SpecTask

ENGINES = ("podman", "docker")
OURS = ("--name", "--entrypoint", "--workdir", "--user", "--rm", "--detach", "--restart", "--privileged", "--label")
"""Options that a chain may not give."""
LABEL = "s1pdgs.ground"
_TIMEOUT_S = 60.0
_NOT_FOUND, _KILLED = 127, 128 + 9
_RAN = ("exited", "stopped", "dead")


class EngineError(RuntimeError):
    """The container engine cannot be used; the message names it and the remedy."""


@frozen
class Engine:
    """The command line of a container engine."""

    command: tuple[str, ...]

    @property
    def name(self) -> str:
        return Path(self.command[0]).name

    @property
    def is_podman(self) -> bool:
        return any("podman" in Path(word).name for word in self.command)

    def ask(self, *words: str) -> str:
        """What it prints; `EngineError` with its complaint."""
        try:
            answer = subprocess.run(
                [*self.command, *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except OSError as error:
            raise EngineError(f"{self.command[0]} cannot be run: {error.strerror}") from error
        except subprocess.TimeoutExpired:
            raise EngineError(f"{self.name} did not answer within {_TIMEOUT_S:g} s") from None
        if answer.returncode:
            told = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
            raise EngineError(f"{self.name}: {told[-1]}")
        return answer.stdout

    def removal(self, name: str) -> list[tuple[str, ...]]:
        """Commands that kill and remove a container, which need not run nor be there. Without the first, the second
        would wait for a program that is deaf.
        """
        return [(*self.command, "kill", name), (*self.command, "rm", "--force", "--volumes", name)]

    def remove(self, name: str) -> None:
        """Kill and remove a container, which need not run nor be there; `EngineError` when it cannot be removed."""
        with suppress(EngineError):
            self.ask("kill", name)
        self.ask("rm", "--force", "--volumes", name)


def find_engine(command: Sequence[str] = ()) -> Engine:
    """The engine of the settings, else the first of podman and docker on the PATH; `EngineError` with the remedy."""
    for words in [tuple(command)] if command else [(name,) for name in ENGINES]:
        found = shutil.which(words[0])
        if found is not None:
            return Engine((found, *words[1:]))
    if command:
        raise EngineError(f"work.container_command: {command[0]} is not on the PATH of this host")
    raise EngineError("neither podman nor docker is on the PATH; install one, or name it in work.container_command")


def trouble_of(command: Sequence[str], image: str | None = None) -> str | None:
    """Why containers (of an image) cannot run on this host, None when they can."""
    try:
        engine = find_engine(command)
        engine.ask("version")
    except EngineError as error:
        return str(error)
    if image is None:
        return None
    try:
        engine.ask("image", "inspect", image)
    except EngineError:
        return f"image {image} is not on this host; `{shlex.join((engine.name, 'pull', image))}` brings it"
    return None


@frozen
class Containers:
    """Makes the containers of an attempt. `ground` tells those of one ground segment from those of others."""

    engine: Engine
    ground: str
    claim: Claim
    workdir: Path

    def name(self, number: int) -> str:
        """The name of the container of the attempt's n-th task."""
        return f"{self.ground}-{self.claim.job}-{self.claim.fence}-{number}"

    def command(self, spec: JobSpec, number: int, task: SpecTask, order_file: Path) -> tuple[str, ...]:
        """What runs a task and ends with its exit code."""
        assert spec.container is not None  # noqa: S101
        return (
            *self.engine.command,
            "run",
            f"--name={self.name(number)}",
            f"--label={LABEL}={self.ground}",
            f"--mount=type=bind,source={self.workdir},target={self.workdir}",
            f"--workdir={self.workdir}",
            f"--user={os.getuid()}:{os.getgid()}",
            *(["--userns=keep-id"] if self.engine.is_podman and os.getuid() else []),
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--log-driver=none",
            *_limits(spec.limits, task),
            *(f"--env={name}={_cpus(task)}" for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")),
            "--env=PYTHONUNBUFFERED=1",
            *([] if _asks_for_network(spec.container) else ["--network=none"]),
            *spec.container.options,
            f"--entrypoint={task.program}",
            spec.container.image,
            str(order_file),
        )

    def removal(self, number: int) -> list[tuple[str, ...]]:
        """The commands that kill and remove the container of a task."""
        return self.engine.removal(self.name(number))

    def remove(self, number: int) -> None:
        """Remove the container of a task that has ended; what cannot be removed now is removed by a later attempt."""
        with suppress(EngineError):
            self.engine.ask("rm", "--force", "--volumes", self.name(number))

    def failure(self, spec: JobSpec, number: int, task: SpecTask, code: int, told: str) -> AttemptFailed | None:
        """Why the container of a task that ended did not run its program to the end, None when it did.

        The engine's own exit codes (125 to 127) would pass for warnings of the program. `told` is the last line of the
        log, where the engine complains.
        """
        image = "" if spec.container is None else spec.container.image
        try:
            state, killed = self.engine.ask(
                "inspect", "--format={{.State.Status}} {{.State.OOMKilled}}", self.name(number)
            ).split()
        except (EngineError, ValueError):
            return AttemptFailed(f"task {task.name}: no container of image {image} was made: {told}", exit_code=code)
        if state not in _RAN:
            return AttemptFailed(
                f"task {task.name}: program {task.program} cannot be run in image {image}: {told}; correct the task "
                "table or the image",
                exit_code=code,
                lasting=code == _NOT_FOUND,
            )
        if spec.limits.memory_mb is not None and (killed == "true" or code == _KILLED):
            return AttemptFailed(
                f"memory limit: task {task.name} was killed, as the kernel does when the {spec.limits.memory_mb} MB of "
                f"its container are used up; raise limits.memory_mb of chain {spec.chain}",
                exit_code=code,
            )
        return None


def remove_dead(engine: Engine, ground: str, is_current: Callable[[Claim], bool]) -> list[str]:
    """Kill and remove the containers of this host that belong to attempts which run no more; their names."""
    listed = engine.ask("ps", "--all", f"--filter=label={LABEL}={ground}", "--format={{.Names}}")
    pattern = re.compile(rf"{re.escape(ground)}-(\d+)-(\d+)-\d+")
    found = [match for match in map(pattern.fullmatch, listed.split()) if match]
    dead = [match[0] for match in found if not is_current(Claim(int(match[1]), int(match[2])))]
    for name in dead:
        engine.remove(name)
    return dead


def _limits(limits: Limits, task: SpecTask) -> list[str]:
    found = [f"--cpus={_cpus(task)}", f"--pids-limit={limits.processes or MOST_PROCESSES}"]
    if limits.memory_mb is not None:
        found.append(f"--memory={limits.memory_mb}m")
    if limits.disk_mb is not None:
        found.append(f"--ulimit=fsize={limits.disk_mb * 1024 * 1024}")
    return found


def _cpus(task: SpecTask) -> int:
    return min(task.cpus, os.cpu_count() or 1)


def _asks_for_network(container: SpecContainer) -> bool:
    return any(re.match(r"--net(work)?(=|$)", option) for option in container.options)
