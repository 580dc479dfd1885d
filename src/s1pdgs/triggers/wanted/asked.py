"""The words of a wish, the same on the command line, in the API and in a file of wishes.

[[wish]]
type = "IW_GRDH_1S"
datatake = "S1A-021735"
deadline = 2026-01-05T12:00:00Z
at_deadline = "expire"
notify = "https://partner.example.org/told"
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from s1pdgs.catalogue.query import Held
from s1pdgs.catalogue.telling import UnknownDataTake, parse_identifier
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import parse_utc
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.wanted import sources as wanted_sources
from s1pdgs.triggers.wanted.sources import WantedError
from s1pdgs.triggers.wanted.way import Wanted, way_types

MOST = 1000
"""Wishes of one file or request."""
_MAX_FILE_BYTES = 4 * 1024 * 1024


def _time(value: object) -> object:
    """A UTC time, as ISO 8601 or as TOML has it; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            return parse_utc(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time; write it like 2026-01-05T08:00:00Z") from None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    raise ValueError("a time is wanted, like 2026-01-05T08:00:00Z")


Time = Annotated[datetime, BeforeValidator(_time)]


class Asked(BaseModel):
    """What somebody asks for, and of what: a product (`for`), a data take, or what was sensed in a time and area."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: str = Field(pattern=r"^[A-Z0-9_]{5,20}$")
    product: str | None = Field(None, alias="for")
    datatake: str | None = None
    area: str | None = None
    start: Time | None = None
    stop: Time | None = None
    satellite: str | None = None
    parameters: dict[str, str] = {}
    priority: int | None = Field(None, ge=0, le=100)
    again: bool = False
    apart: bool = False
    deadline: Time | None = None
    at_deadline: Literal["proceed", "expire"] = "proceed"
    notify: str | None = None

    @model_validator(mode="after")
    def _tells_one_source(self) -> Self:
        in_time = self.area is not None or self.start is not None or self.stop is not None
        if (self.product is not None) + (self.datatake is not None) + in_time != 1:
            raise ValueError("tell one thing to make it of: for, datatake, or start and stop with any area")
        if in_time and (self.start is None or self.stop is None or self.stop < self.start):
            raise ValueError("an area needs a time: start and stop, the later one last")
        return self

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.type, self.again, self.parameters, self.priority, self.apart)

    def to_json(self) -> dict[str, Any]:
        """The words again."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def asked_of(words: Mapping[str, Any], where: str = "") -> Asked:
    """The wish that some words tell; `WantedError` names the place, the word and what would help."""
    try:
        return Asked.model_validate(words)
    except ValidationError as error:
        first = error.errors()[0]
        word = ".".join(str(part) for part in first["loc"])
        known = f"; the words are {', '.join(sorted(_words()))}" if first["type"] == "extra_forbidden" else ""
        message = f"no such word{known}" if known else first["msg"].removeprefix("Value error, ")
        raise WantedError(": ".join(filter(None, [where, word, message]))) from None


def read_wishes(path: Path) -> list[Asked]:
    """The wishes of a TOML file (`[[wish]]`) or of a JSON file (a list, or an object with the list `wish`);
    `WantedError` names the file, the wish by its number, the word and what would help.
    """
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise WantedError(f"{path}: longer than {_MAX_FILE_BYTES} bytes; order in several files")
    try:
        text = path.read_text(encoding="utf-8")
        stored = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise WantedError(f"{path}: no {'JSON' if path.suffix == '.json' else 'TOML'} file: {error}") from None
    if isinstance(stored, dict) and set(stored) == {"wish"}:
        stored = stored["wish"]
    if not isinstance(stored, list) or not all(isinstance(words, dict) for words in stored) or not stored:
        raise WantedError(f"{path}: wishes are given as [[wish]] tables and nothing else")
    if len(stored) > MOST:
        raise WantedError(f"{path}: {len(stored)} wishes; {MOST} are taken at once")
    return [asked_of(words, f"{path}: wish {number}") for number, words in enumerate(stored, start=1)]


def sources(connection: sa.Connection, chains: Chains, asked: Asked) -> list[list[Held]]:
    """What a wish is made of, in groups. Raises `WantedError`."""
    if asked.product is not None:
        return [wanted_sources.of_product(connection, asked.product)]
    if asked.datatake is not None:
        try:
            number, of_satellite = parse_identifier(asked.datatake)
        except UnknownDataTake as error:
            raise WantedError(str(error)) from None
        return [wanted_sources.of_datatake(connection, number, of_satellite or asked.satellite)]
    assert asked.start is not None  # noqa: S101  the model has looked
    assert asked.stop is not None  # noqa: S101
    shape = None if asked.area is None else wanted_sources.parse_area(asked.area)
    types = way_types(connection, chains, asked.type)
    return wanted_sources.in_area(connection, types, Interval(asked.start, asked.stop), shape, asked.satellite)


def _words() -> list[str]:
    return [info.alias or name for name, info in Asked.model_fields.items()]
