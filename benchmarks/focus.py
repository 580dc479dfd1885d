"""TOPS focusing by stage: a whole IW1 burst of a real window, on one core and on all, beside the prototype's figure."""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
from attrs import evolve
from tests.unit.processors.l1.conftest import EPOCH, state_vectors
from tests.unit.processors.l1.tops_acquisition import SWATHS, Acquisition, acquire_burst

from benchmarks.harness import ONE_CORE, ROOT, Options, Result
from s1pdgs.processors.l1.scratch import Scratch
from s1pdgs.processors.l1.tops import compress, unfold_doppler, unfold_time
from s1pdgs.sar.orbit import fit_orbit

SWATH = "IW1"
PROTOTYPE_MCPLX_CPU_S = 3.4
COMMAND = "make bench ARGS=focus"
STAGES = ("unfold Doppler", "compress", "unfold time")


def run(options: Options) -> list[Result]:
    """Focus one burst in processes of their own, turn by turn on one core and on all."""
    turns = [(_turn(1), _turn(os.cpu_count() or 1)) for _ in range(options.rounds)]
    one, every = ([turn[index] for turn in turns] for index in (0, 1))
    million = statistics.median(turn["million"] for turn in one)
    cpu_s = {stage: statistics.median(turn[stage] for turn in one) for stage in STAGES}
    peers = {"prototype (sar.md, section 5)": PROTOTYPE_MCPLX_CPU_S}
    wall_s = [statistics.median(turn["wall_s"] for turn in turns) for turns in (one, every)]
    return [
        Result(f"TOPS focusing, {SWATH}", million / sum(cpu_s.values()), "Mcplx/cpu-s", COMMAND, peers),
        *(Result(f"TOPS focusing, {stage}", million / cpu_s[stage], "Mcplx/cpu-s", COMMAND) for stage in STAGES),
        Result("TOPS focusing, speed-up by all cores", wall_s[0] / wall_s[1], f"x on {os.cpu_count()} cores", COMMAND),
    ]


def _turn(threads: int) -> dict[str, float]:
    environment = os.environ | (ONE_CORE if threads == 1 else {})
    command = [sys.executable, "-m", "benchmarks.focus", str(threads)]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(found.stdout)  # type: ignore[no-any-return]


def burst(samples: int, threads: int) -> Acquisition:
    """A burst of speckle."""
    orbit = fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))
    acquisition = acquire_burst(orbit, SWATH, samples)
    acquisition = evolve(acquisition, parameters=evolve(acquisition.parameters, threads=threads))
    generator = np.random.default_rng(1)
    for line in acquisition.raw:
        line.view(np.float32)[:] = generator.standard_normal(2 * line.size, dtype=np.float32)
    return acquisition


def main() -> None:
    """Time the stages of one burst, compiled and in memory that an earlier burst had, and print them as JSON."""
    threads = int(sys.argv[1])
    large = burst(SWATHS[SWATH].samples, threads)
    plan, scratch = large.plan(), Scratch()
    for _ in range(2):
        raw = scratch.take("burst", *large.raw.shape)
        np.copyto(raw, large.raw)
        begun = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            marks = [time.process_time()]
            spectrum = unfold_doppler(plan, raw, pool, scratch)
            marks.append(time.process_time())
            compress(plan, spectrum, pool, scratch)
            marks.append(time.process_time())
            unfold_time(plan, spectrum, pool, scratch)
            marks.append(time.process_time())
        wall_s = time.perf_counter() - begun
    found = dict(zip(STAGES, np.diff(marks).tolist(), strict=True))
    sys.stdout.write(json.dumps(found | {"wall_s": wall_s, "million": large.raw.size / 1e6}))


if __name__ == "__main__":
    main()
