# ruff: noqa: N802 (the visitor calls its methods by the names of the nodes)
"""OData queries over lists of records: filter, order, page and count (OData 4.01, Part 2: URL Conventions)."""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cmp_to_key
from typing import Any
from urllib.parse import quote

from attrs import field, frozen
from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser
from odata_query.visitor import NodeVisitor

from s1pdgs.model.time import parse_utc

Record = Mapping[str, Any]
MAX_FILTER_CHARACTERS = 8192

_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "length": len,
    "indexof": lambda text, part: text.find(part),
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": str.strip,
    "concat": operator.add,
}


class BadQuery(ValueError):  # noqa: N818
    """A query that OData does not allow or this station does not know; the message is for the client."""


@frozen
class Query:
    """The system query options of one request."""

    filter: str | None = None
    orderby: str | None = None
    top: int | None = None
    skip: int = 0
    count: bool = False
    expand: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Query":
        """Raises `BadQuery` for an unknown option or a number that is none."""
        known = {"$filter", "$orderby", "$top", "$skip", "$count", "$expand", "$format"}
        if unknown := {name for name in parameters if name.startswith("$")} - known:
            raise BadQuery(f"query option {min(unknown)} is not supported")
        top = parameters.get("$top")
        return cls(
            filter=parameters.get("$filter") or None,
            orderby=parameters.get("$orderby") or None,
            top=None if top is None else _natural("$top", top),
            skip=_natural("$skip", parameters.get("$skip", "0")),
            count=parameters.get("$count", "false").lower() == "true",
            expand=tuple(name.strip() for name in parameters.get("$expand", "").split(",") if name.strip()),
        )


@frozen
class Page:
    """One page of an answer: `next_skip` is None on the last one."""

    records: Sequence[Record]
    total: int
    next_skip: int | None


def select(records: Sequence[Record], properties: frozenset[str], query: Query, page_size: int) -> Page:
    """The page of `records` that a query asks for; `properties` are the names it may use. Raises `BadQuery`."""
    if query.filter is not None:
        tree = parse_filter(query.filter)
        records = [record for record in records if truth(tree, record, properties)]
    records = _ordered(records, query.orderby, properties)
    wanted = len(records) if query.top is None else min(len(records), query.skip + query.top)
    stop = min(wanted, query.skip + page_size)
    return Page(records[query.skip : stop], len(records), stop if stop < wanted else None)


def next_link(url: str, query: Query, page: Page) -> str | None:
    """The absolute link to the next page, its options percent-encoded."""
    if page.next_skip is None:
        return None
    options: dict[str, str | int | None] = {
        "$filter": query.filter,
        "$orderby": query.orderby,
        "$expand": ",".join(query.expand) or None,
        "$count": "true" if query.count else None,
        "$top": None if query.top is None else query.top - (page.next_skip - query.skip),
        "$skip": page.next_skip,
    }
    pairs = [
        f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in options.items() if value is not None
    ]
    return f"{url}?{'&'.join(pairs)}"


def parse_filter(text: str) -> ast._Node:
    """The syntax tree of a filter; raises `BadQuery`."""
    if len(text) > MAX_FILTER_CHARACTERS:
        raise BadQuery(f"a filter of {len(text)} characters is longer than the {MAX_FILTER_CHARACTERS} accepted")
    try:
        tree: ast._Node = ODataParser().parse(ODataLexer().tokenize(text))
    except (ODataException, RecursionError) as error:
        raise BadQuery(f"$filter: {error}") from None
    return tree


def truth(tree: ast._Node, record: Record, properties: frozenset[str]) -> bool:
    """Whether a record meets a filter; comparisons with null are false except `eq null`. Raises `BadQuery`."""
    try:
        return bool(_Evaluator(record, properties).visit(tree))
    except (TypeError, AttributeError, ValueError) as error:
        if isinstance(error, BadQuery):
            raise
        raise BadQuery(f"$filter compares values that cannot be compared: {error}") from None


@frozen
class _Evaluator(NodeVisitor):
    """The value of a syntax tree over one record; `scope` holds the variables of the enclosing any() and all()."""

    record: Record
    properties: frozenset[str]
    scope: Mapping[str, Any] = field(factory=dict)

    def generic_visit(self, node: ast._Node) -> Any:
        raise BadQuery(f"$filter: {type(node).__name__} is not supported")

    def visit_Identifier(self, node: ast.Identifier) -> Any:
        if node.name in self.scope:
            return self.scope[node.name]
        if node.name not in self.properties:
            raise BadQuery(f"$filter: there is no property {node.name}")
        return self.record.get(node.name)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        owner = self.visit(node.owner)
        if node.attr.endswith("Attribute"):
            return owner  # a type cast, OData.CSC.StringAttribute
        return None if owner is None else owner.get(node.attr)

    def visit_Compare(self, node: ast.Compare) -> bool:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.comparator, ast.In):
            return left in right
        if (left is None or right is None) and not isinstance(node.comparator, ast.Eq | ast.NotEq):
            return False
        return _COMPARE[type(node.comparator)](left, right)

    def visit_BoolOp(self, node: ast.BoolOp) -> bool:
        if isinstance(node.op, ast.And):
            return bool(self.visit(node.left)) and bool(self.visit(node.right))
        return bool(self.visit(node.left)) or bool(self.visit(node.right))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        value = self.visit(node.operand)
        return not value if isinstance(node.op, ast.Not) else -value

    def visit_Call(self, node: ast.Call) -> Any:
        if node.func.name not in _FUNCTIONS:
            raise BadQuery(f"$filter: function {node.func.name} is not supported")
        return _FUNCTIONS[node.func.name](*(self.visit(argument) for argument in node.args))

    def visit_CollectionLambda(self, node: ast.CollectionLambda) -> bool:
        items = self.visit(node.owner) or ()
        if node.lambda_ is None:
            return bool(items)
        name, expression = node.lambda_.identifier.name, node.lambda_.expression
        values = (
            _Evaluator(self.record, self.properties, {**self.scope, name: item}).visit(expression) for item in items
        )
        return any(values) if isinstance(node.operator, ast.Any) else all(values)

    def visit_List(self, node: ast.List) -> list[Any]:
        return [self.visit(value) for value in node.val]

    def visit_DateTime(self, node: ast.DateTime) -> datetime:
        return parse_utc(node.val)

    def visit_Date(self, node: ast.Date) -> datetime:
        return datetime.fromisoformat(node.val).replace(tzinfo=UTC)

    def visit_GUID(self, node: ast.GUID) -> str:
        return node.val.lower()

    def _literal(self, node: Any) -> Any:
        return node.py_val

    visit_String = visit_Integer = visit_Float = visit_Boolean = visit_Null = _literal  # noqa: N815


def _ordered(records: Sequence[Record], orderby: str | None, properties: frozenset[str]) -> list[Record]:
    ordered = list(records)
    for term in reversed([] if orderby is None else orderby.split(",")):
        name, _, direction = term.strip().partition(" ")
        if name not in properties or direction.strip() not in {"", "asc", "desc"}:
            raise BadQuery(f"$orderby: {term.strip()!r} is not a property with asc or desc")
        ordered.sort(key=_null_first(name), reverse=direction.strip() == "desc")
    return ordered


def _null_first(name: str) -> Callable[[Record], Any]:
    def compare(left: Record, right: Record) -> int:
        a, b = left.get(name), right.get(name)
        if a is None or b is None:
            return (a is not None) - (b is not None)
        return int(a > b) - int(a < b)

    return cmp_to_key(compare)


def _natural(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadQuery(f"{name} is {text!r}, not a whole number")
    return int(text)
