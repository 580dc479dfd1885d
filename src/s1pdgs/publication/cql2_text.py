"""CQL2 text to CQL2-JSON (OGC 21-065r2, annexes B and C).

Comparisons, LIKE, BETWEEN, IN, IS NULL, CASEI and spatial and temporal functions; no arithmetic.

Our own reader and not the cql2 package, which takes exponential time for open parentheses and ends the process when
there are some thousands (docs/decisions/0002).
"""

import re
from collections.abc import Callable
from typing import Any

import shapely
from attrs import field, frozen

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import checked, to_geojson

MAX_BYTES = 8192
_MAX_DEPTH = 20
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:''|\\'|[^'])*')
  | (?P<quoted>"[^"]+")
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_:][\w:.]*)
  | (?P<sign><>|<=|>=|[=<>(),])
  | (?P<end>\Z))""",
    re.VERBOSE,
)
_COMPARISONS = {"=", "<>", "<", "<=", ">", ">="}
_SHAPES = {
    "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION",
}  # fmt: skip
_SPELT = {"a_containedby": "a_containedBy"}
_RESERVED = {"AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "TRUE", "FALSE"}


@frozen
class _Token:
    kind: str
    text: str
    begin: int
    end: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "name" and self.text.upper() in words


def to_json(text: str) -> Any:
    """The CQL2-JSON of a text; raises `QueryError` that tells where it is not understood."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise QueryError(f"filter is longer than the {MAX_BYTES} bytes accepted")
    reader = _Reader(text, _tokens(text))
    found = reader.condition(1)
    if reader.now.kind != "end":
        raise reader.error("and, or or the end was expected")
    return found


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while not tokens or tokens[-1].kind != "end":
        matched = _TOKEN.match(text, place)
        if matched is None or matched.lastgroup is None:
            raise QueryError(f"filter is not understood from {text[place : place + 30]!r} on (character {place + 1})")
        kind = matched.lastgroup
        tokens.append(_Token(kind, matched[kind], matched.start(kind), matched.end(kind)))
        place = matched.end()
    return tokens


