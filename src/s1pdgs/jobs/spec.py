"""What a job runs: everything that `s1pdgs execute` needs besides the database and the object store, as one value.

The spec is JSON in the job's row. The job order rests in it as the XML that the processor will read, with file names
relative to the working directory, which only the attempt knows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import asdict, field, frozen

from s1pdgs.formats.joborder import JobOrder, format_job_order, parse_job_order
from s1pdgs.model.time import from_micros, micros
from s1pdgs.model.timeliness import Timeliness

VERSION = 1
OPTIONS = "productionOptions"
"""The attribute of products that stand apart: the parameters by which their making differs from the systematic one."""


class SpecError(ValueError):
    """A stored spec cannot be understood by this version."""


@frozen
class InputFile:
    """One object and where it goes: `place` is relative to the working directory."""

    key: str
    place: str
    size: int
    sha256: str


@frozen
class SpecInput:
    """A product that the job reads."""

    product: str
    type: str
    files: tuple[InputFile, ...]


@frozen
class SpecOutput:
    """A type that the job may make; `pattern` is a regular expression on product names."""

    type: str
    pattern: str
    mandatory: bool


@frozen
class SpecTask:
    """A program of a pool; a task that is not critical may fail without failing the job."""

    name: str
    program: str
    cpus: int = 1
    critical: bool = True


@frozen
class SpecPool:
    """Tasks that run side by side; `killing_signal` asks them to end early."""

    tasks: tuple[SpecTask, ...]
    killing_signal: int = 15


@frozen
class SpecContainer:
    """The image in which all programs run, and options for the container engine."""

    image: str
    options: tuple[str, ...] = ()


@frozen
class Limits:
    """What an attempt may use, None without limit; `free_mb` must be free on the disk before it starts.

    `wall_s` is the time of all its programs together, `task_wall_s` that of each; memory is that of all processes at a
    time, disk that of the working directory, inputs included.
    """

    wall_s: float = 6 * 3600.0
    memory_mb: int | None = None
    disk_mb: int | None = None
    free_mb: int | None = None
    task_wall_s: float | None = None
    processes: int | None = None


@frozen
class JobSpec:
    """One run of a processor.

    `list_file` None means `<working directory name>.LIST`. With `timeliness_of_content` the products tell their own
    timeliness where they can (segments, by packet store); otherwise they carry the job's. `ghosts` are sensing times
    (s) by mode: a Level-0 measurement that is shorter is kept aside instead of catalogued. What a `campaign`
    makes carries its name, and is news though a held product has the same measurements. A job `on_demand` was caused
    by a wish: the parameters by which it differs from what data would cause; what it makes `apart` tells them.
    """

    chain: str
    unit: str
    satellite: str
    order: JobOrder
    inputs: tuple[SpecInput, ...]
    outputs: tuple[SpecOutput, ...]
    pools: tuple[SpecPool, ...]
    t0: datetime
    timeliness: Timeliness
    list_file: str | None = None
    limits: Limits = field(factory=Limits)
    max_attempts: int = 3
    timeliness_of_content: bool = False
    ghosts: Mapping[str, float] = field(factory=dict)
    campaign: str | None = None
    container: SpecContainer | None = None
    on_demand: Mapping[str, str] | None = None
    apart: bool = False


def told_options(parameters: Mapping[str, str]) -> str:
    """Parameters as the attribute `OPTIONS` tells them; empty for none."""
    return "; ".join(f"{name}={value}" for name, value in sorted(parameters.items()))


def to_json(spec: JobSpec) -> dict[str, Any]:
    """The spec as JSON values."""
    return {
        "version": VERSION,
        **asdict(spec, filter=lambda attribute, _value: attribute.name not in {"order", "t0"}),
        "order": format_job_order(spec.order).decode(),
        "t0": micros(spec.t0),
    }


def from_json(stored: dict[str, Any]) -> JobSpec:
    """The inverse of `to_json`; `SpecError` for another version or missing fields."""
    if stored.get("version") != VERSION:
        raise SpecError(f"job spec of version {stored.get('version')!r}; this program reads version {VERSION}")
    try:
        return _read(stored)
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError(f"job spec is damaged: {error!r}") from error


def _read(stored: dict[str, Any]) -> JobSpec:
    return JobSpec(
        chain=stored["chain"],
        unit=stored["unit"],
        satellite=stored["satellite"],
        order=parse_job_order(stored["order"].encode(), "job order of the spec"),
        inputs=tuple(_input(entry) for entry in stored["inputs"]),
        outputs=tuple(SpecOutput(**entry) for entry in stored["outputs"]),
        pools=tuple(_pool(entry) for entry in stored["pools"]),
        t0=from_micros(stored["t0"]),
        timeliness=Timeliness(stored["timeliness"]),
        list_file=stored["list_file"],
        limits=Limits(**stored["limits"]),
        max_attempts=stored["max_attempts"],
        timeliness_of_content=stored["timeliness_of_content"],
        ghosts=stored.get("ghosts", {}),
        container=_container(stored.get("container")),
        campaign=stored.get("campaign"),
        on_demand=stored.get("on_demand"),
        apart=stored.get("apart", False),
    )


def _pool(entry: dict[str, Any]) -> SpecPool:
    return SpecPool(tuple(SpecTask(**task) for task in entry["tasks"]), entry.get("killing_signal", 15))


def _container(entry: dict[str, Any] | None) -> SpecContainer | None:
    return None if entry is None else SpecContainer(entry["image"], tuple(entry["options"]))


def _input(entry: dict[str, Any]) -> SpecInput:
    return SpecInput(entry["product"], entry["type"], tuple(InputFile(**file) for file in entry["files"]))
