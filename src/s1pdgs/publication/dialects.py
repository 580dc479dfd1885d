"""What SQLite and PostgreSQL say differently: functions on texts and the exact tests of footprints."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import FootprintTests

_LARGEST = (1 << 31) - 1


class Position(FunctionElement[int]):
    """Where a text begins in another, from 1; 0 when it does not. LIKE would ignore case on SQLite."""

    name = "position"
    type = sa.Integer()
    inherit_cache = True


@compiles(Position)
def _instr(element: Position, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(Position, "postgresql")
def _strpos(element: Position, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


class BytewiseRange(FunctionElement[bool]):
    """Whether a text lies between two others in the order of code points, which is that of both databases: an index
    range.
    """

    name = "bytewise_range"
    type = sa.Boolean()
    inherit_cache = True


@compiles(BytewiseRange)
def _bytewise(element: BytewiseRange, compiler: Any, **options: Any) -> str:
    text, first, after = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({text} >= {first} AND {text} < {after})"


class Substring(FunctionElement[str]):
    """The part of a text from a place on, counted from 1; with a length, not more than that."""

    name = "substring"
    type = sa.Text()
    inherit_cache = True


@compiles(Substring)
def _substr(element: Substring, compiler: Any, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)})"


@compiles(Substring, "postgresql")
def _substr_of_integers(element: Substring, compiler: Any, **options: Any) -> str:
    text, *numbers = (compiler.process(clause, **options) for clause in element.clauses)
    fitting = (f"CAST(LEAST(GREATEST({number}, {-_LARGEST}), {_LARGEST}) AS INTEGER)" for number in numbers)
    return f"substr({', '.join((text, *fitting))})"


class ExactTest(FunctionElement[int]):
    """1 where a footprint stands in a relation (`intersects`, `within`) to an area; SQLite only."""

    type = sa.Integer()
    inherit_cache = True


class Intersects(ExactTest):
    name = "s1_intersects"
    inherit_cache = True


class Within(ExactTest):
    name = "s1_within"
    inherit_cache = True


@compiles(ExactTest)
def _exact_test(element: ExactTest, compiler: Any, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


@compiles(ExactTest, "postgresql")
def _no_exact_test(_element: ExactTest, _compiler: Any, **_options: Any) -> str:
    raise QueryError(
        "this catalogue rests on PostgreSQL, which cannot search by area yet; search by time and attributes"
    )


def register_functions(connection: sa.Connection) -> None:
    """Give an SQLite connection the exact footprint tests."""
    if connection.dialect.name == "sqlite":
        tests = FootprintTests()
        driver: Any = connection.connection.driver_connection
        driver.create_function("s1_intersects", 2, tests.intersects, deterministic=True)
        driver.create_function("s1_within", 2, tests.within, deterministic=True)
