"""Auxiliary products as a station serves them: folders as zip archives, files as they are or zipped as well."""

import hashlib
import zipfile
from datetime import datetime
from pathlib import Path

from attrs import frozen

from s1pdgs.simulator.station.records import Served

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@frozen
class AuxiliaryFile:
    """One auxiliary product: its name without `.zip`, what is served for it, the MD5 of that and when it came."""

    name: str
    served: Served
    md5: str
    published: datetime


def prepare(path: Path, folder: Path, published: datetime, *, zip_files: bool) -> AuxiliaryFile:
    """Write the archive into `folder` where one is needed, and describe what is served."""
    if path.is_dir() or zip_files:
        archive = folder / f"{path.name}.zip"
        _write_zip(path, archive)
        served = Served(archive.name, archive, archive.stat().st_size, "application/zip")
    else:
        served = Served(path.name, path, path.stat().st_size, "application/octet-stream")
    with served.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return AuxiliaryFile(path.name, served, digest.hexdigest(), published)


def _write_zip(path: Path, archive: Path) -> None:
    """A zip whose bytes depend on its content only."""
    members = sorted(member for member in path.rglob("*") if member.is_file()) if path.is_dir() else [path]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for member in members:
            entry = zipfile.ZipInfo(member.relative_to(path.parent).as_posix(), _ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with member.open("rb") as source, target.open(entry, "w") as sink:
                while chunk := source.read(1 << 20):
                    sink.write(chunk)
