"""What SQLite and PostgreSQL say differently: functions on texts and the exact tests of footprints."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import FootprintTests
from s1pdgs.publication.odata.pattern import matches

_LARGEST = (1 << 31) - 1
_CONDITION: Any = sa.types.NullType()  # a Boolean would be compared with 1 on SQLite, which then uses no index for it


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


class _CalendarPart(FunctionElement[int]):
    """The year, month or day of a time in seconds since 1970."""

    type = sa.BigInteger()
    inherit_cache = True
    strftime: str


class Year(_CalendarPart):
    name = "year"
    inherit_cache = True
    strftime = "%Y"


class Month(_CalendarPart):
    name = "month"
    inherit_cache = True
    strftime = "%m"


class Day(_CalendarPart):
    name = "day"
    inherit_cache = True
    strftime = "%d"


@compiles(_CalendarPart)
def _strftime(element: _CalendarPart, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"CAST(strftime('{element.strftime}', {seconds}, 'unixepoch') AS INTEGER)"


@compiles(_CalendarPart, "postgresql")
def _extract(element: _CalendarPart, compiler: Any, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"CAST(EXTRACT({element.name} FROM to_timestamp({seconds}) AT TIME ZONE 'UTC') AS BIGINT)"


class Matches(FunctionElement[bool]):
    """Whether a text holds a match of a pattern that `odata.pattern` wrote."""

    name = "matches"
    type = _CONDITION
    inherit_cache = True


@compiles(Matches)
def _re2(element: Matches, compiler: Any, **options: Any) -> str:
    return f"(s1_matches({compiler.process(element.clauses, **options)}) = 1)"


@compiles(Matches, "postgresql")
def _posix(element: Matches, compiler: Any, **options: Any) -> str:
    text, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({text} ~ {pattern})"


def prepare_patterns(connection: sa.Connection) -> None:
    """Make `Matches` possible on a connection."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.create_function("s1_matches", 2, matches, deterministic=True)


class Unindexed(FunctionElement[str]):
    """A column whose index SQLite, which knows nothing of what is in it, should not begin with."""

    name = "unindexed"
    type = sa.Text()
    inherit_cache = True


