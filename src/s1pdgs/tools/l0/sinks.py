"""Where arrays go that are larger than memory: an npz file or a Zarr store, written block by block."""

import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.files import atomic_file, sync_directory
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.tables import needed

CHUNK_LINES = 256


class Sink(Protocol):
    """Takes arrays by name (`VV/IW1/echo/samples`), whole or in blocks of `CHUNK_LINES` lines."""

    def write(
        self,
        name: str,
        dimensions: tuple[str, ...],
        array: NDArray[Any] | tuple[tuple[int, ...], np.dtype[Any], Iterable[NDArray[Any]]],
    ) -> None:
        """Write an array, or shape, dtype and blocks of lines of one."""

    def describe(self, group: str, attributes: Mapping[str, Any]) -> None:
        """Note attributes of a group of arrays."""


@contextmanager
def open_sink(output: Path) -> Iterator[Sink]:
    """A sink that appears as `output` when the block ends without an error, else not at all.

    Raises `ToolError` for a suffix other than .npz and .zarr, and for a store that exists.
    """
    if output.suffix == ".npz":
        with atomic_file(output) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            yield _Npz(archive)
    elif output.suffix == ".zarr":
        if output.exists():
            raise ToolError(f"{output}: exists; remove it or name another")
        partial = output.with_name(f".{output.name}.{uuid4().hex}.part")
        zarr: Any = needed("zarr")
        try:
            yield _Zarr(zarr.open_group(partial, mode="w-", zarr_format=3))
            partial.rename(output)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_directory(output.absolute().parent)
    else:
        raise ToolError(f"{output}: samples go into a .npz file or a .zarr store")


class _Npz:
    """Arrays as members of a zip, as numpy.load reads them; attributes as a JSON text."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(
        self,
        name: str,
        dimensions: tuple[str, ...],  # noqa: ARG002 - npz knows no names of dimensions
        array: NDArray[Any] | tuple[tuple[int, ...], np.dtype[Any], Iterable[NDArray[Any]]],
    ) -> None:
        shape, dtype, blocks = array if isinstance(array, tuple) else (array.shape, array.dtype, (array,))
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with self._archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_2_0(stream, header)
            for block in blocks:
                stream.write(np.ascontiguousarray(block, dtype).tobytes())

    def describe(self, group: str, attributes: Mapping[str, Any]) -> None:
        self.write(f"{group}/attributes", (), np.array(json.dumps(attributes)))


class _Zarr:
    """Arrays of a Zarr (version 3) store with names of dimensions; times by the CF conventions."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def write(
        self,
        name: str,
        dimensions: tuple[str, ...],
        array: NDArray[Any] | tuple[tuple[int, ...], np.dtype[Any], Iterable[NDArray[Any]]],
    ) -> None:
        shape, dtype, blocks = array if isinstance(array, tuple) else (array.shape, array.dtype, (array,))
        attributes = {}
        if dtype.kind == "M":
            attributes = {"units": "nanoseconds since 1970-01-01T00:00:00", "calendar": "proleptic_gregorian"}
            dtype, blocks = np.dtype(np.int64), (np.asarray(block).astype(np.int64) for block in blocks)
        chunks = tuple(
            max(size, 1) for size in (min(shape[0], CHUNK_LINES if len(shape) > 1 else shape[0]), *shape[1:])
        )
        target = self._root.create_array(
            name, shape=shape, dtype=dtype, chunks=chunks, dimension_names=dimensions, attributes=attributes
        )
        line = 0
        for block in blocks:
            target[line : line + len(block)] = block
            line += len(block)

    def describe(self, group: str, attributes: Mapping[str, Any]) -> None:
        self._root.require_group(group).attrs.update(dict(attributes))
