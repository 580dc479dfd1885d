"""Workflows: the types that may be ordered, each made by a chain, with the options that the one who orders decides.

Options are the dynamic parameters of the chain's task table that neither the unit nor the mode tells; their defaults
are those of the chain, else of the task table.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from attrs import frozen

from s1pdgs.publication.errors import QueryError, UnknownProductError
from s1pdgs.publication.predicate import nearest
from s1pdgs.triggers.chains import Chains, Route
from s1pdgs.triggers.parameters import FACTS
from s1pdgs.triggers.segments import SESSION
from s1pdgs.triggers.types import catalogue_types
from s1pdgs.triggers.wanted.way import feeders_of, is_of_mode, makers_of, outputs_of

_NAMESPACE = uuid.UUID("1b9a4b8c-3a0e-5f6f-9a3b-6b0f7d0c5e11")
_MOST_CHARACTERS = 200


@frozen
class Option:
    """What may be chosen of a workflow; `kind` is `string`, `number` or `datenumber` (digits, YYYYMMDD and on)."""

    name: str
    kind: str
    default: str


@frozen
class Workflow:
    """A way to a type, named by it as task tables do (`SM_SLC__1S` is that of all StripMap swaths). `inputs` are the
    types of the catalogue that it starts from, `outputs` those that it makes; `id` is the same on every system.
    """

    id: str
    name: str
    chain: str
    version: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: tuple[Option, ...]

    def option(self, name: str) -> Option:
        """Raises `QueryError`."""
        found = next((option for option in self.options if option.name == name), None)
        if found is None:
            known = nearest(name, [option.name for option in self.options]) if self.options else "it has none"
            raise QueryError(f"workflow {self.name} has no option {name[:100]!r}; {known}")
        return found

    def chosen(self, given: Iterable[tuple[str, object]]) -> dict[str, str]:
        """Values as they stand in a job order, by name. Raises `QueryError` for an unknown name, one given twice and a
        value of the wrong type.
        """
        found: dict[str, str] = {}
        for name, value in given:
            option = self.option(name)
            if name in found:
                raise QueryError(f"option {name} is given twice")
            found[name] = _text_of(option, value)
        return found

    def departures(self, chosen: Mapping[str, str]) -> dict[str, str]:
        """Those of some chosen values that differ from the defaults."""
        return {name: text for name, text in chosen.items() if not _is_default(self.option(name), text)}


PRODUCT_ORDER = Workflow(
    id=str(uuid.uuid5(_NAMESPACE, "ProductOrder")),
    name="ProductOrder",
    chain="the archive",
    version="1.0",
    description="brings a published product back that is offline",
    inputs=(),
    outputs=(),
    options=(),
)
"""The process by which OGC API Processes order what exists (peers.md, section 3.0); nothing is made."""


def workflows_of(chains: Chains, types: Sequence[str]) -> tuple[Workflow, ...]:
    """What may be ordered: each type that a chain leaves in the catalogue and that one of some patterns matches."""
    patterns = [re.compile(pattern) for pattern in types]
    made = sorted({output for route in chains.routes for output in outputs_of(route)})
    return tuple(_workflow(chains, kind) for kind in made if any(pattern.fullmatch(kind) for pattern in patterns))


def workflow_of(workflows: Iterable[Workflow], identity: str | None, name: str | None) -> Workflow:
    """The workflow of an identifier, a name or both. Raises `QueryError`, `UnknownProductError` for unknown ones."""
    if identity is None and name is None:
        raise QueryError("WorkflowId or WorkflowName is missing; the entity set Workflows lists both")
    for workflow in workflows:
        if identity in (None, workflow.id) and name in (None, workflow.name):
            return workflow
    told = " and ".join(
        f"{key} {value[:100]!r}" for key, value in (("Id", identity), ("Name", name)) if value is not None
    )
    raise UnknownProductError(f"there is no workflow of {told}; the entity set Workflows lists those that there are")


def _workflow(chains: Chains, kind: str) -> Workflow:
    route = makers_of(chains, kind)[0]
    inputs = _inputs(chains, route, kind)
    return Workflow(
        id=str(uuid.uuid5(_NAMESPACE, kind)),
        name=kind,
        chain=route.name,
        version=route.table.version,
        description=f"{route.table.processor_name} {route.table.version} makes {kind} of {', '.join(inputs)}",
        inputs=inputs,
        outputs=tuple(catalogue_types(kind, None)),
        options=_options(route),
    )


def _inputs(chains: Chains, route: Route, wanted: str) -> tuple[str, ...]:
    """The types that the route to a type and those before it start from: what it takes itself first."""
    known = [kind for each in chains.routes for made in outputs_of(each) for kind in catalogue_types(made, None)]
    known = [*dict.fromkeys(known), SESSION]
    routes = [route]
    for each in routes:
        routes.extend(before for before in feeders_of(chains, each) if before not in routes)
    taken = dict.fromkeys(kind for each in routes for kind in known if each.takes_type(kind))
    return tuple(kind for kind in taken if is_of_mode(wanted, kind))


def _options(route: Route) -> tuple[Option, ...]:
    of_chain = route.chain.parameters
    of_table = {entry.name: (_kind_of(entry.kind), entry.default) for entry in route.table.parameters}
    known = of_table | {name: (of_table.get(name, ("string", ""))[0], value) for name, value in of_chain.items()}
    return tuple(Option(name, kind, default) for name, (kind, default) in known.items() if name not in FACTS)


def _kind_of(told: str) -> str:
    return told.lower() if told.lower() in {"number", "datenumber"} else "string"


def _text_of(option: Option, value: object) -> str:
    """A value as it stands in a job order."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = value if isinstance(value, str) else str(value) if is_number and option.kind != "string" else None
    if text is None:
        raise QueryError(f"option {option.name} is a {option.kind}, not {_shown(value)}")
    if len(text) > _MOST_CHARACTERS or not text.isprintable():
        raise QueryError(f"option {option.name} is longer than {_MOST_CHARACTERS} characters, or not of text")
    if option.kind != "string" and not _is_of_kind(text, option.kind):
        raise QueryError(f"option {option.name} is a {option.kind}, not {_shown(value)}")
    return text


def _is_of_kind(text: str, kind: str) -> bool:
    if kind == "datenumber":
        return text.isascii() and text.isdigit() and 8 <= len(text) <= 20
    return _number(text) is not None


def _is_default(option: Option, text: str) -> bool:
    if option.kind == "number":
        return _number(text) == _number(option.default)
    return text == option.default


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _shown(value: object) -> str:
    return repr(value)[:100]
