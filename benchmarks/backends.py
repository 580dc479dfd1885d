"""Focusing by every backend that is at hand: a burst of IW1 and a block of StripMap S3, whole windows.

Backends take turns, each in a process of its own on all cores. Time is wall time, from raw lines in the memory of the
host to the image there, transfers included; the first run of a process does not count. Images must be those of the
compiled kernels.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from tests.unit.processors.l1.conftest import (
    EPOCH,
    PRI_S,
    PULSE_S,
    RATE_HZ_S,
    RAW_GAIN,
    SAMPLING_HZ,
    state_vectors,
)
from tests.unit.processors.l1.tops_acquisition import SWATHS, acquire_burst

from benchmarks.harness import ROOT, Options, Result
from s1pdgs.formats.isp.codes import number_of_samples
from s1pdgs.processors.l1.arrays import BACKENDS, COMPILED, ArrayError
from s1pdgs.processors.l1.backends import Backend, open_backend
from s1pdgs.processors.l1.focus_plan import FocusParameters, LineSource, Window, plan_focus
from s1pdgs.processors.l1.geometry import RawGrid, no_doppler
from s1pdgs.sar.chirp import Chirp
from s1pdgs.sar.orbit import Orbit, fit_orbit
from s1pdgs.sar.timing import first_sample_delay_s

COMMAND = "make bench ARGS=backends"
ALIKE = 1e-3
"""What images may differ by, of the peak."""
_BLOCK_LINES = 3000
_BLOCK_SAMPLES = number_of_samples(12407, 4)

Spectrum = NDArray[np.complex64]
Work = Callable[[Backend], Spectrum]


def run(options: Options) -> list[Result]:
    """Both pieces of work by all backends, beside the compiled kernels."""
    names = [name for name in BACKENDS if _at_hand(name)]
    turns = [{name: _turn(name) for name in names} for _ in range(options.rounds)]
    results = []
    for work in turns[0][COMPILED]:
        rates = {name: statistics.median(turn[name][work] for turn in turns) for name in names}
        compiled = rates.pop(COMPILED)
        results.append(Result(f"{work}, {COMPILED}", compiled, "Mcplx/s", COMMAND))
        results += [
            Result(f"{work}, {name}", rate, "Mcplx/s", COMMAND, {COMPILED: compiled}) for name, rate in rates.items()
        ]
    return results


def _at_hand(name: str) -> bool:
    try:
        open_backend(name)
    except ArrayError as error:
        print(f"left out: {error}", file=sys.stderr)
        return False
    return True


def _turn(name: str) -> dict[str, float]:
    """Mcplx/s of each piece of work."""
    command = [sys.executable, "-m", "benchmarks.backends", name]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{found.stderr[-2000:]}")
    return json.loads(found.stdout)  # type: ignore[no-any-return]


def _burst(orbit: Orbit) -> tuple[Work, int]:
    """A burst of speckle, and the number of its raw samples."""
    acquisition = acquire_burst(orbit, "IW1", SWATHS["IW1"].samples)
    plan, read = acquisition.plan(), _speckle(acquisition.raw)
    return lambda backend: backend.focus_burst(plan, read), acquisition.raw.size


def _block(orbit: Orbit) -> tuple[Work, int]:
    """A block of StripMap speckle, and the number of its raw samples."""
    delay = first_sample_delay_s(10, PRI_S, 8e-5)
    grid = RawGrid(_BLOCK_LINES, _BLOCK_SAMPLES, -0.5 * _BLOCK_LINES * PRI_S, PRI_S, delay, SAMPLING_HZ)
    chirp = Chirp(RATE_HZ_S, -0.5 * RATE_HZ_S * PULSE_S, PULSE_S)
    parameters = FocusParameters(
        replica=chirp.replica(SAMPLING_HZ).astype(np.complex64),
        range_window=Window(0.75, 59.4e6),
        azimuth_window=Window(0.75, 1399.0),
        azimuth_pattern=np.ones_like,
        elevation_pattern=lambda _time_s, ranges_m: np.ones_like(ranges_m),
        doppler=no_doppler,
        raw_gain=RAW_GAIN,
    )
    plan, read = plan_focus(grid, orbit, parameters), _speckle(np.empty((grid.lines, grid.samples), np.complex64))

    def work(backend: Backend) -> Spectrum:
        return np.concatenate([block.image() for block in backend.focus(plan, read)])

    return work, grid.lines * grid.samples


def _speckle(raw: Spectrum) -> LineSource:
    generator = np.random.default_rng(1)
    for line in raw:
        line.view(np.float32)[:] = generator.standard_normal(2 * line.size, dtype=np.float32)
    return lambda first, out: np.copyto(out, raw[first : first + len(out)])


def _compare(found: Spectrum, expected: Spectrum, name: str) -> None:
    deviation = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not deviation < ALIKE:
        raise SystemExit(f"the {name} differs from that by the compiled kernels by {deviation:.1e} of the peak")


def main() -> None:
    """Time one backend and print Mcplx/s by piece of work as JSON."""
    backend, found = open_backend(sys.argv[1]), {}
    orbit = fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))
    for name, make in {"burst of IW1": _burst, "block of S3": _block}.items():
        work, samples = make(orbit)
        image = work(backend)
        if backend.name != COMPILED:
            _compare(image, work(open_backend(COMPILED)), f"{name} by {backend.name}")
        del image
        begun = time.perf_counter()
        work(backend)
        found[name] = samples / 1e6 / (time.perf_counter() - begun)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
