"""LIST files: a processor names its outputs in one, a path relative to the working directory on each line.

The file is `AIOProc.LIST` for the session processor, `L0ASProcList.LIST` for the assembly, and `<working directory
name>.LIST` for all others (coprs.md section 1.2).
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.xml import FormatError

AIO_LIST = "AIOProc.LIST"
ASP_LIST = "L0ASProcList.LIST"

MAX_BYTES = 4 * 1024 * 1024
MAX_ENTRIES = 20_000
_MAX_PATH_CHARS = 1024
_MAX_NAME_BYTES = 255


class ListFileError(FormatError):
    """A LIST file cannot be trusted; the message names the file and the line."""


def list_file_name(workdir: Path) -> str:
    """The LIST file of processors that have no name of their own for it."""
    return f"{workdir.name}.LIST"


def write_list(path: Path, entries: Iterable[str]) -> None:
    """Write a LIST file atomically; `ListFileError` for an entry that is not a path inside the working directory."""
    checked = [_checked(entry, str(path), number) for number, entry in enumerate(entries, start=1)]
    write_atomic(path, "".join(f"{entry}\n" for entry in checked).encode())


def read_list(path: Path) -> list[str]:
    """The entries of a LIST file in order, each once; blank lines are passed over.

    Raises `ListFileError` naming the line for absolute paths, `..`, control characters, a file that is not text, or
    one beyond `MAX_BYTES` or `MAX_ENTRIES`.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ListFileError(f"{path}: {path.stat().st_size} bytes are more than the {MAX_BYTES} of a LIST file")
    try:
        lines = path.read_bytes().decode().splitlines()
    except UnicodeDecodeError as error:
        raise ListFileError(f"{path}: not UTF-8 text at byte {error.start}") from None
    if len(lines) > MAX_ENTRIES:
        raise ListFileError(f"{path}: {len(lines)} lines are more than the {MAX_ENTRIES} of a LIST file")
    entries = [_checked(line, str(path), number) for number, line in enumerate(lines, start=1) if line.strip()]
    return list(dict.fromkeys(entries))


def _checked(line: str, source: str, number: int) -> str:
    entry = line.strip().rstrip("/")
    while entry.startswith("./"):
        entry = entry[2:]
    problem = None
    if not entry or entry == ".":
        problem = "names no output"
    elif entry.startswith("/") or "\\" in entry:
        problem = "is not relative to the working directory"
    elif ".." in PurePosixPath(entry).parts:
        problem = "leaves the working directory"
    elif entry != entry.strip():
        problem = "begins or ends with white space"
    elif any(len(part.encode()) > _MAX_NAME_BYTES for part in entry.split("/")):
        problem = f"has a name of more than {_MAX_NAME_BYTES} bytes"
    elif len(entry) > _MAX_PATH_CHARS or any(ord(char) < 0x20 or ord(char) == 0x7F for char in entry):
        problem = "is too long or holds control characters"
    if problem is not None:
        raise ListFileError(f"{source}, line {number}: {line[:200]!r} {problem}")
    return entry
