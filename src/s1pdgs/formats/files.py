"""Files and folders that appear whole or not at all: write to a temporary name, fsync, rename."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error; else nothing is left."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_file(path) as stream:
        stream.write(data)


def land_folder(parent: Path, fill: Callable[[Path], str]) -> str:
    """Let `fill` make the files of a folder and name it: it takes the place of one of that name in `parent` when all of
    it is there; else nothing is left. The files themselves are to be durable. Returns the name.
    """
    partial = parent / f".{uuid4().hex}.part"
    partial.mkdir()
    try:
        name = fill(partial)
        sync_directory(partial)
        if (parent / name).exists():
            shutil.rmtree(parent / name)
        partial.rename(parent / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_directory(parent)
    return name


def sync_directory(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
