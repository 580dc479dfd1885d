"""What lies below an entity: its properties, and the entities that belong to it, each at an address of its own.

Products(<key>)/ContentDate/Start          {"value": ...}
Products(<key>)/Name/$value                text
Products(<key>)/Attributes?$filter=...     the options of $expand; /$count, and ('<key>') for one of them
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response

from s1pdgs.publication.errors import QueryError, UnknownProductError, UnservedError
from s1pdgs.publication.odata.expand import Belonging, read_wanted
from s1pdgs.publication.odata.options import MAX_TOP, given_options
from s1pdgs.publication.odata.route import VERSION, AddRoute, bare, reply
from s1pdgs.publication.predicate import nearest

_STEPS = ("first", "second", "third")
"""As deep as properties lie: `ContentDate/Start/$value`."""
Read = Callable[[Request, str], Any]
"""The JSON of an entity, or of what belongs to it: of a request and a key."""


def add_belonging(add: AddRoute, owner: str, name: str, belonging: Belonging, read: Read) -> None:
    """The routes of what belongs to the entities of a set: a collection, or a single entity."""

    def listing(request: Request, key: str) -> Response:
        """What belongs to one entity."""
        given = given_options(request.query_params.multi_items(), [*belonging.options, "$format"])
        wanted, found = read_wanted(given, belonging, MAX_TOP), read(request, key)
        context = {"@odata.context": f"../$metadata#{owner}({bare(key)})/{name}{wanted.selected}"}
        if isinstance(found, list):
            number, shown = wanted.chosen(found)
            return reply({**context, **({"@odata.count": number} if wanted.count else {}), "value": shown})
        if found is None:
            raise UnknownProductError(f"{owner}({bare(key)[:100]}) has no {name}")
        return reply({**context, **wanted.shown(found)})

    def count(request: Request, key: str) -> Response:
        """How many belong to one entity, as plain text."""
        allowed = ["$format", *(option for option in belonging.options if option == "$filter")]
        given = given_options(request.query_params.multi_items(), allowed)
        number, _ = read_wanted(given, belonging, MAX_TOP).chosen(read(request, key))
        return PlainTextResponse(str(number), headers=VERSION)

    def one(request: Request, key: str, part: str) -> Response:
        """One of those that belong to one entity."""
        given = given_options(request.query_params.multi_items(), ["$select", "$format"])
        value = bare(part, belonging.key)
        found = next((each for each in read(request, key) if each[belonging.key] == value), None)
        if found is None:
            raise UnknownProductError(f"{owner}({bare(key)[:100]}) has no {name} with {belonging.key} {value[:100]!r}")
        wanted = read_wanted(given, belonging, MAX_TOP)
        context = f"../$metadata#{owner}({bare(key)})/{name}{wanted.selected}/$entity"
        return reply({"@odata.context": context, **wanted.shown(found)})

    path = f"/{owner}({{key}})/{name}"
    add(path, listing)
    if belonging.many:
        add(f"{path}/$count", count)
    if belonging.many and belonging.key:
        add(f"{path}({{part}})", one)


def add_properties(add: AddRoute, owner: str, read: Read) -> None:
    """The routes of the properties of the entities of a set."""

    def one(request: Request, key: str) -> Response:
        """A property of one entity."""
        given_options(request.query_params.multi_items(), ["$format"])
        steps = [request.path_params[name] for name in _STEPS if name in request.path_params]
        raw = steps.pop() if steps[-1] in {"$value", "$count"} else None
        value = _at(read(request, key), steps)
        if raw is not None:
            return PlainTextResponse(_count(value) if raw == "$count" else _text(value), headers=VERSION)
        if value is None:
            return Response(status_code=204)
        context = f"{'../' * len(steps)}$metadata#{owner}({bare(key)})/{'/'.join(steps)}"
        return reply({"@odata.context": context, **(value if isinstance(value, dict) else {"value": value})})

    path = f"/{owner}({{key}})"
    for name in _STEPS:
        path += f"/{{{name}}}"
        add(path, one, last=True)


def _at(entity: Mapping[str, Any], steps: list[str]) -> Any:
    found: Any = entity
    for step in steps:
        if step.startswith("$"):
            raise UnservedError(f"{step[:100]} is not served here; $metadata tells what is")
        if not isinstance(found, dict) or step not in found or step.startswith("@"):
            known = [name for name in found if not name.startswith("@")] if isinstance(found, dict) else []
            told = f"; {nearest(step, known)}" if known else ""
            raise UnknownProductError(f"there is no resource {'/'.join(steps)[:100]!r} of an entity{told}")
        found = found[step]
    return found


def _text(value: Any) -> str:
    """A primitive value as text (OData 4.01 part 1, section 11.2.4.1)."""
    match value:
        case bool():
            return str(value).lower()
        case dict() | list():
            raise QueryError("$value is there of single values; ask for the property without it")
        case None:
            raise UnknownProductError("there is no $value: the property is null")
        case _:
            return str(value)


def _count(value: Any) -> str:
    if not isinstance(value, list):
        raise QueryError("$count is there of collections only")
    return str(len(value))
