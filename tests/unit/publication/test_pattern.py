"""Patterns of matchesPattern mean what ECMAScript's mean, on both databases, and none of them is expensive."""

import re

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s1pdgs.publication.dialects import Matches, prepare_patterns
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.pattern import safe_pattern
from tests.unit.publication.conftest import Segment

ATOMS = [
    "a",
    "b",
    "_",
    "-",
    "1",
    ".",
    "[ab1]",
    "[^a]",
    "[a-c_]",
    r"\d",
    r"\W",
    r"\.",
    "(a|b)",
    "(?:ab|)",
    "(a+|b)",
    "^",
    "$",
]
QUANTIFIERS = ["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,3}", "*?"]


def _piece(atom: str, quantifier: str) -> str:
    return atom if atom in {"^", "$"} else atom + quantifier


pieces = st.builds(_piece, st.sampled_from(ATOMS), st.sampled_from(QUANTIFIERS))
patterns = st.lists(st.lists(pieces, max_size=5).map("".join), min_size=1, max_size=3).map("|".join)
texts = st.text("ab1_-. c", max_size=12)


def found(segment: Segment, pattern: str, subjects: list[str]) -> list[bool]:
    written = safe_pattern(pattern)
    columns = [Matches(sa.literal(one, sa.Text()), sa.literal(written, sa.Text())) for one in subjects]
    with segment.database.read() as connection:
        prepare_patterns(connection)
        return [bool(one) for one in connection.execute(sa.select(*columns)).one()]


@settings(max_examples=50)
@given(patterns, st.lists(texts, min_size=1, max_size=6))
@example(r"^S1[AC]_IW_\w{4}_1SDV_(\d{8}T\d{6}_){2}", ["S1A_IW_GRDH_1SDV_20200615T120000_20200615T120025_X", "S1B"])
@example(r"a\x", ["a"])
def test_a_pattern_matches_alike_everywhere(shelf: Segment, pattern: str, subjects: list[str]) -> None:
    try:
        answer = found(shelf, pattern, subjects)
    except QueryError as error:
        assert "\\x is not supported" in str(error)  # noqa: PT017
        return
    assert answer == [re.search(pattern, one, re.ASCII) is not None for one in subjects]


@settings(max_examples=120)
@given(st.one_of(st.text(max_size=30), st.text("ab()[]{}*+?|\\^$-.,:d1 ", max_size=30)))
def test_any_other_text_is_a_pattern_or_is_refused_with_the_place(shelf: Segment, text: str) -> None:
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        return
    try:
        found(shelf, text, ["abab1"])
    except QueryError as error:
        assert "character" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "not closed"), ("a)", "nothing opened"), ("*a", "nothing to repeat"), ("a**", "behind another"),
        ("a{3,2}", "counts down"), ("(a{20}){20}", "more than 250"), ("^*", "anchor"), ("[z-a]", "range"),
        ("[]", "empty class"), ("[a", "too early"), ("a\\", "too early"), (r"(a)\1", r"\\1 is not supported"),
        ("(?=a)", "no look-around"),
        (r"[\B]", "in a class"), ("(" * 12 + ")" * 12, "nested"), ("a" * 201, "longer than"),
    ],
)  # fmt: skip
def test_a_pattern_that_is_refused_is_told_why(pattern: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        safe_pattern(pattern)


def test_patterns_that_make_other_engines_hang_are_matched(shelf: Segment) -> None:
    assert found(shelf, r"^(a+)+$", ["a" * 4000 + "b"]) == [False]
    assert found(shelf, r".*.*.*.*.*.*.*.*.*x", ["a" * 500]) == [False]