@frozen
class _Reader:
    """Recursive descent over the tokens."""

    text: str
    tokens: list[_Token]
    _at: list[int] = field(factory=lambda: [0])

    @property
    def now(self) -> _Token:
        return self.tokens[self._at[0]]

    def error(self, expected: str) -> QueryError:
        shown = self.text[self.now.begin : self.now.begin + 30]
        return QueryError(f"filter: {expected}, not {shown!r} (character {self.now.begin + 1})")

    def condition(self, depth: int) -> Any:
        """Conditions joined by `or`."""
        return self._joined("or", depth, lambda: self._joined("and", depth, lambda: self._negated(depth)))

    def _joined(self, operation: str, depth: int, read: Callable[[], Any]) -> Any:
        if depth > _MAX_DEPTH:
            raise QueryError(f"filter is nested more than {_MAX_DEPTH} deep")
        parts = [read()]
        while self._took_word(operation.upper()):
            parts.append(read())
        return parts[0] if len(parts) == 1 else {"op": operation, "args": parts}

    def _negated(self, depth: int) -> Any:
        if self._took_word("NOT"):
            if depth > _MAX_DEPTH:
                raise QueryError(f"filter is nested more than {_MAX_DEPTH} deep")
            return {"op": "not", "args": [self._negated(depth + 1)]}
        if self._took("("):
            inner = self.condition(depth + 1)
            self._expect(")")
            return inner
        if self.now.is_word("TRUE", "FALSE") and self._following() not in _COMPARISONS:
            return self._operand()
        return self._predicate()

    def _predicate(self) -> Any:
        name = self.now.text.lower() if self.now.kind == "name" else ""
        if name.startswith(("s_", "t_", "a_")) and self._following() == "(":
            return self._relation(name)
        left = self._operand()
        if self.now.text in _COMPARISONS:
            return {"op": self._advance().text, "args": [left, self._operand()]}
        if self._took_word("IS"):
            negated = self._took_word("NOT")
            self._expect_word("NULL")
            return _negation(negated, {"op": "isNull", "args": [left]})
        negated = self._took_word("NOT")
        if self._took_word("LIKE"):
            return _negation(negated, {"op": "like", "args": [left, self._operand()]})
        if self._took_word("BETWEEN"):
            low = self._operand()
            self._expect_word("AND")
            return _negation(negated, {"op": "between", "args": [left, low, self._operand()]})
        if self._took_word("IN"):
            return _negation(negated, {"op": "in", "args": [left, self._list(self._operand)]})
        raise self.error("a comparison, LIKE, BETWEEN, IN or IS NULL was expected")

    def _relation(self, name: str) -> Any:
        self._advance()
        read = {"s_": self._place, "t_": self._operand, "a_": self._member}[name[:2]]
        return {"op": _SPELT.get(name, name), "args": self._list(read)}

    def _member(self) -> Any:
        """A list of values, or the property that is one."""
        return self._list(self._operand) if self.now.text == "(" else self._operand()

    def _place(self) -> Any:
        if self.now.is_word("BBOX"):
            self._advance()
            return {"bbox": self._list(self._number)}
        if self.now.is_word(*_SHAPES):
            return self._shape()
        return self._operand()

    def _shape(self) -> Any:
        """Well-known text, up to the parenthesis that closes it."""
        begin, depth = self._advance().begin, 0
        while self.now.kind == "name":  # Z, EMPTY
            self._advance()
        while True:
            token = self._advance()
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0 or token.kind == "end":
                break
        try:
            return to_geojson(checked(shapely.from_wkt(self.text[begin : token.end])))
        except shapely.errors.ShapelyError as error:
            raise QueryError(f"filter: {self.text[begin : begin + 60]!r} is not well-known text: {error}") from None

    def _operand(self) -> Any:
        token = self._advance()
        match token.kind:
            case "text":
                return re.sub(r"''|\\'", "'", token.text[1:-1])
            case "number":
                whole = token.text.lstrip("+-").isdigit()
                return int(token.text[:40]) if whole else float(token.text)
            case "quoted":
                return {"property": token.text[1:-1]}
            case "name" if self.now.text == "(":
                return self._call(token)
            case "name" if token.text.upper() in {"TRUE", "FALSE"}:
                return token.text.upper() == "TRUE"
            case "name" if token.text.upper() not in _RESERVED:
                return {"property": token.text}
        self._at[0] -= 1
        raise self.error("a property or a value was expected")

    def _call(self, token: _Token) -> Any:
        name = token.text.lower()
        if name == "casei":
            return {"op": name, "args": self._list(self._operand)}
        if name in {"timestamp", "date", "interval"}:
            values = self._list(self._operand)
            return {name: values if name == "interval" else values[0]}
        raise QueryError(f"filter: function {token.text[:40]!r} is not supported (character {token.begin + 1})")

    def _number(self) -> float:
        if self.now.kind != "number":
            raise self.error("a number was expected")
        return float(self._advance().text)

    def _list(self, read: Callable[[], Any]) -> list[Any]:
        self._expect("(")
        values = [read()]
        while self._took(","):
            values.append(read())
        self._expect(")")
        return values

    def _following(self) -> str:
        return self.tokens[self._at[0] + 1].text

    def _advance(self) -> _Token:
        token = self.now
        if token.kind != "end":
            self._at[0] += 1
        return token

    def _took(self, sign: str) -> bool:
        if self.now.kind != "sign" or self.now.text != sign:
            return False
        self._advance()
        return True

    def _took_word(self, word: str) -> bool:
        if not self.now.is_word(word):
            return False
        self._advance()
        return True

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise self.error(f"{sign!r} was expected")

    def _expect_word(self, word: str) -> None:
        if not self._took_word(word):
            raise self.error(f"{word} was expected")


def _negation(negated: bool, expression: Any) -> Any:
    return {"op": "not", "args": [expression]} if negated else expression
