"""Copies of a product to break: one thing is changed, everything that speaks of it is made to agree again."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_SIZE, gather_headers, index_packets, pack_headers, packet_faults
from s1pdgs.formats.l0.annot import ANNOTATION_DTYPE, new_annotations, read_annotations, vcids
from s1pdgs.formats.l0.index import INDEX_DTYPE, new_index
from s1pdgs.formats.l0.manifest import DataObject, L0Manifest, MeasurementUnit
from s1pdgs.formats.l0.manifest_reader import read_manifest
from s1pdgs.formats.l0.manifest_writer import write_manifest
from s1pdgs.formats.names import ProductName, manifest_uid
from s1pdgs.tools.l0.packets import sensing_times_us


@attrs.define
class Editable:
    """A product that tests change. `packets`, `records`, `index` and `manifest` change one thing each and reseal."""

    path: Path

    @classmethod
    def copy(cls, product: Path, folder: Path) -> "Editable":
        return cls(Path(shutil.copytree(product, folder / product.name)))

    @property
    def held(self) -> L0Manifest:
        """What its manifest says."""
        return read_manifest(self.path / "manifest.safe")

    def unit(self, polarisation: str = "VV") -> MeasurementUnit:
        return next(unit for unit in self.held.units if unit.polarisation == polarisation)

    def file(self, kind: str, polarisation: str = "VV") -> Path:
        """The `data`, `annotation` or `index` file of a polarisation."""
        return self.path / getattr(self.unit(polarisation), kind).href

    def manifest(self, **changes: object) -> None:
        """Change fields of the manifest."""
        self._write(write_manifest(attrs.evolve(self.held, **changes)))

    def quality(self, polarisation: str = "VV", **changes: int) -> None:
        self.units(lambda unit: attrs.evolve(unit, quality=attrs.evolve(unit.quality, **changes)), polarisation)

    def units(self, change: Callable[[MeasurementUnit], MeasurementUnit], polarisation: str = "VV") -> None:
        """Change one unit of the manifest."""
        held = self.held.units
        self.manifest(units=tuple(change(unit) if unit.polarisation == polarisation else unit for unit in held))

    def text(self, old: str, new: str, count: int = 1) -> None:
        """Replace a text of the manifest, and name the product after the result."""
        data = (self.path / "manifest.safe").read_text()
        assert old in data, old
        self._write(data.replace(old, new, count).encode(), renamed=False)

    def packets(
        self,
        change: Callable[[NDArray[np.void], list[bytes]], NDArray[np.intp] | None],
        polarisation: str = "VV",
        *,
        junk: dict[int, bytes] | None = None,
        count_missing: bool = True,
    ) -> None:
        """Change headers and user data of a measurement in place, or choose packets; annotation and index follow."""
        octets = np.fromfile(self.file("data", polarisation), np.uint8)
        offsets, lengths = index_packets(octets)
        headers = gather_headers(octets, offsets)
        bodies = [
            octets[o + HEADER_SIZE : o + n].tobytes() for o, n in zip(offsets.tolist(), lengths.tolist(), strict=True)
        ]
        records = read_annotations(self.file("annotation", polarisation))
        chosen = change(headers, bodies)
        if chosen is not None:
            headers, records = headers[chosen], records[chosen]
            bodies = [bodies[number] for number in chosen.tolist()]
        heads = pack_headers(headers)
        pieces, starts, position = [], [], 0
        for number, body in enumerate(bodies):
            spoilt = (junk or {}).get(number, b"")
            starts.append(position + len(spoilt))
            pieces += [spoilt, heads[number].tobytes(), body]
            position = starts[-1] + HEADER_SIZE + len(body)
        self.file("data", polarisation).write_bytes(b"".join(pieces))
        times = sensing_times_us(headers)
        fresh = new_annotations(
            sensing_us=times,
            downlink_us=times + 600_000_000,
            packet_lengths=headers["data_length"].astype(np.int64) + 7,
            frames=records["frames"],
            missing_frames=records["missing_frames"],
            vcids=vcids(records),
            channels=records["channel"] >> 6,
        )
        self.file("annotation", polarisation).write_bytes(fresh.tobytes())
        self.file("index", polarisation).write_bytes(new_index(times, np.array(starts), position).tobytes())
        changes = {"elements": headers.size, "corrupted": int(np.count_nonzero(packet_faults(headers)))}
        if count_missing:
            counts = headers["space_packet_count"].astype(np.int64)
            changes["missing"] = int(np.maximum(np.diff(counts) - 1, 0).sum())
        self.quality(polarisation, **changes)
        self.reseal()

    def records(self, change: Callable[[NDArray[np.void]], NDArray[np.void] | None]) -> None:
        """Change the annotations of VV."""
        self._component(self.file("annotation"), ANNOTATION_DTYPE, change)

    def index(self, change: Callable[[NDArray[np.void]], NDArray[np.void] | None]) -> None:
        """Change the index of VV."""
        self._component(self.file("index"), INDEX_DTYPE, change)

    def reseal(self) -> None:
        """Sizes, MD5, bit rates and name as the files are now."""
        held = self.held
        seconds = (held.stop - held.start).total_seconds()
        units = []
        for unit in held.units:
            entries = [None if one is None else self._entry(one) for one in (unit.data, unit.annotation, unit.index)]
            rate = round(8 * entries[0].size / seconds)
            units.append(
                attrs.evolve(unit, data=entries[0], annotation=entries[1], index=entries[2], average_bit_rate_bps=rate)
            )
        self.manifest(units=tuple(units))

    def rename(self, name: str) -> None:
        self.path = self.path.rename(self.path.with_name(name))

    def _component(
        self, path: Path, dtype: np.dtype, change: Callable[[NDArray[np.void]], NDArray[np.void] | None]
    ) -> None:
        values = np.fromfile(path, dtype)
        changed = change(values)
        path.write_bytes((values if changed is None else changed).tobytes())
        self.reseal()

    def _entry(self, entry: DataObject) -> DataObject:
        data = (self.path / entry.href).read_bytes()
        return DataObject(entry.href, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())

    def _write(self, data: bytes, *, renamed: bool = True) -> None:
        (self.path / "manifest.safe").write_bytes(data)
        name = ProductName.parse(self.path.name)
        changes = {"uid": manifest_uid(data)}
        if renamed:
            held = self.held
            changes |= {
                "start": held.start,
                "stop": held.stop,
                "orbit": held.orbit.start_orbit,
                "datatake": held.data_take_id,
                "product_class": held.product_class,
            }
        self.rename(str(attrs.evolve(name, **changes)))
