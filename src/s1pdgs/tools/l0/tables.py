"""Tables written row by row: CSV, JSON lines or Parquet, and a table for people."""

import csv
import importlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.files import atomic_file
from s1pdgs.model.time import format_iso, from_micros
from s1pdgs.tools.l0.columns import Kind
from s1pdgs.tools.l0.errors import ToolError

FORMATS = ("table", "csv", "jsonl", "parquet")
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}

Head = Sequence[tuple[str, Kind]]
"""Names and kinds of the columns."""
Batch = Sequence[NDArray[Any]]
"""One array (n,) for each column; values that are missing are NaN in real columns, None in columns of objects."""


def format_of(output: Path | None, wanted: str | None) -> str:
    """The format asked for, else as the suffix of the output tells; tables for people on the terminal."""
    if wanted is not None:
        return wanted
    if output is None:
        return "table"
    if output.suffix.lower() not in _SUFFIXES:
        raise ToolError(f"{output}: the suffix tells no format; use .csv, .jsonl or .parquet, or give --format")
    return _SUFFIXES[output.suffix.lower()]


def write_table(head: Head, batches: Iterable[Batch], output: Path | None, wanted: str, terminal: TextIO) -> int:
    """Write a table into a file, which appears whole or not at all, or onto the terminal; the number of rows."""
    if output is None:
        if wanted == "parquet":
            raise ToolError("Parquet is for files; name one with --output")
        return _write(wanted, head, batches, terminal)
    with atomic_file(output) as stream:
        if wanted == "parquet":
            return write_parquet(head, batches, stream)
        text = io.TextIOWrapper(stream, "utf-8", newline="")
        count = _write(wanted, head, batches, text)
        text.flush()
        text.detach()
        return count


def write_csv(head: Head, batches: Iterable[Batch], stream: IO[str]) -> int:
    """Comma-separated values with a line of names; times in ISO 8601."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([name for name, _ in head])
    count = 0
    for batch in batches:
        rows = list(zip(*(_plain(values, kind) for values, (_, kind) in zip(batch, head, strict=True)), strict=True))
        writer.writerows(["" if value is None else value for value in row] for row in rows)
        count += len(rows)
    return count


def write_jsonl(head: Head, batches: Iterable[Batch], stream: IO[str]) -> int:
    """One JSON object a line."""
    names = [name for name, _ in head]
    count = 0
    for batch in batches:
        for row in zip(*(_plain(values, kind) for values, (_, kind) in zip(batch, head, strict=True)), strict=True):
            stream.write(json.dumps(dict(zip(names, row, strict=True)), separators=(",", ":")) + "\n")
            count += 1
    return count


def write_parquet(head: Head, batches: Iterable[Batch], stream: BinaryIO) -> int:
    """A Parquet file with a row group for each batch; times are UTC timestamps in microseconds."""
    arrow: Any = needed("pyarrow")
    parquet: Any = needed("pyarrow.parquet")
    types = {
        "integer": arrow.int64(),
        "real": arrow.float64(),
        "text": arrow.string(),
        "time": arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in head])
    count = 0
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches:
            arrays = [
                arrow.array(_raw(values, kind), types[kind]) for values, (_, kind) in zip(batch, head, strict=True)
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            count += len(arrays[0])
    return count


def needed(module: str) -> Any:
    """A library of the extra `tools`; `ToolError` naming the extra when it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise ToolError(f"{name} is not installed; install s1pdgs with its extra: s1pdgs[tools]") from None


def batches_of(rows: Sequence[dict[str, Any]], size: int = 4096) -> tuple[Head, Iterator[Batch]]:
    """Rows with the same keys as columns: integers, reals, texts, and `time` in microseconds."""
    head: list[tuple[str, Kind]] = (
        [(name, _kind(name, [row[name] for row in rows])) for name in rows[0]] if rows else []
    )

    def batches() -> Iterator[Batch]:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield [_column([row[name] for row in part], kind) for name, kind in head]

    return head, batches()


def _column(values: list[Any], kind: Kind) -> NDArray[Any]:
    if kind == "real":
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array(values, object if None in values else None)


def _kind(name: str, values: list[Any]) -> Kind:
    if name == "time":
        return "time"
    if any(isinstance(value, float) for value in values) or all(value is None for value in values):
        return "real"
    return "text" if any(isinstance(value, str) for value in values) else "integer"


def _write(wanted: str, head: Head, batches: Iterable[Batch], stream: IO[str]) -> int:
    if wanted == "csv":
        return write_csv(head, batches, stream)
    if wanted == "jsonl":
        return write_jsonl(head, batches, stream)
    return _write_for_people(head, batches, stream)


def _write_for_people(head: Head, batches: Iterable[Batch], stream: IO[str]) -> int:
    from rich.console import Console  # noqa: PLC0415 - imported when a table is shown
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, kind in head:
        table.add_column(name, justify="right" if kind in ("integer", "real") else "left", no_wrap=True)
    count = 0
    for batch in batches:
        for row in zip(*(_plain(values, kind) for values, (_, kind) in zip(batch, head, strict=True)), strict=True):
            table.add_row(*(_cell(value) for value in row))
            count += 1
    console = Console(file=stream)
    if not console.is_terminal:
        console = Console(file=stream, width=10_000)
    console.print(table)
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _plain(values: NDArray[Any], kind: Kind) -> list[Any]:
    """As JSON and CSV write them."""
    plain: list[Any] = values.tolist()
    if kind == "time":
        return [None if value is None else format_iso(from_micros(value)) for value in plain]
    if kind == "real":
        return [None if value is None or value != value else value for value in plain]  # noqa: PLR0124 - NaN
    return plain


def _raw(values: NDArray[Any], kind: Kind) -> list[Any] | NDArray[Any]:
    return _plain(values, kind) if kind in ("real", "text") or values.dtype == object else values
