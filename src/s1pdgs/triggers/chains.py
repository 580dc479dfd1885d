"""Chains: which products cause which processing, as configuration.

A chain names the products that trigger it, the unit that it processes (a session, a data take, a slice), its task
table and what the task table does not tell: waiting times, limits, fixed parameters. Chains come in a TOML file; ours
is `data/chains.toml`. Task tables lie in `tasktables/` beside the file, or are those shipped with s1pdgs.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from attrs import field, frozen
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from s1pdgs.catalogue.selection import UnknownPolicy, policy_named
from s1pdgs.formats.joborder import ParameterStyle
from s1pdgs.formats.tasktable import Origin, TaskInput, TaskTable, read_task_table
from s1pdgs.formats.xml import FormatError
from s1pdgs.jobs.containers import OURS
from s1pdgs.model.product import Product
from s1pdgs.model.timeliness import Timeliness

SHIPPED = Path(__file__).with_name("data") / "chains.toml"
_TABLES = "tasktables"
_HOUR_S = 3600.0


class ChainError(ValueError):
    """The configuration of chains is wrong; the message names the file, the chain and the key."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wait(_Model):
    """How long an order waits for an optional input: until `after_order_s` since its creation or `after_sensing_s`
    since the sensing stop, whichever comes first (coprs.md section 1.1, point 6).
    """

    input: str
    timeliness: frozenset[Timeliness] = frozenset(Timeliness)
    after_order_s: float = Field(ge=0)
    after_sensing_s: float | None = Field(default=None, ge=0)


class Assembly(_Model):
    """When a data take goes on with gaps: the later of two moments (coprs.md section 5.2), and how long a lone
    polarisation waits for its partner. Data of the timeliness `at_once` waits for nothing: it is assembled from what
    has arrived, and again when more arrives.
    """

    after_sensing_s: float = Field(default=36 * _HOUR_S, ge=0)
    after_order_s: float = Field(default=_HOUR_S, ge=0)
    partner_wait_s: float = Field(default=300.0, ge=0)
    at_once: frozenset[Timeliness] = frozenset({Timeliness.PT, Timeliness.NRT})


class Gate(_Model):
    """Where on the ground a chain processes: at least `percent` of the footprint, and more than nothing, must lie
    inside or outside a mask, chosen by `policy` among the catalogued ones of the type `mask`.
    """

    mask: str = Field(pattern=r"^MSK_[A-Z0-9_]{2,6}$")
    side: Literal["inside", "outside"]
    percent: float = Field(default=0.0, ge=0, le=100)
    policy: str = "LatestValCover"

    @field_validator("policy")
    @classmethod
    def _exists(cls, policy: str) -> str:
        policy_named(policy)
        return policy

    @property
    def wanted(self) -> str:
        """How much must lie there, in words."""
        return f"{self.percent:g} %" if self.percent else "some"

    def __str__(self) -> str:
        return f"{self.wanted} {self.side} {self.mask}"


class ChainLimits(_Model):
    """What one attempt may use; `task_wall_s` is the time of each of its programs."""

    wall_s: float = Field(default=6 * _HOUR_S, gt=0)
    task_wall_s: float | None = Field(default=None, gt=0)
    processes: int | None = Field(default=None, gt=0)
    memory_mb: int | None = Field(default=None, gt=0)
    disk_mb: int | None = Field(default=None, gt=0)


