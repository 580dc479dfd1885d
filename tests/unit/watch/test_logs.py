"""Log lines for machines are JSON objects with the sections of the interface document."""

import json
import subprocess
import sys

from s1pdgs.watch.logs import MAX_CONTENT_CHARS, log_line


def test_keys_tell_the_type_of_their_value() -> None:
    line = log_line(
        "2024-01-05T10:20:30.123456Z",
        "warning",
        "slow",
        {"job": 7, "late": True, "took": 1.5, "path": None, "by": "me"},
    )
    assert json.loads(line) == {
        "header": {"type": "LOG", "timestamp": "2024-01-05T10:20:30.123456Z", "level": "WARNING"},
        "message": {"content": "slow"},
        "custom": {"job_long": 7, "late_boolean": True, "took_double": 1.5, "by_string": "me"},
    }


def test_long_messages_are_cut() -> None:
    told = json.loads(log_line("", "info", "x" * 20_000, {}))
    assert len(told["message"]["content"]) == MAX_CONTENT_CHARS
    assert "custom" not in told


LOGS = """
import logging, structlog
from s1pdgs.watch.logs import configure_logs
configure_logs("json")
structlog.get_logger().info("polled", source="cadip", token="abc")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("step failed", role="work")
logging.getLogger("jobs").warning("job %d is lost", 7)
"""


def test_both_kinds_of_loggers_write_such_lines() -> None:
    ran = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, text=True, check=True)
    polled, failed, lost = (json.loads(line) for line in ran.stderr.splitlines())
    assert polled["custom"] == {"source_string": "cadip", "token_string": "***"}
    assert failed["header"]["level"] == "ERROR"
    assert failed["message"]["content"].startswith("step failed\nTraceback")
    assert failed["message"]["content"].endswith("ZeroDivisionError: division by zero")
    assert lost["message"]["content"] == "job 7 is lost"
    assert {told["header"]["type"] for told in (polled, failed, lost)} == {"LOG"}
    assert all(told["header"]["timestamp"].endswith("Z") for told in (polled, failed, lost))
