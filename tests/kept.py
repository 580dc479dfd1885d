"""Expensive things that tests start from, made once: simulated downlinks, slices, products of our processors.

They lie below `.cache/tests` under a key of all that they are made from: the source of the simulator, the processors,
the formats and the physics, the files of the tests that make them, the versions of all packages, and named values.
"""

import atexit
import fcntl
import hashlib
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TypeVar

import s1pdgs

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "tests"
UNUSED_S = 3600.0
"""Others may still read what was made from another source; after so long they do not."""
_STARTED_S = time.time()

T = TypeVar("T")


def kept(name: str, make: Callable[[Path], T], *values: object) -> T:
    """What `make` gives for an empty folder, whose files must not be changed; it may be pickled. `values` are what it
    depends on beside source. The first worker of pytest-xdist that asks makes it, the others wait.
    """
    sources = [*_sources(), *_helpers(Path(make.__code__.co_filename))]
    if any(path.stat().st_mtime > _STARTED_S for path in sources):  # this process may run what was there before
        return make(_passing())
    place = CACHE / name / _key(sources, *values)
    result, files = place / "result.pickle", place / "files"
    with locked(CACHE / f"{name}.lock"):
        if result.exists():
            state, made = pickle.loads(result.read_bytes())
            if state == _state(files):
                os.utime(result)
                return made  # type: ignore[no-any-return]
        _remove_outdated(place)
        files.mkdir(parents=True)
        made = make(files)
        result.write_bytes(pickle.dumps((_state(files), made)))
        return made  # type: ignore[no-any-return]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time, also among the workers of pytest-xdist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@cache
def _sources() -> tuple[Path, ...]:
    """What simulator and processors consist of (pyproject.toml holds them to it)."""
    package = Path(s1pdgs.__file__).parent
    rooms = (package / room for room in ("simulator", "processors", "formats", "sar", "model"))
    found = (path for room in rooms for path in room.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return (package / "__init__.py", *sorted(found))


@cache
def _helpers(maker: Path) -> tuple[Path, ...]:
    """The file that makes, and what is no test beside and above it."""
    folders = [folder for folder in maker.parents if folder.is_relative_to(ROOT / "tests")]
    beside = {path for folder in folders for path in folder.glob("*.py") if not path.name.startswith("test_")}
    return tuple(sorted(beside | {maker}))


def source_key(*values: object) -> str:
    """A name for simulator, processors and values."""
    return _key(_sources(), *values)


def _key(sources: Iterable[Path], *values: object) -> str:
    digest = hashlib.sha256(repr((ROOT, sys.version, _packages(), values)).encode())
    for path in sources:
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _packages() -> tuple[str, ...]:
    return tuple(sorted(f"{one.name} {one.version}" for one in distributions()))


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """The files of a folder with sizes and times, so that one that somebody changed is seen."""
    found = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found]


def _remove_outdated(place: Path) -> None:
    for other in place.parent.glob("*"):
        used = other / "result.pickle"
        if other == place or not used.exists() or used.stat().st_mtime < time.time() - UNUSED_S:
            shutil.rmtree(other)


@cache
def _temporary() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="passing-", dir=CACHE))
    atexit.register(shutil.rmtree, folder)
    return folder


def _passing() -> Path:
    return Path(tempfile.mkdtemp(dir=_temporary()))
