"""Traces have the sections and keys of the interface document."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from s1pdgs.watch.traces import MAX_VALUE_CHARS, End, Span, Status, begun, ended, names, print_trace

BEGAN = datetime(2024, 1, 5, 10, 20, 30, 123456, tzinfo=UTC)
WHOLE = Span("JobProcessing", "s1-l1", "0.1.0", "S1A", BEGAN, {"job_order_id_string": "42"}, uid="u-1")


def test_a_task_that_begins() -> None:
    assert begun(WHOLE, "job 42 begins") == {
        "header": {
            "type": "REPORT",
            "timestamp": "2024-01-05T10:20:30.123456Z",
            "level": "INFO",
            "mission": "S1",
            "rs_chain_name": "s1-l1",
            "rs_chain_version": "0.1.0",
            "workflow": "NOMINAL",
        },
        "message": {"content": "job 42 begins"},
        "task": {
            "uid": "u-1",
            "name": "JobProcessing",
            "event": "BEGIN",
            "satellite": "S1A",
            "input": {"job_order_id_string": "42"},
        },
    }


def test_a_part_of_a_task_that_ends_badly() -> None:
    part = Span("ProcessingTask", "s1-l1", "0.1.0", "S1A", BEGAN, {"task_name_string": "FOCUS"}, WHOLE)
    told = ended(part, End(Status.TIMEOUT, "time limit", 255, missing=["IW_SLC__1S"]), BEGAN + timedelta(seconds=1.5))
    assert (told["header"]["level"], told["header"]["timestamp"]) == ("ERROR", "2024-01-05T10:20:31.623456Z")
    assert told["task"] == {
        "uid": part.uid,
        "name": "ProcessingTask",
        "event": "END",
        "satellite": "S1A",
        "child_of_task": "u-1",
        "status": "TIMEOUT",
        "error_code": 255,
        "duration_in_seconds": 1.5,
        "input": {"task_name_string": "FOCUS"},
        "output": {},
        "quality": {},
        "missing_output": [
            {
                "product_metadata_custom_object": {"product_type_string": "IW_SLC__1S"},
                "end_to_end_product_boolean": True,
                "estimated_count_integer": 1,
            }
        ],
    }


def test_one_value_stands_alone() -> None:
    assert names("filename", ["a", "b"]) == {"filename_strings": ["a", "b"]}
    assert names("filename", ["a" * 5000]) == {"filename_string": "a" * MAX_VALUE_CHARS}
    assert names("filename", []) == {}


def test_a_trace_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_trace(begun(WHOLE, "two\nlines"))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert json.loads(told)["message"]["content"] == "two\nlines"
