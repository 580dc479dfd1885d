"""Paths that name what no database holds."""

from collections.abc import Mapping

_MOST_DIGITS = 18
"""All whole numbers of so many digits are rows' numbers; longer ones need not be."""


def names_nothing(parameters: Mapping[str, str]) -> bool:
    """Whether a parameter of a path holds NUL, or is a number beyond those of rows: databases refuse to look for it."""
    return any("\0" in text or (len(text) > _MOST_DIGITS and text.isdecimal()) for text in parameters.values())
