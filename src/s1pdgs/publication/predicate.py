"""Questions about published products as values: OData and STAC both end here, SQL starts here."""

import difflib
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Literal

from attrs import frozen

from s1pdgs.publication.errors import QueryError

Scalar = str | int | float | bool | datetime | None


class Kind(StrEnum):
    """Kinds of values, by the names that typed attributes carry in the catalogue and in OData."""

    STRING = "String"
    INTEGER = "Integer"
    DOUBLE = "Double"
    BOOLEAN = "Boolean"
    TIME = "DateTimeOffset"


KINDS: dict[str, Kind] = {
    "Id": Kind.STRING,
    "Name": Kind.STRING,
    "ContentType": Kind.STRING,
    "ContentLength": Kind.INTEGER,
    "OriginDate": Kind.TIME,
    "PublicationDate": Kind.TIME,
    "ModificationDate": Kind.TIME,
    "EvictionDate": Kind.TIME,
    "Online": Kind.BOOLEAN,
    "ProductionType": Kind.STRING,
    "ContentDate/Start": Kind.TIME,
    "ContentDate/End": Kind.TIME,
    "Collection/Name": Kind.STRING,
    "item": Kind.STRING,
    "type": Kind.STRING,
    "platform": Kind.STRING,
    "mode": Kind.STRING,
    "orbit_state": Kind.STRING,
    "absolute_orbit": Kind.INTEGER,
    "relative_orbit": Kind.INTEGER,
    "datatake": Kind.STRING,
    "timeliness": Kind.STRING,
    "level": Kind.STRING,
    "facility": Kind.STRING,
    "constellation": Kind.STRING,
    "order_status": Kind.STRING,
    "polarisations": Kind.STRING,
}
"""Properties of a published product: those of PRIP by their OData paths, and those that STAC adds."""


@frozen
class Field:
    """A property: of published products one of `KINDS`, of other entity sets one with the kind that they declare."""

    name: str
    declared: Kind | None = None

    @property
    def kind(self) -> Kind:
        return self.declared or KINDS[self.name]


@frozen
class Value:
    """A literal."""

    value: Scalar

    @property
    def kind(self) -> Kind | None:
        """None for null, which compares with everything."""
        match self.value:
            case None:
                return None
            case bool():
                return Kind.BOOLEAN
            case int():
                return Kind.INTEGER
            case float():
                return Kind.DOUBLE
            case datetime():
                return Kind.TIME
            case _:
                return Kind.STRING


@frozen
class Function:
    """A function of `FUNCTIONS` over expressions."""

    name: str
    arguments: tuple["Expression", ...]

    @property
    def kind(self) -> Kind:
        return FUNCTIONS[self.name][1]


@frozen
class Arithmetic:
    """What is made of two numbers; null where a divisor is 0. Whole numbers divide to whole ones, towards 0."""

    operator: Literal["add", "sub", "mul", "div", "mod"]
    left: "Expression"
    right: "Expression"

    @property
    def kind(self) -> Kind:
        return Kind.DOUBLE if Kind.DOUBLE in {self.left.kind, self.right.kind} else Kind.INTEGER


@frozen
class AttributeName:
    """The name of the attribute that an `AnyAttribute` looks at."""

    kind: Kind = Kind.STRING


@frozen
class AttributeValue:
    """The value of the attribute that an `AnyAttribute` looks at, when it is of this kind, else null."""

    kind: Kind


Expression = Field | Value | Function | Arithmetic | AttributeName | AttributeValue

FUNCTIONS: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    "tolower": ((Kind.STRING,), Kind.STRING),
    "toupper": ((Kind.STRING,), Kind.STRING),
    "trim": ((Kind.STRING,), Kind.STRING),
    "length": ((Kind.STRING,), Kind.INTEGER),
    "indexof": ((Kind.STRING, Kind.STRING), Kind.INTEGER),
    "concat": ((Kind.STRING, Kind.STRING), Kind.STRING),
    "substring": ((Kind.STRING, Kind.INTEGER, Kind.INTEGER), Kind.STRING),
    "year": ((Kind.TIME,), Kind.INTEGER),
    "month": ((Kind.TIME,), Kind.INTEGER),
    "day": ((Kind.TIME,), Kind.INTEGER),
    "hour": ((Kind.TIME,), Kind.INTEGER),
    "minute": ((Kind.TIME,), Kind.INTEGER),
    "second": ((Kind.TIME,), Kind.INTEGER),
    "date": ((Kind.TIME,), Kind.TIME),
}
"""Kinds of the arguments and of the result; the last argument of `substring` may be left out."""


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"


@frozen
class Comparison:
    """Two expressions compared; with null, only `eq` and `ne` can be true (OData 4.01 part 2, section 5.1.1.1)."""

    operator: Operator
    left: Expression
    right: Expression


@frozen
class Membership:
    """Whether a value is one of several."""

    item: Expression
    options: tuple[Value, ...]


@frozen
class TextMatch:
    """Whether a text contains, starts or ends with another, or matches a safe pattern (`odata.pattern`)."""

    how: Literal["contains", "startswith", "endswith", "matches"]
    text: Expression
    part: Expression


@frozen
class Spatial:
    """How footprints lie to an area: well-known text of a valid geometry whose parts lie within [-180, 180]."""

    relation: Literal["intersects", "within", "disjoint"]
    area: str
    boxes: tuple[tuple[float, float, float, float], ...]


@frozen
class AnyAttribute:
    """Whether some attribute (of one kind, or of any) meets a condition over `AttributeName` and `AttributeValue`."""

    kind: Kind | None
    condition: "Predicate"


@frozen
class Every:
    parts: tuple["Predicate", ...]


@frozen
class Either:
    parts: tuple["Predicate", ...]


@frozen
class Negation:
    part: "Predicate"


@frozen
class Constant:
    truth: bool


Predicate = Comparison | Membership | TextMatch | Spatial | AnyAttribute | Every | Either | Negation | Constant
ALWAYS = Constant(True)


def terms(predicate: Predicate) -> Iterator[Predicate]:
    """A predicate and all within it."""
    stack: list[Predicate] = [predicate]
    while stack:
        part = stack.pop()
        yield part
        match part:
            case Every(parts) | Either(parts):
                stack.extend(parts)
            case Negation(inner) | AnyAttribute(_, inner):
                stack.append(inner)


def joined(*parts: Predicate) -> Predicate:
    """All of some predicates, without needless nesting."""
    flat = tuple(part for part in parts if part != ALWAYS)
    return flat[0] if len(flat) == 1 else Every(flat)


_NUMBERS = {Kind.INTEGER, Kind.DOUBLE}


def comparable(left: Kind | None, right: Kind | None) -> bool:
    """Whether values of two kinds can be compared."""
    return left is None or right is None or left == right or {left, right} <= _NUMBERS


def checked_text(text: str) -> str:
    """The text itself; `QueryError` when no database could hold it."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise QueryError("a text holds a NUL or an unpaired surrogate, which no product has")
    return text


def checked_integer(value: int) -> int:
    """The number itself; `QueryError` beyond 64 bits."""
    if not -(2**63) <= value < 2**63:
        raise QueryError(f"the number {value} does not fit 64 bits")
    return value


def nearest(name: str, known: list[str]) -> str:
    """Advice on a name that is not known."""
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
