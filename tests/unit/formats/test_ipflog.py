"""Processors and the job runner agree on log lines."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.ipflog import MAX_LINE_CHARS, IpfLog, Level, LogLine


class Noon:
    def now(self) -> datetime:
        return datetime(2024, 1, 5, 12, 0, 0, 7, tzinfo=UTC)


def logged(call: str, *arguments: object) -> str:
    stream = io.StringIO()
    getattr(IpfLog("DEMO", "1.0", stream, Noon()), call)(*arguments)
    return stream.getvalue()


def test_a_line_of_the_reference_form_is_understood() -> None:
    line = LogLine.parse("2024-01-05T10:20:30.123456 node7 S1AIO 5.1.0 [0000012345]: [W] 3 frames lost\n")
    assert line is not None
    assert line == LogLine(
        datetime(2024, 1, 5, 10, 20, 30, 123456, tzinfo=UTC), "node7", "S1AIO", "5.1.0", 12345, Level.WARNING,
        "3 frames lost",
    )  # fmt: skip


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_what_is_logged_is_understood(level: str) -> None:
    line = LogLine.parse(logged(level, "all is well"))
    assert line is not None
    assert (line.level, line.message, line.time) == (Level[level.upper()], "all is well", Noon().now())


def test_progress_tells_its_share() -> None:
    line = LogLine.parse(logged("progress", 42.9, "slices written"))
    assert line is not None
    assert (line.percent, line.message) == (42, "42% slices written")
    assert LogLine.parse(logged("info", "42% of nothing")).percent is None  # type: ignore[union-attr]


def test_other_text_is_no_log_line() -> None:
    assert LogLine.parse("Traceback (most recent call last):") is None
    assert LogLine.parse("2024-99-05T10:20:30.123456 node7 S1AIO 5.1.0 [1]: [I] bad month") is None


@given(st.text(max_size=200))
def test_a_message_never_becomes_a_second_line(message: str) -> None:
    text = logged("info", message)
    assert text.count("\n") == 1
    assert LogLine.parse(text) is not None


def test_long_messages_are_cut() -> None:
    assert len(logged("info", "x" * 50_000)) == MAX_LINE_CHARS
