"""Objects as durable files below a folder."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from s1pdgs.formats.files import sync_directory
from s1pdgs.storage.objects.protocol import (
    CHUNK_BYTES,
    Checksums,
    MissingObject,
    Proof,
    StorageError,
    Tally,
    refuse_other,
    safe_key,
    unproven,
)

_PART = ".part-"
_JUST_MADE_S = 1.0


@frozen
class LocalObjects:
    """`ObjectStore` as durable files below a folder."""

    folder: Path

    def put(self, key: str, chunks: Iterator[bytes], prove: Proof = unproven) -> Checksums:
        path, tally = self.path(key), Tally()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_PART)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH)  # tells that its writer lives
                for chunk in tally.over(chunks, prove):
                    stream.write(chunk)
                stream.flush()
                os.fsync(stream.fileno())
                part.chmod(0o644)
                self._link(part, path, key, tally.sums)
        except OSError as error:
            if error.errno is None:
                raise
            raise StorageError(f"object {key} could not be stored below {self.folder}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        sync_directory(path.parent)
        return tally.sums

    def _link(self, part: Path, path: Path, key: str, sums: Checksums) -> None:
        try:
            os.link(part, path)
        except FileExistsError:
            refuse_other(self, key, sums)

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        try:
            stream = self.path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError):
            raise MissingObject(f"there is no object {key}") from None
        with stream:
            stream.seek(start)
            left = float("inf") if stop is None else stop - start
            while left > 0 and (chunk := stream.read(int(min(CHUNK_BYTES, left)))):
                left -= len(chunk)
                yield chunk

    def size(self, key: str) -> int | None:
        path = self.path(key)
        return path.stat().st_size if path.is_file() else None

    def list(self, prefix: str) -> list[str]:
        found = self.path(prefix).rglob("*")
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in found
            if path.is_file() and not path.name.startswith(_PART)
        )

    def delete(self, prefix: str) -> int:
        path = self.path(prefix)
        if path.is_dir():
            count = len(self.list(prefix))
            shutil.rmtree(path)
            return count
        if path.exists():
            path.unlink()
            return 1
        return 0

    def sign(self, key: str, filename: str, media_type: str) -> str | None:  # noqa: ARG002  it cannot
        return None

    def remove_abandoned(self) -> int:
        return sum(_remove_if_abandoned(part) for part in self.folder.rglob(f"{_PART}*"))

    def check(self) -> None:
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise StorageError(f"objects cannot be kept in {self.folder}: let this user write there, or set data_dir")

    def path(self, key: str) -> Path:
        """Where the object of a key lies."""
        return self.folder / safe_key(key)


def _remove_if_abandoned(part: Path) -> bool:
    try:
        with part.open("rb") as stream:
            if time.time() - part.stat().st_mtime < _JUST_MADE_S:
                return False
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def local_objects(folder: Path) -> LocalObjects:
    """Objects as files below a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return LocalObjects(folder)
