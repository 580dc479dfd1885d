"""Zips of products, unpacked with suspicion: nothing outside the folder, no links, no bombs."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from s1pdgs.tools.l0.errors import ToolError

MAX_BYTES = 64 << 30
MAX_ENTRIES = 10_000
MAX_RATIO = 200
_SMALL_BYTES = 16 << 20
_CHUNK = 1 << 20


def unpack(archive: Path, target: Path) -> Path:
    """Unpack a zip of one product into the folder `target`; the product's folder.

    Raises `ToolError` for an archive that is damaged, that would write outside its folder, hold links or unpack to more
    than 64 GiB or 200 times its size, and for one that holds anything but one folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _refuse_hostile(archive, entries)
            top = _top_folder(archive, entries)
            for entry in entries:
                _extract(opened, entry, target / entry.filename, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ToolError(f"{archive}: the zip cannot be read ({error}); download it again") from None
    return target / top


def _refuse_hostile(archive: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ToolError(f"{archive}: {len(entries)} entries are more than the {MAX_ENTRIES} of any product; refused")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
            raise ToolError(f"{archive}: entry {entry.filename!r} would be written outside its folder; refused")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ToolError(f"{archive}: entry {entry.filename!r} is a link; refused")
        if entry.flag_bits & 1:
            raise ToolError(f"{archive}: entry {entry.filename!r} is encrypted; give an archive without a password")
        if entry.file_size > max(_SMALL_BYTES, MAX_RATIO * entry.compress_size):
            raise ToolError(
                f"{archive}: entry {entry.filename!r} would grow from {entry.compress_size} to {entry.file_size} "
                "bytes; refused"
            )
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise ToolError(f"{archive}: {total} bytes unpacked are more than the {MAX_BYTES} of any product; refused")


def _top_folder(archive: Path, entries: list[zipfile.ZipInfo]) -> str:
    tops = {PurePosixPath(entry.filename).parts[0] for entry in entries if entry.filename}
    if len(tops) != 1 or any(len(PurePosixPath(entry.filename).parts) < 2 for entry in entries):
        found = ", ".join(sorted(tops)[:3]) or "nothing"
        raise ToolError(f"{archive}: a zip of a product holds one .SAFE folder; this one holds {found}")
    return tops.pop()


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, archive: Path) -> None:
    """Write one entry, never more than the archive announced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with opened.open(entry) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ToolError(f"{archive}: entry {entry.filename!r} holds more than it announces; refused")
            target.write(chunk)
