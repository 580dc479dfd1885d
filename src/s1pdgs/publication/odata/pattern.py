"""Patterns of `matchesPattern`: the part of ECMAScript's regular expressions that both databases match alike and in
time that grows with the text only.

Read and written anew, so that nothing of a client's text means something else to an engine: RE2 beside SQLite, POSIX
advanced regular expressions in PostgreSQL. Look-around and back references are refused.
"""

import re
from functools import lru_cache

import re2
from attrs import field, frozen

from s1pdgs.publication.errors import QueryError

MAX_LENGTH = 200
_MAX_DEPTH = 10
_MAX_SIZE = 250
_SETS = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\f\v"}
_WILDCARDS = {"%": r"(?:[^\n]|\n)*", "_": r"(?:[^\n]|\n)"}
_CONTROLS = {"t", "n", "r", "f", "v"}
_COUNT = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}")


def safe_pattern(text: str) -> str:
    """The pattern as both engines read it; `QueryError` for one that is malformed, too large or not supported."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a pattern of {len(text)} characters is longer than the {MAX_LENGTH} accepted")
    reader = _Reader(text)
    found, _ = reader.alternatives(1)
    if reader.place < len(text):
        raise reader.error("a parenthesis that nothing opened")
    return found


def wildcards(text: str) -> str:
    """The pattern of texts that SQL's LIKE finds: `%` is any text, `_` a character, a backslash makes them plain."""
    plain = re.split(r"(\\.|%|_)", text, flags=re.DOTALL)
    return f"^{''.join(_WILDCARDS.get(part) or ''.join(map(_literal, part.removeprefix(chr(92)))) for part in plain)}$"


def matches(text: str | None, pattern: str) -> int:
    """1 when a text holds a match of a safe pattern; SQLite calls this."""
    return int(text is not None and _compiled(pattern).search(text) is not None)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile(pattern)


@frozen
class _Reader:
    """Recursive descent over a pattern. What is read comes with its size: characters that it is written out with."""

    text: str
    _at: list[int] = field(factory=lambda: [0])

    @property
    def place(self) -> int:
        return self._at[0]

    def error(self, what: str) -> QueryError:
        return QueryError(f"pattern {self.text[:80]!r}: {what} (character {self.place + 1})")

    def alternatives(self, depth: int) -> tuple[str, int]:
        """Branches up to the end or a closing parenthesis."""
        if depth > _MAX_DEPTH:
            raise self.error(f"groups are nested more than {_MAX_DEPTH} deep")
        branches = [self._branch(depth)]
        while self._take("|"):
            branches.append(self._branch(depth))
        return "|".join(text for text, _ in branches), sum(size for _, size in branches)

    def _branch(self, depth: int) -> tuple[str, int]:
        pieces, whole = [], 0
        while self._next() not in {"", "|", ")"}:
            piece, size = self._atom(depth)
            quantifier, most = self._quantifier()
            if quantifier and piece in {"^", "$"}:
                raise self.error("an anchor cannot be repeated")
            whole += size * most
            if whole > _MAX_SIZE:
                raise self.error(f"its counts write out more than {_MAX_SIZE} characters")
            pieces.append(piece + quantifier)
        return "".join(pieces), whole

    def _atom(self, depth: int) -> tuple[str, int]:
        character = self._advance()
        match character:
            case "^" | "$":
                return character, 0
            case ".":
                return r"[^\n]", 1
            case "(":
                return self._group(depth)
            case "[":
                return self._class(), 1
            case "\\":
                return self._escape(), 1
            case "*" | "+" | "?" | "{":
                raise self.error(f"{character!r} has nothing to repeat; a backslash before it makes it a character")
            case _:
                return _literal(character), 1

    def _group(self, depth: int) -> tuple[str, int]:
        if self._take("?") and not self._take(":"):
            raise self.error("only (...) and (?:...) are supported, no look-around and no names")
        inner, size = self.alternatives(depth + 1)
        if not self._take(")"):
            raise self.error("a parenthesis is not closed")
        return f"(?:{inner})", max(size, 1)

    def _quantifier(self) -> tuple[str, int]:
        """A quantifier as it is written, and how often its count repeats."""
        found, most = "", 1
        counted = _COUNT.match(self.text, self.place)
        if counted is not None:
            low, several, high = int(counted[1]), counted[2] is not None, counted[3]
            most = max(int(high) if high else low, 1)
            if high and int(high) < low:
                raise self.error(f"{counted[0]} counts down")
            self._at[0] = counted.end()
            found = f"{{{low}{',' if several else ''}{int(high) if high else ''}}}"
        elif self._next() in {"*", "+", "?"}:
            found = self._advance()
        if found:
            self._take("?")  # lazy or not, the same texts match
        if found and self._next() in {"*", "+", "?", "{"}:
            raise self.error("a quantifier stands behind another")
        return found, most

    def _class(self) -> str:
        negated, items = self._take("^"), []
        while not self._take("]"):
            first = self._member()
            if len(first) == 1 and self._next() == "-" and self.text[self.place + 1 : self.place + 2] not in {"]", ""}:
                self._advance()
                last = self._member()
                if len(last) > 1 or last < first or not (first + last).isascii():
                    raise self.error("a range goes from one ASCII character up to another")
                items.append(f"{_literal(first)}-{_literal(last)}")
            else:
                items.append(first if len(first) > 1 else _literal(first))
        if not items:
            raise self.error("an empty class")
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def _member(self) -> str:
        """One character of a class as it is, or the written form of an escape that stands for others."""
        character = self._advance()
        if character != "\\":
            return character
        escaped = self._advance()
        if escaped in _SETS:
            return _SETS[escaped]
        if escaped in _CONTROLS:
            return "\\" + escaped
        if escaped.isalnum():
            raise self.error(f"\\{escaped} is not supported in a class")
        return escaped

    def _escape(self) -> str:
        character = self._advance()
        if character.lower() in _SETS:
            return f"[{'^' if character.isupper() else ''}{_SETS[character.lower()]}]"
        if character in _CONTROLS:
            return "\\" + character
        if character.isalnum():
            raise self.error(f"\\{character} is not supported")
        return _literal(character)

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self, character: str) -> bool:
        if self._next() != character:
            return False
        self._at[0] += 1
        return True

    def _advance(self) -> str:
        character = self._next()
        if not character:
            raise self.error("it ends too early")
        self._at[0] += 1
        return character


def _literal(character: str) -> str:
    plain = character.isalnum() or character == "_" or not character.isascii() or ord(character) < 32
    return character if plain else "\\" + character
