"""Operators act with their key, or from this host when no key is configured."""

import pytest

from s1pdgs.access.operators import operator_gate


@pytest.mark.parametrize(
    ("configured", "host", "presented", "admitted"),
    [
        (None, "127.0.0.1", None, True),
        (None, "::1", None, True),
        (None, "10.0.0.7", None, False),
        (None, "testclient", "anything", False),
        (None, None, None, False),
        ("right", "127.0.0.1", None, False),
        ("right", "127.0.0.1", "wrong", False),
        ("right", "10.0.0.7", "right", True),
        ("", "10.0.0.7", "", False),
    ],
)
def test_who_may_act(configured: str | None, host: str | None, presented: str | None, admitted: bool) -> None:
    assert operator_gate(configured).admits(host, presented) is admitted


def test_the_key_itself_is_not_kept() -> None:
    assert "hunter2" not in repr(operator_gate("hunter2"))
