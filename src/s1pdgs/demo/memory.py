"""The memory of this process and all of its descendants, watched for its peak (Linux)."""

import os
import threading
from pathlib import Path
from typing import Self

_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """Samples the resident memory of the process tree in a thread; `peak_mb` is the largest sum seen."""

    def __init__(self, interval_s: float = 0.25) -> None:
        self.peak_mb = 0.0
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.peak_mb = max(self.peak_mb, tree_memory_mb(os.getpid()))


def tree_memory_mb(root: int) -> float:
    """Resident memory in MB of a process and its descendants now; shared pages count in each of them."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pages = int((entry / "statm").read_text().split()[1])
        except (OSError, IndexError):
            continue  # the process ended between listing and reading
        parents[int(entry.name)], resident[int(entry.name)] = int(fields[1]), pages * _PAGE
    members = {root}
    grew = True
    while grew:
        children = {pid for pid, parent in parents.items() if parent in members} - members
        members |= children
        grew = bool(children)
    return sum(resident.get(pid, 0) for pid in members) / 1e6
