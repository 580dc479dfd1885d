"""Which cores of this host a task may use, so that no task takes more than its task table says.

Cores are taken by locks on files that all workers of the host share; the kernel frees them when a process ends.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def lock_folder() -> Path:
    """Where this user's workers lock cores."""
    return Path(tempfile.gettempdir()) / f"s1pdgs-cores-{os.getuid()}"


@contextmanager
def taken(count: int, first: int = 0, folder: Path | None = None) -> Iterator[list[int] | None]:
    """As many free cores as wanted, held during the block; looked for from the n-th on, modulo their number, so that
    workers which do not see each other's locks do not all begin with the same.

    None, any core, when the host has no more than these, or fewer are free: then the kernel shares them out.
    """
    usable = sorted(os.sched_getaffinity(0))
    start = first % len(usable)
    with ExitStack() as stack:
        found: list[int] | None = None
        if count < len(usable):
            found = _lock(usable[start:] + usable[:start], count, folder or lock_folder(), stack)
        yield found


def _lock(usable: list[int], count: int, folder: Path, stack: ExitStack) -> list[int] | None:
    found: list[int] = []
    with suppress(OSError), ExitStack() as held:
        folder.mkdir(mode=0o700, exist_ok=True)
        for core in usable:
            if _is_ours(held.enter_context((folder / str(core)).open("ab"))):
                found.append(core)
            if len(found) == count:
                stack.push(held.pop_all())
                return found
    return None


def _is_ours(stream: BinaryIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