@compiles(Unindexed)
def _plus(element: Unindexed, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(Unindexed, "postgresql")
def _as_it_is(element: Unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


class Unordered(FunctionElement[int]):
    """A number that rows are sorted by, and whose index is not to be followed for that."""

    name = "unordered"
    type = sa.BigInteger()
    inherit_cache = True


@compiles(Unordered)
def _sum(element: Unordered, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} + 0)"


class Calculated(FunctionElement[Any]):
    """Two numbers and a sign; the third operand tells whether they are `WHOLE`. No number is too large."""

    type = sa.Numeric()
    inherit_cache = True
    sign: str


class Sum(Calculated):
    name, sign, inherit_cache = "sum", "+", True


class Difference(Calculated):
    name, sign, inherit_cache = "difference", "-", True


class Multiple(Calculated):
    name, sign, inherit_cache = "multiple", "*", True


class Quotient(Calculated):
    name, sign, inherit_cache = "quotient", "/", True


class Remainder(Calculated):
    name, sign, inherit_cache = "remainder", "%", True


WHOLE: sa.ColumnClause[int] = sa.literal_column("1")
BROKEN: sa.ColumnClause[int] = sa.literal_column("0")


@compiles(Calculated)
def _of_sqlite(element: Calculated, compiler: Any, **options: Any) -> str:
    left, right, whole = (compiler.process(clause, **options) for clause in element.clauses)
    if element.sign in "/%":
        left, right = (left if whole == WHOLE.name else f"({left} * 1.0)"), f"nullif({right}, 0)"
    return f"({left} {element.sign} {right})"


@compiles(Calculated, "postgresql")
def _of_numerics(element: Calculated, compiler: Any, **options: Any) -> str:
    left, right, whole = (compiler.process(clause, **options) for clause in element.clauses)
    left, right = f"CAST({left} AS NUMERIC)", f"CAST({right} AS NUMERIC)"
    if element.sign in "/%":
        right = f"nullif({right}, 0)"
    sign = element.sign.replace("%", "%%")
    found = f"({left} {sign} {right})"
    return f"trunc{found}" if element.sign == "/" and whole == WHOLE.name else found


_POSTGIS = "postgis"
FEW: sa.ColumnClause[int] = sa.literal_column("1")
MANY: sa.ColumnClause[int] = sa.literal_column("0")


class _Areas(FunctionElement[bool]):
    """Whether a footprint stands in a relation to an area.

    Of the products near it (a condition, which SQLite needs; PostGIS has an index of its own), those near it within
    some time (a condition for PostGIS, or null), the footprint in the form of `to_binary`, the area as well-known text,
    and `FEW` or `MANY`: whether SQLite should begin with the products near it or look whether one is near.
    """

    type = _CONDITION
    inherit_cache = True
    exact: str
    postgis: str


class Intersects(_Areas):
    name = "intersects"
    inherit_cache = True
    exact, postgis = "s1_intersects", "ST_Intersects"


class Within(_Areas):
    name = "within"
    inherit_cache = True
    exact, postgis = "s1_within", "ST_CoveredBy"


@compiles(_Areas)
def _exact_test(element: _Areas, compiler: Any, **options: Any) -> str:
    near, _, *others = element.clauses
    footprint, area, share = (compiler.process(clause, **options) for clause in others)
    near = compiler.process(near, **options)
    exact = f"{element.exact}({footprint}, {area})"
    return f"({near} AND {exact} = 1)" if share == FEW.name else f"(CASE WHEN {near} THEN {exact} ELSE 0 END = 1)"


@compiles(_Areas, "postgresql")
def _postgis_test(element: _Areas, compiler: Any, **options: Any) -> str:
    _, *operands, _ = element.clauses
    within_time, footprint, area = (compiler.process(clause, **options) for clause in operands)
    if within_time == "NULL":
        return f"{element.postgis}(ST_GeomFromWKB({footprint}), ST_GeomFromText({area}))"
    shape = f"ST_Force2D(ST_GeomFromWKB({footprint}))"  # whose index would bring those of all times
    return f"({within_time} AND {element.postgis}({shape}, ST_GeomFromText({area})))"


class OneOfFew(FunctionElement[bool]):
    """Whether a number is one of a column of a query, which PostgreSQL asks first: of an IN it would rather read what
    else is wanted, and compare.
    """

    name = "one_of_few"
    type = _CONDITION
    inherit_cache = True


@compiles(OneOfFew, "postgresql")
def _any_of_an_array(element: OneOfFew, compiler: Any, **options: Any) -> str:
    number, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} = ANY (ARRAY{query})"


class BoxesMeet(FunctionElement[bool]):
    """Whether two boxes with times meet, for PostGIS: west, south, start, east, north and stop of one in columns, and
    of the other as values; degrees and microseconds since 1970.
    """

    name = "boxes_meet"
    type = _CONDITION
    inherit_cache = True


@compiles(BoxesMeet, "postgresql")
def _diagonals(element: BoxesMeet, compiler: Any, **options: Any) -> str:
    edges = [compiler.process(clause, **options) for clause in element.clauses]
    corners = (edges[place : place + 3] for place in range(0, 12, 3))
    points = [f"ST_MakePoint({x}, {y}, {time} / 86400e6::float8)" for x, y, time in corners]  # ix_footprint_box_place
    return f"ST_MakeLine({points[0]}, {points[1]}) &&& ST_MakeLine({points[2]}, {points[3]})"


def _has_postgis(connection: sa.Connection) -> bool:
    """Whether the database has it; noted once for each connection of the pool that finds it."""
    found = connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").first() is not None
    connection.info[_POSTGIS] = found
    return found


def prepare_areas(connection: sa.Connection) -> None:
    """Make searches by area possible on a connection; raises `QueryError` where they are not."""
    if connection.dialect.name == "sqlite":
        tests = FootprintTests()
        driver: Any = connection.connection.driver_connection
        driver.create_function("s1_intersects", 2, tests.intersects, deterministic=True)
        driver.create_function("s1_within", 2, tests.within, deterministic=True)
    elif not connection.info.get(_POSTGIS) and not _has_postgis(connection):
        raise QueryError(
            "this catalogue rests on a PostgreSQL without PostGIS and cannot search by area; search by time and "
            "attributes, or ask its operator (docs/clients.md, section Areas)"
        )
