"""What can be fuzzed, and how a reader may refuse."""

import atexit
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from attrs import frozen

from s1pdgs.formats.xml import FormatError

Answer = TypeVar("Answer")


@frozen
class Target:
    """A reader under fire. `seeds` come from our own writers; `run` raises for whatever must not happen.

    `compiled`: kernels take part, so that runs with compiled and bounds-checked kernels make sense; `plain`: they are
    quick enough as plain Python.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    largest: int = 1 << 14
    compiled: bool = False
    plain: bool = True


def answer_or_refusal(read: Callable[[], Answer], *names: str) -> Answer | None:
    """What `read` gives, or None after a refusal that names one of `names` (a file, an offset) and says why."""
    try:
        return read()
    except FormatError as error:
        text = str(error)
        if not text.strip():
            raise AssertionError(f"{error!r} says nothing") from error
        if names and not any(name in text for name in names):
            raise AssertionError(f"the refusal names none of {names}: {text}") from error
        return None


def file_of(data: bytes, name: str) -> Path:
    """A file with these bytes for readers that take a path; the next input takes its place."""
    path = _folder() / name
    path.write_bytes(data)
    return path


@cache
def _folder() -> Path:
    folder = Path(mkdtemp(prefix="s1pdgs-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
