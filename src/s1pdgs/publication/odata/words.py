"""The values of query options, read and checked."""

from collections.abc import Iterable

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import nearest
from s1pdgs.publication.search import MAX_ORDER_TERMS, Order


def natural(name: str, text: str) -> int:
    """A whole number from 0 on."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise QueryError(f"{name} is {text[:40]!r}, not a whole number")
    return int(text)


def flag(name: str, text: str) -> bool:
    """True or false, in any case."""
    if text.lower() not in {"true", "false"}:
        raise QueryError(f"{name} is {text[:40]!r}, neither true nor false")
    return text.lower() == "true"


def order_terms(text: str, known: list[str]) -> tuple[Order, ...]:
    """The terms of `$orderby`."""
    terms = [_term(term.split(), known) for term in text.split(",")]
    if len(terms) > MAX_ORDER_TERMS:
        raise QueryError(f"$orderby has {len(terms)} terms; at most {MAX_ORDER_TERMS} are accepted")
    return tuple(terms)


def _term(words: list[str], known: list[str]) -> Order:
    directions = [word.lower() for word in words[1:]]
    if not words or len(words) > 2 or directions not in ([], ["asc"], ["desc"]):
        raise QueryError(f"$orderby: {' '.join(words)[:100]!r} is not a property with asc or desc")
    if words[0] not in known:
        raise QueryError(f"$orderby: there is no property {words[0][:100]!r}; {nearest(words[0], known)}")
    return Order(words[0], directions == ["desc"])


def selected(text: str, known: tuple[str, ...]) -> frozenset[str]:
    """The names of `$select`."""
    names = {name.strip() for name in text.split(",")}
    for name in sorted(names - {*known, "*"}):
        raise QueryError(f"$select: there is no {name[:100]!r}; {nearest(name, [*known, '*'])}")
    return frozenset(known) if "*" in names else frozenset(names)


def selected_in_context(names: Iterable[str]) -> str:
    """Selected properties as addresses of contexts tell them."""
    return f"({','.join(sorted(names))})"


def split(text: str, mark: str) -> list[str]:
    """The parts of a text between marks that stand in no parentheses and in no quotes."""
    parts, depth, quoted, begin = [], 0, False, 0
    for place, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if depth < 0:
                raise QueryError(f"{text[:100]!r} has a ) without a (")
            if character == mark and not depth:
                parts.append(text[begin:place])
                begin = place + 1
    if depth or quoted:
        raise QueryError(f"{text[:100]!r} has {'a quote' if quoted else 'a ('} that nothing ends")
    return [*parts, text[begin:]]
