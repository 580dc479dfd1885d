"""The program `s1pdgs-l1` with a clock on each of its stages: `python -m benchmarks.level1_stages JobOrder.xml`.

Runs in the working directory and leaves `stages.json`: CPU seconds by stage, stages within it taken off, and the
raw samples of the slice. To be held to one thread: then what the process spends is spent by the stage that runs.
"""

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from s1pdgs.processors.l1 import doppler, focus, images, inputs, looks, making, merge, preprocess, program, tops

READING, DECODING, DOPPLER, FOCUSING = "reading inputs", "decoding", "Doppler", "focusing"
LOOKS, PIXELS, ANNOTATION, REST = "looks and ground range", "quantising and writing", "annotation", "rest"
STAGES = (
    (program, "read_inputs", READING),
    (preprocess.Echoes, "read", DECODING),
    (doppler, "estimate_doppler", DOPPLER),
    (doppler, "estimate_burst_doppler", DOPPLER),
    (tops, "unfold_doppler", "focusing, unfold Doppler"),
    (tops, "compress", "focusing, range and azimuth compression"),
    (tops, "unfold_time", "focusing, unfold time"),
    (focus, "_load", "focusing, range transform"),
    (focus, "_focus_block", "focusing, range and azimuth compression"),
    (focus.FocusedBlock, "image", "focusing, azimuth transform"),
    (merge, "_detect", LOOKS),
    (looks, "detect", LOOKS),
    (images.ComplexImage, "add_lines", PIXELS),
    (images.DetectedImage, "add", PIXELS),
    (making.Making, "_describe", ANNOTATION),
    (making.Making, "_finish", ANNOTATION),
)


class Clock:
    """CPU seconds of the process by stage, without the stages that ran within it."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}
        self._within: list[float] = []

    def on(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def clocked(*args: Any, **named: Any) -> Any:
            begun = time.process_time()
            self._within.append(0.0)
            try:
                return work(*args, **named)
            finally:
                spent = time.process_time() - begun
                self.spent_s[stage] = self.spent_s.get(stage, 0.0) + spent - self._within.pop()
                if self._within:
                    self._within[-1] += spent

        return clocked


def _samples(slices: tuple[inputs.SliceInput, ...]) -> int:
    return sum(one.echoes.lines * one.echoes.samples for part in slices for one in part.channels)


def main() -> int:
    """The exit code of the program."""
    clock, counted = Clock(), []
    modules = [module for name, module in sys.modules.items() if name.startswith("s1pdgs.processors.l1")]

    def counting(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*args: Any, **named: Any) -> Any:
            found = read(*args, **named)
            counted.append(_samples(found))
            return found

        return reading

    for owner, name, stage in STAGES:
        work = getattr(owner, name)
        clocked = clock.on(stage, counting(work) if stage == READING else work)
        owners = [owner, *modules] if isinstance(owner, ModuleType) else [owner]
        for place in owners:
            if getattr(place, name, None) is work:
                setattr(place, name, clocked)
    code = program.main()
    clock.spent_s[REST] = time.process_time() - sum(clock.spent_s.values())
    Path("stages.json").write_text(json.dumps({"samples": sum(counted), "cpu_s": clock.spent_s}))
    return code


if __name__ == "__main__":
    sys.exit(main())
