"""Waiting for what real processes do."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str, story: Callable[[], str], patience_s: float = 120.0) -> None:
    """Look until a condition holds; fails with the story when it does not in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {patience_s:g} s: {what}\n{story()}"
        time.sleep(0.05)
