"""A Level-0 product on disk: measurement, annotation and index components, schemas and manifest, all or nothing."""

import hashlib
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.files import land_folder, sync_directory
from s1pdgs.formats.l0.annot import sensing_times_us
from s1pdgs.formats.l0.index import BLOCK_PACKETS, WAVE_BLOCK_PACKETS, new_index
from s1pdgs.formats.l0.manifest import DataObject, L0Manifest, MeasurementQuality, MeasurementUnit
from s1pdgs.formats.l0.manifest_writer import write_manifest
from s1pdgs.formats.names import ProductName, manifest_uid
from s1pdgs.model.time import format_compact

MANIFEST_NAME = "manifest.safe"
SCHEMA_NAMES = ("s1-level-0.xsd", "s1-level-0-annot.xsd", "s1-level-0-index.xsd")


class MeasurementFile:
    """A measurement component being written: packets back to back, size and MD5 known when it is closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self._stream = path.open("wb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        """Append octets."""
        view = memoryview(data)
        while view:
            view = view[self._stream.write(view) :]
        self._digest.update(data)
        self.size += len(data)

    def close(self) -> None:
        """Make the octets durable."""
        if not self._stream.closed:
            os.fsync(self._stream.fileno())
            self._stream.close()

    @property
    def md5(self) -> str:
        return self._digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.close()


@frozen(eq=False)
class MeasurementContent:
    """One polarisation of a product to be: a closed measurement file (moved into the product) and what is known of it.

    `annotations` (n,) of `ANNOTATION_DTYPE` and `byte_offsets` int64 (n,) describe its packets; products of class A
    have neither.
    """

    polarisation: str
    packet_store_id: int
    quality: MeasurementQuality
    path: Path
    size: int
    md5: str
    annotations: NDArray[np.void] | None = None
    byte_offsets: NDArray[np.int64] | None = None


def write_product(folder: Path, header: L0Manifest, contents: Sequence[MeasurementContent], polarisation: str) -> str:
    """Make a product in `folder` and return its name; nothing is left behind when that fails.

    `header` is the manifest without its units; `polarisation` the two letters of the name (`SV`, `DH`, `VH` ...). The
    measurement files must lie on the file system of `folder`.
    """

    def fill(partial: Path) -> str:
        ordered = sorted(contents, key=lambda content: content.polarisation)
        units = [_write_unit(partial, header, content) for content in ordered]
        _write_schemas(partial)
        manifest = write_manifest(attrs.evolve(header, units=tuple(units)))
        _write(partial / MANIFEST_NAME, manifest)
        return str(_product_name(header, polarisation, manifest_uid(manifest)))

    return land_folder(folder, fill)


def component_stem(header: L0Manifest, polarisation: str) -> str:
    """The file name of a measurement without its ending: `s1a-iw-raw-s-vh-<start>-<stop>-<orbit>-<data take>`."""
    start, stop = (format_compact(moment) for moment in (header.start, header.stop))
    mode = header.swath or header.mode
    parts = (header.satellite, mode, "raw", header.product_class, polarisation, start, stop)
    return f"{'-'.join(parts)}-{header.orbit.start_orbit:06d}-{header.data_take_id:06x}".lower()


def _write_unit(folder: Path, header: L0Manifest, content: MeasurementContent) -> MeasurementUnit:
    stem = component_stem(header, content.polarisation)
    content.path.replace(folder / f"{stem}.dat")
    annotation = index = None
    if content.annotations is not None and content.byte_offsets is not None:
        annotation = _write(folder / f"{stem}-annot.dat", content.annotations.view(np.uint8).data)
        block = WAVE_BLOCK_PACKETS if header.mode == "WV" else BLOCK_PACKETS
        times = sensing_times_us(content.annotations)
        records = new_index(times, content.byte_offsets, content.size, block)
        index = _write(folder / f"{stem}-index.dat", records.tobytes())
    duration_s = (header.stop - header.start).total_seconds()
    return MeasurementUnit(
        polarisation=content.polarisation,
        packet_store_id=content.packet_store_id,
        average_bit_rate_bps=round(8 * content.size / duration_s) if duration_s > 0 else 0,
        quality=content.quality,
        data=DataObject(f"{stem}.dat", content.size, content.md5),
        annotation=annotation,
        index=index,
    )


def _write_schemas(folder: Path) -> None:
    support = folder / "support"
    support.mkdir()
    for name in SCHEMA_NAMES:
        _write(support / name, files("s1pdgs.formats.l0").joinpath("schemas", name).read_bytes())
    sync_directory(support)


def _write(path: Path, data: bytes | memoryview) -> DataObject:
    with MeasurementFile(path) as stream:
        stream.write(data)
    return DataObject(path.name, stream.size, stream.md5)


def _product_name(header: L0Manifest, polarisation: str, uid: str) -> ProductName:
    return ProductName(
        satellite=header.satellite,
        mode=header.swath or header.mode,
        kind="RAW",
        resolution="_",
        level=0,
        product_class=header.product_class,
        polarisation=polarisation,
        start=header.start,
        stop=header.stop,
        orbit=header.orbit.start_orbit,
        datatake=header.data_take_id,
        uid=uid,
    )
