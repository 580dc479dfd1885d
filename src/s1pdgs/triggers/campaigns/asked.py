"""The words of a campaign, the same on the command line and in the API."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from s1pdgs.model.interval import Interval
from s1pdgs.triggers.campaigns.campaign import PRIORITY, CampaignError, Plan, way_to
from s1pdgs.triggers.campaigns.pins import pin
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.wanted.asked import Time

_MAX_LIST_BYTES = 16 * 1024 * 1024
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")


class CampaignAsked(BaseModel):
    """What to make again and how: `through` are chains before the one that makes the type, `chain` is that one where
    several do, `aux_as_of` or `aux` is the baseline of auxiliary products, `limit` is how many jobs are in the queue at
    once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,60}$")
    type: str = Field(pattern=r"^[A-Z0-9_]{5,20}$")
    start: Time
    stop: Time
    area: str | None = None
    satellite: str | None = None
    through: tuple[str, ...] = ()
    chain: str | None = None
    aux_as_of: Time | None = None
    aux: tuple[str, ...] | None = None
    parameters: dict[str, str] = {}
    priority: int = PRIORITY
    limit: int = 1


def asked_of(words: Mapping[str, Any]) -> CampaignAsked:
    """The campaign that some words tell; `CampaignError` names the word and what would help."""
    try:
        return CampaignAsked.model_validate(words)
    except ValidationError as error:
        first = error.errors()[0]
        word = ".".join(str(part) for part in first["loc"])
        known = ", ".join(sorted(CampaignAsked.model_fields))
        unknown = first["type"] == "extra_forbidden"
        message = f"no such word; the words are {known}" if unknown else first["msg"].removeprefix("Value error, ")
        raise CampaignError(f"{word}: {message}") from None


def plan_of(asked: CampaignAsked, path: Path) -> Plan:
    """What a campaign shall do, with the chains of a file pinned. Raises `CampaignError` or `ChainError`."""
    if asked.stop < asked.start:
        raise CampaignError("stop: it is before start")
    chains = Chains.read(path)
    way = way_to(chains, asked.type, asked.through, asked.chain)
    _check_parameters(chains, way[-1], asked.parameters)
    return Plan(
        name=asked.name,
        type=asked.type,
        time=Interval(asked.start, asked.stop),
        way=way,
        pinned=pin(path, way),
        area=asked.area,
        satellite=asked.satellite,
        as_of=asked.aux_as_of,
        only=asked.aux,
        parameters=asked.parameters,
        priority=asked.priority,
        at_once=asked.limit,
    )


def _check_parameters(chains: Chains, chain: str, parameters: Mapping[str, str]) -> None:
    route = chains.named(chain)
    known = set() if route is None else route.parameters()
    unknown = sorted(set(parameters) - known)
    if unknown:
        told = ", ".join(sorted(known)) or "none"
        raise CampaignError(f"parameters: chain {chain} has no {unknown[0]}; it has {told}")


def read_names(path: Path) -> tuple[str, ...]:
    """The product names of a list, one a line; empty lines and what follows # are left. `CampaignError`."""
    if path.stat().st_size > _MAX_LIST_BYTES:
        raise CampaignError(f"{path}: longer than {_MAX_LIST_BYTES} bytes")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CampaignError(f"{path}: no text file: {error}") from None
    names = []
    for number, line in enumerate(lines, start=1):
        name = line.partition("#")[0].strip()
        if name and not _NAME.match(name):
            raise CampaignError(f"{path}: line {number}: {name[:80]!r} is no product name")
        if name:
            names.append(name)
    if not names:
        raise CampaignError(f"{path}: it names no product")
    return tuple(dict.fromkeys(names))
