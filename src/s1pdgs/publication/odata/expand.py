"""`$expand=Name(...)`: which of the entities that belong to others are wanted, in what order, and with what of them.

They are read with the entity that they belong to, and are few: so they are chosen here and not by the database (OData
4.01 part 2, section 5.1.3).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.expressions import ITSELF, Names
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.odata.matching import holds, rank, value_of
from s1pdgs.publication.odata.words import flag, natural, order_terms, selected, selected_in_context, split
from s1pdgs.publication.predicate import ALWAYS, Field, Kind, Predicate, nearest


@frozen
class Belonging:
    """What may be asked of entities that belong to others: the names of filter and order, and those of `$select`.

    `are_attributes` tells that they are typed attributes, `many` that they are a collection, `key` what tells one from
    the others.
    """

    names: Names = field(factory=lambda: Names({}))
    selectable: tuple[str, ...] = ()
    are_attributes: bool = False
    many: bool = True
    key: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """The options that may be asked of them: what has no declared properties is paged and counted only."""
        named = ("$filter", "$orderby") if self.names.properties else ()
        of_many = (*named, "$top", "$skip", "$count") if self.many else ()
        return (*of_many, "$select") if self.selectable else of_many

    @classmethod
    def entities(cls, names: Names, selectable: tuple[str, ...], *, many: bool = True) -> "Belonging":
        """Those of an entity set: filters name the properties that are shown, not what belongs to these in turn."""
        shown = {path: one for path, one in names.properties.items() if path.partition("/")[0] in selectable}
        return cls(evolve(names, properties=shown, attributes=False, areas=False), selectable, many=many, key="Id")


ATTRIBUTES = Belonging(
    Names({"Name": Field("Name", Kind.STRING), "ValueType": Field("ValueType", Kind.STRING)}),
    ("Name", "ValueType", "Value"),
    are_attributes=True,
    key="Name",
)


@frozen
class Wanted:
    """What is wanted of one navigation; without options, all of it."""

    predicate: Predicate = ALWAYS
    order: tuple[tuple[Field, bool], ...] = ()
    """Properties, and whether they go down."""
    top: int | None = None
    skip: int = 0
    count: bool = False
    select: frozenset[str] | None = None

    @property
    def selected(self) -> str:
        """The selected properties as addresses of contexts tell them."""
        return "" if self.select is None else selected_in_context(self.select)

    def of(self, name: str, value: Any) -> dict[str, Any]:
        """The members that an entity gets for a navigation: its value, and before it how many there are if asked."""
        if self == ALL:
            return {name: value}
        if not isinstance(value, list):
            return {name: value if value is None else self.shown(value)}
        number, found = self.chosen(value)
        return {**({f"{name}@odata.count": number} if self.count else {}), name: found}

    def chosen(self, value: Sequence[dict[str, Any]]) -> tuple[int, list[dict[str, Any]]]:
        """How many of a collection are meant, and those that are wanted of them."""
        found = [one for one in value if holds(self.predicate, one)]
        for prop, descending in reversed(self.order):
            found.sort(key=lambda one, prop=prop: rank(value_of(prop, one)), reverse=descending)  # type: ignore[misc]
        end = None if self.top is None else self.skip + self.top
        return len(found), [self.shown(one) for one in found[self.skip : end]]

    def shown(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entity with what is wanted of it."""
        if self.select is None:
            return entry
        return {name: value for name, value in entry.items() if name in self.select or name.startswith("@")}


ALL = Wanted()


def read_expand(text: str | None, known: Mapping[str, Belonging], most: int) -> dict[str, Wanted]:
    """The navigations of a `$expand` by name, with at most so many entities of each; raises `QueryError`."""
    wanted: dict[str, Wanted] = {}
    for item in () if text is None else split(text, ","):
        name, opened, options = item.strip().partition("(")
        name = name.strip()
        if name == "*" and not opened:
            wanted = dict.fromkeys(known, ALL) | wanted
            continue
        if name not in known:
            raise QueryError(f"$expand: there is no {name[:100]!r}; {nearest(name, [*known, '*'])}")
        if wanted.get(name, ALL) != ALL:
            raise QueryError(f"$expand: {name} is there twice")
        wanted[name] = _read(name, options.removesuffix(")"), known[name], most) if opened else ALL
    return wanted


def _read(name: str, text: str, belonging: Belonging, most: int) -> Wanted:
    given: dict[str, str] = {}
    for part in split(text, ";"):
        option, _, value = (word.strip() for word in part.partition("="))
        if option not in belonging.options:
            kind = "" if belonging.many else ", which is one entity"
            told = option[:100] or "an option without a name"
            raise QueryError(f"$expand: {told!r} is not supported of {name}{kind}; "
                             f"{nearest(option, list(belonging.options))}")  # fmt: skip
        if option in given:
            raise QueryError(f"$expand: {option} of {name} is given twice")
        given[option] = value
    try:
        return read_wanted(given, belonging, most)
    except QueryError as error:
        raise QueryError(f"$expand of {name}: {error}") from None


def read_wanted(given: Mapping[str, str], belonging: Belonging, most: int) -> Wanted:
    """What options ask of what belongs to others, with at most so many entities; raises `QueryError`."""
    names, text = belonging.names, given.get("$filter")
    variable = ITSELF if belonging.are_attributes else None
    terms = order_terms(given["$orderby"], list(names.properties)) if "$orderby" in given else ()
    return Wanted(
        predicate=ALWAYS if text is None else compile_filter(text, names, variable),
        order=tuple((names.properties[term.field], term.descending) for term in terms),
        top=min(natural("$top", given["$top"]), most) if "$top" in given else None,
        skip=natural("$skip", given.get("$skip", "0")),
        count=flag("$count", given.get("$count", "false")),
        select=selected(given["$select"], belonging.selectable) if "$select" in given else None,
    )
