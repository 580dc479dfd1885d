"""The published form of a product: from its files in the store to a zip in the store, with all checksums.

Beside Info-ZIP's `zip` that stores without deflating, with `sha256sum` over what goes in and `sha256sum` and `md5sum`
over what comes out: what an operator's script would do for the same proofs, with a second copy of the zip on disk.
"""

import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.harness import Options, Result, scratch
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.archive import zip_chunks
from s1pdgs.storage.objects import LocalObjects, local_objects

COMMAND = "make bench ARGS=zips"
NAME = "S1A_IW_SLC__1SDV_20200615T120000_20200615T120025_033026_03D35D_1B2C.SAFE"
NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)
MEASUREMENTS, ANNOTATION_BYTES = 6, 1_500_000
_SHELL = (
    "find {name} -type f -print0 | xargs -0 sha256sum >/dev/null && zip -q -r -0 {zip} {name} && sync {zip}"
    " && sha256sum {zip} >/dev/null && md5sum {zip} >/dev/null"
)


def run(options: Options) -> list[Result]:
    folder = scratch() / "zips"
    try:
        return _measured(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(folder: Path, options: Options) -> list[Result]:
    store = local_objects(folder / "objects")
    product = make_product(store, int(options.gigabytes * 1e9))
    megabytes = product.size / 1e6

    def published() -> None:
        store.put(f"published/{NAME}.zip", zip_chunks(store, product))
        store.delete("published")

    def by_hand() -> None:
        subprocess.run(_SHELL.format(name=NAME, zip=folder / "peer.zip"), shell=True, check=True, cwd=store.folder)
        (folder / "peer.zip").unlink()

    contestants: dict[str, Callable[[], None]] = {"s1pdgs": published}
    if shutil.which("zip"):
        contestants["zip"] = by_hand
    cpu, wall = in_turns(contestants, options.rounds)
    bare = statistics.median(_cpu_s(lambda: sum(map(len, zip_chunks(store, product)))) for _ in range(options.rounds))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        _compared("Files in the store to a zip in the store, all checksums", "MB/cpu-s", megabytes, cpu),
        _compared("The same by the clock", "MB/s", megabytes, wall),
        Result("Files to the bytes of a zip, nothing stored", megabytes / bare, "MB/cpu-s", COMMAND),
        Result("Peak memory of the process", peak_mb, "MB", COMMAND),
    ]


def make_product(store: LocalObjects, size: int) -> Product:
    """An IW SLC of random measurements and texts, in the store."""
    files: list[StoredFile] = []

    def add(path: str, chunks: list[bytes]) -> None:
        sums = store.put(f"{NAME}/{path}", iter(chunks))
        files.append(StoredFile(path, sums.size, sums.md5, sums.sha256))

    text = "".join(f"<value>{k * 0.731:.6e}</value>\n" for k in range(ANNOTATION_BYTES // 30)).encode()
    for number in range(MEASUREMENTS):
        add(f"measurement/{number}.tiff", [os.urandom(1 << 20)] * max(size // MEASUREMENTS >> 20, 1))
        add(f"annotation/{number}.xml", [text])
    return Product(NAME, "IW_SLC__1S", "S1A", Interval(NOON, NOON), NOON, NAME, tuple(files), NOON)


def in_turns(contestants: Mapping[str, Callable[[], object]], rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """The medians of CPU and of wall seconds of each, their programs included."""
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            begin = time.perf_counter()
            cpu[name].append(_cpu_s(work))
            wall[name].append(time.perf_counter() - begin)
    return {name: statistics.median(took) for name, took in cpu.items()}, {
        name: statistics.median(took) for name, took in wall.items()
    }


def _cpu_s(work: Callable[[], object]) -> float:
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


def _compared(name: str, unit: str, megabytes: float, seconds: Mapping[str, float]) -> Result:
    rates = {contestant: megabytes / took for contestant, took in seconds.items()}
    return Result(name, rates.pop("s1pdgs"), unit, COMMAND, rates)
