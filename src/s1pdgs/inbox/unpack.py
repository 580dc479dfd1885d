"""Archives of strangers: unpacked inside a folder, within limits, or refused."""

import lzma
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from attrs import frozen

from s1pdgs.inbox.errors import UnsafeArchive

_CHUNK_BYTES = 1 << 20
_REGULAR = (0, stat.S_IFREG, stat.S_IFDIR)
_ENCRYPTED = 0x1


@frozen
class Limits:
    """How much an archive may unpack to: bytes and files in all, and bytes out for each byte in."""

    max_bytes: int = 8 * 1024**3
    max_files: int = 10_000
    max_ratio: int = 500


def unpack_zip(archive: Path, folder: Path, limits: Limits = Limits()) -> None:
    """Unpack a zip below an existing folder.

    Raises `UnsafeArchive` for anything but a sound zip of regular files with relative paths inside the limits; what
    was written until then is left for the caller to remove.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            _check(archive, opened.infolist(), limits)
            allowed = min(limits.max_bytes, limits.max_ratio * max(archive.stat().st_size, 4096))
            for member in opened.infolist():
                allowed -= _extract(archive, opened, member, folder, allowed)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, UnicodeError) as error:
        raise UnsafeArchive(f"{archive.name} is not a sound zip archive: {error}") from None
    except OSError as error:
        if error.errno is not None:
            raise  # the disk, not the archive
        raise UnsafeArchive(f"{archive.name} is not a sound zip archive: {error}") from None


def _check(archive: Path, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Refuse by the directory of the archive alone, before a byte is written."""
    if len(members) > limits.max_files:
        raise UnsafeArchive(f"{archive.name} holds {len(members)} entries, more than the {limits.max_files} accepted")
    size = archive.stat().st_size
    seen: set[PurePosixPath] = set()
    for member in members:
        path = _safe_path(archive, member.filename)
        if stat.S_IFMT(member.external_attr >> 16) not in _REGULAR:
            raise UnsafeArchive(f"{archive.name}: {member.filename!r} is a link or a device, not a file")
        if member.flag_bits & _ENCRYPTED:
            raise UnsafeArchive(f"{archive.name}: {member.filename!r} is encrypted")
        if not 0 <= member.header_offset < size:
            raise UnsafeArchive(f"{archive.name} is not a sound zip archive: {member.filename!r} lies outside of it")
        if path in seen:
            raise UnsafeArchive(f"{archive.name} holds {member.filename!r} twice")
        seen.add(path)


def _safe_path(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    unsafe = not path.parts or path.is_absolute() or ".." in path.parts or any(sign in name for sign in "\\:\0")
    if unsafe or any(ord(sign) < 32 for sign in name):
        raise UnsafeArchive(f"{archive.name}: the path {name!r} would leave its place")
    return path


def _extract(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, allowed: int) -> int:
    """Write one member; the bytes written. The count is of what comes out, whatever the directory claims."""
    target = folder / _safe_path(archive, member.filename)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    written = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(member) as source, target.open("xb") as sink:
            while chunk := source.read(_CHUNK_BYTES):
                written += len(chunk)
                if written > allowed:
                    raise UnsafeArchive(f"{archive.name} unpacks to more bytes than accepted, at {member.filename!r}")
                sink.write(chunk)
    except (FileExistsError, NotADirectoryError):
        raise UnsafeArchive(f"{archive.name}: {member.filename!r} is both a file and a folder") from None
    return written
