"""Timing that every contestant shares; it must import nothing but the standard library."""

import statistics
import time
from collections.abc import Callable


def timed(work: Callable[[], object], least_s: float = 0.5, most: int = 200) -> dict[str, float]:
    """Medians of CPU and wall seconds of one call; a first call, which compiles and fills caches, does not count."""
    work()
    cpu: list[float] = []
    wall: list[float] = []
    while len(cpu) < most and sum(wall) < least_s:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        work()
        cpu.append(time.process_time() - begin_cpu)
        wall.append(time.perf_counter() - begin)
    return {"cpu_s": statistics.median(cpu), "wall_s": statistics.median(wall)}
