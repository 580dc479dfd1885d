"""The text of a `$filter` to its syntax tree: odata-query's grammar, mended where stations and clients write more.

Added to the grammar: lists of one (`in ('a')`), keywords before a parenthesis (`in('a','b')`, `not(...)`), enumeration
literals (`OData.CSC.ProductionType'systematic_production'`), names that begin with a keyword, blanks at the ends, a
blank for the plus of an offset from UTC (`2026-01-31T12:00:00 02:00`), which addresses lose when it is not encoded.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException, ParsingException, TokenizingException, UnknownFunctionException
from odata_query.grammar import ODataLexer, ODataParser
from sly.lex import Token  # type: ignore[import-untyped]

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.expressions import known_function

MAX_FILTER_BYTES = 8192
MAX_DEPTH = 40

logging.getLogger("odata_query").setLevel(logging.ERROR)  # it warns of every name whose type it cannot infer

_KEYWORDS = {"and": ("AND", ast.And), "or": ("OR", ast.Or), "in": ("IN", ast.In), "not": ("NOT", ast.Not)}
_WORDS = {"ANY": "any", "ALL": "all", "NULL": "null", "BOOLEAN": None}
_NODE = ast.Identifier.__base__ or object
_OFFSET = ["DATETIME", "WS", "INTEGER", ":", "INTEGER"]
_LITERALS = {"STRING", "INTEGER", "DECIMAL", "BOOLEAN", "GUID", "DATE", "DATETIME", "NULL"}


def parse_filter(text: str) -> Any:
    """The syntax tree (odata_query.ast) of a filter; raises `QueryError` for one too long, too deep or malformed."""
    size = len(text.encode(errors="replace"))
    if size > MAX_FILTER_BYTES:
        raise QueryError(f"$filter has {size} bytes; at most {MAX_FILTER_BYTES} are accepted")
    if not text.strip():
        raise QueryError("$filter is empty")
    try:
        tree = ODataParser().parse(_mended(ODataLexer().tokenize(text.strip())))
    except (TokenizingException, ParsingException) as error:
        raise QueryError(_place(error, text.strip())) from None
    except UnknownFunctionException as error:
        known_function(error.function_name)
        raise QueryError(f"$filter: {error}") from None
    except ODataException as error:
        raise QueryError(f"$filter: {error}") from None
    except (AttributeError, RecursionError, NotImplementedError):  # three named parameters, a path of 1000 steps
        raise QueryError("$filter is not an expression that this service can read") from None
    if tree is None:
        raise QueryError("$filter is not a complete expression")
    _check_depth(tree)
    return tree


def _place(error: Exception, text: str) -> str:
    token = getattr(error, "token", None)
    if token is None:
        return "$filter ends too early"
    return f"$filter is not understood from {text[token.index : token.index + 30]!r} on (character {token.index + 1})"


def _mended(tokens: Iterable[Token]) -> Iterator[Token]:
    return iter(_single_lists(_keywords(_offsets(_whole_names(list(tokens))))))


def _whole_names(tokens: list[Token]) -> list[Token]:
    """Names that begin with a keyword (`anyName`) come in two tokens, and enumeration literals do."""
    whole: list[Token] = []
    for token in tokens:
        before = whole[-1] if whole else None
        if before is not None and token.type == "ODATA_IDENTIFIER" and before.type in _WORDS:
            word = _WORDS[before.type] or before.value.val
            if before.index + len(word) == token.index:
                whole[-1] = _token("ODATA_IDENTIFIER", _identifier(word + token.value.full_name()), before)
                continue
        enumeration = before is not None and before.type == "ODATA_IDENTIFIER" and before.value.namespace
        if token.type == "STRING" and enumeration:
            whole[-1] = _token("STRING", token.value, before)
            continue
        whole.append(token)
    return whole


def _offsets(tokens: list[Token]) -> list[Token]:
    """A time, a blank, and hours and minutes are a time with an offset whose plus was taken for a blank."""
    mended: list[Token] = []
    for token in tokens:
        mended.append(token)
        if [one.type for one in mended[-5:]] != _OFFSET:
            continue
        time, blank, hours, _, minutes = mended[-5:]
        if (len(blank.value), len(hours.value.val), len(minutes.value.val)) == (1, 2, 2):
            told = f"{time.value.val}+{hours.value.val}:{minutes.value.val}"
            mended[-5:] = [_token("DATETIME", ast.DateTime(told), time)]
    return mended


def _identifier(text: str) -> ast.Identifier:
    *namespace, name = text.split(".")
    return ast.Identifier(name, tuple(namespace))


def _keywords(tokens: list[Token]) -> list[Token]:
    """Keywords that stand right before a parenthesis look like names of functions."""
    mended: list[Token] = []
    for index, token in enumerate(tokens):
        opens = index + 1 < len(tokens) and tokens[index + 1].type == "("
        word = token.value.full_name().lower() if token.type == "ODATA_IDENTIFIER" else ""
        if not opens or word not in _KEYWORDS:
            mended.append(token)
            continue
        kind, node = _KEYWORDS[word]
        if kind != "NOT" and mended and mended[-1].type == "WS":
            mended.pop()
        mended.append(_token(kind, node(), token))
    return mended


def _single_lists(tokens: list[Token]) -> list[Token]:
    """The grammar takes a list of one only with a comma behind it."""
    mended: list[Token] = []
    for index, token in enumerate(tokens):
        mended.append(token)
        if token.type not in _LITERALS:
            continue
        before = [t.type for t in tokens[max(index - 3, 0) : index] if t.type != "WS"][-2:]
        after = [t.type for t in tokens[index + 1 : index + 3] if t.type != "WS"][:1]
        if before == ["IN", "("] and after == [")"]:
            mended.append(_token(",", ",", token))
    return mended


def _token(kind: str, value: Any, place: Token) -> Token:
    token = Token()
    token.type, token.value, token.lineno, token.index = kind, value, place.lineno, place.index
    return token


def _check_depth(tree: Any) -> None:
    """Chains of one `and` or `or` are flat; everything else that nests counts."""
    stack: list[tuple[Any, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise QueryError(f"$filter is nested more than {MAX_DEPTH} deep")
        own = type(node.op) if isinstance(node, ast.BoolOp) else None
        for child in _children(node):
            same = own is not None and isinstance(child, ast.BoolOp) and type(child.op) is own
            stack.append((child, depth if same else depth + 1))


def _children(node: Any) -> Iterator[Any]:
    for value in vars(node).values():
        if isinstance(value, _NODE):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, _NODE))
