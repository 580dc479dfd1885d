"""Downlinks that went wrong: copies of a good one, changed on purpose."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from s1pdgs.triggers.chains import SHIPPED

CADU_BYTES = 2044


def copy_of(downlink: Path, folder: Path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(downlink, folder)
    return folder


def change_stream(folder: Path, channel: int, change: Callable[[bytearray], None]) -> None:
    """Change the coded frames of a channel as one stream; blocks keep their sizes and get their new checksums."""
    session = json.loads((folder / "session.json").read_text())
    blocks = sorted((b for b in session["files"] if b["channel"] == channel), key=lambda b: b["block"])
    stream = bytearray(b"".join((folder / block["path"]).read_bytes() for block in blocks))
    change(stream)
    start = 0
    for block in blocks:
        part = bytes(stream[start : start + block["size"]])
        (folder / block["path"]).write_bytes(part)
        block["md5"] = hashlib.md5(part, usedforsecurity=False).hexdigest()
        start += block["size"]
    (folder / "session.json").write_text(json.dumps(session))


def flip(stream: bytearray, frame: int, symbols: int) -> None:
    """Damage some symbols in each of the interleaved codewords of a frame."""
    begin = frame * CADU_BYTES + 40
    for index in range(begin, begin + 8 * symbols):
        stream[index] ^= 0x5A


def level_0_chains(folder: Path, program: str | None = None) -> Path:
    """The shipped chains up to Level-0, with another program in place of AIO when given."""
    folder.mkdir()
    shutil.copytree(SHIPPED.parent / "tasktables", folder / "tasktables")
    chains = folder / "chains.toml"
    chains.write_text(SHIPPED.read_text().partition('[[chain]]\nname = "l1-sm"')[0])
    if program is not None:
        table = folder / "tasktables" / "TaskTable.AIOP.xml"
        table.write_text(table.read_text().replace("s1pdgs-aio", program))
    return chains
