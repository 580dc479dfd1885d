"""What processes and folders take: memory, processor time and disk, told by the kernel (proc(5))."""

import os
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@frozen
class Process:
    """A process that lives: its parent and its resident memory in bytes, shared pages included."""

    parent: int
    resident: int


def processes() -> dict[int, Process]:
    """All processes of this host that have not ended, by number."""
    found = {}
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] not in (b"Z", b"X"):
            found[int(entry.name)] = Process(int(fields[1]), int(fields[21]) * _PAGE)
    return found


def descendants(ancestors: Iterable[int], alive: dict[int, Process]) -> set[int]:
    """Those alive that descend from some processes, these not included."""
    children: dict[int, list[int]] = {}
    for pid, process in alive.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    waiting = list(ancestors)
    while waiting:
        new = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(new)
        waiting += new
    return found


def private_bytes(pids: Iterable[int]) -> int:
    """Memory of some processes that no file backs; a page that n processes share counts once. Slower than a sum of
    `Process.resident`, which is never less.
    """
    return sum(_private_bytes(pid) for pid in pids)


def _private_bytes(pid: int) -> int:
    """Zero for what has ended."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    told = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return told.get("Pss_Anon", told["Pss"]) + told.get("Pss_Shmem", 0)


def disk_bytes(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def largest_bytes(folder: Path) -> int:
    """The size of the largest file below a folder."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, Path(parent, name).lstat().st_size)
            except OSError:
                continue
    return largest