class Chain(_Model):
    """One way of processing. `types` are regular expressions of catalogue types, matched as a whole; `where` are
    attributes that a triggering product must have; products made by the chain itself or by `except_made_by` never
    trigger it. A slice that does not pass all `gates` is not processed, and its order tells why. `ghosts` are sensing
    times (s) by mode: a Level-0 measurement that is shorter is kept aside and told instead of catalogued (coprs.md
    section 5.6). With `container`, the programs of the task table are run in a container of that image; options go to
    the container engine, `--network=NAME` for one.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    unit: Literal["session", "datatake", "slice"]
    types: tuple[str, ...] = Field(min_length=1)
    where: dict[str, bool | int | str] = {}
    satellites: frozenset[str] = frozenset()
    except_made_by: tuple[str, ...] = ()
    task_table: str
    mode: Literal["SLICING", "NON_SLICING"] = "NON_SLICING"
    list_file: str | None = None
    parameter_style: ParameterStyle = ParameterStyle.LISTED
    parameters: dict[str, str] = {}
    station: str = "S1PD"
    timeliness: Timeliness = Timeliness.FAST24
    timeliness_of_content: bool = False
    slice_length_s: float = 0.0
    slice_overlap_s: float = 0.0
    waits: tuple[Wait, ...] = ()
    gates: tuple[Gate, ...] = ()
    assembly: Assembly = Assembly()
    limits: ChainLimits = ChainLimits()
    container: str | None = Field(default=None, pattern=r"^[a-zA-Z0-9][^\s]{0,250}$")
    container_options: tuple[str, ...] = ()
    patterns: dict[str, str] = {}
    ghosts: dict[Literal["SM", "IW", "EW", "WV", "EN", "AN", "RF"], float] = {}
    max_attempts: int = Field(default=3, ge=1)
    give_up_after_s: float = Field(default=7 * 24 * _HOUR_S, gt=0)
    enabled: bool = True

    @field_validator("types")
    @classmethod
    def _compiles(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        for text in types:
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"{text!r} is not a regular expression: {error}") from None
        return types

    @field_validator("container_options")
    @classmethod
    def _leave_ours_alone(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        for option in options:
            if not option.startswith("--") or option.partition("=")[0] in OURS:
                raise ValueError(f"{option!r} is not an option --NAME or --NAME=VALUE, or one that s1pdgs gives itself")
        return options

    @model_validator(mode="after")
    def _gates_have_footprints(self) -> Self:
        if self.gates and self.unit != "slice":
            raise ValueError(f"gates are for slices; a {self.unit} has no one footprint")
        return self

    def wants(self, product: Product) -> bool:
        """True when a product triggers this chain, as far as the product itself tells."""
        return (
            self.enabled
            and any(re.fullmatch(kind, product.type) for kind in self.types)
            and (not self.satellites or product.satellite in self.satellites)
            and all(product.attributes.get(name) == value for name, value in self.where.items())
        )

    def wait_for(self, entry: TaskInput, timeliness: Timeliness) -> Wait | None:
        """The waiting rule of an optional input."""
        return next((wait for wait in self.waits if wait.input == entry.name and timeliness in wait.timeliness), None)


@frozen
class Route:
    """A chain with its task table."""

    chain: Chain
    table: TaskTable

    @property
    def name(self) -> str:
        return self.chain.name

    def parameters(self) -> set[str]:
        """The names of the parameters that the task table or the chain has."""
        return {entry.name for entry in self.table.parameters} | set(self.chain.parameters)

    def takes_type(self, kind: str) -> bool:
        """True when products of a type of the catalogue may trigger the chain."""
        return any(re.fullmatch(text, kind) for text in self.chain.types)

    def inputs(self) -> list[TaskInput]:
        """Inputs of all tasks that apply in the chain's mode, each once."""
        modes = {"ALWAYS", self.chain.mode}
        wanted = (entry for task in self.table.tasks for entry in task.inputs if entry.mode in modes)
        return list(dict.fromkeys(wanted))


@frozen
class Chains:
    """All routes, in the order of the configuration, and the file that they come from."""

    routes: tuple[Route, ...]
    source: Path | None = field(default=None, eq=False)

    @classmethod
    def read(cls, path: Path = SHIPPED) -> Self:
        """The chains of a TOML file with their task tables; `ChainError` names what is wrong and where."""
        try:
            stored = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ChainError(f"{path}: not a TOML file: {error}") from None
        unknown = set(stored) - {"chain"}
        if unknown:
            raise ChainError(f"{path}: unknown table {min(unknown)!r}; chains are given as [[chain]]")
        routes = tuple(_route(entry, path) for entry in stored.get("chain", []))
        names = [route.name for route in routes]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise ChainError(f"{path}: chain {doubled} is given twice")
        return cls(routes, path)

    def named(self, name: str) -> Route | None:
        """The route of a chain, None when the configuration has it no more."""
        return next((route for route in self.routes if route.name == name), None)


def _route(entry: dict[str, Any], path: Path) -> Route:
    name = entry.get("name", "without a name")
    try:
        chain = Chain(**entry)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ChainError(f"{path}: chain {name}: {key}: {first['msg']}") from None
    try:
        table = read_task_table(table_path(chain.task_table, path))
        for alternative in (
            alternative for task in table.tasks for found in task.inputs for alternative in found.alternatives
        ):
            if alternative.origin is Origin.CATALOGUE:
                policy_named(alternative.retrieval_mode)
    except (FormatError, UnknownPolicy) as error:
        raise ChainError(f"{path}: chain {name}: {error}") from error
    route = Route(chain, table)
    _check_waits(route, path)
    return route


def _check_waits(route: Route, path: Path) -> None:
    """Waiting rules are for inputs of the task table."""
    inputs = list(dict.fromkeys(entry.name for task in route.table.tasks for entry in task.inputs))
    unknown = next((wait.input for wait in route.chain.waits if wait.input not in inputs), None)
    if unknown is not None:
        where = f"{path}: chain {route.name}: waits: {route.chain.task_table}"
        raise ChainError(f"{where} has no input {unknown}; it has {', '.join(inputs) or 'none'}")


def table_path(name: str, path: Path) -> Path:
    """Where the task table of a chain of a file lies: beside the file, or among ours; `ChainError`."""
    if Path(name).is_absolute():
        places = [Path(name)]
    else:
        places = [folder / _TABLES / name for folder in (path.parent, SHIPPED.parent)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        looked = " and ".join(str(place) for place in dict.fromkeys(places))
        raise ChainError(f"{path}: task table {name} is missing; looked for {looked}")
    return found
