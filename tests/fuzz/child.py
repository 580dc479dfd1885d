"""One target in one process: `python -m tests.fuzz.child TARGET ENGINE FOLDER SECONDS RUNS SEED`.

`coverage` is atheris (libFuzzer); `random` needs nothing. Either writes the input of a finding to FOLDER/findings and
ends with a traceback; the engine's own last lines tell how many inputs were tried.
"""

import faulthandler
import hashlib
import os
import re
import resource
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz.target import Target

HANG_S = 30
PLAIN_HANG_S = 300
COMPILATION_S = 600
MEMORY_MB = 2048
_WORDS = re.compile(rb"[A-Za-z_]{3,40}")


def main() -> None:
    name, engine, folder, seconds, runs, first = sys.argv[1:]
    place = Path(folder)
    (place / "findings").mkdir(parents=True, exist_ok=True)
    if engine == "coverage":
        _fuzz(name, place, float(seconds), int(runs))
    else:
        _try_random(name, place, float(seconds), int(runs), int(first))


def _hang_s(target: "Target") -> int:
    """Kernels in plain Python take thousands of times as long, and the largest packet is no hang."""
    return PLAIN_HANG_S if target.compiled and "NUMBA_DISABLE_JIT" in os.environ else HANG_S


def _try_random(name: str, place: Path, seconds: float, runs: int, first: int) -> None:
    from tests.fuzz.mutation import mutated  # noqa: PLC0415 - after the environment is settled
    from tests.fuzz.registry import target_of  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB << 20,) * 2)
    target = target_of(name)
    corpus = [path.read_bytes() for path in sorted((place / "corpus").iterdir())]
    random = Random(first)
    last = os.open(place / "last", os.O_RDWR | os.O_CREAT | os.O_TRUNC)  # for crashes that leave no time to tell
    begin, done = time.monotonic(), -len(corpus)
    while done < 0 or (done < runs and time.monotonic() < begin + seconds):
        if done % 64 == 0 or done < 0:
            faulthandler.dump_traceback_later(_hang_s(target) if done >= 0 else COMPILATION_S, exit=True)
        if done < 0:
            data = corpus[done]
        else:
            data = mutated(random.choice(corpus), random.choice(corpus), random, target.largest)
        os.ftruncate(last, os.pwrite(last, data, 0))
        try:
            target.run(data)
        except BaseException:
            finding = place / "findings" / f"crash-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"
            finding.write_bytes(data)
            print(f"finding: {finding}", file=sys.stderr)
            raise
        done += 1
        if done == 0:
            begin = time.monotonic()
    faulthandler.cancel_dump_traceback_later()
    print(f"stat::number_of_executed_units: {done}", flush=True)


def _fuzz(name: str, place: Path, seconds: float, runs: int) -> None:
    import atheris  # noqa: PLC0415 - only this engine needs it

    with atheris.instrument_imports(include=["s1pdgs.formats", "s1pdgs.model"]):
        from tests.fuzz.registry import target_of  # noqa: PLC0415

        target = target_of(name)
    words = {word for path in (place / "corpus").iterdir() for word in _WORDS.findall(path.read_bytes())}
    dictionary = place / "words.dict"
    dictionary.write_text("".join(f'"{word.decode()}"\n' for word in sorted(words)[:400]))
    arguments = [
        sys.argv[0],
        f"-max_total_time={max(int(seconds), 1)}",
        f"-runs={runs}",
        f"-max_len={target.largest}",
        f"-timeout={_hang_s(target)}",
        f"-report_slow_units={_hang_s(target)}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={place / 'findings'}{os.sep}",
        *([f"-dict={dictionary}"] if words else []),
        "-print_final_stats=1",
        "-verbosity=1",
        str(place / "corpus"),
    ]
    atheris.Setup(arguments, target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
